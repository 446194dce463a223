"""ColorBalance: takes a cast of the light out of the picture, a touch of it and slowly."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.effects.clock import Clock
from background_removal.effects.effect import Effect
from background_removal.effects.subject import Subject
from background_removal.pipeline import actions
from background_removal.pipeline.frame import StreamInfo

# What is darker or brighter, of 255, says nothing of the light: noise, and values that are clipped.
_DARKEST, _BRIGHTEST = 25.0, 245.0
# Above this a value may have been clipped: no longer does it tell a colour, and it goes on to white.
_BRIGHTEST_COLOR = 235.0
# How far from grey, as logarithms of the ratios of its colours, a pixel is that counts as grey to one part in e. The
# cast of the light is among these until it is found, so it is found in steps.
_GREY = 0.12
_STEPS = 4
# Where fewer pixels than this share are grey, there is less to go by, and less is done.
_ENOUGH_GREY, _ENOUGH_SKIN = 0.15, 0.03
# The line on a vectorscope near which all skin lies, from the blue axis on (the I axis of NTSC), and how far from it
# colours are still taken for skin, in degrees; with less colour than this, of 255, or more, nothing is.
_SKIN_LINE, _NEAR_SKIN, _MIN_COLOR, _MAX_COLOR = 123.0, 35.0, 12.0, 60.0
# All of these were chosen by eye.
# How much of what grey pixels ask for is done, and of what the skin asks for where nothing is grey; no colour is
# changed by more than the last.
_GREY_STRENGTH, _SKIN_STRENGTH, _MAX = 0.7, 0.4, 0.22
# Share of the way that the correction goes in a second, so that nothing flickers; and how often it is measured.
_PER_SECOND = 0.5
_EVERY_SECONDS = 0.2
# What is nearer to no change than this is none.
_LEAST = 0.004
# Luma of blue, green, red (BT.601): what is done to the colours leaves it alone.
_LUMA = np.array([0.114, 0.587, 0.299])
# The axes of a vectorscope: U is so much times blue without luma, V red (BT.470).
_U, _V = 0.492, 0.877


class ColorBalance(Effect):
    """Multiplies blue, green and red by three numbers, which follow the scene slowly.

    Grey pixels say what colour the light has: grey world, of what may be grey. The fewer there are the more counts the
    person's skin, which is drawn towards the line on which skin lies.

    Args:
        on: Whether it is on from the beginning; the key k changes that.
    """

    action = actions.COLOR_BALANCE

    def __init__(self, *, on: bool = True) -> None:
        super().__init__(on)
        self._person = Subject()
        self._clock = Clock(longest=1.0)
        self._begin()

    def _begin(self) -> None:
        self._gains: np.ndarray | None = None  # logarithms, blue green red
        self._aim = np.zeros(3)
        self._since = 0.0

    def meet(self, objects: Sequence[object]) -> None:
        """Find out which object knows where the person is."""
        self._person.meet(objects)

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._begin()
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Say when the next frame is shown."""
        self._clock.now = seconds

    @property
    def lingers(self) -> bool:
        """Whether the colours still go back to how they are."""
        return self._gains is not None and bool(np.abs(self._gains).max() > _LEAST)

    def on_key(self, key: str) -> bool | str:
        """Switch by `key`; the colours change slowly."""
        answer = super().on_key(key)
        if answer:
            self._clock.reset()  # while it was off nobody asked
            self._gains = np.zeros(3) if self._gains is None else self._gains
            self._since = _EVERY_SECONDS
        return answer

    def changed(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), in its new colours."""
        elapsed = self._clock.step()
        self._since += elapsed
        if not self.on:
            self._aim = np.zeros(3)
        elif self._gains is None or self._since >= _EVERY_SECONDS:
            self._aim, self._since = self._wanted(frame), 0.0
        gains = self._aim if self._gains is None else self._gains
        self._gains = gains = gains + (1 - (1 - _PER_SECOND) ** elapsed) * (self._aim - gains)
        if not self.lingers:
            return frame
        balanced = cv2.LUT(np.ascontiguousarray(frame[..., :3]), _curves(np.exp(gains)))
        return balanced if frame.shape[2] == 3 else np.dstack([balanced, frame[..., 3]])

    def _wanted(self, frame: np.ndarray) -> np.ndarray:
        """Return the logarithms of the numbers that the colours of a frame ask for."""
        size = (64, 36)
        pixels = cv2.resize(frame[..., :3], size, interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
        usable = (pixels.min(axis=1) > _DARKEST) & (pixels.max(axis=1) < _BRIGHTEST)
        # The person is where he was in the last frame: this one has not been looked at yet.
        alpha = self._person.last_alpha() if self._gains is not None else None
        skin = np.zeros(len(pixels), bool)
        if alpha is not None:
            skin = (
                usable & (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).reshape(-1) > 0.8) & _like_skin(pixels)
            )
        cast, grey = _cast(pixels[usable & ~skin])
        sure = min(1.0, grey / len(pixels) / _ENOUGH_GREY)
        gains = -_GREY_STRENGTH * sure * cast
        if skin.any():
            sure = (1 - sure) * min(1.0, skin.mean() / _ENOUGH_SKIN)
            gains[0] += _SKIN_STRENGTH * sure * _blue_of_skin(pixels[skin].mean(axis=0))
        gains = gains - np.log((_LUMA * np.exp(gains)).sum())
        return gains * min(1.0, _MAX / max(float(np.abs(gains).max()), 1e-6))


def _curves(gains: np.ndarray) -> np.ndarray:
    """Return what becomes of each value of blue, green and red, uint8 (1, 256, 3)."""
    values = np.arange(256.0)[:, None]
    clipped = np.clip((values - _BRIGHTEST_COLOR) / (255 - _BRIGHTEST_COLOR), 0, 1)
    curves = (1 - clipped) * np.minimum(values * gains, 255) + clipped * 255
    return np.rint(curves).astype(np.uint8)[None]


def _cast(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the logarithms of the colour that the grey among pixels (n, 3) has, and how many these are."""
    if not len(pixels):
        return np.zeros(3), 0.0
    logs = np.log(pixels)
    colors = logs - logs.mean(axis=1, keepdims=True)
    cast, grey = np.zeros(3), 0.0
    for _ in range(_STEPS):
        weights = np.exp(-((np.linalg.norm(colors - cast, axis=1) / _GREY) ** 2))
        grey = float(weights.sum())
        if grey < 1:
            break
        cast = (weights[:, None] * colors).sum(axis=0) / grey
    return cast, grey


def _like_skin(pixels: np.ndarray) -> np.ndarray:
    """Tell which pixels (n, 3) have a colour that skin may have."""
    luma = pixels @ _LUMA
    across, up = _U * (pixels[:, 0] - luma), _V * (pixels[:, 2] - luma)
    color = np.hypot(across, up)
    near = np.abs(np.degrees(np.arctan2(up, across)) - _SKIN_LINE) < _NEAR_SKIN
    return near & (color > _MIN_COLOR) & (color < _MAX_COLOR)


def _blue_of_skin(color: np.ndarray) -> float:
    """Return the logarithm of what blue is multiplied by to bring a colour onto the line of skin."""
    # V / U is the tangent of the line's angle, and luma has its share of blue: solved for that.
    slope = _U * np.tan(np.radians(_SKIN_LINE))
    rest = _LUMA[1:] @ color[1:]
    wanted = (_V * (color[2] - rest) + slope * rest) / (slope * (1 - _LUMA[0]) + _V * _LUMA[0])
    return float(np.log(max(wanted, 1.0) / color[0]))
