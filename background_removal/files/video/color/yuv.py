"""Conversion between a codec's YUV and BGR, exactly by the stream's colour description."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from background_removal.pipeline.planes import (
    ColorDescription,
    Layers,
    LayersToBgr,
    Planes,
    bgr_to_yuv_matrix,
    halve_rows,
    yuv_to_bgr_matrix,
)
from background_removal.support.buffers import Buffers

__all__ = ["FromBgr", "ToBgr", "bgr_to_yuv_matrix", "color_of", "pixels_of", "swscale_matrix", "yuv_to_bgr_matrix"]

# Code points of ITU-T H.273, as in FFmpeg's AVCOL_SPC_*: how RGB was turned into YUV.
_RGB, _BT709, _UNSPECIFIED, _BT601 = 0, 1, 2, 6
# Largest standard-definition height, pixels; players assume BT.601 for untagged video up to it and BT.709 above. RGB
# sources, as results are never RGB, follow the same rule.
_MAX_SD_HEIGHT = 576
# Matrices in swscale's numbering (SWS_CS_*), which PyAV accepts; its enumeration lacks some in older releases.
_SWSCALE = {1: 1, 4: 4, 5: 5, _BT601: 5, 7: 7, 9: 9, 10: 9}
# swscale's flags for exact results (the fast paths are 1 to 2 of 255 too dark): SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT
# and SWS_FULL_CHR_H_INP, which PyAV names from 18 on.
_EXACT = 0x40000 | 0x2000 | 0x4000
# Pixel formats of 8-bit 4:2:0 planes.
_PLANAR = ("yuv420p", "yuvj420p")
# Pixel formats of 8-bit 4:2:2 planes.
_PLANAR_422 = ("yuv422p", "yuvj422p")


def color_of(frame: VideoFrame) -> ColorDescription:
    """Return the colour description of a frame, with the defaults of players for missing tags."""
    matrix, value_range = frame.colorspace, frame.color_range
    if matrix in (_RGB, _UNSPECIFIED):
        matrix = _BT601 if min(frame.width, frame.height) <= _MAX_SD_HEIGHT else _BT709
    if value_range not in (ColorRange.MPEG, ColorRange.JPEG) or frame.format.is_rgb:
        value_range = ColorRange.JPEG if frame.format.name.startswith("yuvj") else ColorRange.MPEG
    return ColorDescription(matrix, value_range, frame.color_primaries, frame.color_trc)


def swscale_matrix(matrix: int) -> int:
    """Return swscale's number of an H.273 matrix, BT.601 for unknown ones."""
    return _SWSCALE.get(matrix, _SWSCALE[_BT601])


