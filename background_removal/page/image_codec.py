"""Decode uploaded pictures after checking their kind and size; encode results."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from background_removal.errors import BackgroundRemovalError
from background_removal.files import image_decoding
from background_removal.files.animations import animation_format
from background_removal.files.kinds import detect_kind
from background_removal.files.square import resize_image
from background_removal.page.http_errors import PageError, plain_message
from background_removal.support.transparency import WHITE, flatten

# Media type and encoder options of each format. PNG compression 1 of 9: a third of the time of 3, OpenCV's default,
# for 5 percent more bytes on a photo.
_ENCODERS = {
    "png": ("image/png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
    "jpeg": ("image/jpeg", [cv2.IMWRITE_JPEG_QUALITY, 92]),
    "webp": ("image/webp", [cv2.IMWRITE_WEBP_QUALITY, 90]),
}


def read_picture(path: str, name: str, max_pixels: int) -> np.ndarray:
    """Return an uploaded picture, uint8 (H, W, 3) BGR or, if transparent in parts, (H, W, 4) BGRA, upright.

    Of an animation it is the first picture.

    Args:
        path: The file.
        name: The visitor's name for it.
        max_pixels: Largest number of pixels.

    Raises:
        PageError: the file is not a readable picture, or has too many pixels.
    """
    data = Path(path).read_bytes()
    if detect_kind(path) != "image" and animation_format(path) in ("", "GIF"):
        raise PageError(415, f"{name}: is not a picture; send JPEG, PNG, WebP, TIFF, BMP, AVIF or HEIC")
    size = read_size(data)
    if size is None:
        raise PageError(422, f"{name}: not a readable image")
    check_pixels(name, size, max_pixels)
    try:
        return image_decoding.read_picture(path, name).image  # of a damaged file the intact part
    except BackgroundRemovalError as error:
        raise PageError(422, plain_message(error)) from error


def check_pixels(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """Raise PageError if a picture of that width and height has too many pixels."""
    width, height = size
    if width * height > max_pixels:
        limit = f"{max_pixels / 1e6:.3g} million"
        raise PageError(413, f"{name}: has {width}x{height} pixels, which is more than {limit}; make it smaller")


def encode_image(image: np.ndarray, kind: str, per_metre: int = 0) -> tuple[bytes, str]:
    """Return an image as a file, and its media type.

    Args:
        image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
        kind: "png", "jpeg", which has white where the image is transparent, or "webp".
        per_metre: Pixels per metre on paper, which a PNG or JPEG tells printers; 0 for none.

    Raises:
        PageError: the format cannot hold the image.
    """
    image = flatten(image, WHITE) if kind == "jpeg" else image
    media_type, options = _ENCODERS[kind]
    try:
        done, data = cv2.imencode(f".{kind}", image, options)
    except cv2.error as error:  # a side longer than the format allows
        raise PageError(422, f"this picture cannot be a {kind} ({error.err})") from error
    if not done:
        raise PageError(422, f"this picture cannot be a {kind}")
    return _set_density(data.tobytes(), kind, per_metre) if per_metre else data.tobytes(), media_type


def _set_density(data: bytes, kind: str, per_metre: int) -> bytes:
    """Return a file as OpenCV writes it with its density, which PNG has in pHYs and JPEG in its JFIF header."""
    if kind == "png":
        end = 8 + 4 + 4 + 13 + 4  # of the signature and IHDR
        return data[:end] + _png_chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)) + data[end:]
    if kind == "jpeg" and data[6:11] == b"JFIF\0":
        per_centimetre = min(round(per_metre / 100), 65535)
        return data[:13] + struct.pack(">BHH", 2, per_centimetre, per_centimetre) + data[18:]
    return data


def encode_alpha(alpha: np.ndarray) -> bytes:
    """Return an alpha, uint8 (H, W), as a PNG that is black with that transparency.

    Its greys become indexes of a palette of 256 blacks, number n with alpha n (PNG, 11.2.1 and 11.3.1.1): a quarter of
    the time and half the size of a PNG with four channels.
    """
    data = cv2.imencode(".png", alpha, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    head, rest = data[16:29], data[33:]  # after the signature and the head's length and name; after its checksum
    palette_head = head[:9] + b"\x03" + head[10:]
    return data[:8] + b"".join(
        (
            _png_chunk(b"IHDR", palette_head),
            _png_chunk(b"PLTE", bytes(768)),
            _png_chunk(b"tRNS", bytes(range(256))),
            rest,
        )
    )


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def check_transparency(kind: str, has_alpha: bool) -> None:
    """Raise PageError if a format cannot store a result's alpha."""
    if kind == "jpeg" and has_alpha:
        raise PageError(400, "format jpeg: cannot store transparency; choose png or webp")


def shrink(image: np.ndarray, max_side: int) -> np.ndarray:
    """Return an image scaled down until its longer side fits `max_side` pixels."""
    height, width = image.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if image.shape[2] == 3 else resize_image(image, *size)


def read_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in a picture's header, None if it has no readable one."""
    return image_decoding.picture_size(data)
