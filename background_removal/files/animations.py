"""Animated pictures (GIF, WebP, PNG, AVIF): whether a file is one, its frames' times, and how often it plays."""

from __future__ import annotations

import io
import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from background_removal.files.image_formats import HEAD_BYTES, detect_format, has_brand

# Duration of a frame that has none, seconds; that of browsers.
_DEFAULT_SECONDS = Fraction(1, 10)
# Bytes before the first chunk of a PNG (5.2) and of a RIFF file.
_PNG_START, _RIFF_START = 8, 12
# Flag of an animation in a WebP's VP8X chunk, and the position of a frame's duration in an ANMF chunk (container
# specification of WebP).
_WEBP_ANIMATION, _WEBP_DURATION = 0x02, 12
# Position of a frame's delay in an fcTL chunk of a PNG: numerator and denominator, 16 bits each (PNG 3, 11.3.7.2).
_PNG_DELAY = 20
# Brand of AVIF sequences.
_AVIF_SEQUENCE = b"avis"
# Missing bytes of an AVIF that are replaced by zeros, so that the frames before them can be read; as much memory.
_MAX_FILLED_BYTES = 1 << 28
# Flag of an edit list that repeats (ISO/IEC 23008-12, 9.6.1), and tkhd's duration of endless ones.
_EDIT_REPEATS, _ENDLESS = 1, (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Animation:
    """What the container of an animation says.

    Attributes:
        kind: Pillow's name of the format.
        data: The file, in a form that its reader opens although its end is missing.
        size: Width and height, pixels; (0, 0) if only the decoder knows them.
        durations: Duration of each frame that is there, seconds.
        promised: Number of frames according to the header; None if it does not say.
        plays: Number of times that it plays, 0 for endlessly.
        is_cut_off: Whether the end of the file is missing.
    """

    kind: str
    data: bytes
    size: tuple[int, int]
    durations: Sequence[Fraction]
    promised: int | None
    plays: int
    is_cut_off: bool = False


def animation_format(path: str) -> str:
    """Return Pillow's name of the format of a local animation of two or more frames; "" for any other file."""
    if not os.path.isfile(path):  # reading a pipe would block
        return ""
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = detect_format(head)
            return kind if kind in _CHECKS and _CHECKS[kind](file, head) else ""
    except (OSError, struct.error, IndexError):  # cut off within the header
        return ""


def read_animation(path: str) -> Animation | None:
    """Read an animated WebP, PNG or AVIF; None if it cannot be one.

    Raises:
        OSError: the file cannot be read.
    """
    read = {"WEBP": _read_webp, "PNG": _read_png, "AVIF": _read_avif}.get(animation_format(path))
    try:
        return read(Path(path).read_bytes()) if read else None
    except (struct.error, IndexError):  # cut off within the header
        return None


def gif_plays(path: str) -> int:
    """Return the number of times that a local GIF plays, 0 for endlessly or if it cannot be found out."""
    from PIL import Image  # which other videos do not need

    try:
        with Image.open(path, formats=["GIF"]) as picture:
            return _plays_of_gif(picture.info.get("loop"))
    except Exception:  # of any type, on damaged files
        return 0


def _plays_of_gif(loop: int | None) -> int:
    """Return how often a GIF plays: Netscape's extension counts repetitions, and without it the GIF plays once.

    >>> _plays_of_gif(None), _plays_of_gif(0), _plays_of_gif(2)
    (1, 0, 3)
    """
    return 1 if loop is None else loop and loop + 1


# -- whether it is one -----------------------------------------------------------------------------


def _is_animated_gif(file: BinaryIO, head: bytes) -> bool:
    return _is_animated_in_pillow(file, "GIF")  # an unreadable one is left to the video reader


def _is_animated_webp(file: BinaryIO, head: bytes) -> bool:
    if head[12:16] != b"VP8X" or not head[20] & _WEBP_ANIMATION:
        return False
    frames, end = 0, 0
    for kind, at, size in _chunks(file, _RIFF_START, "<"):
        frames, end = frames + (kind == b"ANMF"), at + size
        if frames > 1:
            return True
    return 8 + struct.unpack_from("<I", head, 4)[0] > max(end, file.seek(0, io.SEEK_END))


def _is_animated_png(file: BinaryIO, head: bytes) -> bool:
    for kind, at, _ in _chunks(file, _PNG_START, ">"):
        if kind == b"acTL":
            file.seek(at)
            return int.from_bytes(file.read(4), "big") > 1
        if kind == b"IDAT":
            return False
    return False


def _is_animated_avif(file: BinaryIO, head: bytes) -> bool:
    return has_brand(head, _AVIF_SEQUENCE) and _is_animated_in_pillow(file, "AVIF")


_CHECKS = {"GIF": _is_animated_gif, "WEBP": _is_animated_webp, "PNG": _is_animated_png, "AVIF": _is_animated_avif}


def _is_animated_in_pillow(file: BinaryIO, kind: str) -> bool:
    """Return whether Pillow finds several pictures, or does not find out."""
    from PIL import Image

    file.seek(0)
    try:
        with Image.open(file, formats=[kind]) as picture:
            return getattr(picture, "is_animated", False)
    except Exception:  # of any type, on damaged files
        return True


# -- WebP and PNG ----------------------------------------------------------------------------------


def _chunks(file: BinaryIO, start: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position and size of the content of each chunk of a RIFF file (order "<") or a PNG (">")."""
    at = start
    while file.seek(at) == at and len(head := file.read(8)) == 8:
        if order == "<":
            kind, size = struct.unpack("<4sI", head)
            step = size + size % 2
        else:
            size, kind = struct.unpack(">I4s", head)
            step = size + 4  # the checksum
        yield kind, at + 8, size
        at += 8 + step


def webp_frames(file: BinaryIO) -> list[int]:
    """Return the positions of the durations, 24 bits, of the frames of a WebP."""
    return [at + _WEBP_DURATION for kind, at, _ in _chunks(file, _RIFF_START, "<") if kind == b"ANMF"]


def png_frames(file: BinaryIO) -> list[int]:
    """Return the positions of the contents of the fcTL chunks of a PNG."""
    return [at for kind, at, _ in _chunks(file, _PNG_START, ">") if kind == b"fcTL"]


def _read_webp(data: bytes) -> Animation:
    durations, plays, end = list[Fraction](), 0, len(data)
    for kind, at, size in _chunks(io.BytesIO(data), _RIFF_START, "<"):
        if at + size > len(data):
            end = at - 8
            break
        if kind == b"ANIM":
            plays = struct.unpack_from("<H", data, at + 4)[0]
        elif kind == b"ANMF":
            milliseconds = int.from_bytes(data[at + _WEBP_DURATION : at + _WEBP_DURATION + 3], "little")
            durations.append(Fraction(milliseconds, 1000) or _DEFAULT_SECONDS)
    (riff,) = struct.unpack_from("<I", data, 4)
    is_cut_off = riff + 8 > len(data)
    size = tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    if is_cut_off:  # libwebp reads no file of which a part is missing
        data = data[:4] + struct.pack("<I", end - 8) + data[8:end]
    return Animation("WEBP", data, (size[0], size[1]), durations, None, plays, is_cut_off)


def _read_png(data: bytes) -> Animation | None:
    durations, header, is_cut_off = list[Fraction](), (0, 0), True
    for kind, at, size in _chunks(io.BytesIO(data), _PNG_START, ">"):
        is_cut_off = kind != b"IEND"
        if at + size > len(data):
            break
        if kind == b"acTL":
            header = struct.unpack_from(">II", data, at)
        elif kind == b"fcTL":
            # A denominator of 0 stands for 100.
            ticks, per_second = struct.unpack_from(">HH", data, at + _PNG_DELAY)
            durations.append(Fraction(ticks, per_second or 100) or _DEFAULT_SECONDS)
    frames, plays = header
    size = struct.unpack_from(">II", data, 16)
    if is_cut_off:  # within the last frame
        del durations[-1:]
    return Animation("PNG", data, (size[0], size[1]), durations, frames, plays, is_cut_off)


# -- AVIF ------------------------------------------------------------------------------------------


def _read_avif(data: bytes) -> Animation | None:
    """Read the times of an AVIF sequence by FFmpeg's reader of MP4; missing frames are left out."""
    import av
    import av.error

    length = len(data)
    end = _end_of_boxes(data)
    if end - length > _MAX_FILLED_BYTES:
        return None
    data += bytes(max(0, end - length))
    try:
        with av.open(io.BytesIO(data), options={"codec_whitelist": "none"}) as container:
            tracks = [stream for stream in container.streams.video if stream.frames > 1 and stream.time_base]
            if not tracks:
                return None
            track = max(tracks, key=lambda stream: stream.frames)
            times = [entry.timestamp * track.time_base for entry in track.index_entries]
            times.append((track.duration or 0) * track.time_base + times[0])
            # Colour and transparency are two tracks.
            whole = min(sum(entry.pos + entry.size <= length for entry in stream.index_entries) for stream in tracks)
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return None
    durations = [after - before for before, after in itertools.pairwise(times)]
    durations = [duration if duration > 0 else _DEFAULT_SECONDS for duration in durations]
    promised = len(durations)
    return Animation("AVIF", data, (0, 0), durations[:whole], promised, _avif_plays(data), end > length)


def _end_of_boxes(data: bytes) -> int:
    """Return the end of the last box of a file (ISO/IEC 14496-12, 4.2), which may be behind the file's end."""
    return max((end for _, _, end in _boxes(data, 0, len(data))), default=len(data))


def _boxes(data: bytes, at: int, until: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start of the content, and end of each box that begins between two positions."""
    while at + 8 <= until:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and at + 16 <= until:
            (size,), start = struct.unpack_from(">Q", data, at + 8), at + 16
        size = until - at if size == 0 else size
        if size < start - at:
            return
        yield kind, start, at + size
        at += size


def _find_box(data: bytes, *path: bytes) -> int:
    """Return the start of the content of the first box at the end of a path of names, -1 if there is none."""
    at, until = 0, len(data)
    for name in path:
        found = next(((start, end) for kind, start, end in _boxes(data, at, until) if kind == name), None)
        if found is None:
            return -1
        at, until = found[0], min(found[1], len(data))
    return at


def _avif_plays(data: bytes) -> int:
    """Return how often a sequence plays: its edit list repeats until the end of the track; 0 if it does not say."""
    edits, track = (_find_box(data, b"moov", b"trak", *names) for names in ((b"edts", b"elst"), (b"tkhd",)))
    if edits < 0 or track < 0:
        return 0
    if not data[edits + 3] & _EDIT_REPEATS:
        return 1
    (segment,) = struct.unpack_from(">Q" if data[edits] else ">I", data, edits + 8)
    (duration,) = struct.unpack_from(*((">Q", data, track + 28) if data[track] else (">I", data, track + 20)))
    return 0 if duration in _ENDLESS or not segment else -(-duration // segment)
