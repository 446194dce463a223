"""What a file or a request may ask of this computer, in one place: said before any memory is spent on it.

Two of them a user may lift, for his whole process, as `support.cores` shares out cores.
"""

from __future__ import annotations

import io
import os
from typing import Any

from background_removal.errors import InputError

# 2 ** 28, a square of 16384 pixels a side, which is also the largest that H.264 and JPEG encoders take on one side;
# no camera that people own takes a larger picture. As BGR it is 0.8 GB.
MAX_PIXELS = 268_435_456
# OpenCV's own limit, which is fixed when it is loaded (CV_IO_MAX_IMAGE_PIXELS).
_MAX_OF_OPENCV = 2**30
# The largest input of a network, in pixels: four times that of the largest matting networks there are, 2048 x 2048.
MAX_NETWORK_PIXELS = 2**24
# Digits in the number of a picture, `frames/%06d.png`: ten billion pictures are more than anybody has.
MAX_DIGITS = 10
# Bytes of a settings file; a complete one has some two thousand.
MAX_SETTINGS_BYTES = 1_000_000

# Either side of a size that is asked of a camera: twice what the largest sensors of any kind have.
MAX_SIDE = 2**16

_max_pixels = MAX_PIXELS
_follow = False


def set_limits(*, max_pixels: int | None = None, follow: bool = False) -> None:
    """Say what this process, from now on, lets files ask for.

    Args:
        max_pixels: The most that a picture, or a frame of a video, may have; None for MAX_PIXELS.
        follow: Whether a playlist, or another list of files, may name others on this computer, which are read too.

    Raises:
        InputError: `max_pixels` is below 1 or more than OpenCV takes.
    """
    global _max_pixels, _follow
    if max_pixels is not None and not 1 <= max_pixels <= _MAX_OF_OPENCV:
        raise InputError(f"`max_pixels` {max_pixels}: must be from 1 to {_MAX_OF_OPENCV}")
    _max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
    _follow = follow


def get_limits() -> dict[str, Any]:
    """Return what is allowed, for `allow` in another process."""
    return {"max_pixels": _max_pixels, "follow": _follow}


def max_decoded_pixels() -> int:
    """Return the same for FFmpeg's decoders, which count what they pad a frame with."""
    return 2 * _max_pixels + 2**16


def may_follow_lists() -> bool:
    """Tell whether files may name others that are read too."""
    return _follow


def check_regular_file(path: str, name: str) -> None:
    """Raise InputError if something that never ends, or that waits for somebody, stands where a file should.

    Args:
        path: What need not exist.
        name: What to call it in the message.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InputError(f"{name}: is a device, a pipe or a socket, and not an ordinary file")


def check_picture(name: str, data: bytes) -> None:
    """Raise InputError if a picture file, called `name`, says that it is larger than allowed.

    Args:
        data: The whole file; of a kind that is not known here OpenCV has to look, whose own limit is 2 ** 30 pixels.
    """
    import imagesize

    if data.startswith((b"<?xml", b"<svg")):  # no picture of pixels
        return
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # whatever a damaged header leads it to; OpenCV says what is wrong
        return
    check_pixels(name, max(0, width), max(0, height))


def check_pixels(name: str, width: int, height: int) -> None:
    """Raise InputError for a picture, called `name`, that is larger than allowed."""
    if width * height > _max_pixels:
        raise InputError(
            f"{name}: {width}x{height} are {width * height:,} pixels, more than the {_max_pixels:,} that are allowed; "
            "raise `max_pixels` if you mean it"
        )
