"""Cameras: local ones by number or path, through OpenCV, and network streams (HTTP, RTSP) by URL, through PyAV."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import cv2
import numpy as np

from background_removal.errors import CameraError, ProcessingError
from background_removal.live.camera.devices import is_open_elsewhere, list_cameras
from background_removal.live.camera.network_camera import NetworkCapture
from background_removal.live.camera.v4l2_camera import V4l2Capture
from background_removal.live.options import CameraOptions
from background_removal.pipeline.frame import Frame, Planes, ReadMode, Source, StreamInfo, to_image
from background_removal.support.rate import MIN_TIMEOUT_SECONDS, RateMeter, silence_timeout

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    _Capture: TypeAlias = cv2.VideoCapture | NetworkCapture | V4l2Capture

_TIME_BASE = Fraction(1, 1_000_000)
# Timeout for opening a network stream, seconds.
_OPEN_SECONDS = 5.0
# Longest frame timeout of a network stream, seconds.
_MAX_TIMEOUT_SECONDS = 5.0
# Frames over which the interval is measured.
_INTERVAL_FRAMES = 4
# First pause between attempts to reopen, seconds, doubled each time; USB cameras are back a second after plugging in.
_MIN_PAUSE_SECONDS = 0.25
# Longest pause between attempts to reopen, seconds.
_MAX_PAUSE_SECONDS = 4.0
# Polling interval for viewers while the camera is closed, seconds.
_VIEWERS_POLL_SECONDS = 0.05
# Assumed rate of a camera that announces none, frames per second.
_DEFAULT_RATE = 30.0
_BACKENDS = {
    "auto": cv2.CAP_ANY, "v4l2": cv2.CAP_V4L2, "gstreamer": cv2.CAP_GSTREAMER, "dshow": cv2.CAP_DSHOW,
    "msmf": cv2.CAP_MSMF, "avfoundation": cv2.CAP_AVFOUNDATION,
}  # fmt: skip


def parse_camera(value: int | str) -> int | str:
    """Parse a camera's number; a URL or a device path is returned as it is.

    >>> parse_camera("1"), parse_camera("rtsp://door/live")
    (1, 'rtsp://door/live')
    """
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d+", value) else value


def _device_name(camera: int | str) -> str:
    """Return the name under which a camera is known from one run to the next."""
    if isinstance(camera, str):  # a URL may hold a password
        return f"{urlsplit(camera).hostname or 'camera'} {hashlib.sha256(camera.encode()).hexdigest()[:8]}"
    with contextlib.suppress(Exception):  # of the system's libraries; the number will do
        if name := list_cameras().get(camera):
            return f"{name} {camera}"
    return f"camera {camera}"


class CameraSource(Source):
    """Yields a camera's frames as they come, with their capture times.

    A camera that stops giving frames is reopened, with growing pauses, until the timeout of the options. While there
    are no viewers it is closed, so that its light is off and other programs can use it.

    Args:
        camera: A number, a device path, or the URL of a stream.
        options: Options of the camera.
        has_viewers: Returns whether the frames are seen or kept.
        keep_planes: Returns whether frames that come in planes stay in them; otherwise they are BGR.
    """

    read_mode: ReadMode = "latest"

    def __init__(
        self,
        camera: int | str,
        options: CameraOptions | None = None,
        has_viewers: Callable[[], bool] = lambda: True,
        *,
        keep_planes: Callable[[], bool] = lambda: False,
    ) -> None:
        self._camera = parse_camera(camera)
        self._options = options or CameraOptions()
        self._has_viewers = has_viewers
        self._keep_planes = keep_planes
        self._capture: _Capture | None = None
        self._timeout = MIN_TIMEOUT_SECONDS
        self._meter = RateMeter(_INTERVAL_FRAMES)
        self._info: StreamInfo | None = None
        self._stopped = threading.Event()

    def open(self) -> None:
        """Open the camera; raises CameraError if that fails or no frame comes."""
        clock_start = time.monotonic()
        self._capture, image = self._open_and_read()
        if self._capture is None or image is None:
            raise CameraError(_describe_failure(self._camera))
        height, width = image.shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 1000 else _DEFAULT_RATE  # some report 0, or the ticks of their clock
        announced = Fraction(rate).limit_denominator(1001)
        self._info = StreamInfo(
            str(self._camera), width, height, _TIME_BASE, announced, live=True, clock_start=clock_start,
            color=image.color if isinstance(image, Planes) else None, device=_device_name(self._camera),
        )  # fmt: skip

    def _open_and_read(self) -> tuple[_Capture, np.ndarray | Planes] | tuple[None, None]:
        """Open the camera and return it with its first image; None for both on failure."""
        with _silence_opencv():
            capture = _open(self._camera, self._options, self._timeout, self._keep_planes)
            if capture is None:
                return None, None
            done, image = capture.read()
        if done and image is not None:
            return capture, image
        capture.release()
        return None, None

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the camera must be opened before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until `stop`.

        Raises:
            ProcessingError: the camera stopped and could not be reopened.
        """
        index = 0
        while not self._stopped.is_set():
            if not self._has_viewers():
                self._wait_for_viewers()
            image = self._read()
            if image is None:
                return
            pts = round((time.monotonic() - self.info.clock_start) / _TIME_BASE)
            # Images for objects are converted here, in parallel with the objects' own work.
            yield Frame(image if self._keep_planes() else to_image(image), index, pts, _TIME_BASE)
            index += 1

    def stop(self) -> None:
        """Request that an iteration in another thread ends; it does so within one read."""
        self._stopped.set()

    def _wait_for_viewers(self) -> None:
        """Close the camera until there are viewers."""
        self.close()
        while not self._has_viewers() and not self._stopped.wait(_VIEWERS_POLL_SECONDS):
            pass

    def _read(self) -> np.ndarray | Planes | None:
        """Return the next image, reopening the camera if necessary; None when stopped."""
        if self._capture is not None:
            with _silence_opencv():
                done, image = self._capture.read()
            if done:
                self._meter.add(time.monotonic())
                return image
            self._timeout = _next_timeout(self._timeout, self._meter)
            self._meter.clear()
            if not self._stopped.is_set():
                log.warning("camera %s gives no frames; trying again", self._camera)
        return self._reopen()

    def _reopen(self) -> np.ndarray | Planes | None:
        """Reopen the camera and return its first image; None when stopped."""
        deadline = time.monotonic() + self._options.reconnect
        pause = 0.0 if self._capture is None else _MIN_PAUSE_SECONDS
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ProcessingError(
                        f"camera {self._camera} stopped giving frames and did not come back within "
                        f"{self._options.reconnect:g} s"
                    )
                self.status = f"no picture from camera {self._camera}; trying again for {math.ceil(left)} s"
                if self._stopped.wait(min(pause, left)):
                    return None
                self.close()
                self._capture, image = self._open_and_read()
                if image is not None:
                    self._meter.add(time.monotonic())
                    return image
                pause = min(max(pause * 2, _MIN_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
        finally:
            self.status = ""


def _next_timeout(seconds: float, meter: RateMeter) -> float:
    """Return the frame timeout of a network stream after it was lost.

    Args:
        seconds: Timeout until now; doubled if too few frames came to measure the interval.
        meter: Meter of its last frames.
    """
    if len(meter) < _INTERVAL_FRAMES:
        return min(2 * seconds, _MAX_TIMEOUT_SECONDS)
    return silence_timeout(meter.interval, max_seconds=_MAX_TIMEOUT_SECONDS)


@contextlib.contextmanager
def _silence_opencv() -> Iterator[None]:
    """Silence OpenCV's log; the caller reports failures in one line."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _open(
    camera: int | str, options: CameraOptions, timeout: float, keep_planes: Callable[[], bool]
) -> _Capture | None:
    try:
        if isinstance(camera, str) and "://" in camera:
            return NetworkCapture(camera, _OPEN_SECONDS, timeout)
        capture = cv2.VideoCapture(camera, _backend(camera, options))
        if not capture.isOpened():
            return None
        is_v4l2 = capture.getBackendName() == "V4L2"
        _configure(capture, options, is_v4l2)
        if not capture.isOpened():
            return None
        return V4l2Capture(capture, timeout, keep_planes) if is_v4l2 else capture
    except (cv2.error, OSError):
        return None


def _backend(camera: int | str, options: CameraOptions) -> int:
    if options.backend == "auto" and isinstance(camera, str) and camera.startswith("/dev/"):
        return cv2.CAP_V4L2  # for a path OpenCV tries FFmpeg first, which sets neither size nor rate
    return _BACKENDS[options.backend]


def _configure(capture: cv2.VideoCapture, options: CameraOptions, is_v4l2: bool) -> None:
    """Request size and rate, as JPEG if that is faster: USB is too slow for large raw frames."""
    if options.size is None and options.rate is None:
        return
    if is_v4l2:  # where OpenCV otherwise requests the raw format's rate again when JPEG is requested
        options = replace(options, rate=options.rate or _DEFAULT_RATE)
    raw_format = capture.get(cv2.CAP_PROP_FOURCC)
    raw_rate = _request_format(capture, options, raw_format)
    if _request_format(capture, options, cv2.VideoWriter.fourcc(*"MJPG")) <= raw_rate:
        _request_format(capture, options, raw_format)
    # Only the newest frame is needed; backends without a queue ignore this. With a single buffer V4L2 would lose every
    # other frame, which arrives while one is read.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2 if is_v4l2 else 1)


def _request_format(capture: cv2.VideoCapture, options: CameraOptions, pixel_format: float) -> float:
    """Request a pixel format, then size and rate; return the resulting rate."""
    capture.set(cv2.CAP_PROP_FOURCC, pixel_format)
    if options.size is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
    if options.rate is not None:
        capture.set(cv2.CAP_PROP_FPS, options.rate)
    return capture.get(cv2.CAP_PROP_FPS)


def _describe_failure(camera: int | str) -> str:
    if isinstance(camera, str) and "://" in camera:
        return f"camera {camera} cannot be opened; does its URL play in a browser or a player on this computer?"
    if isinstance(camera, str) and not os.path.exists(camera):
        return f"camera {camera} cannot be opened; `webcam_id` takes a number, or a URL with rtsp:// or http://"
    if isinstance(camera, int) and is_open_elsewhere(device := f"/dev/video{camera}", default=False):
        return f"camera {camera} cannot be opened: another program is using it (see: fuser {device})"
    others = [f"{number} ({name})" for number, name in list_cameras().items() if number != camera]
    if others:
        return f"camera {camera} cannot be opened; choose another `webcam_id`: {', '.join(others)}"
    return (
        f"camera {camera} cannot be opened, as none was found on this computer; "
        "give an image or video file, or a network camera's URL as `webcam_id`"
    )
