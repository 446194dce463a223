"""People search: where in a still people are, by the answers of a panel of networks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from background_removal.matting.best.votes import part_inside
from background_removal.matting.boxes import Bounds, area, find_bounds, overlaps, union
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.multiclass import MulticlassNetwork
from background_removal.matting.networks.pose import MIN_PRESENCE, PoseNetwork
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid

# Padding of the square crops around a person, shares of their larger side.
NEAR, WIDE = 0.1, 0.25
# Width and height at which the answers for the whole image are compared.
ROUGH_SIZE = (256, 256)
# Maximum number of regions considered as people; more are small, and mostly of a crowd.
_MAX_PEOPLE = 8
# Maximum side of the crop around two people, in sides of the larger one's, with which they share it.
_MAX_JOINT_SIDE = 1.5
# Side of a tile, share of the image's shorter side; a person as tall as a fifth of the image is found in it.
_TILE_SIDE = 0.5
# Maximum number of tiles side by side, without those that overlap them; of a wide panorama the tiles are larger.
_MAX_TILES_IN_ROW = 8
# Minimum area of a person's bounds in a tile, share of the tile.
_MIN_TILE_SHARE = 0.05
# Minimum share of a person's bounds that a matte shows if it shows them.
_MIN_SHOWN = 0.1
# Probability of the multiclass network's clear pixels in a crop that is to confirm a person.
_CLEAR = 0.8
# Minimum overlap of two networks' masks, intersection over union, that confirms a person.
_MIN_OVERLAP = 0.6


@dataclass(frozen=True, slots=True)
class Panel:
    """The networks that answer for a still.

    Attributes:
        landscape: The network that searches whole frames.
        general: The general network with a wider input, as for frames.
        multiclass, pose: The networks of these names.
    """

    landscape: Segmenter
    general: Segmenter
    multiclass: MulticlassNetwork
    pose: PoseNetwork


def square_around(bounds: Bounds, padding: float) -> Bounds:
    """Return the square around bounds, with padding on every side as a share of their larger side."""
    left, top, right, bottom = bounds
    half = max(right - left, bottom - top) * (0.5 + padding)
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half


def side_of(square: Bounds) -> float:
    """Return the side of a square."""
    return square[2] - square[0]


def ask(network: Segmenter, view: Pyramid, box: Bounds) -> np.ndarray:
    """Return a network's answer for a box, which may reach beyond the image: float32 (h, w)."""
    return network(crop_for(network, view, box))


def crop_for(network: Segmenter | PoseNetwork, view: Pyramid, box: Bounds) -> np.ndarray:
    """Return the input of a network for a box, which may reach beyond the image: uint8 (h, w, 3) BGR."""
    return brighten(view.crop_padded(box, *network.size[::-1]))


def ask_about_whole(network: Segmenter, view: Pyramid) -> np.ndarray:
    """Return the mean of a network's answers for the whole image, squashed and as a square, float32 (h, w)."""
    whole = (0, 0, *view.size)
    squashed = ask(network, view, whole)
    square = square_around(whole, 0)
    _, answer = part_inside(ask(network, view, square), square, view.size)
    return (squashed + cv2.resize(answer, squashed.shape[::-1], interpolation=cv2.INTER_LINEAR)) / 2


def ask_pose(network: PoseNetwork, view: Pyramid, box: Bounds) -> tuple[np.ndarray, float]:
    """Return the pose network's answer for a box: the probability of the person, float32 (h, w), and their presence."""
    return network(crop_for(network, view, box))


def find_groups(
    panel: Panel, view: Pyramid, fast: np.ndarray, multiclass: np.ndarray, general: np.ndarray
) -> list[Bounds]:
    """Return the bounds of people in an image, those next to each other as one group, the largest first.

    Whom the fast matte does not show must be confirmed by two networks in a crop of their own.

    Args:
        panel: The networks.
        view: The image.
        fast, multiclass, general: Probabilities of a person in the whole image, float32 (h, w).
    """
    rough = [cv2.resize(answer, ROUGH_SIZE, interpolation=cv2.INTER_AREA) for answer in (fast, multiclass, general)]
    for answer in ((rough[0] + 2 * rough[1] + rough[2]) / 4, rough[0], rough[1]):
        found = _merge_near(_bounds_of_regions(answer, view.size))
        groups = [group for group in found if _shows(rough[0], group, view.size) or _is_confirmed(group, panel, view)]
        if groups:
            return groups
    return _search_tiles(panel, view)


