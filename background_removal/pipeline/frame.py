"""Frames, the description of their stream, and the contracts of sources and sinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Literal, Protocol, TypeAlias, TypeVar

import numpy as np

from background_removal.errors import Stopped
from background_removal.pipeline.planes import ColorDescription, Planes, mirror, to_image

__all__ = [
    "ColorDescription",
    "Frame",
    "PictureMetadata",
    "Planes",
    "ReadMode",
    "Sink",
    "Source",
    "StreamInfo",
    "discards_result",
    "mirror",
    "to_image",
]

# How the engine reads a source; see `Source`.
ReadMode: TypeAlias = Literal["inline", "buffered", "latest"]
_Source = TypeVar("_Source", bound="Source")


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """Metadata of a picture, as its result may keep them.

    Attributes:
        exif: EXIF with its prefix ``Exif\\0\\0``; empty for none.
        xmp: An XMP packet; empty for none.
        dpi: Pixels per inch, across and down; None if unknown.
    """

    exif: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.exif or self.xmp or self.dpi)


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Describes a stream before its first frame.

    Attributes:
        name: Path, URL or number, as the user gave it.
        width, height: Size in pixels of the upright image, after rotation.
        time_base: Seconds per unit of `Frame.pts`.
        rate: Frames per second; None if frames have no common rate (cameras, single images).
        frames: Expected number of frames, an estimate; None if unknown.
        live: True for a camera: frames come in real time and late ones are dropped.
        still: True for a single image.
        pixel_aspect: Width of a pixel divided by its height.
        color: Meaning of the YUV values; None if there are none.
        first_field: "tff" or "bff" if frames hold two fields, by the one shown first; "" for whole frames.
        clock_start: `time.monotonic()` at pts 0 of a live stream.
        alpha: Whether parts of the frames are transparent: they are BGRA.
        metadata: Metadata of a picture; None if there are none.
        plays: Number of times that an animated picture plays, 0 for endlessly; None if it is none.
        device: Name of the camera for what is kept of it from one run to the next; "" for none.
    """

    name: str
    width: int
    height: int
    time_base: Fraction = Fraction(1, 1000)
    rate: Fraction | None = None
    frames: int | None = None
    live: bool = False
    still: bool = False
    pixel_aspect: Fraction = Fraction(1)
    color: ColorDescription | None = None
    first_field: str = ""
    clock_start: float = 0.0
    alpha: bool = False
    metadata: PictureMetadata | None = None
    plays: int | None = None
    device: str = ""

    @property
    def is_animation(self) -> bool:
        """Whether it is an animated picture, such as a GIF."""
        return self.plays is not None


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture with its presentation time.

    Attributes:
        picture: uint8 (H, W, 3) BGR, or (H, W, 4) BGRA where the source or an object has transparency; or a codec's
            planes.
        index: Position in the stream, from 0.
        pts: Presentation time in units of `time_base`.
        time_base: Seconds per unit, exact.
        duration: Duration in units of `time_base`; 0 if the source does not know it.
        processed: Whether it has passed through the custom objects.
        original: Picture before the custom objects, uint8 (H, W, 3) BGR or planes; None unless a sink needs it.
        matte: Matte as a grey image, uint8 (H, W, 3); None unless a sink needs it.
        mirror: Mirror in the preview only.
    """

    picture: np.ndarray | Planes
    index: int = 0
    pts: int = 0
    time_base: Fraction = Fraction(1, 1000)
    duration: int = 0
    processed: bool = False
    original: np.ndarray | Planes | None = None
    matte: np.ndarray | None = None
    mirror: bool = False

    @property
    def image(self) -> np.ndarray:
        """The picture as uint8 (H, W, 3) BGR or (H, W, 4) BGRA; planes are converted on first access."""
        return to_image(self.picture)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `image`, without converting planes."""
        return self.picture.shape

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def with_image(self, image: np.ndarray | Planes) -> Frame:
        """Return the same frame with another picture."""
        return replace(self, picture=image)


class Source(Protocol):
    """Yields frames: a file, a camera, or a subclass of your own.

    A source is created, opened, iterated once, and closed; the engine does all of it in one thread, which is a reader
    thread unless `read_mode` is "inline". A reader thread that blocks for ever is abandoned.

    Attributes:
        read_mode: "inline": in the main thread, frame by frame; "buffered": a few frames ahead; "latest":
            continuously, keeping only the newest frame.
        status: Message for the user while no frames come, "" otherwise.
        missing: Difference from the promised length, set after the last frame; "" if there is none.
    """

    read_mode: ReadMode = "buffered"
    status: str = ""
    missing: str = ""

    @property
    def info(self) -> StreamInfo:
        """Description of the stream; valid once the source is open."""
        ...

    def open(self) -> None:
        """Open the file or device; raises an `errors.BackgroundRemovalError` if it cannot be opened."""
        ...

    def __iter__(self) -> Iterator[Frame | None]:
        """Yield frames in order of presentation, each with a picture of its own; None while none comes."""
        ...

    def stop(self) -> None:
        """Request that an iteration in another thread ends soon."""
        ...

    def close(self) -> None:
        """Close everything that `open` opened, even partly; calling it again does nothing."""
        ...

    def __enter__(self: _Source) -> _Source:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Sink(Protocol):
    """Takes frames: a file, a matte, a window, a recording, or a subclass of your own.

    A sink is created, opened, given every frame in order of presentation, and closed once. It ends the run by raising
    `errors.Stopped` from `write` or `idle`.

    Attributes:
        needs_original: Whether it needs `Frame.original`.
        needs_matte: Whether it needs `Frame.matte` of processed frames.
        result: Path of the finished file or folder, as the user named it; "" until `close` has kept one.
    """

    needs_original: bool = False
    needs_matte: bool = False
    result: str = ""

    @property
    def has_viewers(self) -> bool:
        """Whether the frames are seen or kept; a camera is closed while no sink has viewers."""
        return True

    def open(self, info: StreamInfo) -> None:
        """Prepare for a stream; raises an `errors.BackgroundRemovalError` if it cannot be written."""

    def write(self, frame: Frame) -> None:
        """Take one frame; its picture must not be changed."""
        ...

    def idle(self, status: str) -> None:
        """Do periodic work; called every hundredth of a second while no frame comes.

        Args:
            status: The source's message for the user, "" if there is none.
        """

    def close(self, error: BaseException | None = None) -> None:
        """Complete the result, or discard it.

        Args:
            error: None after the last frame; `errors.Stopped` if the run ended before its source and the partial
                result is wanted; any other error discards the result.
        """


def discards_result(error: BaseException | None) -> bool:
    """Return whether a sink closed with `error` discards its result."""
    return error is not None and not isinstance(error, Stopped)
