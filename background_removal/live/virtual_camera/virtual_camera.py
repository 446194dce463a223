"""A virtual camera that meeting programs see, through pyvirtualcam."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.files.images import letterbox
from background_removal.files.video.color.yuv import FromBgr
from background_removal.live.camera.devices import is_open_elsewhere
from background_removal.live.options import LiveOptions
from background_removal.live.virtual_camera.card import blur_image, draw_card
from background_removal.live.virtual_camera.pacing import FramePacer
from background_removal.pipeline.actions import CARD, Action, Actor
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, Sink, StreamInfo, to_image
from background_removal.pipeline.worker import Worker
from background_removal.support.installing import install_command
from background_removal.support.transparency import flatten

# Polling interval for viewers, seconds.
_VIEWERS_POLL_SECONDS = 1.0
# Announced rate if the stream has none, frames per second.
_DEFAULT_RATE = 30
# Colour description that meeting programs and drivers assume: BT.601 from 16 to 235.
_COLOR = ColorDescription(matrix=6, range=1, primaries=1, transfer=1)
# How to install a driver, by `sys.platform`.
_DRIVERS = {
    "linux": (
        "apt-get install v4l2loopback-dkms, then "
        "modprobe v4l2loopback devices=1 exclusive_caps=1 card_label='Background Removal'"
    ),
    "darwin": "install OBS Studio and start its virtual camera once",
    "win32": "install OBS Studio, which brings the driver",
}


class VirtualCamera(Sink, Actor):
    """Shows frames, or a card instead of them, on a virtual camera.

    The card is shown on the key x, and while the camera is lost. While no frames come, the card or the last picture is
    repeated at the camera's rate.

    Args:
        device: Name, such as /dev/video10 or "OBS Virtual Camera"; "" for the first one.
        size: Width and height, None for the stream's; frames of another size are scaled to fit, with black bars.
        card: Picture of the card, uint8 (H, W, 3) BGR; None makes one.
        transparent_color: (B, G, R) of transparent pixels.
        background: Returns the background of the last frame without people, uint8 (H, W, 3) BGR, for the card.
    """

    def __init__(
        self,
        device: str,
        size: tuple[int, int] | None = None,
        *,
        card: np.ndarray | None = None,
        transparent_color: tuple[int, int, int] = LiveOptions.transparent_color,
        background: Callable[[], np.ndarray | None] = lambda: None,
    ) -> None:
        self._device = device
        self._wanted_size = size
        self._own_card = card
        self._transparent_color = transparent_color
        self._background = background
        self._camera: Any = None
        self._closed = threading.Event()
        self._viewers: Worker[None] | None = None
        self._has_viewers = True
        self._last: np.ndarray | Planes | None = None
        self._card_requested = False
        self._card: np.ndarray | None = None

    @property
    def has_viewers(self) -> bool:
        """Whether another program has the camera open; True where the system does not say."""
        return self._has_viewers

    def open(self, info: StreamInfo) -> None:
        """Open the camera; raises InputError if pyvirtualcam or the driver is missing."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError(f"the virtual camera needs an extra package: {install_command('live')}") from error
        self._pyvirtualcam = pyvirtualcam
        self._size = self._wanted_size or (info.width, info.height)
        # Backends take either format, and that of Linux converts BGR to I420; odd sizes need BGR.
        in_planes = info.color is not None and not (self._size[0] % 2 or self._size[1] % 2)
        self._format = pyvirtualcam.PixelFormat.I420 if in_planes else pyvirtualcam.PixelFormat.BGR
        self._to_planes = FromBgr(_COLOR, "yuv420p", *self._size) if in_planes else None
        self._pacer = FramePacer(float(info.rate or _DEFAULT_RATE))
        self._open_camera()
        self._viewers = Worker(self._poll_viewers, "viewers", stop=self._closed.set)
        self._viewers.__enter__()

    def _open_camera(self) -> None:
        """Open the camera at the pacer's rate."""
        rate, device = self._pacer.rate, self._device or None
        try:
            self._camera = self._pyvirtualcam.Camera(*self._size, rate, fmt=self._format, device=device)
        except (RuntimeError, ValueError, OSError) as error:
            driver = _DRIVERS.get(sys.platform, "install its driver")
            raise InputError(
                f"no virtual camera {self._device}: {reason(error)}; {driver}".replace(" :", ":")
            ) from error

    @property
    def device(self) -> str:
        """Name of the device for other programs."""
        return self._camera.device

    def write(self, frame: Frame) -> None:
        """Show one frame.

        Raises:
            ProcessingError: the device is gone.
        """
        real_rate = self._pacer.measure_rate(frame)
        if real_rate is not None:
            self._camera.close()
            self._pacer.rate = real_rate
            self._open_camera()
        self._last = frame.picture
        self._pacer.add_frame(time.monotonic())
        if not self._card_requested:
            self._card = None
        self._send()

    def idle(self, status: str) -> None:
        """Keep the rate while no frame comes: repeat the last picture, or the card once the camera is lost."""
        now = time.monotonic()
        if self._last is None or not self._has_viewers or not self._pacer.is_due(now):
            return
        if self._card is None and (status or self._pacer.is_lost(now)):
            background = self._background()
            if background is None:
                background = blur_image(flatten(to_image(self._last), self._transparent_color))
            self._show_card(background)
        self._send()
        self._pacer.add_repeat(now)

    @property
    def actions(self) -> Sequence[Action]:
        return (CARD.bind(self.switch_card, lambda: self._card_requested),)

    def switch_card(self, on: bool) -> str:
        """Show or hide the card; return the message."""
        self._card_requested = on
        if on:
            self._show_card(self._background())
        return "others see the card" if on else "others see you"

    @property
    def badges(self) -> Sequence[str]:
        return ("others see the card",) if self._card is not None else ()

    def status(self) -> dict[str, Any]:
        return {"card": self._card_requested, "camera lost": self._card is not None and not self._card_requested}

    def _show_card(self, background: np.ndarray | None) -> None:
        self._card = self._convert(draw_card(self._size, self._own_card, background))

    def _send(self) -> None:
        """Send the card if it is shown, otherwise the last picture."""
        assert self._last is not None
        try:
            self._camera.send(self._convert(self._last) if self._card is None else self._card)
        except (RuntimeError, OSError) as error:
            raise ProcessingError(f"virtual camera {self._device}: {reason(error)}") from error

    def _convert(self, picture: np.ndarray | Planes) -> np.ndarray:
        """Convert a picture to the camera's format: uint8 (H, W, 3) BGR, or Y, Cb and Cr concatenated."""
        if self._to_planes is not None and isinstance(picture, Planes) and self._to_planes.accepts(picture):
            return np.concatenate([layer.reshape(-1) for layer in picture.to_range(_COLOR.full_range).layers])
        image = flatten(to_image(picture), self._transparent_color)
        if image.shape[1::-1] != self._size:
            image = letterbox(image, *self._size)
        return np.ascontiguousarray(image) if self._to_planes is None else self._to_planes(image).to_ndarray()

    def close(self, error: BaseException | None = None) -> None:
        if self._viewers is not None:
            self._viewers.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _poll_viewers(self, worker: Worker[None]) -> None:
        device, is_open = self.device, True
        while not self._closed.wait(_VIEWERS_POLL_SECONDS):
            was_open, is_open = is_open, is_open_elsewhere(device, default=True)
            self._has_viewers = is_open or was_open  # a single negative result may be chance
