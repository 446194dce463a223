"""The index of an MP4 or MOV file in front of its pictures, where a browser wants it."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from typing import BinaryIO

# Boxes that hold boxes, on the way to those that say where the pictures and the sound lie (ISO/IEC 14496-12, 8.1.1).
_ON_THE_WAY = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
# 8.7.5: a list of offsets from the beginning of the file, in 32 or in 64 bits.
_OFFSETS = {b"stco": "I", b"co64": "Q"}
_COPIED_AT_ONCE = 1 << 22


def index_first(path: str, into: str) -> bool:
    """Copy a complete MP4 or MOV file, with its index in front.

    FFmpeg's own way (``faststart``) does the same to the file itself, which cannot be played while it does, and is not
    to be had together with fragments.

    Args:
        path: The file, whose index lies at its end.
        into: Where the copy goes; it is left unfinished where this fails.

    Returns:
        Whether there is a copy; there is none of a file whose index lies in front, or has no room for longer offsets.

    Raises:
        OSError: it cannot be read or written.
    """
    with open(path, "rb") as file:
        places = {kind: (at, size) for kind, at, size in _top_boxes(file, os.path.getsize(path))}
        if not {b"ftyp", b"mdat", b"moov"} <= places.keys() or places[b"moov"] < places[b"mdat"]:
            return False
        start = sum(places[b"ftyp"])
        at, size = places[b"moov"]
        file.seek(at)
        index = bytearray(file.read(size))
        try:
            _move(index, 8, size, size)
        except struct.error:  # more than 4 GB have come within reach of a 32-bit offset
            return False
        with open(into, "wb") as copy:
            file.seek(0)
            copy.write(file.read(start))
            copy.write(index)
            left = at - start
            while left > 0:
                block = file.read(min(left, _COPIED_AT_ONCE))
                if not block:
                    return False
                copy.write(block)
                left -= len(block)
            file.seek(at + size)
            shutil.copyfileobj(file, copy)
    return True


def _top_boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place and size of each box."""
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        size = size or end - at  # 0: up to the end of the file
        if size < 8 or at + size > end:
            return
        yield kind, at, size
        at += size


def _move(index: bytearray, at: int, end: int, by: int) -> None:
    """Add `by` to all offsets in the boxes between `at` and `end`."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", index, at)
        if size < 8:
            return
        if kind in _ON_THE_WAY:
            _move(index, at + 8, at + size, by)
        elif kind in _OFFSETS:
            (count,) = struct.unpack_from(">I", index, at + 12)
            offsets = f">{count}{_OFFSETS[kind]}"
            moved = [offset + by for offset in struct.unpack_from(offsets, index, at + 16)]
            struct.pack_into(offsets, index, at + 16, *moved)
        at += size