class ToBgr:
    """Converts decoded frames to BGR.

    8-bit 4:2:0, which nearly every file has, can also stay in planes that are converted on demand.

    Args:
        color: The frames' colour description.
        width, height: Size of the images; frames of another size are scaled.
    """

    def __init__(self, color: ColorDescription, width: int, height: int) -> None:
        self._color = color
        self._size = (width, height)
        self._layers_to_bgr = LayersToBgr(color)
        self._buffers = Buffers()
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """Return the frame as uint8 (H, W, 3) BGR; its buffer is reused only after the caller has released it."""
        if frame.format.name in _PLANAR and (frame.width, frame.height) == self._size and frame.height > 1:
            return self._layers_to_bgr(_layers(frame))
        converted = self._reformatter.reformat(
            frame,
            *self._size,
            format="bgr24",
            src_colorspace=swscale_matrix(self._color.matrix),
            src_color_range=self._color.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=int(Interpolation.BILINEAR | _EXACT),
        )
        return np.ascontiguousarray(converted.to_ndarray())

    def planes(self, frame: VideoFrame, *, halve_chroma: bool = False) -> Planes | None:
        """Return the frame's planes without a copy; None unless it is 8-bit 4:2:0 of this size with even sides.

        Args:
            frame: A decoded frame.
            halve_chroma: Whether 4:2:2 is accepted, too; its chroma is averaged over two rows.
        """
        width, height = self._size
        planar = _PLANAR + (_PLANAR_422 if halve_chroma else ())
        if frame.format.name not in planar or (frame.width, frame.height) != self._size or width % 2 or height % 2:
            return None
        y, u, v = _layers(frame)
        if frame.format.name in _PLANAR_422:
            u, v = (halve_rows(layer, self._buffers.take((height // 2, width // 2))) for layer in (u, v))
        return Planes((y, u, v), self._color, self._layers_to_bgr)


class FromBgr:
    """Converts images to frames in an encoder's pixel format.

    Args:
        color: The frames' colour description.
        pix_fmt: FFmpeg's name of the pixel format.
        width, height: Size of the frames, even if the format halves the chroma; an image of an odd size is padded by
            repeating its last column or row.
    """

    def __init__(self, color: ColorDescription, pix_fmt: str, width: int, height: int) -> None:
        self._color = color
        self._pix_fmt = pix_fmt
        self._size = (width, height)
        self._matrix = bgr_to_yuv_matrix(color.matrix, color.range == ColorRange.JPEG)
        self._reformatter = VideoReformatter()
        self._yuv = np.empty((height, width, 3), np.uint8)
        self._half, self._chroma = (np.empty((height // 2, width // 2, 3), np.uint8) for _ in range(2))

    def __call__(self, image: np.ndarray) -> VideoFrame:
        """Convert an image, uint8 (H, W, 3) BGR or (H, W, 4) BGRA, to a frame with its own memory."""
        height, width = image.shape[:2]
        across, down = self._size[0] - width, self._size[1] - height
        if across or down:
            image = cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE)
        if self._pix_fmt in ("yuv420p", "yuva420p", "nv12") and not (self._size[0] % 2 or self._size[1] % 2):
            return self._convert_to_planes(image)
        name = "bgr24" if image.shape[2] == 3 else "bgra"
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format=name)
        if name == self._pix_fmt:
            return picture
        return self._reformatter.reformat(
            picture,
            format=self._pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=swscale_matrix(self._color.matrix),
            dst_color_range=self._color.range,
            interpolation=int(Interpolation.AREA | _EXACT),
        )

    def accepts(self, planes: Planes) -> bool:
        """Return whether planes fit the encoder without conversion, except of their range."""
        # Matrices are compared by value, as some have two numbers.
        mine, theirs = (yuv_to_bgr_matrix(color.matrix, False) for color in (self._color, planes.color))
        same_size = planes.shape[1::-1] == self._size
        return self._pix_fmt in ("yuv420p", "nv12") and same_size and np.array_equal(mine, theirs)

    def copy_planes(self, planes: Planes) -> VideoFrame:
        """Copy planes that `accepts` approves to a frame."""
        frame = VideoFrame(*self._size, self._pix_fmt)
        y, u, v = planes.to_range(self._color.full_range).layers
        np.copyto(pixels_of(frame, 0), y)
        if self._pix_fmt == "nv12":
            pairs = pixels_of(frame, 1)
            pairs[:, 0::2], pairs[:, 1::2] = u, v
        else:
            np.copyto(pixels_of(frame, 1), u)
            np.copyto(pixels_of(frame, 2), v)
        return frame

    def _convert_to_planes(self, image: np.ndarray) -> VideoFrame:
        frame = VideoFrame(*self._size, self._pix_fmt)
        planes = [pixels_of(frame, number) for number in range(len(frame.planes))]
        alpha = image[..., 3] if image.shape[2] == 4 else None
        if alpha is not None:
            image = cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)
        cv2.extractChannel(cv2.transform(image, self._matrix, dst=self._yuv), 0, planes[0])
        half = (self._size[0] // 2, self._size[1] // 2)
        small = cv2.resize(image, half, dst=self._half, interpolation=cv2.INTER_AREA)
        chroma = cv2.transform(small, self._matrix, dst=self._chroma)
        if self._pix_fmt == "nv12":
            cv2.mixChannels([chroma], [planes[1].reshape(half[1], half[0], 2)], [1, 0, 2, 1])
        else:
            cv2.extractChannel(chroma, 1, planes[1])
            cv2.extractChannel(chroma, 2, planes[2])
        if self._pix_fmt == "yuva420p":
            planes[3][:] = 255 if alpha is None else alpha
        return frame


def _layers(frame: VideoFrame) -> Layers:
    return pixels_of(frame, 0), pixels_of(frame, 1), pixels_of(frame, 2)


def pixels_of(frame: VideoFrame, number: int) -> np.ndarray:
    """Return the pixels of an 8-bit plane as a view of the frame's memory, without its padding."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * (2 if number and frame.format.name == "nv12" else 1)]
