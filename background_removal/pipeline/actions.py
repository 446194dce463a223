"""Actions: everything a user can do while frames go by.

Each action of the program is declared once here, with its name, keys and label; the object that does it binds it to
its method with `Action.bind`. The registry `Actions` then serves the keys of the window, the list of keys,
`python main.py control` and the HTTP interfaces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, Stopped, describe_error

ON_OFF = "on|off"
# Names of keys without a visible character.
KEY_NAMES = {" ": "space", "esc": "Esc", "f11": "F11"}

Answer = bool | str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a user can do, by name or by key.

    Attributes:
        name: Name for `python main.py control` and HTTP.
        keys: Keys bound to it.
        label: Short description; neighbours with the same label share a row in lists.
        takes: Argument in words, "" for none; "on|off" makes it a switch, which its key toggles. With keys the argument
            may be left out.
        run: Does it; None for an action that is only declared. Called with nothing if it takes nothing, with True or
            False for a switch, else with the argument as text, "" if it was left out. Returns whether anything was
            done, or a message.
        state: Returns whether a switch is on.
        aliases: More keys, which lists leave out.
        keys_text: The keys as lists show them; "" joins `keys`.
        choices: Suggested arguments.
        limits: Lowest and highest number that is an argument; None if it takes no number.
        changes_output: Whether frames come out different afterwards, so that a still image is processed again.
    """

    name: str
    keys: tuple[str, ...] = ()
    label: str = ""
    takes: str = ""
    run: Callable[..., Answer] | None = None
    state: Callable[[], Any] | None = None
    aliases: tuple[str, ...] = ()
    keys_text: str = ""
    choices: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None
    changes_output: bool = True

    @property
    def key_label(self) -> str:
        """The keys as lists show them, "" if there are none."""
        return self.keys_text or " / ".join(KEY_NAMES.get(key, key) for key in self.keys)

    @property
    def is_switch(self) -> bool:
        return self.takes == ON_OFF

    def bind(self, run: Callable[..., Answer], state: Callable[[], Any] | None = None) -> Action:
        """Return the action with the function that does it, and the one that returns a switch's state."""
        return replace(self, run=run, state=state)

    def perform(self, argument: str = "") -> Answer:
        """Do it.

        Args:
            argument: Text after the name; without one a switch is toggled.

        Returns:
            Whether anything was done, or a message.

        Raises:
            InputError: the argument is missing, superfluous or wrong.
        """
        assert self.run is not None, self.name
        if not self.takes:
            if argument:
                raise InputError(f"{self.name}: nothing can be said after it, and {argument!r} was")
            return self.run()
        if self.is_switch:
            return self._switch(argument)
        if not argument and not self.keys:
            raise InputError(f"{self.name}: must be followed by {self.takes}: {self.label}")
        return self.run(argument)

    def _switch(self, argument: str) -> Answer:
        assert self.run is not None
        if argument not in ("", "on", "off"):
            raise InputError(f"{self.name} {argument}: must be on or off, or nothing to change from one to the other")
        is_on = bool(self.state and self.state())
        if argument and is_on is (argument == "on"):
            return f"{self.name} is {argument} already"
        return self.run(not is_on)

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON can hold it."""
        return {
            "name": self.name,
            "keys": [*self.keys, *self.aliases],
            "key_label": self.key_label,
            "label": self.label,
            "takes": self.takes,
            "choices": ["on", "off"] if self.is_switch else list(self.choices),
            "limits": list(self.limits) if self.limits is not None else None,
            "changes_output": self.changes_output,
        }


NEXT_BACKGROUND = Action("next-background", ("a",), "next / previous background")
PREVIOUS_BACKGROUND = Action("previous-background", ("d",), "next / previous background")
BACKGROUND = Action(
    "background", ("b",), "blur, image, colour or none", "SPEC", choices=("blur", "none", "transparent")
)
LESS_BLUR = Action("less-blur", ("[",), "less / more blur")
MORE_BLUR = Action("more-blur", ("]",), "less / more blur")
BLUR = Action(
    "blur", (), "blur that strongly: light, medium, strong, N%, or a kernel in pixels", "S",
    choices=("light", "medium", "strong"),
)  # fmt: skip
KEEP_MORE = Action("keep-more", ("-",), "keep more / less of the picture")
KEEP_LESS = Action("keep-less", ("+",), "keep more / less of the picture", aliases=("=",))
THRESHOLD = Action("threshold", (), "where background ends and person begins, 0 to 1", "T", limits=(0, 1))
MATTE = Action("matte", ("m",), "show the matte", ON_OFF)
PEOPLE = Action("people", ("p",), "the main person alone, another, everybody", "all|main", choices=("all", "main"))
PLACE = Action(
    "place", ("t",), "the person left, right, in the middle, back", "left|right|center|X,Y,SCALE|off",
    choices=("left", "right", "center", "off"),
)  # fmt: skip
SHADOW = Action("shadow", (), "shadow of the person on a new background, 0 to 1", "S", limits=(0, 1))
FOREGROUND = Action("foreground", (), "a picture with transparency before the person, or off", "FILE|off")
PLATE = Action("plate", ("e",), "take a picture of the empty room", "now|off", choices=("now", "off"))
SCREEN = Action(
    "screen", (), "a green or blue screen is behind the person: its colour, auto, or off", "COLOR|auto|off",
    choices=("green", "blue", "auto", "off"),
)  # fmt: skip
KEEP_AT = Action("keep-at", (), "keep the thing there (shares of the picture), or let it go", "X,Y")
AUTO_FRAME = Action("auto-frame", ("z",), "auto-frame on or off", ON_OFF)
LOW_LIGHT = Action("low-light", ("l",), "low-light on or off", ON_OFF)
COLOR_BALANCE = Action("color-balance", ("k",), "color-balance on or off", ON_OFF)
DEFOCUS = Action("defocus", ("v",), "defocus on or off", ON_OFF)
NAME = Action("name", ("n",), "name on or off", ON_OFF)
LOGO = Action("logo", ("o",), "logo on or off", ON_OFF)
FREEZE = Action("freeze", (" ",), "freeze", ON_OFF)
MIRROR = Action("mirror", ("f",), "mirror")
CARD = Action("card", ("x",), "show others a card instead of you", ON_OFF, changes_output=False)
SNAPSHOT = Action("snapshot", ("s",), "save a snapshot", changes_output=False)
RECORD = Action("record", ("r",), "begin or end a recording", ON_OFF, changes_output=False)
SAVE_LOOK = Action("save-look", ("w",), "write the look to the --config file", changes_output=False)
KEYS = Action("keys", ("h", "?"), "this list", keys_text="h or ?", changes_output=False)
BESIDE = Action("beside", ("c",), "beside the original", ON_OFF, changes_output=False)
FULL_SCREEN = Action("full-screen", ("g", "f11"), "full screen", keys_text="g, F11, double click", changes_output=False)
QUIT = Action("quit", ("q", "esc"), "quit", keys_text="q, Esc", changes_output=False)

# Every action of the program, in the order of the help; a run has those whose objects it has.
ALL = (
    NEXT_BACKGROUND, PREVIOUS_BACKGROUND, BACKGROUND, LESS_BLUR, MORE_BLUR, BLUR, KEEP_MORE, KEEP_LESS, THRESHOLD,
    MATTE, PEOPLE, PLATE, SCREEN, PLACE, SHADOW, FOREGROUND, KEEP_AT, AUTO_FRAME, LOW_LIGHT, COLOR_BALANCE, DEFOCUS,
    NAME, LOGO, FREEZE, MIRROR, CARD, SNAPSHOT, RECORD, SAVE_LOOK, KEYS, BESIDE, FULL_SCREEN, QUIT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One row of a list of actions: an action, or neighbours with the same label, such as less and more blur."""

    actions: tuple[Action, ...]

    @property
    def names(self) -> list[str]:
        return [action.name for action in self.actions]

    @property
    def keys(self) -> list[str]:
        return [key for action in self.actions for key in action.keys]

    @property
    def key_label(self) -> str:
        return " / ".join(action.key_label for action in self.actions if action.keys)

    @property
    def label(self) -> str:
        return self.actions[0].label

    @property
    def takes(self) -> str:
        return self.actions[0].takes

    @property
    def usage(self) -> str:
        """The names and the argument, as on the command line."""
        words = " | ".join(self.names)
        if not self.takes:
            return words
        return f"{words} [{self.takes}]" if self.keys else f"{words} {self.takes}"


