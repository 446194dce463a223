"""Cameras: local ones by number, and network streams (HTTP, RTSP) by URL, captured through OpenCV."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from errors import CameraError, ProcessingError
from media.frame import Frame, StreamInfo

log = logging.getLogger(__name__)

_TIME_BASE = Fraction(1, 1_000_000)
_NETWORK_TIMEOUT_MS = 5000
_RECONNECT_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.25


def camera_id(value: int | str) -> int | str:
    """Return a camera's number as an int, and anything else (a URL, a device path) as it is.

    >>> camera_id("1"), camera_id("rtsp://door/live")
    (1, 'rtsp://door/live')
    """
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d+", value) else value


def list_cameras() -> list[str]:
    """Name the cameras of this computer, as ``number (name)`` where the system tells names."""
    if sys.platform == "linux":
        found = []
        for device in sorted(Path("/sys/class/video4linux").glob("video*")):
            name = (device / "name").read_text(errors="replace").strip()
            found.append(f"{device.name.removeprefix('video')} ({name})")
        return found
    found = []
    for number in range(5):  # other systems have no list: a few are tried
        capture = _open(number)
        if capture is not None:
            capture.release()
            found.append(str(number))
    return found


class CameraSource:
    """Yields a camera's frames as they come, with the time of their capture.

    A camera that stops giving frames is reopened for up to ten seconds.

    Args:
        camera: A number, or a URL of a stream.

    Raises:
        CameraError (on entering): the camera cannot be opened or gives no frame.
        ProcessingError (while iterating): it stopped and did not come back.
    """

    def __init__(self, camera: int | str) -> None:
        self._camera = camera_id(camera)
        self._capture: cv2.VideoCapture | None = None
        self._closing = threading.Event()

    def __enter__(self) -> CameraSource:
        capture = _open(self._camera)
        done, image = capture.read() if capture is not None else (False, None)
        if capture is None or not done or image is None:
            if capture is not None:
                capture.release()
            raise CameraError(_no_camera(self._camera))
        self._capture = capture
        height, width = image.shape[:2]
        self._info = StreamInfo(str(self._camera), width, height, _TIME_BASE, live=True)
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
        start = time.monotonic_ns()
        index = 0
        while not self._closing.is_set():
            image = self._read()
            if image is None:
                return
            yield Frame(image, index, (time.monotonic_ns() - start) // 1000, _TIME_BASE)
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
        log.warning("camera %s gives no frames; trying again", self._camera)
        deadline = time.monotonic() + _RECONNECT_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while not self._closing.wait(pause):
            if self._capture is not None:
                self._capture.release()
            self._capture = _open(self._camera)
            if self._capture is not None:
                done, image = self._capture.read()
                if done:
                    return image
            if time.monotonic() > deadline:
                raise ProcessingError(f"camera {self._camera} stopped giving frames and did not come back")
            pause = min(pause * 2, 2.0)
        return None


def _open(camera: int | str) -> cv2.VideoCapture | None:
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
            capture = cv2.VideoCapture(camera)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return capture if capture.isOpened() else None


def _no_camera(camera: int | str) -> str:
    found = list_cameras()
    exist = f"cameras here: {', '.join(found)}" if found else "no camera was found on this computer"
    return (
        f"camera {camera} cannot be opened ({exist}); "
        "try another --webcam number, --webcam URL, --image FILE or --video FILE"
    )
