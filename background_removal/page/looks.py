"""The look that a visitor asks for: only what ships with the program, colours, and pictures that he has sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from background_removal.compositing.blur import STRENGTHS, parse_blur
from background_removal.compositing.colors import is_color, parse_color
from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.errors import InputError
from background_removal.page.http_errors import PageError

EFFECTS = ("auto-frame", "low-light", "color-balance", "defocus")
BLURS = tuple(STRENGTHS)
PEOPLE = ("all", "main")
UPLOAD = "upload:"
_PLAIN = ("blur", "none", "transparent")


@dataclass(frozen=True, slots=True)
class Look:
    """What becomes of a picture, as the options of the command line of the same names say it.

    Attributes:
        background: "blur", "none", "transparent", a colour, the name of a shipped picture, or "upload:ID".
        blur: "light", "medium", "strong", or "N%".
        threshold, edge_softness, light_wrap: 0 to 1.
        people: "all" or "main".
        effects: Which of EFFECTS there are.
    """

    background: str = "blur"
    blur: str = "medium"
    threshold: float = 0.5
    edge_softness: float = 0.5
    light_wrap: float = 0.0
    people: str = "all"
    effects: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {**asdict(self), "effects": list(self.effects)}

    @property
    def is_transparent(self) -> bool:
        """Whether results have an alpha channel."""
        return self.background == "transparent"


NAMES = tuple(Look.__dataclass_fields__)


def parse_look(given: Mapping[str, Any], base: Look, has_picture: Callable[[str], bool]) -> Look:
    """Return the look that a visitor asks for.

    Args:
        given: What he asks for, by the names of `Look`; what is left out is as in `base`.
        base: What there is without that.
        has_picture: Tells whether there is a picture of that id.

    Raises:
        PageError: there is no such thing.
    """
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        raise PageError(400, f"{unknown[0]}: there is no such setting; there are {', '.join(NAMES)}")
    changes: dict[str, Any] = {}
    for name in ("threshold", "edge_softness", "light_wrap"):
        if name in given:
            changes[name] = _share(name, given[name])
    if "background" in given:
        changes["background"] = _background(_text("background", given["background"]), has_picture)
    if "blur" in given:
        changes["blur"] = _blur(_text("blur", given["blur"]))
    if "people" in given:
        people = changes["people"] = _text("people", given["people"])
        if people not in PEOPLE:
            raise PageError(400, f"people {people}: must be {' or '.join(PEOPLE)}")
    if "effects" in given:
        changes["effects"] = _effects(given["effects"])
    return replace(base, **changes)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100:
        raise PageError(400, f"{name}: must be a short text")
    return value.strip()


def _share(name: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1:
        raise PageError(400, f"{name}: must be a number from 0 to 1")
    return number


def _background(text: str, has_picture: Callable[[str], bool]) -> str:
    if text in _PLAIN:
        return text
    if text.startswith(UPLOAD):
        if not has_picture(text[len(UPLOAD) :]):
            raise PageError(404, "background: that picture is not here (any more); send it again")
        return text
    if shipped_picture(text) is not None:
        return next(name for name, path in shipped_pictures().items() if path == shipped_picture(text))
    if is_color(text):
        try:
            blue, green, red = parse_color(text)
        except InputError as error:
            raise PageError(400, f"background: {error}") from error
        return f"#{red:02x}{green:02x}{blue:02x}"
    known = ", ".join([*_PLAIN, *shipped_pictures()])
    raise PageError(400, f"background: must be {known}, a colour (#RRGGBB or a name), or {UPLOAD}ID")


def _blur(text: str) -> str:
    # A kernel in pixels, which the command line takes as well, means another blur for each size of picture.
    if text not in BLURS and not text.endswith("%"):
        raise PageError(400, f"blur {text}: must be {', '.join(BLURS)}, or N%")
    try:
        return str(parse_blur(text).value)
    except InputError as error:
        raise PageError(400, str(error).replace("`", "")) from error


def _effects(value: Any) -> tuple[str, ...]:
    names = [name for name in value.split(",") if name] if isinstance(value, str) else value
    if not isinstance(names, list) or any(name not in EFFECTS for name in names):
        raise PageError(400, f"effects: must be of {', '.join(EFFECTS)}")
    return tuple(name for name in EFFECTS if name in names)
