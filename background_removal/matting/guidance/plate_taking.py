"""Take a picture of the empty room from a camera: a countdown, then the mean of some frames."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.plate_people import leave_out_people
from background_removal.matting.guidance.plate_room import Plate
from background_removal.matting.pyramid import Pyramid

# Time to step aside, seconds; about what it takes to get up from a desk.
COUNTDOWN_SECONDS = 5.0
# Time for which a person still in the picture is waited for after that, seconds; something on a wall may look like one.
_WAIT_SECONDS = 10.0
# Frames of one picture; their mean has a quarter of the noise.
_FRAMES = 16


class PlateTaking:
    """Takes one picture of the empty room.

    Args:
        clock: Returns the seconds of a clock that never goes back.

    Attributes:
        message: What the user is to do now; in the end what has happened.
        is_done: Whether it is over.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self.is_done = False
        self.message = f"step aside: {COUNTDOWN_SECONDS:g}"
        self._restart()

    def _restart(self) -> None:
        self._sum: np.ndarray | None = None
        self._people: np.ndarray | None = None
        self._count = 0

    def __call__(self, view: Pyramid, matte: Matte) -> Plate | None:
        """Take the next frame with the network's matte; return the picture once it is complete.

        It is None too when the wait is over and a person still fills the frame; `is_done` then says so.
        """
        passed = self._clock() - self._start
        if passed < COUNTDOWN_SECONDS:
            self.message = f"step aside: {math.ceil(COUNTDOWN_SECONDS - passed)}"
            return None
        has_waited = passed > COUNTDOWN_SECONDS + _WAIT_SECONDS
        if matte.shows_person and not has_waited:
            self.message = "step aside: you are still in the picture"
            self._restart()
            return None
        self.message = "stay aside: the empty room is being taken"
        self._add(view, matte)
        return self._finish() if self._count >= _FRAMES else None

    def _add(self, view: Pyramid, matte: Matte) -> None:
        if self._sum is None or self._sum.shape != view.image.shape:
            self._sum, self._people, self._count = np.zeros(view.image.shape, np.float32), None, 0
        cv2.accumulate(view.image, self._sum)
        self._count += 1
        if matte.shows_person:
            found = matte.full()
            self._people = found if self._people is None else np.maximum(self._people, found)

    def _finish(self) -> Plate | None:
        assert self._sum is not None
        self.is_done = True
        image = cv2.convertScaleAbs(self._sum, alpha=1 / self._count)
        if self._people is None:
            self.message = "the empty room is known now"
            return Plate(image)
        plate = leave_out_people(image, self._people)
        if plate is None:
            self.message = "no picture of the empty room was taken: a person is in it"
            return None
        self.message = "the room is known now, except where something looks like a person"
        return plate
