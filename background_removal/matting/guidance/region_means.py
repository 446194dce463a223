"""Mean colours of regions, from the pixels that are known."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# Share of a window that has to be known for its mean to count in full.
_ENOUGH = 0.1
# Added to weights that are divided by.
_EPSILON = np.float32(1e-6)


def weigh(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return colours, float32 (h, w, 3), times their weights, (h, w), which are the fourth channel."""
    return cv2.merge([*(channel * weights for channel in cv2.split(colors)), weights])


def halve(values: np.ndarray) -> np.ndarray:
    """Return an image of any number of channels at half its size, sides rounded up, each pixel the mean of four."""
    height, width = values.shape[:2]
    padded = cv2.copyMakeBorder(values, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(padded, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def mean_colors(sums: np.ndarray, windows: Sequence[float]) -> np.ndarray:
    """Return the mean colour around each pixel, float32 (h, w, 3).

    Args:
        sums: Colours times weights, and weights, as `weigh` returns them; not 0 everywhere.
        windows: Widths of the windows, shares of the picture's width, from the narrowest; a wider one counts where
            little is known in the narrower.
    """
    total = sums.sum(axis=(0, 1))
    result = np.empty((*sums.shape[:2], 3), np.float32)
    result[:] = total[:3] / (total[3] + _EPSILON)
    # The mean of weights of any scale is comparable with their largest.
    enough = np.float32(_ENOUGH * max(float(sums[..., 3].max()), 1e-6))
    for window in reversed(windows):
        pixels = max(3, round(window * sums.shape[1]) | 1)
        *colors, weight = cv2.split(cv2.blur(sums, (pixels, pixels), borderType=cv2.BORDER_REPLICATE))
        share = np.minimum(weight / enough, 1)
        gain = share / (weight + _EPSILON)
        keep = 1 - share
        for channel, color in enumerate(colors):
            result[..., channel] = result[..., channel] * keep + color * gain
    return result
