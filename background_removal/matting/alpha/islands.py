"""What floats in the room, joined to no person, is not drawn."""

from __future__ import annotations

import cv2
import numpy as np

# Alpha from which on something is taken for a thing of its own: of 0.2, 0.3 and 0.4 what left the fewest pieces of a
# keyboard beside a hand.
_SOLID = 0.3
# A hand is drawn as surely as this, on average; what is nearly nothing is a piece of the room.
_SURE = 0.5
# A hand whose arm is not seen, or what it holds, is no farther from the person than this share of the crop's height: a
# guess, not measured.
_NEAR = 0.1
# What is as large as this share of the person may be another, or half of him.
_LARGE = 0.2
# How far, in pixels of half the size, the softest of an edge reaches beyond what is solid.
_SOFT_PIXELS = 5


def remove_islands(alpha: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """Return `alpha`, float32 (h, w) of a crop around a person, without what is small and far from him.

    Args:
        alpha: The alpha.
        own: 1 for each column in which nothing is somebody else's; None for all.
    """
    half = cv2.resize(alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA)
    solid = (half > _SOLID).view(np.uint8)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(solid)
    if count <= 2:
        return alpha
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    if own is not None:
        areas[own[np.clip(2 * centres[:, 0], 0, len(own) - 1).astype(int)] == 0] = 0
    person = int(areas.argmax())
    distance = cv2.distanceTransform((labels != person).view(np.uint8), cv2.DIST_L2, 3)
    kept = np.ones(count, bool)
    for number in range(1, count):
        if number == person or not 0 < areas[number] < _LARGE * areas[person]:
            continue
        left, top, width, height = stats[number, :4]
        place = np.s_[top : top + height, left : left + width]
        island = labels[place] == number
        kept[number] = distance[place][island].min() <= _NEAR * len(half) and half[place][island].mean() >= _SURE
    if kept.all():
        return alpha
    islands = np.isin(labels, np.flatnonzero(~kept)).astype(np.uint8)
    around = cv2.dilate(islands, np.ones((_SOFT_PIXELS, _SOFT_PIXELS), np.uint8)) > 0
    gone = (around & ((islands > 0) | (solid == 0))).view(np.uint8)
    result = alpha.copy()
    result[cv2.resize(gone, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0] = 0
    return result
