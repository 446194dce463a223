"""A virtual camera that meeting programs see, through pyvirtualcam."""

from __future__ import annotations

import sys
import threading
from typing import Any

import cv2
import numpy as np

from files.color.yuv import FromBgr
from files.images import fitted
from live.devices import is_open_elsewhere
from pipeline.errors import InputError, ProcessingError
from pipeline.frame import ColorDescription, Frame, Planes, Sink, StreamInfo, image_of
from pipeline.worker import Worker

# How often the system is asked who is watching.
_LOOK_SECONDS = 1.0
# What is announced where the stream has no rate of its own, in frames per second.
_USUAL_RATE = 30
# What meeting programs take a camera's values for, and what drivers make of BGR: BT.601 between 16 and 235.
_COLOR = ColorDescription(matrix=6, range=1, primaries=1, transfer=1)
_DRIVERS = {
    "linux": (
        "apt-get install v4l2loopback-dkms, then "
        "modprobe v4l2loopback devices=1 exclusive_caps=1 card_label='Background Removal'"
    ),
    "darwin": "install OBS Studio and start its virtual camera once",
    "win32": "install OBS Studio, which brings the driver",
}


class VirtualCamera(Sink):
    """Shows frames to whoever looks at a virtual camera.

    Args:
        device: Its name, /dev/video10 or "OBS Virtual Camera" for instance; "" takes the first one.
        size: Its width and height, None for the stream's; frames of another size are scaled to fit, with black at
            their sides.
    """

    def __init__(self, device: str, size: tuple[int, int] | None = None) -> None:
        self._device = device
        self._wanted_size = size
        self._camera: Any = None
        self._closed = threading.Event()
        self._viewers: Worker[None] | None = None
        self._watched = True

    @property
    def watched(self) -> bool:
        """Whether another program has the camera open; True where the system does not say."""
        return self._watched

    def open(self, info: StreamInfo) -> None:
        """Open the camera; raises InputError if pyvirtualcam or the system's driver is missing."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError(
                "the virtual camera needs an extra package: python -m pip install -r requirements-live.txt"
            ) from error
        self._size = self._wanted_size or (info.width, info.height)
        # Backends take either, and those of Linux make the first of the second; only the second goes with odd sizes.
        in_planes = info.color is not None and not (self._size[0] % 2 or self._size[1] % 2)
        pixels = pyvirtualcam.PixelFormat.I420 if in_planes else pyvirtualcam.PixelFormat.BGR
        self._to_planes = FromBgr(_COLOR, "yuv420p", *self._size) if in_planes else None
        try:
            self._camera = pyvirtualcam.Camera(
                *self._size,
                float(info.rate or _USUAL_RATE),
                fmt=pixels,
                device=self._device or None,
            )
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())
            driver = _DRIVERS.get(sys.platform, "install its driver")
            raise InputError(f"no virtual camera {self._device}: {reason}; {driver}".replace(" :", ":")) from error
        self._viewers = Worker(self._look_for_viewers, "viewers", stop=self._closed.set)
        self._viewers.__enter__()

    @property
    def device(self) -> str:
        """The name under which others find it."""
        return self._camera.device

    def write(self, frame: Frame) -> None:
        """Show one frame.

        Raises:
            ProcessingError: the device is gone.
        """
        try:
            self._camera.send(self._pixels(frame.picture))
        except (RuntimeError, OSError) as error:
            raise ProcessingError(f"virtual camera {self._device}: {' '.join(str(error).split())}") from error

    def _pixels(self, picture: np.ndarray | Planes) -> np.ndarray:
        """Return a picture as the camera takes it: uint8 (H, W, 3) BGR, or Y, Cb and Cr one after another."""
        if self._to_planes is not None and isinstance(picture, Planes) and self._to_planes.takes(picture):
            return np.concatenate([layer.reshape(-1) for layer in picture.in_range(_COLOR.full_range).layers])
        image = image_of(picture)
        image = image if image.shape[2] == 3 else cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
        if image.shape[1::-1] != self._size:
            image = fitted(image, *self._size)
        return np.ascontiguousarray(image) if self._to_planes is None else self._to_planes(image).to_ndarray()

    def close(self, error: BaseException | None = None) -> None:
        if self._viewers is not None:
            self._viewers.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _look_for_viewers(self, worker: Worker[None]) -> None:
        device, seen = self.device, True
        while not self._closed.wait(_LOOK_SECONDS):
            before, seen = seen, is_open_elsewhere(device, otherwise=True)
            self._watched = seen or before  # one look that sees nobody may be chance
