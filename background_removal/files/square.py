"""Square pixels, for formats that cannot say that theirs are not."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

# Most oblong pixels that are believed, width divided by height or the reverse; videos have at most 3.
_MAX_ASPECT = 8


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return the size of the same picture in square pixels: one side is enlarged, so that no detail is lost.

    Args:
        width, height: Size in pixels.
        pixel_aspect: Width of a pixel divided by its height; one that cannot be believed counts as 1.

    >>> square_size(352, 288, Fraction(12, 11)), square_size(720, 480, Fraction(8, 9)), square_size(64, 64, Fraction(1))
    ((384, 288), (720, 540), (64, 64))
    """
    if not Fraction(1, _MAX_ASPECT) <= pixel_aspect <= _MAX_ASPECT:
        return width, height
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def resize_image(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale an image, uint8 (H, W, 3) BGR or (H, W, 4) BGRA, without colours from under transparent pixels."""
    if image.shape[1::-1] == (width, height):
        return image
    if image.shape[2] == 3:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    weighted = image.astype(np.float32)
    weighted[..., :3] *= weighted[..., 3:] / 255
    smaller = width < image.shape[1] and height < image.shape[0]
    scaled = cv2.resize(weighted, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    scaled[..., :3] *= 255 / np.maximum(scaled[..., 3:], 1)
    return np.clip(scaled + 0.5, 0, 255).astype(np.uint8)
