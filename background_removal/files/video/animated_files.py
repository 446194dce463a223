"""What FFmpeg leaves out of animated WebPs and PNGs: the last frame's duration, and a WebP's mark of transparency."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from background_removal.files.animations import png_frames, webp_frames

# Longest duration of a WebP's frame, milliseconds; 24 bits (WebP container specification, ANMF chunk).
_MAX_MILLISECONDS = 2**24 - 1
# Position of the flags in the VP8X chunk that an animated WebP begins with, and that of transparency.
_FLAGS_OFFSET, _HAS_ALPHA = 20, 0x10
# Largest numerator and denominator of the delay of a PNG's frame, seconds; 16 bits (PNG 3, 11.3.7.2).
_MAX_DELAY = 2**16 - 1
# Position of the delay in an fcTL chunk, and the chunk's size, bytes.
_DELAY_OFFSET, _FCTL_BYTES = 20, 26


def complete_animation(path: str, last_seconds: Fraction, length: Fraction, has_alpha: bool) -> None:
    """Complete an animated WebP or PNG; a file with a single picture is left alone.

    Args:
        path: The finished file.
        last_seconds: Duration of the last frame; 0 if unknown.
        length: Time from the first frame to the end of the last, seconds.
        has_alpha: Whether the frames are transparent in parts.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        if os.path.splitext(path)[1].lower() == ".webp":
            _complete_webp(file, length if last_seconds > 0 else Fraction(0), has_alpha)
        elif last_seconds > 0:
            _set_last_delay(file, last_seconds)


def _complete_webp(file: BinaryIO, length: Fraction, has_alpha: bool) -> None:
    """Set the duration of a WebP's last frame to the rest of `length`, as libwebp joins equal frames."""
    frames = webp_frames(file)
    if frames and length > 0:
        before = sum(_read_24_bits(file, at) for at in frames[:-1])
        file.seek(frames[-1])
        file.write(min(max(round(1000 * length) - before, 1), _MAX_MILLISECONDS).to_bytes(3, "little"))
    if frames and has_alpha:
        # libwebp stores only the opaque part of each frame if that is a rectangle, and forgets what is around it.
        file.seek(_FLAGS_OFFSET)
        flags = file.read(1)[0]
        file.seek(_FLAGS_OFFSET)
        file.write(bytes([flags | _HAS_ALPHA]))


def _read_24_bits(file: BinaryIO, at: int) -> int:
    file.seek(at)
    return int.from_bytes(file.read(3), "little")


def _set_last_delay(file: BinaryIO, seconds: Fraction) -> None:
    if frames := png_frames(file):
        file.seek(frames[-1])
        chunk = bytearray(file.read(_FCTL_BYTES))
        struct.pack_into(">HH", chunk, _DELAY_OFFSET, *_delay(seconds))
        file.seek(frames[-1])
        file.write(chunk + struct.pack(">I", zlib.crc32(b"fcTL" + chunk)))


def _delay(seconds: Fraction) -> tuple[int, int]:
    """Return a duration as a fraction of two 16-bit numbers, as near as possible.

    >>> _delay(Fraction(1, 30)), _delay(Fraction(70_000))
    ((1, 30), (65535, 1))
    """
    if seconds > 1:
        largest = min(_MAX_DELAY, int(_MAX_DELAY / seconds))
        limited = seconds.limit_denominator(max(1, largest))
    else:
        limited = seconds.limit_denominator(_MAX_DELAY)
    return min(limited.numerator, _MAX_DELAY), limited.denominator
