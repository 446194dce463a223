"""Putting a person before a background: blending, blurring what is behind, fitting a picture to a frame."""

from __future__ import annotations

import cv2
import numpy as np

# Rows are blended in strips that stay in the processor's cache between the steps.
_STRIP_ROWS = 32


def blend(front: np.ndarray, behind: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return ``front * alpha + behind * (1 - alpha)``, right to within one of 255.

    Args:
        front, behind: uint8 (H, W, 3).
        alpha: uint8 (H, W), 255 is all front.

    Returns:
        uint8 (H, W, 3), a new array.
    """
    out = np.empty_like(front)
    for top in range(0, front.shape[0], _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        weight = cv2.merge([alpha[rows]] * 3)
        rest = cv2.bitwise_not(weight)
        cv2.multiply(front[rows], weight, dst=weight, scale=1 / 255)
        cv2.multiply(behind[rows], rest, dst=rest, scale=1 / 255)
        cv2.add(weight, rest, dst=out[rows])
    return out


def kernel_sigma(size: int) -> float:
    """Return the standard deviation that OpenCV gives a Gaussian kernel of `size` pixels (getGaussianKernel)."""
    return 0.3 * ((size - 1) * 0.5 - 1) + 0.8


def blur_behind(image: np.ndarray, alpha: np.ndarray, kernel: tuple[int, int]) -> np.ndarray:
    """Return `image` with its background blurred as by a Gaussian, without the person in the blur.

    Each pixel counts by how much it is background, so that the person does not smear into what is behind.
    The work is done on a smaller image, of a size at which the Gaussian is still well sampled.

    Args:
        image: uint8 (H, W, 3).
        alpha: uint8 (H, W), 255 is all person.
        kernel: Width and height of the Gaussian in pixels, both odd.

    Returns:
        uint8 (H, W, 3). What lies deep inside the person is meaningless.
    """
    height, width = image.shape[:2]
    sigma_x, sigma_y = kernel_sigma(kernel[0]), kernel_sigma(kernel[1])
    shrink = 1
    while shrink * 2 <= min(sigma_x, sigma_y) / 1.5 and shrink * 2 <= min(height, width):
        shrink *= 2
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    person = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) * (1 / 255)
    # Pixels of the edge hold the person's colour too: only what is mostly background counts.
    weight = np.clip(1 - 2 * person, 1e-4, 1)
    # Shrinking and growing blur as well: a box of `shrink` pixels, then a triangle of twice that.
    lost = shrink**2 / 12 + shrink**2 / 6
    sigmas = [max(0.1, (sigma**2 - lost) ** 0.5 / shrink) for sigma in (sigma_x, sigma_y)]
    weighted = cv2.GaussianBlur(small * weight[..., None], (0, 0), sigmas[0], sigmaY=sigmas[1])
    total = cv2.GaussianBlur(weight, (0, 0), sigmas[0], sigmaY=sigmas[1])
    behind = cv2.convertScaleAbs(weighted / np.maximum(total, 1e-6)[..., None])
    return cv2.resize(behind, (width, height), interpolation=cv2.INTER_LINEAR)


def cover(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return `picture` scaled to fill `width` x `height` in its own proportions, its middle kept.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        uint8 (height, width, 3).
    """
    have_height, have_width = picture.shape[:2]
    scale = max(width / have_width, height / have_height)
    # What will be kept is cut out first, so that no more than that is scaled.
    keep_width = min(have_width, max(1, round(width / scale)))
    keep_height = min(have_height, max(1, round(height / scale)))
    left, top = (have_width - keep_width) // 2, (have_height - keep_height) // 2
    kept = picture[top : top + keep_height, left : left + keep_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(kept, (width, height), interpolation=method)
