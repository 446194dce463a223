"""What stands behind the person, and how keys change it."""

from __future__ import annotations

import os
from collections.abc import Callable

from matting.backgrounds import Background, Blur, is_color

_BLUR_STEP = 10
# What the key b offers where nothing of the kind was asked for: the green of broadcast studios.
_COLOR = "#00b140"
# What is made from no text, and so has no name of its own.
YOURS = "your own"


class Look:
    """The background at hand, and those that the keys b, [ and ] go to.

    Args:
        spec: What the background at the beginning is called, as on the command line.
        first: That background; None leaves frames as they are.
        make: Makes a background of what it is called.
        blur: Width and height of the blur's kernel in pixels.
        pictures: The folder of pictures that b goes to; "" for none.
        light_wrap: Light of a new background over the person's edge, 0 to 1.
    """

    def __init__(
        self,
        spec: str,
        first: Background | None,
        make: Callable[[str], Background | None],
        blur: tuple[int, int],
        pictures: str,
        light_wrap: float,
    ) -> None:
        self._first = spec
        self._make = make
        self._pictures = pictures
        self._light_wrap = light_wrap
        self._live = False
        self._made: dict[str, Background | None] = {}
        self.blur = blur
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

    def next_kind(self) -> str:
        """Go from a blur to pictures, a colour and nothing, and round again; return what to say of it."""
        kinds = ["blur", self._pictures, _COLOR, "none"]
        place = next((n for n, kind in enumerate(kinds) if _kind(kind) == _kind(self._first)), len(kinds))
        kinds[place : place + 1] = [self._first]
        kinds = [kind for kind in kinds if kind]
        place = kinds.index(self.spec) + 1 if self.spec in kinds else 0
        self._go_to(kinds[place % len(kinds)])
        return f"background: {os.path.basename(self.spec)}"

    def change_blur(self, more: bool) -> str:
        """Blur more or less; return what to say of it."""
        step = _BLUR_STEP if more else -_BLUR_STEP
        self.blur = (max(1, self.blur[0] + step), max(1, self.blur[1] + step))
        self._add("blur", Blur(self.blur))
        self._go_to("blur")
        return f"blur {self.blur[0]}"

    def _go_to(self, spec: str) -> None:
        background = self._made[spec] if spec in self._made else self._add(spec, self._make(spec))
        self.end()
        self.background, self.spec = background, spec
        self.begin(self._live)

    def _add(self, spec: str, background: Background | None) -> Background | None:
        if background is not None:
            background.light_wrap = self._light_wrap
        self._made[spec] = background
        return background


def _kind(spec: str) -> str:
    """Return which of the kinds that the key b goes through a background is."""
    if spec in ("blur", "none", "transparent", YOURS):
        return spec
    return "colour" if is_color(spec) else "pictures"
