"""Which files are images and which are videos, by their content and, where that says nothing, by their suffix."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import cv2

from background_removal.files import heif, images
from background_removal.files.storage import STANDARD, is_url

Kind = Literal["image", "video"]

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp",
    ".ogv", ".gif",
)  # fmt: skip
IMAGE_SUFFIXES = images.SUFFIXES

# How files of these kinds begin, as their specifications say; those of ISO's media format have "ftyp" or, in old
# QuickTime files, another box there.
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_VIDEOS = (b"\x1aE\xdf\xa3", b"GIF8", b"FLV\x01", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"0&\xb2u\x8ef\xcf\x11", b"OggS")
_RIFF: dict[bytes, Kind] = {b"WEBP": "image", b"AVI ": "video"}
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
# MPEG transport streams: packets of 188 bytes, or of 192 on Blu-ray discs after 4 others, that begin with this byte.
_TS_SYNC, _TS_PACKETS = 0x47, ((0, 188, 376), (4, 196, 388))
_HEAD = 512


def is_video(path: str) -> bool:
    """Tell whether a file is to be taken for a video.

    Its content says so or, where that is strange or out of reach, its suffix. What remains is an image if OpenCV or a
    web address has it, else a video, whose reader says what is wrong with it.

    Args:
        path: A local file, or a remote one, of which only the name is known.
    """
    if path == STANDARD:
        return False
    kind = detect_kind(path)
    if kind is not None:
        return kind == "video"
    suffix = os.path.splitext(path)[1].lower()
    if suffix in VIDEO_SUFFIXES or suffix in IMAGE_SUFFIXES:
        return suffix in VIDEO_SUFFIXES
    return not (is_url(path) or (os.path.isfile(path) and cv2.haveImageReader(path)))


def detect_kind(path: str) -> Kind | None:
    """Return what the beginning of a local file says that it is; None if it says nothing, or cannot be read."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return None
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if heif.is_heic(head) or heif.is_avif(head) or head.startswith(_IMAGES):
        return "image"
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # followed by a size and four reserved bytes
        return "image"
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head.startswith(_VIDEOS) or head[4:8] in _BOXES:
        return "video"
    return "video" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    return any(len(head) > max(places) and all(head[at] == _TS_SYNC for at in places) for places in _TS_PACKETS)
