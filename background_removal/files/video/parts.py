"""Parts of a long video: plan the cuts, and join the results without re-encoding.

These are plain functions over paths, so that parts can be processed anywhere.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from background_removal.errors import ProcessingError
from background_removal.files.animations import animation_format
from background_removal.files.video.alpha import may_be_transparent
from background_removal.files.video.container import OutputFile
from background_removal.files.video.opening import open_video
from background_removal.files.video.timing import container_start
from background_removal.pipeline.frame import Frame, Sink, StreamInfo

# Run-up before a part for objects with memory, seconds; twice the refresh interval of the crop
# (background_removal.matting.stream), so that it is refreshed once with the same past.
_RUN_UP_SECONDS = 4
# Shortest part, seconds; starting a process takes half of that.
_MIN_PART_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a video, in units of its stream's time base.

    Attributes:
        run_up: Time of the first frame that the objects process, before `start` so that they know the past.
        start: Time of the first frame that is written.
        end: Time of the first frame of the next part; None for the last part.
        seek: Time of the key frame from which decoding reaches `run_up`.
        index: Index of the frame at `run_up` in the whole video, from 0.
        first: Index of the frame at `start`.
        frames: Number of frames to write.
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
    """Sorted times of a video's packets: of all shown frames, of all key frames, and of the shown key frames."""

    shown: list[int]
    keys: list[int]
    shown_keys: list[int]


