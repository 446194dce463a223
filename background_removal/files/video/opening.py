"""Opening a video that somebody has given: that file alone is read, and no more of it than is allowed."""

from __future__ import annotations

import errno
import functools
from pathlib import Path
from typing import cast

import av
import av.error
import av.format
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from background_removal.errors import InputError, ProcessingError
from background_removal.support import limits

# FFmpeg's demuxers that read other files, devices or addresses than the one that they are given: scripts and
# playlists, patterns of names, sidecars.
_REACHING = frozenset({
    "concat", "dash", "hls", "imf", "image2", "lavfi", "mlv", "rtp", "rtsp", "sap", "sdp", "vobsub",
    "webm_dash_manifest", "avisynth", "vapoursynth",
    "alsa", "fbdev", "kmsgrab", "oss", "video4linux2,v4l2", "x11grab", "dshow", "gdigrab", "avfoundation",
})  # fmt: skip
# How scripts and playlists begin, for the words of a refusal.
_HEADS_OF_LISTS = (b"ffconcat", b"#EXTM3U")


def open_video(path: str, name: str = "") -> InputContainer:
    """Open a local video or sound file; it is closed by whoever asks for it.

    Args:
        path: The file.
        name: What to call it in messages, `path` if empty.

    Raises:
        InputError: it is none, or one that would read others, which is not allowed (`support.limits.set_limits`).
        ProcessingError: this process has no file handle left.
    """
    name = name or path
    # The decoders that probe it spend no memory on more than that either.
    options = {"max_pixels": str(limits.max_decoded_pixels())}
    if not limits.may_follow_lists():
        options |= {"format_whitelist": _formats(), "protocol_whitelist": "file"}
    try:
        return cast("InputContainer", av.open(path, options=options))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if not limits.may_follow_lists() and _is_list(path):
            raise InputError(
                f"{name}: is a list of other files, which are not read; if you trust it, say `follow`"
            ) from None
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):  # that is not the file's fault
            raise ProcessingError(f"{name}: cannot be opened ({reason(error)})") from None
        raise InputError(f"{name}: not a readable video ({reason(error)})") from None


def declared_size(path: str, index: int) -> tuple[int, int]:
    """Return width and height of a video stream as the file's header has them, without any decoder; 0 if not at all."""
    try:
        with av.open(path, options={"format_whitelist": _formats(), "codec_whitelist": "none"}) as container:
            context = container.streams[index].codec_context
            return (context.width, context.height) if isinstance(context, VideoCodecContext) else (0, 0)
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return 0, 0


def reason(error: Exception) -> str:
    """Return what an error of FFmpeg or the system says, in one line."""
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]


@functools.cache
def _formats() -> str:
    """Return FFmpeg's names of all demuxers that keep to the file that they are given."""
    return ",".join(sorted(name for name in av.format.formats_available if name not in _REACHING))


def _is_list(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(16).lstrip(b"\xef\xbb\xbf").startswith(_HEADS_OF_LISTS)
    except OSError:
        return False
