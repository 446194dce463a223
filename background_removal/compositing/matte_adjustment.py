"""Adjust a finished matte: move its edge outwards or inwards, or keep the room in place of the person."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from background_removal.compositing.blending import blend
from background_removal.compositing.edge_shift import EdgeShift
from background_removal.matting.alpha.matte import Matte, extend_matte
from background_removal.matting.alpha.own_colors import choose_averages, estimate_own_colors
from background_removal.matting.pyramid import Pyramid

# Height of a head per square root of the area of a whole person's matte: figures of seven and a half heads with an area
# of eight squares of a head stand for 0.35, head and shoulders of four and a half squares for 0.47.
_HEAD_PER_ROOT_AREA = 0.4
# Weight of a frame's measure in the smoothed height of the head of a stream; that of a detected face is off by a tenth.
_NEW_WEIGHT = 0.1
# Change of that height from which another person or scene is shown, as a ratio; it is then not smoothed.
_OTHER_RATIO = 1.6
# Radius of a disc up to which one dilation is quicker than two, pixels of the matte.
_MAX_DISC_RADIUS = 8
# Added to the radius of a disc of whole pixels, so that it comes nearest to a round one.
_DISC_MARGIN = 0.25
# Maximum pixels of an inverted matte that is not at the frame's own size; four times a network's output, so that the
# edge keeps its resolution where the person's part is a quarter of the frame or more.
_MAX_INVERTED_PIXELS = 4 * 320 * 256


class MatteAdjustment:
    """Moves the edge of mattes, or turns them round.

    Args:
        grow, shrink: Distance by which the edge moves outwards, inwards.
        invert: Whether the room is kept in place of the person.
        head: Returns the height of the largest head in the last frame, pixels; None if no face is known.
    """

    def __init__(self, grow: EdgeShift, shrink: EdgeShift, invert: bool, head: Callable[[], float | None]) -> None:
        self._head = head
        self.reset()
        self.set(grow, shrink, invert)

    def set(self, grow: EdgeShift, shrink: EdgeShift, invert: bool) -> None:
        """Change the settings; see the class."""
        self.grow, self.shrink, self.invert = grow, shrink, invert
        self._last = None

    def reset(self) -> None:
        """Forget the previous frames."""
        self._height: float | None = None
        self._last: tuple[Matte, Matte] | None = None

    @property
    def is_on(self) -> bool:
        """Whether mattes are changed."""
        return bool(self.grow.amount or self.shrink.amount or self.invert)

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the adjusted matte of a frame; the same object for the same matte."""
        if self._last is not None and self._last[0] is matte:
            return self._last[1]
        adjusted = matte
        if (self.grow.amount or self.shrink.amount) and matte.alpha.any():
            pixels = 0.0
            if self.grow.is_percent or self.shrink.is_percent:
                pixels = self._measure_head(matte)
            adjusted = shift_edge(view, matte, self.grow.pixels(pixels) - self.shrink.pixels(pixels))
        if self.invert:
            adjusted = invert_matte(view, adjusted)
        self._last = matte, adjusted
        return adjusted

    def _measure_head(self, matte: Matte) -> float:
        """Return the height of the largest head, smoothed over time, pixels of the frame."""
        height = self._head() or estimate_head(matte)
        before = self._height
        if before is not None and max(height / before, before / height) < _OTHER_RATIO:
            height = before + _NEW_WEIGHT * (height - before)
        self._height = height
        return height


