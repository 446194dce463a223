"""Network cameras (HTTP, RTSP and other protocols of FFmpeg), with frames in the codec's planes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import lru_cache

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.frame import VideoFrame

from background_removal.files.video.color.yuv import ToBgr, color_of
from background_removal.live.camera.raw_frames import FAST_JPEG
from background_removal.pipeline.frame import Planes

# Options of FFmpeg; TCP, as wireless networks lose UDP packets, which spoils all frames up to the next key frame.
_OPTIONS = {"rtsp_flags": "prefer_tcp"}


class NetworkCapture:
    """Reads the newest frames of a stream, with the interface of OpenCV's `VideoCapture` used for cameras.

    Args:
        url: Address of the stream.
        open_seconds: Timeout for opening it.
        read_seconds: Timeout for a frame.

    Raises:
        OSError: it cannot be opened, or has no video; PyAV's errors are subclasses.
    """

    def __init__(self, url: str, open_seconds: float, read_seconds: float) -> None:
        self._read_seconds = read_seconds
        try:
            self._container = av.open(url, options=_OPTIONS, timeout=(open_seconds, read_seconds))
        except (av.error.FFmpegError, ValueError) as error:  # not every error of FFmpeg is an OSError
            raise OSError(str(error)) from error
        if not self._container.streams.video:
            self._container.close()
            raise OSError(f"{url}: there is no video in it")
        self._stream = self._container.streams.video[0]
        # Frame threading would delay each frame by the number of threads.
        self._stream.thread_type = "SLICE"
        self._stream.codec_context.flags |= Flags.low_delay
        if self._stream.codec_context.name == "mjpeg":
            self._stream.codec_context.options = FAST_JPEG
        self._frames: Iterator[VideoFrame] | None = self._decode_frames()
        self._to_bgr = lru_cache(1)(ToBgr)  # cameras turn, or change their mode

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Return whether `release` has not been called yet."""
        return self._frames is not None

    def get(self, name: int) -> float:
        """Return the announced rate for `cv2.CAP_PROP_FPS`, 0 if there is none; 0 for any other property."""
        return float(self._stream.average_rate or 0) if name == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Planes | np.ndarray | None]:
        """Return whether a frame came, and its picture: planes if 8-bit 4:2:0 or 4:2:2, else uint8 (H, W, 3) BGR."""
        frame = next(self._frames, None) if self._frames is not None else None
        return frame is not None, None if frame is None else self._picture(frame)

    def release(self) -> None:
        """Close the stream; calling it again does nothing."""
        if self._frames is not None:
            self._frames = None
            self._container.close()

    def _decode_frames(self) -> Iterator[VideoFrame]:
        """Yield intact frames until the stream ends or the read timeout expires."""
        with contextlib.suppress(av.error.FFmpegError):  # the connection broke, or the read timed out
            last = time.monotonic()
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(av.error.FFmpegError):
                    for frame in packet.decode():
                        if not frame.is_corrupt:
                            yield frame
                            last = time.monotonic()
                if time.monotonic() - last > self._read_seconds:
                    return

    def _picture(self, frame: VideoFrame) -> Planes | np.ndarray:
        to_bgr = self._to_bgr(color_of(frame), frame.width, frame.height)
        return to_bgr.planes(frame, halve_chroma=True) or to_bgr(frame)
