"""Writes the name of the stream and the number of the frame into the corner: shows open, and close.

python main.py --video clip.mp4 --object examples/timestamp.py:FrameNumber
"""

import cv2
import numpy as np

from background_removal import StreamInfo


class FrameNumber:
    def open(self, info: StreamInfo) -> None:
        self.name, self.count = info.name, 0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        text = f"{self.name} {self.count}"
        cv2.putText(frame, text, (10, frame.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
        self.count += 1
        return frame

    def close(self) -> None:
        print(f"{self.name}: {self.count} frames")
