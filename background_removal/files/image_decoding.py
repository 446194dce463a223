"""Picture decoding: check the size before memory is allocated, convert to sRGB, turn upright, and detect damage.

Pillow reads the files. Plain JPEGs, whose headers it reads as well, are decoded by OpenCV: Pillow withholds libjpeg's
messages, which tell of damage, and takes twice the time to the same pixels in BGR.
"""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from cv2.utils import logging as opencv_log
from PIL import Image, ImageFile

from background_removal.errors import InputError, reason
from background_removal.files.code_points import CodePoints, read_code_points
from background_removal.files.color_profiles import find_profile, to_srgb
from background_removal.files.image_formats import HEAD_BYTES, OPENCV_MAGIC, detect_format
from background_removal.files.metadata import read_metadata
from background_removal.pipeline.frame import PictureMetadata
from background_removal.support import limits, stderr
from background_removal.support.installing import install_command

# Lines that the libraries inside OpenCV write to standard error.
_LIBRARY_LINE = re.compile(
    r"\[ *(FATAL|ERROR|WARN|INFO|DEBUG)(:|\])|lib(png|jpeg|tiff|webp)|TIFF|JPEG|JPG|Jasper|OpenEXR|\s*$", re.IGNORECASE
)
# Messages of theirs that mean a damaged picture; the others concern colour profiles and private tags.
_DAMAGE = re.compile(r"\[ERROR:|corrupt|premature|Discarding|Bogus|inconsistent|truncated", re.IGNORECASE)
# Junk between the parts of a whole JPEG; before a restart marker (d0 to d7) it is what damage leaves.
_JUNK = re.compile(r"extraneous bytes before marker 0x(?!d[0-7])")
_JUNK_AT_END = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_END_OF_JPEG = b"\xff\xd9"
_START_OF_SCAN = 0xDA
# Bytes behind a picture's end that libjpeg-turbo may have read, and does not count as junk; its buffer has 64 bits.
_READ_AHEAD = 10
# Code points of ITU-T H.273 for the transfer functions of HDR: PQ and HLG.
HDR_TRANSFERS = (16, 18)
# EXIF tag of the orientation, and TIFF tag of the bits in a sample.
_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 258
# TIFF tag with a lowest bit that marks a smaller copy of another page (TIFF 6.0, section 8).
_SUBFILE_TYPE = 254
# Pages of a TIFF that are counted.
_MAX_PAGES = 1000
# Colour where a picture is fully transparent, so that no hidden colour is ever shown: white, as browsers show it.
_HIDDEN = 255

log = logging.getLogger(__name__)
_pillow_settings = threading.Lock()


class DecodedPicture(NamedTuple):
    """A picture that was read.

    Attributes:
        image: uint8 (H, W, 3) BGR or, if any part of it is transparent, (H, W, 4) BGRA with white where alpha is 0.
        damaged: Whether only a part could be read.
        metadata: What a result may keep.
        pictures: Number of pictures in the file, pages of a TIFF or frames of an animation; this is the first.
    """

    image: np.ndarray
    damaged: bool
    metadata: PictureMetadata
    pictures: int = 1


def read_picture(path: str, name: str = "") -> DecodedPicture:
    """Decode a picture upright and in sRGB.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.

    Raises:
        InputError: it is not a readable image, is larger than allowed, or needs a package that is not installed.
    """
    name = name or path
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: not a readable image ({error.strerror})") from error
    try:
        header = open_picture(data, name)
    except InputError:
        if not data.startswith(OPENCV_MAGIC):
            raise
        return DecodedPicture(_require(_decode_with_opencv(data, name), name), False, PictureMetadata())
    with header:
        limits.check_pixels(name, *header.size)
        image, damaged = _decode(header, data, name)
        return DecodedPicture(image, damaged, _read_metadata(header, image), _count_pictures(header))


