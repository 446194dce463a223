"""Cameras of Linux (Video4Linux2), with frames in planes where OpenCV would convert them to images."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import cv2
import numpy as np

from background_removal.live.camera.raw_frames import RawFrames, UnknownFrameError
from background_removal.pipeline.frame import Planes


class V4l2Capture:
    """Reads an opened camera, with the interface of OpenCV's `VideoCapture` used for cameras.

    Where the pixel format or the layout of a frame is unknown, OpenCV converts it to an image.

    Args:
        capture: A capture with OpenCV's backend V4L2, of which size, rate and format are set.
        read_seconds: Timeout for an intact frame.
        keep_planes: Returns whether planes are wanted; otherwise OpenCV converts the frames, which costs less than
            planes that are converted.
    """

    def __init__(self, capture: cv2.VideoCapture, read_seconds: float, keep_planes: Callable[[], bool]) -> None:
        self._capture = capture
        self._read_seconds = read_seconds
        self._keep_planes = keep_planes
        self._converts = True
        self._has_given_planes = False
        fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
        size = [int(capture.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        self._frames: RawFrames | None = None
        with contextlib.suppress(UnknownFrameError):
            self._frames = RawFrames(fourcc, *size)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Return whether `release` has not been called yet."""
        return self._capture.isOpened()

    def get(self, name: int) -> float:
        """Return a property of OpenCV."""
        return self._capture.get(name)

    def read(self) -> tuple[bool, Planes | np.ndarray | None]:
        """Return whether a frame came, and its picture: planes, or uint8 (H, W, 3) BGR.

        Damaged frames are left out. If no other comes within the timeout, that is a failure, or, from the start, a
        reason to let OpenCV convert the frames.
        """
        if self._frames is not None and self._keep_planes():
            self._set_conversion(False)
            done, planes = self._read_planes(self._frames)
            if planes is not None or not done:
                return done, planes
            self._frames = None
        self._set_conversion(True)
        return self._capture.read()

    def release(self) -> None:
        """Close the camera; calling it again does nothing."""
        self._capture.release()

    def _set_conversion(self, converts: bool) -> None:
        """Let OpenCV convert frames, or return the driver's bytes."""
        if converts != self._converts:
            self._converts = converts
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, int(converts))

    def _read_planes(self, frames: RawFrames) -> tuple[bool, Planes | None]:
        """Return whether the camera goes on, and the planes of the next intact frame; None if there are none."""
        deadline = time.monotonic() + self._read_seconds
        while self._capture.grab():
            data = self._capture.retrieve()[1]
            try:
                planes = None if data is None else frames.planes(data)
            except UnknownFrameError:
                return True, None
            if planes is not None:
                self._has_given_planes = True
                return True, planes
            if time.monotonic() > deadline:
                return not self._has_given_planes, None
        return False, None
