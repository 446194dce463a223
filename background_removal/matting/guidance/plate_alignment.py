"""Bring a picture of the empty room and a frame together: the camera's place, its exposure, the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Constants without a source were chosen on the choosing half of benchmarks/plates.py.

# Width of the picture on which the light is fitted, pixels.
_LIGHT_WIDTH = 80
# Pixels to which gain and offset are fitted.
_SAMPLES = 600
# Residual above which a pixel does not count in a fit, in median absolute deviations; 2.5 is usual (Rousseeuw, Croux).
_INLIER_DEVIATIONS = 3.5
# Residual that always counts, of 255; rounding and noise.
_INLIER_FLOOR = 3.0
# Rounds of a robust fit.
_ROUNDS = 3
# Weight that keeps the offset at 0 where the room has but one brightness, of 255 squared.
_OFFSET_RIDGE = 300.0
# Bounds of a channel's gain; beyond them it is another room.
_GAIN_BOUNDS = (0.4, 2.5)
# Standard deviation over which the light of a place is averaged, pixels at `_LIGHT_WIDTH`.
_FIELD_SIGMA = 7.0
# Maximum change of the light of a place, share.
_MAX_FIELD_CHANGE = 0.2
# Known share under the Gaussian at which a place's own light has half its weight.
_FIELD_TRUST = 0.15
_MEAN = np.full((1, 3), 1 / 3, np.float32)
# Corners that are followed: how many at most and at least, how distinct they are compared with the best of them, and
# how far apart, pixels.
_MAX_CORNERS, _MIN_CORNERS, _CORNER_QUALITY, _CORNER_DISTANCE = 200, 6, 0.01, 8
# Window of the optical flow, pixels.
_FLOW_WINDOW = (21, 21)
# Distance from itself at which a corner that was followed there and back is lost, pixels.
_MAX_ROUND_TRIP = 0.5
# Distance from the common movement at which a corner has moved by itself, pixels.
_MAX_CORNER_ERROR = 0.5
# Minimum share of corners with the common movement.
_MIN_INLIERS = 0.4
# Maximum shift of a nudged camera, share of the frame's width.
_MAX_SHIFT = 0.06
# Maximum change of scale and rotation of a nudged camera, share.
_MAX_TURN = 0.06


@dataclass(frozen=True, slots=True)
class Light:
    """How a frame's colours differ from the plate's: frame = (plate * gain + offset) * field.

    Attributes:
        gain, offset: float32 (3,), of each channel; the offset of 255.
        field: float32 (h, w), the light of each place at reduced size, around 1.
        noise: Standard deviation of what is left, of 255.
    """

    gain: np.ndarray
    offset: np.ndarray
    field: np.ndarray
    noise: float

    def undo(self, image: np.ndarray, local: bool = False) -> np.ndarray:
        """Return a frame's colours in the light of the plate, float32 (h, w, 3).

        Args:
            image: uint8 (h, w, 3).
            local: Whether it is the whole frame, and the light of each place is undone as well.
        """
        values = np.arange(256, dtype=np.float32)[:, None]
        table = ((values - self.offset) / self.gain).astype(np.float32)
        relit = cv2.LUT(image, table[:, None, :])
        if not local:
            return relit
        field = cv2.resize(self.field, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return cv2.divide(relit, cv2.merge([field] * 3))


def fit_light(frame: np.ndarray, plate: np.ndarray, outside: np.ndarray, before: Light | None = None) -> Light | None:
    """Return the light of a frame relative to the plate, fitted on pixels without people.

    Args:
        frame, plate: uint8 (h, w, 3).
        outside: 1 where no person is, uint8 (h, w).
        before: The light of the frame before, in which changes of single places are blended.

    Returns:
        None where no light explains most of the pixels.
    """
    height = max(1, round(_LIGHT_WIDTH * frame.shape[0] / frame.shape[1]))
    size = (_LIGHT_WIDTH, height)
    now, room = (cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32) for each in (frame, plate))
    free = cv2.resize(outside * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 250
    # Pixels at the ends of the range are clipped, and say nothing of the light.
    free &= (now < 253).all(axis=2) & (room < 253).all(axis=2) & (room[..., 1] > 4)
    if free.sum() < 0.02 * free.size:
        return before
    few = np.flatnonzero(free)[:: max(1, int(free.sum()) // _SAMPLES)]
    gain, offset = _fit_channels(room.reshape(-1, 3)[few], now.reshape(-1, 3)[few])
    if gain.min() < _GAIN_BOUNDS[0] or gain.max() > _GAIN_BOUNDS[1]:
        return None
    relit = room * gain + offset
    error = cv2.transform(np.abs(now - relit), _MEAN)
    spread = float(np.median(error.ravel()[few]))
    fits_well = free & (error < _INLIER_DEVIATIONS * spread + 2 * _INLIER_FLOOR)
    field = _fit_field(now, relit, fits_well)
    if before is not None and before.field.shape == field.shape:
        field = before.field + np.float32(0.3) * (field - before.field)
    return Light(gain, offset, field, spread)


def _fit_channels(room: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gain and the offset of each channel by least squares without outliers, two float32 (3,)."""
    gain: np.ndarray = (np.median(now, axis=0) + 1) / (np.median(room, axis=0) + 1)
    offset: np.ndarray = np.zeros(3, np.float32)
    for _ in range(_ROUNDS):
        error = np.abs(now - gain * room - offset)
        weight = (error <= _INLIER_DEVIATIONS * np.median(error, axis=0) + _INLIER_FLOOR).astype(np.float32)
        total = weight.sum(axis=0)
        x, y = (weight * room).sum(axis=0) / total, (weight * now).sum(axis=0) / total
        spread = weight * (room - x)
        # The line through the means; without contrast it becomes one through 0.
        variance, together = (spread * room).sum(axis=0) / total, (spread * now).sum(axis=0) / total
        gain = (together + _OFFSET_RIDGE * (y + 1) / (x + 1)) / (variance + _OFFSET_RIDGE)
        offset = y - gain * x
    return np.asarray(gain, np.float32), np.asarray(offset, np.float32)


