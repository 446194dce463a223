"""MP4 and MOV files on the disk: the index of a complete one put right and in front, where a browser wants it.

The numbers in the names of the boxes below are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

# Boxes that hold boxes, on the way to those that say where the pictures and the sound lie (8.3 to 8.5).
_ON_THE_WAY = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
# A list of offsets from the beginning of the file, in 32 or in 64 bits (8.7.5).
_OFFSETS = {b"stco": "I", b"co64": "Q"}
_COPIED_AT_ONCE = 1 << 24
# What files can share on Btrfs and XFS, as these are made on most systems, is whole blocks of so many bytes.
_BLOCK = 4096


def fix_length(path: str, seconds: Fraction) -> None:
    """Let the pictures of a complete file be shown to their end.

    FFmpeg's muxer takes the end of its last fragment for it; where the last picture in order of presentation is in the
    one before, as pictures may be that others between them are made from, it would be cut off.

    Args:
        path: The file, in which a few bytes are changed if need be.
        seconds: From the first picture to the end of the last.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        places = {kind: (at, size) for kind, at, size in _boxes_of_file(file)}
        if b"moov" not in places:
            return
        start, size = places[b"moov"]
        file.seek(start)
        index = bytearray(file.read(size))
        for kind, at, end in _boxes(index, 8, size):
            if kind == b"trak" and _is_picture(index, at, end) and _lengthen(index, at, end, seconds):
                file.seek(start)
                file.write(index)


def copy_with_index_first(path: str, into: str) -> bool:
    """Copy a complete MP4 or MOV file, with its index in front.

    FFmpeg's own way (``faststart``) is to move everything in the file itself, which cannot be played meanwhile, and it
    does not do so with what was written in fragments. On Btrfs and XFS the copy takes no room, and no time.

    Args:
        path: The file, whose index lies at its end.
        into: Where the copy goes; it is left unfinished where this fails.

    Returns:
        Whether there is a copy; there is none of a file whose index lies in front, or has no room for longer offsets.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("rb") as file:
        places = {kind: (at, size) for kind, at, size in _boxes_of_file(file)}
        if not {b"ftyp", b"mdat", b"moov"} <= places.keys() or places[b"moov"] < places[b"mdat"]:
            return False
        start = sum(places[b"ftyp"])
        at, size = places[b"moov"]
        file.seek(at)
        index = bytearray(file.read(size))
        # What may be put there (8.1.2) so that the pictures move by whole blocks: then a file system that can lets
        # both files have the same ones.
        filling = 8 + (-size - 8) % _BLOCK
        try:
            _move(index, 8, size, by=size + filling)
        except struct.error:  # what lay within reach of a 32-bit offset no longer does
            return False
        with Path(into).open("wb") as copy:
            file.seek(0)
            copy.write(file.read(start))
            copy.write(index)
            copy.write(struct.pack(">I4s", filling, b"free") + bytes(filling - 8))
            _copy(file, copy, start, at)
            _copy(file, copy, at + size, file.seek(0, os.SEEK_END))
    return True


def truncate_to_whole_fragments(path: str) -> None:
    """Take away what a file that was cut in mid-fragment has of its last one; nothing from files of another kind.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        kept = 0
        for kind, at, size in _boxes_of_file(file):
            if not at and kind != b"ftyp":
                return
            if kind != b"moof":  # which is of no use without the mdat behind it
                kept = at + size
        if kept:
            file.truncate(kept)


def _copy(file: BinaryIO, copy: BinaryIO, at: int, end: int) -> None:
    """Add what lies between two places of a file to another one's end; within the system where that is possible."""
    copy.flush()
    if hasattr(os, "copy_file_range"):
        # Not every file system has it; what else is the matter, a full disk, shows below as well.
        with suppress(OSError):
            while at < end:
                count = min(end - at, -at % _BLOCK or _COPIED_AT_ONCE)  # what is shared begins with a block
                done = os.copy_file_range(file.fileno(), copy.fileno(), count, at)
                if not done:
                    break
                at += done
    file.seek(at)
    copy.seek(0, os.SEEK_END)
    while at < end and (piece := file.read(min(end - at, _COPIED_AT_ONCE))):
        at += copy.write(piece)


def _boxes_of_file(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, place and size of each box of a file (4.2)."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        if size < 8 or at + size > end:
            return
        yield kind, at, size
        at += size


def _boxes(index: bytearray, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, beginning of the content, and end of each box that lies between two places of an index."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", index, at)
        if size < 8:
            return
        yield kind, at + 8, at + size
        at += size


def _content(index: bytearray, at: int, end: int, *path: bytes) -> int:
    """Return where the content of the box at the end of a path of kinds begins, -1 if there is none."""
    for wanted in path:
        at, end = next(((first, last) for kind, first, last in _boxes(index, at, end) if kind == wanted), (-1, -1))
    return at


def _move(index: bytearray, at: int, end: int, by: int) -> None:
    """Add `by` to all offsets in the boxes between two places."""
    for kind, first, last in _boxes(index, at, end):
        if kind in _ON_THE_WAY:
            _move(index, first, last, by)
        elif kind in _OFFSETS:
            (count,) = struct.unpack_from(">I", index, first + 4)
            offsets = f">{count}{_OFFSETS[kind]}"
            moved = [offset + by for offset in struct.unpack_from(offsets, index, first + 8)]
            struct.pack_into(offsets, index, first + 8, *moved)


def _is_picture(index: bytearray, at: int, end: int) -> bool:
    handler = _content(index, at, end, b"mdia", b"hdlr")
    return handler > 0 and index[handler + 8 : handler + 12] == b"vide"


def _lengthen(index: bytearray, at: int, end: int, seconds: Fraction) -> bool:
    """Let the edit list of a track (8.6.6), and what else tells its length, come to its end; return whether it did not.

    Of all these boxes there are two versions, with times in 32 and in 64 bits.
    """
    whole, media = _content(index, 8, len(index), b"mvhd"), _content(index, at, end, b"mdia", b"mdhd")
    track, edits = _content(index, at, end, b"tkhd"), _content(index, at, end, b"edts", b"elst")
    if edits < 0:
        return False
    scale, whole_length = _scale_and_length(index, whole)
    (count,) = struct.unpack_from(">I", index, edits + 4)
    last = (8 + 12 * (count - 1), 8 + 20 * (count - 1))
    missing = math.ceil(seconds * scale) - _number(index, edits, last)
    if missing <= 0:
        return False
    for box, places in ((edits, last), (track, (20, 28))):
        _set_number(index, box, places, _number(index, box, places) + missing)
    ticks, length = _scale_and_length(index, media)
    _set_number(index, media, (16, 24), length + round(Fraction(missing * ticks, scale)))
    _set_number(index, whole, (16, 24), max(whole_length, _number(index, track, (20, 28))))
    return True


def _scale_and_length(index: bytearray, box: int) -> tuple[int, int]:
    """Return the ticks in a second and the length in ticks that an mvhd (8.2.2) or mdhd (8.4.2) tells."""
    (scale,) = struct.unpack_from(">I", index, box + (20 if index[box] else 12))
    return scale, _number(index, box, (16, 24))


def _number(index: bytearray, box: int, places: tuple[int, int]) -> int:
    return struct.unpack_from(">Q" if index[box] else ">I", index, box + places[index[box]])[0]


def _set_number(index: bytearray, box: int, places: tuple[int, int], value: int) -> None:
    struct.pack_into(">Q" if index[box] else ">I", index, box + places[index[box]], value)
