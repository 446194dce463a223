"""Decoding the pictures of a video to their end, past what is damaged, whatever becomes of all else in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from background_removal.support import limits
from background_removal.support.cores import core_limit

# A demuxer that fails may find its way back at the next packet; one that fails so often in a row does not.
MAX_DEMUX_FAILURES = 20
# Frame threads hold a picture each, and several more for the codec's references: of pictures that are larger than 8K
# (7680 x 4320) the threads work on one together.
_MAX_FOR_FRAME_THREADS = 2**25


class Decoder:
    """Decodes one video stream, once.

    Args:
        container: The open file.
        stream: Which of its streams.
        reopen: Opens the same file anew.

    Attributes:
        damaged: How many packets could not be read or decoded.
        frames: How many frames have been decoded.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, reopen: Callable[[], InputContainer]) -> None:
        self._container = container
        self._stream = stream
        self._open_again = reopen
        self._failures = 0
        self.damaged = 0
        self.frames = 0
        large = stream.codec_context.width * stream.codec_context.height > _MAX_FOR_FRAME_THREADS
        _prepare(container, stream, "SLICE" if large else "AUTO", core_limit() or 0)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames in order of presentation."""
        sent, delay, last = 0, 0, None
        for packet in self._packets():
            sent += bool(packet.size)
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.damaged += bool(packet.size) or last is None
                frames = []
            if frames and not delay:
                delay = sent
            for frame in frames:
                self.frames += 1
                last = frame.pts if frame.pts is not None else last
                yield frame
            # At the end the decoder gives what it still holds. If one of these frames is damaged PyAV cannot get at
            # those behind it, and they are decoded again.
            if not packet.size and last is not None and len(frames) < delay - 1:
                yield from self._after(last)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets, at the end an empty one, which makes the decoder give what it still holds."""
        while self._failures < MAX_DEMUX_FAILURES:
            try:
                for packet in self._container.demux(self._stream):
                    self._failures = 0
                    yield packet
                return
            except av.error.FFmpegError:
                self._failures += 1
                self.damaged += self._failures == 1
        flush = cast("Packet[VideoStream]", Packet())
        flush.stream = self._stream
        yield flush

    def _after(self, last: int) -> Iterator[VideoFrame]:
        """Yield the frames after that time, decoded one by one from the key frame before it on."""
        with self._open_again() as container:
            stream = container.streams.video[self._stream.container.streams.video.index(self._stream)]
            _prepare(container, stream, "SLICE", 1)
            try:
                container.seek(last, stream=stream)
                for packet in container.demux(stream):
                    try:
                        frames = packet.decode()
                    except av.error.FFmpegError:
                        self.damaged += packet.pts is not None and packet.pts > last
                        continue
                    for frame in frames:
                        if frame.pts is not None and frame.pts > last:
                            self.frames += 1
                            last = frame.pts
                            yield frame
            except av.error.FFmpegError:  # it cannot be searched, or is damaged there
                return


def _prepare(container: InputContainer, stream: VideoStream, thread_type: str, threads: int) -> None:
    # Damage in the sound must not end the reading of the pictures.
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    if stream.codec_context.is_open:  # it is read again after a search
        return
    stream.thread_type = thread_type  # type: ignore[assignment]
    stream.codec_context.thread_count = threads
    stream.codec_context.options = {"max_pixels": str(limits.max_decoded_pixels())}
