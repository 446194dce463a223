"""Move a frame and its matte, so that the person stands elsewhere, larger or smaller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from background_removal.compositing.place import Move
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Bounds, Box, resample_box
from background_removal.matting.pyramid import Pyramid
from background_removal.support.buffers import Buffers


def place_frame(view: Pyramid, matte: Matte, move: Move, buffers: Buffers) -> tuple[Pyramid, Matte]:
    """Return a frame and its matte after a move; outside the matte's box the frame is black.

    Args:
        view: The frame.
        matte: Its matte.
        move: Where it goes.
        buffers: For the layers of the new frame.
    """
    placed = _place_matte(matte, move)
    layers = view.allocate_layers(buffers)
    black = view.bgr_to_layers(np.zeros((1, 1, 3), np.uint8))
    for layer, source, empty in zip(layers, view.layers, black, strict=True):
        factor = view.size[0] // source.shape[1]
        left, top, right, bottom = placed.box
        left, top, right, bottom = left // factor, top // factor, -(-right // factor), -(-bottom // factor)
        part = _scale_part(source, move, factor, (left, top, right, bottom))
        layer.fill(empty.flat[0])  # black has the same value in all channels of a layer
        layer[top : top + part.shape[0], left : left + part.shape[1]] = part
    return Pyramid(view.assemble(layers)), placed


def _scale_part(source: np.ndarray, move: Move, factor: int, box: Box) -> np.ndarray:
    """Return the part `box` of a moved layer.

    Args:
        source: A layer of the frame, uint8 (h, w) or (h, w, 3), `factor` times smaller than the frame.
        move: The move of the frame.
        factor: 1 or 2.
        box: Left, top, right, bottom in pixels of the layer.
    """
    left, top, right, bottom = box
    size = (move.size[0] // factor, move.size[1] // factor)
    shift = (left - move.left // factor, top - move.top // factor)
    if size[0] <= source.shape[1]:
        # Area averaging, which lets no fine pattern flicker; its grid is that of the whole frame in every frame.
        same = size == source.shape[1::-1]
        scaled = source if same else cv2.resize(source, size, interpolation=cv2.INTER_AREA)
        return _cut(scaled, shift[0], shift[1], right - left, bottom - top)
    across, down = source.shape[1] / size[0], source.shape[0] / size[1]
    # Pixel centres lie half a pixel inside.
    matrix = np.array([[across, 0, (shift[0] + 0.5) * across - 0.5], [0, down, (shift[1] + 0.5) * down - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _cut(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Return a rectangle of an image; beyond the image its border is repeated."""
    inside = max(0, left), max(0, top), min(image.shape[1], left + width), min(image.shape[0], top + height)
    part = image[inside[1] : inside[3], inside[0] : inside[2]]
    if part.shape[:2] == (height, width) or not part.size:
        return part
    above, before = inside[1] - top, inside[0] - left
    below, after = height - above - part.shape[0], width - before - part.shape[1]
    return cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_REPLICATE)


def _place_matte(matte: Matte, move: Move) -> Matte:
    """Return a matte after a move, cut at the frame's edges."""
    exact = move.box(matte.box)
    width, height = move.frame
    box = (
        max(0, math.floor(exact[0])),
        max(0, math.floor(exact[1])),
        min(width, math.ceil(exact[2])),
        min(height, math.ceil(exact[3])),
    )
    if box[0] >= box[2] or box[1] >= box[3]:  # out of sight
        nothing = np.zeros((1, 1, 3), np.uint8)
        return replace(matte, alpha=np.zeros((1, 1), np.float32), box=(0, 0, 1, 1), image=nothing, foreground=None)
    across, down = move.scale
    size = (
        max(1, min(box[2] - box[0], round((box[2] - box[0]) / across * _density(matte)[0]))),
        max(1, min(box[3] - box[1], round((box[3] - box[1]) / down * _density(matte)[1]))),
    )
    alpha, image = (_resample(layer, exact, box, size) for layer in (matte.alpha, matte.image))
    foreground = None if matte.foreground is None else _resample(matte.foreground, exact, box, size)
    return replace(matte, alpha=alpha, box=box, image=image, foreground=foreground)


def _density(matte: Matte) -> Sequence[float]:
    """Return the pixels of a matte per pixel of its frame, across and down."""
    left, top, right, bottom = matte.box
    return matte.alpha.shape[1] / (right - left), matte.alpha.shape[0] / (bottom - top)


def _resample(image: np.ndarray, old: Bounds, new: Box, size: tuple[int, int]) -> np.ndarray:
    """Return the part `new` of an image of the rectangle `old`, (h, w) or (h, w, 3), at a size (width, height)."""
    full = (
        round(size[0] * (old[2] - old[0]) / (new[2] - new[0])),
        round(size[1] * (old[3] - old[1]) / (new[3] - new[1])),
    )
    if full[0] < image.shape[1] and full[1] < image.shape[0]:
        image = cv2.resize(image, (max(1, full[0]), max(1, full[1])), interpolation=cv2.INTER_AREA)
    if old == new and image.shape[1::-1] == size:
        return image
    return resample_box(image, old, new, size)
