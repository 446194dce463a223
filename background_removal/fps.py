"""FPSmetric: measures frames per second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, overload

import cv2
import numpy as np

from background_removal.support.rate import RateMeter, silence_timeout

if TYPE_CHECKING:
    from background_removal.pipeline.planes import Planes

# Minimum gap between two calls that restarts the measurement, average intervals, and at least a second; a pause rather
# than a slow frame.
_PAUSE_INTERVALS = 5


class FPSmetric:
    """Measures frames per second from one call to the next, and draws them on the frame.

    Args:
        range_average: Number of last calls over which the rate is averaged.
        position: Lower left corner of the text in pixels (x, y).
        fontFace: One of OpenCV's fonts, as for `cv2.putText`.
        fontScale: Size of the text, as a factor of the font's own.
        color: Colour of the text, (B, G, R).
        thickness: Thickness of its lines in pixels.
        lineType: How lines are drawn, as for `cv2.putText`.

    Attributes:
        position, fontFace, fontScale, color, thickness, lineType: The arguments; a change applies from the next call
            on.

    Raises:
        ValueError: `range_average` is below 1.
    """

    def __init__(
        self,
        range_average: int = 30,
        position: tuple[int, int] = (7, 70),
        fontFace: int = cv2.FONT_HERSHEY_SIMPLEX,  # noqa: N803 - OpenCV's names are part of the contract
        fontScale: float = 3,  # noqa: N803
        color: tuple[int, int, int] = (100, 255, 0),
        thickness: int = 3,
        lineType: int = cv2.LINE_AA,  # noqa: N803
    ) -> None:
        if range_average < 1:
            raise ValueError(f"range_average {range_average}: must be at least 1")
        self._meter = RateMeter(range_average + 1)
        self.position = position
        self.fontFace = fontFace
        self.fontScale = fontScale
        self.color = color
        self.thickness = thickness
        self.lineType = lineType

    @overload
    def __call__(self, frame: None = None) -> float: ...

    @overload
    def __call__(self, frame: np.ndarray) -> np.ndarray: ...

    def __call__(self, frame: np.ndarray | None = None) -> np.ndarray | float:
        """Count one call.

        Args:
            frame: uint8 (H, W, 3) BGR or (H, W, 4) BGRA to draw on, or None.

        Returns:
            `frame` with the rate drawn on it; or the rate as a float when `frame` is None, 0.0 before two
            calls.
        """
        rate = self._count()
        if frame is None:
            return rate
        self._draw(frame, str(int(rate)), *self.position)
        return frame

    def on_planes(self, planes: Planes) -> Planes:
        """Count one call and draw the rate; only the part under the text is converted."""
        text, (x, y) = str(int(self._count())), self.position
        (width, height), below = cv2.getTextSize(text, self.fontFace, self.fontScale, self.thickness)
        edge = self.thickness + 2  # half the line's thickness, and its antialiasing
        box = (x - edge, y - height - edge, x + width + edge, y + below + edge)
        return planes.with_drawing(box, lambda part, left, top: self._draw(part, text, x - left, y - top))

    def open(self, info: object) -> None:
        """Begin a stream (called by the engine) and forget earlier measurements."""
        self._meter.clear()

    def _count(self) -> float:
        now, meter = time.perf_counter(), self._meter
        if len(meter) > 1 and now - meter.last > silence_timeout(meter.interval, _PAUSE_INTERVALS):
            meter.clear()
        meter.add(now)
        return meter.rate

    def _draw(self, image: np.ndarray, text: str, x: int, y: int) -> None:
        color = (*self.color, 255) if image.ndim == 3 and image.shape[2] == 4 else self.color
        cv2.putText(image, text, (x, y), self.fontFace, self.fontScale, color, self.thickness, self.lineType)
