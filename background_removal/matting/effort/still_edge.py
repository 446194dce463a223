"""Still edge: whether the picture around a person's edge has stayed as it was when their matte was made."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.effort.change import max_change
from background_removal.matting.networks.light import brightening

# Values without a source were chosen on the choosing half of benchmarks/effort.py.

# Alpha that marks the edge, lowest and highest.
_EDGE = (0.02, 0.98)
# Width of the band around the edge in which the picture is compared, pixels of the small picture.
_BAND = np.ones((5, 5), np.uint8)
# Maximum shift of the edge since its matte was made, pixels of the small picture: the mean change in the band, less the
# noise in the room, per mean slope of the brightness there.
_MAX_SHIFT = 0.25
# Maximum mean change of the whole picture, of 255.
_MAX_MEAN_CHANGE = 3.0
# Frames without a look after the edge has moved, as it will again.
_PAUSE_FRAMES = 3
# Sum of the weights of a slope in Sobel's kernel.
_SOBEL_SUM = 8
# Window as large as a hand, pixels of the small picture; who comes in shows as much at first.
_HAND_WINDOW = (9, 9)
# Maximum change averaged over that window, outside the person and at the edge, above the noise, of 255.
_MAX_CHANGE = 6.0
# Mattes made before one is kept; the first ones are still smoothed in time.
_SETTLING_FRAMES = 6
# Maximum number of frames for which a matte is kept.
_MAX_FRAMES = 3


class StillEdge:
    """Compares small pictures of the frames around the edge of the last matte."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last matte."""
        self._matte: Matte | None = None
        self._image = np.empty((0, 0, 3), np.uint8)
        self._edge: _Edge | None = None
        self._kept = self._pause = self._made = 0

    def take(self, matte: Matte, image: np.ndarray) -> None:
        """Take a new matte, and the small picture of its frame, uint8 (h, w, 3) BGR."""
        self._matte, self._image, self._kept, self._edge = matte, image, 0, None
        self._made += 1

    def holds(self, image: np.ndarray) -> bool:
        """Return whether the last matte is right for the next frame, given as a small picture, uint8 (h, w, 3) BGR."""
        if self._matte is None or self._made < _SETTLING_FRAMES or self._kept >= _MAX_FRAMES or self._pause:
            self._pause = max(0, self._pause - 1)
            return False
        self._pause = _PAUSE_FRAMES
        change = max_change(image, self._image)
        if cv2.mean(change)[0] > _MAX_MEAN_CHANGE:  # cheap, and enough where the camera moves
            return False
        self._edge = edge = self._edge or _Edge.of(self._matte, self._image)
        noise = cv2.mean(change, edge.room)[0]
        if cv2.mean(change, edge.band)[0] - noise > _MAX_SHIFT * edge.slope:
            return False
        beside = cv2.bitwise_or(edge.band, edge.room)
        if cv2.minMaxLoc(cv2.blur(change, _HAND_WINDOW), beside)[1] - noise > _MAX_CHANGE / edge.gain:
            return False
        self._kept, self._pause = self._kept + 1, 0
        return True


@dataclass(frozen=True, slots=True)
class _Edge:
    """The edge of a matte in a small picture.

    Attributes:
        band: 255 around the edge, uint8 (h, w).
        room: 255 outside the person and the band.
        slope: Mean slope of the brightness in the band, of 255 per pixel.
        gain: Gain at which a dim picture would be as bright as others; changes are as much smaller in it.
    """

    band: np.ndarray
    room: np.ndarray
    slope: float
    gain: float

    @classmethod
    def of(cls, matte: Matte, image: np.ndarray) -> _Edge:
        alpha = matte.shrink(image.shape[1], image.shape[0])
        band = cv2.dilate(cv2.inRange(alpha, (_EDGE[0],), (_EDGE[1],)), _BAND)
        room = cv2.bitwise_and(cv2.bitwise_not(band), cv2.inRange(alpha, (0.0,), (_EDGE[0],)))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        across, down = (cv2.convertScaleAbs(side, alpha=1 / _SOBEL_SUM) for side in cv2.spatialGradient(grey))
        return cls(band, room, cv2.mean(cv2.add(across, down), band)[0], brightening(image))
