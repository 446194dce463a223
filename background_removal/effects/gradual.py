"""Base class of effects that follow the scene slowly."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.effects.clock import Clock
from background_removal.effects.effect import Effect
from background_removal.effects.subject import Subject
from background_removal.pipeline.frame import StreamInfo


class GradualEffect(Effect):
    """Base class of effects with a state that changes slowly from frame to frame.

    A subclass sets up its state in `begin`; its `is_fading` is True while the effect still shows after it is switched
    off.

    Args:
        on: Whether it is on at the beginning.

    Attributes:
        max_step_seconds: Maximum time that counts between two frames.
    """

    max_step_seconds = 1.0

    def __init__(self, *, on: bool = True) -> None:
        super().__init__(on)
        self._person = Subject()
        self._clock = Clock(self.max_step_seconds)
        self.begin()

    def begin(self) -> None:
        """Set the state that a stream begins with."""
        raise NotImplementedError

    def switched(self) -> None:
        """Prepare for a change of the switch."""

    def meet(self, objects: Sequence[object]) -> None:
        """Take the alpha from one of these objects."""
        self._person.meet(objects)

    def open(self, info: StreamInfo) -> None:
        """Begin a stream."""
        self.begin()
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Set the presentation time of the next frame."""
        self._clock.now = seconds

    def switch(self, on: bool) -> str:
        """Switch on or off; the effect comes and goes slowly. Return the message."""
        self._clock.reset()  # it did not run while the effect was off
        self.switched()
        return super().switch(on)


def apply_curves(frame: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Return a frame with curves applied to its colours; a fourth channel stays.

    Args:
        frame: uint8 (H, W, 3) or (H, W, 4).
        curves: New value for each value, uint8 (256,) or (1, 256, 3).
    """
    colors = cv2.LUT(np.ascontiguousarray(frame[..., :3]), curves)
    return colors if frame.shape[2] == 3 else np.dstack([colors, frame[..., 3]])
