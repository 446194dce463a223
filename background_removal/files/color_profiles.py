"""Conversion of pictures with a colour profile (ISO 15076-1, "ICC") to sRGB."""

from __future__ import annotations

import functools
import io
import logging
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import IFD

from background_removal.files.code_points import CodePoints

log = logging.getLogger(__name__)

# Pixels that are converted at a time; as much as fits into a processor's cache.
_STRIP_PIXELS = 2**18
# Largest difference from sRGB, of 255, at which a profile is sRGB under another name and is not applied.
_MAX_SAME = 2
# Mode of the pictures that a profile of each colour space describes.
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Position of the colour space in a profile (ICC.1:2022, 7.2).
_SPACE = slice(16, 20)
# EXIF tags of the colour space and of the rules that a file follows, and their values for Adobe RGB: not sRGB, by the
# camera rules for Adobe RGB (DCF 2.0; EXIF 2.32, 4.6.7), or the number that some cameras write.
_COLOR_SPACE, _RULES = 0xA001, 1
_UNCALIBRATED, _ADOBE_RULES, _ADOBE_NUMBER = 65535, "R03", 2
# White of all spaces below, CIE 1931 x and y of D65 (ISO/IEC 23091-2), and that of profiles, XYZ of D50 (ICC.1:2022).
_D65, _D50 = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)
# Adaptation from one white to another (Bradford, ICC.1:2022, E.2).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# sRGB's curve: exponent, and the other numbers of a curve in two pieces (IEC 61966-2-1; ICC.1:2022, 10.18, type 3).
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Exponents of the transfer functions of H.273 that are plain powers; the others are shown by sRGB's curve.
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}


class RgbPrimaries(NamedTuple):
    """The primaries of a colour space with the white D65, CIE 1931 x and y of each."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


# Adobe RGB (1998), 4.3.1.1 and 4.3.1.2.
_ADOBE_PRIMARIES = RgbPrimaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_POWER = 563 / 256
# Primaries wider than sRGB's, by their numbers in H.273: BT.2020 and Display P3.
_WIDE_PRIMARIES = {
    9: RgbPrimaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: RgbPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


def find_profile(picture: Image.Image, points: CodePoints | None) -> bytes | None:
    """Return the colour profile of an opened picture; None for sRGB.

    It is the one in the file or, without one, one made for the primaries that the file names, or for the Adobe RGB of
    cameras, which only EXIF tells.

    Args:
        picture: The picture.
        points: The colour code points in its file.
    """
    if profile := picture.info.get("icc_profile"):
        return profile
    if points is not None and points.primaries in _WIDE_PRIMARIES:
        return make_profile(_WIDE_PRIMARIES[points.primaries], _POWERS.get(points.transfer, 0.0))
    with suppress(Exception):  # of any type, on damaged EXIF
        exif = picture.getexif()
        space = exif.get_ifd(IFD.Exif).get(_COLOR_SPACE)
        if space == _ADOBE_NUMBER or (
            space == _UNCALIBRATED and str(exif.get_ifd(IFD.Interop).get(_RULES, "")).startswith(_ADOBE_RULES)
        ):
            return make_profile(_ADOBE_PRIMARIES, _ADOBE_POWER)
    return None


@functools.cache
def make_profile(primaries: RgbPrimaries, power: float) -> bytes:
    """Return a colour profile of three primaries and one curve (ICC.1:2022, 7 and 8.3.3).

    Args:
        primaries: The primaries.
        power: Exponent from values to light, 0 for sRGB's curve.
    """
    corners = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (*primaries, _D65)])
    matrix = corners[:3] * np.linalg.solve(corners[:3].T, corners[3])[:, None]  # rows: XYZ of red, green, blue
    adapted = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ corners[3]))
    matrix = matrix @ (np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD).T
    numbers = (power,) if power else _SRGB_CURVE
    curve = struct.pack(">4sIHH", b"para", 0, 0 if power else 3, 0) + _fixed(numbers)
    text = struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", 6, 28) + "RGB".encode("utf-16-be") + bytes(2)
    tags = {b"desc": text, b"cprt": text, b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50)}
    for letter, row in zip((b"r", b"g", b"b"), matrix, strict=True):
        tags |= {letter + b"XYZ": b"XYZ \0\0\0\0" + _fixed(row), letter + b"TRC": curve}
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp") + _fixed(_D50)
    return head.ljust(128, b"\0") + table + body


def _fixed(values: Iterable[float]) -> bytes:
    """Return numbers as 32 bits, 16 of them after the point (ICC.1:2022, 4.6)."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def to_srgb(picture: np.ndarray | Image.Image, profile: bytes | None) -> np.ndarray:
    """Convert a picture to sRGB, relative to white and black (relative colorimetric, black point compensated).

    Args:
        picture: uint8 (H, W, 3) BGR, or a Pillow picture of mode L, RGB, CMYK or LAB.
        profile: Its colour profile; None for sRGB. One that is damaged, or of another colour space, is ignored.

    Returns:
        uint8 (H, W, 3) BGR; `picture` itself if it is an array and there is nothing to convert.
    """
    mode = picture.mode if isinstance(picture, Image.Image) else "RGB"
    if mode == "RGB" and profile and profile[_SPACE] == b"GRAY":
        picture, mode = _to_grey(picture)
    transform = _transform(profile, mode)
    if transform is None and isinstance(picture, np.ndarray):
        return picture
    width, height = picture.size if isinstance(picture, Image.Image) else picture.shape[1::-1]
    out = picture if isinstance(picture, np.ndarray) else np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        if isinstance(picture, Image.Image):
            strip = picture.crop((0, top, width, bottom))
        else:
            strip = Image.fromarray(cv2.cvtColor(picture[top:bottom], cv2.COLOR_BGR2RGB))
        if transform is not None:
            strip = transform.apply(strip)
        elif mode != "RGB":
            strip = strip.convert("RGB")
        cv2.cvtColor(np.asarray(strip), cv2.COLOR_RGB2BGR, dst=out[top:bottom])
    return out


def _to_grey(picture: np.ndarray | Image.Image) -> tuple[np.ndarray | Image.Image, str]:
    """Return a picture of three equal channels with one channel, and its mode; any other as it is."""
    pixels = np.asarray(picture)
    if (pixels == pixels[..., :1]).all():
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0])), "L"
    return picture, "RGB"


def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion to sRGB; None if there is nothing to convert."""
    try:
        if mode == "LAB":
            return _build(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode)
        if not profile:
            return None
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space: str = cast("Any", source.profile).xcolor_space
        if _MODES.get(space) != mode:
            log.debug("a colour profile of the colour space %s is ignored", space)
            return None
        transform = _build(source, mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.debug("a colour profile is ignored: %s", error)
        return None
    return None if mode != "CMYK" and _is_identity(transform, mode) else transform


def _build(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform changes nothing visible, as that of sRGB's own profile."""
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    colors = np.stack(np.meshgrid(*[steps] * 3, indexing="ij"), axis=-1).reshape(1, -1, 3)
    if mode == "L":
        colors = colors[colors.min(axis=2) == colors.max(axis=2)][None]
    given = Image.fromarray(colors).convert(mode)
    return np.abs(np.asarray(transform.apply(given)).astype(int) - colors).max() <= _MAX_SAME
