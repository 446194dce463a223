"""Pictures from strangers: what they are and how large, told by their content before anything is decoded."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from files.images import read_image
from files.kinds import kind_of
from page.errors import PageError, plain
from pipeline.errors import BackgroundRemovalError

_FORMATS = "JPEG, PNG, WebP, TIFF, BMP, AVIF or HEIC"
_MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_JPEG_QUALITY, _WEBP_QUALITY = 92, 90
# Of PNG, 0 to 9: at 1 a photo takes a third of the time that 3, OpenCV's own, takes, and 5 percent more bytes.
_PNG_COMPRESSION = 1


def read_picture(path: str, name: str, most_pixels: int) -> np.ndarray:
    """Return a picture that a visitor has sent, uint8 (H, W, 3) BGR, upright.

    Args:
        path: Where it is.
        name: What he calls it.
        most_pixels: How many it may have.

    Raises:
        PageError: it is no picture that can be read, or has too many pixels.
    """
    data = Path(path).read_bytes()
    size = size_of(data) if kind_of(path) == "image" else None
    if size is None:
        raise PageError(415, f"{name}: is not a picture; send {_FORMATS}")
    check_pixels(name, size, most_pixels)
    try:
        return read_image(path, name)
    except BackgroundRemovalError as error:
        raise PageError(422, plain(error)) from error


def check_pixels(name: str, size: tuple[int, int], most: int) -> None:
    """Raise PageError if a picture has more pixels than that, or none."""
    width, height = size
    if width < 1 or height < 1:
        raise PageError(422, f"{name}: says that it is {width}x{height} pixels")
    if width * height > most:
        raise PageError(
            413, f"{name}: has {width}x{height} pixels, which is more than {most / 1e6:.3g} million; make it smaller"
        )


def encode(image: np.ndarray, kind: str) -> tuple[bytes, str]:
    """Return a picture as a file, and the type of that.

    Args:
        image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
        kind: "png", "jpeg" or "webp".

    Raises:
        PageError: there is no such kind, or it cannot hold that.
    """
    check_kind(kind, image.shape[2] == 4)
    options = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION],
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY],
    }[kind]
    try:
        done, data = cv2.imencode(f".{kind}", image, options)
    except cv2.error as error:  # a side longer than the format allows
        raise PageError(422, f"this picture cannot be a {kind} ({error.err})") from error
    if not done:
        raise PageError(422, f"this picture cannot be a {kind}")
    return data.tobytes(), _MEDIA[kind]


def check_kind(kind: str, alpha: bool) -> None:
    """Raise PageError unless a result can be such a file."""
    if kind not in _MEDIA:
        raise PageError(400, f"format {kind}: must be {', '.join(_MEDIA)}")
    if kind == "jpeg" and alpha:
        raise PageError(400, "format jpeg: cannot store transparency; choose png or webp")


def shrunk(image: np.ndarray, longest: int) -> np.ndarray:
    """Return a picture whose longer side is at most that."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def size_of(data: bytes) -> tuple[int, int] | None:
    """Return the width and height that a picture says it has, None if it is of no kind that is known."""
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _size_of_jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack_from(">II", data, 16) if data[12:16] == b"IHDR" else None
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _size_of_webp(data)
        if data[:2] == b"BM":
            if struct.unpack_from("<I", data, 14)[0] == 12:
                return struct.unpack_from("<HH", data, 18)
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _size_of_tiff(data)
        if data[4:8] == b"ftyp":
            return _size_of_heif(data)
    except struct.error:
        pass
    return None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """Look for the frame's header (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 if marker == 0x01 or 0xD0 <= marker <= 0xD7 else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    """As in RFC 9649, 2.5 to 2.7."""
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _size_of_tiff(data: bytes) -> tuple[int, int] | None:
    """Read the first directory (TIFF 6.0, section 2): tags 256 and 257, of 16 or 32 bits."""
    order = "<" if data[:1] == b"I" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    sizes: dict[int, int] = {}
    for number in range(struct.unpack_from(order + "H", data, at)[0]):
        tag, kind = struct.unpack_from(order + "HH", data, at + 2 + 12 * number)
        if tag in (256, 257) and kind in (3, 4):
            sizes[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, at + 10 + 12 * number)[0]
    return (sizes[256], sizes[257]) if len(sizes) == 2 else None


def _size_of_heif(data: bytes) -> tuple[int, int] | None:
    """Return the largest of all pictures inside (ISO/IEC 23008-12, 6.5.3: ispe); tiles are smaller than the whole."""
    found: list[tuple[int, int]] = []
    at = data.find(b"ispe")
    while at >= 0:
        found.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 4)
    return max(found, key=lambda size: size[0] * size[1], default=None)
