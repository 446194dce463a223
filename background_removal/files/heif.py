"""HEIC and AVIF pictures: ISO's container for still images (HEIF, ISO/IEC 23008-12), told by its brands.

AVIF is read by OpenCV, which leaves it as it is stored; HEIC by pillow-heif, an optional package.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.support.installing import install_command

SUFFIXES = (".heic", ".heif", ".hif", ".avif")

# How many bytes from the beginning tell what a file is: no list of brands is longer in practice.
HEAD = 256
# Pictures and sequences of them; mif1 and msf1 leave open which codec it is (ISO/IEC 23008-12, annex B and 10.2).
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


def is_avif(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is an AVIF picture."""
    return not _AVIF_BRANDS.isdisjoint(_brands(head))


def is_heic(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is a HEIC picture."""
    return not is_avif(head) and not _HEIC_BRANDS.isdisjoint(_brands(head))


def read_heic(data: bytes, name: str) -> np.ndarray:
    """Return a HEIC picture as uint8 (H, W, 3) BGR, upright.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        InputError: it cannot be read, or pillow-heif is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(f"{name}: HEIC needs an extra package: {install_command('heic')}") from error
    try:
        # libheif turns the picture as the container says, which is what counts: EXIF only repeats it.
        picture = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=True))
    except Exception as error:  # libheif's own errors, and Pillow's
        raise InputError(f"{name}: not a readable image ({' '.join(str(error).split())})") from error
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGR)


def orient_avif(image: np.ndarray, data: bytes) -> np.ndarray:
    """Turn and mirror a picture, uint8 (H, W, 3), as the AVIF file that it comes from says.

    Args:
        image: What OpenCV has made of it.
        data: The whole file; what is damaged turns nothing.
    """
    try:
        properties = list(_properties_of_primary(data))
    except (struct.error, LookupError, RuntimeError):
        return image
    for kind, value in properties:  # in their order (ISO/IEC 23000-22, 7.3.6.7: rotation, then mirroring)
        if kind == b"irot":  # 6.5.10: quarter turns anticlockwise
            image = np.rot90(image, value & 3)
        elif kind == b"imir":  # 6.5.12: 0 exchanges top and bottom, 1 left and right
            image = image[:, ::-1] if value & 1 else image[::-1]
    return np.ascontiguousarray(image)


def _brands(head: bytes) -> set[bytes]:
    """Return the brands that a file's first box names (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[: struct.unpack_from(">I", head)[0]]
    return {box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))}


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, and where the content begins and ends, of each box between `start` and `end`."""
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
    """Yield the kind and the first byte of each property of the picture that a file shows, in order."""
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
