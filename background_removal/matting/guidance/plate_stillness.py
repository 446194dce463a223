"""Find what stood still for some seconds: with `keep_chair` "no" it becomes the room."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.guidance.plate_difference import select_regions

# Frames for which a thing stands still before it is the room: three seconds of a camera.
_STILL_FRAMES = 90
# Share of a region's pixels that must have stood still; noise lets some move.
_STILL_SHARE = 0.95
# Change of brightness from which a pixel moves, of 255, averaged over 3x3 pixels.
_MOVED = 6.0
# Smallest region, share of the reduced frame.
_MIN_REGION = 0.0004


class Stillness:
    """Counts for how many frames each changed pixel has kept its brightness."""

    def __init__(self) -> None:
        self._reference: np.ndarray | None = None
        self._count: np.ndarray | None = None

    def __call__(self, relit: np.ndarray, changed: np.ndarray, person: np.ndarray) -> np.ndarray | None:
        """Return the regions that have stood still for long enough, uint8 (h, w); None if there are none.

        Args:
            relit: The frame in the light of the plate, float32 (h, w, 3).
            changed: 1 where it is not the room, uint8 (h, w).
            person: 1 where the network sees a person.
        """
        grey = cv2.blur(relit[..., 1], (3, 3))
        if self._reference is None or self._count is None or self._reference.shape != grey.shape:
            self._reference, self._count = grey, np.zeros(grey.shape, np.int32)
            return None
        moved = (cv2.absdiff(grey, self._reference) > _MOVED) | (person > 0)
        self._count = np.where(moved, 0, self._count + 1)
        cv2.copyTo(grey, moved.view(np.uint8), dst=self._reference)
        apart = cv2.bitwise_and(changed, 1 - person)
        # A label may be joined to things that move: what stands still is looked at by itself.
        still = cv2.bitwise_and(apart, (self._count >= _STILL_FRAMES).view(np.uint8))
        if not still.any():
            return None
        count, labels, stats, _ = cv2.connectedComponentsWithStats(apart, connectivity=8)
        stood = np.bincount(labels[still > 0], minlength=count)
        areas = stats[:, cv2.CC_STAT_AREA]
        found = select_regions(labels, (stood > _STILL_SHARE * areas) & (areas > _MIN_REGION * apart.size))
        if not found.any():
            return None
        return cv2.bitwise_and(cv2.dilate(found, np.ones((5, 5), np.uint8)), 1 - person)
