"""What keys and actions change of how a person is shown before a background."""

from __future__ import annotations

from typing import Any

from background_removal.compositing.background_choice import Look
from background_removal.compositing.blur import parse_blur
from background_removal.errors import InputError
from background_removal.matting.stream import StreamMatting
from background_removal.pipeline import actions

_THRESHOLD_STEP = 0.05
# More turns than there are people to keep, one after another.
_MAX_TURNS = 10


class LookControls:
    """Takes the actions of a segmentation.

    Args:
        look: The background.
        person: Finds the person.
        threshold: Where background ends and person begins, 0 to 1.

    Attributes:
        showing_matte: Whether the window is to show the matte.
    """

    actions = (
        *Look.actions, actions.BLUR, actions.THRESHOLD_STEPS, actions.THRESHOLD, actions.MATTE, actions.PEOPLE,
    )  # fmt: skip

    def __init__(self, look: Look, person: StreamMatting, threshold: float) -> None:
        self._look = look
        self._person = person
        self._threshold = threshold
        self.showing_matte = False

    @property
    def threshold(self) -> float:
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0 <= value <= 1:
            raise InputError(f"`threshold` {value:g}: must be between 0 and 1")
        self._threshold = value
        self._person.set_threshold(value)

    def on_key(self, key: str) -> bool | str:
        """Use a key; return what to say of it, False if nothing has changed."""
        key = key.lower()
        if key in ("-", "+", "="):
            step = -_THRESHOLD_STEP if key == "-" else _THRESHOLD_STEP
            self.threshold = round(min(max(self._threshold + step, 0.05), 0.95), 2)
            return f"threshold {self._threshold:g}"
        if key == "m":
            self.showing_matte = not self.showing_matte
            return "the matte" if self.showing_matte else "the picture"
        if key == "p":
            return self._person.next_people()
        return self._look.on_key(key)

    def on_action(self, name: str, argument: str) -> bool | str:
        """Do what is said in words; returns as `on_key`, raises InputError if that cannot be."""
        if name == "threshold":
            try:
                self.threshold = float(argument)
            except ValueError as error:  # no number, or InputError of one out of range
                raise InputError(f"threshold {argument}: must be a number from 0 to 1") from error
            return f"threshold {self._threshold:g}"
        if name == "people":
            if argument not in ("all", "main"):
                raise InputError(f"people {argument}: must be all or main")
            said = f"people: {argument} already"
            for _ in range(_MAX_TURNS):
                if self._person.people == argument:
                    break
                said = self._person.next_people()
            return said
        if name == "blur":
            self._look.set_blur(parse_blur(argument))
            self._look.go_to("blur")
            return f"blur {self._look.blur.value}"
        return self._look.take(argument)

    def look(self) -> dict[str, Any]:
        """Return what can be changed, named as the options of the command line are."""
        look: dict[str, Any] = {"background": self._look.spec, "blur": self._look.blur.value}
        return {**look, "threshold": self._threshold, "people": self._person.people}

    def status(self) -> dict[str, Any]:
        """Return what there is to tell, by the names of the actions."""
        shown = self._look.background.label if self._look.background is not None else ""
        return {**self.look(), "picture": shown, "matte": self.showing_matte}
