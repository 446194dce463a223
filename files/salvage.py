"""What can be played of a video file that was cut off while it was written, copied into one that is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from files.container import OWN_METADATA, muxer_options

# What a file has before its first picture: less is no loss.
_HEAD_BYTES = 1 << 16


def salvage(path: str, into: str) -> bool:
    """Copy what is whole in a cut video, encoding nothing anew, into a file of the same kind.

    Chapters are left out: they would say that the file is as long as it was to become.

    Args:
        path: A local video that its muxer has not completed.
        into: The local file to write.

    Returns:
        Whether there was any picture; if not, there is no file.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        with av.open(path) as source:
            pictures = _copied(source, into) if source.streams.video else 0
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        if os.path.getsize(path) > _HEAD_BYTES:
            raise OSError(0, "nothing in it can be played") from error
        return False
    except av.error.FFmpegError as error:
        raise OSError(0, error.strerror) from error
    return pictures > 0


def _copied(source: InputContainer, into: str) -> int:
    """Copy all packets, and return how many pictures there were; makes no file if there are none."""
    packets = _whole_packets(source)
    first = next(packets, None)
    if first is None:
        return 0
    pictures = 0
    rates = [track.codec_context.sample_rate for track in source.streams.audio]
    options = muxer_options(into, source.streams.video[0].time_base or Fraction(1, 1000), rates)
    with av.open(into, "w", options=options) as output:
        metadata = source.metadata
        output.metadata.update({key: metadata[key] for key in metadata if key.lower() not in OWN_METADATA})
        targets: dict[int, Stream] = {}
        for stream in source.streams:
            if isinstance(stream, VideoStream | AudioStream):
                targets[stream.index] = output.add_stream_from_template(stream, opaque=True)
        for packet in (first, *packets):
            pictures += isinstance(packet.stream, VideoStream)
            packet.stream = targets[packet.stream.index]
            output.mux(packet)
    return pictures


def _whole_packets(source: InputContainer) -> Iterator[Packet]:
    """Yield what there is of pictures and sound, up to where the file was cut."""
    try:
        for packet in source.demux([*source.streams.video, *source.streams.audio]):
            if packet.size and packet.dts is not None and not packet.is_corrupt:
                yield packet
    except av.error.FFmpegError:
        return
