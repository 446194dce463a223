"""Between a codec's YUV and an object's BGR, exactly as the stream says that its colours are meant."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from pipeline.buffers import Buffers
from pipeline.frame import ColorDescription

# Code points of ITU-T H.273, as in FFmpeg's AVCOL_SPC_*: the shares of red and blue in luma.
_LUMA = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
_BT601 = 6
# The same in swscale's numbering (SWS_CS_*), which PyAV takes; its enumeration lacks some in older releases.
_SWSCALE = {1: 1, 4: 4, 5: 5, _BT601: 5, 7: 7, 9: 9, 10: 9}
# swscale's quick ways are 1 to 2 of 255 too dark. SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT and SWS_FULL_CHR_H_INP, which
# PyAV names from 18 on.
_EXACT = 0x40000 | 0x2000 | 0x4000
_PLANAR = ("yuv420p", "yuvj420p")


def swscale_matrix(matrix: int) -> int:
    """Return swscale's number for an H.273 matrix; BT.601 for what it does not know."""
    return _SWSCALE.get(matrix, _SWSCALE[_BT601])


@functools.cache
def yuv_to_bgr_matrix(matrix: int, full_range: bool) -> np.ndarray:
    """Return the float64 (3, 4) matrix that takes 8-bit (Y, Cb, Cr, 1) to (B, G, R), ITU-T H.273 section 8.3."""
    red, blue = _LUMA.get(matrix, _LUMA[_BT601])
    green = 1 - red - blue
    luma, offset, chroma = (1.0, 0.0, 1.0) if full_range else (255 / 219, 16.0, 255 / 224)
    from_cb, from_cr = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    linear = np.array(
        [
            [luma, from_cb, 0],
            [luma, -from_cb * blue / green, -from_cr * red / green],
            [luma, 0, from_cr],
        ]
    )
    return np.column_stack([linear, -linear @ (offset, 128, 128)])


@functools.cache
def bgr_to_yuv_matrix(matrix: int, full_range: bool) -> np.ndarray:
    """Return the inverse of `yuv_to_bgr_matrix`, float64 (3, 4)."""
    forward = yuv_to_bgr_matrix(matrix, full_range)
    linear = np.linalg.inv(forward[:, :3])
    return np.column_stack([linear, -linear @ forward[:, 3]])


class ToBgr:
    """Turns decoded frames into images.

    8 bits of 4:2:0, which nearly every file has, take a way of our own: a third of the time of swscale's exact
    one. Each chroma sample stands for its four pixels, so that `FromBgr` gives the very same sample back.

    Args:
        color: How the frames' values are meant.
        width, height: Size of the images; frames of another size are scaled.
    """

    def __init__(self, color: ColorDescription, width: int, height: int) -> None:
        self._color = color
        self._size = (width, height)
        self._matrix = yuv_to_bgr_matrix(color.matrix, color.range == ColorRange.JPEG)
        self._reformatter = VideoReformatter()
        self._buffers = Buffers()
        self._doubled = [np.empty((-(-height // 2), -(-width // 2), 2), np.uint8) for _ in range(2)]
        self._rows = np.empty((-(-height // 2), width, 3), np.uint8)

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """Return the frame as uint8 (H, W, 3) BGR, which is used again only when nobody holds it any more."""
        if frame.format.name in _PLANAR and (frame.width, frame.height) == self._size and frame.height > 1:
            return self._from_planes(*(_plane(frame, number) for number in range(3)))
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

    def _from_planes(self, y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        height, width = y.shape
        # A plane merged with itself is the plane with every pixel twice in its row.
        for plane, doubled in zip((u, v), self._doubled, strict=True):
            cv2.merge([plane, plane], dst=doubled)
        u, v = (doubled.reshape(doubled.shape[0], -1)[:, :width] for doubled in self._doubled)
        image = self._buffers.take((height, width, 3))
        for first in (0, 1):  # even rows and odd ones have the same chroma
            rows = y[first::2]
            merged = cv2.merge([rows, u[: len(rows)], v[: len(rows)]], dst=self._rows[: len(rows)])
            cv2.transform(merged, self._matrix, dst=image[first::2])
        return image


class FromBgr:
    """Turns images into frames that an encoder takes.

    Args:
        color: How the frames' values are to be meant.
        pix_fmt: FFmpeg's name of the encoder's pixel format.
        width, height: Size of the frames, even where the format halves its chroma; an image of an odd size is
            completed by repeating its last column or row.
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
        """Return uint8 (H, W, 3) BGR or (H, W, 4) BGRA as a frame, which keeps nothing of `image`."""
        height, width = image.shape[:2]
        across, down = self._size[0] - width, self._size[1] - height
        if across or down:
            image = cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE)
        if self._pix_fmt in ("yuv420p", "yuva420p", "nv12") and not (self._size[0] % 2 or self._size[1] % 2):
            return self._in_planes(image)
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

    def _in_planes(self, image: np.ndarray) -> VideoFrame:
        frame = VideoFrame(*self._size, self._pix_fmt)
        planes = [_plane(frame, number) for number in range(len(frame.planes))]
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


def _plane(frame: VideoFrame, number: int) -> np.ndarray:
    """Return the pixels of an 8-bit plane as an array on the frame's own memory, without its padding."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * (2 if number and frame.format.name == "nv12" else 1)]
