"""Conversion of pictures with a colour profile (ISO 15076-1, "ICC") to sRGB."""

from __future__ import annotations

import io
import logging
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image, ImageCms

log = logging.getLogger(__name__)

# Pixels that are converted at a time; as much as fits into a processor's cache.
_STRIP_PIXELS = 2**18
# Largest difference from sRGB, of 255, at which a profile is sRGB under another name and is not applied.
_MAX_SAME = 2
# Mode of the pictures that a profile of each colour space describes.
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(picture: np.ndarray | Image.Image, profile: bytes | None) -> np.ndarray:
    """Convert a picture to sRGB, relative to white and black (relative colorimetric, black point compensated).

    Args:
        picture: uint8 (H, W, 3) BGR, or a Pillow picture of mode L, RGB, CMYK or LAB.
        profile: Its colour profile; None for sRGB. One that is damaged, or of another colour space, is ignored.

    Returns:
        uint8 (H, W, 3) BGR; `picture` itself if it is an array and there is nothing to convert.
    """
    mode = picture.mode if isinstance(picture, Image.Image) else "RGB"
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
