"""Limits on the resources that a file or a request may use, checked before memory is allocated.

`set_limits` changes two of them for the whole process.
"""

from __future__ import annotations

import os
from typing import Any

from background_removal.errors import InputError

# Pixels of a picture, 16384 x 16384 (0.8 GB as BGR); more than any consumer camera has, and 16384 is also the longest
# side that H.264 and JPEG encoders take.
MAX_PIXELS = 268_435_456
# OpenCV's limit in pixels, fixed when it is loaded (CV_IO_MAX_IMAGE_PIXELS).
_MAX_OPENCV_PIXELS = 2**30
# Input of a network, pixels; four times the input of the largest matting networks, 2048 x 2048.
MAX_NETWORK_PIXELS = 2**24
# Digits in the number of a picture, `frames/%06d.png`; enough for ten billion pictures.
MAX_DIGITS = 10
# Size of a settings file, bytes; a complete one has about two thousand.
MAX_SETTINGS_BYTES = 1_000_000
# Side of a size requested from a camera, pixels; twice that of the largest sensors.
MAX_SIDE = 2**16

_max_pixels = MAX_PIXELS
_follow = False


def set_limits(*, max_pixels: int | None = None, follow: bool = False) -> None:
    """Set the limits of this process.

    Args:
        max_pixels: Maximum pixels of a picture or video frame; None for MAX_PIXELS.
        follow: Whether the files named in a playlist or another list of files are read too.

    Raises:
        InputError: `max_pixels` is below 1 or above OpenCV's limit.
    """
    global _max_pixels, _follow
    if max_pixels is not None and not 1 <= max_pixels <= _MAX_OPENCV_PIXELS:
        raise InputError(f"`max_pixels` {max_pixels}: must be from 1 to {_MAX_OPENCV_PIXELS}")
    _max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
    _follow = follow


def get_limits() -> dict[str, Any]:
    """Return the limits as arguments of `set_limits`, for another process."""
    return {"max_pixels": _max_pixels, "follow": _follow}


def max_decoded_pixels() -> int:
    """Return the maximum pixels for FFmpeg's decoders, which count a frame's padding too."""
    return 2 * _max_pixels + 2**16


def may_follow_lists() -> bool:
    """Return whether the files named in a list of files are read too."""
    return _follow


def check_regular_file(path: str, name: str) -> None:
    """Raise InputError for a device, pipe or socket: reading it may block or never end.

    Args:
        path: The path, which need not exist.
        name: Its name in the message.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InputError(f"{name}: is a device, a pipe or a socket, and not an ordinary file")


def check_pixels(name: str, width: int, height: int) -> None:
    """Raise InputError if a picture, named `name`, has more pixels than the limit."""
    if width * height > _max_pixels:
        raise InputError(
            f"{name}: {width}x{height} are {width * height:,} pixels, more than the {_max_pixels:,} that are allowed; "
            "raise `max_pixels` if you mean it"
        )
