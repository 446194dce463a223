"""Video decoding that skips damaged packets and ignores all other streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import cast

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from background_removal.support import limits
from background_removal.support.cores import core_limit

# Consecutive demuxer errors after which reading ends; after fewer the next packet may be found.
MAX_DEMUX_FAILURES = 20
# Largest frame for frame threads, pixels (about 8K, 7680 x 4320); each thread needs memory for several frames, so
# larger ones use slice threads.
_MAX_FRAME_THREAD_PIXELS = 2**25

# Decoders that return the alpha of a Matroska or WebM stream, by the codec's name.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Decoder:
    """Decodes one video stream, once.

    Args:
        container: The open file.
        stream: The stream to decode.
        reopen: Opens the same file again.

    Attributes:
        damaged: Number of packets that could not be read or decoded.
        frames: Number of decoded frames.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, reopen: Callable[[], InputContainer]) -> None:
        self._container = container
        self._stream = stream
        self._reopen = reopen
        self._failures = 0
        self.damaged = 0
        self.frames = 0
        large = stream.codec_context.width * stream.codec_context.height > _MAX_FRAME_THREAD_PIXELS
        _prepare(container, stream, "SLICE" if large else "AUTO", core_limit() or 0)
        self._alpha_context = _alpha_decoder(stream)

    def _decode(self, packet: Packet[VideoStream]) -> Sequence[VideoFrame]:
        return packet.decode() if self._alpha_context is None else self._alpha_context.decode(packet)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames in presentation order."""
        sent, delay, last = 0, 0, None
        for packet in self._packets():
            sent += bool(packet.size)
            try:
                frames = self._decode(packet)
            except av.error.FFmpegError:
                self.damaged += bool(packet.size) or last is None
                frames = []
            if frames and not delay:
                delay = sent
            for frame in frames:
                self.frames += 1
                last = frame.pts if frame.pts is not None else last
                yield frame
            # The last packet flushes the decoder. If one of the flushed frames is damaged, PyAV cannot reach those
            # after it, and they are decoded again.
            if not packet.size and last is not None and self._alpha_context is None and len(frames) < delay - 1:
                yield from self._decode_after(last)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """Yield the packets, and at the end an empty one, which flushes the decoder."""
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

    def _decode_after(self, last: int) -> Iterator[VideoFrame]:
        """Decode the frames after a time one by one, from the key frame before it."""
        with self._reopen() as container:
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
            except av.error.FFmpegError:  # not seekable, or damaged there
                return


def _alpha_decoder(stream: VideoStream) -> VideoCodecContext | None:
    """Return libvpx's decoder for VP8 and VP9 with alpha, which FFmpeg's own decoders leave out; None for others."""
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return None
    try:
        context = cast("VideoCodecContext", VideoCodecContext.create(name, "r"))
    except (av.error.FFmpegError, ValueError):  # FFmpeg was built without it
        return None
    context.options = {"max_pixels": str(limits.max_decoded_pixels())}
    return context


def _prepare(container: InputContainer, stream: VideoStream, thread_type: str, threads: int) -> None:
    # Damaged sound must not end the decoding.
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    if stream.codec_context.is_open:  # decoding again after a seek
        return
    stream.thread_type = thread_type  # type: ignore[assignment]
    stream.codec_context.thread_count = threads
    stream.codec_context.options = {"max_pixels": str(limits.max_decoded_pixels())}
