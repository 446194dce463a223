"""Look: every setting of the picture in one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from background_removal.compositing.blur import STRENGTHS, parse_blur
from background_removal.compositing.edge_shift import parse_shift
from background_removal.compositing.key_names import USUAL_KEYS, check_key
from background_removal.compositing.place import COLUMNS, MAX_SCALE, MIN_SCALE, parse_place
from background_removal.errors import InputError

# Effects that can be switched on, in the order in which they are listed.
EFFECTS = ("auto-frame", "low-light", "color-balance", "defocus")
PEOPLE = ("all", "main")
# Backgrounds that are no picture and no colour.
PLAIN_BACKGROUNDS = ("blur", "none", "transparent")


@dataclass(frozen=True, slots=True)
class Setting:
    """Values that a setting of the look may have, for programs that offer a control for it.

    Attributes:
        kind: "number" and "shift" are numbers, a shift of the edge in percent of the head's height; "choice" is one of
            `choices`; "switch" is true or false; "effects" any number of `choices`; "background" and "blur" are one of
            `choices` or something else; "place" is one of `choices` or three numbers; "screen" is one of
            `choices` or a colour; "picture" is a picture.
        group: What it belongs to, for its place among other settings.
        limits: Lowest and highest number; of a shift those that a control offers, which are enough for an edge; of a
            place those of the factor of the person's size.
        step: Smallest change of the number that a control makes.
        choices: Values with a name.
        amounts: Numbers that choices stand for: of a blur percent of the shorter side, of a place the column.
    """

    kind: Literal["background", "blur", "effects", "switch", "choice", "number", "shift", "place", "screen", "picture"]
    group: Literal["background", "effects", "people", "edge", "place"]
    limits: tuple[float, float] | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    amounts: Mapping[str, float] = field(default_factory=dict)


_SHARE: dict[str, Any] = {"kind": "number", "limits": (0, 1), "step": 0.05}
_SHIFT: dict[str, Any] = {"kind": "shift", "limits": (0, 10), "step": 0.1}
# Settings of `Look` in the order in which they are offered.
SETTINGS = {
    "background": Setting("background", "background", choices=PLAIN_BACKGROUNDS),
    "blur": Setting("blur", "background", choices=tuple(STRENGTHS), amounts=STRENGTHS),
    "effects": Setting("effects", "effects", choices=EFFECTS),
    "invert": Setting("switch", "effects"),
    "people": Setting("choice", "people", choices=PEOPLE),
    "threshold": Setting(group="edge", **_SHARE),
    "edge_softness": Setting(group="edge", **_SHARE),
    "light_wrap": Setting(group="edge", **_SHARE),
    "grow": Setting(group="edge", **_SHIFT),
    "shrink": Setting(group="edge", **_SHIFT),
    "key": Setting("screen", "edge", choices=("", "auto", *USUAL_KEYS)),
    "place": Setting("place", "place", (MIN_SCALE, MAX_SCALE), choices=("", *COLUMNS), amounts=COLUMNS),
    "shadow": Setting(group="place", **_SHARE),
    "foreground": Setting("picture", "place"),
}
# Settings that are numbers from 0 to 1.
_SHARES = tuple(name for name, setting in SETTINGS.items() if setting.kind == "number")


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that makes the picture; option names, settings files and the HTTP interface use the same names.

    Attributes:
        background: "blur", "none", "transparent", a colour, a shipped picture, or the path or URL of a picture, a
            folder or a video.
        blur: Strength of the blur: "light", "medium", "strong", "N%", or a kernel in pixels.
        threshold: Alpha at which background ends and person begins, 0 to 1.
        edge_softness: 0 cuts hard at the threshold, 1 keeps the edge as soft as the network sees it.
        light_wrap: Light of a new background over the person's edge, 0 to 1.
        place: Where the person is on a new background: "left", "right", "center", or "X,Y,SCALE": the column of their
            middle and the row of their lower end, shares of the frame, and the factor of their size; "" leaves them.
        shadow: Strength of the person's shadow on a new background, 0 to 1.
        foreground: Path or URL of a picture with transparency that lies before the person; "" for none.
        people: "all" keeps everyone; "main" keeps the main person only.
        grow, shrink: Distance by which the edge moves outwards, inwards: "N%" of the head's height, or pixels of the
            frame; one of the two.
        key: Colour of a screen behind the person: "green", "blue", "#RRGGBB", or "auto" to look for one; "" for none.
        invert: Whether the room stays and the person goes.
        effects: Names of the effects that are on, each one of `EFFECTS`.

    Raises:
        InputError: a value is out of range or of the wrong type; the message names the setting in backticks.
    """

    background: str = "blur"
    blur: str | int = "medium"
    threshold: float = 0.5
    edge_softness: float = 0.5
    light_wrap: float = 0.0
    place: str = ""
    shadow: float = 0.0
    foreground: str = ""
    people: str = "all"
    grow: str | float = 0.0
    shrink: str | float = 0.0
    key: str = ""
    invert: bool = False
    effects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _SHARES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                shown = f"{value:g}" if isinstance(value, (int, float)) else str(value)
                raise InputError(f"`{name}` {shown}: must be between 0 and 1")
        if self.people not in PEOPLE:
            raise InputError(f"`people` {self.people}: must be {' or '.join(PEOPLE)}")
        if unknown := [name for name in self.effects if name not in EFFECTS]:
            raise InputError(f"`effects` {unknown[0]}: must be one of {', '.join(EFFECTS)}")
        if not isinstance(self.invert, bool):
            raise InputError(f"`invert` {self.invert}: must be true or false")
        check_key(self.key)
        place = parse_place(self.place)
        object.__setattr__(self, "place", place.text if place is not None else "")
        object.__setattr__(self, "blur", parse_blur(self.blur).value)
        grow, shrink = parse_shift(self.grow, "grow"), parse_shift(self.shrink, "shrink")
        if grow.amount and shrink.amount:
            raise InputError(f"`grow` {grow} and `shrink` {shrink}: give one of them")
        object.__setattr__(self, "grow", grow.value)
        object.__setattr__(self, "shrink", shrink.value)
        object.__setattr__(self, "effects", tuple(name for name in EFFECTS if name in self.effects))

    @classmethod
    def parse(cls, given: Mapping[str, Any], base: Look | None = None) -> Look:
        """Return `base` (default: the default look) with the values in `given`, by the names of the attributes.

        Numbers may be text, and so may true and false; `effects` may be a list or comma-separated text.

        Raises:
            InputError: a name is unknown, or a value cannot be used.
        """
        if unknown := [name for name in given if name not in NAMES]:
            raise InputError(f"`{unknown[0]}`: unknown setting; known are {', '.join(NAMES)}")
        values = dict(given)
        for name in _SHARES:
            if isinstance(values.get(name), str):
                try:
                    values[name] = float(values[name])
                except ValueError as error:
                    raise InputError(f"`{name}` {values[name]}: must be between 0 and 1") from error
        if isinstance(values.get("invert"), str):
            values["invert"] = {"true": True, "false": False}.get(values["invert"].lower(), values["invert"])
        effects = values.get("effects")
        if isinstance(effects, str):
            values["effects"] = tuple(name for name in effects.split(",") if name)
        elif effects is not None:
            values["effects"] = tuple(effects)
        return replace(base or cls(), **values)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON and TOML can hold them; `parse` reads them back."""
        return {**asdict(self), "effects": list(self.effects)}

    @property
    def is_transparent(self) -> bool:
        """Whether results have an alpha channel."""
        return self.background == "transparent"


NAMES = tuple(field.name for field in fields(Look))
