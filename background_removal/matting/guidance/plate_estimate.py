"""Estimate the empty room from frames of a camera that stands still, where people were not in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.plate_alignment import align_plate, fit_light
from background_removal.matting.guidance.plate_people import is_near_person
from background_removal.matting.guidance.plate_room import Plate, fit_size
from background_removal.matting.pyramid import Pyramid

# Maximum width of an estimate, pixels; the alpha of a person is coarser.
_MAX_WIDTH = 960
# Frames in which a pixel must have been seen, at least this many and this share of all.
_MIN_SEEN, _MIN_SEEN_SHARE = 3, 0.12
# Spread between the quartiles of a pixel's values above which it is not known, of 255: something came and went.
_MAX_SPREAD = 22
# Movement of the corners of the frame from which the camera does not stand still, share of its width.
_MAX_MOVEMENT = 0.004
# Share of frames with such a movement, and share of seen pixels that change, above which the camera moves.
_MOVING_FRAMES, _MOVING_PIXELS = 0.25, 0.3
# Rows that are sorted at a time, which bounds the memory.
_STRIP_ROWS = 32


def estimate_plate(frames: Iterable[np.ndarray], find_matte: Callable[[Pyramid], Matte]) -> Plate | None:
    """Return the room as the frames of a still camera show it between them; None if the camera moves.

    Each pixel is the median over the frames in which no person is near it; the others are unknown.

    Args:
        frames: Frames from all over the stream, uint8 (H, W, 3) of one size.
        find_matte: Returns the matte of a frame by itself.
    """
    pictures: list[np.ndarray] = []
    free: list[np.ndarray] = []
    for frame in frames:
        width = min(_MAX_WIDTH, frame.shape[1])
        size = (width, max(1, round(frame.shape[0] * width / frame.shape[1])))
        pictures.append(fit_size(frame, size))
        free.append(1 - is_near_person(find_matte(Pyramid(frame)).shrink(*size)))
    if len(pictures) < _MIN_SEEN or _moves(pictures, free):
        return None
    pictures = _in_one_light(pictures, free)
    image, known = _median(pictures, free)
    seen = sum(cv2.countNonZero(mask) for mask in free)
    if not seen or _changing_share(known, free) > _MOVING_PIXELS:
        return None
    return Plate(image, known)


def _moves(pictures: list[np.ndarray], free: list[np.ndarray]) -> bool:
    """Return whether the camera moves: corners outside people are elsewhere than in the first frame."""
    moved = 0
    height, width = free[0].shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    for picture, mask in zip(pictures[1:], free[1:], strict=True):
        matrix = align_plate(picture, pictures[0], mask & free[0])
        if matrix is not None:
            shift = corners @ matrix[:, :2].T + matrix[:, 2] - corners
            moved += bool(np.abs(shift).max() > _MAX_MOVEMENT * width)
    return moved > _MOVING_FRAMES * len(pictures)


def _in_one_light(pictures: list[np.ndarray], free: list[np.ndarray]) -> list[np.ndarray]:
    """Return the frames in the light of the one in the middle."""
    middle = len(pictures) // 2
    result: list[np.ndarray] = []
    for picture, mask in zip(pictures, free, strict=True):
        light = fit_light(picture, pictures[middle], mask & free[middle])
        result.append(picture if light is None else cv2.convertScaleAbs(np.maximum(light.undo(picture), 0)))
    return result


def _median(pictures: list[np.ndarray], free: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the median of each pixel where it was seen, uint8 (h, w, 3), and 255 where it is known, uint8 (h, w)."""
    height, width = free[0].shape
    image, known = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    least = max(_MIN_SEEN, int(np.ceil(_MIN_SEEN_SHARE * len(pictures))))
    for top in range(0, height, _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        seen = np.stack([mask[rows] for mask in free], axis=-1)
        count = seen.sum(axis=-1, dtype=np.int64)
        values = np.stack([picture[rows] for picture in pictures], axis=-1)
        # Unseen values are sorted to the end.
        values = np.sort(np.where(seen[:, :, None] > 0, values, 255), axis=-1)

        def at(share: float, values: np.ndarray = values, count: np.ndarray = count) -> np.ndarray:
            place = np.clip((share * count).astype(np.int64), 0, values.shape[-1] - 1)
            return np.take_along_axis(values, place[:, :, None, None], axis=-1)[..., 0]

        image[rows] = at(0.5)
        spread = (at(0.75).astype(np.int16) - at(0.25)).max(axis=2)
        known[rows] = np.where((count >= least) & (spread <= _MAX_SPREAD), 255, 0)
    return image, known


def _changing_share(known: np.ndarray, free: list[np.ndarray]) -> float:
    """Return the share of pixels that were seen often and yet are not known."""
    often = np.stack(free).sum(axis=0, dtype=np.int64) > len(free) / 2
    return float((often & (known == 0)).sum() / max(1, often.sum()))


def lay_over(plate: Plate, estimate: Plate) -> Plate:
    """Return a plate with an estimate over it where that is known, in the estimate's size, place and light."""
    assert estimate.known is not None
    height, width = estimate.image.shape[:2]
    under = fit_size(plate.image, (width, height))
    known = (estimate.known > 0).view(np.uint8)
    matrix = align_plate(estimate.image, under, known)
    if matrix is not None:
        under = cv2.warpAffine(under, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    light = fit_light(estimate.image, under, known)
    if light is not None:
        under = np.clip(under * light.gain + light.offset + 0.5, 0, 255).astype(np.uint8)
    return Plate(np.where(known[..., None] > 0, estimate.image, under))
