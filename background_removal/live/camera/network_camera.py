"""Network cameras (HTTP, RTSP and whatever else FFmpeg reads), whose frames stay in the codec's planes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.frame import VideoFrame

from background_removal.files.video.color.yuv import ToBgr, color_of
from background_removal.pipeline.frame import ColorDescription, Planes

# UDP loses packets on every wireless network, and a lost packet spoils all frames up to the next key frame.
_OPTIONS = {"rtsp_flags": "prefer_tcp"}


class NetworkCapture:
    """A stream's newest pictures, behind the part of OpenCV's `VideoCapture` that cameras use.

    Args:
        url: Where it is.
        open_seconds: For so long its opening may take.
        silence_seconds: After so long without a picture it counts as lost.

    Raises:
        OSError: it cannot be opened, or has no video; PyAV's errors are such errors.
    """

    def __init__(self, url: str, open_seconds: float, silence_seconds: float) -> None:
        self._silence_seconds = silence_seconds
        try:
            self._container = av.open(url, options=_OPTIONS, timeout=(open_seconds, silence_seconds))
        except (av.error.FFmpegError, ValueError) as error:  # FFmpeg knows errors that are none of the system's
            raise OSError(str(error)) from error
        if not self._container.streams.video:
            self._container.close()
            raise OSError(f"{url}: there is no video in it")
        self._stream = self._container.streams.video[0]
        # Frames decoded side by side come later, each by as many frames as there are threads.
        self._stream.thread_type = "SLICE"
        self._stream.codec_context.flags |= Flags.low_delay
        self._frames: Iterator[VideoFrame] | None = self._decoded()
        self._size_and_color: tuple[int, int, ColorDescription] | None = None

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Tell whether `release` has not been called yet."""
        return self._frames is not None

    def get(self, name: int) -> float:
        """Return the rate that the stream announces for `cv2.CAP_PROP_FPS`; 0 if it does not, and for anything else."""
        return float(self._stream.average_rate or 0) if name == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Planes | np.ndarray | None]:
        """Return whether a picture came, and it: planes where it is 8-bit 4:2:0 or 4:2:2, else uint8 (H, W, 3) BGR."""
        frame = next(self._frames, None) if self._frames is not None else None
        return frame is not None, None if frame is None else self._picture(frame)

    def release(self) -> None:
        """Close the stream; calling it again does nothing."""
        if self._frames is not None:
            self._frames = None
            self._container.close()

    def _decoded(self) -> Iterator[VideoFrame]:
        """Yield pictures until the stream ends, or none has come for too long; what is damaged is left out."""
        with contextlib.suppress(av.error.FFmpegError):  # the connection has broken, or there was silence
            last = time.monotonic()
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(av.error.FFmpegError):
                    for frame in packet.decode():
                        if not frame.is_corrupt:
                            yield frame
                            last = time.monotonic()
                if time.monotonic() - last > self._silence_seconds:
                    return

    def _picture(self, frame: VideoFrame) -> Planes | np.ndarray:
        described = (frame.width, frame.height, color_of(frame))
        if described != self._size_and_color:  # cameras turn, and are set up anew
            self._size_and_color = described
            self._to_bgr = ToBgr(described[2], frame.width, frame.height)
        return self._to_bgr.planes(frame, halve_chroma=True) or self._to_bgr(frame)
