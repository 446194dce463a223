"""The alpha of one frame, passed from matting to compositing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from background_removal.matting.boxes import Box, clip_box, resample_box, shows_person
from background_removal.matting.pyramid import Pyramid


@dataclass(frozen=True, slots=True)
class Matte:
    """The alpha of a part of one frame, at reduced size; outside that part it is 0.

    Attributes:
        alpha: float32 (h, w) in [0, 1].
        box: Left, top, right, bottom in pixels of the frame.
        size: Width and height of the frame.
        image: The network's input: the part `box` as uint8 (h, w, 3) BGR.
        foreground: The person's own colours as uint8 (h, w, 3) BGR; None if the network does not estimate them.
        keyed: Whether `foreground` is exact all over the person, as a key makes it from the frame's own pixels.
    """

    alpha: np.ndarray
    box: Box
    size: tuple[int, int]
    image: np.ndarray
    foreground: np.ndarray | None = None
    keyed: bool = False

    @property
    def shows_person(self) -> bool:
        """Whether more than specks of the frame belong to a person."""
        return shows_person(self.alpha, self.box, self.size)

    @property
    def is_full_size(self) -> bool:
        """Whether a pixel of the alpha is one of the frame."""
        left, top, right, bottom = self.box
        return self.alpha.shape == (bottom - top, right - left)

    def full(self) -> np.ndarray:
        """Return the alpha at the frame's size, float32 (H, W)."""
        out = np.zeros((self.size[1], self.size[0]), np.float32)
        left, top, right, bottom = self.box
        out[top:bottom, left:right] = self.resize_to_box(self.alpha)
        return out

    def limit(self, alpha: np.ndarray) -> Matte:
        """Return the matte where the frame is opaque, by the alpha of the frame itself, uint8 (H, W)."""
        left, top, right, bottom = self.box
        part = cv2.resize(alpha[top:bottom, left:right], self.alpha.shape[::-1], interpolation=cv2.INTER_AREA)
        return replace(self, alpha=self.alpha * (part.astype(np.float32) / 255))

    def shrink(self, width: int, height: int) -> np.ndarray:
        """Return the alpha of the whole frame at a smaller size, float32 (height, width)."""
        out = np.zeros((height, width), np.float32)
        across, down = width / self.size[0], height / self.size[1]
        left, top, right, bottom = self.box
        box = clip_box((left * across, top * down, right * across, bottom * down), (width, height))
        part = out[box[1] : box[3], box[0] : box[2]]
        is_larger = self.alpha.shape[1] > part.shape[1]
        part[:] = cv2.resize(
            self.alpha, part.shape[::-1], interpolation=cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR
        )
        return out

    def resize_to_box(self, small: np.ndarray) -> np.ndarray:
        """Return `small`, (h, w) or (h, w, 3), resized to the size of `box` in the frame."""
        left, top, right, bottom = self.box
        return cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)


# Maximum size of a merged alpha, pixels; that of two networks' outputs.
_MAX_PIXELS = 2 * 320 * 256
# Offset in the weight of each crop in an overlap, 1 / (offset + distance to its person) ** power, half widths of the
# person. Taking the greater alpha instead kept more background (IoU of two dancers 94.0 for 94.6).
_DISTANCE_OFFSET = 0.2
# Power in the same weight.
_DISTANCE_POWER = 3
# Fade-out of a crop's weight towards a side that is inside the frame, share of the crop.
_CROP_FADE = 0.08


