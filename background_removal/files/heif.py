"""HEIC and AVIF pictures: the HEIF container (ISO/IEC 23008-12), recognised by its brands.

OpenCV decodes AVIF, without applying its orientation; pillow-heif, an optional package, decodes HEIC.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cv2
import numpy as np

from background_removal.errors import InputError, reason
from background_removal.support.installing import install_command

SUFFIXES = (".heic", ".heif", ".hif", ".avif")

# Size of the file head that detection needs, bytes; no list of brands is longer in practice.
HEAD_BYTES = 256
# Brands of AVIF pictures and sequences.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
# Brands of HEIC pictures and sequences; mif1 and msf1 name no codec (ISO/IEC 23008-12, annex B and 10.2).
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


def is_avif(head: bytes) -> bool:
    """Return whether a file that begins with `head` is an AVIF picture."""
    return not _AVIF_BRANDS.isdisjoint(_brands(head))


def is_heic(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a HEIC picture."""
    return not is_avif(head) and not _HEIC_BRANDS.isdisjoint(_brands(head))


def read_heic(data: bytes, name: str) -> np.ndarray:
    """Decode a HEIC picture as uint8 (H, W, 3) BGR, upright.

    Args:
        data: The whole file.
        name: Its name in messages.

    Raises:
        InputError: it cannot be read, or pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(f"{name}: HEIC needs an extra package: {install_command('heic')}") from error
    try:
        # libheif applies the container's orientation, which is the valid one: EXIF only repeats it.
        picture = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=True))
    except Exception as error:  # libheif's own errors, and Pillow's
        raise InputError(f"{name}: not a readable image ({reason(error)})") from error
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGR)


def orient_avif(image: np.ndarray, data: bytes) -> np.ndarray:
    """Rotate and mirror a decoded picture, uint8 (H, W, 3), as its AVIF file prescribes.

    Args:
        image: The picture as OpenCV decodes it.
        data: The whole file; damaged properties are ignored.
    """
    try:
        properties = list(_properties_of_primary(data))
    except (struct.error, LookupError, RuntimeError):
        return image
    for kind, value in properties:  # in file order (ISO/IEC 23000-22, 7.3.6.7: rotation, then mirroring)
        if kind == b"irot":  # 6.5.10: quarter turns anticlockwise
            image = np.rot90(image, value & 3)
        elif kind == b"imir":  # 6.5.12: 0 exchanges top and bottom, 1 left and right
            image = image[:, ::-1] if value & 1 else image[::-1]
    return np.ascontiguousarray(image)


def _brands(head: bytes) -> set[bytes]:
    """Return the brands in a file's first box (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[: struct.unpack_from(">I", head)[0]]
    return {box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))}


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the content of each box between `start` and `end`."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, start + 8), 16
        stop = start + size if size else end
        if stop < start + header:
            raise IndexError
        yield kind, start + header, min(stop, end)
        start = stop


def _properties_of_primary(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield kind and first byte of each property of the primary picture, in order."""
    meta = next((start, end) for kind, start, end in _boxes(data, 0, len(data)) if kind == b"meta")
    inside = {kind: (start, end) for kind, start, end in _boxes(data, meta[0] + 4, meta[1])}
    version = data[inside[b"pitm"][0]]
    (primary,) = struct.unpack_from(">I" if version else ">H", data, inside[b"pitm"][0] + 4)
    properties = {kind: (start, end) for kind, start, end in _boxes(data, *inside[b"iprp"])}
    known = list(_boxes(data, *properties[b"ipco"]))
    at = properties[b"ipma"][0]
    version, wide = data[at], data[at + 3] & 1
    (count,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    for _ in range(count):
        item, number = struct.unpack_from(">IB" if version else ">HB", data, at)
        at += 5 if version else 3
        for _ in range(number):
            index = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
            at += 2 if wide else 1
            if item == primary and index:
                kind, start, _ = known[index - 1]
                yield kind, data[start]
