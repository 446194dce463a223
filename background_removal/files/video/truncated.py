"""Recovery of truncated videos: copy the playable part of a file that was cut while it was written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from background_removal.files.video.container import FILE_METADATA, muxer_options
from background_removal.files.video.parts import decoding_times

# Largest header before a file's first picture, bytes; a shorter file without pictures is no loss.
_MAX_HEADER_BYTES = 1 << 16


def recover_video(path: str, target: str) -> bool:
    """Copy the whole packets of a truncated video, without re-encoding, into a file of the same kind.

    Chapters are left out: they would cover the planned length.

    Args:
        path: A local video that its muxer has not finished.
        target: The local file to write.

    Returns:
        Whether there was a picture; otherwise no file is written.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        with av.open(path) as source:
            packets = _whole_packets(source, source.streams.video)
            times = [packet.pts for packet in packets if packet.pts is not None]
        if not times:
            return False
        with av.open(path) as source:
            _copy(source, target, decoding_times(times))
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        if os.path.getsize(path) > _MAX_HEADER_BYTES:
            raise OSError(0, "nothing in it can be played") from error
        return False
    except av.error.FFmpegError as error:
        raise OSError(0, error.strerror) from error
    return True


def _copy(source: InputContainer, target: str, dts: list[int]) -> None:
    """Copy all packets; video packets get decoding times, which Matroska does not store."""
    times = iter(dts)
    rates = [track.codec_context.sample_rate for track in source.streams.audio]
    options = muxer_options(target, source.streams.video[0].time_base or Fraction(1, 1000), rates)
    with av.open(target, "w", options=options) as output:
        metadata = source.metadata
        output.metadata.update({key: metadata[key] for key in metadata if key.lower() not in FILE_METADATA})
        streams = [*source.streams.video, *source.streams.audio]
        targets = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in streams}
        for packet in _whole_packets(source, streams):
            if packet.stream.type == "video":
                packet.dts = next(times)
            packet.stream = targets[packet.stream.index]
            output.mux(packet)


def _whole_packets(source: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet]:
    """Yield the complete packets of some streams, up to the point where the file was cut."""
    try:
        for packet in source.demux(streams):
            if packet.size and packet.pts is not None and not packet.is_corrupt:
                yield packet
    except av.error.FFmpegError:
        return
