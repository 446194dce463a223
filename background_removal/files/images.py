"""Image files and picture sequences: read the formats of Pillow, write those of OpenCV."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError, Stopped
from background_removal.files.saving.atomic import (
    atomic_folder,
    atomic_output,
    check_output,
    check_output_folder,
    close_atomic,
    partial_folder,
)
from background_removal.files.square import resize_image, square_size
from background_removal.files.storage import STANDARD
from background_removal.pipeline.frame import (
    Frame,
    PictureMetadata,
    ReadMode,
    Sink,
    Source,
    StreamInfo,
    discards_result,
)
from background_removal.support import limits
from background_removal.support.transparency import WHITE, flatten

log = logging.getLogger(__name__)

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".tif",
    ".tiff",
    ".heic",
    ".heif",
    ".hif",
    ".avif",
    ".ico",
    ".qoi",
)
ALPHA_SUFFIXES = (".png", ".webp", ".tiff", ".tif", ".avif")

_DAMAGED = "it is damaged; what could be read of it is used"


def read_image(path: str, name: str = "") -> np.ndarray:
    """Read an image file as uint8 (H, W, 3) BGR, upright and in sRGB, on white where it is transparent.

    Damaged images are returned as far as they are readable, with a warning.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.

    Raises:
        InputError: as for `read_picture`.
    """
    from background_removal.files.image_decoding import read_picture  # Pillow, which videos do not need

    picture = read_picture(path, name)
    if picture.damaged:
        log.warning("%s: %s", name or path, _DAMAGED)
    return flatten(picture.image, WHITE)


def write_image(path: str, image: np.ndarray, name: str = "", metadata: PictureMetadata | None = None) -> None:
    """Write a picture in the format of the suffix of `path`.

    Args:
        path: A local file.
        image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
        name: The name of the final file, `path` if empty.
        metadata: Metadata to write where the format has them.

    Raises:
        InputError: the picture is transparent and the format has no alpha.
        ProcessingError: it cannot be encoded or written.
    """
    name = name or path
    suffix = os.path.splitext(path)[1].lower()
    if image.shape[2] == 4 and suffix not in ALPHA_SUFFIXES:
        better = os.path.splitext(name)[0] + ".png"
        raise InputError(
            f"{name}: {suffix} cannot store transparency; choose .png, .webp, .avif or .tiff: `output_path` {better}"
        )
    try:
        data = None
        if metadata:
            from background_removal.files.metadata import encode_with_metadata

            data = encode_with_metadata(suffix, image, metadata)
        if data is None:
            data = cv2.imencode(suffix, image)[1].tobytes()
    except (cv2.error, OSError, ValueError) as error:  # such as a side longer than the format allows
        raise ProcessingError(f"{name}: cannot be encoded ({getattr(error, 'err', error)})") from error
    if not data:
        raise ProcessingError(f"{name}: cannot be encoded")
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise ProcessingError(f"{name}: cannot be written: {error}") from error


class ImageSource(Source):
    """Yields the one frame of an image file.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.
        again: Whether it can be iterated again, at the cost of a copy of the image.
    """

    read_mode: ReadMode = "inline"

    def __init__(self, path: str, name: str = "", *, again: bool = True) -> None:
        self._path = path
        self._name = name or path
        self._again = again
        self._image: np.ndarray | None = None
        self._info: StreamInfo | None = None

    def open(self) -> None:
        """Read the file; raises InputError if it is not an image."""
        from background_removal.files.image_decoding import read_picture

        self._image, damaged, metadata, pictures = read_picture(self._path, self._name)
        if pictures > 1:
            log.info("%s: it has %d pictures; only the first is used", self._name, pictures)
        if damaged:
            self.missing = _DAMAGED
            log.warning("%s: %s", self._name, _DAMAGED)
        height, width = self._image.shape[:2]
        self._info = StreamInfo(
            self._name, width, height, frames=1, still=True, alpha=self._image.shape[2] == 4, metadata=metadata
        )

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the image source must be opened before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        image = self._image
        if image is None:
            raise RuntimeError("the image source must be opened before it is used, and cannot be iterated again")
        if self._again:
            image = image.copy()
        else:
            self._image = None
        yield Frame(image)

    def stop(self) -> None:
        """Do nothing: there is only one frame."""

    def close(self) -> None:
        self._image = self._info = None


class ImageSink(Sink):
    """Writes the last frame to `path`, local or remote, in the format of its suffix.

    On standard output, `files.storage.STANDARD`, the format is PNG.

    Args:
        path: The file.
        flattens: Whether a source's transparency becomes white where the format has no alpha, instead of an error.
        metadata: "keep" for the source's, or "none".
    """

    def __init__(self, path: str, *, flattens: bool = False, metadata: str = "none") -> None:
        self._path = path
        self._flattens = flattens
        self._keeps_metadata = metadata == "keep"
        self._written = False
        self._stack = ExitStack()

    def open(self, info: StreamInfo) -> None:
        self._flattens &= info.alpha and os.path.splitext(self._path)[1].lower() not in ALPHA_SUFFIXES
        self._metadata = info.metadata if self._keeps_metadata else None
        self._temporary = self._stack.enter_context(atomic_output(self._path))

    def write(self, frame: Frame) -> None:
        """Write one picture, replacing any earlier one; raises as `write_image` does."""
        image = flatten(frame.image, WHITE) if self._flattens else frame.image
        write_image(self._temporary, image, self._path, self._metadata)
        self._written = True

    def close(self, error: BaseException | None = None) -> None:
        close_atomic(self._stack, error)
        self.result = "" if not self._written or discards_result(error) else self._path


class SequenceSink(Sink):
    """Writes every frame as a picture of its own, numbered from 1.

    Args:
        path: A local folder and the pictures' names, such as ``frames/%06d.png``.
        flattens: As for `ImageSink`.
    """

    def __init__(self, path: str, *, flattens: bool = False) -> None:
        self._path = path
        self._flattens = flattens
        self._pattern = os.path.basename(path)
        self._written = 0
        self._stack = ExitStack()

    def open(self, info: StreamInfo) -> None:
        self._flattens &= info.alpha and os.path.splitext(self._path)[1].lower() not in ALPHA_SUFFIXES
        self._pixel_aspect = info.pixel_aspect
        self._target = os.path.dirname(self._path) or "."
        self._folder = self._stack.enter_context(atomic_folder(self._target, lambda: self._target))

    def write(self, frame: Frame) -> None:
        """Write the next picture; raises as `write_image` does."""
        self._written += 1
        name = format_picture_name(self._pattern, self._written)
        height, width = frame.image.shape[:2]
        image = resize_image(frame.image, *square_size(width, height, self._pixel_aspect))
        image = flatten(image, WHITE) if self._flattens else image
        write_image(os.path.join(self._folder, name), image, self._path)

    def close(self, error: BaseException | None = None) -> None:
        if isinstance(error, Stopped) and not error.complete:
            self._target = partial_folder(self._target)
        close_atomic(self._stack, error)
        self.result = "" if not self._written or discards_result(error) else self._target


_NUMBER = re.compile(r"%0?(\d*)d")


def is_sequence(path: str) -> bool:
    """Return whether `path` names the pictures of a sequence by a pattern such as ``%06d.png``.

    >>> is_sequence("frames/%06d.png"), is_sequence("frames/100%.png"), is_sequence("my%20day.mp4")
    (True, False, False)
    """
    name = os.path.basename(path).lower()
    return name.endswith(SUFFIXES) and _NUMBER.search(name) is not None


def format_picture_name(pattern: str, number: int) -> str:
    """Return the name of one picture of a sequence; raises InputError if the pattern has too many digits.

    >>> format_picture_name("shot_%03d.png", 7)
    'shot_007.png'
    """
    if any(len(digits) > 2 or int(digits or 0) > limits.MAX_DIGITS for digits in _NUMBER.findall(pattern)):
        raise InputError(f"{pattern}: a picture's number has at most {limits.MAX_DIGITS} digits")
    return _NUMBER.sub(lambda found: found[0] % number, pattern)


def check_image_output(path: str, source: str) -> None:
    """Raise InputError unless an image, or a sequence of them, can be written at `path`.

    Args:
        path: The path of the result.
        source: Its source, which it must not replace; "" if that is no file.
    """
    suffix = ".png" if path == STANDARD else os.path.splitext(path)[1]
    if not suffix or not cv2.haveImageWriter(f"image{suffix.lower()}"):
        raise InputError(
            f"{path}: cannot write an image with the suffix '{suffix}'; use .jpg, .png, .webp, .bmp or .tiff"
        )
    if is_sequence(path):
        format_picture_name(path, 1)
        check_output_folder(os.path.dirname(path) or ".")
    else:
        check_output(path, source)


def letterbox(image: np.ndarray, width: int, height: int, pixel_aspect: float = 1) -> np.ndarray:
    """Scale an image, uint8 (H, W, 3) or (H, W, 4), to fit into `width` x `height` with black bars.

    Args:
        image: The image.
        width, height: Size of the result.
        pixel_aspect: Width divided by height of its pixels, where those of the result are square.
    """
    shown = image.shape[1] * pixel_aspect
    scale = min(width / shown, height / image.shape[0])
    inner = (max(1, round(shown * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    return cv2.copyMakeBorder(
        small, top, height - inner[1] - top, left, width - inner[0] - left, cv2.BORDER_CONSTANT, value=(0, 0, 0, 255)
    )
