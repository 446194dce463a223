"""A frame and its halvings, each computed once for all steps that need it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.matting.boxes import clip_box
from background_removal.pipeline.planes import ColorDescription, Planes, to_image
from background_removal.support.buffers import Buffers


class Pyramid:
    """Holds a frame, its half, its quarter and so on, each computed on first use.

    Averaging two by two pixels is exact and fast: 0.4 ms for 1920x1080, where averaging straight down to a network's
    input takes 4.

    A frame in a codec's planes is halved in planes, which are of one size from the half on; only what is asked for is
    converted to BGR. It is composited layer by layer; an image is one layer.

    Args:
        picture: uint8 (H, W, 3) BGR, or planes.
    """

    def __init__(self, picture: np.ndarray | Planes) -> None:
        self._picture = picture
        # Layers of each level from the half on, and those of them that are converted to BGR.
        self._smaller: list[Sequence[np.ndarray]] = []
        self._converted: dict[int, np.ndarray] = {}

    @property
    def image(self) -> np.ndarray:
        """The frame itself, uint8 (H, W, 3)."""
        return to_image(self._picture)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame in pixels."""
        return self._picture.shape[1], self._picture.shape[0]

    @property
    def layers(self) -> Sequence[np.ndarray]:
        """The frame's arrays: one uint8 (H, W, 3), or planes, uint8 (h, w), of the frame's size and of half of it."""
        return self._picture.layers if isinstance(self._picture, Planes) else (self._picture,)

    @property
    def color(self) -> ColorDescription | None:
        """The colour description of planes; None for an image."""
        return self._picture.color if isinstance(self._picture, Planes) else None

    def bgr_to_layers(self, bgr: np.ndarray) -> Sequence[np.ndarray]:
        """Return uint8 (h, w, 3) BGR of any size as values of each layer; see `Planes.bgr_to_yuv`."""
        return self._picture.bgr_to_yuv(bgr) if isinstance(self._picture, Planes) else (bgr,)

    def bgr_delta_to_layers(self, bgr: np.ndarray) -> Sequence[np.ndarray]:
        """Return a change of BGR as changes of each layer; see `Planes.bgr_delta_to_yuv`."""
        return self._picture.bgr_delta_to_yuv(bgr) if isinstance(self._picture, Planes) else (bgr,)

    def allocate_layers(self, buffers: Buffers) -> Sequence[np.ndarray]:
        """Return uninitialised layers like those of the frame."""
        if not isinstance(self._picture, Planes):
            return (buffers.take(self._picture.shape),)
        width, height = self.size
        buffer = buffers.take((height * 3 // 2, width))
        u, v = buffer[height:].reshape(2, height // 2, width // 2)
        return buffer[:height], u, v

    def assemble(self, layers: Sequence[np.ndarray]) -> np.ndarray | Planes:
        """Return layers as an image or planes, like the frame."""
        if not isinstance(self._picture, Planes):
            return layers[0]
        y, u, v = layers
        return self._picture.with_layers((y, u, v))

    def level(self, number: int) -> np.ndarray:
        """Return the frame shrunk by two to the power of `number`, sides rounded up, uint8 (h, w, 3) BGR."""
        if not number:
            return self.image
        if number not in self._converted:
            self._converted[number] = self._to_bgr(self._level_layers(number))
        return self._converted[number]

    def _level_layers(self, number: int) -> Sequence[np.ndarray]:
        """Return the layers of a level from the half on: BGR, or Y, Cb and Cr of one size."""
        if not self._smaller:
            picture = self._picture
            self._smaller.append(picture.half_layers() if isinstance(picture, Planes) else [_halve(picture)])
        while len(self._smaller) < number:
            self._smaller.append([_halve(layer) for layer in self._smaller[-1]])
        return self._smaller[number - 1]

    def _to_bgr(self, layers: Sequence[np.ndarray]) -> np.ndarray:
        return self._picture.to_image(layers) if isinstance(self._picture, Planes) else layers[0]

    def crop(self, box: tuple[int, int, int, int], width: int, height: int) -> np.ndarray:
        """Return the part of the frame inside `box` (left, top, right, bottom) at `width` x `height`.

        It is cut from the smallest level that has at least that many pixels in the box.
        """
        left, top, right, bottom = box
        number = 0
        while (right - left) >> (number + 1) >= width and (bottom - top) >> (number + 1) >= height:
            number += 1
        if number:
            layers = self._level_layers(number)
            rows, columns = slice(top >> number, -(-bottom >> number)), slice(left >> number, -(-right >> number))
            return self._to_bgr([_resize(layer[rows, columns], width, height) for layer in layers])
        if isinstance(self._picture, Planes):
            return _resize(self._picture.crop(left, top, right, bottom), width, height)
        return _resize(self._picture[top:bottom, left:right], width, height)

    def crop_padded(self, box: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
        """Return the part of the frame inside `box` at `width` x `height`; beyond the frame it is mirrored.

        Networks lose a person at a black border; a mirrored one continues them.
        """
        left, top, right, bottom = box
        across, down = width / (right - left), height / (bottom - top)
        inner = clip_box(box, self.size)
        before = round((inner[0] - left) * across), round((inner[1] - top) * down)
        after = round((right - inner[2]) * across), round((bottom - inner[3]) * down)
        before = tuple(min(max(0, n), side - 1) for n, side in zip(before, (width, height), strict=True))
        after = tuple(min(max(0, n), side - 1 - n0) for n, n0, side in zip(after, before, (width, height), strict=True))
        part = self.crop(inner, width - before[0] - after[0], height - before[1] - after[1])
        return cv2.copyMakeBorder(part, before[1], after[1], before[0], after[0], cv2.BORDER_REFLECT_101)


def _halve(layer: np.ndarray) -> np.ndarray:
    """Return a layer, uint8 (h, w) or (h, w, 3), at half its size, rounded up."""
    height, width = layer.shape[:2]
    if width % 2 or height % 2:  # OpenCV averages even sizes fast
        layer = cv2.copyMakeBorder(layer, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(layer, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def _resize(layer: np.ndarray, width: int, height: int) -> np.ndarray:
    if layer.shape[1] == width and layer.shape[0] == height:
        return np.ascontiguousarray(layer)
    return cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR)


def drop_alpha(frame: np.ndarray) -> np.ndarray:
    """Return a frame as uint8 (H, W, 3), without its alpha if it has one.

    Raises:
        InputError: it is no image, such as None, which cv2.imread gives for a file that it cannot read.
    """
    if not isinstance(frame, np.ndarray):
        hint = ": cv2.imread gives it for a file that is missing or cannot be read" if frame is None else ""
        given = "None" if frame is None else type(frame).__name__
        raise InputError(f"MPSegmentation takes uint8 (H, W, 3) images, not {given}{hint}")
    if frame.ndim != 3 or frame.shape[2] not in (3, 4) or frame.dtype != np.uint8 or not frame.size:
        empty = "" if frame.size else ", which is empty"
        raise InputError(f"MPSegmentation takes uint8 (H, W, 3) images, not {frame.dtype} {frame.shape}{empty}")
    return frame if frame.shape[2] == 3 else np.ascontiguousarray(frame[..., :3])


def restore_alpha(result: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Return a processed frame, uint8 (H, W, 3) or (H, W, 4), with the transparency of `frame`, (H, W, 4)."""
    alpha = frame[..., 3] if result.shape[2] == 3 else cv2.multiply(result[..., 3], frame[..., 3], scale=1 / 255)
    return np.dstack([result[..., :3], alpha])
