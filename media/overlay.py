"""Text over what the window shows: the list of keys, and for a moment what a key has changed."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np

_WHITE, _GREEN = (255, 255, 255), (160, 255, 160)
# Height of the letters as a share of the picture's.
_MESSAGE_SIZE, _LARGEST_KEYS_SIZE = 0.04, 0.032


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


def draw_message(image: np.ndarray, text: str) -> None:
    """Write one line at the bottom of `image`, uint8 (H, W, 3) or (H, W, 4), in place."""
    height, width = image.shape[:2]
    size = max(8, round(_MESSAGE_SIZE * height))
    wide = text_width(text, size)
    if wide > 0.92 * width:
        size = max(8, int(size * 0.92 * width / wide))
        wide = text_width(text, size)
    left, bottom = max(0, (width - wide) // 2), height - size
    darken(image, left - size // 2, bottom - round(1.3 * size), left + wide + size // 2, bottom + size // 2)
    draw_text(image, text, left, bottom, size, _WHITE)


def draw_keys(image: np.ndarray, rows: Sequence[tuple[str, str]]) -> None:
    """Draw a table of keys and what they do over `image`, uint8 (H, W, 3) or (H, W, 4), in place."""
    height, width = image.shape[:2]
    size = max(7, round(min(_LARGEST_KEYS_SIZE * height, 0.9 * height / (1.5 * (len(rows) + 1)))))
    widths = [max(text_width(row[column], size) for row in rows) for column in (0, 1)]
    if sum(widths) + 4 * size > width:
        size = max(7, int(size * width / (sum(widths) + 4 * size)))
        widths = [max(text_width(row[column], size) for row in rows) for column in (0, 1)]
    step = round(1.5 * size)
    darken(image, 0, 0, sum(widths) + 4 * size, step * (len(rows) + 1))
    for number, (keys, meaning) in enumerate(rows, 1):
        draw_text(image, keys, size, number * step, size, _GREEN)
        draw_text(image, meaning, widths[0] + 2 * size, number * step, size, _WHITE)


def darken(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    """Darken a rectangle of `image` for text to be read on it, in place."""
    part = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    part[..., :3] //= 4
    part[..., 3:] = 255
