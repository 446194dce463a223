"""The card that others see while the person or the camera is away."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.files.images import letterbox
from background_removal.support.lettering import draw_label, measure_label

_TEXT = "back soon"
# Height of the letters, share of the picture's shorter side.
_LETTER_HEIGHT = 0.06
# Lower edge of the label, share of the picture's height.
_LABEL_BOTTOM = 0.55
# Colour of the card if no background is known, (B, G, R).
_DARK = (48, 40, 36)
# Standard deviation of the blur, share of the shorter side; it leaves letters of an eighteenth of that side a hundredth
# of their contrast, as the strongest of `compositing.blur.STRENGTHS` does.
_BLUR = 0.04


def draw_card(size: tuple[int, int], own: np.ndarray | None, background: np.ndarray | None) -> np.ndarray:
    """Draw the card.

    Args:
        size: Width and height in pixels.
        own: The user's own card, uint8 (H, W, 3) BGR, scaled to fit; None for "back soon" on `background`.
        background: uint8 (H, W, 3) BGR; None for a plain dark one.

    Returns:
        uint8 (height, width, 3) BGR.
    """
    width, height = size
    if own is not None:
        return np.ascontiguousarray(letterbox(own[..., :3], width, height))
    if background is None:
        picture = np.full((height, width, 3), _DARK, np.uint8)
    else:
        picture = background if background.shape[1::-1] == size else letterbox(background, width, height)
    letters = max(10, round(_LETTER_HEIGHT * min(size)))
    draw_label(picture, _TEXT, (width - measure_label(_TEXT, letters)[0]) // 2, round(_LABEL_BOTTOM * height), letters)
    return picture


def blur_image(image: np.ndarray) -> np.ndarray:
    """Blur an image, uint8 (H, W, 3), so that people cannot be recognised."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, _BLUR * min(small.shape[:2])))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
