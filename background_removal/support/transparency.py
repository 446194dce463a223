"""Flatten transparent images for outputs without transparency."""

from __future__ import annotations

import functools

import cv2
import numpy as np

# Ground of transparent pictures in formats without alpha, as browsers show them, BGR.
WHITE = (255, 255, 255)
# Side of the squares that stand for transparency, pixels.
_SQUARE_PIXELS = 16


def flatten(image: np.ndarray, ground: np.ndarray | tuple[int, int, int]) -> np.ndarray:
    """Composite a BGRA image over a ground; a BGR image is returned unchanged.

    Args:
        image: uint8 (H, W, 4) or (H, W, 3).
        ground: uint8 (H, W, 3), or one colour (B, G, R).

    Returns:
        uint8 (H, W, 3).

    >>> flatten(np.uint8([[[10, 20, 30, 0], [10, 20, 30, 255]]]), (1, 2, 3)).tolist()
    [[[1, 2, 3], [10, 20, 30]]]
    """
    if image.shape[2] == 3:
        return image
    if isinstance(ground, tuple):
        ground = np.full((*image.shape[:2], 3), ground, np.uint8)
    alpha = image[..., 3].astype(np.float32) / 255
    return cv2.blendLinear(np.ascontiguousarray(image[..., :3]), ground, alpha, 1 - alpha)


def flatten_on_squares(image: np.ndarray, greys: tuple[int, int]) -> np.ndarray:
    """Composite a BGRA image over squares of two greys; a BGR image is returned unchanged."""
    return image if image.shape[2] == 3 else flatten(image, _draw_squares(*image.shape[:2], greys))


@functools.lru_cache(maxsize=2)
def _draw_squares(height: int, width: int, greys: tuple[int, int]) -> np.ndarray:
    rows, columns = np.ogrid[:height, :width]
    squares = np.array(greys, np.uint8)[(rows // _SQUARE_PIXELS + columns // _SQUARE_PIXELS) % 2]
    return cv2.cvtColor(squares, cv2.COLOR_GRAY2BGR)
