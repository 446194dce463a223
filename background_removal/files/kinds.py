"""Detection of images and videos, by content and, where that is inconclusive, by suffix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from background_removal.files import images
from background_removal.files.animations import animation_format
from background_removal.files.image_formats import OPENCV_MAGIC, detect_format
from background_removal.files.pipes import Y4M_MAGIC, stdin_has_y4m
from background_removal.files.storage import STANDARD, is_url

Kind = Literal["image", "video"]

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp",
    ".ogv", ".gif", ".apng",
)  # fmt: skip
IMAGE_SUFFIXES = images.SUFFIXES

# First bytes of video formats, from their specifications.
_VIDEO_MAGIC = (
    b"\x1aE\xdf\xa3",
    b"FLV\x01",
    b"\0\0\x01\xba",
    b"\0\0\x01\xb3",
    b"0&\xb2u\x8ef\xcf\x11",
    b"OggS",
    Y4M_MAGIC,
)
# Kinds of RIFF files by the form type.
_RIFF_KINDS: dict[bytes, Kind] = {b"AVI ": "video"}
# First box of ISO's media format: "ftyp" or, in old QuickTime files, another one.
_VIDEO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
# First byte of every packet of an MPEG transport stream.
_TS_SYNC = 0x47
# Offsets of its first packets, bytes; packets have 188 bytes or, on Blu-ray discs, 192 with a prefix of 4.
_TS_PACKET_OFFSETS = ((0, 188, 376), (4, 196, 388))
# Size of the file head that is read, bytes.
_HEAD_BYTES = 512


def is_video(path: str) -> bool:
    """Return whether a file is treated as a video.

    Its content decides or, where that is unknown or not local, its suffix. Any other file is an image if it has a web
    address, otherwise a video, and the video reader reports the error.

    Args:
        path: A local file, a remote one, which is not opened, or standard input, which must not have been read yet.
    """
    if path == STANDARD:
        return stdin_has_y4m()
    kind = detect_kind(path)
    if kind is not None:
        return kind == "video"
    suffix = os.path.splitext(path)[1].lower()
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    return not is_url(path)


def detect_kind(path: str) -> Kind | None:
    """Detect the kind of a local file by its first bytes; None if they are inconclusive or cannot be read."""
    if not os.path.isfile(path):  # reading a pipe would block
        return None
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    if detect_format(head) or head.startswith(OPENCV_MAGIC):
        return "video" if animation_format(path) else "image"
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[8:12])
    if head.startswith(_VIDEO_MAGIC) or head[4:8] in _VIDEO_BOXES:
        return "video"
    return "video" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > max(offsets) and all(head[offset] == _TS_SYNC for offset in offsets)
        for offsets in _TS_PACKET_OFFSETS
    )
