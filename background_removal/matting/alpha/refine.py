"""From a network's probability to an alpha: steady in time, fitted to the frame's own edges, soft at the threshold."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.alpha.edge import snap_to_edges
from background_removal.matting.crop import Box, resampled

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# Share of the previous probability that stays where nothing moves.
_STEADINESS = 0.7
# Change of brightness (of 255) at which a pixel counts as moving and nothing of the past is kept. Camera
# noise stays well below it after the averaging of the small image.
_MOTION = 12.0
# Guided filter (He, Sun, Tang: Guided Image Filtering, TPAMI 2013): its window at half the size of the network's
# input, and the variance of brightness, of 1, below which there is no edge to follow.
_GUIDE_SIZE = (3, 3)
_GUIDE_EPSILON = 1e-3
# Half the width, in probability, of the step around the threshold, when `edge_softness` is 1.
MAX_RAMP_HALF_WIDTH = 0.7


# What the fit to the colours adds to the person counts for a quarter: dark letters beside dark hair are like it. Of the
# contrast of such a sign in a blurred room 12 % are left, 15 where it counts whole, 10 where it may only take away,
# which leaves more of a rim (tests/test_blur.py, benchmarks/quality.py).
_OUTWARD = 0.25


class Refiner:
    """Turns probabilities, frame after frame, into alphas.

    Args:
        threshold: Where background ends and person begins, 0 to 1; higher keeps less.
        edge_softness: 0 cuts hard, 1 leaves the network's own gradient and more.

    Raises:
        ValueError: an argument is outside [0, 1].
    """

    def __init__(self, threshold: float, edge_softness: float = 0.5) -> None:
        for name, value in (("threshold", threshold), ("edge_softness", edge_softness)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} {value}: must be between 0 and 1")
        self.set_edge(threshold, edge_softness)
        # The probability, grey picture and crop of the frame before.
        self.previous: tuple[np.ndarray, np.ndarray, Box] | None = None

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._step = ramp_around(threshold, MAX_RAMP_HALF_WIDTH * edge_softness)

    def reset(self) -> None:
        """Forget the previous frames."""
        self.previous = None

    def __call__(
        self, probability: np.ndarray, grey: np.ndarray, box: Box, image: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the alpha of one frame.

        Args:
            probability: float32 (h, w) in [0, 1], of the part `box` of the frame.
            grey: The same part in grey, uint8 (h, w).
            image: The same part in colour, uint8 (h, w, 3), for the edge to be fitted to.

        Returns:
            float32 (h, w) in [0, 1].
        """
        steady = self._steadied(probability, grey, box)
        self.previous = (steady, grey, box)
        found = guided_filter(steady, grey)
        if image is not None:
            # Fitted as what it is by default, so that a higher threshold keeps less of every pixel.
            alpha = smooth_ramp(found, *_USUAL_STEP)
            change = snap_to_edges(alpha, image) - alpha
            change = np.where(change > 0, np.float32(_OUTWARD) * change, change)
            found += change * np.float32(_USUAL_STEP[1] - _USUAL_STEP[0])
        return smooth_ramp(found, *self._step)

    def _steadied(self, probability: np.ndarray, grey: np.ndarray, box: Box) -> np.ndarray:
        """Mix the past in where the picture stands still: flicker goes, and nothing that moves trails."""
        if self.previous is None or self.previous[0].shape != probability.shape:
            return probability
        past, past_grey, past_box = self.previous
        if past_box != box:
            past, past_grey = resampled(past, past_box, box), resampled(past_grey, past_box, box)
        motion = cv2.blur(cv2.absdiff(grey, past_grey), (5, 5))
        keep = cv2.LUT(motion, _KEEP)
        return cv2.add(probability, cv2.multiply(cv2.subtract(past, probability), keep))


# What of the past is kept for each change of brightness from 0 to 255.
_KEEP = (_STEADINESS * np.clip(1 - np.arange(256) / _MOTION, 0, 1)).astype(np.float32)


def guided_filter(value: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return `value`, float32 (h, w), with its edges drawn to those of `grey`, uint8 (h, w), by a guided filter.

    The filter's coefficients are found at half the size (He, Sun: Fast Guided Filter, 2015).
    """
    height, width = value.shape
    half = (max(1, width // 2), max(1, height // 2))
    guide = cv2.resize(grey, half, interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(1 / 255)
    small = cv2.resize(value, half, interpolation=cv2.INTER_AREA)
    mean_guide, mean_value = cv2.blur(guide, _GUIDE_SIZE), cv2.blur(small, _GUIDE_SIZE)
    covariance = cv2.blur(guide * small, _GUIDE_SIZE) - mean_guide * mean_value
    variance = cv2.blur(guide * guide, _GUIDE_SIZE) - mean_guide * mean_guide
    slope: np.ndarray = covariance / (variance + np.float32(_GUIDE_EPSILON))
    offset: np.ndarray = mean_value - slope * mean_guide
    slope = cv2.resize(cv2.blur(slope, _GUIDE_SIZE), (width, height))
    offset = cv2.resize(cv2.blur(offset, _GUIDE_SIZE), (width, height))
    return slope * (grey * np.float32(1 / 255)) + offset


def ramp_around(threshold: float, width: float) -> tuple[float, float]:
    """Return where a soft step around `threshold` begins and ends, at most `width` to either side.

    The step stays inside [0, 1], so that certain background is always 0 and certain person always 1.
    """
    width = max(min(width, threshold, 1 - threshold), 1e-3)
    middle = min(max(threshold, width), 1 - width)
    return middle - width, middle + width


_USUAL_STEP = ramp_around(0.5, MAX_RAMP_HALF_WIDTH * 0.5)


def smooth_ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high` and a straight line between.

    >>> smooth_ramp(np.array([0.0, 0.5, 1.0]), 0.25, 0.75).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((value - low) * (1 / (high - low)), 0, 1)
