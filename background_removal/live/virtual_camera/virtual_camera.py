"""A virtual camera that meeting programs see, through pyvirtualcam."""

from __future__ import annotations

import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.files.images import letterbox
from background_removal.files.video.color.yuv import FromBgr
from background_removal.live.camera.devices import is_open_elsewhere
from background_removal.live.options import LiveOptions
from background_removal.live.virtual_camera.card import blur_image, draw_card
from background_removal.pipeline.actions import CARD, keys_of
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, Sink, StreamInfo, to_image
from background_removal.pipeline.worker import Worker
from background_removal.support.installing import install_command

# How often the system is asked who is watching.
_LOOK_SECONDS = 1.0
# What is announced where the stream has no rate of its own, in frames per second.
_USUAL_RATE = 30
# So many of a camera's frames tell its rate, which is announced if it differs by more than this share from what the
# camera has said: in the dark many give half of it, and streams say 25 whatever they give.
_MEASURED_FRAMES, _RATE_TOLERANCE = 31, 0.1
# A frame that is late by no more than half an interval is waited for, before the last one is shown again.
_LATE = 1.5
# After so long without a frame the camera is lost, whether it is said so or not; a slow one after so many times the
# interval of its last two, but never later than after the last of these.
_LOST_SECONDS, _LOST_INTERVALS, _SURELY_LOST_SECONDS = 1.0, 3, 5.0
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
    """Shows frames to whoever looks at a virtual camera, or a card instead of them.

    The card is shown when the key x asks for it, and while the camera is lost; with it or with the last picture the
    rate is kept while no frames come.

    Args:
        device: Its name, /dev/video10 or "OBS Virtual Camera" for instance; "" takes the first one.
        size: Its width and height, None for the stream's; frames of another size are scaled to fit, with black at
            their sides.
        card: The picture of the card, uint8 (H, W, 3) BGR; None makes one.
        transparent_color: (B, G, R) that is shown where frames are transparent.
        room: Returns what is behind the people of the last frame, uint8 (H, W, 3) BGR, for a card to be made of it.
    """

    actions = (CARD,)
    keys: Mapping[str, str] = keys_of(actions)
    alters = False

    def __init__(
        self,
        device: str,
        size: tuple[int, int] | None = None,
        *,
        card: np.ndarray | None = None,
        transparent_color: tuple[int, int, int] = LiveOptions.transparent_color,
        room: Callable[[], np.ndarray | None] = lambda: None,
    ) -> None:
        self._device = device
        self._wanted_size = size
        self._own_card = card
        self._transparent_color = transparent_color
        self._room = room
        self._camera: Any = None
        self._closed = threading.Event()
        self._viewers: Worker[None] | None = None
        self._watched = True
        self._last: np.ndarray | Planes | None = None
        self._asked_for_card = False
        self._card: np.ndarray | None = None
        self._came_at = self._lost_at = self._due = 0.0
        self._first: list[tuple[int, float]] = []

    @property
    def has_viewers(self) -> bool:
        """Whether another program has the camera open; True where the system does not say."""
        return self._watched

    def open(self, info: StreamInfo) -> None:
        """Open the camera; raises InputError if pyvirtualcam or the system's driver is missing."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError(f"the virtual camera needs an extra package: {install_command('live')}") from error
        self._pyvirtualcam = pyvirtualcam
        self._size = self._wanted_size or (info.width, info.height)
        # Backends take either, and those of Linux make the first of the second; only the second goes with odd sizes.
        in_planes = info.color is not None and not (self._size[0] % 2 or self._size[1] % 2)
        self._format = pyvirtualcam.PixelFormat.I420 if in_planes else pyvirtualcam.PixelFormat.BGR
        self._to_planes = FromBgr(_COLOR, "yuv420p", *self._size) if in_planes else None
        self._open_at(float(info.rate or _USUAL_RATE))
        self._viewers = Worker(self._look_for_viewers, "viewers", stop=self._closed.set)
        self._viewers.__enter__()

    def _open_at(self, rate: float) -> None:
        """Open the camera at so many frames a second."""
        self._rate = rate
        try:
            self._camera = self._pyvirtualcam.Camera(*self._size, rate, fmt=self._format, device=self._device or None)
        except (RuntimeError, ValueError, OSError) as error:
            driver = _DRIVERS.get(sys.platform, "install its driver")
            raise InputError(
                f"no virtual camera {self._device}: {reason(error)}; {driver}".replace(" :", ":")
            ) from error

    @property
    def device(self) -> str:
        """The name under which others find it."""
        return self._camera.device

    def write(self, frame: Frame) -> None:
        """Show one frame.

        Raises:
            ProcessingError: the device is gone.
        """
        self._announce_real_rate(frame)
        before, self._last, self._came_at = self._came_at, frame.picture, time.monotonic()
        slow = _LOST_INTERVALS * (self._came_at - before)
        self._lost_at = self._came_at + min(max(_LOST_SECONDS, slow), _SURELY_LOST_SECONDS)
        self._due = self._came_at + _LATE / self._rate
        if not self._asked_for_card:
            self._card = None
        self._send()

    def idle(self, status: str) -> None:
        """Keep the rate while no frame comes: with the last picture, or the card once the camera is lost."""
        now = time.monotonic()
        if self._last is None or not self._watched or now < self._due:
            return
        if self._card is None and (status or now >= self._lost_at):
            behind = self._room()
            if behind is None:
                behind = blur_image(_opaque(to_image(self._last), self._transparent_color))
            self._show_card(behind)
        self._send()
        self._due = max(self._due + 1 / self._rate, now)

    def on_key(self, key: str) -> bool | str:
        """Show the card, or no longer, by the key x."""
        if key not in CARD.keys:
            return False
        self._asked_for_card = not self._asked_for_card
        if self._asked_for_card:
            self._show_card(self._room())
            return "others see the card"
        return "others see you"

    @property
    def signs(self) -> Sequence[str]:
        """That others see the card."""
        return ("others see the card",) if self._card is not None else ()

    def status(self) -> dict[str, Any]:
        return {"card": self._asked_for_card, "camera lost": self._card is not None and not self._asked_for_card}

    def _show_card(self, behind: np.ndarray | None) -> None:
        self._card = self._pixels(draw_card(self._size, self._own_card, behind))

    def _send(self) -> None:
        """Send the card, if it is shown, or else the last picture."""
        assert self._last is not None
        try:
            self._camera.send(self._pixels(self._last) if self._card is None else self._card)
        except (RuntimeError, OSError) as error:
            raise ProcessingError(f"virtual camera {self._device}: {reason(error)}") from error

    def _pixels(self, picture: np.ndarray | Planes) -> np.ndarray:
        """Return a picture as the camera takes it: uint8 (H, W, 3) BGR, or Y, Cb and Cr one after another."""
        if self._to_planes is not None and isinstance(picture, Planes) and self._to_planes.accepts(picture):
            return np.concatenate([layer.reshape(-1) for layer in picture.to_range(_COLOR.full_range).layers])
        image = _opaque(to_image(picture), self._transparent_color)
        if image.shape[1::-1] != self._size:
            image = letterbox(image, *self._size)
        return np.ascontiguousarray(image) if self._to_planes is None else self._to_planes(image).to_ndarray()

    def _announce_real_rate(self, frame: Frame) -> None:
        """Open the camera anew if the first frames come at another rate than the source has said."""
        if len(self._first) == _MEASURED_FRAMES:
            return
        self._first.append((frame.index, frame.seconds))
        if len(self._first) < _MEASURED_FRAMES:
            return
        # Their numbers tell of those as well that came too fast for us. Not their mean: the first ones come late, as
        # networks warm up, or at once, as streams keep some ready.
        interval = statistics.median(
            (after[1] - before[1]) / max(1, after[0] - before[0]) for before, after in itertools.pairwise(self._first)
        )
        if interval > 0 and abs(1 / interval / self._rate - 1) > _RATE_TOLERANCE:
            self._camera.close()
            self._open_at(float(round(1 / interval)) or 1.0)

    def close(self, error: BaseException | None = None) -> None:
        if self._viewers is not None:
            self._viewers.close()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _look_for_viewers(self, worker: Worker[None]) -> None:
        device, seen = self.device, True
        while not self._closed.wait(_LOOK_SECONDS):
            before, seen = seen, is_open_elsewhere(device, default=True)
            self._watched = seen or before  # one look that sees nobody may be chance


def _opaque(image: np.ndarray, bgr: tuple[int, int, int]) -> np.ndarray:
    """Return BGR (H, W, 3) as it is, and BGRA (H, W, 4) over one colour."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3].astype(np.float32) / 255
    ground = np.full((*image.shape[:2], 3), bgr, np.uint8)
    return cv2.blendLinear(np.ascontiguousarray(image[..., :3]), ground, alpha, 1 - alpha)
