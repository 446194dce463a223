"""Find what differs from the empty room and touches the person."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Constants without a source were chosen on the choosing half of benchmarks/plates.py.

# Difference at which a pixel is not the room any more: a floor, of 255, and deviations of the noise.
_MIN_DIFFERENCE, _NOISE_DEVIATIONS = 7.0, 4.5
# Share of a pixel's brightness added to that: light that bounces.
_BRIGHTNESS_SHARE = 0.03
# A soft shadow's brightness, share of the room's: as dark as this, and as bright.
_SHADOW = (0.45, 1.0)
# Difference of a shadow's colour from the darkened room's, share of the threshold.
_SHADOW_COLOR = 1.0
# Change of brightness between neighbours from which it is the outline of a thing rather than a soft shadow, as a share
# of the room's brightness.
_OUTLINE = 0.06
# Alpha from which a pixel is surely the person's.
_SURE_ALPHA = 0.6
# Width of the rim of a person in which the colours are not the room's, pixels of the frame.
_RIM_PIXELS = 4
# Distance from the rim at which a region touches the person, pixels at reduced size.
_TOUCH_PIXELS = 3
# Smallest region, share of the reduced frame.
_MIN_REGION = 0.0002
# Share of the border of a region as dark as a shadow that has to be outlines for it to be a thing.
_OUTLINED = 0.4
# Neighbours of a pixel.
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_ONES = np.ones((1, 3), np.float32)
_SQUARE = np.ones((3, 3), np.uint8)


def channel_sum(image: np.ndarray) -> np.ndarray:
    """Return the sum of the channels, float32 (h, w), of a float32 (h, w, 3)."""
    return cv2.transform(image, _ONES)


@dataclass(frozen=True, slots=True)
class Reduced:
    """A plate at reduced size, with its envelope.

    A frame is compared with both ends of the envelope: fine detail may lie half a pixel beside its place, and codecs
    let it ring.

    Attributes:
        plate: float32 (h, w, 3).
        low, high: The least and the greatest value around each pixel, float32 (h, w, 3).
        total: The sum of the channels, float32 (h, w).
    """

    plate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, plate: np.ndarray) -> Reduced:
        """Return a plate, uint8 (h, w, 3), in this form."""
        values = plate.astype(np.float32)
        low, high = (grow(plate, CROSS).astype(np.float32) for grow in (cv2.erode, cv2.dilate))
        return cls(values, low, high, channel_sum(values))


def threshold(plate: np.ndarray, noise: float) -> np.ndarray:
    """Return the length of a difference at which a pixel is no room, float32 (h, w).

    Args:
        plate: The sum of the room's channels, float32 (h, w).
        noise: Deviation of the frame from the plate where nothing changed, of 255.
    """
    return _BRIGHTNESS_SHARE / 3 * plate + np.float32(_MIN_DIFFERENCE + _NOISE_DEVIATIONS * noise)


def is_shadow(relit: np.ndarray, plate: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return whether pixels are the room, only darker: bool (n,).

    Args:
        relit: Pixels in the light of the plate, float32 (n, 3).
        plate: The room there, float32 (n, 3).
        limit: The threshold there, float32 (n,).
    """
    power = np.einsum("nc,nc->n", plate, plate) + 1
    share = np.einsum("nc,nc->n", relit, plate) / power
    rest = relit - share[:, None] * plate
    return (
        (share > _SHADOW[0])
        & (share < _SHADOW[1])
        & (np.sqrt(np.einsum("nc,nc->n", rest, rest)) < _SHADOW_COLOR * limit)
    )


def find_changed(relit: np.ndarray, room: Reduced, noise: float, person: np.ndarray) -> np.ndarray:
    """Return what is not the room any more, uint8 (h, w): 0 the room, 1 something else.

    Args:
        relit: The frame in the light of the plate, float32 (h, w, 3), at reduced size.
        room: The room.
        noise: Deviation of the frame from the plate where nothing changed, of 255.
        person: 1 where the person may be, uint8 (h, w).
    """
    outside = relit - np.minimum(np.maximum(relit, room.low), room.high)
    limit = threshold(room.total, noise)
    differs = (channel_sum(cv2.multiply(outside, outside)) > limit * limit).view(np.uint8)
    places = np.flatnonzero(differs > cv2.erode(person, _SQUARE, iterations=_TOUCH_PIXELS))
    shadow = np.zeros(differs.size, np.uint8)
    shadow[places] = is_shadow(
        relit.reshape(-1, 3).take(places, axis=0), room.plate.reshape(-1, 3).take(places, axis=0), limit.ravel()[places]
    )
    shadow = shadow.reshape(differs.shape)
    certain = differs & (1 - shadow)
    # Only where there are shadows, with some pixels around.
    part = bounding_slices(shadow, 3)
    if part is not None:
        ratio = (channel_sum(relit[part]) + 20) / (room.total[part] + 20)
        certain[part] |= _outlined(shadow[part], certain[part], ratio, person[part])
    return certain


