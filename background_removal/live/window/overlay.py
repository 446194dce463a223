"""The overlay of the window: badges, messages and the list of keys.

It keeps clear of what `effects.plate` draws into the image, its logo at the upper right and its name at the lower left:
badges are at the upper left, messages in the middle above the name, and the list of keys in between.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from background_removal.support.lettering import darken, draw_label, draw_text, measure_label, measure_text

# First character of a badge that must catch the eye; it is drawn red.
DOT = "●"
_WHITE, _GREEN, _RED = (255, 255, 255), (160, 255, 160), (60, 60, 255)
# Height of letters of badges, share of the image's shorter side.
_BADGE_SIZE = 0.03
# Height of letters of messages, share of the image's shorter side.
_MESSAGE_SIZE = 0.036
# Maximum height of letters of the list of keys, share of the image's shorter side.
_MAX_KEYS_SIZE = 0.032
# Minimum height of letters, pixels; smaller ones can hardly be read.
_MIN_PIXELS = 10
# Minimum height of letters of the list of keys, pixels; a little smaller, so that it fits.
_MIN_KEYS_PIXELS = 8
# Margin at the sides, share of the image's shorter side.
_MARGIN = 0.03
# Top of the list of keys, share of the image's height; below the logo.
_LIST_TOP = 0.18
# Bottom of messages, share of the image's height; above the name.
_MESSAGE_BOTTOM = 0.865


def draw_overlay(
    image: np.ndarray,
    badges: Sequence[str] = (),
    status: str = "",
    message: str = "",
    keys: Sequence[tuple[str, str]] = (),
) -> None:
    """Draw the overlay on `image`, uint8 (H, W, 3) BGR, in place.

    Args:
        image: The image, in the size in which it is seen.
        badges: Short texts shown while a state lasts, such as "frozen".
        status: Problem of the camera, shown while it lasts.
        message: Message shown for a moment.
        keys: Rows of the list of keys: key and label.
    """
    height, width = image.shape[:2]
    shorter = min(height, width)
    gap = max(2, round(0.012 * shorter))
    badges_bottom = _draw_badges(image, badges, max(_MIN_PIXELS, round(_BADGE_SIZE * shorter)), gap)
    size = max(_MIN_PIXELS, round(_MESSAGE_SIZE * shorter))
    bottom = round(_MESSAGE_BOTTOM * height)
    line = measure_label("", size)[1] + gap
    if status:
        _draw_centered(image, status, bottom, size)
        bottom -= line
    if message:
        _draw_centered(image, message, bottom, size)
    if keys:
        top = max(round(_LIST_TOP * height), badges_bottom + gap)
        _draw_keys(image, keys, round(_MARGIN * shorter), top, bottom - line)


def _draw_badges(image: np.ndarray, badges: Sequence[str], size: int, gap: int) -> int:
    """Draw badges at the upper left, in one row or more; return the bottom of the last row."""
    height, width = image.shape[:2]
    margin = round(_MARGIN * min(height, width))
    high = measure_label("", size)[1]
    left, bottom = margin, margin + high
    for badge in badges:
        text = _cut(badge, size, width // 2 - margin - 2 * (size // 2))
        wide = measure_label(text, size)[0]
        if left > margin and left + wide > width // 2:
            left, bottom = margin, bottom + high + gap
        draw_label(image, text, left, bottom, size)
        if text.startswith(DOT):
            draw_text(image, DOT, left + size // 2, bottom - size // 2, size, _RED)
        left += wide + gap
    return bottom


def _draw_centered(image: np.ndarray, text: str, bottom: int, size: int) -> None:
    """Draw one centered line, smaller if it is long."""
    width = image.shape[1]
    max_width = round(0.94 * width) - size
    if measure_text(text, size) > max_width:
        size = max(_MIN_PIXELS, size * max_width // measure_text(text, size))
        text = _cut(text, size, max_width)
    draw_label(image, text, (width - measure_label(text, size)[0]) // 2, bottom, size)


@functools.lru_cache(maxsize=32)
def _cut(text: str, size: int, max_width: int) -> str:
    """Shorten a line to `max_width` pixels."""
    shown = text
    while len(shown) > 1 and measure_text(shown, size) > max_width:
        text = text[:-1]
        shown = f"{text.rstrip()}…"
    return shown


def _draw_keys(image: np.ndarray, rows: Sequence[tuple[str, str]], left: int, top: int, bottom: int) -> None:
    """Draw the list of keys, from `top` to at most `bottom`."""
    height, width = image.shape[:2]
    # A row is 1.5 letters high, with half a row above the first and below the last.
    fitting_size = int((bottom - top) // (len(rows) + 1) / 1.5)
    size = max(_MIN_KEYS_PIXELS, min(round(_MAX_KEYS_SIZE * min(height, width)), fitting_size))
    keys_width, width_of_all = _table_width(rows, size)
    if width_of_all > width - 2 * left:
        size = max(_MIN_KEYS_PIXELS, size * (width - 2 * left) // width_of_all)
        keys_width, width_of_all = _table_width(rows, size)
    step = round(1.5 * size)
    fitting = max(1, (bottom - top) // step - 1)
    if len(rows) > fitting:
        rows = [*rows[: fitting - 1], ("…", "more in a larger window")]
    darken(image, left, top, left + width_of_all, top + step * (len(rows) + 1))
    for number, (keys, label) in enumerate(rows, 1):
        base = top + number * step + size // 4
        draw_text(image, keys, left + size, base, size, _GREEN)
        draw_text(image, label, left + 2 * size + keys_width, base, size, _WHITE)


def _table_width(rows: Sequence[tuple[str, str]], size: int) -> tuple[int, int]:
    """Return the widths of the first column and of the whole table, in pixels."""
    keys, labels = (max(measure_text(row[column], size) for row in rows) for column in (0, 1))
    return keys, keys + labels + 3 * size
