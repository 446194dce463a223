"""Crop policy: how large the crop around a person is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from background_removal.matting.boxes import Bounds, Box

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Minimum aspect ratio, as `CropPolicy.min_aspect`, for a person cut off by a side of the frame.
_MIN_ASPECT_CUT = 1.0
# Minimum side of a frame after halving, pixels; crops align to a power of two, as the frame's halvings do.
_MIN_SIDE = 128
# Minimum number of grid steps in a crop's height; a coarse grid hides small differences between two decoders or
# detections, so that they mostly lead to the same crop.
_MIN_GRID_STEPS = 40


@dataclass(frozen=True, slots=True)
class CropPolicy:
    """Size of the crop around a person; networks differ in the padding that suits them.

    Attributes:
        padding: Padding on every side, as a share of the person's width and height.
        min_aspect: Minimum width of a crop as a share of its height; less would stretch the person too far.
        shrink_below: The crop shrinks once a fitted one would be smaller than this share of it.
        is_recurrent: Whether the network carries a state from frame to frame, and so does best if the crop is not
            tightened after the first frame and its alpha is not blended across a move of the crop.
    """

    padding: float = 0.11
    min_aspect: float = 0.7
    shrink_below: float = 0.6
    is_recurrent: bool = False


# Crop policy of recurrent networks, with the least error of RobustVideoMatting on the clips.
RECURRENT_CROP_POLICY = CropPolicy(0.15, 0.8, 0.45, is_recurrent=True)


def crop_around(person: Bounds, size: tuple[int, int], policy: CropPolicy) -> Box:
    """Return the crop around a person in a frame of `size` (width, height)."""
    left, top, right, bottom = person
    across, down = policy.padding * (right - left), policy.padding * (bottom - top)
    left, top, right, bottom = left - across, top - down, right + across, bottom + down
    is_cut = person[0] <= 0 or person[2] >= size[0]
    missing = (bottom - top) * (_MIN_ASPECT_CUT if is_cut else policy.min_aspect) - (right - left)
    if missing > 0:
        left, right = left - missing / 2, right + missing / 2
    grid = 1 << max(
        0, (min(size) // _MIN_SIDE).bit_length() - 1, (int(bottom - top) // _MIN_GRID_STEPS).bit_length() - 1
    )
    return (
        max(0, math.floor(left / grid) * grid),
        max(0, math.floor(top / grid) * grid),
        min(size[0], math.ceil(right / grid) * grid),
        min(size[1], math.ceil(bottom / grid) * grid),
    )
