"""The actions that change the background and the edge of a segmentation while frames go by."""

from __future__ import annotations

from typing import Any

from background_removal.compositing.background_selector import BackgroundSelector
from background_removal.compositing.blur import parse_blur
from background_removal.compositing.stage import Stage
from background_removal.errors import InputError
from background_removal.matting.guidance.given import GivenMatting
from background_removal.matting.loading import PEOPLE
from background_removal.matting.stream import StreamMatting
from background_removal.pipeline import actions
from background_removal.pipeline.actions import Action

# Change of the threshold by one key press.
_THRESHOLD_STEP = 0.05


class LookControls:
    """Changes the background and the edge of a segmentation.

    Args:
        selector: The background.
        matting: Finds the person.
        stage: Has the person's place, their shadow, and what is before them.
        threshold: Alpha at which background ends and person begins, 0 to 1.
        edge_softness: Softness of the person's edge, 0 to 1.

    Attributes:
        edge_softness: Softness of the person's edge; changed by `set_edge`.
        showing_matte: Whether the window shows the matte.
    """

    def __init__(
        self,
        selector: BackgroundSelector,
        matting: StreamMatting | GivenMatting,
        stage: Stage,
        threshold: float,
        edge_softness: float,
    ) -> None:
        self._selector = selector
        self._matting = matting
        self._stage = stage
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

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions of a segmentation."""
        return (
            *self._selector.actions,
            actions.BLUR.bind(self.set_blur),
            actions.KEEP_MORE.bind(lambda: self.change_threshold(-_THRESHOLD_STEP)),
            actions.KEEP_LESS.bind(lambda: self.change_threshold(_THRESHOLD_STEP)),
            actions.THRESHOLD.bind(self.parse_threshold),
            actions.MATTE.bind(self.show_matte, lambda: self.showing_matte),
            actions.PEOPLE.bind(lambda people: self.set_people(people) if people else self._matting.next_people()),
            *self._stage.actions,
        )

    def set_blur(self, blur: str) -> str:
        """Blur the background at this strength; return the message."""
        self._selector.set_blur(parse_blur(blur))
        self._selector.go_to("blur")
        return f"blur {self._selector.blur.value}"

    def change_threshold(self, change: float) -> str:
        """Change the threshold between background and person; return the message."""
        self.threshold = round(min(max(self._threshold + change, 0.05), 0.95), 2)
        return f"threshold {self._threshold:g}"

    def parse_threshold(self, text: str) -> str:
        """Set the threshold from text; return the message, raise InputError if it is no number from 0 to 1."""
        try:
            self.threshold = float(text)
        except ValueError as error:  # not a number, or InputError for one out of range
            raise InputError(f"threshold {text}: must be a number from 0 to 1") from error
        return f"threshold {self._threshold:g}"

    def show_matte(self, on: bool) -> str:
        """Show the matte or the result in the window; return the message."""
        self.showing_matte = on
        return "the matte" if on else "the picture"

    def set_people(self, people: str) -> str:
        """Keep all people or the main person only; return the message."""
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
            "place": self._stage.place,
            "shadow": self._stage.shadow,
            "foreground": self._stage.foreground,
            "picture": background.label if background is not None else "",
            "matte": self.showing_matte,
        }
