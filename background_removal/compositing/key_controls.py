"""The key of a screen, and the action that changes it while frames go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from background_removal.matting.guidance.steps import MatteSteps
from background_removal.pipeline import actions
from background_removal.pipeline.actions import Action

if TYPE_CHECKING:
    from background_removal.matting.guidance.green_screen import GreenScreen

# The word that takes the key away.
_OFF = "off"


class KeyControls:
    """Adds the step that keys a screen to the steps of a segmentation, or takes it away.

    Args:
        key: The colour, as `key_color.load_green_screen` takes it; None for no screen.
        keeps_shadows: Whether shadows on the screen are kept.
        steps: The steps of the matte, which the key joins.

    Raises:
        InputError: `key` is no colour of a screen.
    """

    def __init__(self, key: str | None, keeps_shadows: bool, steps: MatteSteps) -> None:
        self._keeps_shadows = keeps_shadows
        self._steps = steps
        self._step: GreenScreen | None = None
        self._key: str | None = None
        self._is_still, self._source = False, ""
        self._set(key)

    def open(self, still: bool, source: str) -> None:
        """Prepare for a stream: whether it is one image, and its name for messages."""
        self._is_still, self._source = still, source
        if self._step is not None:
            self._step.source = source

    def _set(self, key: str | None) -> None:
        step = None
        if key:
            # Imported when it is needed: without a key it costs nothing.
            from background_removal.compositing.key_color import load_green_screen

            step = load_green_screen(key, self._keeps_shadows)
            step.source = self._source
        if self._step is not None:
            self._step.end()
        self._steps.put("screen", step)
        self._step, self._key = step, key or None

    @property
    def actions(self) -> tuple[Action, ...]:
        """The action that changes the key."""
        return (actions.SCREEN.bind(self.change),)

    @property
    def key(self) -> str:
        """The colour, "" for no screen."""
        return self._key or ""

    def load(self, key: str) -> None:
        """Key another colour, or nothing with "", from the next frame on; raises InputError if it is no colour."""
        self._set(key)
        if self._step is not None:
            self._step.begin(self._is_still, live=True)

    @property
    def state(self) -> str:
        """The key, for `control status`."""
        return self._key or _OFF

    def change(self, key: str) -> str:
        """Key another colour, or nothing with "off"; return the message.

        Raises:
            InputError: it is no colour of a screen.
        """
        self._set(None if key == _OFF else key)
        if self._step is None:
            return "no screen"
        # A colour that is missing ends no run: it is said as for a camera.
        self._step.begin(self._is_still, live=True)
        return f"screen {key}"
