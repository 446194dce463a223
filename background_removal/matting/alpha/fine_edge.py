"""Refine the edge of a coarse matte at the frame's full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from background_removal.matting.alpha.edge import side_weights, weighted_mean
from background_removal.matting.alpha.matte import Matte

# Constants without a source were chosen by eye on hair before the sky, and hardly change the figures of stills with
# known alpha (benchmarks/stills.py).

# Minimum pixels of the frame per pixel of a coarse matte, across; a guess. A matte of one to one was already fitted to
# the frame's pixels.
_MIN_SCALE = 1.5
# The same of a keyed matte, which was fitted to the frame's chroma: at half the size the error before a new background
# is 2 % lower (photos of the choosing half of benchmarks/green_screens.py), for 2 ms at 1920x1080.
_MIN_KEYED_SCALE = 3
# Window for the brightness of either side, pixels at half the matte's size.
_WINDOW_PIXELS = 3
# Difference of both sides' brightness at which a pixel's own has a weight of half, of 255; see `matting.alpha.edge`.
_HALF_WEIGHT_DISTANCE = 120.0
# Weight of increases of alpha; see `matting.alpha.refine`.
_INCREASE_WEIGHT = 0.25


def is_coarse(matte: Matte) -> bool:
    """Return whether a matte's pixels are much larger than its frame's, and it has no colours of a network."""
    min_scale = _MIN_KEYED_SCALE if matte.keyed else _MIN_SCALE
    has_no_colors = matte.foreground is None or matte.keyed
    return has_no_colors and matte.box[2] - matte.box[0] >= min_scale * matte.alpha.shape[1]


def refine_at_full_size(
    alpha: np.ndarray, layer: np.ndarray, matte: Matte, bgr_to_layers: Callable[[np.ndarray], Sequence[np.ndarray]]
) -> None:
    """Align the edge of a full-size alpha with the frame's pixels in place, so that no stepped rim is left.

    This is `matting.alpha.edge.edge_changes` at full size, on brightness alone, which shows nearly all of a rim.

    Args:
        alpha: The matte's alpha at the size of its box in the frame, uint8 (h, w), contiguous; values of 0 and 255
            stay.
        layer: The frame, uint8 (H, W, 3) BGR, or its luma, uint8 (H, W).
        matte: The person's matte.
        bgr_to_layers: Converts a small BGR image to layers like the frame's; the first one is used.
    """
    height, width = alpha.shape
    left, top, _, _ = matte.box
    half = (max(1, matte.alpha.shape[1] // 2), max(1, matte.alpha.shape[0] // 2))
    small = bgr_to_layers(cv2.resize(matte.image, half, interpolation=cv2.INTER_AREA))[0]
    gain, offset, share = _fit_brightness(small, cv2.resize(matte.alpha, half, interpolation=cv2.INTER_AREA))
    flat = alpha.reshape(-1)
    edge = np.flatnonzero((flat - np.uint8(1)) < 254)  # 0 becomes 255
    rows = edge // width
    columns = edge - rows * width
    near = (np.arange(height) * half[1] // height * half[0]).take(rows)
    near += (np.arange(width) * half[0] // width).take(columns)
    pixels = (rows + top) * layer.shape[1] + columns + left
    if layer.ndim == 3:
        pixels = pixels * 3 + 1  # green contributes most to brightness
    place = layer.reshape(-1).take(pixels) * gain.take(near) - offset.take(near)
    before = flat.take(edge) * np.float32(1 / 255)
    change = np.clip(place, 0, 1) - before
    change = np.minimum(change, change * np.float32(_INCREASE_WEIGHT))
    flat[edge] = np.rint(255 * (before + change * share.take(near) * before * (1 - before)))


def _fit_brightness(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit alpha around each pixel as a linear function of brightness.

    Returns:
        gain, offset and share, flat float32 each: alpha is ``brightness * gain - offset``, with a weight of ``share``
        times ``alpha * (1 - alpha)``.
    """
    brightness = (image if image.ndim == 2 else cv2.extractChannel(image, 1)).astype(np.float32)
    front, back = side_weights(alpha)
    behind = weighted_mean(brightness, back, _WINDOW_PIXELS)
    way = weighted_mean(brightness, front, _WINDOW_PIXELS) - behind
    square = way * way
    gain = way / (square + 1)
    share = 4 * square / (square + np.float32(_HALF_WEIGHT_DISTANCE**2))
    return gain.ravel(), (behind * gain).ravel(), share.ravel()
