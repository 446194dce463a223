"""AutoFrame: the picture follows the person."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from effects.clock import Clock
from effects.person import Person
from pipeline.frame import StreamInfo
from pipeline.objects import FrameObject

# The person is this share of the picture's height, with his middle this far down.
_SHARE, _MIDDLE = 0.75, 0.55
# The picture is never enlarged more than this.
_MOST_ZOOM = 2.0
# All of these were chosen by eye.
# Share of the way that is gone in each second, and how far from its aim, as a share of its own size, the view
# stays at rest: people move their heads without wanting the picture to move.
_PER_SECOND = 0.8
_REST = 0.06


class AutoFrame(FrameObject):
    """Cuts the frame to the person and moves along smoothly; the size of the picture stays."""

    def __init__(self) -> None:
        self._person = Person()
        self._view: np.ndarray | None = None  # middle x, middle y, height, as shares of the frame's height
        self._moving = False
        self._clock = Clock(longest=0.5)

    def meet(self, objects: Sequence[object]) -> None:
        """Find out which object knows where the person is."""
        self._person.meet(objects)

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._view = None
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Say when the next frame is shown."""
        self._clock.now = seconds

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the part of `frame` around the person, uint8 of the same shape."""
        height, width = frame.shape[:2]
        whole = np.array([width / height / 2, 0.5, 1.0])
        aim = self._aim(frame, whole)
        if self._view is None:
            self._view = aim
        elapsed = self._clock.step()
        distance = float(np.abs(aim - self._view).max() / self._view[2])
        self._moving = distance > (_REST / 4 if self._moving else _REST)
        if self._moving:
            self._view = self._view + (aim - self._view) * (1 - (1 - _PER_SECOND) ** elapsed)
        return self.moved(frame)

    def moved(self, picture: np.ndarray) -> np.ndarray:
        """Return the part of `picture` that the last frame was cut to, uint8 of the same shape."""
        if self._view is None:
            return picture
        height, width = picture.shape[:2]
        x, y, size = self._view * height
        scale = height / size
        # Pixels lie half a pixel inside.
        shift = [width / 2 - scale * x + (scale - 1) / 2, height / 2 - scale * y + (scale - 1) / 2]
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _aim(self, frame: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """Return the view that the person asks for, inside the frame."""
        bounds = self._person.bounds(frame)
        if bounds is None:
            return whole
        height = frame.shape[0]
        left, top, right, bottom = (side / height for side in bounds)
        size = float(np.clip(max((bottom - top) / _SHARE, (right - left) / (_SHARE * 2 * whole[0])), 1 / _MOST_ZOOM, 1))
        across = size * whole[0]
        # Shoulders and head matter more than what the table hides.
        y = top + (0.5 - (1 - _SHARE) * _MIDDLE) * size
        return np.array(
            [np.clip((left + right) / 2, across, 2 * whole[0] - across), np.clip(y, size / 2, 1 - size / 2), size]
        )
