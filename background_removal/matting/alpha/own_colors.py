"""The own colours of what an alpha keeps, at the full size of an image."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from background_removal.matting.alpha.edge import side_weights, weighted_mean
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid

# Added to the sum of the weights in the mean colours, which may be small.
MEAN_EPSILON = 1e-9
# Side of the square around a person, pixels of a network and person's longer sides; as for a photo's edge.
_NETWORK_PIXELS, _SQUARE_PER_PERSON = 256, 1.2
# Maximum pixels of the level at which colours are averaged per pixel of the network, as for a photo's edge.
_MAX_NETWORK_PIXEL = 2.5
# Half width of the window for the colours of either side, pixels of the network, as for a photo's edge.
_COLOR_PIXELS = 8.0
# Maximum level; the corner of a box must be a whole pixel of it.
MAX_LEVEL = 5
# Rows processed at a time, pixels; bounds the memory for a large image.
_STRIP_ROWS = 256


def choose_averages(side: int) -> tuple[int, int]:
    """Return the level and the window for `estimate_own_colors`, for a person that is `side` pixels high or wide."""
    pixel, level = side * _SQUARE_PER_PERSON / _NETWORK_PIXELS, 0
    while pixel > _MAX_NETWORK_PIXEL * (1 << level) and level < MAX_LEVEL:
        level += 1
    return level, 2 * round(_COLOR_PIXELS * max(1.0, pixel / (1 << level))) + 1


def estimate_own_colors(view: Pyramid, box: Box, alpha: np.ndarray, level: int, window: int) -> np.ndarray:
    """Return the own colours of what is kept where alpha is above 0, uint8 (h, w, 3) of the size of the box.

    The colours of both sides are estimated as averages; the rest of a pixel's colour is divided between them by their
    shares of it, with the least change of both (after Forte: Approximate Fast Foreground Colour Estimation, ICIP
    2021). So a strand of hair keeps its own shade and loses that of the sky.

    Args:
        view: The image.
        box: The part of it that the alpha covers.
        alpha: float32 (h, w) in [0, 1], of the size of the box.
        level: Level of the pyramid at which the averages are taken.
        window: Width of the window for the colours of either side, in pixels of that level.
    """
    image = part_of(view.image, box, 0)
    height, width = alpha.shape
    small = part_of(view.level(level), box, level)
    weights = side_weights(cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA))
    front, back = (weighted_mean(small, weight, window, MEAN_EPSILON) for weight in weights)
    large = (small.shape[1] << level, small.shape[0] << level)
    front, back = (cv2.resize(cv2.convertScaleAbs(colors), large) for colors in (front, back))
    out = image.copy()
    edge = (alpha > 0) & (alpha < 1)
    for place in strips(edge):
        here = edge[place]
        share = alpha[place][here][:, None]
        own, behind = (colors[:height, :width][place][here].astype(np.float32) for colors in (front, back))
        unexplained = image[place][here] - share * own - (1 - share) * behind
        own += share / (share**2 + (1 - share) ** 2) * unexplained
        out[place][here] = np.clip(own + 0.5, 0, 255).astype(np.uint8)
    return out


def part_of(image: np.ndarray, box: Box, level: int) -> np.ndarray:
    """Return the view of `image`, a level of the pyramid, inside `box` of the full-size image."""
    left, top, right, bottom = box
    return image[top >> level : -(-bottom >> level), left >> level : -(-right >> level)]


def strips(mask: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Yield rectangles of a few rows each that cover `mask`, bool (h, w), and two more columns at its sides."""
    height, width = mask.shape
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        columns = np.flatnonzero(mask[top:bottom].any(axis=0))
        if len(columns):
            yield slice(top, bottom), slice(max(0, columns[0] - 2), min(width, columns[-1] + 3))
