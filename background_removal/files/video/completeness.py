"""Completeness: compare the length in a video's header with the frames that could be decoded."""

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
from background_removal.files.video.timing import frame_rate

# Formats with the length in their header; for others FFmpeg estimates it from the data that is there.
_FORMATS_WITH_LENGTH = frozenset({"mov", "matroska", "avi", "flv", "asf"})
# Missing frames that are not reported: a decoder may drop the first frames of a file that was cut between key frames,
# and the duration of the last frame is often unknown.
_TOLERATED_FRAMES = 2
# Missing length that a viewer notices, seconds; the smaller of this and `_NOTICEABLE_SHARE` counts.
_NOTICEABLE_SECONDS = Fraction(1, 2)
# Missing length that a viewer notices, share of the whole.
_NOTICEABLE_SHARE = Fraction(1, 20)
# Tolerance for the length of the whole file, seconds; it is rounded, and that of the longest stream.
_FILE_LENGTH_TOLERANCE_SECONDS = Fraction(1)


@dataclass(frozen=True, slots=True)
class ExpectedLength:
    """The length of a video stream according to the header.

    Attributes:
        frames: Number of frames; None if unknown.
        end: End of the last frame, in seconds of the stream's clock; None if unknown.
        whole_file: Whether `end` is the end of all streams together.
        rate: Approximate frames per second.
    """

    frames: int | None
    end: Fraction | None
    whole_file: bool
    rate: Fraction


def expected_length(container: InputContainer, stream: VideoStream) -> ExpectedLength:
    """Return the length of a stream according to the header of an open file."""
    formats = set(container.format.name.split(","))
    rate = frame_rate(stream) or Fraction(30)
    if formats.isdisjoint(_FORMATS_WITH_LENGTH) or stream.time_base is None:
        return ExpectedLength(None, None, False, rate)
    if "mov" in formats and stream.frames:
        return ExpectedLength(stream.frames, None, False, rate)
    start = (stream.start_time or 0) * stream.time_base
    if "avi" in formats and stream.frames:
        # FFmpeg shortens the duration of an AVI without an index, which is at the end of the file; frames may be left
        # out on purpose, so only their time counts.
        return ExpectedLength(None, start + stream.frames * stream.time_base, False, rate)
    tagged = _parse_duration(stream.metadata.get("DURATION", ""))  # Matroska's tag, written by FFmpeg and mkvmerge
    if tagged is not None:
        return ExpectedLength(None, tagged, False, rate)
    if stream.duration:
        return ExpectedLength(None, start + stream.duration * stream.time_base, False, rate)
    if container.duration:
        end = Fraction(container.duration + (container.start_time or 0), av.time_base)
        return ExpectedLength(None, end, True, rate)
    return ExpectedLength(None, None, False, rate)


def describe_missing(path: str, expected: ExpectedLength, frames: int, end: Fraction) -> str:
    """Describe the missing frames of a video in words; "" if none are clearly missing.

    Args:
        path: The local file.
        expected: Its expected length, read when it was opened.
        frames: Number of decoded frames.
        end: End of the last decoded frame, in seconds of the stream's clock.
    """
    if expected.frames is not None:
        tolerance = max(
            Fraction(_TOLERATED_FRAMES),
            min(_NOTICEABLE_SECONDS * expected.rate, _NOTICEABLE_SHARE * expected.frames),
        )
        if expected.frames - frames > tolerance:
            shown = _count_shown_frames(path, expected.frames)
            if shown - frames > tolerance:
                return f"only {frames} of {shown} frames could be read"
    elif expected.end is not None:
        tolerance = max(_TOLERATED_FRAMES / expected.rate, min(_NOTICEABLE_SECONDS, _NOTICEABLE_SHARE * expected.end))
        tolerance = max(tolerance, _FILE_LENGTH_TOLERANCE_SECONDS) if expected.whole_file else tolerance
        too_short = expected.end - end > tolerance
        if too_short and not (expected.whole_file and _any_stream_reaches(path, expected.end - tolerance)):
            return f"only {float(end):.1f} of {float(expected.end):.1f} seconds could be read ({frames} frames)"
    return ""


def read_expected_length(path: str, name: str) -> ExpectedLength | None:
    """Read the expected length from the header of a local video, called `name`; None without a video stream.

    Raises:
        InputError: it cannot be read.
    """
    with open_video(path, name) as container:
        stream = container.streams.best("video")
        return None if stream is None else expected_length(container, stream)


def _count_shown_frames(path: str, frames: int) -> int:
    """Count the shown frames of an MP4; the header's number includes those that an edit list hides."""
    try:
        with open_video(path) as container:
            stream = container.streams.best("video")
            entries = [] if stream is None else stream.index_entries
            return sum(not entry.is_discard for entry in entries) or frames
    except InputError:
        return frames


def _any_stream_reaches(path: str, end: Fraction) -> bool:
    """Return whether any stream of a file goes on until `end` seconds: then only the video is shorter."""
    try:
        with open_video(path) as container:
            return any(
                (packet.pts + (packet.duration or 0)) * packet.time_base >= end
                for packet in container.demux()
                if packet.pts is not None
            )
    except (InputError, av.error.FFmpegError):
        return False


def _parse_duration(text: str) -> Fraction | None:
    """Parse a duration as written in Matroska's tags, in seconds.

    >>> _parse_duration("00:01:10.500000000")
    Fraction(141, 2)
    """
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return 3600 * int(found[1]) + 60 * int(found[2]) + Fraction(found[3]) if found else None
