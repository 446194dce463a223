"""Pictures from strangers: what they are and how large, told by their content before anything is decoded."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import imagesize
import numpy as np

from background_removal.errors import BackgroundRemovalError
from background_removal.files import image_decoding
from background_removal.files.kinds import detect_kind
from background_removal.page.http_errors import PageError, plain

_FORMATS = "JPEG, PNG, WebP, TIFF, BMP, AVIF or HEIC"
_MEDIA = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_JPEG_QUALITY, _WEBP_QUALITY = 92, 90
# Of PNG, 0 to 9: at 1 a photo takes a third of the time that 3, OpenCV's own, takes, and 5 percent more bytes.
_PNG_COMPRESSION = 1


def read_picture(path: str, name: str, max_pixels: int) -> np.ndarray:
    """Return a picture that a visitor has sent, uint8 (H, W, 3) BGR, upright.

    Args:
        path: Where it is.
        name: What he calls it.
        max_pixels: How many it may have.

    Raises:
        PageError: it is no picture that can be read, or has too many pixels.
    """
    data = Path(path).read_bytes()
    size = size_of(data) if detect_kind(path) == "image" else None
    if size is None:
        raise PageError(415, f"{name}: is not a picture; send {_FORMATS}")
    check_pixels(name, size, max_pixels)
    try:
        return image_decoding.read_picture(path, name)[0]  # of what is damaged the rest
    except BackgroundRemovalError as error:
        raise PageError(422, plain(error)) from error


def check_pixels(name: str, size: tuple[int, int], most: int) -> None:
    """Raise PageError if a picture has more pixels than that, or none."""
    width, height = size
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
    """Return the width and height that a picture says it has, None if it says nothing that is understood."""
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # whatever a damaged header leads it to
        return None
    return (width, height) if width > 0 and height > 0 else None
