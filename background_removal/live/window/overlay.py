"""What is drawn over the picture in the window, for the user alone: signs, messages and the list of keys.

Each has a place of its own, away from those where `effects.plate` draws into the picture itself, its logo in the
right half above and its name below: signs stand in the left half above, messages in the middle over the name, and
the list of keys in between.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from background_removal.support.lettering import darken, draw_label, draw_text, measure_label, measure_text

# What a sign begins with that is to be seen at once: it is drawn red.
DOT = "●"
_WHITE, _GREEN, _RED = (255, 255, 255), (160, 255, 160), (60, 60, 255)
# Heights of letters, as shares of the picture's shorter side.
_SIGN_SIZE, _MESSAGE_SIZE, _LARGEST_KEYS_SIZE = 0.03, 0.036, 0.032
# Letters of fewer pixels can hardly be read; those of the list of keys may get a little smaller, for it to fit.
_SMALLEST, _SMALLEST_KEYS = 10, 8
_MARGIN = 0.03
# As shares of the picture's height: below the logo, and above the name.
_LIST_TOP, _MESSAGE_BOTTOM = 0.18, 0.865


def draw_overlay(
    image: np.ndarray,
    signs: Sequence[str] = (),
    trouble: str = "",
    message: str = "",
    keys: Sequence[tuple[str, str]] = (),
) -> None:
    """Draw over `image`, uint8 (H, W, 3) BGR, in place.

    Args:
        image: The picture, in the size in which it is seen.
        signs: What lasts, in short words: "frozen".
        trouble: What is the matter, as long as it is.
        message: What there is to say at the moment.
        keys: The list of keys: what is typed, and what it does.
    """
    height, width = image.shape[:2]
    shorter = min(height, width)
    gap = max(2, round(0.012 * shorter))
    signs_bottom = _draw_signs(image, signs, max(_SMALLEST, round(_SIGN_SIZE * shorter)), gap)
    size = max(_SMALLEST, round(_MESSAGE_SIZE * shorter))
    bottom = round(_MESSAGE_BOTTOM * height)
    line = measure_label("", size)[1] + gap
    if trouble:
        _draw_in_the_middle(image, trouble, bottom, size)
        bottom -= line
    if message:
        _draw_in_the_middle(image, message, bottom, size)
    if keys:
        top = max(round(_LIST_TOP * height), signs_bottom + gap)
        _draw_keys(image, keys, round(_MARGIN * shorter), top, bottom - line)


def _draw_signs(image: np.ndarray, signs: Sequence[str], size: int, gap: int) -> int:
    """Draw signs one after another at the upper left, in as many rows as they need; return where the last one ends."""
    height, width = image.shape[:2]
    margin = round(_MARGIN * min(height, width))
    high = measure_label("", size)[1]
    left, bottom = margin, margin + high
    for sign in signs:
        text = _cut(sign, size, width // 2 - margin - 2 * (size // 2))
        wide = measure_label(text, size)[0]
        if left > margin and left + wide > width // 2:
            left, bottom = margin, bottom + high + gap
        draw_label(image, text, left, bottom, size)
        if text.startswith(DOT):
            draw_text(image, DOT, left + size // 2, bottom - size // 2, size, _RED)
        left += wide + gap
    return bottom


def _draw_in_the_middle(image: np.ndarray, text: str, bottom: int, size: int) -> None:
    """Write one line, smaller if it is long."""
    width = image.shape[1]
    room = round(0.94 * width) - size
    if measure_text(text, size) > room:
        size = max(_SMALLEST, size * room // measure_text(text, size))
        text = _cut(text, size, room)
    draw_label(image, text, (width - measure_label(text, size)[0]) // 2, bottom, size)


@functools.lru_cache(maxsize=32)
def _cut(text: str, size: int, room: int) -> str:
    """Return as much of a line as there is room for, in pixels."""
    shown = text
    while len(shown) > 1 and measure_text(shown, size) > room:
        text = text[:-1]
        shown = f"{text.rstrip()}…"
    return shown


def _draw_keys(image: np.ndarray, rows: Sequence[tuple[str, str]], left: int, top: int, bottom: int) -> None:
    """Draw a table of keys and what they do, from `top` to `bottom` at the most."""
    height, width = image.shape[:2]
    # A row is 1.5 letters high, and there is half a row above and below all of them.
    fitting_size = int((bottom - top) // (len(rows) + 1) / 1.5)
    size = max(_SMALLEST_KEYS, min(round(_LARGEST_KEYS_SIZE * min(height, width)), fitting_size))
    keys_width, width_of_all = _table_width(rows, size)
    if width_of_all > width - 2 * left:
        size = max(_SMALLEST_KEYS, size * (width - 2 * left) // width_of_all)
        keys_width, width_of_all = _table_width(rows, size)
    step = round(1.5 * size)
    fitting = max(1, (bottom - top) // step - 1)
    if len(rows) > fitting:
        rows = [*rows[: fitting - 1], ("…", "more in a larger window")]
    darken(image, left, top, left + width_of_all, top + step * (len(rows) + 1))
    for number, (keys, meaning) in enumerate(rows, 1):
        base = top + number * step + size // 4
        draw_text(image, keys, left + size, base, size, _GREEN)
        draw_text(image, meaning, left + 2 * size + keys_width, base, size, _WHITE)


def _table_width(rows: Sequence[tuple[str, str]], size: int) -> tuple[int, int]:
    """Return the widths of the first column and of the whole table, in pixels."""
    keys, meanings = (max(measure_text(row[column], size) for row in rows) for column in (0, 1))
    return keys, keys + meanings + 3 * size
