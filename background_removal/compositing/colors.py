"""Parse colours as the user writes them."""

from __future__ import annotations

import webcolors

from background_removal.errors import InputError


def is_color(text: str) -> bool:
    """Return whether `text` is meant as a colour: it begins with ``#``, or is a CSS name.

    >>> is_color("#12"), is_color("Navy"), is_color("sunset")
    (True, True, False)
    """
    return text.startswith("#") or text.lower() in webcolors.names()


def parse_color(text: str) -> tuple[int, int, int]:
    """Parse ``#RRGGBB``, ``#RGB`` or a CSS name, such as navy, to (B, G, R).

    Raises:
        InputError: `text` is none of them.

    >>> parse_color("#ff8000"), parse_color("#f80"), parse_color("DarkOrange")
    ((0, 128, 255), (0, 136, 255), (0, 140, 255))
    """
    try:
        color = webcolors.hex_to_rgb(text) if text.startswith("#") else webcolors.name_to_rgb(text)
    except ValueError as error:
        raise InputError(
            f"colour {text}: must be written as #RRGGBB, for instance #00b140, as #RGB, or as one of CSS's names"
        ) from error
    return color.blue, color.green, color.red
