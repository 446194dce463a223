"""From a network's probability to an alpha: steady in time, and soft around the threshold."""

from __future__ import annotations

import cv2
import numpy as np

# Half the width, in probability, of the soft step around the threshold.
_SOFTNESS = 0.45
# How much of the previous frame stays where nothing moves.
_STEADINESS = 0.6
# Change of brightness (of 255) at which a pixel counts as moving and nothing of the past is kept. Camera
# noise stays well below it after the averaging of the small image.
_MOTION = 12.0


class Refiner:
    """Turns probabilities, frame after frame, into alphas.

    Args:
        threshold: Where background ends and person begins, 0 to 1; higher keeps less.

    Raises:
        ValueError: `threshold` is outside [0, 1].
    """

    def __init__(self, threshold: float) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold {threshold}: must be between 0 and 1")
        # The step stays inside [0, 1], so that certain background is always 0 and certain person always 1.
        width = max(min(_SOFTNESS, threshold, 1 - threshold), 1e-3)
        middle = min(max(threshold, width), 1 - width)
        self._low, self._high = middle - width, middle + width
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def reset(self) -> None:
        """Forget the previous frames."""
        self._before = None

    def __call__(self, probability: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return the alpha of one frame.

        Args:
            probability: float32 (h, w) in [0, 1].
            image: The frame, uint8 (H, W, 3) BGR, of any size.

        Returns:
            float32 (h, w) in [0, 1].
        """
        height, width = probability.shape
        grey = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        steady = self._steadied(probability, grey)
        self._before = (steady, grey)
        return soft_step(steady, self._low, self._high)

    def _steadied(self, probability: np.ndarray, grey: np.ndarray) -> np.ndarray:
        """Mix the past in where the picture stands still: flicker goes, and nothing that moves trails."""
        if self._before is None or self._before[0].shape != probability.shape:
            return probability
        past, past_grey = self._before
        motion = cv2.blur(cv2.absdiff(grey, past_grey), (5, 5)).astype(np.float32)
        keep = _STEADINESS * np.clip(1 - motion * (1 / _MOTION), 0, 1)
        return probability + (past - probability) * keep


def soft_step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high` and a straight line between.

    >>> soft_step(np.array([0.0, 0.5, 1.0]), 0.25, 0.75).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.clip((value - low) * (1 / (high - low)), 0, 1)
