"""The contract of matte networks: a network together with its refinement."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from background_removal.matting.boxes import Box
from background_removal.matting.effort.carry import CarryLimits


class MatteNetwork(Protocol):
    """A network, with its refinement, that predicts the alpha of an image.

    Attributes:
        uses_crops: Whether `predict` takes a crop around the person, or else the whole frame.
        state: State from earlier frames, None at first. Put back to predict a frame again, exchanged to predict another
            person; never changed in place.
        is_calm: Whether motion has explained the last frames, and answers may be carried.
    """

    uses_crops: bool
    state: Any
    is_calm: bool

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the input for a frame of (width, height)."""
        ...

    def predict(
        self, image: np.ndarray, box: Box, evidence: np.ndarray | None = None, carry: CarryLimits | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Predict the alpha of a part of the frame.

        Args:
            image: The part, uint8 (h, w, 3) BGR.
            box: Its place in the frame.
            evidence: Log odds of the person from another source, float32 (h, w); recurrent networks do without.
            carry: When the last answer may be carried along with the picture in place of a new one; None for never.
                Recurrent networks always give a new one.

        Returns:
            Alpha, float32 (h, w) in [0, 1], and foreground, uint8 (h, w, 3) or None.
        """
        ...

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        ...

    def reset(self) -> None:
        """Forget the previous frames."""
        ...

    def close(self) -> None:
        """Free the network."""
        ...
