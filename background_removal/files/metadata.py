"""Metadata of pictures that their results keep: EXIF, XMP and the resolution in print."""

from __future__ import annotations

import io
import re
from typing import Any

import cv2
import numpy as np
from PIL import Image, PngImagePlugin
from PIL.ExifTags import IFD

from background_removal.pipeline.frame import PictureMetadata

# EXIF tags that describe the photo and not the file, which a TIFF has in the same directory (EXIF 2.32, 4.6.4):
# description, maker, model, orientation, resolution (3), software, date, artist, computer, rating (2), copyright, and
# Windows' title, comment, author, keywords and subject.
_EXIF_TAGS = (270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096))
_ORIENTATION, _COLOR_SPACE, _WIDTH, _HEIGHT, _INTEROPERABILITY = 0x0112, 0xA001, 0xA002, 0xA003, 0xA005
_SRGB = 1
# Bytes of EXIF or XMP that a JPEG's segment can hold, with their identifiers (ISO/IEC 10918-1, B.2.4.6).
_MAX_SEGMENT = 65_500
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")
# Small copies of the source inside its XMP.
_XMP_THUMBNAILS = re.compile(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails>", re.DOTALL)
# XMP that describes further pictures in the source's file, such as gain maps, which a result has not.
_XMP_OF_FILES = (b"hdrgm:", b"HDRGainMap", b"Container:Directory", b"GContainer", b"MotionPhoto")
# OpenCV's codes of the metadata in `imencodeWithMetadata`.
_OPENCV_EXIF, _OPENCV_XMP = 0, 1
# Pillow's options for each suffix, with the quality and the size of OpenCV's files.
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 95}
# Uncompressed: libtiff, which compresses for Pillow, does not write EXIF's own directories.
_TIFF: dict[str, Any] = {"format": "TIFF", "compression": None}
_OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe"), _JPEG),
    **dict.fromkeys((".tif", ".tiff"), _TIFF),
    ".png": {"format": "PNG", "compress_level": 1},
    ".webp": {"format": "WEBP", "lossless": True, "quality": 70},
    ".bmp": {"format": "BMP"},
}


def read_metadata(picture: Image.Image, width: int, height: int) -> PictureMetadata:
    """Return the metadata of an opened picture that hold for a result of that size, upright and in sRGB.

    The thumbnail is left out: it shows what was removed.
    """
    given, exif = picture.getexif(), Image.Exif()
    for tag in _EXIF_TAGS:
        if tag in given:
            exif[tag] = given[tag]
    for directory in (IFD.Exif, IFD.GPSInfo):
        if fields := dict(given.get_ifd(directory)):
            exif[directory] = fields
    if IFD.Exif in exif:
        exif[IFD.Exif].pop(_INTEROPERABILITY, None)  # may say Adobe RGB
        exif[IFD.Exif].update({_COLOR_SPACE: _SRGB, _WIDTH: width, _HEIGHT: height})
    if _ORIENTATION in exif:
        exif[_ORIENTATION] = 1
    dpi = picture.info.get("dpi")
    return PictureMetadata(
        exif=exif.tobytes() if len(exif) else b"",
        xmp=_put_right(picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""),
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
    )


def encode_with_metadata(suffix: str, image: np.ndarray, metadata: PictureMetadata) -> bytes | None:
    """Return a picture as a file with metadata; None if files of that suffix have none.

    Args:
        suffix: Suffix of the file, in lower case.
        image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
        metadata: The metadata, not empty; what a JPEG has no room for is left out.

    Raises:
        OSError, ValueError, cv2.error: the picture cannot be encoded.
    """
    if suffix == ".avif":
        parts = {_OPENCV_EXIF: metadata.exif.removeprefix(b"Exif\0\0"), _OPENCV_XMP: metadata.xmp}
        parts = {kind: np.frombuffer(part, np.uint8) for kind, part in parts.items() if part}
        return cv2.imencodeWithMetadata(suffix, image, list(parts), list(parts.values()))[1].tobytes()
    if suffix not in _OPTIONS:
        return None
    options: dict[str, Any] = {**_OPTIONS[suffix], **({"dpi": metadata.dpi} if metadata.dpi else {})}
    exif, xmp = metadata.exif, metadata.xmp
    if options["format"] == "JPEG":
        exif, xmp = (part if len(part) <= _MAX_SEGMENT else b"" for part in (exif, xmp))
    if options["format"] == "TIFF":
        fields = Image.Exif()
        fields.load(exif)
        if xmp:
            fields[700] = xmp
        options["exif"] = fields
    elif options["format"] == "PNG" and xmp:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode(errors="replace"))
    elif options["format"] != "BMP" and xmp:
        options["xmp"] = xmp
    if exif and options["format"] in ("JPEG", "PNG", "WEBP"):
        options["exif"] = exif
    out = io.BytesIO()
    code = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    Image.fromarray(cv2.cvtColor(image, code)).save(out, **options)
    return out.getvalue()


def _put_right(xmp: bytes | str) -> bytes:
    """Return XMP without what does not hold for a result."""
    data = xmp.encode() if isinstance(xmp, str) else xmp
    if any(word in data for word in _XMP_OF_FILES):
        return b""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", _XMP_THUMBNAILS.sub(b"", data))
