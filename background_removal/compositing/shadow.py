"""A soft shadow of the person on a new background: on the ground at their feet, or on the wall behind them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid

# All lengths are shares of the person's visible height, so that a shadow keeps its look at every size; all constants
# were chosen by eye on samples/portrait.jpg and a standing figure before the shipped backgrounds.

# Longest side at which shadows are made, pixels; they are soft.
_SIDE = 256
# Distance of the feet from the frame's lower edge at which they count as visible: none below the first, all from the
# second on. In between both shadows are mixed, so that nothing jumps when a person steps back.
_FEET_GAP = (0.01, 0.04)
# Contact shadow: height of the feet that cast it, flattening, distance down, softness across and down, darkness (the
# blur leaves less than half of it).
_CONTACT_HEIGHT, _CONTACT_FLATTEN, _CONTACT_SHIFT = 0.12, 0.4, 0.012
_CONTACT_SOFTNESS = (0.022, 0.010)
_CONTACT_DARKNESS = 1.6
# Cast shadow on the ground: flattening, lean to the right for each height, softness, darkness, and its decrease
# towards the head.
_CAST_FLATTEN, _CAST_LEAN = 0.20, 0.35
_CAST_SOFTNESS = 0.025
_CAST_DARKNESS, _CAST_FADE = 0.45, 0.8
# Shadow on the wall of a person who is cut off: distance to the right and down, softness, darkness.
_WALL_SHIFT = (0.045, 0.03)
_WALL_SOFTNESS = 0.05
_WALL_DARKNESS = 0.5
# Smallest person with a shadow of their own, share of the largest one's area.
_MIN_PERSON = 0.05


class Shadow:
    """Casts the shadow of the people in a matte.

    Args:
        strength: 0 (none) to 1.

    Attributes:
        floor: Row of the result at which the frame's lower edge cuts people off, pixels; None for the last row.
    """

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self.floor: float | None = None

    def cast(self, layers: Sequence[np.ndarray], view: Pyramid, matte: Matte) -> None:
        """Darken a background, layers like the frame's, in place."""
        shade = self.find(matte)
        left, top, width, height = cv2.boundingRect(shade)
        if not width:
            return
        black = view.bgr_to_layers(np.zeros((1, 1, 3), np.uint8))
        for layer, value in zip(layers, black, strict=True):
            across, down = layer.shape[1] / shade.shape[1], layer.shape[0] / shade.shape[0]
            # A pixel more on each side, as enlarging mixes a pixel with its neighbours.
            columns = slice(int(max(0, left - 1) * across), min(layer.shape[1], int((left + width + 1) * across) + 1))
            rows = slice(int(max(0, top - 1) * down), min(layer.shape[0], int((top + height + 1) * down) + 1))
            part = layer[rows, columns]
            amount = _enlarge(shade, across, down, columns, rows)
            rest = cv2.bitwise_not(amount)
            cv2.multiply(part, rest if part.ndim == 2 else cv2.merge([rest] * 3), dst=part, scale=1 / 255)
            if value.flat[0]:  # black has the same value in all channels of a layer
                cv2.addWeighted(part, 1, amount, int(value.flat[0]) / 255, 0, dst=part)

    def cast_behind(self, cutout: np.ndarray, matte: Matte) -> None:
        """Put the shadow behind a transparent picture, uint8 (H, W, 4) not multiplied by alpha, in place."""
        small = self.find(matte)
        amount = cv2.resize(small, cutout.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        left, top, width, height = cv2.boundingRect(amount)
        if not width:
            return
        part = cutout[top : top + height, left : left + width]
        alpha, black = part[..., 3], amount[top : top + height, left : left + width]
        total = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(alpha), cv2.bitwise_not(black), scale=1 / 255))
        # The person's share of what is seen; the rest is black.
        share = cv2.divide(alpha, total, scale=255)
        cv2.multiply(part, cv2.merge([share, share, share, np.full_like(share, 255)]), dst=part, scale=1 / 255)
        cv2.insertChannel(total, part, 3)

    def find(self, matte: Matte) -> np.ndarray:
        """Return the shadow of the whole frame at a reduced size, uint8 (h, w); 255 is black."""
        shrink = max(1.0, max(matte.size) / _SIDE)
        width, height = (max(1, round(side / shrink)) for side in matte.size)
        alpha = matte.shrink(width, height)
        floor = height if self.floor is None else min(height, self.floor / matte.size[1] * height)
        light = np.ones((height, width), np.float32)
        for person in _separate(alpha):
            light *= 1 - _shade_of(person, floor)
        return cv2.convertScaleAbs(1 - light, alpha=255 * self._strength)


