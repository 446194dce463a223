"""A collage: the picture and its mirror image side by side. The result is twice as wide.

python main.py --image samples/portrait.jpg --object examples/mirror.py:mirror
"""

import cv2
import numpy as np


def mirror(frame: np.ndarray) -> np.ndarray:
    return np.hstack([frame, cv2.flip(frame, 1)])