def _fit_field(now: np.ndarray, relit: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the light of each place, float32 (h, w), 1 where it is unknown."""
    weight = known.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), _FIELD_SIGMA)
    ratio = (cv2.transform(now, _MEAN) + 3) / (cv2.transform(relit, _MEAN) + 3) - 1
    mean = cv2.GaussianBlur(np.where(known, ratio, 0).astype(np.float32), (0, 0), _FIELD_SIGMA)
    return 1 + np.clip(mean / (total + np.float32(_FIELD_TRUST)), -_MAX_FIELD_CHANGE, _MAX_FIELD_CHANGE)


def align_plate(frame: np.ndarray, plate: np.ndarray, outside: np.ndarray) -> np.ndarray | None:
    """Return the affine matrix that moves the plate onto a frame whose camera was nudged; None if none is found.

    Corners of the plate are followed into the frame by optical flow (Lucas and Kanade) and back; the movement is the
    similarity that most of them agree on.

    Args:
        frame, plate: uint8 (h, w, 3), the plate as it was taken.
        outside: 1 where no person is, uint8 (h, w).

    Returns:
        float64 (2, 3) in pixels of the frame given.
    """
    room = cv2.cvtColor(plate, cv2.COLOR_BGR2GRAY)
    now = _match_brightness(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), room, outside)
    corners = cv2.goodFeaturesToTrack(room, _MAX_CORNERS, _CORNER_QUALITY, _CORNER_DISTANCE, mask=outside)
    if corners is None or len(corners) < _MIN_CORNERS:
        return None
    moved, is_found, _ = cv2.calcOpticalFlowPyrLK(room, now, corners, np.empty_like(corners), winSize=_FLOW_WINDOW)
    again, is_back, _ = cv2.calcOpticalFlowPyrLK(now, room, moved, np.empty_like(corners), winSize=_FLOW_WINDOW)
    agrees = cv2.bitwise_and(is_found, is_back).ravel().astype(bool)
    agrees &= np.linalg.norm((again - corners).reshape(-1, 2), axis=1) < _MAX_ROUND_TRIP
    if agrees.sum() < _MIN_CORNERS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        corners[agrees], moved[agrees], method=cv2.RANSAC, ransacReprojThreshold=_MAX_CORNER_ERROR
    )
    if matrix is None or inliers.mean() < _MIN_INLIERS or inliers.sum() < _MIN_CORNERS:
        return None
    height, width = outside.shape
    centre = np.array([width / 2, height / 2])
    shift = matrix[:, :2] @ centre + matrix[:, 2] - centre
    is_nudge = np.abs(shift).max() <= _MAX_SHIFT * width and np.abs(matrix[:, :2] - np.eye(2)).max() <= _MAX_TURN
    return matrix if is_nudge else None


def _match_brightness(now: np.ndarray, room: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return a grey frame as bright as the plate: the optical flow takes it that brightness stays."""
    ratio = (cv2.mean(room, outside)[0] + 1) / (cv2.mean(now, outside)[0] + 1)
    return cv2.convertScaleAbs(now, alpha=ratio)
