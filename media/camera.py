"""Cameras: local ones by number, and network streams (HTTP, RTSP) by URL, captured through OpenCV."""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType

import cv2
import numpy as np

from errors import CameraError, ProcessingError
from media.devices import is_open_elsewhere, list_cameras
from media.frame import Frame, StreamInfo

log = logging.getLogger(__name__)

_TIME_BASE = Fraction(1, 1_000_000)
_NETWORK_TIMEOUT_MS = 5000
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 4.0
_USUAL_RATE = 30.0
_BACKENDS = {
    "auto": cv2.CAP_ANY, "v4l2": cv2.CAP_V4L2, "gstreamer": cv2.CAP_GSTREAMER, "dshow": cv2.CAP_DSHOW,
    "msmf": cv2.CAP_MSMF, "avfoundation": cv2.CAP_AVFOUNDATION,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What is asked of a camera.

    Attributes:
        size: Width and height in pixels; None leaves it to the camera. It gives the nearest that it can.
        rate: Frames per second; None leaves it to the camera.
        backend: The system's interface that is used: "auto", "v4l2", "gstreamer", "dshow", "msmf", "avfoundation".
        reconnect: For so many seconds a camera that gives no frames is opened again and again.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    backend: str = "auto"
    reconnect: float = 30.0


def camera_id(value: int | str) -> int | str:
    """Return a camera's number as an int, and anything else (a URL, a device path) as it is.

    >>> camera_id("1"), camera_id("rtsp://door/live")
    (1, 'rtsp://door/live')
    """
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d+", value) else value


class CameraSource:
    """Yields a camera's frames as they come, with the time of their capture.

    A camera that stops giving frames is opened again, with growing pauses, for as long as the options say.

    Args:
        camera: A number, or a URL of a stream.
        options: What is asked of it.
        clock_start: When in terms of `time.monotonic` its frames' times begin; None for now.

    Attributes:
        trouble: What is the matter while no frames come, "" otherwise.
        clock_start: As given.

    Raises:
        CameraError (on entering): the camera cannot be opened or gives no frame.
        ProcessingError (while iterating): it stopped and did not come back.
    """

    def __init__(
        self, camera: int | str, options: CameraOptions = CameraOptions(), clock_start: float | None = None
    ) -> None:
        self._camera = camera_id(camera)
        self._options = options
        self.trouble = ""
        self.clock_start = time.monotonic() if clock_start is None else clock_start
        self._capture: cv2.VideoCapture | None = None
        self._closing = threading.Event()

    def __enter__(self) -> CameraSource:
        capture = _open(self._camera, self._options)
        done, image = capture.read() if capture is not None else (False, None)
        if capture is None or not done or image is None:
            if capture is not None:
                capture.release()
            raise CameraError(_no_camera(self._camera))
        self._capture = capture
        height, width = image.shape[:2]
        rate = capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 1000 else _USUAL_RATE  # some say 0, or the ticks of their clock
        announced = Fraction(rate).limit_denominator(1001)
        self._info = StreamInfo(str(self._camera), width, height, _TIME_BASE, announced, live=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    @property
    def info(self) -> StreamInfo:
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while not self._closing.is_set():
            image = self._read()
            if image is None:
                return
            pts = round((time.monotonic() - self.clock_start) / _TIME_BASE)
            yield Frame(image, index, pts, _TIME_BASE)
            index += 1

    def stop(self) -> None:
        """Ask an iteration that runs in another thread to end; it does so within one read."""
        self._closing.set()

    def _read(self) -> np.ndarray | None:
        """Return the next image, reopening the camera if need be; None when closing."""
        if self._capture is not None:
            done, image = self._capture.read()
            if done:
                return image
        if self._closing.is_set():
            return None
        log.warning("camera %s gives no frames; trying again", self._camera)
        deadline = time.monotonic() + self._options.reconnect
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ProcessingError(
                        f"camera {self._camera} stopped giving frames and did not come back within "
                        f"{self._options.reconnect:g} s"
                    )
                self.trouble = f"no picture from camera {self._camera}; trying again for {math.ceil(left)} s"
                if self._closing.wait(min(pause, left)):
                    return None
                if self._capture is not None:
                    self._capture.release()
                self._capture = _open(self._camera, self._options)
                if self._capture is not None:
                    done, image = self._capture.read()
                    if done:
                        return image
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        finally:
            self.trouble = ""


def _open(camera: int | str, options: CameraOptions) -> cv2.VideoCapture | None:
    # OpenCV and FFmpeg print what they try to stderr; what went wrong is told in one line by the caller.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        if isinstance(camera, str) and "://" in camera:
            timeouts = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _NETWORK_TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC, _NETWORK_TIMEOUT_MS,
            ]  # fmt: skip
            capture = cv2.VideoCapture(camera, cv2.CAP_FFMPEG, timeouts)
        else:
            capture = cv2.VideoCapture(camera, _BACKENDS[options.backend])
            if capture.isOpened():
                _set_up(capture, options)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return capture if capture.isOpened() else None


def _set_up(capture: cv2.VideoCapture, options: CameraOptions) -> None:
    """Ask for size and rate, as JPEG pictures where these come faster: USB is too slow for large raw ones."""
    if options.size is None and options.rate is None:
        return
    as_it_is = capture.get(cv2.CAP_PROP_FOURCC)
    raw_rate = _ask(capture, options, as_it_is)
    if _ask(capture, options, cv2.VideoWriter.fourcc(*"MJPG")) <= raw_rate:
        _ask(capture, options, as_it_is)
    # The newest frame is wanted, not those before it; backends that queue none ignore this.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)


def _ask(capture: cv2.VideoCapture, options: CameraOptions, pixels: float) -> float:
    """Ask for a pixel format, then for size and rate; return the rate that there would be."""
    capture.set(cv2.CAP_PROP_FOURCC, pixels)
    if options.size is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
    if options.rate is not None:
        capture.set(cv2.CAP_PROP_FPS, options.rate)
    return capture.get(cv2.CAP_PROP_FPS)


def _no_camera(camera: int | str) -> str:
    found = [f"{number} ({name})" for number, name in list_cameras().items()]
    if isinstance(camera, int) and is_open_elsewhere(device := f"/dev/video{camera}", otherwise=False):
        return f"camera {camera} cannot be opened: another program is using it (see: fuser {device})"
    exist = f"cameras here: {', '.join(found)}" if found else "no camera was found on this computer"
    return (
        f"camera {camera} cannot be opened ({exist}); "
        "try another --webcam number, --webcam URL, --image FILE or --video FILE"
    )
