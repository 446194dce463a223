"""Connected regions of a detection: those outside all crops are new people."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.boxes import Bounds, Box, overlaps, union

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Minimum area of a new person, as a share of the frame.
_MIN_AREA = 0.004
# Maximum distance of regions of one person, as a share of the longer side.
_MAX_DISTANCE = 0.15


def find_regions_outside(probability: np.ndarray, crops: Sequence[Box], size: tuple[int, int]) -> list[Bounds]:
    """Return the bounds of the regions above 0.5 that touch no crop.

    Args:
        probability: Probability of a person in the whole frame, float32 (h, w).
        crops: Crops around the tracked people.
        size: Width and height of the frame.
    """
    across, down = size[0] / probability.shape[1], size[1] / probability.shape[0]
    regions = []
    _, _, stats, _ = cv2.connectedComponentsWithStats((probability > 0.5).view(np.uint8))
    for x, y, width, height, area in stats[1:].tolist():
        box = (x * across, y * down, (x + width) * across, (y + height) * down)
        if area >= _MIN_AREA * probability.size and not any(overlaps(box, crop) for crop in crops):
            regions.append(box)
    return regions


def erase_regions(probability: np.ndarray, regions: Sequence[Bounds], size: tuple[int, int]) -> np.ndarray:
    """Return a copy of a probability with 0 in some rectangles of the frame of `size` (width, height)."""
    across, down = size[0] / probability.shape[1], size[1] / probability.shape[0]
    erased = probability.copy()
    for left, top, right, bottom in regions:
        erased[int(top / down) : int(bottom / down) + 1, int(left / across) : int(right / across) + 1] = 0
    return erased


def merge_regions(regions: Sequence[Bounds]) -> list[Bounds]:
    """Merge rectangles that are near each other into larger ones."""
    merged: list[Bounds] = []
    for box in regions:
        near = True
        while near:
            distance = _MAX_DISTANCE * max(box[2] - box[0], box[3] - box[1])
            wide = (box[0] - distance, box[1] - distance, box[2] + distance, box[3] + distance)
            near = [other for other in merged if overlaps(wide, other)]
            for other in near:
                merged.remove(other)
                box = union(box, other)
        merged.append(box)
    return merged
