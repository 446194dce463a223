"""Remove islands: small regions of alpha that are not connected to the person."""

from __future__ import annotations

import cv2
import numpy as np

# Minimum alpha of a connected region; of 0.2, 0.3 and 0.4 the one that left the fewest pieces of a keyboard beside a
# hand.
_MIN_SOLID_ALPHA = 0.3
# Mean alpha above which a separate island is kept (a hand, not background).
_MIN_MEAN_ALPHA = 0.5
# Maximum distance of a kept island from the person, share of the crop's height; a hand without a visible arm, or an
# object in it. A guess, not measured.
_MAX_DISTANCE = 0.1
# Area from which an island is kept as another person or half of this one, share of the person's area.
_MIN_PERSON_AREA = 0.2
# Window that covers the soft edge around an island, pixels at half the size.
_SOFT_EDGE_PIXELS = 5


def remove_islands(alpha: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
    """Return `alpha`, float32 (h, w) of a crop around a person, without its islands.

    Args:
        alpha: The alpha.
        own: 1 for each column that belongs to this person alone; None for all.
    """
    half = cv2.resize(alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA)
    solid = (half > _MIN_SOLID_ALPHA).view(np.uint8)
    # Counting them takes a seventh of the time, and mostly there is one.
    if cv2.connectedComponents(solid)[0] <= 2:
        return alpha
    count, labels, stats, centres = cv2.connectedComponentsWithStats(solid)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    if own is not None:
        areas[own[np.clip(2 * centres[:, 0], 0, len(own) - 1).astype(int)] == 0] = 0
    person = int(areas.argmax())
    distance = cv2.distanceTransform((labels != person).view(np.uint8), cv2.DIST_L2, 3)
    kept = np.ones(count, bool)
    for number in range(1, count):
        if number == person or not 0 < areas[number] < _MIN_PERSON_AREA * areas[person]:
            continue
        left, top, width, height = stats[number, :4]
        place = np.s_[top : top + height, left : left + width]
        island = labels[place] == number
        is_near = distance[place][island].min() <= _MAX_DISTANCE * len(half)
        kept[number] = is_near and half[place][island].mean() >= _MIN_MEAN_ALPHA
    if kept.all():
        return alpha
    islands = (~kept).view(np.uint8)[labels]  # pyright: ignore[reportCallIssue, reportArgumentType]
    around = cv2.dilate(islands, np.ones((_SOFT_EDGE_PIXELS, _SOFT_EDGE_PIXELS), np.uint8)) > 0
    removed = (around & ((islands > 0) | (solid == 0))).view(np.uint8)
    result = alpha.copy()
    result[cv2.resize(removed, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0] = 0
    return result
