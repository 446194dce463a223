"""Brighten a dim image for a network that was trained on well-lit ones."""

from __future__ import annotations

import cv2
import numpy as np

# Values without a source were found by trial on dark clips with known alpha, and by darkening others.

# Share of the pixels at most as bright as the white point.
_WHITE_QUANTILE = 0.98
# Minimum white point, of 255; more is no better, and brightens scenes that are merely dark.
_MIN_WHITE = 128.0
# Maximum gain; pixels that need more are noise.
_MAX_GAIN = 4.0


def brighten(image: np.ndarray) -> np.ndarray:
    """Return an image, or a brighter copy if its histogram is that of a dim scene.

    All values are multiplied by the same gain, as by a longer exposure.

    Args:
        image: uint8 (h, w, 3) BGR.

    Returns:
        uint8 (h, w, 3).
    """
    gain = brightening(image)
    return cv2.convertScaleAbs(image, alpha=gain) if gain > 1 else image


def brightening(image: np.ndarray) -> float:
    """Return the gain, at least 1, by which `brighten` would multiply an image, uint8 (h, w, 3) BGR."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    # Interpolated between two levels, so that the gain does not jump with the most frequent level.
    white = float(np.interp(_WHITE_QUANTILE * grey.size, np.cumsum(counts), np.arange(1, 257)))
    return max(1.0, min(_MIN_WHITE / white, _MAX_GAIN))
