"""Hold: whoever was drawn a frame ago, and has not left by the frame's edge, is still there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import area, mask_inside, resample_crop
from background_removal.matting.flow import find_flow, move_along
from background_removal.matting.networks.light import brightening

# Values without a source were chosen on fast movements that are made of dancer_park and of the first half of
# portrait_porch (benchmarks/fast_moves.py).

# Area of the person, as a share of that in the last frame, from which nothing is lost.
_MIN_AREA_RATIO = 0.95
# Area of the person, as a share of that in the last frame, above which it is more than the person.
_MAX_AREA_RATIO = 1.25
# Lost share of the person from which the network's answer is in doubt.
_MIN_LOST = 0.08
# Lost share above which it stays in doubt.
_MIN_STILL_LOST = 0.04
# Frames for which a loss is held at most; half a second to a second.
_MAX_FRAMES = 24
# Minimum motion of what is lost, share of the crop's height per frame; what stands still was never the person.
_MIN_MOTION = 0.008
# Maximum difference of brightness between the last frame, moved along, and this one, of 255; more is something else.
_MAX_CHANGE = 24.0
# Window over which that difference is averaged, pixels.
_CHANGE_WINDOW = (5, 5)
# Window by which what is held grows back, as the averaged change reaches into the person, pixels.
_RIM_WINDOW = (3, 3)
# Window over which noise is averaged before, pixels.
_NOISE_WINDOW = (3, 3)
# Distance between the points to which the person's motion is fitted, pixels.
_STEP = 4
# Minimum number of these points.
_MIN_POINTS = 20
# Distance from the fit within which a point counts for it, pixels.
_INLIER_PIXELS = 2.0
# Maximum deviation of what is held from the person's motion, pixels, and share of the motion besides.
_MAX_DEVIATION_PIXELS, _MAX_DEVIATION = 5.0, 0.25


class MatteHold:
    """Holds the alpha of a person whom the network loses from one frame to the next.

    Where the alpha falls though the picture itself, moved along by optical flow, shows the same as before, the network
    is in doubt: turned heads and dim light are unlike what it was trained on. The last alpha, moved along, stays.

    Attributes:
        frames: Number of frames for which a loss has been held; 0 without one.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self.frames = 0
        self._last: Matte | None = None

    def lost_share(self, matte: Matte) -> float:
        """Return the share of the person's area in the last frame that the next matte, given, has lost; 0 to 1."""
        return 0.0 if self._last is None else max(0.0, 1 - _area(matte) / max(1.0, _area(self._last)))

    def may_be(self, matte: Matte) -> bool:
        """Return whether a matte shows no more than the person of the last frame, somewhat larger."""
        return self._last is not None and _area(matte) <= _MAX_AREA_RATIO * _area(self._last)

    def __call__(self, matte: Matte, own: np.ndarray) -> Matte:
        """Return the matte of the next frame, with what was lost since the last one.

        Args:
            matte: The matte.
            own: Its alpha without other people, float32 (h, w).
        """
        last, self._last = self._last, replace(matte, alpha=own)
        if last is None or self.frames >= _MAX_FRAMES or _area(self._last) >= _MIN_AREA_RATIO * _area(last):
            self.frames = 0
            return matte
        held, motion = _move_along(last, matte)
        lost = (held > 0.5) & (matte.alpha <= 0.5)
        share = float(lost.sum()) / max(1.0, float((held > 0.5).sum()))
        if self.frames:
            is_doubtful = share >= _MIN_STILL_LOST
        else:
            is_doubtful = share >= _MIN_LOST and float(motion[lost].mean()) >= _MIN_MOTION * len(held)
        if not is_doubtful:
            self.frames = 0
            return matte
        self.frames += 1
        self._last = replace(matte, alpha=np.maximum(own, held))
        return replace(matte, alpha=np.maximum(matte.alpha, held))


def _area(matte: Matte) -> float:
    """Return the area of the person in pixels of the frame."""
    return cv2.countNonZero((matte.alpha > 0.5).view(np.uint8)) / matte.alpha.size * area(matte.box)


def _move_along(last: Matte, now: Matte) -> tuple[np.ndarray, np.ndarray]:
    """Move the last alpha along with the picture.

    Returns:
        The alpha in this frame, float32 (h, w) in [0, 1], 0 where the picture shows something else than before; and the
        motion, float32 (h, w), pixels of the alpha.
    """
    alpha, then = last.alpha, last.image
    if last.box != now.box:
        alpha, then = resample_crop(alpha, last.box, now.box), resample_crop(then, last.box, now.box)
        alpha = alpha * mask_inside(last.box, now.box, alpha.shape)
    # Both by the same gain, so that in dim light as small a difference counts.
    gain = brightening(now.image)
    seen, then = (cv2.convertScaleAbs(cv2.blur(image, _NOISE_WINDOW), alpha=gain) for image in (now.image, then))
    greys = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (seen, then)]
    flow = find_flow(greys[0], greys[1])
    moved, before = move_along(flow, alpha, then)
    change = cv2.blur(cv2.absdiff(before, seen).max(axis=2), _CHANGE_WINDOW)
    kept = (change <= _MAX_CHANGE) & _follows(flow, moved > 0.5)
    kept = cv2.dilate(cv2.medianBlur(kept.view(np.uint8), 5), np.ones(_RIM_WINDOW, np.uint8))
    return moved * kept, np.linalg.norm(flow, axis=2)


def _follows(flow: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return where a flow, float32 (h, w, 2), follows the turn and shift of most of the person, bool (h, w)."""
    rows, columns = np.nonzero(person[::_STEP, ::_STEP])
    if len(rows) < _MIN_POINTS:
        return np.ones(person.shape, bool)
    points = np.stack([columns, rows], axis=1).astype(np.float32) * _STEP
    moves = flow[::_STEP, ::_STEP][rows, columns]
    matrix, _ = cv2.estimateAffinePartial2D(points, points + moves, ransacReprojThreshold=_INLIER_PIXELS)
    if matrix is None:
        return np.ones(person.shape, bool)
    height, width = person.shape
    matrix[:, :2] -= np.eye(2)
    x, y = np.arange(width), np.arange(height)[:, None]
    expected = np.stack([matrix[n, 0] * x + matrix[n, 1] * y + matrix[n, 2] for n in (0, 1)], axis=2)
    limit = _MAX_DEVIATION_PIXELS + _MAX_DEVIATION * np.linalg.norm(expected, axis=2)
    return np.linalg.norm(flow - expected, axis=2) <= limit