def open_picture(data: bytes, name: str) -> ImageFile.ImageFile:
    """Open a picture file without decoding it.

    Args:
        data: The whole file.
        name: Its name in messages.

    Raises:
        InputError: it is not a readable image, or needs a package that is not installed.
    """
    kind = detect_format(data[:HEAD_BYTES])
    if not kind:
        raise InputError(f"{name}: not a readable image")
    if kind == "HEIF":
        try:
            import pillow_heif
        except ImportError as error:
            raise InputError(f"{name}: HEIC needs an extra package: {install_command('heic')}") from error
        pillow_heif.register_heif_opener()
    attempts = [data, _without_junk(data)] if kind == "JPEG" else [data]
    for attempt in attempts:
        # The caller checks the size, by the limit that the user can set. Errors of any type, on damaged headers.
        with _pillow_limit(None), suppress(Exception):
            return Image.open(io.BytesIO(attempt), formats=[kind])
    why = {"TIFF": " (damaged, or a kind of TIFF that is not read; save it with 8 or 16 bits per channel)"}
    raise InputError(f"{name}: not a readable image{why.get(kind, '')}")


def _without_junk(data: bytes) -> bytes:
    """Return a JPEG without what stands between the segments of its header, which decoders skip and Pillow refuses."""
    parts = [data[start:end] for start, end in _segments(data)]
    return b"".join([data[:2], *parts, data[_start_of_scan(data) :]])


