"""Refined network: a segmenter, a colour model and a refiner as one matte network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.boxes import Box
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.segmenters import Segmenter


class RefinedNetwork:
    """A matte network made of a segmenter; see `MatteNetwork`.

    Args:
        network: Predicts the probability of a person.
        refiner: Turns the probability, corrected by a colour model, into an alpha.
    """

    uses_crops = True

    def __init__(self, network: Segmenter, refiner: Refiner) -> None:
        self._network = network
        self._colors = ColorModel()
        self._refiner = refiner

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the input, which does not depend on the frame's size."""
        return self._network.size

    def predict(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the alpha of `image`, part `box` of the frame, float32 (h, w) in [0, 1], and no foreground."""
        bright = brighten(image)
        probability = self._colors(self._network(bright), bright)
        return self._refiner(probability, cv2.cvtColor(bright, cv2.COLOR_BGR2GRAY), box, bright), None

    @property
    def state(self) -> Any:
        """State of the refiner and the colour model; None before a person's first frame."""
        return self._refiner.previous, self._colors.state

    @state.setter
    def state(self, value: Any) -> None:
        self._refiner.previous, self._colors.state = (None, None) if value is None else value

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._refiner.set_edge(threshold, edge_softness)

    def reset(self) -> None:
        """Forget the previous frames."""
        self._colors.reset()
        self._refiner.reset()

    def close(self) -> None:
        """Free the network."""
        self._network.close()
