"""Lifts a dark picture with a gamma curve; the keys , and . change how much.

python main.py --object examples/lifted.py:Brighten
"""

import cv2
import numpy as np


class Brighten:
    """Brightens shadows: each value v of 255 becomes 255 * (v / 255) ** (1 / gamma)."""

    keys = {", / .": "less / more light"}

    def __init__(self, gamma: float = 1.6) -> None:
        self.gamma = gamma

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        curve = (np.arange(256) / 255) ** (1 / self.gamma) * 255
        return cv2.LUT(frame, curve.astype(np.uint8))

    def on_key(self, key: str) -> bool:
        if key not in (",", "."):
            return False
        self.gamma = min(4.0, max(1.0, self.gamma + (0.2 if key == "." else -0.2)))
        return True
