"""Close the holes in a person that do not show the scene behind, and remove islands that are hardly a person."""

from __future__ import annotations

import cv2
import numpy as np

# Probability below which a pixel may belong to a hole.
_HOLE = 0.5
# Share of a hole's pixels, of those with a colour known from either side, that must look like the scene for the hole to
# stay open; an arm on a hip leaves a hole that shows the scene, an earring does not.
_SCENE_SHARE = 0.5
# Mean probability below which a region apart from the largest is removed.
_MIN_MEAN_PROBABILITY = 0.9
# Bits of each channel (of 8-bit CIELAB) in a bin of the colour histograms.
_BITS = 4
# Distance from 0 or 1 within which a probability is certain, and its colour learnt from.
_CERTAIN = 0.1


def close_holes(probability: np.ndarray, image: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return `probability` with holes wholly inside a person closed, unless they have the colour of the scene.

    Args:
        probability: Of a person, float32 (h, w) in [0, 1].
        image: Its image, uint8 (h, w, 3) BGR.
        second: Another answer, float32 (h, w) in [0, 1]; holes where it is sure of the person are
            closed whatever their colour.

    Returns:
        float32 (h, w) in [0, 1]; `probability` itself if there is nothing to close.
    """
    outside = (probability < _HOLE).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    height, width = outside.shape
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    is_inner = (left > 0) & (top > 0) & (right < width) & (bottom < height)
    is_inner[0] = False  # the person
    if not is_inner.any():
        return probability
    bins = _bins(image)
    person = _shares(bins[probability > 1 - _CERTAIN])
    # Holes do not teach the colours of the scene.
    scene = _shares(bins[(probability < _CERTAIN) & ~is_inner[labels]])
    result = probability.copy()
    for number in np.flatnonzero(is_inner):
        place = np.s_[top[number] : bottom[number], left[number] : right[number]]
        hole = labels[place] == number
        inside = bins[place][hole]
        is_scene = scene[inside] > person[inside]
        known = (scene[inside] > 0) | (person[inside] > 0)
        is_person = second[place][hole].mean() > 1 - _CERTAIN
        if not is_person and known.any() and is_scene[known].mean() > _SCENE_SHARE:
            continue
        result[place][hole] = 1
    return result


def remove_doubtful_islands(probability: np.ndarray) -> np.ndarray:
    """Return `probability`, float32 (h, w) in [0, 1], without separate regions that are nowhere much like a person."""
    inside = (probability > _HOLE).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count <= 2:
        return probability
    sums = np.bincount(labels.ravel(), probability.ravel(), count)
    areas = stats[:, cv2.CC_STAT_AREA]
    is_doubtful = np.asarray(sums < _MIN_MEAN_PROBABILITY * areas)
    is_doubtful[[0, 1 + int(areas[1:].argmax())]] = False
    if not is_doubtful.any():
        return probability
    return np.where(np.isin(labels, np.flatnonzero(is_doubtful)), np.float32(0), probability)


def _bins(image: np.ndarray) -> np.ndarray:
    """Return the bin of each pixel's colour, int32 (h, w), for uint8 (h, w, 3) BGR."""
    lightness, a, b = (plane.astype(np.int32) for plane in cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2LAB)))
    shift = 8 - _BITS
    # a and b of photographs lie near their middle: two bits more of them, without their ends.
    return (lightness >> shift << 2 * _BITS) | (_near_middle(a) << _BITS) | _near_middle(b)


def _near_middle(values: np.ndarray) -> np.ndarray:
    return np.clip((values - 128 >> 6 - _BITS) + (1 << _BITS - 1), 0, (1 << _BITS) - 1)


def _shares(bins: np.ndarray) -> np.ndarray:
    """Return the share of each bin among pixels, float64."""
    counts = np.bincount(bins, minlength=1 << 3 * _BITS)
    return counts / max(1, len(bins))
