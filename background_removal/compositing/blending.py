"""Putting a person before a background: blending, blurring what is behind, fitting a picture to a frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import cv2
import numpy as np

from background_removal.matting.alpha.edge import side_colors
from background_removal.matting.alpha.fine_edge import is_coarse, refine_at_full_size
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.crop import Box
from background_removal.matting.pyramid import Pyramid

# Rows are blended in strips, in each of which only the columns with an edge are touched. Strips of 32 and 64 rows were
# slower at 1920x1080 (benchmarks/matte.py).
_STRIP_ROWS = 128


def blend(front: np.ndarray, behind: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return ``front * alpha + behind * (1 - alpha)``, right to within one of 255.

    Args:
        front, behind: uint8 (H, W, 3) or (H, W).
        alpha: uint8 (H, W), 255 is all front.

    Returns:
        uint8 of the shape of `front`, a new array.
    """
    weight = alpha.copy() if front.ndim == 2 else cv2.merge([alpha] * 3)
    rest = cv2.bitwise_not(weight)
    cv2.multiply(front, weight, dst=weight, scale=1 / 255)
    cv2.multiply(behind, rest, dst=rest, scale=1 / 255)
    return cv2.add(weight, rest, dst=weight)


def blend_onto(out: np.ndarray, front: np.ndarray, matte: Matte, correction: np.ndarray | None = None) -> None:
    """Blend the part `front` of a frame, uint8 (h, w, 3) of the size of the matte's box, onto `out` in place.

    An edge correction is applied to `front` on the way. What is all person, where it corrects nothing, is copied;
    only where his edge may be is there anything to compute.
    """
    _blend(crop_to_box(out, matte.box), front, *_edge(matte), correction)


