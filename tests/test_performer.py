"""Of several people the main one is who performs before the others: central, in motion, their whole body in view."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from test_body import TrueBody

from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyObserver
from background_removal.matting.tracking.performer import MotionField, PerformerFinder

SIZE = (640, 360)


def scene(number: int, moves: bool = True) -> np.ndarray:
    """Return a frame of a textured room, seen by a camera that pans, with a bright body that runs or stands."""
    room = np.random.default_rng(1).integers(0, 110, (400, 900, 3), np.uint8)
    room = cv2.resize(room[::10, ::10], (900, 400), interpolation=cv2.INTER_CUBIC)
    frame = room[20:380, 3 * number : 3 * number + 640].copy()
    left = 230 + (14 if moves else -3) * number
    frame[120:330, left : left + 70] = np.random.default_rng(2).integers(200, 255, (210, 70, 3), np.uint8)
    return frame


def test_motion_is_measured_apart_from_the_cameras() -> None:
    field = MotionField()
    for number in range(5):
        small = cv2.resize(scene(number), (160, 90), interpolation=cv2.INTER_AREA)
        field.next_frame(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    assert field.mean is not None
    assert np.median(field.mean) < 0.3
    square = field.find_square(SIZE)
    assert square is not None
    assert square.x == pytest.approx(230 + 14 * 4 + 35, abs=40)
    assert square.y == pytest.approx(225, abs=60)


@pytest.mark.parametrize(("moves", "visible"), [(True, 1.0), (False, 1.0), (True, 0.2)])
def test_who_moves_in_the_middle_is_found(moves: bool, visible: float) -> None:
    finder, network = PerformerFinder(), TrueBody(visibility=visible)
    found = []
    for number in range(12):
        view, observer = Pyramid(scene(number, moves)), BodyObserver(lambda: network)
        finder.next_frame(view)
        if number and finder.is_due():  # in the first frame a body in the middle is enough
            finder._is_first = False
            found.append(finder.find(view, observer, None))
    assert any(body is not None for body in found) == (moves and visible == 1)
