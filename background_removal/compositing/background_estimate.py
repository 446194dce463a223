"""The room without the people in it."""

from __future__ import annotations

import cv2
import numpy as np

# Width in pixels at which the room is made, and the standard deviation of its blur as a share of it: of a picture
# 720 pixels high about the strongest of `compositing.blur.STRENGTHS`, of whose letters nothing can be read.
_WIDTH = 160
_BLUR = 0.025
# What is surely no person, of 255: the edge of a matte is soft, and its light falls on what is near.
_SURELY_ROOM = 5
# What so little is known of is filled from further away.
_MIN_KNOWN = 0.05


def estimate_background(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return a picture of the room, strongly blurred, where the people are filled from what is around them.

    Averages over what is known, weighted by a Gaussian, fill what is not; where too little is known the Gaussian is
    twice as wide (normalised convolution, Knutsson and Westin 1993).

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: float32 (H, W) in [0, 1]; 1 is a person.

    Returns:
        uint8 (H, W, 3) BGR; grey where there is nothing but people.
    """
    height, width = image.shape[:2]
    size = (_WIDTH, max(1, round(_WIDTH * height / width)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    people = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) * 255
    people = cv2.dilate(people, np.ones((7, 7), np.uint8))
    known = (people < _SURELY_ROOM).astype(np.float32)
    sums = small * known[..., None]
    room = np.full_like(small, 128)
    missing = np.ones(known.shape, bool)
    sigma = _BLUR * _WIDTH
    while missing.any() and sigma < 2 * _WIDTH:
        weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        filled = missing & (weight > _MIN_KNOWN)
        room[filled] = (
            cv2.GaussianBlur(sums, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) / (weight[..., None] + 1e-6)
        )[filled]
        missing &= ~filled
        sigma *= 2
    room = cv2.GaussianBlur(room, (0, 0), _BLUR * _WIDTH)
    return cv2.resize(np.clip(room, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
