"""Single pictures: files of any format that OpenCV knows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from types import TracebackType

import cv2
import numpy as np

from errors import InputError, ProcessingError
from media.frame import Frame, StreamInfo

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
ALPHA_SUFFIXES = (".png", ".webp", ".tiff", ".tif")


class ImageSource:
    """Yields the one frame of an image file, turned upright as its EXIF orientation says.

    Raises (on entering):
        InputError: the file is not an image that OpenCV can read.
    """

    def __init__(self, path: str, name: str = "") -> None:
        self._path = path
        self._name = name or path
        self._image: np.ndarray | None = None

    def __enter__(self) -> ImageSource:
        # The bytes are read by NumPy because cv2.imread cannot open every Unicode name on Windows.
        data = np.fromfile(self._path, np.uint8)
        try:
            self._image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except cv2.error as error:  # a size that OpenCV refuses, a damaged header
            raise InputError(f"{self._name}: not a readable image ({error.err})") from error
        if self._image is None:
            raise InputError(f"{self._name}: not a readable image")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._image = None

    @property
    def info(self) -> StreamInfo:
        height, width = self._opened().shape[:2]
        return StreamInfo(self._name, width, height, frames=1)

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(self._opened().copy())

    def stop(self) -> None:
        """Nothing to stop: one frame is all there is."""

    def _opened(self) -> np.ndarray:
        if self._image is None:
            raise RuntimeError("the image source must be entered before it is used")
        return self._image


def check_image_output(path: str) -> None:
    """Raise InputError unless the suffix of `path` is an image format that OpenCV writes."""
    suffix = os.path.splitext(path)[1]
    if not suffix or not cv2.haveImageWriter(f"image{suffix.lower()}"):
        raise InputError(
            f"{path}: cannot write an image with the suffix '{suffix}'; use .jpg, .png, .webp, .bmp or .tiff"
        )


def is_sequence(path: str) -> bool:
    """Tell whether `path` names the pictures of a sequence by a pattern such as ``%06d.png``.

    >>> is_sequence("frames/%06d.png"), is_sequence("frames/100%.png"), is_sequence("my%20day.mp4")
    (True, False, False)
    """
    name = os.path.basename(path).lower()
    return name.endswith(SUFFIXES) and _NUMBER.search(name) is not None


_NUMBER = re.compile(r"%0?\d*d")


class SequenceSink:
    """Writes every frame as a picture of its own, numbered from 1.

    Args:
        folder: An existing local folder.
        pattern: The pictures' names, ``%06d.png`` for instance; the suffix decides the format.
        name: What to call the sequence in messages.
    """

    def __init__(self, folder: str, pattern: str, name: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._name = name
        self._written = 0

    def __enter__(self) -> SequenceSink:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held open between writes."""

    def end_early(self) -> None:
        """Nothing follows the pictures."""

    def write(self, frame: Frame) -> None:
        """Write the next picture; raises as `ImageSink.write` does."""
        self._written += 1
        path = os.path.join(self._folder, _NUMBER.sub(lambda found: found[0] % self._written, self._pattern))
        ImageSink(path, self._name).write(frame)


class ImageSink:
    """Writes the last frame it was given to `path`; the suffix decides the format.

    Args:
        path: Where the encoded image is written.
        name: What to call it in messages, `path` if empty.
    """

    def __init__(self, path: str, name: str = "") -> None:
        self._path = path
        self._name = name or path

    def __enter__(self) -> ImageSink:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held open between writes."""

    def write(self, frame: Frame) -> None:
        """Write one picture in place of any earlier one.

        Raises:
            InputError: the picture is transparent and the format cannot store that.
            ProcessingError: it cannot be encoded or written.
        """
        suffix = os.path.splitext(self._name)[1].lower()
        if frame.image.ndim == 3 and frame.image.shape[2] == 4 and suffix not in ALPHA_SUFFIXES:
            better = os.path.splitext(self._name)[0] + ".png"
            raise InputError(
                f"{self._name}: {suffix} cannot store transparency; "
                f"choose .png, .webp or .tiff, for instance --output {better}"
            )
        try:
            done, data = cv2.imencode(suffix, frame.image)
        except cv2.error as error:  # for instance a side longer than the format allows
            raise ProcessingError(f"{self._name}: cannot be encoded ({error.err})") from error
        if not done:
            raise ProcessingError(f"{self._name}: cannot be encoded")
        try:
            data.tofile(self._path)
        except OSError as error:
            raise ProcessingError(f"{self._name}: cannot be written: {error}") from error


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return uint8 (H, W, 3) or (H, W, 4) scaled to fit into `width` x `height`, black around it."""
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    return cv2.copyMakeBorder(
        small, top, height - inner[1] - top, left, width - inner[0] - left, cv2.BORDER_CONSTANT, value=(0, 0, 0, 255)
    )
