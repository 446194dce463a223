"""The actions that change the background and the edge of a segmentation while frames go by."""

from __future__ import annotations

from typing import Any

from background_removal.compositing.background_selector import BackgroundSelector
from background_removal.compositing.blur import parse_blur
from background_removal.errors import InputError
from background_removal.matting.loading import PEOPLE
from background_removal.matting.stream import StreamMatting
from background_removal.pipeline import actions

# Change of the threshold by one key press.
_THRESHOLD_STEP = 0.05


class LookControls:
    """Changes the background and the edge of a segmentation.

    Args:
        selector: The background.
        matting: Finds the person.
        threshold: Alpha at which background ends and person begins, 0 to 1.
        edge_softness: Softness of the person's edge, 0 to 1.

    Attributes:
        edge_softness: Softness of the person's edge; changed by `set_edge`.
        showing_matte: Whether the window shows the matte.
    """

    actions = (
        *BackgroundSelector.actions, actions.BLUR, actions.THRESHOLD_STEPS, actions.THRESHOLD, actions.MATTE,
        actions.PEOPLE,
    )  # fmt: skip

    def __init__(
        self, selector: BackgroundSelector, matting: StreamMatting, threshold: float, edge_softness: float
    ) -> None:
        self._selector = selector
        self._matting = matting
        self._threshold = threshold
        self.edge_softness = edge_softness
        self.showing_matte = False

    @property
    def threshold(self) -> float:
        return self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        if not 0 <= value <= 1:
            raise InputError(f"`threshold` {value:g}: must be between 0 and 1")
        self.set_edge(value, self.edge_softness)

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._threshold, self.edge_softness = threshold, edge_softness
        self._matting.set_edge(threshold, edge_softness)

    def on_key(self, key: str) -> bool | str:
        """Use a key; return the message, False if nothing has changed."""
        key = key.lower()
        if key in ("-", "+", "="):
            step = -_THRESHOLD_STEP if key == "-" else _THRESHOLD_STEP
            self.threshold = round(min(max(self._threshold + step, 0.05), 0.95), 2)
            return f"threshold {self._threshold:g}"
        if key == "m":
            self.showing_matte = not self.showing_matte
            return "the matte" if self.showing_matte else "the picture"
        if key == "p":
            return self._matting.next_people()
        return self._selector.on_key(key)

    def on_action(self, name: str, argument: str) -> bool | str:
        """Set a value; returns as `on_key`, raises InputError if the value cannot be used."""
        if name == "threshold":
            try:
                self.threshold = float(argument)
            except ValueError as error:  # no number, or InputError of one out of range
                raise InputError(f"threshold {argument}: must be a number from 0 to 1") from error
            return f"threshold {self._threshold:g}"
        if name == "people":
            return self._set_people(argument)
        if name == "blur":
            self._selector.set_blur(parse_blur(argument))
            self._selector.go_to("blur")
            return f"blur {self._selector.blur.value}"
        return self._selector.select(argument)

    def _set_people(self, people: str) -> str:
        if people not in PEOPLE:
            raise InputError(f"people {people}: must be all or main")
        if people == self._matting.people:
            return f"people: {people} already"
        try:
            self._matting.people = people
        except InputError as error:
            return str(error)
        return "the main person alone" if people == "main" else "everybody"

    def status(self) -> dict[str, Any]:
        """Return the current values by the names of the actions."""
        background = self._selector.background
        return {
            "background": self._selector.spec,
            "blur": self._selector.blur.value,
            "threshold": self._threshold,
            "people": self._matting.people,
            "picture": background.label if background is not None else "",
            "matte": self.showing_matte,
        }
