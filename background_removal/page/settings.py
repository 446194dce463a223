"""Settings of a served page: address, first look, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from background_removal.live.options import CameraOptions, LiveOptions
from background_removal.look import Look

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Limits:
    """Quotas of a page; a visitor who exceeds one gets its value in the message.

    Attributes:
        photo_bytes, pixels: Of one picture; the largest cameras of phones make 50 million pixels and 30 MB.
        photos: Pictures kept at once, photos and backgrounds together.
        video_bytes, video_seconds, video_pixels: Of one video, and of one of its frames.
        videos: Videos kept at once.
        stored_bytes: Of all uploads and their results together.
        keep_seconds: Age at which an unused upload is removed.
        cameras: Cameras processed at once; each has networks of its own.
        waiting: Pictures that may wait to be processed.
        frame_bytes, frame_pixels: Of one camera frame.
        connections: Connections open at once.
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
    """Settings of a page.

    Attributes:
        look: The look at the start.
        pictures: Paths of the owner's pictures that `look` uses, by upload id.
        network: Arguments of `MPSegmentation` for the networks and their device.
        host, port: Address to listen at; port 0 takes a free one.
        open_browser: Whether the browser is opened.
        addresses: Addresses to print and to offer; () for `host`.
        certificate, key: Files for HTTPS, "" for HTTP; without a key it is in the file of the certificate.
        authority: Certificate of the authority that issued `certificate`, DER, for phones to install; b"" for none.
        token: Token that visitors need; "" for a new one where one is needed.
        webcam: A camera of this computer offered to visitors; None for none.
        camera: Options of that camera.
        virtual_camera: Options of a virtual camera that shows a visitor's camera to programs of this computer; None for
            none.
        models: Returns the names of the networks that are on this computer.
        limits: Quotas.
    """

    look: Look = field(default_factory=Look)
    pictures: Mapping[str, str] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8765
    open_browser: bool = True
    addresses: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    authority: bytes = b""
    token: str = field(default="", repr=False)
    webcam: str | None = None
    camera: CameraOptions = field(default_factory=CameraOptions)
    virtual_camera: LiveOptions | None = None
    models: Callable[[], Sequence[str]] = tuple
    limits: Limits = field(default_factory=Limits)
