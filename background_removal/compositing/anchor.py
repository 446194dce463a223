"""Anchor: where the person stands in the frame, which their place on a new background is measured from."""

from __future__ import annotations

import math

from background_removal.compositing.place import Move, Place
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import find_bounds

# Distance of the person's lower end from the frame's lower edge below which it cuts them off, share of its height.
_CUT_OFF = 0.02


class Anchor:
    """Finds where the person stands, once, and holds it: the person moves as the frame shows, and is not re-centred.

    Attributes:
        x, y: Middle column and lower end of the person, shares of the frame; those of a seated speaker until a frame
            has shown one.
    """

    def __init__(self) -> None:
        self.release()

    def release(self) -> None:
        """Find the person again in the next frame that shows one."""
        self.x, self.y = 0.5, 1.0
        self._found = False

    def update(self, matte: Matte) -> None:
        """Take the person's place from the matte of a frame, if none is held."""
        bounds = None if self._found else find_bounds(matte.alpha, matte.box, matte.size)
        if bounds is None:
            return
        self._found = True
        self.x = (bounds[0] + bounds[2]) / 2 / matte.size[0]
        self.y = bounds[3] / matte.size[1]
        if self.y > 1 - _CUT_OFF:
            self.y = 1.0

    def move(self, place: Place, frame: tuple[int, int]) -> Move | None:
        """Return the move of frames of (width, height) that puts the person at a place; None for none at all."""
        width, height = frame
        y = self.y if place.y is None else place.y
        size = frame if place.scale == 1 else (_even(width * place.scale), _even(height * place.scale))
        left = round((place.x * width - self.x * size[0]) / 2) * 2
        # Upwards, or a person whom the lower edge cuts off would float a pixel above it.
        top = math.ceil((y * height - self.y * size[1]) / 2 - 1e-6) * 2
        return None if (size, left, top) == (frame, 0, 0) else Move(size, left, top, frame)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
