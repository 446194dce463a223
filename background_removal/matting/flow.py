"""Optical flow: how the picture moves from frame to frame, and pictures moved along with it."""

from __future__ import annotations

import functools

import cv2
import numpy as np


def find_flow(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return where each pixel of `start` is in `end`, relative to its place, float32 (h, w, 2) in pixels.

    Args:
        start, end: uint8 (h, w).
    """
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(start, end, None)  # type: ignore[arg-type]


def move_along(flow: np.ndarray, *images: np.ndarray, border: int = cv2.BORDER_CONSTANT) -> list[np.ndarray]:
    """Return images of the frame that a flow, float32 (h, w, 2), leads to, moved to the frame that it starts from.

    Args:
        flow: See `find_flow`.
        images: (h, w) or (h, w, c).
        border: OpenCV's border mode for pixels from outside.
    """
    places = flow + _pixel_places(*flow.shape[:2])
    return [cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=border) for image in images]  # type: ignore[arg-type]


@functools.lru_cache(maxsize=4)
def _pixel_places(height: int, width: int) -> np.ndarray:
    """Return column and row of each pixel, float32 (height, width, 2)."""
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.dstack(np.meshgrid(columns, rows))