def _enlarge(shade: np.ndarray, across: float, down: float, columns: slice, rows: slice) -> np.ndarray:
    """Return a part of a shadow at the size of a layer, uint8."""
    matrix = np.array(
        [
            [1 / across, 0, (columns.start + 0.5) / across - 0.5],
            [0, 1 / down, (rows.start + 0.5) / down - 0.5],
        ]
    )
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(shade, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _separate(alpha: np.ndarray) -> list[np.ndarray]:
    """Return the alpha of each person who stands apart from the others, float32 (h, w) each."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.1).view(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2:
        return []
    large = [number for number in range(1, count) if areas[number - 1] >= _MIN_PERSON * areas.max()]
    return [alpha] if len(large) == 1 else [np.where(labels == number, alpha, np.float32(0)) for number in large]


def _shade_of(alpha: np.ndarray, floor: float) -> np.ndarray:
    """Return the shadow of one person, float32 (h, w); 1 is black.

    Args:
        alpha: float32 (h, w).
        floor: Row at which the frame cuts people off.
    """
    rows = alpha.max(axis=1)
    middle = int(np.average(np.arange(len(rows)), weights=rows))
    # Sums of a soft edge are exact to a fraction of a row, so that the shadow does not jump by whole rows.
    feet = middle + float(rows[middle:].sum())
    tall = max(float(rows.sum()), 1.0)
    start, end = _FEET_GAP
    standing = min(max(((floor - feet) / tall - start) / (end - start), 0.0), 1.0)
    shade = np.zeros_like(alpha)
    if standing < 1:
        shade += (1 - standing) * _on_wall(alpha, tall)
    if standing > 0:
        shade += standing * _on_ground(alpha, feet, tall)
    return shade


def _on_wall(alpha: np.ndarray, tall: float) -> np.ndarray:
    across, down = (share * tall for share in _WALL_SHIFT)
    matrix = np.array([[1, 0, across], [0, 1, down]])
    moved = cv2.warpAffine(alpha, matrix, alpha.shape[::-1], borderMode=cv2.BORDER_CONSTANT)
    if alpha[-1].any():  # it goes on below the frame
        moved[-1 - int(down) :] = moved[-1 - int(down)]
    return _WALL_DARKNESS * cv2.GaussianBlur(
        moved, (0, 0), max(0.5, _WALL_SOFTNESS * tall), borderType=cv2.BORDER_REPLICATE
    )


def _on_ground(alpha: np.ndarray, feet: float, tall: float) -> np.ndarray:
    height = np.arange(len(alpha), dtype=np.float32)[:, None]
    above = (feet - height) / tall
    low = alpha * np.clip(1 - above / _CONTACT_HEIGHT, 0, 1)
    contact = _lay_down(low, feet + _CONTACT_SHIFT * tall, _CONTACT_FLATTEN, 0)
    across, down = (max(0.5, share * tall) for share in _CONTACT_SOFTNESS)
    contact = cv2.GaussianBlur(contact, (0, 0), across, sigmaY=down)
    cast = _lay_down(alpha * np.clip(1 - _CAST_FADE * above, 0, 1), feet, _CAST_FLATTEN, _CAST_LEAN)
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.5, _CAST_SOFTNESS * tall))
    return 1 - (1 - np.minimum(_CONTACT_DARKNESS * contact, 1)) * (1 - _CAST_DARKNESS * cast)


def _lay_down(alpha: np.ndarray, feet: float, flatten: float, lean: float) -> np.ndarray:
    """Return an alpha laid on the ground about the row `feet`, leaning to the right by `lean` of each height."""
    # From the result to the alpha: y = feet - (feet - v) / flatten, x = u - lean * (feet - v) / flatten.
    matrix = np.array([[1, lean / flatten, -lean * feet / flatten], [0, 1 / flatten, feet - feet / flatten]])
    size = alpha.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(alpha, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
