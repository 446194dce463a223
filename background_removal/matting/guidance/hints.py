"""Hints: a still's matte, corrected by a user's strokes."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.matting.alpha.closed_form import solve_alpha
from background_removal.matting.alpha.doubling import double_alpha
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.own_colors import MAX_LEVEL, choose_averages, estimate_own_colors, part_of
from background_removal.matting.alpha.refine import ramp_around, smooth_ramp
from background_removal.matting.guidance.strokes import SpreadCache, Strokes, find_cut_off, separate, spread
from background_removal.matting.pyramid import Pyramid

# Maximum of the longer side of the level at which strokes are spread and the edge is first solved, pixels.
_WORK_SIDE = 720
# Half width of the unknown band around a changed edge, pixels of that level.
_BAND_PIXELS = 5.0
# Weight of the cut's edge at the end of the band, as for a photo (`matting.best.photo`).
_PRIOR_WEIGHT = 0.1
# Minimum of that weight.
_MIN_PRIOR_WEIGHT = 1e-3
# Maximum iterations of the first solution.
_ITERATIONS = 60
# Half width of the ramp that removes haze, as for a photo.
_RAMP_HALF_WIDTH = 0.45
# Mark from which a stroke decides at a smaller size, of 255.
_MARKED = 64
# Margin of the box of what is kept, pixels.
_MARGIN = 4


class HintStep:
    """Corrects the matte of a still by strokes.

    What a stroke marks is found by its colours and edges (`spread`); along its edge the alpha is solved in the
    picture's own pixels, with the strokes as given values. Everything else keeps its alpha to the bit.

    Args:
        strokes: The strokes.
        name: Their name in messages.
        before: The step whose strokes these replace, which may have most of them; None for none.
    """

    def __init__(self, strokes: Strokes, name: str, before: HintStep | None = None) -> None:
        self._cache = SpreadCache() if before is None else before._cache
        self._strokes = strokes
        self._name = name
        self._last: tuple[np.ndarray, Matte] | None = None

    def begin(self, still: bool, live: bool) -> None:
        """Forget the image before; strokes do not follow what moves, and the stream must be a still."""
        self._last = None

    def end(self) -> None:
        """Forget the image."""
        self._last = None

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the corrected matte; raises InputError if the strokes are of another size."""
        if self._strokes.size != view.size:
            width, height = self._strokes.size
            raise InputError(
                f"`hints` {self._name}: is {width}x{height}, not {view.size[0]}x{view.size[1]} as the picture"
            )
        if self._last is None or self._last[0] is not matte.alpha:
            self._last = matte.alpha, correct_matte(view, matte, self._strokes, self._cache)
        corrected = self._last[1]
        # The image may have been drawn upon since.
        return replace(corrected, image=part_of(view.image, corrected.box, 0))


def correct_matte(view: Pyramid, matte: Matte, strokes: Strokes, cache: SpreadCache | None = None) -> Matte:
    """Return the matte of a still, corrected by strokes of its size, at the picture's full size.

    Args:
        view: The still.
        matte: Its matte so far, of any resolution.
        strokes: The strokes.
        cache: Remembers the strokes for the next call.
    """
    full = _alpha_at_full_size(view, matte)
    level = 0
    while max(view.size) >> level > _WORK_SIDE:
        level += 1
    image = view.level(level)
    size = image.shape[1], image.shape[0]
    small = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
    marks = strokes.resized(size)
    keep = marks.keep >= _MARKED
    erase = (marks.erase >= _MARKED) & ~keep
    before = small > 0.5
    after = _apply(image, before, keep, erase, cache or SpreadCache())
    changed = (after != before) | (keep & (small < 1)) | (erase & (small > 0))
    if changed.any():
        radius = 2 * int(_BAND_PIXELS) + 1
        near = cv2.dilate(changed.view(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))
        _solve_near(view, level, full, small, after, near.view(bool), (keep, erase))
    full = np.maximum(full, strokes.keep * np.float32(1 / 255))
    full = np.minimum(full, 1 - strokes.erase * np.float32(1 / 255))
    return _make_matte(view, matte, full)


