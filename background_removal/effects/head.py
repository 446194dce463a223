"""Measure the height of people's heads, for effects that show the upper body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from background_removal.matting.pyramid import Pyramid

if TYPE_CHECKING:
    from background_removal.matting.networks.faces import FaceDetector

# Interval of the detections, seconds.
_DETECT_SECONDS = 0.5
# Time that a head counts after its last detection, seconds; its face may have turned away.
_KEEP_SECONDS = 5.0
# Weight of a new detection in the smoothed height; a single one is off by a tenth.
_NEW_WEIGHT = 0.3


class Heads:
    """Measures the height of the largest head, with a face network of its own that takes 3 ms twice a second."""

    def __init__(self) -> None:
        self._finder: FaceDetector | None = None
        self.reset()

    def reset(self) -> None:
        """Begin a stream."""
        self._height: float | None = None
        self._detected_at: float | None = None
        self._seen_at = 0.0

    def close(self) -> None:
        """Free the network; the next frame loads it again."""
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def height(self, frame: np.ndarray, seconds: float | None) -> float | None:
        """Return the height of the largest head as a share of the frame's; None without a face in the last seconds.

        Args:
            frame: uint8 (H, W, 3) or (H, W, 4).
            seconds: Its presentation time; None if it is unknown, and the frame is not skipped then.
        """
        detected_at = self._detected_at
        if seconds is not None and detected_at is not None and 0 <= seconds - detected_at < _DETECT_SECONDS:
            return self._height
        self._detected_at = seconds
        if self._finder is None:
            from background_removal.matting.networks.faces import FaceDetector

            self._finder = FaceDetector()
        faces = self._finder.detect(Pyramid(np.ascontiguousarray(frame[..., :3])))
        now = seconds or 0.0
        if faces:
            height = max(face.head_height for face in faces) / frame.shape[0]
            self._height = height if self._height is None else self._height + _NEW_WEIGHT * (height - self._height)
            self._seen_at = now
        elif now - self._seen_at > _KEEP_SECONDS or seconds is None:
            self._height = None
        return self._height
