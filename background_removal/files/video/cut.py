"""Cut: a video without its beginning or its end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from background_removal.errors import InputError
from background_removal.files.video.animation_source import is_read_here, video_source
from background_removal.files.video.opening import open_video
from background_removal.files.video.parts import Part
from background_removal.pipeline.frame import Frame, Source, StreamInfo

# Time before the start from which frames are decoded, seconds: the frame shown at the start may be an older one.
_RUN_UP_SECONDS = 1
# Starts up to this time are reached by decoding from the beginning, seconds, which needs no seeking.
_NEAR_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a video that is kept.

    Attributes:
        start: Its beginning, seconds from that of the video.
        end: Its end, likewise; 0 for the video's own.

    Raises:
        InputError: a time is negative, or the end is not after the start.
    """

    start: float = 0.0
    end: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end) and self.start >= 0 and self.end >= 0):
            raise InputError(f"`cut` {self.start:g} to {self.end:g}: times are seconds from the beginning")
        if self.end and self.end <= self.start:
            raise InputError(f"`cut` {self.start:g} to {self.end:g}: the end must be after the start, or 0")

    def __bool__(self) -> bool:
        return self.start > 0 or self.end > 0

    @property
    def length(self) -> Fraction | None:
        """Its length in seconds; None if that depends on the video."""
        return Fraction(self.end) - Fraction(self.start) if self.end else None


def cut_source(path: str, name: str, cut: Cut, **options: Any) -> Source:
    """Return the source of a cut video or animation.

    Args:
        path: A local file.
        name: Its name in messages.
        cut: What is kept.
        options: Those of `animation_source.video_source`.
    """
    if cut.start > _NEAR_SECONDS and not is_read_here(path):
        options["part"] = _part_from(path, name, cut.start - _RUN_UP_SECONDS)
    return CutSource(video_source(path, name, **options), name, cut)


def _part_from(path: str, name: str, seconds: float) -> Part | None:
    with open_video(path, name) as container:
        stream = container.streams.best("video")
        if stream is None or stream.time_base is None:
            return None  # opening the source reports it
        start = round(Fraction(seconds) / stream.time_base)
    return Part(run_up=start, start=start, end=None, seek=start, index=0, first=0, frames=0)


class CutSource(Source):
    """Yields the frames of another source between two times, with times from the first of them on.

    The frame that is shown at the start begins there.

    Args:
        source: The other source.
        name: Its name in messages.
        cut: What is kept.
    """

    def __init__(self, source: Source, name: str, cut: Cut) -> None:
        self._source = source
        self._name = name
        self._cut = cut
        self._info: StreamInfo | None = None

    def open(self) -> None:
        """Open the source; raises InputError as it does, or if no frame lies between the times."""
        self._source.open()
        info = self._source.info
        self._start = round(Fraction(self._cut.start) / info.time_base)
        self._end = round(Fraction(self._cut.end) / info.time_base) if self._cut.end else None
        self._frames = self._keep(iter(self._source))
        self._first = next(self._frames, None)
        if self._first is None:
            raise InputError(f"{self._name}: it has no frame after {self._cut.start:g} s")
        self._info = replace(info, frames=self._count(info))

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the source must be opened before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame | None]:
        """Yield every frame once."""
        if self._first is not None:
            yield self._first
        yield from self._frames
        self.missing = self._source.missing

    def stop(self) -> None:
        """Stop an iteration in another thread after its current frame."""
        self._source.stop()

    def close(self) -> None:
        self._source.close()

    def _count(self, info: StreamInfo) -> int | None:
        """Return the expected number of frames."""
        length = self._cut.length
        rest = None if info.frames is None or not info.rate else info.frames - round(self._cut.start * info.rate)
        wanted = None if length is None or not info.rate else round(length * info.rate)
        known = [count for count in (rest, wanted) if count is not None]
        return max(1, min(known)) if known else None

    def _keep(self, frames: Iterator[Frame | None]) -> Iterator[Frame]:
        before: Frame | None = None
        index, end = 0, None
        for frame in frames:
            if frame is None:
                continue
            if self._end is not None and frame.pts >= self._end:
                end = self._end
                break
            if frame.pts <= self._start:
                before = frame
                continue
            if before is not None:
                yield self._begin(before, frame.pts)
                before, index = None, 1
            yield replace(frame, index=index, pts=frame.pts - self._start, duration=self._shorten(frame))
            index += 1
        if before is not None:  # the only one
            end = before.pts + before.duration if end is None else end
            if end > self._start or before.pts == self._start:
                yield self._begin(before, max(end, self._start))

    def _begin(self, frame: Frame, until: int) -> Frame:
        """Return the frame that is shown at the start, from there on."""
        return replace(frame, index=0, pts=0, duration=min(until, self._end or until) - self._start)

    def _shorten(self, frame: Frame) -> int:
        return frame.duration if self._end is None else min(frame.duration, self._end - frame.pts)
