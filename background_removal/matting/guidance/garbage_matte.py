"""Garbage matte: what the network knows of a person before a screen, in regions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Constants were chosen on the choosing half of benchmarks/green_screens.py; each lies in a flat range.

# Alpha of the network from which on a pixel is inside the person.
_INSIDE = 0.5
# Depth inside the person from which on everything is theirs, share of their size.
_INNER_BAND = 0.06
# Depth that clothes of the screen's colour reach, share of their size; the middle of a gap is less deep.
_CLOTHES_DEPTH = 0.15
# Distance from the person up to which the key decides, share of their size.
_OUTER_BAND = 0.1
# Farthest that something they hold reaches from them, share of their size.
_HELD_REACH = 0.5
# Window in which all pixels inside the person differ from the screen, so that they are theirs.
_SOLID_PIXELS = 5
# Depth inside the person at which the light of the screen on them has faded, share of their size.
_RIM = 0.1
# Alpha of the key from which on a pixel is no screen.
_SOLID_KEY = 0.5


@dataclass(frozen=True, slots=True)
class PersonShape:
    """Where the network sees a person.

    Attributes:
        depth: Distance of each pixel inside the person from their edge, float32 (h, w), in pixels; else 0.
        reach: Distance of each pixel outside.
        size: The side of a square of the person's area, pixels.
    """

    depth: np.ndarray
    reach: np.ndarray
    size: float


def measure_person(alpha: np.ndarray) -> PersonShape:
    """Return the shape of the person of an alpha, float32 (h, w)."""
    inside = (alpha > _INSIDE).view(np.uint8)
    # The picture's border is no edge of the person.
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    reach = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    return PersonShape(depth, reach, max(1.0, float(np.sqrt(cv2.countNonZero(inside)))))


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of a frame at reduced size, float32 (h, w) in [0, 1] each.

    Attributes:
        inner: Where the person is certain.
        outer: Where the key decides; 0 where the background is certain.
        clutter: Where no screen is behind, so that the network decides.
        rim: Where light of the screen falls on the person: 1 at the edge to 0 inside.
    """

    inner: np.ndarray
    outer: np.ndarray
    clutter: np.ndarray
    rim: np.ndarray


def find_inside(screen: np.ndarray, person: PersonShape) -> np.ndarray:
    """Return where everything is the person's, whatever its colour, bool (h, w).

    What looks like the screen are clothes where it reaches far into the person, and a gap elsewhere: between an arm and
    the body, for instance, which a network may not see.

    Args:
        screen: What looks like the screen, bool (h, w).
        person: What the network sees.
    """
    inside = person.depth > _INNER_BAND * person.size
    alike = inside & screen
    if not alike.any():
        return inside
    count, found = cv2.connectedComponents(alike.view(np.uint8), connectivity=8)
    labels = found.astype(np.intp)
    is_gap = np.ones(count, bool)
    is_gap[labels[person.depth > _CLOTHES_DEPTH * person.size]] = False
    is_gap[0] = False
    gaps = np.take(is_gap, labels).view(np.uint8)
    return inside & (cv2.dilate(gaps, np.ones((3, 3), np.uint8)) == 0)


def find_regions(key: np.ndarray, screen: np.ndarray, person: PersonShape, inside: np.ndarray) -> Regions:
    """Return where the person, the background and the key are certain.

    Args:
        key: Alpha of the key, float32 (h, w).
        screen: Where the screen shows, bool (h, w).
        person: What the network sees.
        inside: Where everything is theirs, as `find_inside` returns it.
    """
    inner = np.clip((person.depth - np.float32(_INNER_BAND * person.size)) / 2, 0, 1) * inside
    square = np.ones((_SOLID_PIXELS, _SOLID_PIXELS), np.uint8)
    differs = cv2.erode(((person.depth > 0) & ~screen).view(np.uint8), square, borderValue=1)
    inner = np.maximum(inner, cv2.blur(differs.astype(np.float32), (3, 3)) ** 2)
    held, clutter = _sort_things((key > _SOLID_KEY) & ~screen, person)
    outer = person.reach < max(2.0, _OUTER_BAND * person.size)
    if held.any():
        outer |= cv2.dilate(held.view(np.uint8), square) > 0
    behind = np.zeros(key.shape, np.float32)
    if clutter.any():
        to_clutter = cv2.distanceTransform(1 - clutter.view(np.uint8), cv2.DIST_L2, 3)
        to_screen = cv2.distanceTransform(1 - (screen & (person.depth == 0)).view(np.uint8), cv2.DIST_L2, 3)
        # Pixels at the screen's border are mixed, so that the nearest screen has to be closer by three of them.
        behind = np.clip((to_screen - to_clutter + 3) / 2, 0, 1)
    rim = np.clip(2 - person.depth * np.float32(2 / (_RIM * person.size)), 0, 1)
    return Regions(inner, cv2.blur(outer.astype(np.float32), (3, 3)), behind, rim)


def _sort_things(solid: np.ndarray, person: PersonShape) -> tuple[np.ndarray, np.ndarray]:
    """Return what the person holds, and what stands beside the screen, bool (h, w) each.

    Args:
        solid: Where there is something else than the screen, bool (h, w).
        person: What the network sees.
    """
    # Apart from the person, with the pixel at their edge, that is half theirs.
    apart = solid & (person.reach > 1.5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(apart.view(np.uint8), connectivity=8)
    rows, columns = solid.shape
    is_held, is_clutter = np.zeros(count, bool), np.ones(count, bool)
    is_clutter[0] = False
    for label in np.unique(labels[person.reach < 3]).tolist():
        if not label:
            continue
        x, y, width, height, _area = stats[label].tolist()
        at_border = x == 0 or y == 0 or x + width == columns or y + height == rows
        # What reaches the picture's border is a wall or a stand, unless all of it is close: a leg, a shoulder.
        farthest = (_OUTER_BAND if at_border else _HELD_REACH) * person.size
        if person.reach[labels == label].max() < farthest:
            is_held[label], is_clutter[label] = True, False
    numbers = labels.astype(np.intp)
    return np.take(is_held, numbers), np.take(is_clutter, numbers)
