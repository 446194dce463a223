"""The alpha of one frame, as it goes from finding the person to putting him before a background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.matting.crop import Box, shows_person
from background_removal.matting.pyramid import Pyramid


@dataclass(frozen=True, slots=True)
class Matte:
    """The alpha of one frame, small, and the part of the frame that it covers; outside it is 0.

    Attributes:
        alpha: float32 (h, w) in [0, 1].
        box: left, top, right, bottom in pixels of the frame.
        size: Width and height of the frame.
        image: What the network saw: the part `box` as uint8 (h, w, 3) BGR.
        foreground: The person's own colours as uint8 (h, w, 3) BGR, where the network tells them.
    """

    alpha: np.ndarray
    box: Box
    size: tuple[int, int]
    image: np.ndarray
    foreground: np.ndarray | None = None

    @property
    def shows_person(self) -> bool:
        """Whether more than specks of the frame are person."""
        return shows_person(self.alpha, self.box, self.size)

    def full(self) -> np.ndarray:
        """Return the alpha at the frame's size, float32 (H, W)."""
        out = np.zeros((self.size[1], self.size[0]), np.float32)
        left, top, right, bottom = self.box
        out[top:bottom, left:right] = self.resize_to_box(self.alpha)
        return out

    def resize_to_box(self, small: np.ndarray) -> np.ndarray:
        """Return `small`, (h, w) or (h, w, 3), at the size that `box` has in the frame."""
        left, top, right, bottom = self.box
        return cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)


# The alpha of several people has no more pixels than this: as many as two networks' answers.
_MAX_PIXELS = 2 * 320 * 256
# What two crops show counts in each by how near it is to the middle of whose crop that is: so much at no distance, and
# how steeply it falls. The greatest of both answers kept more of the room (IoU of two dancers 94.0 for 94.6).
_NEARNESS, _NEARNESS_POWER = 0.2, 3
# Towards a side of a crop that is not one of the frame its answer fades out over this share of it.
_CROP_FADE = 0.08


def merge_mattes(view: Pyramid, mattes: Sequence[Matte], distances: Sequence[np.ndarray]) -> Matte:
    """Return one matte for those of several people in a frame; that of one person as it is.

    Args:
        view: The frame.
        mattes: Each person's.
        distances: How far each column of a matte is from its person, in half widths of his.
    """
    if len(mattes) == 1:
        return mattes[0]
    boxes = np.array([matte.box for matte in mattes])
    left, top, right, bottom = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
    # As fine as the finest of them.
    finest = max(matte.alpha.shape[1] / (matte.box[2] - matte.box[0]) for matte in mattes)
    scale = min(finest, 1.0, (_MAX_PIXELS / ((right - left) * (bottom - top))) ** 0.5)
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    image = view.crop((left, top, right, bottom), width, height)
    alpha, total = np.zeros((height, width), np.float32), np.full((height, width), 1e-6, np.float32)
    most, foreground = np.zeros((height, width), np.float32), image.copy()
    across, down = width / (right - left), height / (bottom - top)
    for matte, distance in zip(mattes, distances, strict=True):
        start_x, end_x = ((side - left) * across for side in matte.box[::2])
        start_y, end_y = ((side - top) * down for side in matte.box[1::2])
        columns, rows = (
            slice(int(start_x), min(width, math.ceil(end_x))),
            slice(int(start_y), min(height, math.ceil(end_y))),
        )
        size = (columns.stop - columns.start, rows.stop - rows.start)
        zoom_x, zoom_y = (end_x - start_x) / matte.alpha.shape[1], (end_y - start_y) / matte.alpha.shape[0]
        shift_x, shift_y = start_x - columns.start, start_y - rows.start
        # Pixel centres lie half a pixel inside.
        matrix = np.array([[zoom_x, 0, shift_x + (zoom_x - 1) / 2], [0, zoom_y, shift_y + (zoom_y - 1) / 2]])
        near = _fading(size[0], matte.box[0] > 0, matte.box[2] < matte.size[0])
        near /= (_NEARNESS + np.interp(np.linspace(0, 1, size[0]), np.linspace(0, 1, len(distance)), distance)) ** (
            _NEARNESS_POWER
        )
        weight = (_fading(size[1], matte.box[1] > 0, matte.box[3] < matte.size[1])[:, None] * near).astype(np.float32)
        weighted = cv2.warpAffine(matte.alpha, matrix, size, borderMode=cv2.BORDER_REPLICATE) * weight
        if matte.foreground is not None:
            colors = cv2.warpAffine(matte.foreground, matrix, size, borderMode=cv2.BORDER_REPLICATE)
            cv2.copyTo(colors, (weighted > most[rows, columns]).view(np.uint8), dst=foreground[rows, columns])
            np.maximum(most[rows, columns], weighted, out=most[rows, columns])
        alpha[rows, columns] += weighted
        total[rows, columns] += weight
    told = all(matte.foreground is not None for matte in mattes)
    return Matte(alpha / total, (left, top, right, bottom), view.size, image, foreground if told else None)


def _fading(count: int, at_start: bool, at_end: bool) -> np.ndarray:
    """Return `count` weights of 1 that rise from nearly 0, at the start and at the end where that is wanted."""
    steps = (np.arange(count) + 0.5) / (_CROP_FADE * count)
    weights = np.ones(count)
    if at_start:
        weights = np.minimum(weights, steps)
    return np.minimum(weights, steps[::-1]) if at_end else weights
