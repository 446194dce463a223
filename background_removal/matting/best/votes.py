"""Votes: the answers of several networks for parts of an image, added up as log-odds."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.boxes import Bounds, Box, clip_box

# Maximum log-odds of one answer; with more, one network that is sure and wrong would outvote all others.
_MAX_LOG_ODDS = 4.0
# Fade-out of an answer's weight towards a side of its crop that is inside the frame, share of the crop; crops must not
# show.
_CROP_FADE = 0.08
# Distance from an edge within which the answers that place edges best count more, pixels of the network.
_EDGE_PIXELS = 4.0
# Share of these answers there; the others know better which of two edges is the person's. Of 0, 0.5, 0.8, 0.9 and 1 the
# one with the least error on the choosing half.
_EDGE_SHARE = 0.8
# Probability from which an answer is sure, when all of some must be.
_UNANIMOUS = 0.8
# More than any probability: where none of them has answered.
_UNHEARD = 2.0
# Share of a disputed region's pixels of which all of these are sure, from which it all is a person.
_MOSTLY = 0.6
# Neighbourhood of hair in which strands may stand off, pixels of the network.
_AROUND_HAIR = (9, 9)


class Votes:
    """Adds up answers, each of a part of an image, at one level of its pyramid.

    Args:
        size: Width and height of the image.
        shape: Height and width of the level.
        level: Number of the level.
        pixel: Pixels of the level per pixel of the networks.

    Attributes:
        hair: Where hair may be, bool (h, w).
    """

    def __init__(self, size: tuple[int, int], shape: tuple[int, int], level: int, pixel: float) -> None:
        self._size = size
        self._level = level
        self._pixel = pixel
        self._total, self._weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._edge_total, self._edge_weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._least = np.full(shape, _UNHEARD, np.float32)
        self.hair = np.zeros(shape, bool)

    def add(
        self, probability: np.ndarray, box: Bounds, weight: float, scale: float = 1.0, places_edge: bool = False
    ) -> None:
        """Add an answer; pixels outside its box, and a box's pixels outside the image, do not count.

        Args:
            probability: Of a person in `box`, float32 (h, w) in [0, 1].
            box: Left, top, right, bottom in pixels of the image; it may reach beyond the image.
            weight: Weight of the answer.
            scale: Factor of its log-odds, for a network that is less sure than the others where it is as right.
            places_edge: Whether the network is among those that place edges best.
        """
        inner, place, enlarged = self._place(probability, box)
        weights = np.float32(weight) * fade_weights(inner, self._size, enlarged.shape)
        odds = weights * log_odds(enlarged, scale)
        self._total[place] += odds
        self._weight[place] += weights
        if places_edge:
            self._edge_total[place] += odds
            self._edge_weight[place] += weights

    def add_to_unanimous(self, probability: np.ndarray, box: Bounds) -> None:
        """Add an answer, float32 (h, w) in [0, 1], to those that count together; see `probability`."""
        inner, place, enlarged = self._place(probability, box)
        # What is said at the side of a crop is not worth much.
        is_far = fade_weights(inner, self._size, enlarged.shape) < 1
        np.minimum(self._least[place], np.where(is_far, np.float32(_UNHEARD), enlarged), out=self._least[place])

    def add_hair(self, probability: np.ndarray, box: Bounds) -> None:
        """Add a network's answer of where hair is, float32 (h, w) in [0, 1]; pixels around hair count as hair too."""
        around = cv2.dilate(probability, np.ones(_AROUND_HAIR, np.uint8))
        _, place, enlarged = self._place(around, box)
        self.hair[place] |= enlarged > 0.5

    def probability(self) -> np.ndarray:
        """Return the probability of a person that all answers give together, float32 (h, w) in [0, 1].

        Where both all answers and those that place edges best have an edge, it is mostly the latter's.
        """
        total = np.where(self._find_agreed(), np.maximum(self._total, _MAX_LOG_ODDS), self._total)
        window = 2 * round(_EDGE_PIXELS * self._pixel) + 1
        near = _is_near_edge(total, window) & _is_near_edge(self._edge_total, window)
        share = np.float32(_EDGE_SHARE) * cv2.blur(near.astype(np.float32), (window, window))
        mean = self._edge_total / np.maximum(self._edge_weight, np.float32(1e-3))
        return 1 / (1 + cv2.exp(-(total * (1 - share) + mean * share)))

    def mean(self) -> np.ndarray:
        """Return the probability of the mean answer, softer than that of all together, float32 (h, w) in [0, 1]."""
        return 1 / (1 + cv2.exp(-self._total / np.maximum(self._weight, np.float32(1e-3))))

    def _find_agreed(self) -> np.ndarray:
        """Return the pixels that are person whatever other answers say, bool (h, w).

        They are those of which each of the unanimous answers is sure, such as a thing held in the arms, and the rest of
        a disputed region that is mostly made of such pixels.
        """
        sure = (self._least > _UNANIMOUS) & (self._least < _UNHEARD)
        disputed = ((self._edge_total > 0) & (self._total < 0)).view(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(disputed)
        shares = np.bincount(labels[sure], minlength=count) / stats[:, cv2.CC_STAT_AREA]
        shares[0] = 0
        return sure | np.isin(labels, np.flatnonzero(shares > _MOSTLY))

    def _place(self, answer: np.ndarray, box: Bounds) -> tuple[Box, tuple[slice, slice], np.ndarray]:
        """Return the part of a box inside the image, its place at the level, and the answer there, enlarged."""
        inner, part = part_inside(answer, box, self._size)
        left, top, right, bottom = (side >> self._level for side in inner)
        place = slice(top, max(top + 1, bottom)), slice(left, max(left + 1, right))
        shape = self._total[place].shape
        return inner, place, cv2.resize(part, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _is_near_edge(odds: np.ndarray, window: int) -> np.ndarray:
    """Return whether log-odds change sign within a window around each pixel, bool (h, w)."""
    inside, square = (odds > 0).view(np.uint8), np.ones((window, window), np.uint8)
    return cv2.dilate(inside, square) > cv2.erode(inside, square)


def log_odds(probability: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return the log-odds of probabilities times `scale`, float32, limited to what one answer may say."""
    least = 1 / (1 + np.exp(np.float32(_MAX_LOG_ODDS / scale)))
    limited = np.clip(probability, least, 1 - least)
    return np.float32(scale) * cv2.log(limited / (1 - limited))


def part_inside(answer: np.ndarray, box: Bounds, size: tuple[int, int]) -> tuple[Box, np.ndarray]:
    """Return the part of a box inside an image of (width, height), in whole pixels, and the part of its answer there.

    Args:
        answer: Of `box`, float32 (h, w).
        box: Left, top, right, bottom; it may reach beyond the image.
        size: Width and height of the image.
    """
    left, top, right, bottom = box
    inner = clip_box(box, size)
    across, down = answer.shape[1] / (right - left), answer.shape[0] / (bottom - top)
    columns = _whole_pixels((inner[0] - left) * across, (inner[2] - left) * across, answer.shape[1])
    rows = _whole_pixels((inner[1] - top) * down, (inner[3] - top) * down, answer.shape[0])
    return inner, answer[rows, columns]


def _whole_pixels(start: float, stop: float, count: int) -> slice:
    """Return the pixels of a row of `count` from start to stop, at least one."""
    first = min(max(0, round(start)), count - 1)
    return slice(first, max(first + 1, round(stop)))


def fade_weights(box: Box, size: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """Return the weight of each pixel of a crop, float32 of `shape`; it falls towards sides inside the image.

    Args:
        box: The crop.
        size: Width and height of the image.
        shape: Height and width of the result.
    """
    left, top, right, bottom = box

    def ramp(count: int, fades_in: bool, fades_out: bool) -> np.ndarray:
        place = np.minimum((np.arange(count, dtype=np.float32) + 0.5) / (_CROP_FADE * count), 1)
        return np.minimum(place if fades_in else 1, place[::-1] if fades_out else np.ones_like(place))

    across = ramp(shape[1], left > 0, right < size[0])
    down = ramp(shape[0], top > 0, bottom < size[1])
    return np.minimum.outer(down, across).astype(np.float32)
