"""One long video in parts: where to cut it, and how to join the results without encoding them again.

All are plain functions over paths, so that the parts may be worked on anywhere.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from background_removal.errors import ProcessingError
from background_removal.files.video.container import OutputFile
from background_removal.files.video.opening import open_video
from background_removal.files.video.timing import container_start
from background_removal.pipeline.frame import Frame, Sink, StreamInfo

# Objects that remember see this much, in seconds, of what comes before a part: twice the time after which the crop is
# drawn anew (background_removal.matting.stream), so that it has been drawn anew once with the same past.
_RUN_UP_SECONDS = 4
# A part shorter than this, in seconds, is not worth a process of its own: it takes half of that to start one.
_MIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a video, in units of its stream's time base.

    Attributes:
        run_up: Time of the first frame that goes through the objects, so that they know what came before.
        start: Time of the first frame that is written.
        end: Time of the first frame that belongs to the next part; None in the last one.
        seek: Time of the key frame from which everything from `run_up` on can be decoded.
        index: Number of the frame at `run_up` in the whole video, from 0.
        first: Number of the frame at `start`.
        frames: How many frames are written.
    """

    run_up: int
    start: int
    end: int | None
    seek: int
    index: int
    first: int
    frames: int


@dataclass(frozen=True, slots=True)
class _PacketTimes:
    """The times of a video's packets, rising: of all frames that are shown, and of key frames, shown or not."""

    shown: list[int]
    keys: list[int]
    shown_keys: list[int]