def merge_mattes(view: Pyramid, mattes: Sequence[Matte], distances: Sequence[np.ndarray]) -> Matte:
    """Merge the mattes of several people in a frame into one; a single matte is returned unchanged.

    Args:
        view: The frame.
        mattes: One for each person.
        distances: For each matte, the distance of each of its columns from its person, in half widths of the person.
    """
    if len(mattes) == 1:
        return mattes[0]
    boxes = np.array([matte.box for matte in mattes])
    left, top, right, bottom = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    # At the resolution of the finest of them.
    finest = max(matte.alpha.shape[1] / (matte.box[2] - matte.box[0]) for matte in mattes)
    scale = min(finest, 1.0, (_MAX_PIXELS / ((right - left) * (bottom - top))) ** 0.5)
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    image = view.crop((left, top, right, bottom), width, height)
    alpha, total = np.zeros((height, width), np.float32), np.full((height, width), 1e-6, np.float32)
    max_weighted, foreground = np.zeros((height, width), np.float32), image.copy()
    across, down = width / (right - left), height / (bottom - top)
    for matte, distance in zip(mattes, distances, strict=True):
        columns, zoom_x, shift_x = _map_side(matte.box[::2], left, across, matte.alpha.shape[1], width)
        rows, zoom_y, shift_y = _map_side(matte.box[1::2], top, down, matte.alpha.shape[0], height)
        place, size = (rows, columns), (columns.stop - columns.start, rows.stop - rows.start)
        matrix = np.array([[zoom_x, 0, shift_x], [0, zoom_y, shift_y]])
        weight = _crop_weights(matte, distance, *size)
        weighted = cv2.warpAffine(matte.alpha, matrix, size, borderMode=cv2.BORDER_REPLICATE) * weight
        if matte.foreground is not None:
            colors = cv2.warpAffine(matte.foreground, matrix, size, borderMode=cv2.BORDER_REPLICATE)
            best = max_weighted[place]
            cv2.copyTo(colors, (weighted > best).view(np.uint8), dst=foreground[place])
            np.maximum(best, weighted, out=best)
        alpha[place] += weighted
        total[place] += weight
    all_have_colors = all(matte.foreground is not None for matte in mattes)
    return Matte(alpha / total, (left, top, right, bottom), view.size, image, foreground if all_have_colors else None)


def extend_matte(view: Pyramid, matte: Matte, box: Box, size: tuple[int, int]) -> Matte:
    """Return a matte with another box around its own; alpha is 0 in what is added.

    Args:
        view: The frame.
        matte: The matte.
        box: The box, in pixels of the frame.
        size: Width and height of the new alpha.
    """
    if box == matte.box and size == matte.alpha.shape[::-1]:
        return matte
    image = view.crop(box, *size)
    alpha = np.zeros(image.shape[:2], np.float32)
    colors = None if matte.foreground is None else image.copy()
    place = _place_of(matte.box, box, size)
    is_full_size = matte.is_full_size and size == (box[2] - box[0], box[3] - box[1])
    layers = [(matte.alpha, alpha)]
    if matte.foreground is not None and colors is not None:
        layers.append((matte.foreground, colors))
    for layer, extended in layers:
        # Its own border is repeated by a pixel, so that at the frame's edge nothing is lost to the zeros outside.
        extended[place] = layer if is_full_size else resample_box(layer, matte.box, box, size)[place]
    return Matte(alpha, box, matte.size, image, colors)


def _place_of(inner: Box, box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the pixels of an alpha of `box` at a size (width, height) that `inner` covers, half of each or more."""
    across, down = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
    left, right = (round((side - box[0]) * across) for side in inner[::2])
    top, bottom = (round((side - box[1]) * down) for side in inner[1::2])
    return slice(max(0, top), min(size[1], bottom)), slice(max(0, left), min(size[0], right))


def _map_side(
    ends: tuple[int, ...], origin: int, scale: float, pixels: int, merged_pixels: int
) -> tuple[slice, float, float]:
    """Map one side of a matte onto the merged one.

    Args:
        ends: Both ends of the side in the frame.
        origin: Where the merged matte begins in the frame.
        scale: Pixels of the merged matte per pixel of the frame.
        pixels: Size of the side in the matte.
        merged_pixels: Size of the side in the merged matte.

    Returns:
        The part of the merged matte that it covers, and zoom and shift into that part.
    """
    start, end = ((side - origin) * scale for side in ends)
    part = slice(int(start), min(merged_pixels, math.ceil(end)))
    zoom = (end - start) / pixels
    # Pixel centres lie half a pixel inside.
    return part, zoom, start - part.start + (zoom - 1) / 2


def _crop_weights(matte: Matte, distance: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the weight of each pixel of a crop in the merged matte, float32 (height, width)."""
    across = _fade_weights(width, matte.box[0] > 0, matte.box[2] < matte.size[0])
    far = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(distance)), distance)
    across /= (_DISTANCE_OFFSET + far) ** _DISTANCE_POWER
    down = _fade_weights(height, matte.box[1] > 0, matte.box[3] < matte.size[1])
    return (down[:, None] * across).astype(np.float32)


def _fade_weights(count: int, at_start: bool, at_end: bool) -> np.ndarray:
    """Return `count` weights of 1 that fall to nearly 0 at the start and at the end, where wanted."""
    steps = (np.arange(count) + 0.5) / (_CROP_FADE * count)
    weights = np.ones(count)
    if at_start:
        weights = np.minimum(weights, steps)
    return np.minimum(weights, steps[::-1]) if at_end else weights