def _start_of_scan(data: bytes) -> int:
    """Return the position of the first scan's marker in a JPEG, its end if there is none."""
    end = max((end for _, end in _segments(data)), default=2)
    at = data.find(b"\xff\xda", end)
    return len(data) if at < 0 else at


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each segment in a JPEG's header (ISO/IEC 10918-1, B.1.1.4)."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == _START_OF_SCAN:
            return
        if marker in (0x00, 0xFF):  # escaped or filled
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield at, end
        at = end


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in a picture's header, None if it has no readable one.

    Args:
        data: The whole file.
    """
    try:
        with open_picture(data, "") as header:
            return header.size
    except InputError:
        return None


def _read_metadata(header: Image.Image, image: np.ndarray) -> PictureMetadata:
    try:
        return read_metadata(header, image.shape[1], image.shape[0])
    except Exception as error:  # of any type, on damaged metadata
        log.debug("metadata are left out: %s", reason(error))
        return PictureMetadata()


def _count_pictures(header: ImageFile.ImageFile) -> int:
    """Return the number of pictures in a file, without smaller copies of them; 1 if it cannot be found out."""
    if header.format not in ("TIFF", "WEBP", "PNG", "AVIF", "HEIF"):  # those of a camera's JPEG belong together
        return 1
    with suppress(Exception):  # of any type, on damaged files
        count = getattr(header, "n_frames", 1)
        if header.format != "TIFF" or count == 1:
            return count
        pages = 0
        with stderr.capture_stderr():  # libtiff's messages
            for number in range(min(count, _MAX_PAGES)):
                header.seek(number)
                pages += not cast("Any", header).tag_v2.get(_SUBFILE_TYPE, 0) & 1
        return max(1, pages)
    return 1


def _decode(header: ImageFile.ImageFile, data: bytes, name: str) -> tuple[np.ndarray, bool]:
    """Return the image of an opened picture, and whether it is damaged; raises as `read_picture` does."""
    damaged = False
    points = read_code_points(data, header.format or "")
    profile = find_profile(header, points)
    if points is not None and points.transfer in HDR_TRANSFERS:
        image = _decode_hdr(header, data, points, name)
    elif header.format in ("JPEG", "MPO") and header.mode in ("L", "RGB"):
        image, damaged = _decode_jpeg(data, name)
        if profile:
            image = to_srgb(image if header.mode == "RGB" else Image.fromarray(image[..., 0]), profile)
    else:
        try:
            _load(header)
            limits.check_pixels(name, *header.size)
            image = to_bgr(header, profile, name)
        except InputError:
            raise
        except Exception as error:  # of any type: each of Pillow's formats has its own
            # OpenCV returns what can be read of a damaged TIFF, or JPEG in CMYK.
            image = _decode_with_opencv(data, name) if header.format in ("TIFF", "JPEG") else None
            if image is None:
                raise InputError(f"{name}: not a readable image ({reason(error)})") from error
            damaged = True
    return orient(image, orientation_of(header)), damaged


def _load(picture: ImageFile.ImageFile) -> None:
    """Decode a picture in Pillow; raises errors of any type."""
    if picture.format in ("ICO", "CUR", "ICNS"):  # the picture inside has a size of its own
        with _pillow_limit(limits.get_limits()["max_pixels"]):
            picture.load()
    elif picture.format == "TIFF":  # libtiff writes some messages itself
        with stderr.capture_stderr():
            picture.load()
    else:
        picture.load()


def _decode_jpeg(data: bytes, name: str) -> tuple[np.ndarray, bool]:
    """Decode a JPEG of 8 bits as it is stored; return it and whether it is damaged."""
    with _opencv_messages() as messages:
        image = _imdecode(data, name)
    damaged = any(_DAMAGE.search(line) and not _JUNK.search(line) for line in messages)
    junk = next((found for line in messages if (found := _JUNK_AT_END.search(line))), None)
    if image is not None and junk and not damaged:
        damaged = not _ends_with_padding(data, int(junk[1]), image)
    if image is None:  # truncated: OpenCV requires the end marker
        image, damaged = _decode_with_opencv(data + _END_OF_JPEG, name), True
    return _require(image, name), damaged


def _ends_with_padding(data: bytes, junk: int, image: np.ndarray) -> bool:
    """Return whether the coded picture ends before the junk as encoders end it: with padding of ones.

    Damage in the middle shifts the rest, which then ends anywhere, and what is left over looks like junk. The bits that
    can be flipped without changing the picture are the padding (ISO/IEC 10918-1, F.1.2.3).

    Args:
        data: The JPEG.
        junk: Bytes of junk before its end.
        image: The decoded picture.
    """

    def shows(at: int, mask: int) -> bool:
        """Return whether flipping bits of a byte changes the picture."""
        flipped = data[at] ^ mask
        changed = bytes([flipped, 0]) if flipped == 0xFF else bytes([flipped])  # not the beginning of a marker
        other = _decode_with_opencv(data[:at] + changed + data[at + 1 :], "")
        return other is None or not np.array_equal(other, image)

    end = data.find(_END_OF_JPEG, _start_of_scan(data)) - junk
    last = next((at for at in range(end - 1, max(2, end - _READ_AHEAD), -1) if shows(at, 0xFF)), None)
    if last is None:
        return False
    padding = next((bit for bit in range(7) if shows(last, 1 << bit)), 7)
    return all(data[last] >> bit & 1 for bit in range(padding))


def _decode_with_opencv(data: bytes, name: str) -> np.ndarray | None:
    with _opencv_messages():
        return _imdecode(data, name)


def _imdecode(data: bytes, name: str) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:  # an empty file, a size that OpenCV refuses, a damaged header
        raise InputError(f"{name}: not a readable image ({error.err})") from error


def _require(image: np.ndarray | None, name: str) -> np.ndarray:
    if image is None:
        raise InputError(f"{name}: not a readable image")
    return image


@contextmanager
def _opencv_messages() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, what OpenCV's libraries wrote; lines of others are passed on."""
    messages: list[str] = []
    with stderr.capture_stderr() as lines:
        level = opencv_log.setLogLevel(opencv_log.LOG_LEVEL_WARNING)  # damage to a JPEG inside a TIFF is a warning
        try:
            yield messages
        finally:
            opencv_log.setLogLevel(level)
    messages += lines
    for line in lines:
        if not _LIBRARY_LINE.match(line) and not _DAMAGE.search(line):
            stderr.write_stderr(line)


