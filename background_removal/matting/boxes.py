"""Rectangles in a frame: boxes, bounds of a person, and moving pixels from one box to another."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the frame
Bounds: TypeAlias = tuple[float, float, float, float]  # the same around a person, not rounded

# Smallest person, as a share of the frame's area; found by trial on the clips that benchmarks/quality.py scores.
_MIN_AREA = 0.002


def area(box: Bounds) -> float:
    """Return the area of a rectangle."""
    return (box[2] - box[0]) * (box[3] - box[1])


def middle_column(box: Bounds) -> float:
    """Return the column halfway between the sides of a rectangle."""
    return (box[0] + box[2]) / 2


def overlaps(a: Bounds, b: Bounds) -> bool:
    """Return whether two rectangles share a part of the frame."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def union(a: Bounds, b: Bounds) -> Bounds:
    """Return the smallest rectangle around two others."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def clip_box(box: Bounds, size: tuple[int, int]) -> Box:
    """Return the part of a box inside a frame of (width, height), in whole pixels, at least one."""
    left, top = (min(max(0, round(side)), count - 1) for side, count in zip(box[:2], size, strict=True))
    right, bottom = (
        max(first + 1, min(count, round(side))) for side, count, first in zip(box[2:], size, (left, top), strict=True)
    )
    return left, top, right, bottom


def find_bounds(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> Bounds | None:
    """Return the bounds of the pixels above 0.5; None if they cover too little of the frame for a person.

    Args:
        alpha: Alpha of `box`, float32 (h, w).
        box: The part of the frame that it covers.
        size: Width and height of the frame.
    """
    inside = (alpha > 0.5).view(np.uint8)
    covered = cv2.countNonZero(inside) / inside.size * area(box)
    if covered < _MIN_AREA * size[0] * size[1]:
        return None
    x, y, width, height = cv2.boundingRect(inside)
    per_column, per_row = (box[2] - box[0]) / alpha.shape[1], (box[3] - box[1]) / alpha.shape[0]
    return (
        box[0] + x * per_column,
        box[1] + y * per_row,
        box[0] + (x + width) * per_column,
        box[1] + (y + height) * per_row,
    )


def shows_person(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
    """Return whether the alpha of `box`, float32 (h, w), in a frame of (width, height) shows a person."""
    return find_bounds(alpha, box, size) is not None


def resample_crop(image: np.ndarray, old: Box, new: Box) -> np.ndarray:
    """Return the pixels of box `new`, resampled from `image`, (h, w), of box `old`, at the same size.

    Where `new` reaches beyond `old`, the border is repeated.
    """
    return resample_box(image, old, new, (image.shape[1], image.shape[0]))


def resample_box(
    image: np.ndarray, old: Bounds, new: Bounds, size: tuple[int, int], border: int = cv2.BORDER_REPLICATE
) -> np.ndarray:
    """Return the pixels of a rectangle, resampled from an image of another one.

    Args:
        image: Of the rectangle `old`, (h, w) or (h, w, 3).
        old, new: Both rectangles in pixels of the frame.
        size: Width and height of the result.
        border: OpenCV's kind of border where `new` reaches beyond `old`.
    """
    height, width = image.shape[:2]
    scale_x = (new[2] - new[0]) / (old[2] - old[0]) * (width / size[0])
    scale_y = (new[3] - new[1]) / (old[3] - old[1]) * (height / size[1])
    shift_x, shift_y = (new[0] - old[0]) / (old[2] - old[0]) * width, (new[1] - old[1]) / (old[3] - old[1]) * height
    # Pixel centres lie half a pixel inside.
    matrix = np.array(
        [[scale_x, 0, shift_x + (scale_x - 1) / 2], [0, scale_y, shift_y + (scale_y - 1) / 2]], np.float32
    )
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border)


def mask_inside(old: Box, new: Box, shape: tuple[int, ...]) -> np.ndarray:
    """Return 1 for each pixel of `new`, at `shape` (h, w), that lies in `old`, else 0, float32."""
    across = new[0] + (np.arange(shape[1]) + 0.5) * ((new[2] - new[0]) / shape[1])
    down = new[1] + (np.arange(shape[0]) + 0.5) * ((new[3] - new[1]) / shape[0])
    columns, rows = (across > old[0]) & (across < old[2]), (down > old[1]) & (down < old[3])
    return (rows[:, None] & columns).astype(np.float32)
