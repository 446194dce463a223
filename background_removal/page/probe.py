"""Videos from strangers: what they are, how large and how long, told by their content."""

from __future__ import annotations

from dataclasses import dataclass

import av

from background_removal.errors import BackgroundRemovalError
from background_removal.files.kinds import detect_kind
from background_removal.files.video.opening import declared_size, open_video
from background_removal.files.video.video_source import VideoSource
from background_removal.page.http_errors import PageError, plain
from background_removal.page.image_codec import check_pixels
from background_removal.page.settings import Limits

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
    # FFmpeg would guess further: what is a list of other files to it, or a picture, has another beginning.
    if detect_kind(path) != "video":
        raise PageError(415, f"{name}: is not a video; send MP4, WebM, MOV, MKV, AVI or another one")
    try:
        with open_video(path, name) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise PageError(415, f"{name}: there is no video in it")
            check_pixels(name, declared_size(path, stream.index), limits.video_pixels)  # before a frame is decoded
            seconds = container.duration / av.time_base if container.duration else 0.0
            sound = container.streams.best("audio") is not None
            media = _BY_CONTAINER.get(container.format.name.split(",")[0], "application/octet-stream")
        if seconds > limits.video_seconds:
            most = limits.video_seconds // 60
            raise PageError(413, f"{name}: takes {seconds / 60:.0f} minutes, which is more than {most}; cut it")
        with VideoSource(path, name, warns=False) as source:
            info = source.info
    except BackgroundRemovalError as error:
        raise PageError(422, plain(error)) from error
    check_pixels(name, (info.width, info.height), limits.video_pixels)
    return VideoInfo(info.width, info.height, info.frames, round(seconds, 3), sound, media)
