"""Reading one picture: how large it is before any memory is spent, and what its decoder has to say of damage."""

from __future__ import annotations

import re

import cv2
import numpy as np
from cv2.utils import logging

from background_removal.errors import InputError
from background_removal.files import heif
from background_removal.support import limits, stderr

# What the libraries inside OpenCV write to standard error, and what of it means that a picture is not whole: the rest
# tells of colour profiles and private tags.
_OF_LIBRARIES = re.compile(
    r"\[ *(FATAL|ERROR|WARN|INFO|DEBUG)(:|\])|lib(png|jpeg|tiff|webp)|TIFF|JPEG|JPG|Jasper|OpenEXR|\s*$", re.IGNORECASE
)
_DAMAGE = re.compile(r"\[ERROR:|corrupt|premature|Discarding|Bogus|inconsistent|truncated", re.IGNORECASE)
_JPEG, _END_OF_JPEG = b"\xff\xd8", np.frombuffer(b"\xff\xd9", np.uint8)


def read_picture(path: str, name: str = "") -> tuple[np.ndarray, bool]:
    """Return a picture, uint8 (H, W, 3) BGR, turned upright as its file says, and whether only a part could be read.

    Args:
        path: A local file.
        name: What to call it in messages, `path` if empty.

    Raises:
        InputError: it is not an image that can be read, is larger than allowed, or needs a package that is not
            installed.
    """
    name = name or path
    try:
        # The bytes are read by NumPy because cv2.imread cannot open every Unicode name on Windows.
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{name}: not a readable image ({error.strerror})") from error
    head = data[: heif.HEAD].tobytes()
    limits.check_picture(name, data.tobytes())
    if heif.is_heic(head):
        return heif.read_heic(data.tobytes(), name), False
    image, damaged = _decode(data, name)
    if image is None and head.startswith(_JPEG):  # cut off: OpenCV waits for the end
        image, damaged = _decode(np.append(data, _END_OF_JPEG), name)[0], True
    if image is None:
        raise InputError(f"{name}: not a readable image")
    return (heif.orient_avif(image, data.tobytes()) if heif.is_avif(head) else image), damaged


def _decode(data: np.ndarray, name: str) -> tuple[np.ndarray | None, bool]:
    try:
        with stderr.capture_stderr() as lines:
            level = logging.setLogLevel(logging.LOG_LEVEL_WARNING)  # one tells of a JPEG inside a TIFF
            try:
                image = cv2.imdecode(data, cv2.IMREAD_COLOR)
            finally:
                logging.setLogLevel(level)
    except cv2.error as error:  # an empty file, a size that OpenCV refuses, a damaged header
        raise InputError(f"{name}: not a readable image ({error.err})") from error
    for line in lines:
        if not _OF_LIBRARIES.match(line) and not _DAMAGE.search(line):
            stderr.write_stderr(line)
    return image, any(_DAMAGE.search(line) for line in lines)
