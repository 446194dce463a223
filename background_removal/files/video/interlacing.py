"""Interlaced video: whole frames from its fields, or frames that say which field comes first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from background_removal.support.cores import core_limit

# FFmpeg's AVFieldOrder of streams that show the lower field first: AV_FIELD_BB and AV_FIELD_TB.
_LOWER_FIRST_ORDERS = (3, 4)
# Codecs that begin with the lower field by definition (IEC 61834).
_LOWER_FIRST_CODECS = ("dvvideo",)


def deinterlace(
    frames: Iterator[VideoFrame], stream: VideoStream, on_first: Callable[[], object]
) -> Iterator[VideoFrame]:
    """Yield each frame of a stream, with the fields of interlaced ones made one picture by FFmpeg's bwdif.

    Number and times of the frames stay. Until the first interlaced frame nothing is filtered, and later only frames
    that are marked as interlaced.

    Args:
        frames: The decoded frames.
        stream: Their stream.
        on_first: Called before the first interlaced frame is yielded.
    """
    for frame in frames:
        if frame.interlaced_frame:
            on_first()
            yield from _filter_frames(frame, frames, stream)
        else:
            yield frame


def _filter_frames(first: VideoFrame, frames: Iterator[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the rest of the frames, beginning with the first interlaced one."""
    following: VideoFrame | None = first
    while following is not None:
        kind = _kind_of(following)
        graph = _make_graph(following, stream)
        times: deque[tuple[int | None, int]] = deque()
        while following is not None and _kind_of(following) == kind:
            times.append((following.pts, following.duration))
            following.pts = len(times)  # the filter needs increasing times; each frame gets its own back
            graph.push(following)
            yield from _pull(graph, times, stream)
            following = next(frames, None)
        graph.push(None)
        yield from _pull(graph, times, stream)


def _pull(graph: Graph, times: deque[tuple[int | None, int]], stream: VideoStream) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = cast("VideoFrame", graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.time_base = stream.time_base
        frame.pts, frame.duration = times.popleft()
        yield frame


def _make_graph(frame: VideoFrame, stream: VideoStream) -> Graph:
    graph = Graph()
    graph.threads = core_limit() or 0
    time_base = stream.time_base
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    # The field order is that of each frame; frames that are not marked as interlaced pass unchanged.
    fields = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    source.link_to(fields)
    fields.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _kind_of(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def first_field(frame: VideoFrame, stream: VideoStream) -> str:
    """Return which field of an interlaced frame is shown first, "tff" (upper) or "bff"; "" for a whole frame."""
    if not frame.interlaced_frame:
        return ""
    context = stream.codec_context
    lower = context.field_order in _LOWER_FIRST_ORDERS or context.name in _LOWER_FIRST_CODECS
    return "bff" if lower else "tff"


class FieldMarker:
    """Marks frames as interlaced, for the encoder.

    Args:
        first: The field that is shown first, "tff" or "bff".
    """

    def __init__(self, first: str) -> None:
        self._first = first
        self._graph: Graph | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the same frame, marked."""
        if self._graph is None:
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            marker = self._graph.add("setfield", self._first)
            source.link_to(marker)
            marker.link_to(self._graph.add("buffersink"))
            self._graph.configure()
        self._graph.push(frame)
        return cast("VideoFrame", self._graph.pull())
