"""Check uploaded videos by their content: kind, size and duration."""

from __future__ import annotations

from dataclasses import dataclass

import av

from background_removal.errors import BackgroundRemovalError
from background_removal.files.animations import animation_format, read_animation
from background_removal.files.kinds import detect_kind
from background_removal.files.video.animation_source import AnimationSource, is_read_here
from background_removal.files.video.opening import declared_size, open_video
from background_removal.files.video.video_source import VideoSource
from background_removal.page.http_errors import PageError, plain_message
from background_removal.page.image_codec import check_pixels
from background_removal.page.settings import Limits

# Media types of results, by file suffix.
MEDIA_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime"}
# Media types of uploads, by FFmpeg's name of the container.
_CONTAINER_MEDIA_TYPES = {"mov": "video/mp4", "matroska": "video/webm", "gif": "image/gif"}


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Properties of a video before it is processed.

    Attributes:
        width, height: Size in pixels, upright.
        frames: Expected number of frames, None if unknown.
        seconds: Duration, 0 if unknown.
        sound: Whether it has sound.
        media_type: Type for HTTP.
    """

    width: int
    height: int
    frames: int | None
    seconds: float
    sound: bool
    media_type: str


def probe_video(path: str, name: str, limits: Limits) -> VideoInfo:
    """Return the properties of an uploaded video.

    Args:
        path: The file.
        name: The visitor's name for it.
        limits: Largest size and duration.

    Raises:
        PageError: the file is not a readable video, or too large or too long.
    """
    # Checked first, as FFmpeg guesses further: it would read pictures and playlists of other files as well.
    if detect_kind(path) != "video":
        raise PageError(415, f"{name}: is not a video; send MP4, WebM, MOV, MKV, AVI or another one")
    try:
        if is_read_here(path):
            return _probe_animation(path, name, limits)
        with open_video(path, name) as container:
            stream = container.streams.best("video")
            if stream is None:
                raise PageError(415, f"{name}: there is no video in it")
            check_pixels(name, declared_size(path, stream.index), limits.video_pixels)  # before a frame is decoded
            seconds = container.duration / av.time_base if container.duration else 0.0
            sound = container.streams.best("audio") is not None
            container_name = container.format.name.split(",")[0]
            media_type = _CONTAINER_MEDIA_TYPES.get(container_name, "application/octet-stream")
        _check_seconds(name, seconds, limits)
        with VideoSource(path, name, warns=False) as source:
            info = source.info
    except BackgroundRemovalError as error:
        raise PageError(422, plain_message(error)) from error
    check_pixels(name, (info.width, info.height), limits.video_pixels)
    return VideoInfo(info.width, info.height, info.frames, round(seconds, 3), sound, media_type)


def _probe_animation(path: str, name: str, limits: Limits) -> VideoInfo:
    """Return the properties of an uploaded animation; raises as `probe_video` does, and what its source raises."""
    animation = read_animation(path)
    if animation is not None:
        check_pixels(name, animation.size, limits.video_pixels)  # before a frame is decoded
        _check_seconds(name, float(sum(animation.durations)), limits)
    with AnimationSource(path, name, warns=False) as source:
        info = source.info
    check_pixels(name, (info.width, info.height), limits.video_pixels)
    seconds = float(info.frames / info.rate) if info.frames and info.rate else 0.0
    media_type = f"image/{animation_format(path).lower()}"
    return VideoInfo(info.width, info.height, info.frames, round(seconds, 3), False, media_type)


def _check_seconds(name: str, seconds: float, limits: Limits) -> None:
    if seconds > limits.video_seconds:
        most = limits.video_seconds // 60
        raise PageError(413, f"{name}: takes {seconds / 60:.0f} minutes, which is more than {most}; cut it")