def estimate_head(matte: Matte) -> float:
    """Return about the height of the largest person's head, pixels of the frame, by the area of their matte.

    It is right to within a third for a head and shoulders as for a whole person, whatever they do with their arms,
    which their bounds would not be.
    """
    inside = (matte.alpha > 0.5).view(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return 0.0
    across, down = _scales(matte)
    return _HEAD_PER_ROOT_AREA * math.sqrt(stats[1:, cv2.CC_STAT_AREA].max() / (across * down))


def shift_edge(view: Pyramid, matte: Matte, pixels: float) -> Matte:
    """Return a matte with its edge moved outwards by some pixels of the frame, inwards by a negative number.

    The edge stays as soft as it is: the alpha of each pixel becomes the largest (or smallest) within a disc. A disc of
    a fraction of a pixel is the mean of the next smaller and the next larger one.

    Args:
        view: The frame.
        matte: The matte.
        pixels: Any distance; fractions count.
    """
    if not pixels:
        return matte
    matte = _with_margin(view, matte, max(0.0, pixels))
    radius = abs(pixels) * _scales(matte)[0]
    left, top, right, bottom = matte.box
    # Outside the frame the person goes on; elsewhere there is none outside the box.
    # In 8 bits, which take a third of the time and are all that is shown.
    alpha = cv2.convertScaleAbs(matte.alpha, alpha=255)
    alpha = alpha if pixels > 0 else cv2.bitwise_not(alpha)
    above, before = int(top > 0), int(left > 0)
    below, after = int(bottom < matte.size[1]), int(right < matte.size[0])
    rim = 0 if pixels > 0 else 255
    padded = cv2.copyMakeBorder(alpha, above, below, before, after, cv2.BORDER_CONSTANT, value=(rim,))
    moved = _dilate(padded, radius)
    height, width = matte.alpha.shape
    moved = moved[above : above + height, before : before + width]
    moved = (moved if pixels > 0 else cv2.bitwise_not(moved)) * np.float32(1 / 255)
    if pixels < 0:
        return replace(matte, alpha=moved)
    colors = matte.foreground
    if colors is not None:
        # What is added keeps the frame's colours; the person's own are guesses where there was hardly any person.
        kept = cv2.convertScaleAbs(matte.alpha / np.maximum(moved, np.float32(1e-3)), alpha=255)
        colors = blend(colors, matte.image, kept)
    return replace(matte, alpha=moved, foreground=colors)


def invert_matte(view: Pyramid, matte: Matte) -> Matte:
    """Return the matte that keeps the room in place of the person; it covers the whole frame."""
    whole = (0, 0, *matte.size)
    if matte.is_full_size:
        inverted = replace(extend_matte(view, matte, whole, matte.size), foreground=None)
        foreground = None
        if matte.foreground is not None:
            foreground = inverted.image.copy()
            # Only there is an edge, and only there the averages take time.
            level, window = choose_averages(max(matte.alpha.shape))
            step = 1 << level
            box = (matte.box[0] // step * step, matte.box[1] // step * step, *matte.box[2:])
            rest = 1 - inverted.alpha[box[1] : box[3], box[0] : box[2]]
            colors = estimate_own_colors(view, box, rest, level, window)
            foreground[box[1] : box[3], box[0] : box[2]] = colors
        return replace(inverted, alpha=1 - inverted.alpha, foreground=foreground)
    across, down = _scales(matte)
    scale = min(1.0, max(across, down), math.sqrt(_MAX_INVERTED_PIXELS / (matte.size[0] * matte.size[1])))
    size = max(1, round(matte.size[0] * scale)), max(1, round(matte.size[1] * scale))
    moved = extend_matte(view, matte, whole, size)
    return replace(moved, alpha=1 - moved.alpha, foreground=None)


def _dilate(alpha: np.ndarray, radius: float) -> np.ndarray:
    """Return the largest value within a disc around each pixel, uint8 (h, w).

    Args:
        alpha: uint8 (h, w).
        radius: Radius of the disc in pixels, above 0.
    """
    whole, fraction = int(radius), radius - int(radius)
    out = alpha
    # Two discs one after the other are one of the sum of their radii.
    for start in range(0, whole, _MAX_DISC_RADIUS):
        out = cv2.dilate(out, _disc(min(_MAX_DISC_RADIUS, whole - start)))
    if fraction:
        out = cv2.addWeighted(out, 1 - fraction, cv2.dilate(out, _disc(1)), fraction, 0)
    return out


def _disc(radius: int) -> np.ndarray:
    """Return a disc as a kernel, uint8 (2 radius + 1, 2 radius + 1)."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return (rows * rows + columns * columns <= (radius + _DISC_MARGIN) ** 2).astype(np.uint8)


def _scales(matte: Matte) -> tuple[float, float]:
    """Return the pixels of a matte per pixel of the frame, across and down."""
    left, top, right, bottom = matte.box
    return matte.alpha.shape[1] / (right - left), matte.alpha.shape[0] / (bottom - top)


def _with_margin(view: Pyramid, matte: Matte, pixels: float) -> Matte:
    """Return a matte with at least that margin, in pixels of the frame, around its box, and with square pixels."""
    left, top, right, bottom = matte.box
    margin = math.ceil(pixels)
    box = (
        max(0, left - margin),
        max(0, top - margin),
        min(matte.size[0], right + margin),
        min(matte.size[1], bottom + margin),
    )
    if matte.is_full_size:
        return extend_matte(view, matte, box, (box[2] - box[0], box[3] - box[1]))
    scale = max(_scales(matte))
    return extend_matte(
        view, matte, box, (max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale)))
    )
