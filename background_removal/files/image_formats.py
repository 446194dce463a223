"""Formats of picture files, detected by their first bytes."""

from __future__ import annotations

import struct

# Size of the file head that detection needs, bytes; no list of HEIF brands is longer in practice.
HEAD_BYTES = 256
# First bytes of each format, by Pillow's name for it; from their specifications.
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG2000",
    b"\xff\x4f\xff\x51": "JPEG2000",  # a bare codestream
    b"GIF8": "GIF",
    b"\0\0\x01\0": "ICO",
    b"\0\0\x02\0": "CUR",
    b"icns": "ICNS",
    b"DDS ": "DDS",
    b"\x01\xda": "SGI",
    **{b"\n%c\x01" % version: "PCX" for version in (0, 2, 3, 4, 5)},
    b"qoif": "QOI",
    b"Y\xa6j\x95": "SUN",
    **{b"P%d" % kind: "PPM" for kind in range(1, 7)},
}
# First bytes of formats that OpenCV reads and Pillow does not: Radiance and PAM.
OPENCV_MAGIC = (b"#?RADIANCE", b"#?RGBE", b"P7\n")
# Kinds of Truevision's pictures (TGA 2.0, table 2), which have no magic: with and without a table of colours; and their
# bits per pixel.
_TGA_WITH_TABLE, _TGA_WITHOUT = (1, 9), (2, 3, 10, 11)
_TGA_BITS = (8, 15, 16, 24, 32)
# Length of a text, table or not, kind, the table's start, length and bits, origin (2), width, height, bits and flags.
_TGA_HEADER = struct.Struct("<BBBHHBHHHHBB")
# Brands of AVIF pictures and sequences.
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
# Brands of HEIC pictures and sequences; mif1 and msf1 name no codec (ISO/IEC 23008-12, annex B and 10.2).
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
# Sizes of a Windows or OS/2 bitmap's second header, bytes.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def detect_format(head: bytes) -> str:
    """Return Pillow's name of the format of a picture file that begins with `head`; "" if it is none of those read.

    >>> detect_format(b"GIF89a"), detect_format(b"RIFF....WEBPVP8 "), detect_format(b"%PDF-1.7")
    ('GIF', 'WEBP', '')
    """
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        return "HEIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and len(head) > 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS:
        return "BMP"
    if _is_tga(head):  # some begin as a cursor, which has the number of its pictures next
        return "TGA"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def _is_tga(head: bytes) -> bool:
    """Return whether a file begins with the header of a TGA, in which many fields can have few values."""
    if len(head) < _TGA_HEADER.size:
        return False
    _, table, kind, *sizes, _, _, width, height, bits, flags = _TGA_HEADER.unpack_from(head)
    fits = kind in _TGA_WITH_TABLE if table == 1 else table == 0 and kind in _TGA_WITHOUT and not any(sizes)
    return fits and width > 0 and height > 0 and bits in _TGA_BITS and flags < 1 << 6


def has_brand(head: bytes, brand: bytes) -> bool:
    """Return whether a file that begins with `head` names a brand of ISO's media format."""
    return brand in _brands(head)


def _brands(head: bytes) -> set[bytes]:
    """Return the brands in a file's first box (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[: struct.unpack_from(">I", head)[0]]
    return {box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))}
