"""Composite a person over a background: blending, edge correction, light wrap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import cv2
import numpy as np

from background_removal.matting.alpha.edge import side_colors
from background_removal.matting.alpha.fine_edge import is_coarse, refine_at_full_size
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid

# Rows blended at a time, pixels; only the columns with an edge are blended. Of 32 to 400 rows the best at 1280x720 and
# 1920x1080: fewer make more calls (benchmarks/matte.py).
_STRIP_ROWS = 384
# Window for the colours of either side of the edge, pixels at the matte's size; tuned on clips with known alpha
# (benchmarks/quality.py).
_EDGE_WINDOW_PIXELS = 13
# Window over which light wraps around the edge, pixels at `_WRAP_SIDE`; chosen by eye.
_WRAP_WINDOW_PIXELS = 15
# Maximum length of the longer side at which light wrap is computed, pixels; chosen by eye.
_WRAP_SIDE = 320

Regions: TypeAlias = list[tuple[slice, slice]]


def blend(front: np.ndarray, behind: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return ``front * alpha + behind * (1 - alpha)``, exact to within one of 255.

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

    `correction` from `compute_edge_correction` is applied to `front`. Pixels that are all person, where it changes
    nothing, are copied; only regions with an edge are blended.
    """
    _blend(crop_to_box(out, matte.box), front, *_find_edge(matte), correction)


