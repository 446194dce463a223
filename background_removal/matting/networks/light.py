"""Lifting a dim picture for a network that was trained on well-lit ones."""

from __future__ import annotations

import cv2
import numpy as np

# Values without a source were found by trial on dark clips with known alpha, and by darkening others.

# The brightest of a picture, all but this share of it, is brought to at least this much of 255. Brighter still is no
# better, and lifts what is merely a dark room.
_BRIGHTEST = 0.98
_LEAST = 128.0
# Never by more than this: what is darker is noise.
_MAX = 4.0


def brighten(image: np.ndarray) -> np.ndarray:
    """Return a picture as a network sees most in it: itself, or if its histogram says that it is dim, a brighter copy.

    All values are multiplied by the same, as a longer exposure would.

    Args:
        image: uint8 (h, w, 3) BGR.

    Returns:
        uint8 (h, w, 3).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    # Between two levels, so that the gain does not jump with the level that most pixels happen to have.
    brightest = float(np.interp(_BRIGHTEST * grey.size, np.cumsum(counts), np.arange(1, 257)))
    gain = min(_LEAST / brightest, _MAX)
    return cv2.convertScaleAbs(image, alpha=gain) if gain > 1 else image
