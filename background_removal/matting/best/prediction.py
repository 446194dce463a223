"""Prediction: the probability of a person at each pixel of a still, from which its alpha is solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Maximum pixels of the image per pixel of the network at the level where the edge is first solved; the result is
# doubled from there on.
_MAX_NETWORK_PIXEL = 2.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """The merged answers of one or more networks for an image.

    Attributes:
        probability: Of a person, float32 (h, w) in [0, 1], of the whole image.
        level: Level of the pyramid that has this size.
        pixel: Pixels of that level per pixel of the network, at least 1.
        soft: The same with the networks' own gradient at edges; None if that is `probability`.
        hair: Where hair may be, bool (h, w); None if that is not known.
    """

    probability: np.ndarray
    level: int
    pixel: float
    soft: np.ndarray | None = None
    hair: np.ndarray | None = None


def choose_level(pixel: float) -> tuple[int, float]:
    """Return the level at which to merge answers, and its pixels per pixel of the network.

    Args:
        pixel: Pixels of the full-size image per pixel of the network.
    """
    level = 0
    while pixel > _MAX_NETWORK_PIXEL * (1 << level):
        level += 1
    return level, max(1.0, pixel / (1 << level))
