"""Video files, read through PyAV."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType

import av
import av.error
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from errors import InputError
from media.frame import Color, Frame, StreamInfo

log = logging.getLogger(__name__)

# Code points of ITU-T H.273, as in FFmpeg's AVCOL_SPC_*: how RGB was turned into YUV.
_MATRIX_RGB, _MATRIX_BT709, _MATRIX_UNSPECIFIED, _MATRIX_BT601 = 0, 1, 2, 6
# The same in swscale's numbering (SWS_CS_*), which PyAV takes; its enumeration lacks some in older releases.
_SWSCALE_BT601 = 5
_MATRIX_TO_SWSCALE = {_MATRIX_BT709: 1, 4: 4, 5: _SWSCALE_BT601, _MATRIX_BT601: _SWSCALE_BT601, 7: 7, 9: 9, 10: 9}
# Untagged video, and RGB, which the result cannot be: players take standard definition for BT.601 and larger
# pictures for BT.709.
_LARGEST_SD_HEIGHT = 576


def swscale_matrix(matrix: int) -> int:
    """Return swscale's number for an H.273 matrix; BT.601 for what it does not know."""
    return _MATRIX_TO_SWSCALE.get(matrix, _SWSCALE_BT601)


def upright(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Apply a display matrix (rotation by quarter turns, reflection) to the pixels of `image`.

    Args:
        image: (H, W, 3) uint8.
        matrix: the nine numbers of an ISO/IEC 14496-12 track matrix ``a b u c d v x y w``: a pixel at
            (p, q) is shown at (a p + c q, b p + d q). None leaves the image as it is.

    Returns:
        (H, W, 3) or (W, H, 3) uint8, C-contiguous.
    """
    if matrix is None:
        return image
    a, b, _, c, d = matrix[:5]
    if abs(a) >= abs(b):
        mirrored, upside_down = a < 0, d < 0
    else:
        image, mirrored, upside_down = cv2.transpose(image), c < 0, b < 0
    if mirrored and upside_down:
        return cv2.flip(image, -1)
    if mirrored:
        return cv2.flip(image, 1)
    if upside_down:
        return cv2.flip(image, 0)
    return image


class VideoSource:
    """Yields the frames of a video file upright, in BGR, each with its exact presentation time.

    Damaged packets are skipped and counted in one warning at the end.

    Args:
        path: A local file.
        name: What to call it in messages, `path` if empty.

    Raises (on entering):
        InputError: not a video, no picture in it, or no frame of it can be decoded.
    """

    def __init__(self, path: str, name: str = "") -> None:
        self._path = path
        self._name = name or path
        self._info: StreamInfo | None = None
        self._reformatter = VideoReformatter()
        self._stopped = threading.Event()

    def __enter__(self) -> VideoSource:
        with ExitStack() as stack:
            try:
                self._container = stack.enter_context(av.open(self._path))
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise InputError(f"{self._name}: not a readable video ({_reason(error)})") from error
            stream = self._container.streams.best("video")
            # FFmpeg draws plain text as a terminal would, and calls that a video.
            if stream is None or self._container.format.name == "tty":
                raise InputError(f"{self._name}: there is no video in it")
            self._stream = stream
            stream.thread_type = "AUTO"
            self._damaged = 0
            self._frames = self._decode()
            first = next(self._frames, None)
            if first is None:
                raise InputError(f"{self._name}: no frame of it can be decoded")
            self._first = first
            self._matrix = _display_matrix(first)
            self._info = self._describe(first)
            stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._container.close()
        if self._damaged:
            log.warning("%s: %d damaged parts were skipped", self._name, self._damaged)

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the video source must be entered before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame once; a source can be iterated one time."""
        info = self.info
        pts: int | None = None
        step = round(1 / (info.rate * info.time_base)) if info.rate else 1
        frame: VideoFrame | None = self._first
        index = 0
        while frame is not None and not self._stopped.is_set():
            # Times must rise for the result to be playable: what the file leaves out or repeats is placed
            # after the frame before it.
            if frame.pts is not None and (pts is None or frame.pts > pts):
                pts = frame.pts
            else:
                pts = 0 if pts is None else pts + (step if frame.pts is None else 1)
            yield Frame(self._to_bgr(frame), index, pts, info.time_base, frame.duration or 0)
            index += 1
            frame = next(self._frames, None)

    def stop(self) -> None:
        """Ask an iteration that runs in another thread to end after its frame."""
        self._stopped.set()

    def _decode(self) -> Iterator[VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self._damaged += 1
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self._damaged += 1
                continue
            yield from frames

    def _describe(self, first: VideoFrame) -> StreamInfo:
        stream = self._stream
        if stream.time_base is None:
            raise InputError(f"{self._name}: the video has no time base")
        width, height = first.width, first.height
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if self._matrix is not None and abs(self._matrix[0]) < abs(self._matrix[1]):
            width, height, aspect = height, width, 1 / aspect
        rate = stream.average_rate or stream.guessed_rate
        frames: int | None = stream.frames or None
        if frames is None and rate and self._container.duration:
            frames = round(self._container.duration * rate / av.time_base)
        matrix = first.colorspace
        if matrix in (_MATRIX_RGB, _MATRIX_UNSPECIFIED):
            matrix = _MATRIX_BT601 if min(width, height) <= _LARGEST_SD_HEIGHT else _MATRIX_BT709
        return StreamInfo(
            self._name,
            width,
            height,
            time_base=stream.time_base,
            rate=rate,
            frames=frames,
            pixel_aspect=aspect,
            color=Color(matrix, first.color_range, first.color_primaries, first.color_trc),
        )

    def _to_bgr(self, frame: VideoFrame) -> np.ndarray:
        assert self.info.color is not None
        converted = self._reformatter.reformat(
            frame,
            # A stream may change its size on the way; the result cannot.
            width=self._first.width,
            height=self._first.height,
            format="bgr24",
            src_colorspace=swscale_matrix(self.info.color.matrix),
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
        )
        # A view of FFmpeg's padded rows is copied; objects may rely on contiguous images.
        return np.ascontiguousarray(upright(converted.to_ndarray(), self._matrix))


def _display_matrix(frame: VideoFrame) -> np.ndarray | None:
    side = frame.side_data.get("DISPLAYMATRIX")
    return None if side is None else np.frombuffer(bytes(side), np.int32).astype(np.float64)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).splitlines()[0]
