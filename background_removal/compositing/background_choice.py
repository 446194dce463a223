"""What stands behind the person, and how keys change it."""

from __future__ import annotations

import os
from collections.abc import Callable

from background_removal.compositing.backgrounds import Background, Blur, Folder
from background_removal.compositing.blur import BlurStrength
from background_removal.compositing.colors import is_color
from background_removal.pipeline.actions import BACKGROUND, BLUR_STEPS, PICTURES

# What the key b offers where nothing of the kind was asked for: the green of broadcast studios.
_COLOR = "#00b140"
# What is made from no text, and so has no name of its own.
YOURS = "your own"


class Look:
    """The background at hand, and those that keys go to.

    Args:
        spec: What the background at the beginning is called, as on the command line.
        first: That background; None leaves frames as they are.
        make: Makes a background, other than the blur, of what it is called.
        blur: How strong the blur is.
        pictures: The folder of pictures that b goes to; "" for none.
        light_wrap: Light of a new background over the person's edge, 0 to 1.

    Attributes:
        background: The one at hand; None leaves frames as they are.
        spec: What it is called.
        blur: How strong the blur is.
        images: The pictures that a and d go through, if there are any.
    """

    actions = (PICTURES, BACKGROUND, BLUR_STEPS)

    def __init__(
        self,
        spec: str,
        first: Background | None,
        make: Callable[[str], Background | None],
        blur: BlurStrength,
        pictures: str,
        light_wrap: float,
    ) -> None:
        self._first = spec
        self._make = make
        self._pictures = pictures
        self._light_wrap = light_wrap
        self._live = False
        self._made: dict[str, Background | None] = {}
        self._named = ""
        self.blur = blur
        self.images: Folder | None = None
        self._add("blur", Blur(blur))
        self.spec = spec
        self.background = self._add(spec, first)

    def begin(self, live: bool) -> None:
        """A stream begins."""
        self._live = live
        if self.background is not None:
            self.background.begin(live)

    def end(self) -> None:
        """The stream has ended."""
        if self.background is not None:
            self.background.end()

    def on_key(self, key: str) -> bool | str:
        """Use one of the keys of `actions`; return what to say of it, False for any other key."""
        if key in ("a", "d"):
            if self.change_image(key == "a"):
                return self.background.label if self.background is not None else True
            only = self.images is not None and self.background is self.images
            return "there is no other picture" if only else "a and d go through pictures; b goes to them"
        if key == "b":
            return self.next_kind()
        if key in ("[", "]"):
            return self.change_blur(more=key == "]")
        return False

    def change_image(self, forward: bool) -> bool:
        """Go to the next picture of `images` (True) or to the previous one (False).

        Returns:
            Whether there was another one to go to; not while a background of another kind is at hand.
        """
        if self.images is None or (self.background is not self.images and self.spec != YOURS):
            return False
        changed = self.images.change(forward)
        if self.background is not self.images:
            self.show(self.images, self.images.name)
            return True
        return changed

    def next_kind(self) -> str:
        """Go from a blur to pictures, a colour and nothing, and round again; return what to say of it."""
        kinds = ["blur", self._pictures, _COLOR, "none"]
        place = next((n for n, kind in enumerate(kinds) if _kind(kind) == _kind(self._first)), len(kinds))
        kinds[place : place + 1] = [self._first]
        kinds = [kind for kind in kinds if kind]
        place = kinds.index(self.spec) + 1 if self.spec in kinds else 0
        self.go_to(kinds[place % len(kinds)])
        return self._told()

    def take(self, spec: str) -> str:
        """Go to the background that a user names, as the command line does; return what to say of it."""
        known = spec in self._made
        self.go_to(spec)
        if not known:  # of those that somebody names one after another the last one alone is kept
            self._made.pop(self._named, None)
            self._named = spec
        return self._told()

    def _told(self) -> str:
        label = self.background.label if self.background is not None else ""
        return f"background: {label or os.path.basename(self.spec)}"

    def change_blur(self, more: bool) -> str:
        """Blur more or less; return what to say of it."""
        self.set_blur(self.blur.step(more))
        self.go_to("blur")
        return f"blur {self.blur.value}"

    def set_blur(self, strength: BlurStrength) -> None:
        """Blur that strongly wherever the blur is at hand."""
        self.blur = strength
        background = self._add("blur", Blur(strength))
        if self.spec == "blur":
            self.background = background

    def go_to(self, spec: str) -> None:
        """Take the background of that name, which is made if it was not at hand before."""
        self._take(spec, self._made[spec] if spec in self._made else self._add(spec, self._make(spec)))

    def show(self, background: Background, spec: str = YOURS) -> None:
        """Take a background that somebody has made."""
        self._take(spec, self._add(spec, background))

    def _take(self, spec: str, background: Background | None) -> None:
        self.end()
        self.background, self.spec = background, spec
        self.begin(self._live)

    def _add(self, spec: str, background: Background | None) -> Background | None:
        if background is not None:
            background.light_wrap = self._light_wrap
        if isinstance(background, Folder):
            self.images = background
        self._made[spec] = background
        return background


def _kind(spec: str) -> str:
    """Return which of the kinds that the key b goes through a background is."""
    if spec in ("blur", "none", "transparent", YOURS):
        return spec
    return "colour" if is_color(spec) else "pictures"
