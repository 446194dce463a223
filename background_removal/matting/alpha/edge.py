"""The colours of both sides of a person's edge, and where between them a pixel of it lies."""

from __future__ import annotations

import cv2
import numpy as np

# Values without a source lie in the flat middle of what was tried on the clips with known alpha that
# benchmarks/quality.py scores and on others made like them.

# Neighbourhood, at half the matte's size, in which the colours of either side are looked for.
_PIXELS = 5
# Distance between the colours of both sides (of 255) at which a pixel's own colour counts half: less tells noise
# from an edge no better, more does so where nothing is seen of a halo.
_APART = 120.0


def side_colors(image: np.ndarray, alpha: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours of person and background around each pixel, two float32 (h, w, 3).

    They are averages weighted by how much of that side each pixel is (after Forte: Approximate Fast Foreground
    Colour Estimation, ICIP 2021). What is mostly of one side counts for it; the rest only where nothing better is
    near.

    Args:
        image: uint8 (h, w, 3).
        alpha: float32 (h, w) in [0, 1].
        pixels: Width and height of the neighbourhood.
    """
    colors = image.astype(np.float32)
    front = np.clip(2 * alpha - 1, 1e-3, 1) * alpha
    back = np.clip(1 - 2 * alpha, 1e-3, 1) * (1 - alpha)
    return _local_mean(colors, front, pixels), _local_mean(colors, back, pixels)


def snap_to_edges(alpha: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return an alpha whose edge follows the colours of its pixels, so that it holds no rim of the old background.

    A pixel of the edge is as much person as its colour is on the way from the background's colour to the person's.
    That counts the more, the less alpha is sure and the further apart the two are: a halo is seen only there.

    Args:
        alpha: float32 (h, w) in [0, 1]; what is 0 or 1 stays.
        image: What it is the alpha of, uint8 (h, w, 3).

    Returns:
        float32 (h, w) in [0, 1].
    """
    height, width = alpha.shape
    half = (max(1, width // 2), max(1, height // 2))
    front, back = side_colors(
        cv2.resize(image, half, interpolation=cv2.INTER_AREA),
        cv2.resize(alpha, half, interpolation=cv2.INTER_AREA),
        _PIXELS,
    )
    out = alpha.astype(np.float32).ravel()
    edge = np.flatnonzero((out > 0) & (out < 1))
    rows, columns = np.divmod(edge, width)
    near = np.minimum(rows // 2, half[1] - 1) * half[0] + np.minimum(columns // 2, half[0] - 1)
    behind = back.reshape(-1, 3).take(near, axis=0)
    way = front.reshape(-1, 3).take(near, axis=0) - behind
    length = np.einsum("nc,nc->n", way, way)
    place = np.einsum("nc,nc->n", image.reshape(-1, 3).take(edge, axis=0) - behind, way) / (length + 1)
    before = out[edge]
    share = 4 * before * (1 - before) * length / (length + np.float32(_APART**2))
    out[edge] = before + share * (np.clip(place, 0, 1) - before)
    return out.reshape(height, width)


def _local_mean(colors: np.ndarray, weight: np.ndarray, pixels: int) -> np.ndarray:
    size = (pixels, pixels)
    return cv2.blur(colors * weight[..., None], size) / (cv2.blur(weight, size) + 1e-6)[..., None]
