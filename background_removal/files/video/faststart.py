"""Index of finished MP4 and MOV files: correct its length and move it to the front, for browsers.

Numbers beside box names are sections of ISO/IEC 14496-12.
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

# Boxes on the path to the chunk offsets (8.3 to 8.5).
_PARENT_BOXES = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
# Boxes of chunk offsets from the start of the file, with the struct format of an offset: 32 or 64 bits (8.7.5).
_OFFSET_FORMATS = {b"stco": "I", b"co64": "Q"}
# Size of one copied piece, bytes.
_COPY_BYTES = 1 << 24
# Block size, bytes; files share whole blocks on Btrfs and XFS with the settings of most systems.
_BLOCK_BYTES = 4096


def fix_length(path: str, seconds: Fraction, may_shorten: bool = False) -> None:
    """Set the length in a finished file's index to the end of its last picture.

    FFmpeg's muxer writes the end of the last fragment; with reordered frames the last picture shown may be in the
    fragment before, and would be cut off. It adds the duration of the last sample to the time at which that is shown.

    Args:
        path: The file, in which a few bytes are changed if necessary.
        seconds: Time from the first picture to the end of the last.
        may_shorten: Whether the last sample lasts longer than its picture (see `OutputFile.mux_picture`).

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        boxes = {kind: (at, size) for kind, at, size in _boxes_of_file(file)}
        if b"moov" not in boxes:
            return
        start, size = boxes[b"moov"]
        file.seek(start)
        index = bytearray(file.read(size))
        for kind, at, end in _boxes(index, 8, size):
            if kind == b"trak" and _is_video(index, at, end) and _set_length(index, at, end, seconds, may_shorten):
                file.seek(start)
                file.write(index)


