"""Names of the colour of a screen, checked without loading what keys it."""

from __future__ import annotations

from background_removal.errors import InputError

# Colours of screens that have a name.
USUAL_KEYS = ("green", "blue")


def check_key(key: str) -> None:
    """Raise InputError if that is no colour of a screen; "" is none, "auto" looks for one."""
    if not isinstance(key, str):
        raise InputError(f"`key` {key}: must be green, blue, auto, or a colour as #RRGGBB")
    if key not in ("", "auto", *USUAL_KEYS):
        # Imported when it is needed: without a key of its own it costs nothing.
        from background_removal.compositing.key_color import load_green_screen

        load_green_screen(key)