def rows_of(actions: Iterable[Action]) -> list[ActionRow]:
    """Return the rows of a list of actions.

    >>> [row.usage for row in rows_of([LESS_BLUR, MORE_BLUR, BLUR, FREEZE])]
    ['less-blur | more-blur', 'blur S', 'freeze [on|off]']
    """
    groups = itertools.groupby(actions, lambda action: (action.label, action.takes))
    return [ActionRow(tuple(group)) for _, group in groups]


def keys_of(actions: Iterable[Action]) -> dict[str, str]:
    """Return the rows of a list of keys.

    >>> keys_of([FREEZE, BLUR, LESS_BLUR, MORE_BLUR])
    {'space': 'freeze', '[ / ]': 'less / more blur'}
    """
    return {row.key_label: row.label for row in rows_of(actions) if row.keys}


def find_by_key(actions: Iterable[Action], key: str) -> Action | None:
    """Return the first action bound to a key."""
    return next((action for action in actions if key in (*action.keys, *action.aliases)), None)


def run_key(actions: Iterable[Action], key: str) -> Answer:
    """Do the action bound to a key; return its answer, False if there is none."""
    action = find_by_key(actions, key)
    return False if action is None else action.perform()


def states_of(actions: Iterable[Action]) -> dict[str, Any]:
    """Return the states of the actions that have one, by name."""
    return {action.name: action.state() for action in actions if action.state is not None}