def to_bgr(picture: Image.Image, profile: bytes | None, name: str) -> np.ndarray:
    """Convert a loaded picture to sRGB, uint8 (H, W, 3) BGR or, if transparent in parts, (H, W, 4) BGRA.

    Args:
        picture: A picture of any mode.
        profile: Its colour profile; None for sRGB.
        name: Its name in messages.

    Raises:
        InputError: it has 32 bits and no known range.
    """
    if picture.mode.startswith(("I", "F")):
        return to_srgb(Image.fromarray(_to_8_bits(picture, name)), profile)
    has_alpha = picture.has_transparency_data
    plain = ("L", "CMYK", "LAB", "RGB") if not has_alpha else ("RGBA",)
    converted = picture if picture.mode in plain else picture.convert(plain[-1])
    if not has_alpha:
        return to_srgb(converted, profile)
    pixels = np.asarray(converted)
    return _add_alpha(to_srgb(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR), profile), pixels[..., 3])


def _add_alpha(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return an image with its transparency, if it has any, and without the colours hidden under it."""
    if alpha.min() == 255:
        return image
    image[alpha == 0] = _HIDDEN
    return np.dstack([image, alpha])


def _to_8_bits(picture: Image.Image, name: str) -> np.ndarray:
    """Return a grey picture of more bits, uint8 (H, W).

    Raises:
        InputError: it has 32 bits and no known range.
    """
    values = np.asarray(picture)
    if picture.mode == "I":
        raise InputError(f"{name}: a picture of 32 bits per channel is not read; save it with 8 or 16")
    if picture.mode == "F":  # white is 1 in floating-point TIFFs
        return cv2.convertScaleAbs(np.clip(np.nan_to_num(values), 0, 1), alpha=255)
    bits = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
    return cv2.convertScaleAbs(np.ascontiguousarray(values, np.uint16), alpha=255 / (2**bits - 1))


def orientation_of(picture: Image.Image) -> int:
    """Return the orientation of an opened picture, for `orient`."""
    return picture.getexif().get(_ORIENTATION, 1)


def orient(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return a stored picture, (H, W, C), upright.

    Args:
        image: The picture as stored.
        orientation: Value of the EXIF tag, 1 to 8 (EXIF 2.32, 4.6.4); any other leaves it unchanged.
    """
    turn = _TURNS.get(orientation)
    return image if turn is None else np.ascontiguousarray(turn(image))


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.flip(image, -1),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


# -- high dynamic range ----------------------------------------------------------------------------


def _decode_hdr(header: Image.Image, data: bytes, points: CodePoints, name: str) -> np.ndarray:
    """Decode an HDR picture and map its tones as those of an HDR video, uint8 (H, W, 3) BGR or (H, W, 4) BGRA."""
    import av

    from background_removal.files.video.color.hdr import HdrToBgr
    from background_removal.pipeline.frame import ColorDescription

    color = ColorDescription(points.matrix, 2 if points.full_range else 1, points.primaries, points.transfer)
    try:
        if header.format == "HEIF":
            import pillow_heif

            deep: Any = np.asarray(pillow_heif.open_heif(data, convert_hdr_to_8bit=False))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(deep[..., :3]), format="rgb48le")
        else:
            with av.open(io.BytesIO(data)) as container:
                frame = next(container.decode(video=0))
        image = HdrToBgr(color, frame.width, frame.height)(frame)
        return _add_alpha(image, np.asarray(header.convert("RGBA"))[..., 3]) if header.has_transparency_data else image
    except Exception as error:  # libheif's own errors, and Pillow's and FFmpeg's
        raise InputError(f"{name}: not a readable image ({reason(error)})") from error


@contextmanager
def _pillow_limit(pixels: int | None) -> Iterator[None]:
    """Replace Pillow's limit on the size of pictures, which is the process's, for the time of the block."""
    with _pillow_settings:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
