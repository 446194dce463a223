"""Videos from strangers: what they are, how large and how long, told by their content."""

from __future__ import annotations

from dataclasses import dataclass

import av
import av.error

from files.kinds import kind_of
from files.video_source import VideoSource
from page.errors import PageError, plain
from page.pictures import check_pixels
from page.settings import Limits
from pipeline.errors import BackgroundRemovalError

# What browsers are told; what they cannot play, they say.
MEDIA = {".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}
_BY_CONTAINER = {"mov": "video/mp4", "matroska": "video/webm"}


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is processed.

    Attributes:
        width, height: In pixels, upright.
        frames: How many there are expected to be, None if that is unknown.
        seconds: How long it is, 0 if that is unknown.
        sound: Whether it has any.
        media: Its type, as HTTP calls it.
    """

    width: int
    height: int
    frames: int | None
    seconds: float
    sound: bool
    media: str


def probe(path: str, name: str, limits: Limits) -> VideoInfo:
    """Return what there is to know of a video that a visitor has sent.

    Args:
        path: Where it is.
        name: What he calls it.
        limits: How large and long it may be.

    Raises:
        PageError: it is no video that can be read, or too large or too long.
    """
    # Only what is a video by its first bytes is shown to FFmpeg, which would follow the addresses in a playlist.
    if kind_of(path) != "video":
        raise PageError(415, f"{name}: is not a video; send MP4, WebM, MOV, MKV, AVI or another one")
    try:
        with av.open(path) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise PageError(415, f"{name}: there is no video in it")
            context = stream.codec_context
            check_pixels(name, (context.width, context.height), limits.video_pixels)  # before one is decoded
            seconds = container.duration / av.time_base if container.duration else 0.0
            sound = container.streams.best("audio") is not None
            media = _BY_CONTAINER.get(container.format.name.split(",")[0], "application/octet-stream")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PageError(422, f"{name}: cannot be read as a video") from error
    if seconds > limits.video_seconds:
        raise PageError(
            413, f"{name}: takes {seconds / 60:.0f} minutes, which is more than {limits.video_seconds // 60}; cut it"
        )
    try:
        with VideoSource(path, name) as source:
            info = source.info
    except BackgroundRemovalError as error:
        raise PageError(422, plain(error)) from error
    return VideoInfo(info.width, info.height, info.frames, round(seconds, 3), sound, media)
