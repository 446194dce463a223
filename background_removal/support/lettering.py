"""Text in pictures, for what is drawn over the window and for objects that write on frames."""

from __future__ import annotations

import functools

import cv2
import numpy as np

_WHITE = (255, 255, 255)
_WEIGHT = 500  # a little bolder than the usual 400: the letters stand on pictures


@functools.cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")  # comes with OpenCV, and knows more than ASCII


@functools.lru_cache(maxsize=256)
def text_width(text: str, size: int) -> int:
    """Return the width in pixels of one line in letters of `size` pixels."""
    return cv2.getTextSize((1 << 15, 1 << 10), text, (0, size), _font(), size, _WEIGHT)[2]


def draw_text(image: np.ndarray, text: str, left: int, bottom: int, size: int, bgr: tuple[int, int, int]) -> None:
    """Write one line into `image`, uint8 (H, W, 3) or (H, W, 4), in place; `bottom` is its base line."""
    color = (*bgr, 255) if image.shape[2] == 4 else bgr
    cv2.putText(image, text, (left, bottom), color, _font(), size, _WEIGHT)


def darken(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    """Darken a rectangle of `image` for text to be read on it, in place."""
    part = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    part[..., :3] //= 4
    part[..., 3:] = 255


def label_size(text: str, size: int) -> tuple[int, int]:
    """Return width and height in pixels of what `draw_label` draws."""
    return text_width(text, size) + 2 * (size // 2), round(1.3 * size) + size // 2


def draw_label(
    image: np.ndarray, text: str, left: int, bottom: int, size: int, bgr: tuple[int, int, int] = _WHITE
) -> None:
    """Write one line on a darker ground as wide as it, into `image`, uint8 (H, W, 3) or (H, W, 4), in place.

    Args:
        image: What is drawn on.
        text: The line.
        left, bottom: The ground's lower left corner, in pixels.
        size: Height of the letters in pixels.
        bgr: Their colour.
    """
    wide, high = label_size(text, size)
    darken(image, left, bottom - high, left + wide, bottom)
    draw_text(image, text, left + size // 2, bottom - size // 2, size, bgr)
