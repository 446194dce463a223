"""What flows through the engine: frames, what is known of their stream, and who makes and takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Color:
    """How a stream's YUV values are meant, as the code points of ITU-T H.273 (FFmpeg's AVCOL_* values)."""

    matrix: int
    range: int
    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows before its first frame.

    Attributes:
        name: The path, URL or number that the user gave.
        width, height: Size in pixels of the upright picture, rotation already applied.
        time_base: Seconds per unit of `Frame.pts`.
        rate: Frames per second; None where frames have no common rate (cameras, single images).
        frames: How many frames are expected, None if unknown. An estimate: the stream decides.
        live: True for a camera: frames come in real time and late ones are dropped.
        pixel_aspect: Width of a pixel divided by its height.
        color: How the YUV values are meant; None where there are none.
    """

    name: str
    width: int
    height: int
    time_base: Fraction = Fraction(1, 1000)
    rate: Fraction | None = None
    frames: int | None = None
    live: bool = False
    pixel_aspect: Fraction = Fraction(1)
    color: Color | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and when it is shown.

    Attributes:
        image: uint8 (H, W, 3) BGR, or (H, W, 4) BGRA after an object that makes transparency.
        index: Place in the stream, from 0.
        pts: Presentation time in units of `time_base`.
        time_base: Seconds per unit, exact.
        duration: How long it is shown, in units of `time_base`; 0 if the source does not say.
    """

    image: np.ndarray
    index: int = 0
    pts: int = 0
    time_base: Fraction = Fraction(1, 1000)
    duration: int = 0

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def with_image(self, image: np.ndarray) -> Frame:
        """Return the same moment with another picture."""
        return replace(self, image=image)


class Source(Protocol):
    """Something that yields frames; a context manager that holds its file or device open."""

    @property
    def info(self) -> StreamInfo:
        """What is known of the stream; valid once the source has been entered."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order of presentation, each with an image of its own."""
        ...

    def stop(self) -> None:
        """Ask an iteration that runs in another thread to end soon."""
        ...


class Sink(Protocol):
    """Something that takes frames; a context manager that completes its file or device on leaving."""

    def write(self, frame: Frame) -> None:
        """Take one frame; frames come in order of presentation."""
        ...
