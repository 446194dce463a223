"""Cameras: local ones by number, through OpenCV, and network streams (HTTP, RTSP) by URL, through PyAV."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

import cv2
import numpy as np

from background_removal.errors import CameraError, ProcessingError
from background_removal.live.camera.devices import is_open_elsewhere, list_cameras
from background_removal.live.camera.network_camera import NetworkCapture
from background_removal.live.options import CameraOptions
from background_removal.pipeline.frame import Frame, Planes, Source, StreamInfo, to_image

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    _Capture: TypeAlias = cv2.VideoCapture | NetworkCapture

_TIME_BASE = Fraction(1, 1_000_000)
# A network stream must open within so long.
_OPEN_SECONDS = 5.0
# It counts as lost after so much silence, or so many times the interval of a slow one's pictures, but never later than
# after the last of these.
_SILENCE_SECONDS, _SILENCE_INTERVALS, _LONGEST_SILENCE_SECONDS = 1.0, 3, 5.0
# So many pictures tell the interval.
_TELLING_FRAMES = 4
# Between two tries; each is twice as long as the one before. USB cameras are back within a second of being plugged in.
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 4.0
# How often somebody is looked for while the camera is let go.
_LOOK_SECONDS = 0.05
_USUAL_RATE = 30.0
_BACKENDS = {
    "auto": cv2.CAP_ANY, "v4l2": cv2.CAP_V4L2, "gstreamer": cv2.CAP_GSTREAMER, "dshow": cv2.CAP_DSHOW,
    "msmf": cv2.CAP_MSMF, "avfoundation": cv2.CAP_AVFOUNDATION,
}  # fmt: skip


def parse_camera(value: int | str) -> int | str:
    """Return a camera's number as an int, and anything else (a URL, a device path) as it is.

    >>> parse_camera("1"), parse_camera("rtsp://door/live")
    (1, 'rtsp://door/live')
    """
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d+", value) else value


class CameraSource(Source):
    """Yields a camera's frames as they come, with the time of their capture.

    A camera that stops giving frames is opened again, with growing pauses, for as long as the options say. While
    nobody wants its frames it is let go, so that its light goes out and other programs may have it.

    Args:
        camera: A number, or a URL of a stream.
        options: What is asked of it.
        wanted: Tells whether anybody wants its frames.
        in_planes: Tells whether they may stay in planes, as a network camera's do; else they are BGR.
    """

    read_mode: Literal["inline", "buffered", "latest"] = "latest"

    def __init__(
        self,
        camera: int | str,
        options: CameraOptions | None = None,
        wanted: Callable[[], bool] = lambda: True,
        *,
        in_planes: Callable[[], bool] = lambda: False,
    ) -> None:
        self._camera = parse_camera(camera)
        self._options = options or CameraOptions()
        self._wanted = wanted
        self._in_planes = in_planes
        self._capture: _Capture | None = None
        self._silence = _SILENCE_SECONDS
        self._came: deque[float] = deque(maxlen=_TELLING_FRAMES)
        self._info: StreamInfo | None = None
        self._stopped = threading.Event()

    def open(self) -> None:
        """Open the camera; raises CameraError if it cannot be or gives no frame."""
        clock_start = time.monotonic()
        self._capture, image = _open_and_read(self._camera, self._options, self._silence)
        if self._capture is None or image is None:
            raise CameraError(_no_camera(self._camera))
        height, width = image.shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        rate = rate if 1 <= rate <= 1000 else _USUAL_RATE  # some say 0, or the ticks of their clock
        announced = Fraction(rate).limit_denominator(1001)
        self._info = StreamInfo(
            str(self._camera), width, height, _TIME_BASE, announced, live=True, clock_start=clock_start,
            color=image.color if isinstance(image, Planes) else None,
        )  # fmt: skip

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
            ProcessingError: the camera stopped and did not come back.
        """
        index = 0
        while not self._stopped.is_set():
            if not self._wanted():
                self._let_go()
            image = self._read()
            if image is None:
                return
            pts = round((time.monotonic() - self.info.clock_start) / _TIME_BASE)
            # What an object needs as an image is converted here, beside the objects' own work.
            yield Frame(image if self._in_planes() else to_image(image), index, pts, _TIME_BASE)
            index += 1

    def stop(self) -> None:
        """Ask an iteration that runs in another thread to end; it does so within one read."""
        self._stopped.set()

    def _let_go(self) -> None:
        """Close the camera until its frames are wanted again."""
        self.close()
        while not self._wanted() and not self._stopped.wait(_LOOK_SECONDS):
            pass

    def _read(self) -> np.ndarray | Planes | None:
        """Return the next image, opening the camera again if need be; None when stopped."""
        if self._capture is not None:
            with _quiet():
                done, image = self._capture.read()
            if done:
                self._came.append(time.monotonic())
                return image
            self._silence = _next_silence(self._silence, self._came)
            self._came.clear()
            if not self._stopped.is_set():
                log.warning("camera %s gives no frames; trying again", self._camera)
        deadline = time.monotonic() + self._options.reconnect
        pause = 0.0 if self._capture is None else _FIRST_PAUSE_SECONDS
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
                self._capture, image = _open_and_read(self._camera, self._options, self._silence)
                if image is not None:
                    self._came.append(time.monotonic())
                    return image
                pause = min(max(pause * 2, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        finally:
            self.status = ""


def _next_silence(seconds: float, came: Sequence[float]) -> float:
    """Return for how long a stream that was lost may be silent next time.

    Args:
        seconds: For how long it might be until now.
        came: When its last pictures came; few of them: it may be slower than that.
    """
    if len(came) < _TELLING_FRAMES:
        return min(2 * seconds, _LONGEST_SILENCE_SECONDS)
    interval = (came[-1] - came[0]) / (len(came) - 1)
    return min(max(_SILENCE_SECONDS, _SILENCE_INTERVALS * interval), _LONGEST_SILENCE_SECONDS)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from printing what it tries to stderr; what went wrong is told in one line by the caller."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _open_and_read(
    camera: int | str, options: CameraOptions, silence: float
) -> tuple[_Capture, np.ndarray | Planes] | tuple[None, None]:
    """Open a camera and return it with its first picture; None for both if it gives none."""
    with _quiet():
        capture = _open(camera, options, silence)
        if capture is None:
            return None, None
        done, image = capture.read()
    if done and image is not None:
        return capture, image
    capture.release()
    return None, None


def _open(camera: int | str, options: CameraOptions, silence: float) -> _Capture | None:
    try:
        if isinstance(camera, str) and "://" in camera:
            return NetworkCapture(camera, _OPEN_SECONDS, silence)
        capture = cv2.VideoCapture(camera, _BACKENDS[options.backend])
        if capture.isOpened():
            _set_up(capture, options)
    except (cv2.error, OSError):
        return None
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
