"""LowLight: lifts the picture when the scene is dark, and leaves it alone otherwise."""

from __future__ import annotations

import cv2
import numpy as np

from effects.clock import Clock
from pipeline.frame import StreamInfo
from pipeline.objects import FrameObject

# All of these were chosen by eye.
# Mean brightness, of 255, below which a scene is dark, and from which it is not any more.
_DARK, _BRIGHT_AGAIN = 70.0, 85.0
# What a dark scene is brought to, and the gamma that is not exceeded: noise grows with it.
_AIM, _MOST_GAMMA = 95.0, 2.4
# Share of the way that brightness and gamma go in a second, so that nothing flickers.
_PER_SECOND = 0.85


class LowLight(FrameObject):
    """Each value v of 255 becomes 255 (v / 255) ** (1 / gamma); gamma follows the scene's brightness slowly."""

    def __init__(self) -> None:
        self._brightness: float | None = None
        self._gamma = 1.0
        self._is_dark = False
        self._clock = Clock(longest=1.0)

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._brightness, self._gamma, self._is_dark = None, 1.0, False
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Say when the next frame is shown."""
        self._clock.now = seconds

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), lifted if its scene is dark."""
        now = float(cv2.mean(cv2.resize(frame, (64, 36), interpolation=cv2.INTER_AREA))[1])
        share = 1 - (1 - _PER_SECOND) ** self._clock.step()
        before, brightness = self._brightness, now
        if before is None:
            share = 1.0
        else:
            brightness = before + share * (now - before)
        self._brightness = brightness
        self._is_dark = brightness < (_BRIGHT_AGAIN if self._is_dark else _DARK)
        aim = 1.0
        if self._is_dark:
            aim = float(np.clip(np.log(max(brightness, 1) / 255) / np.log(_AIM / 255), 1, _MOST_GAMMA))
        self._gamma += share * (aim - self._gamma)
        if self._gamma < 1.02:
            return frame
        curve = (np.arange(256) / 255) ** (1 / self._gamma) * 255
        lifted = cv2.LUT(np.ascontiguousarray(frame[..., :3]), np.rint(curve).astype(np.uint8))
        return lifted if frame.shape[2] == 3 else np.dstack([lifted, frame[..., 3]])
