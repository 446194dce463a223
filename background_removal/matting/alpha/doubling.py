"""Double the size of an alpha, and solve its edge again in the larger image's own pixels."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.alpha.closed_form import solve_alpha
from background_removal.matting.alpha.own_colors import strips

# After doubling, distance from 0 and 1 beyond which a pixel is solved again.
_CERTAIN = 0.02
# After doubling, radius around such pixels that is solved as well, pixels.
_NEARBY_PIXELS = 2
# After doubling, weight of the doubled alpha.
_FINE_PRIOR_WEIGHT = 1e-3
# After doubling, maximum iterations.
_FINE_ITERATIONS = 12


def double_alpha(alpha: np.ndarray, image: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Return an alpha at the size of `image`, twice its own or a pixel less, solved again along the edge.

    Args:
        alpha: float32 (h, w) in [0, 1].
        image: uint8 (H, W, 3).
        where: Pixels of the image that may be solved, bool (H, W); None for all.
    """
    height, width = image.shape[:2]
    large = cv2.resize(alpha, (2 * alpha.shape[1], 2 * alpha.shape[0]), interpolation=cv2.INTER_LINEAR)
    large = np.ascontiguousarray(large[:height, :width])
    large[large < _CERTAIN / 4] = 0
    large[large > 1 - _CERTAIN / 4] = 1
    square = np.ones((2 * _NEARBY_PIXELS + 1, 2 * _NEARBY_PIXELS + 1), np.uint8)
    band = cv2.dilate(cv2.inRange(large, _CERTAIN, 1 - _CERTAIN), square).view(bool)
    if where is not None:
        band &= where
    for rows, columns in strips(band):
        # Rows next to the strip are given.
        around = slice(max(0, rows.start - 2), min(height, rows.stop + 2))
        here = band[around, columns].copy()
        here[: rows.start - around.start] = False
        here[rows.stop - around.start :] = False
        place = np.s_[around, columns]
        trust = np.full(here.shape, _FINE_PRIOR_WEIGHT, np.float32)
        large[place] = solve_alpha(image[place], large[place], here, large[place], trust, _FINE_ITERATIONS)
    return large
