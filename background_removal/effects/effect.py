"""Base classes of custom objects that a key switches on and off."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from background_removal.pipeline.actions import Action, keys_of
from background_removal.pipeline.frame import Planes
from background_removal.pipeline.objects import FrameObject


class SwitchedEffect(FrameObject):
    """Base class of custom objects with a switch.

    Args:
        on: Whether it is on at the beginning.

    Attributes:
        action: The action and key that switch it; its name is its option without the leading dashes.
        on: Whether it is on.
    """

    action: Action

    def __init__(self, on: bool = True) -> None:
        self.on = on
        self.actions = (self.action,)
        self.keys: Mapping[str, str] = keys_of(self.actions)

    @property
    def name(self) -> str:
        """The effect's name in messages and actions."""
        return self.action.names[0]

    def on_key(self, key: str) -> bool | str:
        """Switch by the action's key."""
        if key.lower() not in self.action.keys:
            return False
        self.on = not self.on
        return f"{self.name} {'on' if self.on else 'off'}"

    def status(self) -> Mapping[str, bool]:
        """Return whether it is on, by its name."""
        return {self.name: self.on}


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
