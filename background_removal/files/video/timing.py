"""Where a file's clock begins, and how far apart the times in it may lie."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet

# Broadcasts: their clock runs on for ever, and a recording of one begins wherever it has come to.
_WITHOUT_ZERO = frozenset({"mpegts", "mpeg"})
# FFmpeg's names of the containers of ISO's media format.
ISO_FORMATS = frozenset({"mp4", "mov", "ipod"})
# Where more ticks than this lie between two packets of a track its muxer of those fails, or even ends the process.
_MAX_TICKS = 2**31 - 1


class Steps:
    """Tells the packets that come later after the one before than their container can hold.

    Args:
        output: What they are to be muxed into.
    """

    def __init__(self, output: OutputContainer) -> None:
        self._limited = output.format.name in ISO_FORMATS
        self._last: dict[int, Fraction] = {}

    def too_long(self, packet: Packet) -> bool:
        """Tell whether a packet, of a stream of the output, comes too late to be muxed."""
        stream = packet.stream
        if not self._limited or packet.dts is None or stream is None or stream.time_base is None:
            return False
        at = packet.dts * packet.time_base
        shown = at if packet.pts is None else packet.pts * packet.time_base
        if max(at, shown) - self._last.get(stream.index, at) > _MAX_TICKS * stream.time_base:
            return True
        self._last[stream.index] = at
        return False


def clock_start(container: InputContainer) -> Fraction:
    """Return the time in seconds that counts as the file's beginning: 0 but for recordings of broadcasts."""
    if container.format.name not in _WITHOUT_ZERO or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)
