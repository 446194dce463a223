"""Motion: compare small grey thumbnails of the frames to find changes that may be a person."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Bounds, Box

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Size of the thumbnails, width and height in pixels.
THUMBNAIL_SIZE = (64, 36)
# Minimum change of a pixel, of 255, that is motion.
_MIN_CHANGE = 24
# Minimum share of the frame outside all crops that changed since the last detection, for the next one at once.
_MIN_NEWS = 0.02
# Minimum share of the frame that a moving region covers to be tried for a person.
_MIN_MOTION = 0.01
# Maximum share of the frame in motion; more is the light or the camera.
_MAX_MOTION = 0.5
# Weight of each frame in the learnt background.
_BACKGROUND_RATE = 0.1
# Minimum share of the alpha of a person on trial that lies in the motion; less is background beside it.
_MIN_ALPHA_IN_MOTION = 0.5


class MotionDetector:
    """Detects changes since the last detection, and motion before a scene without people."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._thumbnail: np.ndarray | None = None
        self._at_detection: np.ndarray | None = None
        self._background: np.ndarray | None = None

    def next_frame(self, thumbnail: np.ndarray) -> None:
        """Take the next frame's thumbnail, grey, uint8 of THUMBNAIL_SIZE."""
        self._thumbnail = thumbnail

    def mark_detection(self) -> None:
        """Measure changes from this frame on, as a detection has seen it."""
        self._at_detection = self._thumbnail

    def has_news(self, crops: Sequence[Box], size: tuple[int, int]) -> bool:
        """Return whether much has changed outside the crops of a frame of `size` since the last detection."""
        assert self._thumbnail is not None
        if self._at_detection is None:
            return True
        changed = cv2.absdiff(self._thumbnail, self._at_detection) > _MIN_CHANGE
        across, down = THUMBNAIL_SIZE[0] / size[0], THUMBNAIL_SIZE[1] / size[1]
        for box in crops:
            rows = slice(int(box[1] * down), int(box[3] * down) + 1)
            changed[rows, int(box[0] * across) : int(box[2] * across) + 1] = False
        return bool(changed.mean() > _MIN_NEWS)

    def find_region(self, size: tuple[int, int]) -> Bounds | None:
        """Return the largest moving region of a frame of `size`, and learn the background; None without one.

        To be called in frames without people only.
        """
        assert self._thumbnail is not None
        background, now = self._background, self._thumbnail.astype(np.float32)
        self._background = now if background is None else _learn_background(background, now)
        if background is None:
            return None
        changed = (cv2.absdiff(now, background) > _MIN_CHANGE).view(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(changed)
        if len(stats) < 2 or changed.mean() > _MAX_MOTION:
            return None
        x, y, width, height, area = stats[1 + int(stats[1:, 4].argmax())].tolist()
        if area < _MIN_MOTION * changed.size:
            return None
        across, down = size[0] / THUMBNAIL_SIZE[0], size[1] / THUMBNAIL_SIZE[1]
        return x * across, y * down, (x + width) * across, (y + height) * down

    def find_mask(self) -> np.ndarray | None:
        """Return 1 where the thumbnail differs from the learnt background, uint8; None before that is learnt."""
        assert self._thumbnail is not None
        if self._background is None:
            return None
        return (cv2.absdiff(self._thumbnail.astype(np.float32), self._background) > _MIN_CHANGE).view(np.uint8)


def _learn_background(background: np.ndarray, now: np.ndarray) -> np.ndarray:
    return cv2.addWeighted(background, 1 - _BACKGROUND_RATE, now, _BACKGROUND_RATE, 0)


def lies_in_motion(matte: Matte, motion: np.ndarray | None) -> bool:
    """Return whether enough of a matte lies in or next to a mask of motion, uint8 of THUMBNAIL_SIZE."""
    if motion is None:
        return False
    near = cv2.dilate(motion, np.ones((3, 3)))
    alpha = cv2.resize(matte.full(), THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA)
    return float((alpha * near).sum()) >= _MIN_ALPHA_IN_MOTION * float(alpha.sum())