class Actor:
    """Base class of everything with actions: the custom objects, the recorder, the window."""

    @property
    def actions(self) -> Sequence[Action]:
        """Its actions, each bound to the method that does it."""
        return ()

    @property
    def keys(self) -> Mapping[str, str]:
        """Rows for the list of keys."""
        return keys_of(self.actions)

    @property
    def badges(self) -> Sequence[str]:
        """Short texts shown in the window while a state lasts, such as "frozen"."""
        return ()

    def status(self) -> Mapping[str, Any]:
        """Return the values that `python main.py control status` prints, by name."""
        return states_of(self.actions)

    def on_key(self, key: str) -> Answer:
        """Do the action bound to a key; return its answer, False if there is none."""
        return run_key(self.actions, key)


class Actions:
    """The registry of a run: every action, by name and by key.

    Args:
        actors: Owners of the actions, in the order in which keys are offered to them.
    """

    def __init__(self, actors: Sequence[Actor] = ()) -> None:
        self._actors = actors
        self._by_name: dict[str, Action] = {}
        for action in (*(action for actor in actors for action in actor.actions), QUIT.bind(_stop)):
            self._by_name.setdefault(action.name, action)

    @property
    def names(self) -> list[str]:
        """Names of all actions, and "key", which is followed by a key."""
        return [*self._by_name, "key"]

    @property
    def rows(self) -> list[ActionRow]:
        """Rows for a list of all actions."""
        return rows_of(self._by_name.values())

    @property
    def key_rows(self) -> list[tuple[str, str]]:
        """Rows for the list of keys: keys and label."""
        return [row for actor in self._actors for row in actor.keys.items()]

    @property
    def badges(self) -> list[str]:
        """Short texts shown in the window while a state lasts."""
        return [badge for actor in self._actors for badge in actor.badges]

    def status(self) -> dict[str, Any]:
        """Return the status of all actors; of two values with one name the first actor's."""
        status: dict[str, Any] = {}
        for actor in self._actors:
            status = {**actor.status(), **status}
        return status

    def press(self, key: str) -> tuple[Answer, bool]:
        """Offer a key to one actor after another; an unused capital counts as the small letter.

        Returns:
            The answer, False if the key is not used; and whether frames come out different now.

        Raises:
            Stopped: the key ends the run.
        """
        if key.lower() in QUIT.keys:
            raise Stopped
        # With Caps Lock on all letters are capitals, and Qt's window reports both as one.
        for each in dict.fromkeys((key, key.lower())):
            for actor in self._actors:
                answer = actor.on_key(each)
                if answer:
                    action = find_by_key(actor.actions, each)
                    return answer, action is None or action.changes_output
        return False, False

    def perform(self, name: str, argument: str = "") -> Answer:
        """Do an action by its name.

        Returns:
            Whether anything was done, or a message.

        Raises:
            InputError: there is no such action, or its argument is wrong.
            ProcessingError: it failed.
            Stopped: it ends the run.
        """
        if name == "key":
            return self._perform_key(argument)
        action = self._by_name.get(name)
        if action is None:
            is_known = any(name == known.name for known in ALL)
            reason = "it needs what this run has not (a window, a virtual camera, …)" if is_known else ""
            raise InputError(f"{name}: {reason or 'there is no such action'}; there are: {', '.join(self.names)}")
        try:
            return action.perform(argument)
        except (BackgroundRemovalError, Stopped):
            raise
        except Exception as error:
            raise ProcessingError(f"{name} failed: {describe_error(error)}") from error

    def _perform_key(self, text: str) -> Answer:
        key = next((key for key, name in KEY_NAMES.items() if name.lower() == text.lower()), text)
        if not key:
            raise InputError("key: must be followed by a key, as it is typed in the window: key a, key space")
        answer, _ = self.press(key)
        if not answer:
            raise InputError(f"key {text}: nothing uses it")
        return answer


def _stop() -> bool:
    raise Stopped
