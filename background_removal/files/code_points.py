"""Colour code points (ITU-T H.273) in the headers of HEIF, AVIF and PNG files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

# Bytes before the boxes inside a box that has a version, and in the other ones.
_FULL_BOX, _BOX = 12, 8
# Sizes of boxes that mean: 64 bits follow, and: to the end of the file.
_SIZE_IN_64_BITS, _SIZE_TO_END = 1, 0


class CodePoints(NamedTuple):
    """What a file says of its colours, by the numbers of H.273.

    Attributes:
        primaries, transfer, matrix: The numbers; 2 is unspecified.
        full_range: Whether values take the full range.
    """

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


def read_code_points(data: bytes, kind: str) -> CodePoints | None:
    """Return the code points of a file's main picture, None if it does not give them.

    Args:
        data: The whole file.
        kind: Pillow's name of its format.
    """
    try:
        if kind in ("AVIF", "HEIF"):
            return next((_nclx(box) for box in _primary_properties(data) if box[4:12] == b"colrnclx"), None)
        if kind == "PNG":
            chunk = next((body for name, body in _chunks(data) if name == b"cICP"), None)
            return None if chunk is None else CodePoints(*struct.unpack_from(">BBB?", chunk))
    except (struct.error, IndexError):  # damaged
        pass
    return None


def _nclx(box: bytes) -> CodePoints:
    """Return the content of a colour property (ISO/IEC 14496-12, 12.1.5)."""
    primaries, transfer, matrix, flags = struct.unpack_from(">HHHB", box, 12)
    return CodePoints(primaries, transfer, matrix, bool(flags >> 7))


def _primary_properties(data: bytes) -> Iterator[bytes]:
    """Yield the property boxes of the primary item, and not those of thumbnails, gain maps and mattes."""
    top = dict(_boxes(data, 0, len(data)))
    if b"meta" not in top:
        return
    start, end = top[b"meta"]
    meta = dict(_boxes(data, start + _FULL_BOX, end))
    properties = dict(_boxes(data, meta[b"iprp"][0] + _BOX, meta[b"iprp"][1])) if b"iprp" in meta else {}
    if not {b"ipco", b"ipma"} <= properties.keys() or b"pitm" not in meta:
        return
    at = meta[b"pitm"][0]
    (primary,) = struct.unpack_from(">I" if data[at + 8] else ">H", data, at + _FULL_BOX)
    start, end = properties[b"ipco"]
    boxes = [data[first:last] for _, (first, last) in _boxes(data, start + _BOX, end)]
    for number in _associations(data, properties[b"ipma"][0]).get(primary, ()):
        if 0 < number <= len(boxes):
            yield boxes[number - 1]


def _associations(data: bytes, at: int) -> dict[int, list[int]]:
    """Return the numbers of each item's properties, counted from 1 (ISO/IEC 23008-12, 9.3)."""
    version, wide = data[at + 8], data[at + 11] & 1
    (count,) = struct.unpack_from(">I", data, at + _FULL_BOX)
    at += _FULL_BOX + 4
    found: dict[int, list[int]] = {}
    for _ in range(count):
        (item,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        length = data[at]
        numbers = struct.unpack_from(f">{length}{'H' if wide else 'B'}", data, at + 1)
        found[item] = [number & (0x7FFF if wide else 0x7F) for number in numbers]  # the highest bit: essential
        at += 1 + length * (1 + wide)
    return found


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield type, start and end of each box (ISO/IEC 14496-12, 4.2)."""
    while at + _BOX <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        if size == _SIZE_IN_64_BITS:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        elif size == _SIZE_TO_END:
            size = end - at
        if size < _BOX:
            return
        yield name, (at, min(end, at + size))
        at += size


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of the chunks before the pixels of a PNG (PNG 3, 5.3)."""
    at = 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size
