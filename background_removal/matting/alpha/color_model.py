"""Telling person from background by their colours, where the network cannot."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

# How often each colour was person, and how often background: float32, one count for each bin.
Counts: TypeAlias = tuple[np.ndarray, np.ndarray]

# Values without a source lie in the flat middle of what was tried on the clips with known alpha that
# benchmarks/quality.py scores and on others made like them, and were checked by eye on other people's clips.

# Of the 8 bits of L, and of a and b, of CIELAB as OpenCV gives it, a bin keeps this many: coarser ones do not tell skin
# from wood, finer ones are no better.
_BITS_L, _BITS_AB = 4, 6
# A probability as near as this to 0 or 1 is sure, and learnt from.
_SURE = 0.1
# What a frame's counts are worth in the next: after four seconds nothing is left, so that where a process began is not
# seen in its frames.
_MEMORY = 0.85
# Share that each colour is taken to have of either side before any was seen: one that neither has tells nothing.
_PRIOR = 2.0**-16
# No colour tells more than odds of this many to one.
_MAX_ODDS = 50.0
# How much colours count. Twice as much suits some clips better and frays the edges of others; half as much is
# a third less gain.
_STRENGTH = 1.25
# The network places an edge better than colours do: they count by how unsure it is around a pixel on average, over so
# many pixels at half its size. A narrow edge in sure surroundings is left as it is.
_SURROUNDINGS = (9, 9)
# Neighbourhood, at half the size, over which what colours say is averaged: a speck says nothing.
_SPECK = (3, 3)


class ColorModel:
    """Learns the colours of person and background from frame to frame, and corrects what a network is unsure of.

    It learns from what the network is sure of alone, never from what it has itself corrected, and forgets within a
    few seconds. A frame is learnt from before it is corrected.

    Attributes:
        state: What was learnt; can be put back to see a frame anew.
    """

    def __init__(self) -> None:
        self.state: Counts | None = None

    def reset(self) -> None:
        """Forget the previous frames."""
        self.state = None

    def __call__(self, probability: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person, given the colours too.

        By Bayes' rule the odds of each pixel are multiplied with how much more often its colour is the person's than
        the background's, to a power that is 0 where the network is sure all around or the colours of both are alike.

        Args:
            probability: What the network says, float32 (h, w) in [0, 1].
            image: What it was shown, uint8 (h, w, 3) BGR.

        Returns:
            float32 (h, w) in [0, 1]; 0 and 1 stay.
        """
        height, width = probability.shape
        half = (max(1, width // 2), max(1, height // 2))
        bins = _bins(cv2.resize(image, half, interpolation=cv2.INTER_AREA))
        small = cv2.resize(probability, half, interpolation=cv2.INTER_AREA)
        self.state = self._learnt(bins, small)
        person, room = (counts / max(1.0, float(counts.sum())) for counts in self.state)
        ratio = (room[bins] + np.float32(_PRIOR)) / (person[bins] + np.float32(_PRIOR))
        told = cv2.log(np.clip(ratio, 1 / _MAX_ODDS, _MAX_ODDS))
        apart = 1 - float(np.minimum(person, room).sum())
        unsure = cv2.blur(small * (1 - small), _SURROUNDINGS)
        told = cv2.blur(told * unsure, _SPECK) * np.float32(4 * _STRENGTH * apart)
        odds = cv2.resize(cv2.exp(told), (width, height), interpolation=cv2.INTER_LINEAR)
        return probability / (probability + (1 - probability) * odds)

    def _learnt(self, bins: np.ndarray, probability: np.ndarray) -> Counts:
        """Return the counts with a frame added: new arrays, so that those before can be put back."""
        found = (_counted(bins[probability > 1 - _SURE]), _counted(bins[probability < _SURE]))
        if self.state is None:
            return found
        person, room = (now + np.float32(_MEMORY) * then for now, then in zip(found, self.state, strict=True))
        return person, room


def _bins(image: np.ndarray) -> np.ndarray:
    """Return the number of the bin that each pixel's colour is in, int32 (h, w), of uint8 (h, w, 3) BGR."""
    lightness, a, b = (plane.astype(np.int32) for plane in cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2LAB)))
    shift = 8 - _BITS_AB
    return (lightness >> (8 - _BITS_L) << 2 * _BITS_AB) | (a >> shift << _BITS_AB) | (b >> shift)


def _counted(bins: np.ndarray) -> np.ndarray:
    return np.bincount(bins, minlength=1 << (_BITS_L + 2 * _BITS_AB)).astype(np.float32)
