"""Picture decoding: check the size before memory is allocated, and detect damage from the decoder's messages."""

from __future__ import annotations

import re

import cv2
import numpy as np
from cv2.utils import logging

from background_removal.errors import InputError
from background_removal.files import heif
from background_removal.support import limits, stderr

# Lines that the libraries inside OpenCV write to standard error.
_LIBRARY_LINE = re.compile(
    r"\[ *(FATAL|ERROR|WARN|INFO|DEBUG)(:|\])|lib(png|jpeg|tiff|webp)|TIFF|JPEG|JPG|Jasper|OpenEXR|\s*$", re.IGNORECASE
)
# Messages of theirs that mean a damaged picture; the others concern colour profiles and private tags.
_DAMAGE = re.compile(r"\[ERROR:|corrupt|premature|Discarding|Bogus|inconsistent|truncated", re.IGNORECASE)
_JPEG, _END_OF_JPEG = b"\xff\xd8", np.frombuffer(b"\xff\xd9", np.uint8)


def read_picture(path: str, name: str = "") -> tuple[np.ndarray, bool]:
    """Decode a picture and apply its orientation.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.

    Returns:
        The picture, uint8 (H, W, 3) BGR, and whether it is damaged and only a part could be read.

    Raises:
        InputError: it is not a readable image, is larger than allowed, or needs a package that is not installed.
    """
    name = name or path
    try:
        # NumPy reads the bytes because cv2.imread cannot open every Unicode name on Windows.
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{name}: not a readable image ({error.strerror})") from error
    head = data[: heif.HEAD_BYTES].tobytes()
    limits.check_picture(name, data.tobytes())
    if heif.is_heic(head):
        return heif.read_heic(data.tobytes(), name), False
    image, damaged = _decode(data, name)
    if image is None and head.startswith(_JPEG):  # truncated: OpenCV requires the end marker
        image, damaged = _decode(np.append(data, _END_OF_JPEG), name)[0], True
    if image is None:
        raise InputError(f"{name}: not a readable image")
    return (heif.orient_avif(image, data.tobytes()) if heif.is_avif(head) else image), damaged


def _decode(data: np.ndarray, name: str) -> tuple[np.ndarray | None, bool]:
    try:
        with stderr.capture_stderr() as lines:
            level = logging.setLogLevel(logging.LOG_LEVEL_WARNING)  # damage to a JPEG inside a TIFF is a warning
            try:
                image = cv2.imdecode(data, cv2.IMREAD_COLOR)
            finally:
                logging.setLogLevel(level)
    except cv2.error as error:  # an empty file, a size that OpenCV refuses, a damaged header
        raise InputError(f"{name}: not a readable image ({error.err})") from error
    for line in lines:
        if not _LIBRARY_LINE.match(line) and not _DAMAGE.search(line):
            stderr.write_stderr(line)
    return image, any(_DAMAGE.search(line) for line in lines)
