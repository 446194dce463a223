"""What flows through the engine: frames, what is known of their stream, and who makes and takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Literal, Protocol, TypeVar

import numpy as np

from background_removal.errors import Stopped
from background_removal.pipeline.planes import ColorDescription, Planes, mirror, to_image

__all__ = [
    "ColorDescription",
    "Frame",
    "Planes",
    "Sink",
    "Source",
    "StreamInfo",
    "discards_result",
    "mirror",
    "to_image",
]  # fmt: skip

_Source = TypeVar("_Source", bound="Source")


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
        still: True for a single image.
        pixel_aspect: Width of a pixel divided by its height.
        color: How the YUV values are meant; None where there are none.
        clock_start: Of a live stream, what `time.monotonic` said at pts 0.
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
    clock_start: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and when it is shown.

    Attributes:
        picture: uint8 (H, W, 3) BGR, or (H, W, 4) BGRA after an object that makes transparency; or a codec's planes.
        index: Place in the stream, from 0.
        pts: Presentation time in units of `time_base`.
        time_base: Seconds per unit, exact.
        duration: How long it is shown, in units of `time_base`; 0 if the source does not say.
        processed: Whether it has gone through the custom objects.
        original: The picture before them, uint8 (H, W, 3) BGR or planes, where a sink needs it; else None.
        matte: The matte that belongs to it as a grey picture, uint8 (H, W, 3), where a sink needs it; else None.
        mirror: Whether the window is to show it mirrored, and the window alone.
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
        """The picture as uint8 (H, W, 3) BGR or (H, W, 4) BGRA; planes are converted when it is first asked for."""
        return to_image(self.picture)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of `image`, for nothing."""
        return self.picture.shape

    @property
    def seconds(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def with_image(self, image: np.ndarray | Planes) -> Frame:
        """Return the same moment with another picture."""
        return replace(self, picture=image)


class Source(Protocol):
    """Something that yields frames: a file, a camera, or one of your own, which subclasses this.

    It is made, opened, iterated once, and closed; the engine does all of it in one thread, which is not the main one
    unless `read_mode` is "inline". A read that blocks for ever then holds up nobody: the thread is left to it.

    Attributes:
        read_mode: How the engine reads it: "inline", frame by frame; "buffered", a few frames before they are needed;
            "latest", all the time, of which only the newest frame is kept.
        status: What is the matter while no frames come, "" otherwise.
        missing: What is missing of what it promised, once all that could be read has been yielded; "" if nothing.
    """

    read_mode: Literal["inline", "buffered", "latest"] = "buffered"
    status: str = ""
    missing: str = ""

    @property
    def info(self) -> StreamInfo:
        """What is known of the stream; valid once the source is open."""
        ...

    def open(self) -> None:
        """Open the file or device; raises a `errors.BackgroundRemovalError` if it cannot be."""
        ...

    def __iter__(self) -> Iterator[Frame | None]:
        """Yield the frames in order of presentation, each with a picture of its own; None while none comes."""
        ...

    def stop(self) -> None:
        """Ask an iteration that runs in another thread to end soon."""
        ...

    def close(self) -> None:
        """Close what `open` has opened, as far as it came; calling it again does nothing."""
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
    """Something that takes frames: a file, a matte, a window, a recording, or one of your own, which subclasses this.

    It is made, opened, given every frame in order of presentation, and closed once. A sink that wants the run to end
    raises `errors.Stopped` from `write` or `idle`.

    Attributes:
        needs_original: Whether `Frame.original` is to be there.
        needs_matte: Whether `Frame.matte` is to be there, for frames that were processed.
        result: The file or folder that it has made, as the user named it; "" until `close` has kept one.
    """

    needs_original: bool = False
    needs_matte: bool = False
    result: str = ""

    @property
    def has_viewers(self) -> bool:
        """Whether anybody sees what it is given; a camera is let go while nobody sees what any sink is given."""
        return True

    def open(self, info: StreamInfo) -> None:
        """Get ready for a stream; raises a `errors.BackgroundRemovalError` if it cannot be written."""

    def write(self, frame: Frame) -> None:
        """Take one frame, whose picture is not to be changed."""
        ...

    def idle(self, status: str) -> None:
        """No frame has come for a hundredth of a second.

        Args:
            status: What is the matter, "" if nothing is.
        """

    def close(self, error: BaseException | None = None) -> None:
        """Complete what was written, or discard it.

        Args:
            error: What is on its way: None after the last frame; `errors.Stopped` when the run was ended
                before its source, and what was written is wanted; anything else spoils the result.
        """


def discards_result(error: BaseException | None) -> bool:
    """Tell whether a sink that is closed with `error` discards what was written."""
    return error is not None and not isinstance(error, Stopped)
