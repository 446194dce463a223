"""Frames as a camera's driver gives them, JPEG or uncompressed YUV, and their conversion to planes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import av
import av.error
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from background_removal.files.video.color.yuv import ToBgr
from background_removal.pipeline.frame import ColorDescription, Planes
from background_removal.pipeline.planes import Layers, LayersToBgr, halve_rows
from background_removal.support.buffers import Buffers

# Meaning of the values, as OpenCV converts them: BT.601, with JPEG's full range (ITU-T T.871) or the limited range of
# uncompressed video; primaries and transfer of BT.709, with which recordings of images are tagged.
_FULL, _LIMITED = (ColorDescription(matrix=6, range=value_range, primaries=1, transfer=1) for value_range in (2, 1))
_JPEG_FORMATS = ("MJPG", "JPEG")
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# Zeros put before a JPEG's end marker: some cameras leave out the last byte, which is no damage. As a block of zeros
# takes 24 bytes with the Huffman tables of ITU-T T.81, annex K, more than one lost block stays an error.
_JPEG_SLACK = bytes(16)
# Options of FFmpeg's decoder that save a fifth of its time; on other processors they would cost some.
FAST_JPEG = {"idct": "xvid"} if platform.machine() in ("x86_64", "AMD64") else {}


class UnknownFrameError(Exception):
    """A frame is not of a form that can be converted with certainty."""


class RawFrames:
    """Converts the frames of one mode of a camera.

    Args:
        fourcc: Pixel format of Video4Linux2, such as "YUYV".
        width, height: Size in pixels.

    Raises:
        UnknownFrameError: the format is not known, or the size is odd.
    """

    def __init__(self, fourcc: str, width: int, height: int) -> None:
        if width % 2 or height % 2 or not (fourcc in _JPEG_FORMATS or fourcc in _LAYOUTS):
            raise UnknownFrameError(f"{fourcc!r}, {width}x{height}")
        self._convert = _JpegFrames() if fourcc in _JPEG_FORMATS else _YuvFrames(fourcc, width, height)

    def planes(self, data: np.ndarray) -> Planes | None:
        """Convert a frame's bytes; None if it is incomplete or damaged.

        Args:
            data: uint8 of any shape.

        Raises:
            UnknownFrameError: it is of another form than the mode says.
        """
        return self._convert(np.ravel(data))


class _JpegFrames:
    def __init__(self) -> None:
        self._decoder = VideoCodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {**FAST_JPEG, "err_detect": "explode"}  # otherwise it makes up what is missing
        self._to_bgr = lru_cache(1)(ToBgr)

    def __call__(self, data: np.ndarray) -> Planes | None:
        frame = self._decode(data.tobytes())
        if frame is None:
            return None
        planes = self._to_bgr(_FULL, frame.width, frame.height).planes(frame, halve_chroma=True)
        if planes is None:
            raise UnknownFrameError(f"{frame.format.name}, {frame.width}x{frame.height}")
        return planes

    def _decode(self, data: bytes) -> VideoFrame | None:
        if not data.startswith(_JPEG_START):
            return None
        data = data.rstrip(b"\0").removesuffix(_JPEG_END) + _JPEG_SLACK + _JPEG_END
        try:
            frames = self._decoder.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        return frames[0] if frames else None


class _YuvFrames:
    def __init__(self, fourcc: str, width: int, height: int) -> None:
        make_splitter, arguments, self._swaps_chroma, bytes_of_two_pixels = _LAYOUTS[fourcc]
        self._split = make_splitter(width, height, *arguments)
        self._size, self._half = (height, width), (height // 2, width // 2)
        self._bytes = width * height * bytes_of_two_pixels // 2
        self._to_bgr = LayersToBgr(_LIMITED)
        self._luma, self._chroma = Buffers(), Buffers()

    def __call__(self, data: np.ndarray) -> Planes | None:
        if data.size > self._bytes:  # rows are padded, and by how much OpenCV does not say
            raise UnknownFrameError(f"{data.size} bytes instead of {self._bytes}")
        if data.size < self._bytes:
            return None
        y, u, v = self._luma.take(self._size), self._chroma.take(self._half), self._chroma.take(self._half)
        self._split(data, (y, v, u) if self._swaps_chroma else (y, u, v))
        return Planes((y, u, v), _LIMITED, self._to_bgr)


# Splits a frame's bytes into layers of which the memory is given.
_Splitter: TypeAlias = Callable[[np.ndarray, Layers], None]


def _packed(width: int, height: int, luma: int) -> _Splitter:
    """Return a splitter of 4:2:2, in which brightness, at byte `luma` of each pair, and Cb or Cr take turns."""
    chroma, halved = np.empty((height, width), np.uint8), np.empty((height // 2, width), np.uint8)

    def split(data: np.ndarray, layers: Layers) -> None:
        cv2.split(data.reshape(height, width, 2), [layers[0], chroma] if luma == 0 else [chroma, layers[0]])
        halve_rows(chroma, halved)
        cv2.split(halved.reshape(height // 2, width // 2, 2), layers[1:])

    return split


def _interleaved(width: int, height: int) -> _Splitter:
    """Return a splitter of 4:2:0, in which pairs of Cb and Cr follow the brightness."""

    def split(data: np.ndarray, layers: Layers) -> None:
        rows = data.reshape(-1, width)
        np.copyto(layers[0], rows[:height])
        cv2.split(rows[height:].reshape(height // 2, width // 2, 2), layers[1:])

    return split


def _planar(width: int, height: int) -> _Splitter:
    """Return a splitter of 4:2:0, in which all Cb and then all Cr follow the brightness."""
    ends = [width * height, width * height * 5 // 4]

    def split(data: np.ndarray, layers: Layers) -> None:
        for layer, values in zip(layers, np.split(data, ends), strict=True):
            np.copyto(layer, values.reshape(layer.shape))

    return split


# By pixel format: its splitter and further arguments of that, whether Cr comes before Cb, and the bytes of two pixels.
_LAYOUTS: dict[str, tuple[Callable[..., _Splitter], tuple[int, ...], bool, int]] = {
    "YUYV": (_packed, (0,), False, 4),
    "UYVY": (_packed, (1,), False, 4),
    "NV12": (_interleaved, (), False, 3),
    "NV21": (_interleaved, (), True, 3),
    "YU12": (_planar, (), False, 3),
    "YV12": (_planar, (), True, 3),
}
