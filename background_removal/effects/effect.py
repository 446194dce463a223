"""Base classes of custom objects that can be switched on and off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from background_removal.pipeline.actions import Action, keys_of
from background_removal.pipeline.frame import Planes
from background_removal.pipeline.objects import FrameObject


class SwitchedEffect(FrameObject):
    """Base class of custom objects with a switch.

    Args:
        on: Whether it is on at the beginning.

    Attributes:
        action: The action that switches it; its name is its option without the leading dashes.
        on: Whether it is on.
    """

    action: Action

    def __init__(self, on: bool = True) -> None:
        self.on = on

    @property
    def name(self) -> str:
        """The effect's name in messages and actions."""
        return self.action.name

    @property
    def actions(self) -> Sequence[Action]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (self.action.bind(self.switch, lambda: self.on),)

    @property
    def keys(self) -> Mapping[str, str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Rows for the list of keys."""
        return keys_of(self.actions)

    def switch(self, on: bool) -> str:
        """Switch the effect on or off; return the message."""
        self.on = on
        return f"{self.name} {'on' if on else 'off'}"


class Effect(SwitchedEffect):
    """Base class of effects that change whole frames, in `apply`."""

    def __init__(self, on: bool = True) -> None:
        super().__init__(on)
        if on:
            # While the effect is on, the reader's thread converts to BGR, rather than `on_planes` in this one.
            self.on_planes = None  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), with the effect applied while it is on or fading."""
        return self.apply(frame) if self.on or self.is_fading else frame

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Return planes as they are while the effect is off, else an image."""
        return self.apply(planes.image) if self.on or self.is_fading else planes

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame with the effect applied."""
        raise NotImplementedError

    @property
    def is_fading(self) -> bool:
        """Whether the effect still shows after it was switched off."""
        return False
