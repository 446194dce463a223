"""Refined network: a segmenter, a colour model and a refiner as one matte network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.boxes import Box
from background_removal.matting.effort.carry import MIN_CALM, Answer, CarryLimits, carry_answer, half_size
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.segmenters import Segmenter

# Weight of the network's log odds beside other evidence; of 0.3, 0.4, 0.5 and 0.7 the best of the first halves of two
# clips of DAVIS 2016.
_NETWORK_WEIGHT = 0.4
# Probability beyond which the network's odds count no more.
_MIN_ODDS_PROBABILITY = 0.01


class RefinedNetwork:
    """A matte network made of a segmenter; see `MatteNetwork`.

    Args:
        network: Predicts the probability of a person.
        refiner: Turns the probability, corrected by a colour model, into an alpha.
        guided_network: Predicts it where there is evidence from another source; None for the same network.
    """

    uses_crops = True

    def __init__(self, network: Segmenter, refiner: Refiner, guided_network: Segmenter | None = None) -> None:
        self._network = network
        self._guided_network = guided_network or network
        self._colors = ColorModel()
        self._refiner = refiner
        self._answer: Answer | None = None
        self.is_calm = False

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the input, which does not depend on the frame's size."""
        return self._network.size

    def predict(
        self, image: np.ndarray, box: Box, evidence: np.ndarray | None = None, carry: CarryLimits | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the alpha of `image`, part `box` of the frame, float32 (h, w) in [0, 1], and no foreground.

        Args:
            image, box: See `MatteNetwork`.
            evidence: Log odds of the person from another source, float32 (h, w).
            carry: When the last answer is carried along; None for never.
        """
        bright = brighten(image)
        grey = cv2.cvtColor(bright, cv2.COLOR_BGR2GRAY)
        self.is_calm = False
        if carry is None or evidence is not None:
            self._answer = None
            probability = self._ask(bright, evidence)
        else:
            probability = self._carry_or_ask(bright, box, carry)
        return self._refiner(probability, grey, box, bright), None

    def _ask(self, bright: np.ndarray, evidence: np.ndarray | None = None) -> np.ndarray:
        """Return the network's probability, corrected by evidence and colours."""
        if evidence is None:
            return self._colors(self._network(bright), bright)
        return self._colors(_add_evidence(self._guided_network(bright), evidence), bright)

    def _carry_or_ask(self, bright: np.ndarray, box: Box, limits: CarryLimits) -> np.ndarray:
        """Return the last probability, carried to this frame; that of the network where this will not do."""
        small, calm = half_size(bright), 0
        if self._answer is not None:
            answer, calm = carry_answer(self._answer, small, box, limits)
            self.is_calm = calm >= MIN_CALM
            if answer is not None:
                self._answer = answer
                return answer.probability
        probability = self._ask(bright)
        self._answer = Answer(probability, small, box, calm=calm)
        return probability

    @property
    def state(self) -> Any:
        """State of the refiner and the colour model, and the last answer; None before a person's first frame."""
        return self._refiner.previous, self._colors.state, self._answer

    @state.setter
    def state(self, value: Any) -> None:
        state = (None, None, None) if value is None else value
        self._refiner.previous, self._colors.state, self._answer = state

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._refiner.set_edge(threshold, edge_softness)

    def reset(self) -> None:
        """Forget the previous frames."""
        self._colors.reset()
        self._refiner.reset()
        self._answer = None

    def close(self) -> None:
        """Free the network."""
        self._network.close()


def _add_evidence(probability: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Return the probability, float32 (h, w) in [0, 1], given independent evidence too: its log odds are added."""
    clipped = np.clip(probability, _MIN_ODDS_PROBABILITY, 1 - _MIN_ODDS_PROBABILITY)
    return 1 / (1 + ((1 - clipped) / clipped) ** np.float32(_NETWORK_WEIGHT) * cv2.exp(-evidence))
