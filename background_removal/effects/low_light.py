"""LowLight: brightens dark scenes, and leaves others unchanged."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.effects.gradual import GradualEffect, apply_curves
from background_removal.pipeline import actions

# All constants were chosen by eye.

# Mean brightness below which a scene becomes dark, of 255.
_DARK_BRIGHTNESS = 70.0
# Mean brightness from which a dark scene is bright again, of 255.
_BRIGHT_BRIGHTNESS = 85.0
# Mean brightness to which a dark scene is raised, of 255.
_AIM_BRIGHTNESS = 95.0
# Maximum gamma; noise grows with it.
_MAX_GAMMA = 2.4
# Share of a scene that may be brighter than its white: lamps and reflections.
_HIGHLIGHT_SHARE = 0.02
# Minimum value of a scene's white, of 255; noise grows with the gain.
_MIN_WHITE = 110.0
# Result for white, of 1; brighter values use the rest, so that none is clipped.
_WHITE = 0.94
# Beginning of the curve's shoulder, share of `_WHITE`.
_SHOULDER = 0.85
# Gain above 1 from which the shoulder has its full weight.
_FULL_SHOULDER_GAIN = 0.2
# Share of the way that brightness moves in a second; slow, to avoid flicker.
_SHARE_PER_SECOND = 0.85
# Minimum change that is applied, logarithm of gain or gamma.
_MIN_STRENGTH = 0.01


class LowLight(GradualEffect):
    """Sets a white point and a gamma, which follow the scene slowly.

    A value v becomes 255 s(v / w) ** (1 / gamma) with the white w; the shoulder s keeps brighter values below 1.

    Args:
        on: Whether it is on at the beginning; the key l switches it.
    """

    action = actions.LOW_LIGHT

    def begin(self) -> None:
        """Begin a stream unchanged."""
        self._scene: np.ndarray | None = None  # brightness and white
        self._strength = np.zeros(2)  # logarithms of 255 / w and of gamma
        self._is_dark = False

    @property
    def is_fading(self) -> bool:
        """Whether brightness is still on its way back to the original one."""
        return bool(self._strength.max() > _MIN_STRENGTH)

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), brightened if its scene is dark."""
        small = cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA)[..., 1]
        now = np.array([small.mean(), np.quantile(small, 1 - _HIGHLIGHT_SHARE)])
        share = 1 - (1 - _SHARE_PER_SECOND) ** self._clock.step()
        if self._scene is None:
            self._scene, share = now, 1.0
        self._scene = scene = self._scene + share * (now - self._scene)
        self._strength = self._strength + share * (self._aim(*scene) - self._strength)
        return apply_curves(frame, _curve(*np.exp(self._strength))) if self.is_fading else frame

    def _aim(self, brightness: float, white: float) -> np.ndarray:
        """Return the aim for a scene, logarithms of 255 / w and of gamma."""
        self._is_dark = self.on and brightness < (_BRIGHT_BRIGHTNESS if self._is_dark else _DARK_BRIGHTNESS)
        if not self._is_dark:
            return np.zeros(2)
        gain = 255 / np.clip(white, _MIN_WHITE, 255)
        gamma = np.log(np.clip(brightness * gain, 1, _AIM_BRIGHTNESS) / 255) / np.log(_AIM_BRIGHTNESS / 255)
        return np.log([gain, np.clip(gamma, 1, _MAX_GAMMA)])


def _curve(gain: float, gamma: float) -> np.ndarray:
    """Return the new value for each value, uint8 (256,)."""
    values = np.arange(256) / 255 * gain
    start = _SHOULDER * _WHITE
    over, left = np.maximum(values - start, 0), 1 - start
    # The shoulder begins as steep as the straight part and flattens; the remainder to 1 is spread evenly.
    bent = np.minimum(values, start) + left * (1 - np.exp(-over / left))
    bent += (1 - bent[-1]) * over / over[-1]
    # A gain of 1 needs no shoulder.
    share = min((gain - 1) / _FULL_SHOULDER_GAIN, 1)
    values = (1 - share) * np.minimum(values, 1) + share * bent
    return np.rint(255 * values ** (1 / gamma)).astype(np.uint8)
