"""Estimate the background without the people in it."""

from __future__ import annotations

import cv2
import numpy as np

# Width of the estimate, pixels.
_WIDTH = 160
# Standard deviation of its blur, share of the width; about the strongest of `compositing.blur.STRENGTHS` at a height of
# 720, with which no letter can be read.
_BLUR = 0.025
# Alpha below which a pixel is certain background, of 255; a matte's edge is soft, and its light falls on nearby pixels.
_MAX_BACKGROUND_ALPHA = 5
# Minimum share of known pixels under the Gaussian; below it a wider one is used.
_MIN_KNOWN = 0.05


def estimate_background(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the strongly blurred background, with the people filled from their surroundings.

    Unknown pixels are filled with averages over known ones, weighted by a Gaussian; where too few are known the
    Gaussian is twice as wide (normalised convolution, Knutsson and Westin 1993).

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: float32 (H, W) in [0, 1]; 1 is a person.

    Returns:
        uint8 (H, W, 3) BGR; grey if no background is known.
    """
    height, width = image.shape[:2]
    size = (_WIDTH, max(1, round(_WIDTH * height / width)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    people = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) * 255
    people = cv2.dilate(people, np.ones((7, 7), np.uint8))
    known = (people < _MAX_BACKGROUND_ALPHA).astype(np.float32)
    sums = small * known[..., None]
    background = np.full_like(small, 128)
    missing = np.ones(known.shape, bool)
    sigma = _BLUR * _WIDTH
    while missing.any() and sigma < 2 * _WIDTH:
        weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        filled = missing & (weight > _MIN_KNOWN)
        averages = cv2.GaussianBlur(sums, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) / (weight[..., None] + 1e-6)
        background[filled] = averages[filled]
        missing &= ~filled
        sigma *= 2
    background = cv2.GaussianBlur(background, (0, 0), _BLUR * _WIDTH)
    return cv2.resize(np.clip(background, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
