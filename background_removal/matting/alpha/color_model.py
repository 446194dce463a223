"""Separate person and background by their colours where the network is undecided."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

# Histograms of the person's and of the background's colours: float32, one count for each bin.
Counts: TypeAlias = tuple[np.ndarray, np.ndarray]

# Constants without a source lie in the flat middle of the range tried on the clips with known alpha that
# benchmarks/quality.py scores, and on similar ones; they were checked by eye on other clips.

# Bits of L (of OpenCV's 8-bit CIELAB) in a bin; coarser bins do not separate skin from wood, finer ones are no better.
_BITS_L = 4
# Bits of a and of b in a bin; chosen with those of L.
_BITS_AB = 6
# Distance from 0 or 1 within which a probability is certain, and learnt from.
_CERTAIN = 0.1
# Decay of the counts from frame to frame; after four seconds nothing is left, so that the frame at which a process
# began does not show in its results.
_DECAY = 0.85
# Prior share of each colour on either side; a colour that neither side has gives no evidence.
_PRIOR = 2.0**-16
# Maximum odds that a colour gives, to one.
_MAX_ODDS = 50.0
# Weight of the colours; twice as much suits some clips better and frays the edges of others, half as much gains a
# third less.
_STRENGTH = 1.25
# Window for the network's mean uncertainty, which weights the colours, pixels at half its size. The network places an
# edge better than colours do: a narrow edge in certain surroundings stays.
_UNCERTAINTY_WINDOW = (9, 9)
# Window for the mean of the colours' evidence, pixels at half the size; specks give none.
_EVIDENCE_WINDOW = (3, 3)


class ColorModel:
    """Learns the colours of person and background from frame to frame, and corrects undecided probabilities.

    It learns only from the network's certain pixels, never from its own corrections, and forgets within a few
    seconds. It learns from a frame before it corrects it.

    Attributes:
        state: The learnt counts; can be set back to process a frame again.
    """

    def __init__(self) -> None:
        self.state: Counts | None = None

    def reset(self) -> None:
        """Forget the previous frames."""
        self.state = None

    def __call__(self, probability: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person, given the colours too.

        By Bayes' rule the odds of each pixel are multiplied with the ratio of its colour's frequencies in person and
        background, to a power that is 0 where the network is certain all around or both have the same colours.

        Args:
            probability: The network's output, float32 (h, w) in [0, 1].
            image: The network's input, uint8 (h, w, 3) BGR.

        Returns:
            float32 (h, w) in [0, 1]; 0 and 1 stay.
        """
        height, width = probability.shape
        half = (max(1, width // 2), max(1, height // 2))
        bins = _bins(cv2.resize(image, half, interpolation=cv2.INTER_AREA))
        small = cv2.resize(probability, half, interpolation=cv2.INTER_AREA)
        self.state = self._add_frame(bins, small)
        person, background = (counts / max(1.0, float(counts.sum())) for counts in self.state)
        ratio = (background[bins] + np.float32(_PRIOR)) / (person[bins] + np.float32(_PRIOR))
        evidence = cv2.log(np.clip(ratio, 1 / _MAX_ODDS, _MAX_ODDS))
        difference = 1 - float(np.minimum(person, background).sum())
        uncertainty = cv2.blur(small * (1 - small), _UNCERTAINTY_WINDOW)
        evidence = cv2.blur(evidence * uncertainty, _EVIDENCE_WINDOW) * np.float32(4 * _STRENGTH * difference)
        odds = cv2.resize(cv2.exp(evidence), (width, height), interpolation=cv2.INTER_LINEAR)
        return probability / (probability + (1 - probability) * odds)

    def _add_frame(self, bins: np.ndarray, probability: np.ndarray) -> Counts:
        """Return the counts with a frame added, in new arrays, so that the previous ones can be set back."""
        counts = (_count_colors(bins[probability > 1 - _CERTAIN]), _count_colors(bins[probability < _CERTAIN]))
        if self.state is None:
            return counts
        person, background = (now + np.float32(_DECAY) * then for now, then in zip(counts, self.state, strict=True))
        return person, background


def _bins(image: np.ndarray) -> np.ndarray:
    """Return the bin of each pixel's colour, int32 (h, w), for uint8 (h, w, 3) BGR."""
    lightness, a, b = (plane.astype(np.int32) for plane in cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2LAB)))
    shift = 8 - _BITS_AB
    return (lightness >> (8 - _BITS_L) << 2 * _BITS_AB) | (a >> shift << _BITS_AB) | (b >> shift)


def _count_colors(bins: np.ndarray) -> np.ndarray:
    return np.bincount(bins, minlength=1 << (_BITS_L + 2 * _BITS_AB)).astype(np.float32)
