"""Look of a request: only shipped pictures, colours, and the visitor's own pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from background_removal.compositing.blur import STRENGTHS, RelativeBlur, parse_blur
from background_removal.compositing.colors import is_color, parse_color
from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.errors import InputError
from background_removal.look import PLAIN_BACKGROUNDS, Look
from background_removal.page.http_errors import PageError, plain_message

BLURS = tuple(STRENGTHS)
# Prefix of a background that a visitor has uploaded.
UPLOAD = "upload:"


def parse_look(given: Mapping[str, Any], base: Look, has_picture: Callable[[str], bool]) -> Look:
    """Return `base` with the settings of a request.

    Args:
        given: Settings by the names of `Look`.
        base: The look without them.
        has_picture: Returns whether there is an uploaded background with that id.

    Raises:
        PageError: a setting cannot be used.
    """
    given = dict(given)
    if "background" in given:
        given["background"] = _parse_background(given["background"].strip(), has_picture)
    if given.get("foreground"):
        given["foreground"] = _parse_upload("foreground", given["foreground"].strip(), has_picture)
    if "blur" in given:
        given["blur"] = given["blur"].strip()
        # No kernel in pixels, which blurs pictures of each size differently.
        if given["blur"] not in BLURS and not _is_percent(given["blur"]):
            raise PageError(400, f"blur {given['blur']}: must be {', '.join(BLURS)}, or N% (up to 100)")
    for name in ("grow", "shrink"):
        shift = str(given.get(name, 0)).strip()
        # Nor here, unless the page was started with one.
        if shift.strip("0.") and not shift.endswith("%") and shift != str(getattr(base, name)):
            raise PageError(400, f"{name} {shift[:20]}: must be N%")
    try:
        return Look.parse(given, base)
    except InputError as error:
        raise PageError(400, plain_message(error)) from error


def _parse_upload(name: str, text: str, has_picture: Callable[[str], bool]) -> str:
    if not text.startswith(UPLOAD):
        raise PageError(400, f"{name}: must be {UPLOAD}ID, of a picture sent to /api/backgrounds")
    if not has_picture(text[len(UPLOAD) :]):
        raise PageError(404, f"{name}: that picture is not here (any more); send it again")
    return text


def _is_percent(text: str) -> bool:
    try:
        return text.endswith("%") and isinstance(parse_blur(text), RelativeBlur)
    except InputError:
        return False


def _parse_background(text: str, has_picture: Callable[[str], bool]) -> str:
    if text in PLAIN_BACKGROUNDS:
        return text
    if text.startswith(UPLOAD):
        return _parse_upload("background", text, has_picture)
    if (path := shipped_picture(text)) is not None:
        return next(name for name, shipped in shipped_pictures().items() if shipped == path)
    if is_color(text):
        try:
            blue, green, red = parse_color(text)
        except InputError as error:
            raise PageError(400, f"background: {error}") from error
        return f"#{red:02x}{green:02x}{blue:02x}"
    known = ", ".join([*PLAIN_BACKGROUNDS, *shipped_pictures()])
    raise PageError(400, f"background: must be {known}, a colour (#RRGGBB or a name), or {UPLOAD}ID")
