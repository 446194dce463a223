"""What is drawn over the picture in the window, for the user alone: the list of keys, and messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.lettering import darken, draw_text, text_width

_WHITE, _GREEN = (255, 255, 255), (160, 255, 160)
# Height of the letters as a share of the picture's.
_MESSAGE_SIZE, _LARGEST_KEYS_SIZE = 0.04, 0.032


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