def _apply(
    image: np.ndarray, before: np.ndarray, keep: np.ndarray, erase: np.ndarray, cache: SpreadCache
) -> np.ndarray:
    """Return what is kept after the strokes, bool (h, w).

    Args:
        image: uint8 (h, w, 3).
        before: What was kept.
        keep, erase: The strokes.
        cache: Remembers them.
    """
    after = before | keep
    for stroke in separate(keep):
        after |= spread(image, stroke, ~before & ~erase, before & ~erase, cache)
    for stroke in separate(erase):
        gone = spread(image, stroke, before & ~keep, ~before & ~keep, cache)
        after &= ~(gone | find_cut_off(before, gone & before, keep))
    return (after | keep) & ~erase


def _alpha_at_full_size(view: Pyramid, matte: Matte) -> np.ndarray:
    """Return the alpha of a matte at the frame's size, a new array; the edge of a coarse one is solved again."""
    box = matte.box
    if matte.alpha.shape == (box[3] - box[1], box[2] - box[0]):
        return matte.full()
    level = 0
    while view.size[0] >> level > 1.5 * matte.alpha.shape[1] / (box[2] - box[0]) * view.size[0]:
        level += 1
    height, width = view.level(level).shape[:2]
    alpha = matte.shrink(width, height)
    for finer in range(level - 1, -1, -1):
        alpha = double_alpha(alpha, view.level(finer))
    return alpha


def _solve_near(
    view: Pyramid,
    level: int,
    full: np.ndarray,
    small: np.ndarray,
    inside: np.ndarray,
    near: np.ndarray,
    strokes: tuple[np.ndarray, np.ndarray],
) -> None:
    """Solve the edge near what has changed, and put it into the full alpha in place.

    Args:
        view: The picture.
        level: The level of the masks.
        full: The alpha at full size, float32 (H, W).
        small: The alpha before, at the level, float32 (h, w).
        inside: What is kept now, bool (h, w).
        near: Where it may differ, bool (h, w).
        strokes: The pixels to keep and those to erase, bool (h, w) each.
    """
    x, y, width, height = cv2.boundingRect(near.view(np.uint8))
    box = (
        x << level,
        y << level,
        min(view.size[0], (x + width) << level),
        min(view.size[1], (y + height) << level),
    )
    place = np.s_[y : y + height, x : x + width]
    keep, erase = (mark[place] for mark in strokes)
    mask, here = inside[place].view(np.uint8), near[place]
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    depth = np.clip(depth - np.copysign(np.float32(0.5), depth), -4 * _BAND_PIXELS, 4 * _BAND_PIXELS)
    prior = np.clip(depth / 2 + 0.5, 0, 1).astype(np.float32)
    alpha = np.where(here, prior, small[place])
    band = (np.abs(depth) < _BAND_PIXELS) & here & ~keep & ~erase
    alpha[keep], alpha[erase] = 1, 0
    trust = np.float32(_PRIOR_WEIGHT) * np.square(depth / np.float32(_BAND_PIXELS)) + np.float32(_MIN_PRIOR_WEIGHT)
    alpha = solve_alpha(view.level(level)[place], alpha, band, prior, trust.astype(np.float32), _ITERATIONS)
    where = here
    for finer in range(level - 1, -1, -1):
        image = part_of(view.level(finer), box, finer)
        where = cv2.resize(here.view(np.uint8), image.shape[1::-1], interpolation=cv2.INTER_NEAREST).view(bool)
        alpha = double_alpha(alpha, image, where)
    alpha = smooth_ramp(alpha, *ramp_around(0.5, _RAMP_HALF_WIDTH))
    # The outer pixels of the neighbourhood are as before; in between the share changes slowly.
    weight = cv2.blur(cv2.erode(where.astype(np.float32), np.ones((5, 5))), (5, 5))
    part = full[box[1] : box[3], box[0] : box[2]]
    part += weight * (alpha - part)


def _make_matte(view: Pyramid, before: Matte, alpha: np.ndarray) -> Matte:
    """Return the matte of a full-size alpha, float32 (H, W), with the former one's colours where it is as it was."""
    x, y, width, height = cv2.boundingRect((alpha > 0).view(np.uint8))
    if not width:
        return Matte(alpha, (0, 0, *view.size), view.size, view.image)
    step = 1 << MAX_LEVEL
    box = (
        max(0, x - _MARGIN) // step * step,
        max(0, y - _MARGIN) // step * step,
        min(view.size[0], x + width + _MARGIN),
        min(view.size[1], y + height + _MARGIN),
    )
    part = np.ascontiguousarray(alpha[box[1] : box[3], box[0] : box[2]])
    colors = estimate_own_colors(view, box, part, *choose_averages(max(part.shape)))
    return Matte(part, box, view.size, part_of(view.image, box, 0), colors)
