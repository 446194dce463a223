"""Start of a file's clock, its frame rate, and the largest gap between two of its timestamps."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

# Broadcast formats, FFmpeg's names; their clock never restarts, so a recording begins at any time.
_BROADCAST_FORMATS = frozenset({"mpegts", "mpeg"})
# FFmpeg's names of the containers of ISO's media format.
ISO_FORMATS = frozenset({"mp4", "mov", "ipod"})
# Largest gap between two packets of a track, ticks; beyond it the muxer of ISO_FORMATS fails or ends the process.
_MAX_TICKS = 2**31 - 1
# Highest believable average rate, frames per second; for raw DV FFmpeg gives the ticks of its clock.
_MAX_RATE = 1000


class PacketGapLimit:
    """Finds packets that come later after the one before than their container can store.

    Args:
        output: The container that the packets are muxed into.
    """

    def __init__(self, output: OutputContainer) -> None:
        self._limited = output.format.name in ISO_FORMATS
        self._last: dict[int, Fraction] = {}

    def exceeded_by(self, packet: Packet) -> bool:
        """Return whether a packet, of a stream of the output, comes too late to be muxed."""
        stream = packet.stream
        if not self._limited or packet.dts is None or stream is None or stream.time_base is None:
            return False
        decoded_at = packet.dts * packet.time_base
        shown_at = decoded_at if packet.pts is None else packet.pts * packet.time_base
        if max(decoded_at, shown_at) - self._last.get(stream.index, decoded_at) > _MAX_TICKS * stream.time_base:
            return True
        self._last[stream.index] = decoded_at
        return False


def container_start(container: InputContainer) -> Fraction:
    """Return the start of the file's clock in seconds; 0 except for recordings of broadcasts."""
    if container.format.name not in _BROADCAST_FORMATS or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Return the average frame rate of a stream, frames per second; None if it is unknown."""
    average, guessed = stream.average_rate, stream.guessed_rate
    if average and guessed and average > _MAX_RATE > guessed:
        return guessed
    return average or guessed