def _shows(answer: np.ndarray, bounds: Bounds, size: tuple[int, int]) -> bool:
    """Return whether an answer for an image of (width, height), float32 (h, w), shows a person inside bounds."""
    across, down = answer.shape[1] / size[0], answer.shape[0] / size[1]
    left, right = (round(side * across) for side in bounds[::2])
    top, bottom = (round(side * down) for side in bounds[1::2])
    return bool((answer[top:bottom, left:right] > 0.5).mean() > _MIN_SHOWN)


def _bounds_of_regions(answer: np.ndarray, size: tuple[int, int]) -> list[Bounds]:
    """Return the bounds of each region above 0.5 that is large enough for a person; see `find_bounds`."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((answer > 0.5).astype(np.uint8))
    largest = sorted(range(1, count), key=lambda number: -stats[number, cv2.CC_STAT_AREA])[:_MAX_PEOPLE]
    whole = (0, 0, *size)
    regions = (find_bounds((labels == number).astype(np.float32), whole, size) for number in largest)
    return [region for region in regions if region is not None]


def _merge_near(people: list[Bounds]) -> list[Bounds]:
    """Return groups of people: bounds that overlap with padding, or hardly need a larger crop together, are joined."""
    groups = sorted(people, key=area, reverse=True)[:_MAX_PEOPLE]
    for i, j in combinations(range(len(groups)), 2):
        together = union(groups[i], groups[j])
        largest = max(side_of(square_around(group, 0)) for group in (groups[i], groups[j]))
        if (
            overlaps(square_around(groups[i], NEAR), square_around(groups[j], NEAR))
            or side_of(square_around(together, 0)) < _MAX_JOINT_SIDE * largest
        ):
            rest = [group for k, group in enumerate(groups) if k not in (i, j)]
            return _merge_near([together, *rest])
    return groups


def _search_tiles(panel: Panel, view: Pyramid) -> list[Bounds]:
    """Return the bounds of people in an image in which no network sees one, found in overlapping tiles.

    The general network is asked first, because it is quick. A person in a tile counts if the multiclass network and one
    of the others see them in a crop of their own.
    """
    found: list[Bounds] = []
    for tile in _tiles(view.size):
        left, top, side = tile[0], tile[1], side_of(tile)
        if find_bounds(ask(panel.general, view, tile), (0, 0, 1, 1), (1, 1)) is None:
            continue
        for bounds in _bounds_of_regions(ask(panel.multiclass, view, tile), (1, 1)):
            if area(bounds) >= _MIN_TILE_SHARE:
                x0, y0, x1, y1 = (side * share for share in bounds)
                found.append((left + x0, top + y0, left + x1, top + y1))
    return [group for group in _merge_near(found) if _is_confirmed(group, panel, view)]


def _tiles(size: tuple[int, int]) -> Iterator[Bounds]:
    """Yield squares that cover an image of (width, height), each overlapping its neighbours by half."""
    side = max(_TILE_SIDE * min(size), max(size) / _MAX_TILES_IN_ROW)
    columns, rows = (max(1, math.ceil(2 * (length - side) / side)) for length in size)
    for row in range(rows + 1):
        for column in range(columns + 1):
            left, top = column * (size[0] - side) / columns, row * (size[1] - side) / rows
            yield left, top, left + side, top + side


def _is_confirmed(bounds: Bounds, panel: Panel, view: Pyramid) -> bool:
    """Return whether two kinds of networks see a person in the crop around bounds."""
    wide = square_around(bounds, WIDE)
    person = ask(panel.multiclass, view, wide) > _CLEAR
    if not person.any():
        return False
    body, presence = ask_pose(panel.pose, view, wide)
    answers = [ask(panel.general, view, wide)] + ([body] if presence > MIN_PRESENCE else [])
    return any(_overlap(cv2.resize(answer, person.shape[::-1]) > 0.5, person) > _MIN_OVERLAP for answer in answers)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection of two masks over their union."""
    return float((a & b).sum() / max(1, (a | b).sum()))
