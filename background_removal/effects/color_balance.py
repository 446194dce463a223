"""ColorBalance: reduces a colour cast of the light, gently and slowly."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.effects.gradual import GradualEffect, apply_curves
from background_removal.pipeline import actions

# Constants without a source were chosen by eye.

# Minimum value of a pixel used to measure the light, of 255; darker ones are noise.
_MIN_VALUE = 25.0
# Maximum value of a pixel used to measure the light, of 255; brighter ones are clipped.
_MAX_VALUE = 245.0
# Value above which a pixel may have been clipped and has no certain colour, of 255; it fades to white.
_MAX_COLOR_VALUE = 235.0
# Distance from grey at which a pixel's weight as grey is 1 / e, logarithms of the ratios of its colours.
_GREY_DISTANCE = 0.12
# Iterations that estimate the cast; it is part of that distance until it is known.
_CAST_STEPS = 4
# Minimum share of grey pixels for the full correction; fewer ones reduce it.
_FULL_GREY_SHARE = 0.15
# Minimum share of skin pixels for the full correction by skin.
_FULL_SKIN_SHARE = 0.03
# Angle of the skin tone line on a vectorscope, degrees from the blue axis; NTSC's I axis, near which all skin lies.
_SKIN_ANGLE = 123.0
# Maximum angle of a skin colour from that line, degrees.
_MAX_SKIN_ANGLE = 35.0
# Minimum chroma of a skin colour, of 255.
_MIN_SKIN_CHROMA = 12.0
# Maximum chroma of a skin colour, of 255.
_MAX_SKIN_CHROMA = 60.0
# Strength of the correction by grey pixels, share of the full one.
_GREY_STRENGTH = 0.7
# Strength of the correction by skin where nothing is grey, share of the full one.
_SKIN_STRENGTH = 0.4
# Maximum correction of a colour, logarithm of its gain.
_MAX_GAIN = 0.22
# Share of the way that the correction moves in a second; slow, to avoid flicker.
_SHARE_PER_SECOND = 0.5
# Interval of the measurements, seconds.
_MEASURE_SECONDS = 0.2
# Minimum correction that is applied, logarithm of the gain.
_MIN_GAIN = 0.004
# Luma of blue, green, red (BT.601), which the correction preserves.
_LUMA = np.array([0.114, 0.587, 0.299])
# Scale of a vectorscope's U axis, blue minus luma (BT.470).
_U = 0.492
# Scale of its V axis, red minus luma (BT.470).
_V = 0.877


class ColorBalance(GradualEffect):
    """Multiplies blue, green and red by three gains, which follow the scene slowly.

    The gains are estimated by grey world, over pixels that may be grey. The fewer there are, the more weight has the
    person's skin, which is moved towards the skin tone line.

    Args:
        on: Whether it is on at the beginning; the key k switches it.
    """

    action = actions.COLOR_BALANCE

    def begin(self) -> None:
        """Begin a stream without gains."""
        self._gains: np.ndarray | None = None  # logarithms, blue green red
        self._aim = np.zeros(3)
        self._since = 0.0

    @property
    def is_fading(self) -> bool:
        """Whether the colours are still on their way back to the original ones."""
        return self._gains is not None and bool(np.abs(self._gains).max() > _MIN_GAIN)

    def switched(self) -> None:
        """Begin with the current gains, and measure at once."""
        self._gains = np.zeros(3) if self._gains is None else self._gains
        self._since = _MEASURE_SECONDS

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), in its new colours."""
        elapsed = self._clock.step()
        self._since += elapsed
        if not self.on:
            self._aim = np.zeros(3)
        elif self._gains is None or self._since >= _MEASURE_SECONDS:
            self._aim, self._since = self._measure_gains(frame), 0.0
        gains = self._aim if self._gains is None else self._gains
        self._gains = gains = gains + (1 - (1 - _SHARE_PER_SECOND) ** elapsed) * (self._aim - gains)
        return apply_curves(frame, _curves(np.exp(gains))) if self.is_fading else frame

    def _measure_gains(self, frame: np.ndarray) -> np.ndarray:
        """Return the logarithms of the gains that correct a frame."""
        size = (64, 36)
        pixels = cv2.resize(frame[..., :3], size, interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
        usable = (pixels.min(axis=1) > _MIN_VALUE) & (pixels.max(axis=1) < _MAX_VALUE)
        # The alpha of this frame is not known yet; that of the previous one will do.
        alpha = self._person.last_alpha() if self._gains is not None else None
        skin = np.zeros(len(pixels), bool)
        if alpha is not None:
            person = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).reshape(-1) > 0.8
            skin = usable & person & _is_skin_color(pixels)
        cast, grey = _measure_cast(pixels[usable & ~skin])
        certainty = min(1.0, grey / len(pixels) / _FULL_GREY_SHARE)
        gains = -_GREY_STRENGTH * certainty * cast
        if skin.any():
            certainty = (1 - certainty) * min(1.0, skin.mean() / _FULL_SKIN_SHARE)
            gains[0] += _SKIN_STRENGTH * certainty * _blue_gain_of_skin(pixels[skin].mean(axis=0))
        gains = gains - np.log((_LUMA * np.exp(gains)).sum())
        return gains * min(1.0, _MAX_GAIN / max(float(np.abs(gains).max()), 1e-6))


def _curves(gains: np.ndarray) -> np.ndarray:
    """Return the new value for each value of blue, green and red, uint8 (1, 256, 3)."""
    values = np.arange(256.0)[:, None]
    clipped = np.clip((values - _MAX_COLOR_VALUE) / (255 - _MAX_COLOR_VALUE), 0, 1)
    curves = (1 - clipped) * np.minimum(values * gains, 255) + clipped * 255
    return np.rint(curves).astype(np.uint8)[None]


def _measure_cast(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the logarithms of the mean colour of the grey ones among pixels (n, 3), and their number."""
    if not len(pixels):
        return np.zeros(3), 0.0
    logs = np.log(pixels)
    colors = logs - logs.mean(axis=1, keepdims=True)
    cast, grey = np.zeros(3), 0.0
    for _ in range(_CAST_STEPS):
        weights = np.exp(-((np.linalg.norm(colors - cast, axis=1) / _GREY_DISTANCE) ** 2))
        grey = float(weights.sum())
        if grey < 1:
            break
        cast = (weights[:, None] * colors).sum(axis=0) / grey
    return cast, grey


def _is_skin_color(pixels: np.ndarray) -> np.ndarray:
    """Return the mask of those pixels (n, 3) that may be skin."""
    luma = pixels @ _LUMA
    u, v = _U * (pixels[:, 0] - luma), _V * (pixels[:, 2] - luma)
    chroma = np.hypot(u, v)
    is_near = np.abs(np.degrees(np.arctan2(v, u)) - _SKIN_ANGLE) < _MAX_SKIN_ANGLE
    return is_near & (chroma > _MIN_SKIN_CHROMA) & (chroma < _MAX_SKIN_CHROMA)


def _blue_gain_of_skin(color: np.ndarray) -> float:
    """Return the logarithm of the gain of blue that moves a colour onto the skin tone line."""
    # Solved for blue: V / U is the tangent of the line's angle, and luma contains blue.
    slope = _U * np.tan(np.radians(_SKIN_ANGLE))
    rest = _LUMA[1:] @ color[1:]
    wanted = (_V * (color[2] - rest) + slope * rest) / (slope * (1 - _LUMA[0]) + _V * _LUMA[0])
    return float(np.log(max(wanted, 1.0) / color[0]))
