"""Strokes: what a user has marked to be kept or erased, and how far a mark spreads."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

# Constants without a source were chosen on one half of the photographs with known mattes, with strokes that a program
# put where the matte was wrong (benchmarks/strokes.py); docs/corrections.md reports on the other half.

# Grey that marks nothing, and the distance from it up to which a grey does so too; JPEG leaves some.
_UNKNOWN_GREY, _UNKNOWN_MARGIN = 128, 24
# Reach of a stroke beyond its ends, in its half widths and its lengths; a fine stroke is for a fine mistake.
_REACH_PER_HALF_WIDTH = 12.0
_REACH_PER_LENGTH = 1.0
# Maximum of that reach, share of the picture's longer side.
_MAX_REACH = 0.25
# Weight of the stroke's colours beside the others' weight of 1: most of what surrounds a thing is no part of it.
_OWN_WEIGHT = 0.3
# Longer side of the window in which a stroke is spread, pixels; the edge is found more finely later.
_WINDOW_PIXELS = 224
# Components of the mixtures of colours.
_COMPONENTS = 5
# Minimum pixels of a component.
_MIN_PIXELS = 12
# Variance added to each colour of a component, of 255 squared: noise, and a thing's own shades.
_VARIANCE = 40.0
# Passes; after the first, the colours of all that the stroke has reached count.
_PASSES = 2
# Share of the window's side over which what a stroke reaches must touch the window's side to be a surface without end.
_ENDLESS_SHARE = 0.25
# Distance up to which a stroke on a surface without end spreads, in its half widths.
_ENDLESS_REACH = 2.0
# Share of something that stands apart from which on all of it goes.
_GOOD_PART = 0.3
# Width of the ring around a thing whose colours show through it, pixels of the window.
_RING_PIXELS = 15
# Difference of colours up to which they count as the same, of 255 in each; about three times a photograph's noise.
_SAME_COLOR = 30.0
# Share of the ring of the same colour from which a hole shows what is behind.
_SAME_SHARE = 0.05
# Strokes that are remembered.
_MAX_CACHED = 100
# Gap between what was reached and what is alike already that is closed, pixels of the window.
_GAP_PIXELS = 5


@dataclass(frozen=True, slots=True)
class Strokes:
    """Marks on a picture.

    Attributes:
        keep, erase: How far each pixel is marked, uint8 (H, W), 255 for wholly.
    """

    keep: np.ndarray
    erase: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.keep.shape[1], self.keep.shape[0]

    def resized(self, size: tuple[int, int]) -> Strokes:
        """Return the strokes for a picture of another size, of width and height."""
        if size == self.size:
            return self
        method = cv2.INTER_AREA if size[0] < self.size[0] else cv2.INTER_LINEAR
        return Strokes(*(cv2.resize(mark, size, interpolation=method) for mark in (self.keep, self.erase)))


def parse_strokes(picture: np.ndarray) -> Strokes:
    """Return the strokes that a picture stands for: white keeps, black erases, grey and transparent mark nothing.

    Args:
        picture: uint8 (H, W), (H, W, 3) BGR or (H, W, 4) BGRA.

    >>> strokes = parse_strokes(np.array([[255, 192, 128, 64, 0]], np.uint8))
    >>> strokes.keep.tolist(), strokes.erase.tolist()
    ([[255, 99, 0, 0, 0]], [[0, 0, 0, 99, 255]])
    """
    grey = picture if picture.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_BGR2GRAY)
    value = grey.astype(np.float32) - _UNKNOWN_GREY
    limit = 127 - _UNKNOWN_MARGIN
    keep, erase = (np.clip((side - _UNKNOWN_MARGIN) * (255 / limit), 0, 255) for side in (value, -value))
    if picture.ndim == 3 and picture.shape[2] == 4:
        opacity = picture[..., 3] * np.float32(1 / 255)
        keep, erase = keep * opacity, erase * opacity
    return Strokes(keep.astype(np.uint8), erase.astype(np.uint8))


def separate(mark: np.ndarray) -> Iterator[np.ndarray]:
    """Yield each stroke of a mask, bool (h, w), by itself."""
    count, labels = cv2.connectedComponents(mark.view(np.uint8))
    for number in range(1, count):
        yield labels == number


class SpreadCache:
    """Remembers how far strokes have spread, as `spread` is a tenth of a second's work for each, and few change."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def get(self, inputs: Sequence[np.ndarray], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what `compute` returns for these inputs; the same array for the same inputs."""
        digest = hashlib.blake2b()
        for each in inputs:
            digest.update(str(each.shape).encode())
            digest.update(np.ascontiguousarray(each).data)
        key = digest.digest()
        if key not in self._found:
            self._found[key] = compute()
        self._found.move_to_end(key)
        if len(self._found) > _MAX_CACHED:
            self._found.popitem(last=False)
        return self._found[key]


