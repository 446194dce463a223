"""Refine a network's probability to an alpha: smooth in time, aligned to the image's edges, soft at the threshold."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.alpha.edge import edge_changes
from background_removal.matting.boxes import Box, resample_crop

# Constants without a source were tuned on the clips with known alpha that benchmarks/quality.py scores, and checked
# by eye on other clips.

# Weight of the previous probability where nothing moves.
_MAX_PREVIOUS_WEIGHT = 0.7
# Brightness change of a moving pixel, of 255; from there on the previous probability has no weight. Camera noise stays
# well below it, as the small image is an average.
_MOTION_CHANGE = 12.0
# Window of the guided filter at half the network's input size, pixels; He, Sun, Tang: Guided Image Filtering, TPAMI
# 2013.
_GUIDE_WINDOW = (3, 3)
# Regularisation of the guided filter, variance of brightness (of 1); below it there is no edge to follow.
_GUIDE_EPSILON = 1e-3
# Half width of the ramp around the threshold when `edge_softness` is 1, probability.
MAX_RAMP_HALF_WIDTH = 0.7
# Weight of increases of alpha in the fit to the colours; dark letters beside dark hair resemble it. Such a sign in a
# blurred background keeps 12 % of its contrast; 15 % with a weight of 1, 10 % with 0, which leaves more of a rim
# (tests/test_blur.py, benchmarks/quality.py).
_INCREASE_WEIGHT = 0.25


class Refiner:
    """Refines the probabilities of consecutive frames to alphas.

    Args:
        threshold: Probability at which background ends and person begins, 0 to 1; higher keeps less.
        edge_softness: 0 cuts hard, 1 keeps at least the network's own gradient.

    Raises:
        ValueError: an argument is outside [0, 1].
    """

    def __init__(self, threshold: float, edge_softness: float = 0.5) -> None:
        for name, value in (("threshold", threshold), ("edge_softness", edge_softness)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} {value}: must be between 0 and 1")
        self.set_edge(threshold, edge_softness)
        # Probability, grey image and crop of the previous frame.
        self.previous: tuple[np.ndarray, np.ndarray, Box] | None = None

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._ramp = ramp_around(threshold, MAX_RAMP_HALF_WIDTH * edge_softness)

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
            image: The same part in colour, uint8 (h, w, 3); its edges are followed if it is given.

        Returns:
            float32 (h, w) in [0, 1].
        """
        smoothed = self._smooth_in_time(probability, grey, box)
        self.previous = (smoothed, grey, box)
        refined = guided_filter(smoothed, grey)
        if image is not None:
            # The fit uses the default ramp, so that a higher threshold keeps less of every pixel.
            alpha = smooth_ramp(refined, *_DEFAULT_RAMP)
            edge, change = edge_changes(alpha, image)
            change = np.minimum(change, np.float32(_INCREASE_WEIGHT) * change)
            refined.reshape(-1)[edge] += change * np.float32(_DEFAULT_RAMP[1] - _DEFAULT_RAMP[0])
        return smooth_ramp(refined, *self._ramp)

    def _smooth_in_time(self, probability: np.ndarray, grey: np.ndarray, box: Box) -> np.ndarray:
        """Blend in the previous probability where nothing moves; flicker goes, and moving edges leave no trail."""
        if self.previous is None or self.previous[0].shape != probability.shape:
            return probability
        previous, previous_grey, previous_box = self.previous
        if previous_box != box:
            previous = resample_crop(previous, previous_box, box)
            previous_grey = resample_crop(previous_grey, previous_box, box)
        motion = cv2.blur(cv2.absdiff(grey, previous_grey), (5, 5))
        weight = cv2.LUT(motion, _PREVIOUS_WEIGHTS)
        return cv2.add(probability, cv2.multiply(cv2.subtract(previous, probability), weight))


# Weight of the previous probability for each brightness change from 0 to 255.
_PREVIOUS_WEIGHTS = (_MAX_PREVIOUS_WEIGHT * np.clip(1 - np.arange(256) / _MOTION_CHANGE, 0, 1)).astype(np.float32)


def guided_filter(value: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Align the edges of `value`, float32 (h, w), with those of `grey`, uint8 (h, w).

    The filter's coefficients are computed at half the size (He, Sun: Fast Guided Filter, 2015).
    """
    height, width = value.shape
    half = (max(1, width // 2), max(1, height // 2))
    guide = cv2.resize(grey, half, interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(1 / 255)
    small = cv2.resize(value, half, interpolation=cv2.INTER_AREA)
    mean_guide, mean_value = cv2.blur(guide, _GUIDE_WINDOW), cv2.blur(small, _GUIDE_WINDOW)
    covariance = cv2.blur(guide * small, _GUIDE_WINDOW) - mean_guide * mean_value
    variance = cv2.blur(guide * guide, _GUIDE_WINDOW) - mean_guide * mean_guide
    slope: np.ndarray = covariance / (variance + np.float32(_GUIDE_EPSILON))
    offset: np.ndarray = mean_value - slope * mean_guide
    slope = cv2.resize(cv2.blur(slope, _GUIDE_WINDOW), (width, height))
    offset = cv2.resize(cv2.blur(offset, _GUIDE_WINDOW), (width, height))
    return slope * (grey * np.float32(1 / 255)) + offset


def ramp_around(threshold: float, width: float) -> tuple[float, float]:
    """Return the two ends of a ramp around `threshold`, at most `width` to either side.

    Both are inside [0, 1], so that certain background is always 0 and certain person always 1.
    """
    width = max(min(width, threshold, 1 - threshold), 1e-3)
    middle = min(max(threshold, width), 1 - width)
    return middle - width, middle + width


_DEFAULT_RAMP = ramp_around(0.5, MAX_RAMP_HALF_WIDTH * 0.5)


def smooth_ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `value` to 0 below `low`, 1 above `high` and linearly between.

    >>> smooth_ramp(np.array([0.0, 0.5, 1.0]), 0.25, 0.75).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((value - low) * (1 / (high - low)), 0, 1)
