"""What a video's header promises, and whether as much has come of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from background_removal.errors import InputError
from background_removal.files.video.opening import open_video

# Formats with a header in which the writer says how long the file is; of others FFmpeg estimates it from what is there.
_WITH_LENGTH = frozenset({"mov", "matroska", "avi", "flv", "asf"})
# Fewer by this is not told: a decoder may leave out the first frames of a file that was cut between key frames, and
# the length of the last frame is often unknown. More, and the smaller of the two others, is what a viewer notices.
_FEW_FRAMES = 2
_NOTICED_SECONDS = Fraction(1, 2)
_NOTICED_PART = Fraction(1, 20)
# Lengths in seconds are rounded, and those of the whole file are of its longest stream.
_LOOSE_SECONDS = Fraction(1)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to come of a video's pictures, as its header says.

    Attributes:
        frames: How many there are; None if it does not say.
        end: When the last one ends, in seconds of the stream's clock; None if it does not say.
        whole_file: Whether `end` is that of all streams together.
        rate: Frames per second, about.
    """

    frames: int | None
    end: Fraction | None
    whole_file: bool
    rate: Fraction


def promised(container: InputContainer, stream: VideoStream) -> Promise:
    """Return what the header of an open file promises of a stream."""
    kinds = set(container.format.name.split(","))
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    if kinds.isdisjoint(_WITH_LENGTH) or stream.time_base is None:
        return Promise(None, None, False, rate)
    if "mov" in kinds and stream.frames:
        return Promise(stream.frames, None, False, rate)
    start = (stream.start_time or 0) * stream.time_base
    if "avi" in kinds and stream.frames:
        # FFmpeg shortens the duration of one without an index, which stands at its end; frames may be left out on
        # purpose, and then only their time counts.
        return Promise(None, start + stream.frames * stream.time_base, False, rate)
    tagged = _seconds(stream.metadata.get("DURATION", ""))  # Matroska's tag, written by FFmpeg and mkvmerge
    if tagged is not None:
        return Promise(None, tagged, False, rate)
    if stream.duration:
        return Promise(None, start + stream.duration * stream.time_base, False, rate)
    if container.duration:
        return Promise(None, Fraction(container.duration + (container.start_time or 0), av.time_base), True, rate)
    return Promise(None, None, False, rate)


def missing(path: str, promise: Promise, frames: int, end: Fraction) -> str:
    """Return in words what is missing of a video, "" if nothing clearly is.

    Args:
        path: The local file.
        promise: What it promised when it was opened.
        frames: How many frames could be decoded.
        end: When the last one ends, in seconds of the stream's clock.
    """
    if promise.frames is not None:
        few = max(
            Fraction(_FEW_FRAMES),
            min(_NOTICED_SECONDS * promise.rate, _NOTICED_PART * promise.frames),
        )
        if promise.frames - frames > few:
            listed = _shown_frames(path, promise.frames)
            if listed - frames > few:
                return f"only {frames} of {listed} frames could be read"
    elif promise.end is not None:
        few = max(_FEW_FRAMES / promise.rate, min(_NOTICED_SECONDS, _NOTICED_PART * promise.end))
        few = max(few, _LOOSE_SECONDS) if promise.whole_file else few
        if promise.end - end > few and not (promise.whole_file and _reaches(path, promise.end - few)):
            return f"only {float(end):.1f} of {float(promise.end):.1f} seconds could be read ({frames} frames)"
    return ""


def promised_by(path: str, name: str) -> Promise | None:
    """Return what the header of a local video, called `name`, promises; None if there are no pictures in it.

    Raises:
        InputError: it cannot be read.
    """
    with open_video(path, name) as container:
        stream = container.streams.best("video")
        return None if stream is None else promised(container, stream)


def _shown_frames(path: str, frames: int) -> int:
    """Return how many frames of a MP4 are to be seen: what an edit list cuts off is counted in the header, too."""
    try:
        with open_video(path) as container:
            stream = container.streams.best("video")
            entries = [] if stream is None else stream.index_entries
            return sum(not entry.is_discard for entry in entries) or frames
    except InputError:
        return frames


def _reaches(path: str, end: Fraction) -> bool:
    """Tell whether any stream of a file goes on until `end` seconds: then the pictures alone are shorter."""
    try:
        with open_video(path) as container:
            return any(
                (packet.pts + (packet.duration or 0)) * packet.time_base >= end
                for packet in container.demux()
                if packet.pts is not None
            )
    except (InputError, av.error.FFmpegError):
        return False


def _seconds(text: str) -> Fraction | None:
    """Return a time as Matroska's tags have it.

    >>> _seconds("00:01:10.500000000")
    Fraction(141, 2)
    """
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return 3600 * int(found[1]) + 60 * int(found[2]) + Fraction(found[3]) if found else None