def plan_parts(path: str, count: int) -> list[Part]:
    """Plan up to `count` parts of similar length of the video at `path`, each beginning with a key frame.

    Only packets are read, one at a time; nothing is decoded.

    Returns:
        The parts in order; none if the video cannot be cut: too few key frames, frames without times, or an animation.
    """
    if animation_format(path):
        return []
    try:
        with open_video(path) as container:
            stream = container.streams.best("video")
            # Whether a part has alpha depends on its first frame, and parts must be alike.
            if stream is None or stream.time_base is None or may_be_transparent(stream):
                return []
            time_base = stream.time_base
            packets = _read_packet_times(container, stream, round(container_start(container) / time_base))
    except (av.error.FFmpegError, OSError, ValueError):  # InputError is one of these
        return []  # processing the whole video reports the error
    if packets is None or len(set(packets.shown)) < len(packets.shown) or len(packets.shown_keys) < 2:
        return []
    times = packets.shown
    count = min(count, int((times[-1] - times[0]) * time_base / _MIN_PART_SECONDS))
    wanted = [times[len(times) * number // count] for number in range(1, count)] if count > 1 else []
    cuts = sorted({min(packets.shown_keys[1:], key=lambda key, at=at: abs(key - at)) for at in wanted})
    if not cuts:
        return []
    parts = []
    for start, end in zip([times[0], *cuts], [*cuts, None], strict=True):
        index = bisect.bisect_left(times, start - _RUN_UP_SECONDS / time_base)
        first = bisect.bisect_left(times, start)
        last = len(times) if end is None else bisect.bisect_left(times, end)
        seek = packets.keys[max(0, bisect.bisect_right(packets.keys, times[index]) - 1)]
        parts.append(Part(times[index], start, end, seek, index, first, last - first))
    return parts


def plan_parts_by_length(path: str, seconds: float) -> list[Part]:
    """Plan parts of about `seconds` of the video at `path`; none if it is too short for two or cannot be cut.

    The packets of a short video are not read: its header has the length.
    """
    try:
        with open_video(path) as container:
            duration = (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, OSError, ValueError):
        return []
    count = round(duration / seconds)
    return plan_parts(path, count) if count > 1 else []


def _read_packet_times(container: InputContainer, stream: VideoStream, offset: int) -> _PacketTimes | None:
    """Return the times of all packets minus `offset`; None if a packet has no time."""
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    times = _PacketTimes([], [], [])
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None:
            return None
        at = packet.pts - offset
        shown = not packet.is_discard  # frames hidden by an edit list are decoded but not shown
        if shown:
            times.shown.append(at)
        if packet.is_keyframe:
            times.keys.append(at)
            if shown:
                times.shown_keys.append(at)
    for values in (times.shown, times.keys, times.shown_keys):
        values.sort()
    return times


class PartSink(Sink):
    """Passes the frames of one part to another sink, without those before and after it.

    Args:
        sink: The other sink.
        part: The part.
        on_frame: Called after every written frame.

    Attributes:
        written: Number of written frames.
        end: End of the last one, in seconds.
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
        if frame.pts >= self._part.start and (self._part.end is None or frame.pts < self._part.end):
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
    keep_metadata: bool = True,
) -> None:
    """Write the pictures of `parts`, in order, and the sound, chapters and titles of `source` into `output`.

    Args:
        parts: Local video files with the same encoding and continuous times.
        output: The local file to write.
        source: A local file.
        name: The output's name in messages, `output` if empty.
        with_whole_sound: Whether the sound continues to its own end; otherwise it ends with the pictures.
        finished_path: As for `files.video.container.OutputFile`.
        source_name: The source's name in messages, `source` if empty.
        keep_metadata: As for `files.video.container.OutputFile`.

    Raises:
        ProcessingError: the parts do not fit together, or the output cannot be written.
    """
    name = name or output
    times = [at for part in parts for at in _read_pts(part)]
    dts = iter(decoding_times(times))
    with ExitStack() as stack:
        first = stack.enter_context(av.open(parts[0])).streams.video[0]
        assert first.time_base is not None
        # Chapters are written with the header, before the last packet is read.
        until = None if with_whole_sound else max(times) * first.time_base
        more = (source, None, until, finished_path, source_name)
        file = stack.enter_context(OutputFile(output, name, first.time_base, *more, keep_metadata=keep_metadata))
        with file.write_errors():
            # An opaque copy: the name of a decoder, such as dav1d, is not an encoder's.
            target = file.container.add_stream_from_template(first, opaque=True)
            # The stream's own header has the clock ticks instead of the frame rate.
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
                    start, length = end, Fraction(0)
                    for packet, is_last in _mark_last(container.demux(stream)):
                        shown_at = (packet.pts or 0) * first.time_base
                        start = min(start, shown_at) if length else shown_at
                        length += (packet.duration or 0) * first.time_base
                        if is_last:  # see OutputFile.mux_picture
                            packet.duration = max(0, round((start + length - shown_at) / first.time_base))
                        end = max(end, shown_at + (packet.duration or 0) * first.time_base)
                        packet.dts, packet.stream = next(dts), target
                        file.mux_picture(packet, is_last=is_last and part == parts[-1])
                        file.mux_sound_until(shown_at)
            file.finish(None if with_whole_sound else end)


def count_frames(path: str) -> int:
    """Count the pictures in a local video written by `Engine`, by its packets."""
    return len(_read_pts(path))


def _read_pts(path: str) -> list[int]:
    with av.open(path) as container:
        return [packet.pts for packet in container.demux(video=0) if packet.size and packet.pts is not None]


def _mark_last(packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[Packet[VideoStream], bool]]:
    """Yield each packet with a picture that has a time, and whether it is the last one."""
    waiting: Packet[VideoStream] | None = None
    for packet in packets:
        if packet.size and packet.pts is not None:
            if waiting is not None:
                yield waiting, False
            waiting = packet
    if waiting is not None:
        yield waiting, True


def _header(stream: VideoStream) -> tuple[object, ...]:
    context = stream.codec_context
    return stream.time_base, context.name, context.width, context.height, context.pix_fmt, context.extradata


def decoding_times(pts: list[int]) -> list[int]:
    """Return increasing decoding times for presentation times in decoding order.

    The decoding times of a part begin a few frames before its first picture, while the part before has not ended. So
    they are computed again for all parts, as encoders do it: the presentation times in order, delayed by some frames.

    >>> decoding_times([0, 30, 10, 20, 40])
    [-10, 0, 10, 20, 30]
    """
    ordered = sorted(pts)
    rank = {value: position for position, value in enumerate(ordered)}
    delay = max(position - rank[value] for position, value in enumerate(pts))
    lead = ordered[delay] - ordered[0]
    return [value - lead for value in ordered[:delay]] + ordered[: len(ordered) - delay]
