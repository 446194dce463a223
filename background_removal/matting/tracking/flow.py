"""Optical flow: how the picture moves from frame to frame, and pictures moved along with it."""

from __future__ import annotations

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
    height, width = flow.shape[:2]
    places = flow.copy()
    places[..., 0] += np.arange(width, dtype=np.float32)
    places[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return [cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=border) for image in images]  # type: ignore[arg-type]