def spread(
    image: np.ndarray, stroke: np.ndarray, domain: np.ndarray, alike: np.ndarray, cache: SpreadCache
) -> np.ndarray:
    """Return the thing that a stroke marks, bool (h, w), by its colours and edges; the stroke belongs to it.

    In a window around the stroke, mixtures of colours are learnt for it and for the rest of the domain, and the
    boundary is the cheapest cut between them (Rother, Kolmogorov, Blake: GrabCut, SIGGRAPH 2004). Of what is cut out
    only that counts which is connected with the stroke. A stroke on a surface without end, such as a wall, spreads
    little.

    Args:
        image: uint8 (h, w, 3).
        stroke: bool (h, w).
        domain: Pixels that may change, bool (h, w).
        alike: Pixels that already are what the stroke wants, bool (h, w); others are marked otherwise.
        cache: Remembers strokes that are asked about again.
    """
    out = stroke.copy()
    place = _window_around(stroke)
    rows, columns = place
    ends = np.array([rows.start > 0, rows.stop < stroke.shape[0], columns.start > 0, columns.stop < stroke.shape[1]])
    parts = image[place], stroke[place], domain[place], alike[place]
    out[place] |= cache.get([*parts, ends], lambda: _spread_in_window(*parts, place, stroke.shape))
    return out


def _spread_in_window(
    image: np.ndarray,
    stroke: np.ndarray,
    domain: np.ndarray,
    alike: np.ndarray,
    place: tuple[slice, slice],
    whole: tuple[int, ...],
) -> np.ndarray:
    """Return what a stroke reaches in its window, bool (h, w); arguments as for `spread`, in the window."""
    shape = stroke.shape
    scale = min(1.0, _WINDOW_PIXELS / max(shape))
    size = max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))

    def shrink(mask: np.ndarray) -> np.ndarray:
        return cv2.resize(mask.view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)

    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    marked, may, same = shrink(stroke) >= 64, shrink(domain) >= 128, shrink(alike) >= 128
    if not (marked & may).any():
        return np.zeros(shape, bool)  # it only confirms
    found = _cut_out(small, marked, may & ~marked, same & ~marked)
    if _is_endless(found, place, whole):
        near = cv2.distanceTransform(1 - marked.view(np.uint8), cv2.DIST_L2, 5)
        found &= near <= _ENDLESS_REACH * _half_width(marked)
    large = cv2.resize(found.view(np.uint8) * 255, shape[::-1], interpolation=cv2.INTER_LINEAR) >= 128
    return large & domain


