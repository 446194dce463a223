"""The contract of what draws a person: a network and what steadies and refines its answers."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from background_removal.matting.crop import Box


class MatteNetwork(Protocol):
    """What draws the alpha of the part of a frame that it is shown.

    Attributes:
        follows: Whether it is to be shown a crop around the person, or else the whole frame.
        state: What it remembers of the frames before: can be put back to draw a frame anew, or exchanged to draw
            another person. It is never changed in place.
    """

    follows: bool
    state: Any

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the images that it takes for frames of (width, height)."""
        ...

    def __call__(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        """Return alpha, float32 (h, w) in [0, 1], and foreground, uint8 (h, w, 3) or None, of `image`."""
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
