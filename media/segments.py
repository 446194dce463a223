"""One long video in parts: where to cut it, and how to join the results without encoding them again.

Both are plain functions over paths, so that the parts may be worked on anywhere.
"""

from __future__ import annotations

import bisect
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
from av.stream import Discard
from av.video.stream import VideoStream

from errors import ProcessingError
from media.timing import clock_start
from media.video_file import VideoFile

# Objects that remember see this much, in seconds, of what comes before a segment.
_RUN_UP = 4
# A segment shorter than this, in seconds, is not worth a process of its own.
_LEAST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video, in units of its stream's time base.

    Attributes:
        run_up: Time of the first frame that goes through the objects, so that they know what came before.
        start: Time of the first frame that is written.
        end: Time of the first frame that belongs to the next segment; None in the last one.
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


def plan_segments(path: str, count: int) -> list[Segment]:
    """Cut the video at `path` into up to `count` segments of about one length, each beginning with a key frame.

    Only packets are looked at; nothing is decoded.

    Returns:
        The segments in order; none if the video cannot be cut: too few key frames, or frames without times.
    """
    try:
        with av.open(path) as container:
            stream = container.streams.best("video")
            if stream is None or stream.time_base is None:
                return []
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all
            time_base = stream.time_base
            offset = round(clock_start(container) / time_base)
            packets = [packet for packet in container.demux(stream) if packet.size]
    except (av.error.FFmpegError, OSError, ValueError):
        return []  # whoever processes it says what is wrong
    if any(packet.pts is None for packet in packets):
        return []
    keys = sorted(packet.pts - offset for packet in packets if packet.is_keyframe and packet.pts is not None)
    # What an edit list hides is decoded and never shown.
    shown = [packet for packet in packets if not packet.is_discard]
    times = sorted(packet.pts - offset for packet in shown if packet.pts is not None)
    cuttable = sorted({packet.pts - offset for packet in shown if packet.is_keyframe and packet.pts is not None})
    if len(set(times)) < len(times) or len(cuttable) < 2:
        return []
    count = min(count, int((times[-1] - times[0]) * time_base / _LEAST_SECONDS))
    wanted = [times[len(times) * number // count] for number in range(1, count)] if count > 1 else []
    cuts = sorted({min(cuttable[1:], key=lambda key, at=at: abs(key - at)) for at in wanted})
    if not cuts:
        return []
    segments = []
    for start, end in zip([times[0], *cuts], [*cuts, None], strict=True):
        index = bisect.bisect_left(times, start - _RUN_UP / time_base)
        first = bisect.bisect_left(times, start)
        last = len(times) if end is None else bisect.bisect_left(times, end)
        seek = keys[max(0, bisect.bisect_right(keys, times[index]) - 1)]
        segments.append(Segment(times[index], start, end, seek, index, first, last - first))
    return segments


def join_segments(parts: list[str], output: str, source: str, name: str = "", with_whole_sound: bool = True) -> None:
    """Write the pictures of `parts`, in order, and the sound, chapters and titles of `source` into `output`.

    Args:
        parts: Local video files, encoded alike, whose times go on from one to the next.
        output: The local file to write.
        source: A local file.
        name: What to call the output in messages, `output` if empty.
        with_whole_sound: Whether the sound goes on to its own end; else it ends with the pictures.

    Raises:
        ProcessingError: the parts do not fit together, or the output cannot be written.
    """
    times = []
    for part in parts:
        with av.open(part) as container:
            times += [packet.pts for packet in container.demux(video=0) if packet.size and packet.pts is not None]
    dts = iter(decoding_times(times))
    with ExitStack() as stack:
        first = stack.enter_context(av.open(parts[0])).streams.video[0]
        assert first.time_base is not None
        # Chapters are written with the header, when the last packet is not yet at hand.
        until = None if with_whole_sound else max(times) * first.time_base
        file = stack.enter_context(VideoFile(output, name or output, first.time_base, source, chapters_until=until))
        with file.write_errors():
            # Copied as it is: a decoder's name, as of dav1d, is no encoder's.
            target = file.container.add_stream_from_template(first, opaque=True)
            # The stream's own header tells the ticks of its clock for this.
            target.codec_context.framerate = first.average_rate
            if first.codec_context.name == "hevc":
                file.tag_h265(target)
            file.carry()
            end = Fraction(0)
            for part in parts:
                with av.open(part) as container:
                    stream = container.streams.video[0]
                    if _header(stream) != _header(first):
                        raise ProcessingError(f"{name or output}: the segments were not encoded alike")
                    for packet in container.demux(stream):
                        if packet.size and packet.pts is not None:
                            shown_at = packet.pts * first.time_base
                            end = max(end, shown_at + (packet.duration or 0) * first.time_base)
                            packet.dts, packet.stream = next(dts), target
                            file.container.mux(packet)
                            file.mux_sound_until(shown_at)
            file.finish(None if with_whole_sound else end)


def _header(stream: VideoStream) -> tuple[object, ...]:
    context = stream.codec_context
    return stream.time_base, context.name, context.width, context.height, context.pix_fmt, context.extradata


def decoding_times(pts: list[int]) -> list[int]:
    """Return rising decoding times for presentation times in decoding order.

    Each encoder begins its segment a few frames before the first one is shown, when the segment before has not
    ended; so they are made anew, as encoders make them: the presentation times in order, some frames late.

    >>> decoding_times([0, 30, 10, 20, 40])
    [-10, 0, 10, 20, 30]
    """
    ordered = sorted(pts)
    rank = {value: position for position, value in enumerate(ordered)}
    delay = max(position - rank[value] for position, value in enumerate(pts))
    lead = ordered[delay] - ordered[0]
    return [value - lead for value in ordered[:delay]] + ordered[: len(ordered) - delay]
