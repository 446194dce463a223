"""Animated WebP: the last frame's duration, which FFmpeg's encoder is not told."""

from __future__ import annotations

import struct
from pathlib import Path

# Longest duration of a frame, milliseconds; 24 bits (WebP container specification, ANMF chunk).
_MAX_MILLISECONDS = 2**24 - 1
# Position of the duration within an ANMF chunk's payload, bytes; before it are the frame's place and size.
_DURATION_OFFSET = 12


def set_last_duration(path: str, milliseconds: int) -> None:
    """Set the duration of the last frame in an animated WebP file; a still one is left alone.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        at, last = 12, 0  # after RIFF, the size and WEBP
        while file.seek(at) == at and len(head := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", head)
            last = at + 8 if kind == b"ANMF" else last
            at += 8 + size + size % 2
        if last and milliseconds > 0:
            file.seek(last + _DURATION_OFFSET)
            file.write(struct.pack("<I", min(milliseconds, _MAX_MILLISECONDS))[:3])