def plan_parts(path: str, count: int) -> list[Part]:
    """Cut the video at `path` into up to `count` parts of about one length, each beginning with a key frame.

    Only packets are looked at, one at a time; nothing is decoded.

    Returns:
        The parts in order; none if the video cannot be cut: too few key frames, or frames without times.
    """
    try:
        with open_video(path) as container:
            stream = container.streams.best("video")
            if stream is None or stream.time_base is None:
                return []
            time_base = stream.time_base
            found = _packet_times(container, stream, round(container_start(container) / time_base))
    except (av.error.FFmpegError, OSError, ValueError):  # InputError is one of these
        return []  # whoever processes it says what is wrong
    if found is None or len(set(found.shown)) < len(found.shown) or len(found.shown_keys) < 2:
        return []
    times = found.shown
    count = min(count, int((times[-1] - times[0]) * time_base / _MIN_SECONDS))
    wanted = [times[len(times) * number // count] for number in range(1, count)] if count > 1 else []
    cuts = sorted({min(found.shown_keys[1:], key=lambda key, at=at: abs(key - at)) for at in wanted})
    if not cuts:
        return []
    parts = []
    for start, end in zip([times[0], *cuts], [*cuts, None], strict=True):
        index = bisect.bisect_left(times, start - _RUN_UP_SECONDS / time_base)
        first = bisect.bisect_left(times, start)
        last = len(times) if end is None else bisect.bisect_left(times, end)
        seek = found.keys[max(0, bisect.bisect_right(found.keys, times[index]) - 1)]
        parts.append(Part(times[index], start, end, seek, index, first, last - first))
    return parts


def plan_parts_by_length(path: str, seconds: float) -> list[Part]:
    """Cut the video at `path` into parts of about so many seconds; none if it is too short for two, or cannot be cut.

    What a short one holds is not looked at: its header tells how long it is.
    """
    try:
        with open_video(path) as container:
            duration = (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, OSError, ValueError):
        return []
    count = round(duration / seconds)
    return plan_parts(path, count) if count > 1 else []


def _packet_times(container: InputContainer, stream: VideoStream, offset: int) -> _PacketTimes | None:
    """Return the times of all packets less `offset`; None where one has none."""
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    found = _PacketTimes([], [], [])
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None:
            return None
        at = packet.pts - offset
        shown = not packet.is_discard  # what an edit list hides is decoded and never shown
        if shown:
            found.shown.append(at)
        if packet.is_keyframe:
            found.keys.append(at)
            if shown:
                found.shown_keys.append(at)
    for times in (found.shown, found.keys, found.shown_keys):
        times.sort()
    return found


class PartSink(Sink):
    """Hands on the frames of one part, without those of its run-up.

    Args:
        sink: What takes them.
        part: Which part.
        on_frame: Called after every frame that was handed on.

    Attributes:
        written: How many frames were handed on.
        end: When the last of them ends, in seconds.
    """

    def __init__(self, sink: Sink, part: Part, on_frame: Callable[[], object] = lambda: None) -> None:
        self._sink = sink
        self._part = part
        self._on_frame = on_frame
        self.written = 0
        self.end = Fraction(0)

    def open(self, info: StreamInfo) -> None:
        self._sink.open(info)

    def write(self, frame: Frame) -> None:
        if frame.pts >= self._part.start:
            self._sink.write(frame)
            self.written += 1
            self.end = (frame.pts + frame.duration) * frame.time_base
            self._on_frame()

    def close(self, error: BaseException | None = None) -> None:
        self._sink.close(error)


def join_parts(
    parts: list[str],
    output: str,
    source: str,
    name: str = "",
    with_whole_sound: bool = True,
    *,
    finished_path: str = "",
    source_name: str = "",
) -> None:
    """Write the pictures of `parts`, in order, and the sound, chapters and titles of `source` into `output`.

    Args:
        parts: Local video files, encoded alike, whose times go on from one to the next.
        output: The local file to write.
        source: A local file.
        name: What to call the output in messages, `output` if empty.
        with_whole_sound: Whether the sound goes on to its own end; else it ends with the pictures.
        finished_path: As for `files.video.container.OutputFile`.
        source_name: What to call the source in messages, `source` if empty.

    Raises:
        ProcessingError: the parts do not fit together, or the output cannot be written.
    """
    name = name or output
    times = [at for part in parts for at in _times_of(part)]
    dts = iter(decoding_times(times))
    with ExitStack() as stack:
        first = stack.enter_context(av.open(parts[0])).streams.video[0]
        assert first.time_base is not None
        # Chapters are written with the header, when the last packet is not yet at hand.
        until = None if with_whole_sound else max(times) * first.time_base
        more = (source, None, until, finished_path, source_name)
        file = stack.enter_context(OutputFile(output, name, first.time_base, *more))
        with file.write_errors():
            # Copied as it is: a decoder's name, as of dav1d, is no encoder's.
            target = file.container.add_stream_from_template(first, opaque=True)
            # The stream's own header tells the ticks of its clock for this.
            target.codec_context.framerate = first.average_rate
            if first.codec_context.name == "hevc":
                file.tag_h265(target)
            file.copy_source_extras()
            end = Fraction(0)
            for part in parts:
                with av.open(part) as container:
                    stream = container.streams.video[0]
                    if _header(stream) != _header(first):
                        raise ProcessingError(f"{name}: the parts were not encoded alike")
                    for packet in container.demux(stream):
                        if packet.size and packet.pts is not None:
                            shown_at = packet.pts * first.time_base
                            end = max(end, shown_at + (packet.duration or 0) * first.time_base)
                            packet.dts, packet.stream = next(dts), target
                            file.mux_picture(packet)
                            file.mux_sound_until(shown_at)
            file.finish(None if with_whole_sound else end)


def count_frames(path: str) -> int:
    """Return how many pictures are in a local video that `Engine` has written; only packets are looked at."""
    return len(_times_of(path))


def _times_of(path: str) -> list[int]:
    with av.open(path) as container:
        return [packet.pts for packet in container.demux(video=0) if packet.size and packet.pts is not None]


def _header(stream: VideoStream) -> tuple[object, ...]:
    context = stream.codec_context
    return stream.time_base, context.name, context.width, context.height, context.pix_fmt, context.extradata


def decoding_times(pts: list[int]) -> list[int]:
    """Return rising decoding times for presentation times in decoding order.

    Each encoder begins its part a few frames before the first one is shown, when the part before has not ended; so
    they are made anew, as encoders make them: the presentation times in order, some frames late.

    >>> decoding_times([0, 30, 10, 20, 40])
    [-10, 0, 10, 20, 30]
    """
    ordered = sorted(pts)
    rank = {value: position for position, value in enumerate(ordered)}
    delay = max(position - rank[value] for position, value in enumerate(pts))
    lead = ordered[delay] - ordered[0]
    return [value - lead for value in ordered[:delay]] + ordered[: len(ordered) - delay]
