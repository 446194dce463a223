"""Safe opening of videos: no other files are read, and size limits are enforced."""

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

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.files.foreign import is_text
from background_removal.support import limits

# FFmpeg's demuxers that read files, devices or addresses other than the given one: scripts and playlists, name
# patterns, sidecars.
_UNSAFE_DEMUXERS = frozenset({
    "concat", "dash", "hls", "imf", "image2", "lavfi", "mlv", "rtp", "rtsp", "sap", "sdp", "vobsub",
    "webm_dash_manifest", "avisynth", "vapoursynth",
    "alsa", "fbdev", "kmsgrab", "oss", "video4linux2,v4l2", "x11grab", "dshow", "gdigrab", "avfoundation",
})  # fmt: skip
# First bytes of scripts and playlists, for the error message.
_PLAYLIST_MAGIC = (b"ffconcat", b"#EXTM3U")


def open_video(path: str, name: str = "") -> InputContainer:
    """Open a local video or sound file; the caller closes it.

    Args:
        path: The file.
        name: Its name in messages, `path` if empty.

    Raises:
        InputError: it is neither, or it refers to other files, which is not allowed (`support.limits.set_limits`).
        ProcessingError: this process has no file handle left.
    """
    name = name or path
    # The limit holds for the decoders that probe the file, too.
    options = {"max_pixels": str(limits.max_decoded_pixels())}
    if not limits.may_follow_lists():
        options |= {"format_whitelist": _safe_demuxers(), "protocol_whitelist": "file"}
    try:
        return cast("InputContainer", av.open(path, options=options))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if not limits.may_follow_lists() and _is_playlist(path):
            raise InputError(
                f"{name}: is a list of other files, which are not read; if you trust it, say `follow`"
            ) from None
        why = getattr(error, "strerror", None) or reason(error)
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):  # not an error of the file
            raise ProcessingError(f"{name}: cannot be opened ({why})") from None
        why = "it is a text file" if is_text(path) else why
        raise InputError(f"{name}: not a readable video ({why})") from None


def has_sound(path: str) -> bool:
    """Return whether a file holds sound; False if it cannot be opened."""
    try:
        with open_video(path) as container:
            return bool(container.streams.audio)
    except (InputError, ProcessingError):
        return False


def declared_size(path: str, index: int) -> tuple[int, int]:
    """Return width and height of a video stream from the file's header, without any decoder; 0 if unknown."""
    try:
        with av.open(path, options={"format_whitelist": _safe_demuxers(), "codec_whitelist": "none"}) as container:
            context = container.streams[index].codec_context
            return (context.width, context.height) if isinstance(context, VideoCodecContext) else (0, 0)
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return 0, 0


@functools.cache
def _safe_demuxers() -> str:
    """Return FFmpeg's names of all demuxers that read only the given file."""
    return ",".join(sorted(name for name in av.format.formats_available if name not in _UNSAFE_DEMUXERS))


def _is_playlist(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(16).lstrip(b"\xef\xbb\xbf").startswith(_PLAYLIST_MAGIC)
    except OSError:
        return False
