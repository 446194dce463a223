"""LowLight: lifts the picture when the scene is dark, and leaves it alone otherwise."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.effects.clock import Clock
from background_removal.effects.effect import Effect
from background_removal.pipeline import actions
from background_removal.pipeline.frame import StreamInfo

# All of these were chosen by eye.
# Mean brightness, of 255, below which a scene is dark, and from which it is not any more.
_DARK, _BRIGHT_AGAIN = 70.0, 85.0
# What a dark scene is brought to, and the gamma that is not exceeded: noise grows with it.
_AIM, _MAX_GAMMA = 95.0, 2.4
# The share of a scene that may be brighter than its white: lamps and reflections. White is not set below the latter,
# since noise grows here too.
_BRIGHTER_THAN_WHITE, _DARKEST_WHITE = 0.02, 110.0
# What was that bright becomes this share of 255; what is brighter still shares the rest, so that nothing is clipped.
_WHITE, _SHOULDER = 0.94, 0.85
# The gain from which on all of that bend is there.
_FULLY_BENT = 0.2
# Share of the way that all of it goes in a second, so that nothing flickers.
_PER_SECOND = 0.85
# What is nearer to no change than this is none.
_LEAST = 0.01


class LowLight(Effect):
    """Sets a white point and a gamma, which follow the scene slowly.

    A value v becomes 255 s(v / w) ** (1 / gamma), where w is the white, and s keeps what is brighter below 1.

    Args:
        on: Whether it is on from the beginning; the key l changes that.
    """

    action = actions.LOW_LIGHT

    def __init__(self, *, on: bool = True) -> None:
        super().__init__(on)
        self._clock = Clock(longest=1.0)
        self._begin()

    def _begin(self) -> None:
        self._seen: np.ndarray | None = None  # brightness and white of the scene
        self._strength = np.zeros(2)  # logarithms of 255 / w and of gamma
        self._is_dark = False

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._begin()
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Say when the next frame is shown."""
        self._clock.now = seconds

    @property
    def lingers(self) -> bool:
        """Whether the picture still goes back to how it is."""
        return bool(self._strength.max() > _LEAST)

    def on_key(self, key: str) -> bool | str:
        """Switch by `key`; the light comes and goes slowly."""
        answer = super().on_key(key)
        if answer:
            self._clock.reset()  # while it was off nobody asked
        return answer

    def changed(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), lifted if its scene is dark."""
        small = cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA)[..., 1]
        now = np.array([small.mean(), np.quantile(small, 1 - _BRIGHTER_THAN_WHITE)])
        share = 1 - (1 - _PER_SECOND) ** self._clock.step()
        if self._seen is None:
            self._seen, share = now, 1.0
        self._seen = seen = self._seen + share * (now - self._seen)
        self._strength = self._strength + share * (self._aim(*seen) - self._strength)
        if not self.lingers:
            return frame
        lifted = cv2.LUT(np.ascontiguousarray(frame[..., :3]), _curve(*np.exp(self._strength)))
        return lifted if frame.shape[2] == 3 else np.dstack([lifted, frame[..., 3]])

    def _aim(self, brightness: float, white: float) -> np.ndarray:
        """Return what a scene wants: the logarithms of 255 / w and of gamma."""
        self._is_dark = self.on and brightness < (_BRIGHT_AGAIN if self._is_dark else _DARK)
        if not self._is_dark:
            return np.zeros(2)
        gain = 255 / np.clip(white, _DARKEST_WHITE, 255)
        gamma = np.log(np.clip(brightness * gain, 1, _AIM) / 255) / np.log(_AIM / 255)
        return np.log([gain, np.clip(gamma, 1, _MAX_GAMMA)])


def _curve(gain: float, gamma: float) -> np.ndarray:
    """Return what becomes of each value, uint8 (256,)."""
    values = np.arange(256) / 255 * gain
    start = _SHOULDER * _WHITE
    over, room = np.maximum(values - start, 0), 1 - start
    # From the shoulder on it goes on as steep as before, and bends more and more; what is left to 1 is shared evenly.
    bent = np.minimum(values, start) + room * (1 - np.exp(-over / room))
    bent += (1 - bent[-1]) * over / over[-1]
    # Without a gain nothing needs to be bent.
    share = min((gain - 1) / _FULLY_BENT, 1)
    values = (1 - share) * np.minimum(values, 1) + share * bent
    return np.rint(255 * values ** (1 / gamma)).astype(np.uint8)
