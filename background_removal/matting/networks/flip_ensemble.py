"""A network's second opinion, of the mirrored picture, where its first answer is unsure."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.networks.segmenters import Segmenter

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked on others made like them and on other people's clips.

# What is unsure,
_UNSURE = (0.1, 0.9)
# and so far from what is sure that it is more than an edge: an arm, a hand, a keyboard.
_WIDEST_EDGE = np.ones((5, 5), np.uint8)
# The second opinion is asked for from this share of the picture on, and counts in full from twice as much, so that
# nothing leaps between one opinion and two. On the clips with known alpha it takes 9 % off the error (MAD) from 0.02
# on, 6 from 0.03 and 5 from 0.04; calm people in good light stay below 0.02.
_MIN_UNSURE = 0.02
# Both count alike where they differ by this much or more, on average over so many pixels at half the size; where they
# agree the first stays.
_APART = 1 / 6
_SURROUNDINGS = (5, 5)


class FlipEnsemble:
    """A segmenter that asks its network once more where that is unsure.

    A network does not answer the same of a mirrored picture: it errs in other places. What it draws half, a forearm or
    a keyboard, two answers together draw rightly more often.

    Args:
        network: The network.
    """

    def __init__(self, network: Segmenter) -> None:
        self._network = network

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self._network.size

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Heights and widths of the input that it does well at."""
        return self._network.sizes

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person for `image`, uint8 (h, w, 3) BGR, as float32 (h, w) in [0, 1]."""
        first = self._network(image)
        amount = min(1.0, _unsure_share(first) / _MIN_UNSURE - 1)
        if amount <= 0:
            return first
        return _mixed(first, cv2.flip(self._network(cv2.flip(image, 1)), 1), amount)

    def close(self) -> None:
        """Free the network."""
        self._network.close()


def _unsure_share(probability: np.ndarray) -> float:
    """Return the share of the picture that is unsure and no edge."""
    low, high = _UNSURE
    unsure = cv2.inRange(probability, (low,), (high,))
    return cv2.countNonZero(cv2.erode(unsure, _WIDEST_EDGE)) / unsure.size


def _mixed(first: np.ndarray, second: np.ndarray, amount: float) -> np.ndarray:
    """Return `first` with up to half of `second` mixed in where they differ, times `amount` of 0 to 1."""
    height, width = first.shape
    half = (max(1, width // 2), max(1, height // 2))
    apart = cv2.blur(cv2.resize(cv2.absdiff(first, second), half, interpolation=cv2.INTER_AREA), _SURROUNDINGS)
    share = np.minimum(apart * np.float32(1 / _APART), 1) * np.float32(amount / 2)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(first, cv2.multiply(cv2.subtract(second, first), share))
