"""A pencil sketch of the whole picture.

python main.py --image samples/portrait.jpg --object examples/sketch.py:PencilSketch
"""

import cv2
import numpy as np


class PencilSketch:
    """Draws what is darker than its surroundings; `strength` is how far the pencil sees, in pixels."""

    def __init__(self, strength: float = 8.0) -> None:
        self.strength = strength

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        surroundings = cv2.GaussianBlur(grey, (0, 0), self.strength)
        return cv2.cvtColor(cv2.divide(grey, surroundings, scale=255), cv2.COLOR_GRAY2BGR)
