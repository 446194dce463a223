"""Full-size images that are used again instead of being allocated for every frame."""

from __future__ import annotations

import sys

import numpy as np


class Buffers:
    """Full-size images that are used again once nobody holds them any more.

    A fresh 1920x1080 image costs a millisecond, in which the system hands out its memory page by page.
    """

    def __init__(self) -> None:
        self._images: list[np.ndarray] = []

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an uninitialised uint8 array of `shape` that nobody else refers to."""
        self._images = [image for image in self._images if image.shape == shape]
        for image, references in zip(self._images, _references(self._images), strict=True):
            if references == _UNUSED:
                return image
        image = np.empty(shape, np.uint8)
        if len(self._images) < 8:
            self._images.append(image)
        return image


def _references(images: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(image) for image in images]


# What that counts for an image that only the list holds: not the same in every Python. A view of an image
# counts as much as a second name for it.
_UNUSED = _references([np.empty(1)])[0]
