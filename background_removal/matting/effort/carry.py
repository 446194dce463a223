"""Carry a network's answer along with the picture, where the picture's motion explains the next frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from background_removal.matting.boxes import Box, resample_crop
from background_removal.matting.effort.change import max_change
from background_removal.matting.flow import find_flow, move_along

# Values without a source were chosen on the choosing half of benchmarks/effort.py.

# Undecided probabilities, lowest and highest; they mark the edge.
_UNDECIDED = (0.1, 0.9)
# Width of the band around the edge in which the picture is compared, pixels at half the size.
_BAND = np.ones((13, 13), np.uint8)
# Window over which the difference is averaged for its maximum, pixels at half the size; a hand is larger.
_HAND_WINDOW = (11, 11)
# Frames that motion must have explained before an answer is carried; a dancer stands still for a moment.
MIN_CALM = 6
# Difference, in limits, above which a picture is not calm.
_MAX_UNREST = 2.0


@dataclass(frozen=True, slots=True)
class CarryLimits:
    """How much of a picture its motion may leave unexplained, and how long an answer is carried.

    Attributes:
        mean: Maximum mean change around the edge, of 255, between the last frame, moved along, and this one.
        local: Maximum of the change averaged over the size of a hand, of 255.
        motion: Maximum of the motion averaged over that size, pixels at half the size of the answer.
        frames: Number of frames for which an answer is carried at most.
    """

    mean: float
    local: float
    motion: float
    frames: int


# With these talking people stay within 3 % of the error of an answer for every frame. A hand that moves faster is
# blurred, and leads the flow astray.
CAREFUL = CarryLimits(mean=7, local=24, motion=1.0, frames=3)
# With these faster heads are carried too, for longer.
SAVING = CarryLimits(mean=8, local=32, motion=1.5, frames=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """A network's answer, and the picture that it belongs to.

    Attributes:
        probability: float32 (h, w) in [0, 1].
        image: The picture at half the size, uint8 (h / 2, w / 2, 3) BGR.
        box: Its place in the frame.
        carried: Number of frames for which the answer has been carried; 0 for the network's own.
        calm: Number of frames in a row that motion has explained.
    """

    probability: np.ndarray
    image: np.ndarray
    box: Box
    carried: int = 0
    calm: int = 0


def half_size(image: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (h, w, 3), at half its size."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


def carry_answer(last: Answer, image: np.ndarray, box: Box, limits: CarryLimits) -> tuple[Answer | None, int]:
    """Carry an answer to the next frame.

    Args:
        last: The last frame's answer.
        image: The next frame at half the size of the answer, uint8 (h / 2, w / 2, 3) BGR.
        box: Its place in the frame.
        limits: When to do so.

    Returns:
        The answer, None if the network is to be asked; and the number of frames that motion has explained.
    """
    before, probability = last.image, last.probability
    if last.box != box:
        before, probability = resample_crop(before, last.box, box), resample_crop(probability, last.box, box)
    flow = find_flow(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.cvtColor(before, cv2.COLOR_BGR2GRAY))
    unexplained = _unexplained(flow, image, before, probability, limits)
    calm = last.calm + 1 if unexplained <= _MAX_UNREST else 0
    if unexplained > 1 or last.calm < MIN_CALM or last.carried >= limits.frames:
        return None, calm
    height, width = probability.shape
    (moved,) = move_along(cv2.resize(2 * flow, (width, height)), probability, border=cv2.BORDER_REPLICATE)
    return replace(last, probability=moved, image=image, box=box, carried=last.carried + 1, calm=calm), calm


def _unexplained(
    flow: np.ndarray, image: np.ndarray, before: np.ndarray, probability: np.ndarray, limits: CarryLimits
) -> float:
    """Return how much the last picture, moved along a flow, differs from this one around the person, in limits."""
    (moved,) = move_along(flow, before, border=cv2.BORDER_REPLICATE)
    change = max_change(moved, image)
    small = cv2.resize(probability, change.shape[::-1], interpolation=cv2.INTER_AREA)
    band = cv2.dilate(cv2.inRange(small, (_UNDECIDED[0],), (_UNDECIDED[1],)), _BAND)
    if not cv2.countNonZero(band):
        return float("inf")
    beside = cv2.bitwise_or(band, cv2.inRange(small, (0.0,), (0.5,)))
    local = cv2.minMaxLoc(cv2.blur(change, _HAND_WINDOW), beside)[1]
    speed = cv2.blur(cv2.magnitude(flow[..., 0], flow[..., 1]), _HAND_WINDOW)
    motion = cv2.minMaxLoc(speed, band)[1]
    return max(cv2.mean(change, band)[0] / limits.mean, local / limits.local, motion / limits.motion)
