"""The share of person in each pixel before a screen: between the colours of both sides, weighed by their certainty."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# Constants were chosen on the choosing half of benchmarks/green_screens.py; each lies in a flat range.

# Standard deviation of the noise of luma, Cr and Cb, of 255.
_NOISE = (8.0, 4.0, 4.0)
# Standard deviation of the light on the person within a region, as a share of it.
_PERSON_LIGHT = 0.3
# Standard deviations of the screen's noise up to which a pixel is all screen.
_NOISE_FLOOR = 2.0
# The same as an alpha, at most.
_MAX_FLOOR = 0.3
# Slope of alpha above the floor, until it meets the line without one.
_KNEE = 2.5
# Share of the person from which on a pixel is all theirs: light of the screen on the rim looks like a share of it.
CEILING = 0.9


def solve_weights(screen: np.ndarray, light: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how the share of person in a pixel depends on its colour.

    It is the best linear discriminant (Fisher) between both sides: noise is the same on both, and light makes each
    brighter and darker along its own colour. Where the person is bright, that measures hue and saturation alone, and
    folds and shadows of the screen do not count; where they are dark, brightness counts as far as the light is even.

    Args:
        screen: The screen's colour, float32 (h, w, 3): luma, Cr and Cb.
        light: Standard deviation of the light on it, as a share, float32 (h, w).
        person: The person's colour nearby, as `screen`.

    Returns:
        float32 (h, w, 4): the share is the sum of the first three times a pixel's colour, plus the fourth; and float32
        (h, w), the distance of both sides in standard deviations.
    """
    behind, front = cv2.split(screen), cv2.split(person)
    way = [own - other for own, other in zip(front, behind, strict=True)]
    solved = [each * np.float32(1 / noise**2) for each, noise in zip(way, _NOISE, strict=True)]
    # Two updates of rank one (Sherman and Morrison): the inverse of noise plus the variance along each side's colour.
    first = [each * light for each in behind]
    scaled_first = [each * np.float32(1 / noise**2) for each, noise in zip(first, _NOISE, strict=True)]
    gain_first = 1 / (1 + _dot(first, scaled_first))
    solved = _minus(solved, scaled_first, _dot(first, solved) * gain_first)
    second = [each * np.float32(_PERSON_LIGHT) for each in front]
    scaled_second = [each * np.float32(1 / noise**2) for each, noise in zip(second, _NOISE, strict=True)]
    scaled_second = _minus(scaled_second, scaled_first, _dot(first, scaled_second) * gain_first)
    gain_second = 1 / (1 + _dot(second, scaled_second))
    solved = _minus(solved, scaled_second, _dot(second, solved) * gain_second)
    square = np.maximum(_dot(solved, way), np.float32(1e-3))
    weights = [each / square for each in solved]
    return cv2.merge([*weights, -_dot(weights, behind)]), np.sqrt(square)


def cut_noise(share: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the alpha, float32 in [0, 1], of shares of person: 0 where noise alone may be the cause of more.

    Args:
        share: As the weights of `solve_weights` give it, float32 of any shape.
        distance: The distance of both sides, from there.
    """
    floor = np.minimum(np.float32(_NOISE_FLOOR) / distance, np.float32(_MAX_FLOOR))
    alpha = share * np.float32(1 / CEILING)
    return np.clip(np.minimum(alpha, (alpha - floor) * np.float32(_KNEE)), 0, 1)


def _dot(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def _minus(values: Sequence[np.ndarray], others: Sequence[np.ndarray], factor: np.ndarray) -> list[np.ndarray]:
    return [value - other * factor for value, other in zip(values, others, strict=True)]
