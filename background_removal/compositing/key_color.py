"""Parse the colour of a screen as the user writes it."""

from __future__ import annotations

from background_removal.compositing.colors import parse_color
from background_removal.errors import InputError
from background_removal.matting.guidance.green_screen import GreenScreen
from background_removal.matting.guidance.screen_model import USUAL_HUES, hue_of


def load_green_screen(key: str, keeps_shadows: bool = False) -> GreenScreen:
    """Return the step that keys a screen.

    Args:
        key: "green", "blue", a colour as `parse_color` takes it, or "auto".
        keeps_shadows: Whether shadows on the screen are kept.

    Raises:
        InputError: `key` is none of them, or a grey.
    """
    if key == "auto":
        return GreenScreen(key, None, keeps_shadows)
    if key in USUAL_HUES:
        return GreenScreen(key, USUAL_HUES[key], keeps_shadows)
    if key.lower().endswith((".pem", ".key", ".crt")):
        raise InputError(f"`key` {key}: is the colour of a screen; the key of a certificate is --cert-key")
    try:
        hue = hue_of(parse_color(key))
    except InputError as error:
        raise InputError(f"`key` {key}: must be green, blue, auto, or a colour as #RRGGBB") from error
    if hue is None:
        raise InputError(f"`key` {key}: is too grey for the colour of a screen")
    return GreenScreen(key, hue, keeps_shadows)
