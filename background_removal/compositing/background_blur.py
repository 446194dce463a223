"""Blur a frame's background without the person in the blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.compositing.blending import crop_to_box
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid

# Minimum standard deviation at the reduced size, pixels; below it a Gaussian is not well sampled.
_MIN_SIGMA = 1.5
# Minimum standard deviation, pixels, along an axis that is reduced further than the other; a strongly elongated
# Gaussian needs less along its length.
_MIN_LONG_SIGMA = 6.0


def blur_background(view: Pyramid, matte: Matte, sigmas: tuple[float, float]) -> np.ndarray:
    """Return a frame blurred by `blur_at_reduced_size`, uint8 (H, W, 3), at its full size."""
    return cv2.resize(blur_at_reduced_size(view, matte, sigmas), view.size, interpolation=cv2.INTER_LINEAR)


def blur_at_reduced_size(view: Pyramid, matte: Matte, sigmas: tuple[float, float]) -> np.ndarray:
    """Blur a frame by a Gaussian that leaves out the person, at a reduced size.

    Each pixel is weighted by its share of background, so that the person does not smear into the background. The size
    is that of the smallest level of the frame at which the Gaussian is still well sampled.

    Args:
        view: The frame.
        matte: The person's matte.
        sigmas: Standard deviations of the Gaussian across and down, in pixels of the frame.

    Returns:
        uint8 (h, w, 3) BGR, of the reduced size.
    """
    level = _choose_level(view.size, sigmas)
    image = view.level(level)
    weighted, box = _weight_by_background(view, matte, level)
    shrink_x = _choose_shrink(image.shape[1], sigmas[0], level)
    shrink_y = _choose_shrink(image.shape[0], sigmas[1], level)
    if (shrink_x, shrink_y) != (1, 1):
        size = (-(-image.shape[1] // shrink_x), -(-image.shape[0] // shrink_y))
        image, weighted = (cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (image, weighted))
        box = (box[0] // shrink_x, box[1] // shrink_y, -(-box[2] // shrink_x), -(-box[3] // shrink_y))
    across = _make_kernel(sigmas[0], shrink_x << level)
    down = _make_kernel(sigmas[1], shrink_y << level)
    blurred = cv2.GaussianBlur(image, (across.values.size, down.values.size), across.sigma, sigmaY=down.sigma)
    _replace_around_person(blurred, weighted, box, across, down)
    return blurred


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A Gaussian kernel along one axis.

    Attributes:
        values: float64 (2 * reach + 1, 1).
        sigma: Standard deviation in pixels.
        reach: Pixels to either side of the middle.
    """

    values: np.ndarray
    sigma: float
    reach: int


def _choose_level(size: tuple[int, int], sigmas: tuple[float, float]) -> int:
    """Return the smallest level of a frame at which a Gaussian is still well sampled."""
    level = 0
    while 2 << level <= min(sigmas) / _MIN_SIGMA and 2 << level <= min(size):
        level += 1
    return level


def _choose_shrink(side: int, sigma: float, level: int) -> int:
    """Return the factor by which one side of a level, in pixels, can be reduced further."""
    shrink = 1
    while (2 << level) * shrink <= sigma / _MIN_LONG_SIGMA and side >= 4 * shrink:
        shrink *= 2
    return shrink


def _make_kernel(sigma: float, shrink: int) -> _Kernel:
    """Return the kernel at a size reduced by `shrink` that blurs by `sigma` pixels of the frame in all."""
    # Reducing and enlarging blur as well: by a box of that many pixels, then by a triangle of twice that.
    variance = shrink**2 / 12 + shrink**2 / 6 if shrink > 1 else 0
    sigma = max(0.1, max(0.0, sigma**2 - variance) ** 0.5 / shrink)
    # Three standard deviations to either side, as OpenCV takes for 8 bits.
    reach = math.ceil(3 * sigma)
    return _Kernel(cv2.getGaussianKernel(2 * reach + 1, sigma), sigma, reach)


def _replace_around_person(blurred: np.ndarray, weighted: np.ndarray, box: Box, across: _Kernel, down: _Kernel) -> None:
    """Replace a blurred image, in place, by averages without the person wherever the person reaches into it.

    Args:
        blurred: uint8 (h, w, 3).
        weighted: Of that size, from `_weight_by_background`.
        box: The person's box at that size.
        across, down: The kernels of the blur.
    """
    near = _pad_box(box, across.reach, down.reach)
    wide = _pad_box(near, across.reach, down.reach)
    sums = cv2.sepFilter2D(crop_to_box(weighted, wide), cv2.CV_32F, across.values, down.values)
    part = crop_to_box(blurred, near)
    left, top = near[0] - wide[0], near[1] - wide[1]
    sums = sums[top : top + part.shape[0], left : left + part.shape[1]]
    total = cv2.extractChannel(sums, 3)
    averages = cv2.divide(cv2.cvtColor(sums, cv2.COLOR_BGRA2BGR), cv2.merge([total] * 3), scale=255, dtype=cv2.CV_8U)
    # Well inside the person no background is near, and the plain blur stays.
    cv2.copyTo(averages, (total > 1).view(np.uint8), dst=part)


def _pad_box(box: Box, across: int, down: int) -> Box:
    """Return `box` with padding on all sides, which ends at the image's left and top."""
    left, top, right, bottom = box
    return max(0, left - across), max(0, top - down), right + across, bottom + down


def _weight_by_background(view: Pyramid, matte: Matte, level: int) -> tuple[np.ndarray, Box]:
    """Return a level of the frame times each pixel's share of background, and the person's box in it.

    Around the person this is computed at a finer level, about as fine as the matte, and then reduced: larger pixels
    would mix in the person's colour.

    Returns:
        uint8 (h, w, 4), with that share as the fourth channel, and the box.
    """
    weighted = cv2.cvtColor(view.level(level), cv2.COLOR_BGR2BGRA)
    halvings = 0
    while halvings < level and (matte.box[2] - matte.box[0]) >> (level - halvings) < matte.alpha.shape[1] // 2:
        halvings += 1
    fine_level = level - halvings
    # The person's box in pixels of the finer level, and in whole ones of `level`.
    left, top, right, bottom = (round(side / (1 << fine_level)) for side in matte.box)
    box = (left >> halvings, top >> halvings, -(-right >> halvings), -(-bottom >> halvings))
    if left < right and top < bottom:
        fine_left, fine_top, fine_right, fine_bottom = (side << halvings for side in box)
        part = crop_to_box(view.level(fine_level), (fine_left, fine_top, fine_right, fine_bottom))
        share = _background_share(matte, right - left, bottom - top)
        above, before = top - fine_top, left - fine_left
        below, after = part.shape[0] - above - share.shape[0], part.shape[1] - before - share.shape[1]
        share = cv2.copyMakeBorder(share, above, below, before, after, cv2.BORDER_CONSTANT, value=(255,))
        part = cv2.multiply(cv2.cvtColor(part, cv2.COLOR_BGR2BGRA), cv2.merge([share] * 4), scale=1 / 255)
        inside = crop_to_box(weighted, box)
        cv2.resize(part, inside.shape[1::-1], dst=inside, interpolation=cv2.INTER_AREA)
    return weighted, box


def _background_share(matte: Matte, width: int, height: int) -> np.ndarray:
    """Return the share of background in each pixel of the matte's box at that size, uint8 (height, width)."""
    # An edge pixel contains the person's colour too: only pixels that are mostly background count.
    share = cv2.bitwise_not(cv2.convertScaleAbs(matte.alpha, alpha=2 * 255))
    return cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
