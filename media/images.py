"""Single pictures: files of any format that OpenCV knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType

import cv2
import numpy as np

from errors import InputError, ProcessingError
from media.frame import Frame, StreamInfo

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
