"""The background behind the person, and the change to another one while frames go by."""

from __future__ import annotations

import os
from collections.abc import Callable

from background_removal.compositing.backgrounds import Background, Blur, Folder
from background_removal.compositing.blur import BlurStrength
from background_removal.compositing.colors import is_color
from background_removal.pipeline.actions import (
    BACKGROUND,
    LESS_BLUR,
    MORE_BLUR,
    NEXT_BACKGROUND,
    PREVIOUS_BACKGROUND,
    Action,
)

# Colour that `next_kind` offers where none was asked for; the green of broadcast studios.
_COLOR = "#00b140"
# Name of a background that was given as an object, not as text.
YOURS = "your own"


class BackgroundSelector:
    """Holds the current background, and those that were loaded before.

    Args:
        spec: Name of the first background, as on the command line.
        first: The first background; None leaves frames unchanged.
        make: Makes a background, other than the blur, from its name.
        blur: Strength of the blur.
        pictures: Folder of pictures among the kinds of `next_kind`; "" for none.
        light_wrap: Light of a new background over the person's edge, 0 to 1.

    Attributes:
        background: The current one; None leaves frames unchanged.
        spec: Name of the current one.
        blur: Strength of the blur.
        images: The pictures of `change_image`, if there are any.
    """

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
        """Begin a stream."""
        self._live = live
        if self.background is not None:
            self.background.begin(live)

    def end(self) -> None:
        """End the stream."""
        if self.background is not None:
            self.background.end()

    @property
    def light_wrap(self) -> float:
        """Light of a new background over the person's edge, 0 to 1."""
        return self._light_wrap

    @light_wrap.setter
    def light_wrap(self, light_wrap: float) -> None:
        self._light_wrap = light_wrap
        for background in (*self._made.values(), self.background):
            if background is not None:
                background.light_wrap = light_wrap

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions that change the background."""
        return (
            NEXT_BACKGROUND.bind(lambda: self.next_picture(True)),
            PREVIOUS_BACKGROUND.bind(lambda: self.next_picture(False)),
            BACKGROUND.bind(lambda spec: self.select(spec) if spec else self.next_kind()),
            LESS_BLUR.bind(lambda: self.change_blur(more=False)),
            MORE_BLUR.bind(lambda: self.change_blur(more=True)),
        )

    def next_picture(self, forward: bool) -> bool | str:
        """Go to the next or previous picture of the folder; return the message."""
        if self.change_image(forward):
            return self.background.label if self.background is not None else True
        only = self.images is not None and self.background is self.images
        return "there is no other picture" if only else "a and d go through pictures; b goes to them"

    def change_image(self, forward: bool) -> bool:
        """Go to the next picture of `images` (True) or to the previous one (False).

        Returns:
            Whether there was another one; False while the current background is of another kind.
        """
        if self.images is None or (self.background is not self.images and self.spec != YOURS):
            return False
        changed = self.images.change(forward)
        if self.background is not self.images:
            self.show(self.images, self.images.name)
            return True
        return changed

    def next_kind(self) -> str:
        """Go round from a blur to pictures, a colour and none; return the message."""
        kinds = ["blur", self._pictures, _COLOR, "none"]
        place = next((n for n, kind in enumerate(kinds) if _kind(kind) == _kind(self._first)), len(kinds))
        kinds[place : place + 1] = [self._first]
        kinds = [kind for kind in kinds if kind]
        place = kinds.index(self.spec) + 1 if self.spec in kinds else 0
        self.go_to(kinds[place % len(kinds)])
        return self.message

    def load(self, spec: str) -> None:
        """Load the background that a user names, if it is not loaded yet; raises InputError."""
        if spec not in self._made:
            self._add(spec, self._make(spec))
            # Of the backgrounds loaded by name one after another only the last is kept.
            self._made.pop(self._named, None)
            self._named = spec

    def select(self, spec: str) -> str:
        """Change to the background that a user names, as on the command line; return the message."""
        self.load(spec)
        self.go_to(spec)
        return self.message

    @property
    def message(self) -> str:
        """The message after a change."""
        label = self.background.label if self.background is not None else ""
        return f"background: {label or os.path.basename(self.spec)}"

    def change_blur(self, more: bool) -> str:
        """Change to a stronger or weaker blur; return the message."""
        self.set_blur(self.blur.step(more))
        self.go_to("blur")
        return f"blur {self.blur.value}"

    def set_blur(self, strength: BlurStrength) -> None:
        """Set the strength of the blur, whether it is the current background or not."""
        self.blur = strength
        background = self._add("blur", Blur(strength))
        if self.spec == "blur":
            self.background = background

    def go_to(self, spec: str) -> None:
        """Change to a background by name, loading it if needed."""
        self._change(spec, self._made[spec] if spec in self._made else self._add(spec, self._make(spec)))

    def show(self, background: Background, spec: str = YOURS) -> None:
        """Change to a background given as an object."""
        self._change(spec, self._add(spec, background))

    def _change(self, spec: str, background: Background | None) -> None:
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
    """Return which of the kinds of `next_kind` a background is."""
    if spec in ("blur", "none", "transparent", YOURS):
        return spec
    return "colour" if is_color(spec) else "pictures"