def copy_with_index_first(path: str, target: str) -> bool:
    """Copy a finished MP4 or MOV file, with its index first.

    FFmpeg's ``faststart`` moves the data within the file, which is not playable meanwhile, and does not support
    fragmented files. On Btrfs and XFS the copy shares its blocks, so it takes neither space nor time.

    Args:
        path: The file, with its index at the end.
        target: Where the copy is written; it stays unfinished if this raises.

    Returns:
        Whether a copy was written; not if the index is first already, or 32-bit offsets would overflow.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("rb") as file:
        boxes = {kind: (at, size) for kind, at, size in _boxes_of_file(file)}
        if not {b"ftyp", b"mdat", b"moov"} <= boxes.keys() or boxes[b"moov"] < boxes[b"mdat"]:
            return False
        start = sum(boxes[b"ftyp"])
        at, size = boxes[b"moov"]
        file.seek(at)
        index = bytearray(file.read(size))
        # Padding (8.1.2) that moves the pictures by whole blocks, so that both files can share them.
        padding = 8 + (-size - 8) % _BLOCK_BYTES
        try:
            _shift_offsets(index, 8, size, by=size + padding)
        except struct.error:  # a 32-bit offset overflows
            return False
        with Path(target).open("wb") as copy:
            file.seek(0)
            copy.write(file.read(start))
            copy.write(index)
            copy.write(struct.pack(">I4s", padding, b"free") + bytes(padding - 8))
            _copy(file, copy, start, at)
            _copy(file, copy, at + size, file.seek(0, os.SEEK_END))
    return True


def truncate_to_whole_fragments(path: str) -> None:
    """Remove an incomplete last fragment from a truncated file; leave files of other formats alone.

    Raises:
        OSError: it cannot be read or written.
    """
    with Path(path).open("r+b") as file:
        kept = 0
        for kind, at, size in _boxes_of_file(file):
            if not at and kind != b"ftyp":
                return
            if kind != b"moof":  # useless without the mdat behind it
                kept = at + size
        if kept:
            file.truncate(kept)


def _copy(file: BinaryIO, copy: BinaryIO, at: int, end: int) -> None:
    """Append the bytes between two positions of a file to another file, within the kernel where possible."""
    copy.flush()
    if hasattr(os, "copy_file_range"):
        # Some file systems lack it; other errors, such as a full disk, are raised again below.
        with suppress(OSError):
            while at < end:
                count = min(end - at, -at % _BLOCK_BYTES or _COPY_BYTES)  # shared data begins at a block
                done = os.copy_file_range(file.fileno(), copy.fileno(), count, at)
                if not done:
                    break
                at += done
    file.seek(at)
    copy.seek(0, os.SEEK_END)
    while at < end and (piece := file.read(min(end - at, _COPY_BYTES))):
        at += copy.write(piece)


def _boxes_of_file(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, position and size of each box of a file (4.2)."""
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
    """Yield kind, start of the content and end of each box between two positions of an index."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", index, at)
        if size < 8:
            return
        yield kind, at + 8, at + size
        at += size


def _find_box(index: bytearray, at: int, end: int, *path: bytes) -> int:
    """Return the start of the content of the box at the end of a path of kinds, -1 if there is none."""
    for wanted in path:
        at, end = next(((first, last) for kind, first, last in _boxes(index, at, end) if kind == wanted), (-1, -1))
    return at


def _shift_offsets(index: bytearray, at: int, end: int, by: int) -> None:
    """Add `by` to all chunk offsets in the boxes between two positions."""
    for kind, first, last in _boxes(index, at, end):
        if kind in _PARENT_BOXES:
            _shift_offsets(index, first, last, by)
        elif kind in _OFFSET_FORMATS:
            (count,) = struct.unpack_from(">I", index, first + 4)
            offsets = f">{count}{_OFFSET_FORMATS[kind]}"
            shifted = [offset + by for offset in struct.unpack_from(offsets, index, first + 8)]
            struct.pack_into(offsets, index, first + 8, *shifted)


def _is_video(index: bytearray, at: int, end: int) -> bool:
    handler = _find_box(index, at, end, b"mdia", b"hdlr")
    return handler > 0 and index[handler + 8 : handler + 12] == b"vide"


def _set_length(index: bytearray, at: int, end: int, seconds: Fraction, may_shorten: bool) -> bool:
    """Set the edit list of a track (8.6.6) and its other lengths to `seconds`; return whether they were different.

    Each of these boxes has two versions, with 32-bit and 64-bit times, and a pair of offsets for its fields.
    """
    movie, media = _find_box(index, 8, len(index), b"mvhd"), _find_box(index, at, end, b"mdia", b"mdhd")
    track, edits = _find_box(index, at, end, b"tkhd"), _find_box(index, at, end, b"edts", b"elst")
    if edits < 0:
        return False
    scale, _ = _read_scale_and_length(index, movie)
    (count,) = struct.unpack_from(">I", index, edits + 4)
    last = (8 + 12 * (count - 1), 8 + 20 * (count - 1))
    extension = math.ceil(seconds * scale) - _read_number(index, edits, last)
    if not extension or (extension < 0 and not may_shorten):
        return False
    for box, offsets in ((edits, last), (track, (20, 28))):
        _write_number(index, box, offsets, _read_number(index, box, offsets) + extension)
    media_scale, length = _read_scale_and_length(index, media)
    _write_number(index, media, (16, 24), length + round(Fraction(extension * media_scale, scale)))
    tracks = [
        _find_box(index, first, last, b"tkhd") for kind, first, last in _boxes(index, 8, len(index)) if kind == b"trak"
    ]
    _write_number(index, movie, (16, 24), max(_read_number(index, box, (20, 28)) for box in tracks))
    return True


def _read_scale_and_length(index: bytearray, box: int) -> tuple[int, int]:
    """Return the ticks per second and the length in ticks of an mvhd (8.2.2) or mdhd (8.4.2)."""
    (scale,) = struct.unpack_from(">I", index, box + (20 if index[box] else 12))
    return scale, _read_number(index, box, (16, 24))


def _read_number(index: bytearray, box: int, offsets: tuple[int, int]) -> int:
    return struct.unpack_from(">Q" if index[box] else ">I", index, box + offsets[index[box]])[0]


def _write_number(index: bytearray, box: int, offsets: tuple[int, int], value: int) -> None:
    struct.pack_into(">Q" if index[box] else ">I", index, box + offsets[index[box]], value)
