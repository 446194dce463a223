"""Following the person: which part of the frame the network looks at."""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the frame

# Room around the person, as a share of his own width and height.
_MARGIN = 0.15
# A crop narrower than this share of its height would stretch the person too far.
_LEAST_ASPECT = 0.8
# The crop stays until the person comes nearer to its side than this share of it,
_SAFE = 0.05
# or until a fresh one would be smaller than this share of it.
_SHRINK = 0.45
# Less of the frame than this is no person.
_LEAST_AREA = 0.002
# Alpha along this share of a side of the crop: the person has left it.
_LEFT_SIDE = 0.05


class Follower:
    """Keeps a crop around the person; the fewer pixels are wasted on the room, the finer his edge.

    The crop moves only when it must: a network's answer changes a little with every move.
    """

    def __init__(self) -> None:
        self.box: Box | None = None

    def reset(self) -> None:
        """Forget where the person was."""
        self.box = None

    def found(self, alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
        """Take note of an alpha, and move the crop if it has to.

        Args:
            alpha: float32 (h, w), what a network saw in `box`.
            box: The part of the frame that `alpha` covers.
            size: Width and height of the frame.

        Returns:
            Whether there is a person.
        """
        person = _bounds(alpha, box, size)
        if person is None:
            self.box = None
            return False
        if self.box is None or not self._fits(person, size):
            self.box = _crop_around(person, size)
        return True

    def left_crop(self, alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
        """Tell whether the person reaches over a side of `box` that is not a side of the frame."""
        inner = (
            (alpha[:, 0], box[0] > 0),
            (alpha[0], box[1] > 0),
            (alpha[:, -1], box[2] < size[0]),
            (alpha[-1], box[3] < size[1]),
        )
        return any(movable and (side > 0.5).mean() > _LEFT_SIDE for side, movable in inner)

    def _fits(self, person: tuple[float, float, float, float], size: tuple[int, int]) -> bool:
        assert self.box is not None
        left, top, right, bottom = self.box
        across, down = _SAFE * (right - left), _SAFE * (bottom - top)
        inside = (
            (person[0] >= left + across or left <= 0)
            and (person[1] >= top + down or top <= 0)
            and (person[2] <= right - across or right >= size[0])
            and (person[3] <= bottom - down or bottom >= size[1])
        )
        return inside and _area(_crop_around(person, size)) > _SHRINK * _area(self.box)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _bounds(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """Return the rectangle, in pixels of the frame, around what is more person than not; None if it is too small."""
    inside = (alpha > 0.5).view(np.uint8)
    covered = cv2.countNonZero(inside) / inside.size * _area(box)
    if covered < _LEAST_AREA * size[0] * size[1]:
        return None
    x, y, width, height = cv2.boundingRect(inside)
    per_column, per_row = (box[2] - box[0]) / alpha.shape[1], (box[3] - box[1]) / alpha.shape[0]
    return (
        box[0] + x * per_column,
        box[1] + y * per_row,
        box[0] + (x + width) * per_column,
        box[1] + (y + height) * per_row,
    )


def _crop_around(person: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    left, top, right, bottom = person
    across, down = _MARGIN * (right - left), _MARGIN * (bottom - top)
    left, top, right, bottom = left - across, top - down, right + across, bottom + down
    missing = (bottom - top) * _LEAST_ASPECT - (right - left)
    if missing > 0:
        left, right = left - missing / 2, right + missing / 2
    return (
        max(0, math.floor(left)),
        max(0, math.floor(top)),
        min(size[0], math.ceil(right)),
        min(size[1], math.ceil(bottom)),
    )


def resampled(image: np.ndarray, old: Box, new: Box) -> np.ndarray:
    """Return what `image`, (h, w) of the part `old` of a frame, shows of the part `new`, at the same size.

    Where `new` reaches beyond `old`, the border is repeated.
    """
    height, width = image.shape[:2]
    scale_x, scale_y = (new[2] - new[0]) / (old[2] - old[0]), (new[3] - new[1]) / (old[3] - old[1])
    shift_x, shift_y = (new[0] - old[0]) / (old[2] - old[0]) * width, (new[1] - old[1]) / (old[3] - old[1]) * height
    # Pixel centres lie half a pixel inside.
    matrix = np.array(
        [[scale_x, 0, shift_x + (scale_x - 1) / 2], [0, scale_y, shift_y + (scale_y - 1) / 2]], np.float32
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
