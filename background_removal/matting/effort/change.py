"""Change: how much two pictures differ."""

from __future__ import annotations

import cv2
import numpy as np


def max_change(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the largest change of any channel of each pixel, uint8 (h, w), for two uint8 (h, w, 3)."""
    blue, green, red = cv2.split(cv2.absdiff(now, before))
    return cv2.max(cv2.max(blue, green), red)