def bounding_slices(mask: np.ndarray, margin: int) -> tuple[slice, slice] | None:
    """Return the rows and columns around the pixels of a mask, uint8 (h, w); None for an empty one."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def _outlined(shadow: np.ndarray, certain: np.ndarray, ratio: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return those regions as dark as a shadow that have the outline of a thing, uint8 (h, w).

    Args:
        shadow: 1 where the room is only darker, uint8 (h, w).
        certain: 1 where it is something else.
        ratio: The brightness as a share of the room's, float32 (h, w).
        person: 1 where the person may be.
    """
    outline = (cv2.morphologyEx(ratio, cv2.MORPH_GRADIENT, CROSS) > 2 * _OUTLINE).view(np.uint8)
    # A shadow ends at the person as a thing does: only the rest of its border says which it is.
    free = 1 - cv2.dilate(person, _SQUARE, iterations=2)
    core = cv2.bitwise_and(shadow & (1 - outline), free)
    count, labels = cv2.connectedComponents(core, connectivity=4, ltype=_label_type(core))
    if count < 2:
        return np.zeros_like(shadow)
    ring = cv2.bitwise_and(cv2.dilate(core, _SQUARE), 1 - core)
    grown = cv2.dilate(labels.astype(np.float32), _SQUARE).astype(np.int32)  # each region's number on its ring
    around = np.bincount(grown[ring > 0], minlength=count)
    is_hard = cv2.bitwise_and(cv2.bitwise_and(ring, free), outline | certain)
    hard = np.bincount(grown[is_hard > 0], minlength=count)
    found = select_regions(labels, hard > _OUTLINED * np.maximum(around, 1))
    return cv2.bitwise_and(shadow, cv2.dilate(found, _SQUARE, iterations=2))


def _label_type(mask: np.ndarray) -> int:
    """Return the type of the labels of a mask's regions: 16 bits, which are faster, unless there may be more."""
    return cv2.CV_16U if mask.size < 2 * (1 << 16) - 2 else cv2.CV_32S


def select_regions(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return 1 in the chosen regions, uint8 (h, w); the first, what is no region, never is.

    Args:
        labels: The number of each pixel's region, uint16 or int32 (h, w).
        chosen: Whether each region is chosen, bool (n,).
    """
    table = chosen.astype(np.uint8)
    table[0] = 0
    return table[labels]


def find_things(changed: np.ndarray, person: np.ndarray, level: int) -> np.ndarray:
    """Return the changed regions that touch the person, without the person, uint8 (h, w).

    Args:
        changed: As `find_changed` returns it.
        person: The network's alpha, float32 (h, w).
        level: Number of halvings from the frame to this size.
    """
    sure = (person > _SURE_ALPHA).view(np.uint8)
    if not sure.any():
        return np.zeros_like(changed)
    # The rim of a person differs as well: colours bleed there, and cameras sharpen. It is no thing, however long.
    rim = max(1, _RIM_PIXELS >> level)
    body = cv2.dilate(sure, _SQUARE, iterations=rim)
    apart = cv2.morphologyEx(cv2.bitwise_and(changed, 1 - body), cv2.MORPH_OPEN, CROSS)
    found = np.zeros_like(changed)
    part = bounding_slices(apart, 1)
    if part is None:
        return found
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(apart[part]), connectivity=8, ltype=_label_type(apart)
    )
    # A region may be narrow where a hand or a strap interrupts it.
    near = cv2.dilate(body, _SQUARE, iterations=_TOUCH_PIXELS)
    touching = np.bincount(labels[cv2.bitwise_and(near[part], apart[part]) > 0], minlength=count)
    large = stats[:, cv2.CC_STAT_AREA] > _MIN_REGION * changed.size
    found[part] = select_regions(labels, (touching > 0) & large)
    # With what lies between it and the person, and its own rim.
    grown = cv2.dilate(found, _SQUARE, iterations=rim + 1)
    return cv2.bitwise_and(cv2.bitwise_and(grown, changed), 1 - sure)
