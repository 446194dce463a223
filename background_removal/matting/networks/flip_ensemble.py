"""Test-time augmentation: run a network on the mirrored image too, where its first answer is undecided."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.networks.segmenters import Segmenter

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked on others made like them and on clips of other people.

# Undecided probabilities, lowest and highest.
_UNDECIDED = (0.1, 0.9)
# Structuring element that removes undecided regions as thin as an edge; arms, hands, keyboards remain.
_MAX_EDGE = np.ones((5, 5), np.uint8)
# Minimum undecided share of the image for a second answer; it has its full weight from twice as much, so that nothing
# jumps between one answer and two. On the clips with known alpha it takes 9 % off the error (MAD) from 0.02 on, 6 from
# 0.03 and 5 from 0.04; calm people in good light stay below 0.02.
_MIN_UNDECIDED = 0.02
# Difference of the answers from which both have the same weight; where they agree the first is kept.
_FULL_DIFFERENCE = 1 / 6
# Window over which the difference is averaged, pixels at half the size.
_WINDOW = (5, 5)


class FlipEnsemble:
    """A segmenter that merges a network's answers for an image and its mirror image.

    A network errs in other places of the mirror image. Half-transparent errors, such as a forearm or a keyboard, are
    right more often in two answers together.

    Args:
        network: The network to run once or twice.
        always: Whether to run it twice for every image.
    """

    def __init__(self, network: Segmenter, always: bool = False) -> None:
        self._network = network
        self._always = always

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self._network.size

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Heights and widths of the input at which the network is good."""
        return self._network.sizes

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person for `image`, uint8 (h, w, 3) BGR, as float32 (h, w) in [0, 1]."""
        first = self._network(image)
        amount = 1.0 if self._always else min(1.0, _undecided_share(first) / _MIN_UNDECIDED - 1)
        if amount <= 0:
            return first
        return _blend(first, cv2.flip(self._network(cv2.flip(image, 1)), 1), amount)

    def close(self) -> None:
        """Free the network."""
        self._network.close()


def _undecided_share(probability: np.ndarray) -> float:
    """Return the share of the image that is undecided and no edge."""
    low, high = _UNDECIDED
    undecided = cv2.inRange(probability, (low,), (high,))
    return cv2.countNonZero(cv2.erode(undecided, _MAX_EDGE)) / undecided.size


def _blend(first: np.ndarray, second: np.ndarray, amount: float) -> np.ndarray:
    """Blend up to half of `second` into `first` where they differ, times `amount` of 0 to 1."""
    height, width = first.shape
    half = (max(1, width // 2), max(1, height // 2))
    difference = cv2.blur(cv2.resize(cv2.absdiff(first, second), half, interpolation=cv2.INTER_AREA), _WINDOW)
    share = np.minimum(difference * np.float32(1 / _FULL_DIFFERENCE), 1) * np.float32(amount / 2)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(first, cv2.multiply(cv2.subtract(second, first), share))
