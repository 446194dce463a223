"""Pictures as codecs store them, 8-bit 4:2:0 (luma at full size, chroma at half), and their conversion to BGR."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, cast

import cv2
import numpy as np

from background_removal.support.buffers import Buffers


@dataclass(frozen=True, slots=True)
class ColorDescription:
    """Meaning of a stream's YUV values, as code points of ITU-T H.273 (FFmpeg's AVCOL_* values)."""

    matrix: int
    range: int
    primaries: int
    transfer: int

    @property
    def full_range(self) -> bool:
        """Whether black is 0 and white 255 (AVCOL_RANGE_JPEG), instead of 16 and 235."""
        return self.range == 2


# Weights of red and blue in luma, by matrix code point (FFmpeg's AVCOL_SPC_*).
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
# Range code points by `full`: AVCOL_RANGE_MPEG and AVCOL_RANGE_JPEG.
_RANGES = {False: 1, True: 2}


@functools.cache
def _range_tables(full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return lookup tables, uint8 (256,), that convert luma and chroma from the other range (ITU-T H.273)."""
    values = np.arange(256)
    luma, chroma = (values - 16) * 255 / 219, (values - 128) * 255 / 224 + 128
    if not full:
        luma, chroma = values * 219 / 255 + 16, (values - 128) * 224 / 255 + 128
    return np.rint(np.clip(luma, 0, 255)).astype(np.uint8), np.rint(np.clip(chroma, 0, 255)).astype(np.uint8)


@functools.cache
def yuv_to_bgr_matrix(matrix: int, full_range: bool) -> np.ndarray:
    """Return the float64 (3, 4) matrix from 8-bit (Y, Cb, Cr, 1) to (B, G, R), ITU-T H.273 section 8.3."""
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


# Y, uint8 (H, W), and Cb and Cr, uint8 (H / 2, W / 2) rounded up.
Layers: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def halve_rows(plane: np.ndarray, halved: np.ndarray) -> np.ndarray:
    """Write the averages of each two rows of a plane, uint8 (H, W) with even H, to uint8 (H / 2, W), and return it."""
    return cv2.addWeighted(plane[0::2], 0.5, plane[1::2], 0.5, 0, dst=halved)  # a tenth of the time of cv2.resize


