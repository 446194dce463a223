"""The alpha of one frame, as it goes from finding the person to putting him before a background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from matting.following import Box, shows_person


@dataclass(frozen=True, slots=True)
class Matte:
    """The alpha of one frame, small, and the part of the frame that it covers; outside it is 0.

    Attributes:
        alpha: float32 (h, w) in [0, 1].
        box: left, top, right, bottom in pixels of the frame.
        size: Width and height of the frame.
        image: What the network saw: the part `box` as uint8 (h, w, 3) BGR.
        foreground: The person's own colours as uint8 (h, w, 3) BGR, where the network tells them.
    """

    alpha: np.ndarray
    box: Box
    size: tuple[int, int]
    image: np.ndarray
    foreground: np.ndarray | None = None

    @property
    def shows_person(self) -> bool:
        """Whether more than specks of the frame are person."""
        return shows_person(self.alpha, self.box, self.size)

    def full(self) -> np.ndarray:
        """Return the alpha at the frame's size, float32 (H, W)."""
        out = np.zeros((self.size[1], self.size[0]), np.float32)
        left, top, right, bottom = self.box
        out[top:bottom, left:right] = self.inside(self.alpha)
        return out

    def inside(self, small: np.ndarray) -> np.ndarray:
        """Return `small`, (h, w) or (h, w, 3), at the size that `box` has in the frame."""
        left, top, right, bottom = self.box
        return cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
