"""What a user can do while frames go by: every action's name, its keys, and what it does, listed once.

The keys typed in the window, its list of them, and `python main.py control` with its help are all made from here. An
object that takes actions says which, in `actions`, and does them in `on_key` and `on_action`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from background_removal.errors import InputError

ON_OFF = "on|off"
# Keys that have no character of their own, or one that cannot be seen, as people call them.
KEY_NAMES = {" ": "space", "esc": "Esc", "f11": "F11"}


@dataclass(frozen=True, slots=True)
class Action:
    """One row of the list of keys: an action, or two that are each other's contrary.

    Attributes:
        names: What each is called by `python main.py control`.
        keys: The keys of each, if they have any.
        meaning: What it does, in short words.
        takes: What may be said after its name, "" for nothing. With "on|off" its key changes one into the other, and
            `Actor.status` tells under its name which it is; all else is done by `Actor.on_action`.
        label: What the list of keys calls the keys; "" makes it of them.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    meaning: str
    takes: str = ""
    label: str = ""

    @property
    def told(self) -> str:
        """What the list of keys calls the keys, "" if there are none."""
        return self.label or " / ".join(KEY_NAMES.get(key, key) for key in self.keys)

    @property
    def usage(self) -> str:
        """How to write it on the command line."""
        words = " | ".join(self.names)
        if not self.takes:
            return words
        return f"{words} [{self.takes}]" if self.keys else f"{words} {self.takes}"


MIRROR = Action(("mirror",), ("f",), "mirror")
FREEZE = Action(("freeze",), (" ",), "freeze", ON_OFF)
CARD = Action(("card",), ("x",), "show others a card instead of you", ON_OFF)
RECORD = Action(("record",), ("r",), "begin or end a recording", ON_OFF)
SNAPSHOT = Action(("snapshot",), ("s",), "save a snapshot")
PICTURES = Action(("next-background", "previous-background"), ("a", "d"), "next / previous background")
BACKGROUND = Action(("background",), ("b",), "blur, image, colour or none", "SPEC")
BLUR = Action(("blur",), (), "blur that strongly: light, medium, strong, N%, or a kernel in pixels", "S")
BLUR_STEPS = Action(("less-blur", "more-blur"), ("[", "]"), "less / more blur")
THRESHOLD = Action(("threshold",), (), "where background ends and person begins, 0 to 1", "T")
THRESHOLD_STEPS = Action(("keep-more", "keep-less"), ("-", "+"), "keep more / less of the picture")
MATTE = Action(("matte",), ("m",), "show the matte", ON_OFF)
PEOPLE = Action(("people",), ("p",), "the main person alone, another, everybody", "all|main")
AUTO_FRAME = Action(("auto-frame",), ("z",), "auto-frame on or off", ON_OFF)
LOW_LIGHT = Action(("low-light",), ("l",), "low-light on or off", ON_OFF)
COLOR_BALANCE = Action(("color-balance",), ("k",), "color-balance on or off", ON_OFF)
DEFOCUS = Action(("defocus",), ("v",), "defocus on or off", ON_OFF)
NAME = Action(("name",), ("n",), "name on or off", ON_OFF)
LOGO = Action(("logo",), ("o",), "logo on or off", ON_OFF)
SAVE_LOOK = Action(("save-look",), ("w",), "write the look to the --config file")
KEYS = Action(("keys",), ("h", "?"), "this list", label="h or ?")
BESIDE = Action(("beside",), ("c",), "beside the original", ON_OFF)
FULL_SCREEN = Action(("full-screen",), ("g", "f11"), "full screen", label="g, F11, double click")
QUIT = Action(("quit",), ("q", "esc"), "quit", label="q, Esc")

# All that the program itself can do, in the order of the help; which of them there are depends on what runs.
ALL = (
    PICTURES, BACKGROUND, BLUR_STEPS, BLUR, THRESHOLD_STEPS, THRESHOLD, MATTE, PEOPLE, AUTO_FRAME, LOW_LIGHT,
    COLOR_BALANCE, DEFOCUS, NAME, LOGO, FREEZE, MIRROR, CARD, SNAPSHOT, RECORD, SAVE_LOOK, KEYS, BESIDE,
    FULL_SCREEN, QUIT,
)  # fmt: skip


class Actor(Protocol):
    """Something that takes actions."""

    @property
    def actions(self) -> Sequence[Action]:
        """Those that it takes."""
        ...

    def on_key(self, key: str) -> bool | str:
        """Use a key; return whether it did, or what to say of it."""
        ...


def keys_of(actions: Iterable[Action]) -> dict[str, str]:
    """Return the rows of a list of keys.

    >>> keys_of([FREEZE, BLUR, BLUR_STEPS])
    {'space': 'freeze', '[ / ]': 'less / more blur'}
    """
    return {action.told: action.meaning for action in actions if action.keys}


def actions_of(item: object) -> list[Action]:
    """Return the actions that an object of anybody's takes; what else it may call so does not count."""
    actions = getattr(item, "actions", ())
    return [each for each in actions if isinstance(each, Action)] if isinstance(actions, Sequence) else []


def status_of(item: object) -> Mapping[str, Any]:
    """Return what there is to tell of an object that takes actions, by their names."""
    status: Any = getattr(item, "status", None)
    return cast("Mapping[str, Any]", status()) if actions_of(item) and callable(status) else {}


def named(actions: Iterable[Action], name: str) -> Action | None:
    """Return the action of that name, None if there is none."""
    return next((action for action in actions if name in action.names), None)


def perform(item: Actor, name: str, argument: str = "") -> bool | str:
    """Let an object do one of its actions, as its key would where nothing is said after the name.

    Args:
        item: The object.
        name: What the action is called.
        argument: What is said after the name.

    Returns:
        Whether it was done; or what to say of it.

    Raises:
        InputError: it takes something else, or nothing, after its name.
    """
    action = named(actions_of(item), name)
    assert action is not None, name
    if argument and not action.takes:
        raise InputError(f"{name}: nothing can be said after it, and {argument!r} was")
    key = action.keys[action.names.index(name)] if action.keys else ""
    if not argument:
        if not key:
            raise InputError(f"{name}: must be followed by {action.takes}: {action.meaning}")
        return item.on_key(key)
    if action.takes != ON_OFF:
        return getattr(item, "on_action")(name, argument)  # noqa: B009 - only who takes something has it
    if argument not in ("on", "off"):
        raise InputError(f"{name} {argument}: must be on or off, or nothing to change from one to the other")
    if bool(status_of(item).get(name)) is (argument == "on"):
        return f"{name} is {argument} already"
    return item.on_key(key)
