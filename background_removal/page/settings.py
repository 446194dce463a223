"""What a page is served with: where, which look it starts with, and how much it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from background_removal.live.options import CameraOptions
from background_removal.page.looks import Look

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a page takes; each is told to a visitor who exceeds it.

    Attributes:
        photo_bytes, pixels: Of one picture; the largest cameras of phones make 50 million pixels and 30 MB.
        photos: How many pictures, photos and backgrounds together, are kept at once.
        video_bytes, video_seconds, video_pixels: Of one video, and of one of its frames.
        videos: How many videos are kept at once.
        stored_bytes: Of all that is kept together, results included.
        keep_seconds: What nobody has asked for during that time is removed.
        cameras: How many cameras are processed at once; each has networks of its own.
        waiting: How many pictures may wait to be processed.
        frame_bytes, frame_pixels: Of one frame of a camera.
        connections: How many there may be at once.
    """

    photo_bytes: int = 50 << 20
    pixels: int = 50_000_000
    photos: int = 300
    video_bytes: int = 2 << 30
    video_seconds: int = 3600
    video_pixels: int = 4096 * 2304
    videos: int = 20
    stored_bytes: int = 10 << 30
    keep_seconds: int = 3600
    cameras: int = 4
    waiting: int = 32
    frame_bytes: int = 4 << 20
    frame_pixels: int = 1920 * 1200
    connections: int = 64


@dataclass(frozen=True, slots=True)
class Settings:
    """What a page is served with.

    Attributes:
        look: What it starts with.
        pictures: Paths of pictures of the owner's that `look` needs, by the ids that it names them with.
        network: Arguments for `MPSegmentation` that say which networks run, and where.
        host, port: Where it listens; port 0 for any that is free.
        open_browser: Whether the browser is opened.
        certificate, key: Files for HTTPS, "" for HTTP.
        webcam: A camera of this computer that visitors may see; None for none.
        camera: What is asked of it.
        limits: How much it takes.
    """

    look: Look = field(default_factory=Look)
    pictures: Mapping[str, str] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8765
    open_browser: bool = True
    certificate: str = ""
    key: str = ""
    webcam: str | None = None
    camera: CameraOptions = field(default_factory=CameraOptions)
    limits: Limits = field(default_factory=Limits)
