"""The contract of a step that changes the matte of each frame."""

from __future__ import annotations

from typing import Protocol

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid


class MatteStep(Protocol):
    """Changes the mattes of a stream, in order of presentation."""

    def begin(self, still: bool, live: bool) -> None:
        """Begin a stream: one image, a video, or a camera; forget the one before."""
        ...

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the matte of the next frame.

        Args:
            view: The frame.
            matte: Its matte so far; the same object as for the frame before where a still scene keeps its matte.
        """
        ...

    def end(self) -> None:
        """End the stream and release what it held."""
        ...
