"""Text in pictures, for what is drawn over the window and for objects that write on frames."""

from __future__ import annotations

import functools

import cv2
import numpy as np


@functools.cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")  # comes with OpenCV, and knows more than ASCII


def text_width(text: str, size: int) -> int:
    """Return the width in pixels of one line in letters of `size` pixels."""
    return cv2.getTextSize((1 << 15, 1 << 10), text, (0, size), _font(), size)[2]


def draw_text(image: np.ndarray, text: str, left: int, bottom: int, size: int, bgr: tuple[int, int, int]) -> None:
    """Write one line into `image`, uint8 (H, W, 3) or (H, W, 4), in place; `bottom` is its base line."""
    color = (*bgr, 255) if image.shape[2] == 4 else bgr
    cv2.putText(image, text, (left, bottom), color, _font(), size, 500)


def darken(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    """Darken a rectangle of `image` for text to be read on it, in place."""
    part = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    part[..., :3] //= 4
    part[..., 3:] = 255