def blend_layers(out: Sequence[np.ndarray], view: Pyramid, matte: Matte, correct: bool = True) -> None:
    """Blend the person of a frame onto layers like the frame's, in place; see `blend_onto`.

    Args:
        out: The background, layer by layer.
        view: The frame.
        matte: The person's matte.
        correct: Whether to apply an edge correction, and to refine a coarse matte's edge at full size.
    """
    if not matte.alpha.any():
        return
    alpha, regions = _find_edge(matte)
    if correct and is_coarse(matte):
        refine_at_full_size(alpha, view.layers[0], matte, view.bgr_to_layers)
    edges = {1: (matte.box, alpha, regions)}
    if len(out) > 1:
        edges[2] = _halve_edge(matte.box, alpha, regions)
    corrections: Sequence[np.ndarray | None] = [None] * len(out)
    if correct:
        # At the matte's own size; each layer enlarges it.
        at_own_size = replace(matte, box=(0, 0, *matte.alpha.shape[::-1]))
        corrections = view.bgr_delta_to_layers(compute_edge_correction(at_own_size))
    for layer, front, correction in zip(out, view.layers, corrections, strict=True):
        box, alpha, regions = edges[view.size[0] // layer.shape[1]]
        if correction is not None:
            correction = cv2.resize(correction, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
        _blend(crop_to_box(layer, box), crop_to_box(front, box), alpha, regions, correction)


def _blend(
    part: np.ndarray, front: np.ndarray, alpha: np.ndarray, regions: Regions, correction: np.ndarray | None
) -> None:
    for region in regions:
        person = front[region] if correction is None else apply_edge_correction(front[region], correction[region])
        part[region] = blend(person, part[region], alpha[region])
    # Last, so that pixels that are all person stay identical to the bit.
    cv2.copyTo(front, (alpha == 255).view(np.uint8), dst=part)


def _find_edge(matte: Matte) -> tuple[np.ndarray, Regions]:
    """Return the alpha inside the matte's box, uint8 (h, w), and the regions that contain its edge."""
    small = cv2.convertScaleAbs(matte.alpha, alpha=255)
    alpha = matte.resize_to_box(small)
    return alpha, list(_edge_regions(small, alpha.shape[1], alpha.shape[0]))


def _halve_edge(box: Box, alpha: np.ndarray, regions: Regions) -> tuple[Box, np.ndarray, Regions]:
    """Return a box, its alpha and the regions of its edge for a layer of half the size."""
    left, top, right, bottom = box
    if any(side % 2 for side in box):
        alpha = cv2.copyMakeBorder(alpha, top % 2, bottom % 2, left % 2, right % 2, cv2.BORDER_CONSTANT, value=(0,))
    small = cv2.resize(alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA)

    def half(side: slice, begin: int) -> slice:
        return slice((side.start + begin % 2) // 2, (side.stop + begin % 2 + 1) // 2)

    halves = [(half(rows, top), half(columns, left)) for rows, columns in regions]
    return (left // 2, top // 2, (right + 1) // 2, (bottom + 1) // 2), small, halves


def fill_planes(view: Pyramid, bgr: np.ndarray, onto: Sequence[np.ndarray]) -> None:
    """Fill layers like the frame's with an image, uint8 (h, w, 3) BGR, scaled to their sizes."""
    for values, layer in zip(view.bgr_to_layers(bgr), onto, strict=True):
        method = cv2.INTER_AREA if layer.shape[1] < values.shape[1] else cv2.INTER_LINEAR
        cv2.resize(values, layer.shape[1::-1], dst=layer, interpolation=method)


def _edge_regions(small: np.ndarray, width: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Yield separate rectangles that cover all values between 0 and 255 of `small` enlarged to that size."""
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


def compute_edge_correction(matte: Matte) -> np.ndarray:
    """Return the correction that removes the old background's colour from the person's edge.

    It uses the person's own colours if the network estimates them. Otherwise the colours of both sides of the edge
    are estimated from the image; a pixel with an alpha of `a` shows (1 - a) too much of the background's.

    Returns:
        uint8 (h, w, 3) of the size of the box: half the difference to be added, plus 128.
    """
    if matte.foreground is not None:
        missing = cv2.addWeighted(matte.foreground, 0.5, matte.image, -0.5, 128)
        # Well inside the person the image already has the person's colour; outside nothing shows.
        if matte.keyed:  # light of the screen is removed well inside too
            return matte.resize_to_box(missing)
        share = cv2.convertScaleAbs(np.minimum(1, 4 * (1 - matte.alpha)), alpha=255)
        share[matte.alpha == 0] = 0
        return matte.resize_to_box(blend(missing, np.full_like(missing, 128), share))
    person = matte.alpha[..., None]
    front, back = side_colors(matte.image, matte.alpha, _EDGE_WINDOW_PIXELS)
    missing = (front - back) * ((1 - person) * (person > 0))
    return matte.resize_to_box(np.clip(missing * 0.5 + 128.5, 0, 255).astype(np.uint8))


def apply_edge_correction(part: np.ndarray, correction: np.ndarray) -> np.ndarray:
    """Return `part`, uint8 (h, w, 3), with a correction of its size applied."""
    return cv2.addWeighted(part, 1, correction, 2, -256)


def crop_to_box(image: np.ndarray, box: Box) -> np.ndarray:
    """Return the view of `image` inside `box`."""
    left, top, right, bottom = box
    return image[top:bottom, left:right]


def wrap_light(behind: np.ndarray, part: np.ndarray, matte: Matte, strength: float) -> np.ndarray:
    """Return `part`, a frame inside the matte's box, with the light of `behind` wrapped over the person's edge.

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
    window = (_WRAP_WINDOW_PIXELS, _WRAP_WINDOW_PIXELS)
    # Pixels near the background take on its light, most of it at the very edge.
    near = cv2.blur(1 - alpha, window) * alpha
    light = cv2.resize(crop_to_box(behind, matte.box), (width, height), interpolation=cv2.INTER_AREA)
    darkness = cv2.bitwise_not(matte.resize_to_box(cv2.blur(light, window)))
    amount = matte.resize_to_box(cv2.convertScaleAbs(near, alpha=255 * strength))
    # Screen blending, as of two projectors: 1 - (1 - front) (1 - light).
    lit = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(part), darkness, scale=1 / 255))
    return blend(lit, part, amount)


def scale_to_cover(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale `picture` to cover `width` x `height` in its own proportions, cropped around its middle.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        uint8 (height, width, 3).
    """
    have_height, have_width = picture.shape[:2]
    scale = max(width / have_width, height / have_height)
    # Cropped first, so that only the visible part is scaled.
    keep_width = min(have_width, max(1, round(width / scale)))
    keep_height = min(have_height, max(1, round(height / scale)))
    left, top = (have_width - keep_width) // 2, (have_height - keep_height) // 2
    kept = picture[top : top + keep_height, left : left + keep_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(kept, (width, height), interpolation=method)
