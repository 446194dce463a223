"""Whoever was drawn a frame ago and has not left is still there, though the network loses them in a fast movement."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.tracking.hold import MatteHold

SIZE = (320, 256)
BOX = (0, 0, *SIZE)
ROOM = cv2.resize(np.random.default_rng(1).integers(0, 255, (32, 40, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
BODY = cv2.resize(np.random.default_rng(2).integers(0, 255, (10, 7, 3), np.uint8), (90, 130))


def matte(left: int, is_lost: bool = False, gain: float = 1.0) -> tuple[Matte, np.ndarray]:
    """Return the network's matte of a body at a column, and its true alpha."""
    image, truth = ROOM.copy(), np.zeros(SIZE[::-1], np.float32)
    image[80:210, left : left + 90], truth[80:210, left : left + 90] = BODY, 1
    image = cv2.convertScaleAbs(image, alpha=gain)
    return Matte(truth * (not is_lost), BOX, SIZE, image), truth


def overlap(alpha: np.ndarray, truth: np.ndarray) -> float:
    return float(((alpha > 0.5) & (truth > 0.5)).sum() / ((alpha > 0.5) | (truth > 0.5)).sum())


@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_a_lost_person_moves_along_with_the_picture(gain: float) -> None:
    hold = MatteHold()
    for number, left in enumerate((40, 47, 54, 61, 68, 68, 68)):
        now, truth = matte(left, number > 1, gain)
        alpha = hold(now, now.alpha).alpha
        assert overlap(alpha, truth) > 0.8, number
    assert hold.frames == 5
    now, truth = matte(68, gain=gain)
    assert (hold(now, now.alpha).alpha == truth).all()
    assert hold.frames == 0


def test_what_stood_still_or_is_covered_is_not_held() -> None:
    hold = MatteHold()
    for is_lost in (False, False, True):
        now, _ = matte(40, is_lost)
        alpha = hold(now, now.alpha).alpha
    assert alpha.max() == 0, "a piece of the room that the network took for a person"
    hold = MatteHold()
    for left in (40, 50):
        now, _ = matte(left)
        hold(now, now.alpha)
    gone = Matte(np.zeros(SIZE[::-1], np.float32), BOX, SIZE, ROOM)
    assert (hold(gone, gone.alpha).alpha > 0.5).mean() < 0.02


def test_a_loss_is_held_for_a_bounded_time() -> None:
    hold, held = MatteHold(), 0
    for number in range(60):
        now, _ = matte(40 + 8 * min(number, 4), number > 1)
        held += bool(hold(now, now.alpha).alpha.max() > 0)
    assert held <= 2 + 24