def find_cut_off(before: np.ndarray, gone: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return what goes with an erased thing, bool (h, w): the head and arms of a person whose clothes were marked.

    It is what hung on the thing and is smaller than it; for something that stands apart, all of it, once a good part is
    erased. What has a keep stroke stays.

    Args:
        before: What was kept, bool (h, w).
        gone: What is erased of it, bool (h, w).
        keep: The strokes that keep, bool (h, w).
    """
    out = np.zeros(before.shape, bool)
    labels, stats = _label(before)
    if not gone.any():
        return out
    number = int(np.bincount(labels[gone], minlength=len(stats))[1:].argmax()) + 1
    is_main = number == int(stats[1:, cv2.CC_STAT_AREA].argmax()) + 1
    rest = (labels == number) & ~gone
    # Slivers connect nothing.
    parts, sizes = _label(cv2.morphologyEx(rest.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    if len(sizes) < 2:
        return out
    area = np.count_nonzero(gone)
    goes = sizes[:, cv2.CC_STAT_AREA] < area
    if is_main or area < _GOOD_PART * stats[number, cv2.CC_STAT_AREA]:
        goes[int(sizes[1:, cv2.CC_STAT_AREA].argmax()) + 1] = False
    else:
        goes[:] = True
    stays = parts[np.logical_and(keep, rest)]
    goes[stays] = False
    goes[0] = False
    dropped = goes[parts].view(np.uint8)
    near = cv2.dilate(dropped, np.ones((5, 5), np.uint8)).view(bool)
    return near & rest & ~((parts > 0) & (dropped == 0))


def _window_around(stroke: np.ndarray) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(stroke.view(np.uint8))
    part = stroke[y : y + height, x : x + width]
    reach = _REACH_PER_HALF_WIDTH * _half_width(part) + _REACH_PER_LENGTH * max(width, height)
    reach = math.ceil(min(reach, _MAX_REACH * max(stroke.shape)))
    return slice(max(0, y - reach), y + height + reach), slice(max(0, x - reach), x + width + reach)


def _cut_out(image: np.ndarray, marked: np.ndarray, may: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return what a stroke reaches in a window, bool (h, w).

    Args:
        image: uint8 (h, w, 3).
        marked: The stroke.
        may: Pixels beside it that may change.
        same: Pixels that already are what it wants.
    """
    found, thing = marked, marked
    for _ in range(_PASSES):
        labels = np.full(marked.shape, cv2.GC_BGD, np.uint8)
        labels[may] = cv2.GC_PR_BGD
        labels[same | marked] = cv2.GC_FGD
        own, rest = _learn(image[thing]), _learn(image[may & ~thing])
        if own is None or rest is None:
            break
        own[0, :_COMPONENTS] *= _OWN_WEIGHT
        cv2.grabCut(image, labels, None, rest, own, 1, cv2.GC_EVAL_FREEZE_MODEL)  # pyright: ignore
        reached = ((labels == cv2.GC_PR_FGD) & may) | marked
        # Thin bridges lead to other things.
        core = cv2.morphologyEx(reached.view(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).view(bool) | marked
        found = _connected(core, marked)
        thing = found
    return _fill_holes(image, _close_gap(found, may, same), may)


def _label(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each pixel's region, int32 (h, w), 0 outside the mask, and OpenCV's figures of each."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    return labels, stats


def _connected(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the regions of a mask that contain seeds."""
    labels, stats = _label(mask)
    kept = np.zeros(len(stats), bool)
    kept[labels[seeds]] = True
    kept[0] = False
    return kept[labels]


def _close_gap(found: np.ndarray, may: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return what was found without holes, and without a gap beside what already is alike."""
    square = np.ones((_GAP_PIXELS, _GAP_PIXELS), np.uint8)
    both = (found | same).view(np.uint8)
    closed = cv2.morphologyEx(both, cv2.MORPH_CLOSE, square).view(bool) & may
    near = cv2.dilate(found.view(np.uint8), square).view(bool)
    return found | (closed & near)


def _fill_holes(image: np.ndarray, found: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Return what was found with the holes in it that show something else than what is around it, as a label does."""
    out = found.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~found).view(np.uint8), connectivity=4)
    area = np.count_nonzero(found)
    ring = cv2.dilate(found.view(np.uint8), np.ones((_RING_PIXELS, _RING_PIXELS), np.uint8)).view(bool) & ~found
    for number in range(1, count):
        left, top, width, height, pixels = stats[number]
        inner = left > 0 and top > 0 and left + width < found.shape[1] and top + height < found.shape[0]
        hole = labels == number
        if not inner or pixels >= area or not (hole & may).any():
            continue
        around = image[ring & ~hole].astype(np.float32)
        apart = np.linalg.norm(around - image[hole].mean(axis=0), axis=1) if len(around) else np.full(1, np.inf)
        if np.mean(apart < _SAME_COLOR) < _SAME_SHARE:
            out |= hole & may
    return out


def _learn(colors: np.ndarray) -> np.ndarray | None:
    """Return a mixture of Gaussians of colours, uint8 (n, 3), as OpenCV's grabCut takes it; None for no pixel."""
    if not len(colors):
        return None
    samples = colors[:: max(1, len(colors) // 4000)].astype(np.float32)
    count = min(_COMPONENTS, max(1, len(samples) // _MIN_PIXELS))
    # Begun along the axis of the largest variance, so that the result is the same every time.
    centred = samples - samples.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    labels = (np.argsort(np.argsort(centred @ axis)) * count // len(samples)).astype(np.int32)[:, None]
    if count > 1:
        criteria = (cv2.TERM_CRITERIA_COUNT, 8, 0.0)
        cv2.kmeans(samples, count, labels, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    weights, means, covariances = np.zeros(_COMPONENTS), np.zeros((_COMPONENTS, 3)), np.zeros((_COMPONENTS, 3, 3))
    covariances[:] = np.eye(3)
    for number in range(count):
        part = samples[labels[:, 0] == number].astype(np.float64)
        if len(part):
            weights[number], means[number] = len(part) / len(samples), part.mean(axis=0)
            around = part - means[number]
            covariances[number] = around.T @ around / len(part) + _VARIANCE * np.eye(3)
    return np.concatenate([weights, means.ravel(), covariances.ravel()])[None]


def _is_endless(found: np.ndarray, place: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Return whether what was found goes on beyond the window along much of a side that is inside the picture."""
    rows, columns = place
    sides = (
        (rows.start > 0, found[0]),
        (rows.stop < shape[0], found[-1]),
        (columns.start > 0, found[:, 0]),
        (columns.stop < shape[1], found[:, -1]),
    )
    return any(inside and side.mean() > _ENDLESS_SHARE for inside, side in sides)


def _half_width(marked: np.ndarray) -> float:
    return float(cv2.distanceTransform(np.pad(marked.view(np.uint8), 1), cv2.DIST_L2, 5).max())
