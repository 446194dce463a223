"""The share of person in each pixel before a screen: between the colours of both sides, weighed by what is known."""

from __future__ import annotations

import cv2
import numpy as np

# Constants were chosen on the choosing half of benchmarks/green_screens.py; each lies in a flat range.

# Standard deviation of the noise of luma, and of Cr and Cb, of 255.
_NOISE = np.array((8.0, 4.0, 4.0), np.float32)
# Standard deviation of the light on the screen within a region, and of the person's, as shares.
_SCREEN_LIGHT = 0.18
_PERSON_LIGHT = 0.25
# Standard deviations of the screen's noise up to which a pixel is all screen.
_NOISE_FLOOR = 2.0
# The same as an alpha, at most.
_MAX_FLOOR = 0.3
# Slope of alpha above the floor, until it meets the line without one.
_KNEE = 2.5
# Alpha from which on a pixel is all person: light of the screen on the rim looks like a share of it.
CEILING = 0.91
# Windows for the person's colour around a pixel, shares of the picture's width.
_WINDOWS = (0.018, 0.05, 0.15)


def nearby_colors(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean colour of the nearest known pixels around each pixel, float32 (h, w, 3).

    Args:
        colors: float32 (h, w, 3).
        weights: How well each pixel's colour is known, float32 (h, w) in [0, 1], not 0 everywhere.
    """
    sums = cv2.merge([*cv2.split(colors * weights[..., None]), weights])
    total = sums.sum(axis=(0, 1))
    result = np.broadcast_to(total[:3] / (total[3] + np.float32(1e-6)), colors.shape)
    for window in reversed(_WINDOWS):
        pixels = max(3, round(window * weights.shape[1]) | 1)
        means = cv2.blur(sums, (pixels, pixels))
        share = np.minimum(1, 10 * means[..., 3:])
        result = result + share * (means[..., :3] / (means[..., 3:] + np.float32(1e-6)) - result)
    return result


def solve_weights(screen: np.ndarray, light: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how alpha depends on a pixel's colour around each pixel.

    Alpha is the best linear discriminant (Fisher) between both sides: noise is the same on both, and light makes
    each brighter and darker along its own colour, more so than noise. Where the person is bright, that measures colour
    alone, and folds and shadows of the screen do not count; where they are dark, it counts brightness too.

    Args:
        screen: The screen's colour, float32 (h, w, 3): luma, Cr and Cb.
        person: The person's colour nearby, of the same kind.
        keeps_shadows: Whether light counts as little on the screen as noise.

    Returns:
        float32 (h, w, 4): alpha is the sum of the first three times a pixel's colour, plus the fourth; and float32
        (h, w), the distance of both sides in standard deviations.
    """
    way = person - screen
    noise = _NOISE**2
    solved = way / noise
    # Two updates of rank one (Sherman and Morrison): the inverse of noise plus the variance along each side's colour.
    first = screen * light[..., None]
    scaled_first = first / noise
    gain_first = 1 / (1 + _dot(first, scaled_first))
    second = person * np.float32(_PERSON_LIGHT)
    solved = solved - scaled_first * (_dot(first, solved) * gain_first)[..., None]
    scaled_second = second / noise
    scaled_second = scaled_second - scaled_first * (_dot(first, scaled_second) * gain_first)[..., None]
    gain_second = 1 / (1 + _dot(second, scaled_second))
    solved = solved - scaled_second * (_dot(second, solved) * gain_second)[..., None]
    square = np.maximum(_dot(solved, way), np.float32(1e-3))
    distance = np.sqrt(square)
    weights = solved * (1 / (CEILING * square))[..., None]
    return np.dstack([weights, -_dot(weights, screen)]), distance


def cut_noise(alpha: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return alpha, float32 (h, w), clipped to [0, 1], and 0 where noise alone may be the cause of more.

    Args:
        alpha: As `solve_weights` gives it.
        distance: The distance of both sides, from there.
    """
    floor = np.minimum(_NOISE_FLOOR / distance, _MAX_FLOOR)
    return np.clip(np.minimum(alpha, _KNEE * (alpha - floor)), 0, 1)


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("hwc,hwc->hw", first, second)
