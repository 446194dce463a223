"""Estimate the colours on both sides of a person's edge, and fit the alpha to them."""

from __future__ import annotations

import cv2
import numpy as np

# Constants without a source lie in the flat middle of the range tried on the clips with known alpha that
# benchmarks/quality.py scores, and on similar ones.

# Window for the colours of either side, pixels at half the matte's size.
_WINDOW_PIXELS = 5
# Distance between the colours of both sides at which a pixel's own colour has a weight of half, of 255; lower values
# separate noise from an edge no better, higher ones do so where no halo is visible.
_HALF_WEIGHT_DISTANCE = 120.0


def side_colors(image: np.ndarray, alpha: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours of person and background around each pixel, two float32 (h, w, 3).

    They are averages weighted by each pixel's share of that side (after Forte: Approximate Fast Foreground Colour
    Estimation, ICIP 2021). Pixels that are mostly of one side count for it; others only where there are no better
    ones nearby.

    Args:
        image: uint8 (h, w, 3).
        alpha: float32 (h, w) in [0, 1].
        pixels: Width and height of the window.
    """
    colors = image.astype(np.float32)
    front, back = side_weights(alpha)
    return weighted_mean(colors, front, pixels), weighted_mean(colors, back, pixels)


def side_weights(alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's weight in the mean colour of the person and of the background, float32 (h, w) each."""
    return np.clip(2 * alpha - 1, 1e-3, 1) * alpha, np.clip(1 - 2 * alpha, 1e-3, 1) * (1 - alpha)


def edge_changes(alpha: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Align the edge of `alpha` with the colours of `image`, so that no rim of the old background is left.

    The share of person in an edge pixel is the position of its colour between the background's and the person's.
    That has the more weight the less certain alpha is and the further apart both colours are: only there a halo shows.

    Args:
        alpha: float32 (h, w) in [0, 1]; values of 0 and 1 stay.
        image: The image of that alpha, uint8 (h, w, 3).

    Returns:
        The other pixels, as indices of the flattened alpha, and what is to be added there, float32 (n,) each.
    """
    height, width = alpha.shape
    half = (max(1, width // 2), max(1, height // 2))
    front, back = side_colors(
        cv2.resize(image, half, interpolation=cv2.INTER_AREA),
        cv2.resize(alpha, half, interpolation=cv2.INTER_AREA),
        _WINDOW_PIXELS,
    )
    flat = alpha.reshape(-1)
    edge = np.flatnonzero((flat > 0) & (flat < 1))
    rows = edge // width
    near_rows = np.minimum(np.arange(height) // 2, half[1] - 1) * half[0]
    near_columns = np.minimum(np.arange(width) // 2, half[0] - 1)
    near = near_rows.take(rows) + near_columns.take(edge - rows * width)
    behind = back.reshape(-1, 3).take(near, axis=0)
    way = front.reshape(-1, 3).take(near, axis=0) - behind
    length = np.einsum("nc,nc->n", way, way)
    place = np.einsum("nc,nc->n", image.reshape(-1, 3).take(edge, axis=0) - behind, way) / (length + 1)
    before = flat[edge]
    share = 4 * before * (1 - before) * length / (length + np.float32(_HALF_WEIGHT_DISTANCE**2))
    return edge, before + share * (np.clip(place, 0, 1) - before) - before


def snap_to_edges(alpha: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return an alpha with `edge_changes` made, float32 (h, w) in [0, 1]."""
    edge, change = edge_changes(alpha, image)
    out = alpha.astype(np.float32)
    out.reshape(-1)[edge] += change
    return out


def weighted_mean(values: np.ndarray, weight: np.ndarray, pixels: int, epsilon: float = 1e-6) -> np.ndarray:
    """Return the weighted means of `values`, (h, w) or (h, w, 3), over square windows, float32 of that shape.

    Args:
        values: uint8 or float32.
        weight: float32 (h, w).
        pixels: Width and height of the window.
        epsilon: Added to the sum of the weights.
    """
    size = (pixels, pixels)
    total = cv2.blur(weight, size) + np.float32(epsilon)
    if values.ndim == 3:  # NumPy would broadcast three numbers at a time
        weights, totals = cv2.merge([weight] * 3), cv2.merge([total] * 3)
        return cv2.divide(cv2.blur(cv2.multiply(values, weights, dtype=cv2.CV_32F), size), totals)
    return cv2.blur(values * weight, size) / total
