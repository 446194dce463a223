"""The steps that change the matte of each frame: their contract, and their order."""

from __future__ import annotations

from collections.abc import Iterator
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


class MatteSteps:
    """The steps of a segmentation, in the same order whatever order they were switched on in.

    The screen and the empty room find the person's edge again, things are added to the person then, and strokes, which
    the user has drawn on the result, come last.
    """

    _ORDER = ("screen", "plate", "things", "hints")

    def __init__(self) -> None:
        self._steps: dict[str, MatteStep] = {}

    def put(self, name: str, step: MatteStep | None) -> None:
        """Run a step from now on, in place of the one with that name; None for none."""
        if step is None:
            self._steps.pop(name, None)
        else:
            self._steps[name] = step

    def __iter__(self) -> Iterator[MatteStep]:
        return iter([self._steps[name] for name in self._ORDER if name in self._steps])