class LayersToBgr:
    """Converts layers of one size to images, in a third of the time of swscale's exact mode.

    Each chroma sample is repeated for its four pixels, so averaging them restores the exact sample. Thread-safe.
    """

    def __init__(self, color: ColorDescription) -> None:
        self._color = color
        self._smaller: LayersToBgr | None = None
        self._matrix = yuv_to_bgr_matrix(color.matrix, color.full_range)
        self._buffers = Buffers()
        self._lock = threading.Lock()
        self._rows = np.empty((0, 0, 3), np.uint8)

    def __call__(self, layers: Layers) -> np.ndarray:
        """Return uint8 (H, W, 3) BGR; its memory is reused once no reference is left."""
        y, u, v = layers
        height, width = y.shape
        with self._lock:
            if self._rows.shape[:2] != (-(-height // 2), width):
                self._doubled = [np.empty((-(-height // 2), -(-width // 2), 2), np.uint8) for _ in range(2)]
                self._rows = np.empty((-(-height // 2), width, 3), np.uint8)
            # Merging a plane with itself doubles every pixel in its row.
            for plane, doubled in zip((u, v), self._doubled, strict=True):
                cv2.merge([plane, plane], dst=doubled)
            u, v = (doubled.reshape(doubled.shape[0], -1)[:, :width] for doubled in self._doubled)
            image = self._buffers.take((height, width, 3))
            for first in (0, 1):  # even and odd rows share their chroma
                rows = y[first::2]
                merged = cv2.merge([rows, u[: len(rows)], v[: len(rows)]], dst=self._rows[: len(rows)])
                cv2.transform(merged, self._matrix, dst=image[first::2])
            return image

    def resize(self, layers: Layers, width: int, height: int) -> np.ndarray:
        """Return the picture at another size, uint8 (height, width, 3) BGR; shrinking precedes the conversion."""
        if width * height >= layers[0].size:
            image = self(layers)
            return image if image.shape[1::-1] == (width, height) else cv2.resize(image, (width, height))
        if self._smaller is None:
            self._smaller = LayersToBgr(self._color)
        half = (-(-width // 2), -(-height // 2))
        y, u, v = (cv2.resize(layer, size) for layer, size in zip(layers, ((width, height), half, half), strict=True))
        return self._smaller((y, u, v))


class Planes:
    """A read-only picture of even width and height, as codecs store it.

    Args:
        layers: Y, Cb and Cr.
        color: Meaning of their values.
        to_bgr: Converter to share among many pictures; None creates one.

    Attributes:
        layers: As given.
        color: As given.
        to_bgr: As given.
    """

    __slots__ = ("_image", "color", "layers", "to_bgr")

    def __init__(self, layers: Layers, color: ColorDescription, to_bgr: LayersToBgr | None = None) -> None:
        self.layers = layers
        self.color = color
        self.to_bgr = to_bgr or LayersToBgr(color)
        self._image: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and 3, as for an image."""
        return (*self.layers[0].shape, 3)

    @property
    def image(self) -> np.ndarray:
        """The picture as uint8 (H, W, 3) BGR, converted once; the caller may draw on it."""
        if self._image is None:
            self._image = self.to_bgr(self.layers)
        return self._image

    def bgr_to_yuv(self, bgr: np.ndarray) -> Layers:
        """Convert uint8 (h, w, 3) BGR of any size to Y, Cb and Cr, each uint8 (h, w)."""
        y, u, v = cv2.split(cv2.transform(bgr, bgr_to_yuv_matrix(self.color.matrix, self.color.full_range)))
        return y, u, v

    def bgr_delta_to_yuv(self, bgr: np.ndarray) -> Layers:
        """Convert BGR differences, stored as difference / 2 + 128 in uint8 (h, w, 3), to Y, Cb and Cr differences."""
        linear = bgr_to_yuv_matrix(self.color.matrix, self.color.full_range)[:, :3]
        y, u, v = cv2.split(cv2.transform(bgr, np.column_stack([linear, 128 - linear @ (128, 128, 128)])))
        return y, u, v

    def crop(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """Return a rectangle of the picture as an image; the rest is not converted."""
        even_left, even_top = left // 2 * 2, top // 2 * 2
        y, u, v = self.layers
        half = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
        y = y[even_top : (bottom + 1) // 2 * 2, even_left : (right + 1) // 2 * 2]
        image = LayersToBgr(self.color)((y, u[half], v[half]))
        return image[top - even_top :, left - even_left :][: bottom - top, : right - left]

    def half_layers(self) -> Layers:
        """Return the picture at half its width and height as Y, Cb and Cr, each uint8 (H / 2, W / 2)."""
        y, u, v = self.layers
        return cv2.resize(y, u.shape[::-1], interpolation=cv2.INTER_AREA), u, v

    def to_image(self, layers: Sequence[np.ndarray]) -> np.ndarray:
        """Convert Y, Cb and Cr of one size and of this picture's colours to uint8 (h, w, 3) BGR."""
        return cv2.transform(cv2.merge(layers), yuv_to_bgr_matrix(self.color.matrix, self.color.full_range))

    def resize(self, width: int, height: int) -> np.ndarray:
        """Return the picture at another size as uint8 (height, width, 3) BGR; shrinking precedes the conversion."""
        return self.to_bgr.resize(self.layers, width, height)

    def to_range(self, full: bool) -> Planes:
        """Return the same picture with black at 0 and white at 255, or, unless `full`, at 16 and 235."""
        if self.color.full_range == full:
            return self
        luma, chroma = _range_tables(full)
        y, u, v = self.layers
        return Planes(
            (cv2.LUT(y, luma), cv2.LUT(u, chroma), cv2.LUT(v, chroma)), replace(self.color, range=_RANGES[full])
        )

    def with_drawing(self, box: tuple[int, int, int, int], draw: Callable[[np.ndarray, int, int], object]) -> Planes:
        """Return a copy with a drawing on it; pixels that the drawing leaves alone stay identical to the bit.

        Args:
            box: Left, top, right, bottom of the drawing's bounding box in pixels, clipped to the picture.
            draw: Called with that part as an image, uint8 (h, w, 3) BGR, and its left and top in the picture.
        """
        height, width = self.shape[:2]
        left, top = max(0, box[0]) // 2 * 2, max(0, box[1]) // 2 * 2
        right, bottom = min(width, box[2] + box[2] % 2), min(height, box[3] + box[3] % 2)
        if left >= right or top >= bottom:
            return self
        before = self.crop(left, top, right, bottom)
        after = before.copy()
        draw(after, left, top)
        changed = (before != after).any(axis=2)
        y, u, v = (layer.copy() for layer in self.layers)
        values = self.bgr_to_yuv(after)
        np.copyto(y[top:bottom, left:right], values[0], where=changed)
        half = (changed.shape[1] // 2, changed.shape[0] // 2)
        changed = changed.reshape(half[1], 2, half[0], 2).any(axis=(1, 3))
        for layer, value in ((u, values[1]), (v, values[2])):
            small = cv2.resize(value, half, interpolation=cv2.INTER_AREA)
            np.copyto(layer[top // 2 : bottom // 2, left // 2 : right // 2], small, where=changed)
        return self.with_layers((y, u, v))

    def with_layers(self, layers: Layers) -> Planes:
        """Return another picture with the same colour description."""
        return Planes(layers, self.color, self.to_bgr)


def to_image(picture: np.ndarray | Planes) -> np.ndarray:
    """Return a picture as an image; an image is returned as it is."""
    return picture.image if isinstance(picture, Planes) else picture


Picture = TypeVar("Picture", np.ndarray, Planes, "np.ndarray | Planes")


def mirror(picture: Picture) -> Picture:
    """Return a copy mirrored left to right."""
    if isinstance(picture, Planes):
        y, u, v = (cv2.flip(layer, 1) for layer in picture.layers)
        return picture.with_layers((y, u, v))
    return cast("Picture", cv2.flip(picture, 1))


def describe_image_problem(result: object) -> str:
    """Return why `result` is not an image, "" if it is one."""
    if not isinstance(result, np.ndarray):
        return f"{'None' if result is None else type(result).__name__} instead of an image"
    if result.dtype != np.uint8:
        return f"an array of {result.dtype} instead of uint8"
    if result.ndim != 3 or result.shape[2] not in (3, 4) or 0 in result.shape:
        return f"an array of shape {result.shape} instead of (height, width, 3) or (height, width, 4)"
    return ""


def describe_picture_problem(result: object) -> str:
    """Return why `result` is neither an image nor planes, "" if it is one of them."""
    if not isinstance(result, Planes):
        return describe_image_problem(result)
    layers = result.layers or ()
    shapes = [layer.shape for layer in layers if isinstance(layer, np.ndarray) and layer.dtype == np.uint8]
    if len(shapes) == 3 and len(shapes[0]) == 2 and 0 not in shapes[0]:
        height, width = shapes[0]
        if height % 2 == width % 2 == 0 and shapes[1:] == [(height // 2, width // 2)] * 2:
            return ""
    return "planes that are not uint8 (H, W) and twice (H / 2, W / 2)"