def blend_layers(out: Sequence[np.ndarray], view: Pyramid, matte: Matte, correct: bool = True) -> None:
    """Blend the person of a frame onto layers like the frame's, in place; see `blend_onto`.

    Args:
        out: What is behind, layer by layer.
        view: The frame.
        matte: Where the person is.
        correct: Whether an edge correction is applied, and a coarse matte's edge made as fine as the frame.
    """
    alpha, places = _edge(matte)
    if correct and is_coarse(matte):
        refine_at_full_size(alpha, view.layers[0], matte, view.bgr_to_layers)
    edges = {1: (matte.box, alpha, places)}
    if len(out) > 1:
        edges[2] = _halved(matte.box, alpha, places)
    changes: Sequence[np.ndarray | None] = [None] * len(out)
    if correct:
        # In the matte's own size, to be enlarged for each layer.
        changes = view.bgr_delta_to_layers(
            compute_edge_correction(replace(matte, box=(0, 0, *matte.alpha.shape[::-1])))
        )
    for layer, front, change in zip(out, view.layers, changes, strict=True):
        box, alpha, places = edges[view.size[0] // layer.shape[1]]
        if change is not None:
            change = cv2.resize(change, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
        _blend(crop_to_box(layer, box), crop_to_box(front, box), alpha, places, change)


Places: TypeAlias = list[tuple[slice, slice]]


def _blend(
    part: np.ndarray, front: np.ndarray, alpha: np.ndarray, places: Places, correction: np.ndarray | None
) -> None:
    for place in places:
        person = front[place] if correction is None else apply_edge_correction(front[place], correction[place])
        part[place] = blend(person, part[place], alpha[place])
    # Last: what is all person stays as it is, to the bit.
    cv2.copyTo(front, (alpha == 255).view(np.uint8), dst=part)


def _edge(matte: Matte) -> tuple[np.ndarray, Places]:
    """Return the alpha inside the matte's box, uint8 (h, w), and where in it the edge is."""
    small = cv2.convertScaleAbs(matte.alpha, alpha=255)
    alpha = matte.resize_to_box(small)
    return alpha, list(_edge_places(small, alpha.shape[1], alpha.shape[0]))


def _halved(box: Box, alpha: np.ndarray, places: Places) -> tuple[Box, np.ndarray, Places]:
    """Return the same for a layer of half the size, of which each pixel stands for two by two."""
    left, top, right, bottom = box
    whole = cv2.copyMakeBorder(alpha, top % 2, bottom % 2, left % 2, right % 2, cv2.BORDER_CONSTANT, value=(0,))
    small = cv2.resize(whole, (whole.shape[1] // 2, whole.shape[0] // 2), interpolation=cv2.INTER_AREA)

    def half(side: slice, begin: int) -> slice:
        return slice((side.start + begin % 2) // 2, (side.stop + begin % 2 + 1) // 2)

    halves = [(half(rows, top), half(columns, left)) for rows, columns in places]
    return (left // 2, top // 2, (right + 1) // 2, (bottom + 1) // 2), small, halves


def fill_planes(view: Pyramid, bgr: np.ndarray, onto: Sequence[np.ndarray]) -> None:
    """Fill layers like the frame's with a picture, uint8 (h, w, 3) BGR, scaled to their sizes."""
    for values, layer in zip(view.bgr_to_layers(bgr), onto, strict=True):
        method = cv2.INTER_AREA if layer.shape[1] < values.shape[1] else cv2.INTER_LINEAR
        cv2.resize(values, layer.shape[1::-1], dst=layer, interpolation=method)


def _edge_places(small: np.ndarray, width: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Yield rectangles, apart from each other, that hold what is neither 0 nor 255 in `small` once it is enlarged."""
    rows, columns = small.shape
    if width < columns or height < rows:
        yield np.s_[0:height, 0:width]
        return
    # Enlarging mixes a pixel with its neighbours.
    square = np.ones((3, 3), np.uint8)
    mixed = (cv2.dilate(small, square) > 0) & (cv2.erode(small, square) < 255)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        here = mixed[top * rows // height : -(-bottom * rows // height)].any(axis=0)
        changes = np.flatnonzero(np.diff(here, prepend=False, append=False)) * width // columns
        for left, right in changes.reshape(-1, 2):
            yield np.s_[top:bottom, left:right]


def blur_background(view: Pyramid, matte: Matte, sigmas: tuple[float, float]) -> np.ndarray:
    """Return a frame with its background blurred by `blur_at_reduced_size`, uint8 (H, W, 3)."""
    return cv2.resize(blur_at_reduced_size(view, matte, sigmas), view.size, interpolation=cv2.INTER_LINEAR)


def blur_at_reduced_size(view: Pyramid, matte: Matte, sigmas: tuple[float, float]) -> np.ndarray:
    """Return a frame with its background blurred as by a Gaussian, without the person in the blur, to be enlarged.

    Each pixel counts by how much it is background, so that the person does not smear into what is behind.
    The work is done on the smallest level of the frame at which the Gaussian is still well sampled.

    Args:
        view: The frame.
        matte: Where the person is.
        sigmas: Standard deviations of the Gaussian across and down, in pixels.

    Returns:
        uint8 (h, w, 3) BGR, of the size of that level.
    """
    width, height = view.size
    level = 0
    while 2 << level <= min(sigmas) / 1.5 and 2 << level <= min(height, width):
        level += 1
    small = view.level(level)
    # A Gaussian that is much wider one way than the other: that way less is enough.
    fewer = [1, 1]
    for axis, side in ((0, small.shape[1]), (1, small.shape[0])):
        while (2 << level) * fewer[axis] <= sigmas[axis] / 6 and side >= 4 * fewer[axis]:
            fewer[axis] *= 2
    # Shrinking and growing blur as well: a box of that many pixels, then a triangle of twice that.
    shrinks = [(1 << level) * factor for factor in fewer]
    sigma_x, sigma_y = (
        max(0.1, max(0.0, sigma**2 - (shrink**2 / 12 + shrink**2 / 6 if shrink > 1 else 0)) ** 0.5 / shrink)
        for sigma, shrink in zip(sigmas, shrinks, strict=True)
    )
    # Kernels of three standard deviations to either side, as OpenCV takes for 8 bits.
    reach_x, reach_y = math.ceil(3 * sigma_x), math.ceil(3 * sigma_y)
    across, down = (
        cv2.getGaussianKernel(2 * reach + 1, sigma) for reach, sigma in ((reach_x, sigma_x), (reach_y, sigma_y))
    )
    weighted, box = _weight_by_background(view, matte, level)
    if fewer != [1, 1]:
        size = (-(-small.shape[1] // fewer[0]), -(-small.shape[0] // fewer[1]))
        small, weighted = (cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (small, weighted))
        box = (box[0] // fewer[0], box[1] // fewer[1], -(-box[2] // fewer[0]), -(-box[3] // fewer[1]))
    behind = cv2.GaussianBlur(small, (across.size, down.size), sigma_x, sigmaY=sigma_y)

    # As far as the person reaches, averages that leave him out take the place of the plain ones.
    left, top, right, bottom = box
    far_left, far_top = max(0, left - 2 * reach_x), max(0, top - 2 * reach_y)
    around = weighted[far_top : bottom + 2 * reach_y, far_left : right + 2 * reach_x]
    sums = cv2.sepFilter2D(around, cv2.CV_32F, across, down)
    left, top = max(0, left - reach_x), max(0, top - reach_y)
    near = behind[top : bottom + reach_y, left : right + reach_x]
    sums = sums[top - far_top :, left - far_left :][: near.shape[0], : near.shape[1]]
    total = cv2.extractChannel(sums, 3)
    averages = cv2.divide(cv2.cvtColor(sums, cv2.COLOR_BGRA2BGR), cv2.merge([total] * 3), scale=255, dtype=cv2.CV_8U)
    # Where no background is near there is nothing to average: well inside the person.
    cv2.copyTo(averages, (total > 1).view(np.uint8), dst=near)
    return behind


def _weight_by_background(view: Pyramid, matte: Matte, level: int) -> tuple[np.ndarray, Box]:
    """Return a level of the frame times how much each pixel is background, and the box of the person in it.

    Around him that is done at a finer level, about as fine as the matte, and shrunk then: a large pixel would hold his
    colour too.

    Returns:
        uint8 (h, w, 4), whose fourth plane is that weight.
    """
    weighted = cv2.cvtColor(view.level(level), cv2.COLOR_BGR2BGRA)
    finer = 0
    while finer < level and (matte.box[2] - matte.box[0]) >> (level - finer) < matte.alpha.shape[1] // 2:
        finer += 1
    # The box in pixels of the finer level, and in whole ones of the level that is asked for.
    left, top, right, bottom = (round(side / (1 << level - finer)) for side in matte.box)
    box = (left >> finer, top >> finer, -(-right >> finer), -(-bottom >> finer))
    if left < right and top < bottom:
        first_column, first_row, last_column, last_row = (side << finer for side in box)
        part = view.level(level - finer)[first_row:last_row, first_column:last_column]
        # A pixel of the edge holds the person's colour too: only what is mostly background counts.
        weight = cv2.bitwise_not(cv2.convertScaleAbs(matte.alpha, alpha=2 * 255))
        weight = cv2.resize(weight, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        above, before = top - first_row, left - first_column
        below, after = part.shape[0] - above - weight.shape[0], part.shape[1] - before - weight.shape[1]
        weight = cv2.copyMakeBorder(weight, above, below, before, after, cv2.BORDER_CONSTANT, value=(255,))
        part = cv2.multiply(cv2.cvtColor(part, cv2.COLOR_BGR2BGRA), cv2.merge([weight] * 4), scale=1 / 255)
        inside = crop_to_box(weighted, box)
        cv2.resize(part, inside.shape[1::-1], dst=inside, interpolation=cv2.INTER_AREA)
    return weighted, box


def compute_edge_correction(matte: Matte) -> np.ndarray:
    """Return what takes the old background's colour off the person's edge, for `apply_edge_correction`.

    Where the network tells the person's own colours they are taken. Else the colours of both sides of the edge
    are estimated from the picture; a pixel of which `a` is person shows (1 - a) too much of the background's.

    Returns:
        uint8 (h, w, 3) of the size of the box: half of what is to be added, plus 128.
    """
    if matte.foreground is not None:
        missing = cv2.addWeighted(matte.foreground, 0.5, matte.image, -0.5, 128)
        # Well inside the person the picture itself is his colour; outside nothing shows.
        share = cv2.convertScaleAbs(np.minimum(1, 4 * (1 - matte.alpha)), alpha=255)
        share[matte.alpha == 0] = 0
        return matte.resize_to_box(blend(missing, np.full_like(missing, 128), share))
    person = matte.alpha[..., None]
    front, back = side_colors(matte.image, matte.alpha, _EDGE_PIXELS)
    missing = (front - back) * ((1 - person) * (person > 0))
    return matte.resize_to_box(np.clip(missing * 0.5 + 128.5, 0, 255).astype(np.uint8))


def apply_edge_correction(part: np.ndarray, correction: np.ndarray) -> np.ndarray:
    """Return `part`, uint8 (h, w, 3), with an edge correction of its size applied."""
    return cv2.addWeighted(part, 1, correction, 2, -256)


# Neighbourhood, at the size of the matte, in which pixels of either side are found for one on the edge; by trial on
# clips with known alpha (benchmarks/quality.py).
_EDGE_PIXELS = 13


def crop_to_box(image: np.ndarray, box: Box) -> np.ndarray:
    """Return the view of `image` inside `box`."""
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def wrap_light(behind: np.ndarray, part: np.ndarray, matte: Matte, strength: float) -> np.ndarray:
    """Return `part`, a frame inside the matte's box, with the light of `behind` falling over the person's edge.

    Args:
        behind: uint8 (H, W, 3).
        part: uint8 of the size of the box.
        strength: 0 to 1.

    Returns:
        uint8 of the size of the box.
    """
    height, width = matte.alpha.shape
    shrink = max(1, max(height, width) / _WRAP_SIDE)
    height, width = max(1, round(height / shrink)), max(1, round(width / shrink))
    alpha = cv2.resize(matte.alpha, (width, height), interpolation=cv2.INTER_AREA)
    # What is near the background takes some of its light, most at the very edge.
    near = cv2.blur(1 - alpha, (_WRAP_PIXELS, _WRAP_PIXELS)) * alpha
    light = cv2.blur(
        cv2.resize(crop_to_box(behind, matte.box), (width, height), interpolation=cv2.INTER_AREA),
        (_WRAP_PIXELS, _WRAP_PIXELS),
    )
    amount = matte.resize_to_box(cv2.convertScaleAbs(near, alpha=255 * strength))
    # As two projectors would: 1 - (1 - front) (1 - light).
    lit = cv2.bitwise_not(
        cv2.multiply(cv2.bitwise_not(part), cv2.bitwise_not(matte.resize_to_box(light)), scale=1 / 255)
    )
    return blend(lit, part, amount)


# How far light reaches over the edge, where the matte is no longer than this; chosen by eye.
_WRAP_PIXELS = 15
_WRAP_SIDE = 320


def scale_to_cover(picture: np.ndarray, width: int, height: int) -> np.ndarray:
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
