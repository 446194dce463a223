"""The card: what others see instead of the user while he is away, or his camera is."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.files.images import letterbox
from background_removal.support.lettering import draw_label, measure_label

_TEXT = "back soon"
# Height of its letters, as a share of the picture's shorter side, and where their ground ends, of its height.
_LETTERS, _BOTTOM = 0.06, 0.55
# Where nothing is known of the room there is this, (B, G, R).
_DARK = (48, 40, 36)
# Standard deviation as a share of the shorter side: of letters an eighteenth as high it leaves a hundredth of the
# contrast, as the strongest of `compositing.blur.STRENGTHS` does.
_BLUR = 0.04


def draw_card(size: tuple[int, int], own: np.ndarray | None, behind: np.ndarray | None) -> np.ndarray:
    """Return what is shown instead of the user.

    Args:
        size: Width and height in pixels.
        own: A picture of the user's, uint8 (H, W, 3) BGR, which is fitted in; it counts if it is there.
        behind: What "back soon" is written on, uint8 (H, W, 3) BGR; None for a plain dark ground.

    Returns:
        uint8 (height, width, 3) BGR.
    """
    width, height = size
    if own is not None:
        return np.ascontiguousarray(letterbox(own[..., :3], width, height))
    if behind is None:
        picture = np.full((height, width, 3), _DARK, np.uint8)
    else:
        picture = behind if behind.shape[1::-1] == size else letterbox(behind, width, height)
    letters = max(10, round(_LETTERS * min(size)))
    draw_label(picture, _TEXT, (width - measure_label(_TEXT, letters)[0]) // 2, round(_BOTTOM * height), letters)
    return picture


def blur_image(image: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (H, W, 3), blurred so that nobody is recognised in it."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, _BLUR * min(small.shape[:2])))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
