"""Text in images, for the window's overlay and for objects that write on frames."""

from __future__ import annotations

import functools

import cv2
import numpy as np

_WHITE = (255, 255, 255)
# Font weight; a little bolder than the usual 400, for legibility on pictures.
_WEIGHT = 500


@functools.cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")  # ships with OpenCV and covers more than ASCII


@functools.lru_cache(maxsize=256)
def measure_text(text: str, size: int) -> int:
    """Return the width in pixels of one line of text, `size` pixels high."""
    return cv2.getTextSize((1 << 15, 1 << 10), text, (0, size), _font(), size, _WEIGHT)[2]


def draw_text(image: np.ndarray, text: str, left: int, bottom: int, size: int, bgr: tuple[int, int, int]) -> None:
    """Draw one line of text on `image`, uint8 (H, W, 3) or (H, W, 4), in place; `bottom` is its base line."""
    color = (*bgr, 255) if image.shape[2] == 4 else bgr
    cv2.putText(image, text, (left, bottom), color, _font(), size, _WEIGHT)


def darken(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    """Darken a rectangle of `image` in place, as a background for text."""
    part = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    part[..., :3] //= 4
    part[..., 3:] = 255


def measure_label(text: str, size: int) -> tuple[int, int]:
    """Return width and height of a label in pixels; see `draw_label`."""
    return measure_text(text, size) + 2 * (size // 2), round(1.3 * size) + size // 2


def draw_label(
    image: np.ndarray, text: str, left: int, bottom: int, size: int, bgr: tuple[int, int, int] = _WHITE
) -> None:
    """Draw one line of text on a darkened rectangle, in place.

    Args:
        image: uint8 (H, W, 3) or (H, W, 4).
        text: The line.
        left, bottom: Lower left corner of the rectangle, in pixels.
        size: Height of the letters in pixels.
        bgr: Their colour.
    """
    width, height = measure_label(text, size)
    darken(image, left, bottom - height, left + width, bottom)
    draw_text(image, text, left + size // 2, bottom - size // 2, size, bgr)
