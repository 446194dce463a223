"""Source of a video file, read through PyAV."""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from background_removal.errors import InputError
from background_removal.files.animations import gif_plays, read_animation
from background_removal.files.foreign import is_text
from background_removal.files.images import letterbox
from background_removal.files.video.alpha import AlphaReader
from background_removal.files.video.color.hdr import HLG, PQ, SDR, HdrToBgr
from background_removal.files.video.color.yuv import ToBgr, color_of
from background_removal.files.video.completeness import describe_missing, expected_length
from background_removal.files.video.decoding import Decoder
from background_removal.files.video.interlacing import deinterlace, first_field
from background_removal.files.video.opening import declared_size, open_video
from background_removal.files.video.parts import Part
from background_removal.files.video.pixel_shape import PixelShapes
from background_removal.files.video.timing import container_start, frame_rate
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, Source, StreamInfo
from background_removal.support import limits

log = logging.getLogger(__name__)

# Colour matrix of Dolby Vision, FFmpeg's AVCOL_SPC_IPT_C2.
_MATRIX_IPT = 15
# Distances before the key frame at which seeking is tried, seconds.
_SEEK_BACK_SECONDS = (0, 2, 10)


def apply_display_matrix(image: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Apply a display matrix (rotation by quarter turns, reflection) to the pixels of `image`.

    Args:
        image: (H, W, 3) or (H, W, 4) uint8.
        matrix: The nine numbers of an ISO/IEC 14496-12 track matrix ``a b u c d v x y w``: a pixel at
            (p, q) is shown at (a p + c q, b p + d q). None for the identity.

    Returns:
        The same with H and W possibly exchanged, uint8, C-contiguous.
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


def is_turned(matrix: np.ndarray | None) -> bool:
    """Return whether a display matrix exchanges width and height."""
    return matrix is not None and abs(matrix[0]) < abs(matrix[1])


class VideoSource(Source):
    """Yields the frames of a video file upright, in BGR, each with its exact presentation time.

    Damaged packets are skipped and counted in one warning at the end; another warning reports clearly fewer frames
    than the file's header has.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.
        part: The part to yield, from its run-up to its end; None for the whole video.
        later_frames: Number of frames to yield after the end of `part`, for objects that look ahead.
        keep_planes: Called with a frame's index; returns whether an upright 8-bit 4:2:0 frame may stay in the codec's
            planes, to be converted later or not at all. All other frames are converted to BGR here.
        interlaced: What is done with interlaced frames, one of `files.video.formats.INTERLACED`.
        keep_alpha: Whether frames are BGRA if the first one is transparent in parts; otherwise they are
            BGR, on white.
        warns: Whether warnings are logged.
    """

    # Whether a warning gives the number of damaged packets.
    _counts_damage = True

    def __init__(
        self,
        path: str,
        name: str = "",
        part: Part | None = None,
        *,
        later_frames: int = 0,
        keep_planes: Callable[[int], bool] = lambda index: False,
        interlaced: str = "deinterlace",
        keep_alpha: bool = False,
        warns: bool = True,
    ) -> None:
        self._path = path
        self._name = name or path
        self._part = part
        self._later_frames = later_frames
        self._keep_planes = keep_planes
        self._deinterlaces = interlaced == "deinterlace"
        self._keep_alpha = keep_alpha
        self._alpha = AlphaReader()
        self._warns = warns
        self._container: InputContainer | None = None
        self._decoder: Decoder | None = None
        self._shapes: PixelShapes
        self._end = Fraction(0)
        self._info: StreamInfo | None = None
        self._has_noted_fields = self._has_noted_change = False
        self._stopped = threading.Event()

    def open(self) -> None:
        """Open the file; raises InputError if it is no video, too large, or has no decodable frame."""
        self._container = container = self._open_container()
        stream = container.streams.best("video")
        # FFmpeg renders plain text as a terminal (format "tty") and reports a video.
        picture_only = stream is not None and bool(stream.disposition & Disposition.attached_pic)
        if stream is None or picture_only or container.format.name == "tty":
            why = ": it is a text file" if is_text(self._path) else ""
            raise InputError(f"{self._name}: there is no video in it{why}")
        if stream.codec_context is None:
            raise InputError(f"{self._name}: the codec of its pictures is not known here")
        self._stream = cast("VideoStream", stream)
        size = self._stream.codec_context.width, self._stream.codec_context.height
        limits.check_pixels(self._name, *(size if all(size) else declared_size(self._path, stream.index)))
        self._expected = expected_length(container, self._stream)
        self._offset = round(container_start(container) / stream.time_base) if stream.time_base else 0
        self._frames = self._decode_part()
        first = next(self._frames, None)
        if first is None:
            raise InputError(f"{self._name}: no frame of it can be decoded")
        self._first = first
        # A part may begin after the pictures have changed their size; it gets the size of the whole video.
        shaping, aspect = first, self._shapes.first
        if self._part is not None and self._part.index:
            shaping, aspect = self._first_of_file() or (shaping, aspect)
        self._matrix = _display_matrix(shaping)
        self._coded_size = shaping.width, shaping.height
        self._info = self._describe(container, shaping, aspect)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None
        decoder, self._decoder = self._decoder, None
        if decoder is not None and self._counts_damage and decoder.damaged and self._info is not None and self._warns:
            log.warning("%s: %d damaged parts were skipped", self._name, decoder.damaged)
        if self.missing and self._warns:
            log.warning("%s: %s", self._name, self.missing)

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the video source must be opened before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame once; a source can be iterated only once."""
        info = self.info
        pts: int | None = None
        step = round(1 / (info.rate * info.time_base)) if info.rate else 1
        frame: VideoFrame | None = self._first
        index = 0 if self._part is None else self._part.index
        while frame is not None and not self._stopped.is_set():
            # Times must increase for a playable result: missing and repeated ones follow the frame before.
            if frame.pts is not None and (pts is None or frame.pts > pts):
                pts = frame.pts
            else:
                pts = 0 if pts is None else pts + (step if frame.pts is None else 1)
            matrix = _display_matrix(frame)
            matrix = self._matrix if matrix is None else matrix
            aspect = self._shapes.at(frame.pts)
            aspect = 1 / aspect if is_turned(matrix) else aspect
            same = matrix is None and aspect == info.pixel_aspect
            picture = self._planes(frame) if same and self._keep_planes(index) else None
            if picture is None:
                picture = self._to_upright(frame, matrix, aspect / info.pixel_aspect)
            yield Frame(picture, index, pts, info.time_base, frame.duration or 0)
            index += 1
            frame = next(self._frames, None)
        # What comes after a stop, of a run that failed for instance, is not missing from the file.
        if frame is None and not self._stopped.is_set() and self._part is None and self._decoder is not None:
            self.missing = self._describe_missing(self._decoder)

    def stop(self) -> None:
        """Stop an iteration in another thread after its current frame."""
        self._stopped.set()

    def _open_container(self) -> InputContainer:
        """Open the file; called again where it must be read again."""
        return open_video(self._path, self._name)

    def _describe_missing(self, decoder: Decoder) -> str:
        """Describe after the last frame which frames are missing; "" for none."""
        return describe_missing(self._path, self._expected, decoder.frames, self._end)

    def _planes(self, frame: VideoFrame) -> Planes | None:
        return self._to_bgr.planes(frame) if isinstance(self._to_bgr, ToBgr) else None

    def _to_upright(self, frame: VideoFrame, matrix: np.ndarray | None, aspect: Fraction) -> np.ndarray:
        """Convert a frame to BGR, upright; one that turns or has another size is fitted into the size of the video.

        Args:
            frame: The frame.
            matrix: Its display matrix.
            aspect: The shape of its pixels, upright, divided by that of the video's.
        """
        size = frame.width, frame.height
        if size == self._coded_size:
            to_bgr = self._to_bgr
        else:
            limits.check_pixels(self._name, *size)
            if size != self._other_size:
                self._other_size, self._other_to_bgr = size, self._converter(*size)
            to_bgr = self._other_to_bgr
        image = apply_display_matrix(self._alpha.add_to(to_bgr(frame), frame, self._keep_alpha), matrix)
        width, height = self.info.width, self.info.height
        if image.shape[1::-1] == (width, height) and aspect == 1:
            return image
        if self._warns and not self._has_noted_change:
            if image.shape[1::-1] == (width, height):
                log.info("%s: the shape of its pixels changes; its pictures are fitted into the first one", self._name)
            else:
                message = "%s: its pictures turn or change their size; those of %dx%d are fitted into %dx%d"
                log.info(message, self._name, *image.shape[1::-1], width, height)
        self._has_noted_change = True
        return letterbox(image, width, height, float(aspect))

    def _first_of_file(self) -> tuple[VideoFrame, Fraction] | None:
        """Return the first frame of the file, on which all parts agree, and the shape of its pixels; None without."""
        with self._open_container() as container:
            stream = cast("VideoStream", container.streams[self._stream.index])
            shapes = PixelShapes(container, stream)
            first = next(shapes.follow(iter(Decoder(container, stream, self._open_container))), None)
            return None if first is None else (first, shapes.first)

    def _decode_part(self) -> Iterator[VideoFrame]:
        """Decode the frames of the part, with times from the start of the file's clock."""
        part, later_frames = self._part, self._later_frames
        for frame in self._decode() if part is None else self._decode_from(part):
            if self._stopped.is_set():
                return
            if frame.pts is not None:
                end = (frame.pts + (frame.duration or 0)) * (self._stream.time_base or Fraction(0))
                self._end = max(self._end, end)
                frame.pts -= self._offset
                if part is not None and frame.pts < part.run_up:
                    continue
                if part is not None and part.end is not None and frame.pts >= part.end:
                    if not later_frames:
                        return
                    later_frames -= 1
            yield frame

    def _decode_from(self, part: Part) -> Iterator[VideoFrame]:
        """Decode from before the run-up of `part`; without an index, seeking may end after it."""
        time_base = self._stream.time_base
        assert time_base is not None
        assert self._container is not None
        for back in _SEEK_BACK_SECONDS:
            self._container.seek(part.seek + self._offset - round(back / time_base), stream=self._stream)
            frames = self._decode()
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts - self._offset <= part.run_up:
                return itertools.chain([first], frames)
        # Seeking failed: decode from the beginning.
        self._container.close()
        self._container = self._open_container()
        self._stream = cast("VideoStream", self._container.streams[self._stream.index])
        return self._decode()

    def _decode(self) -> Iterator[VideoFrame]:
        assert self._container is not None
        before = 0 if self._decoder is None else self._decoder.damaged
        self._decoder = Decoder(self._container, self._stream, self._open_container)
        self._decoder.damaged = before
        self._shapes = PixelShapes(self._container, self._stream, self._offset)
        frames = self._shapes.follow(iter(self._decoder))
        return deinterlace(frames, self._stream, self._note_fields) if self._deinterlaces else frames

    def _note_fields(self) -> None:
        """Say once that frames are interlaced."""
        if self._warns and not self._has_noted_fields and (self._part is None or not self._part.index):
            log.info("%s: is interlaced; its fields are made whole frames (--interlaced keep leaves them)", self._name)
        self._has_noted_fields = True

    def _describe(self, container: InputContainer, first: VideoFrame, aspect: Fraction) -> StreamInfo:
        stream = self._stream
        if stream.time_base is None:
            raise InputError(f"{self._name}: the video has no time base")
        width, height = first.width, first.height
        if is_turned(self._matrix):
            width, height, aspect = height, width, 1 / aspect
        rate = frame_rate(stream)
        frames = _expected_frames(container, stream)
        color = self._color_of(first)
        hdr = color.transfer in (PQ, HLG)
        self._keep_alpha = self._keep_alpha and self._is_transparent(container, first)
        self._converter = functools.partial(HdrToBgr if hdr else ToBgr, color)
        self._to_bgr = self._converter(first.width, first.height)
        self._other_to_bgr, self._other_size = self._to_bgr, self._coded_size
        return StreamInfo(
            self._name,
            width,
            height,
            time_base=stream.time_base,
            rate=rate,
            frames=frames,
            pixel_aspect=aspect,
            color=SDR if hdr else color,
            first_field="" if self._deinterlaces else first_field(first, stream),
            alpha=self._keep_alpha,
            plays=gif_plays(self._path) if container.format.name == "gif" else None,
        )

    def _is_transparent(self, container: InputContainer, first: VideoFrame) -> bool:
        """Return whether the first frame is transparent in parts or, as frames of a GIF may clear it, any of those."""
        if container.format.name != "gif" or self._alpha.is_transparent(first):
            return self._alpha.is_transparent(first)
        with self._open_container() as again:
            stream = cast("VideoStream", again.streams[self._stream.index])
            return any(self._alpha.is_transparent(frame) for frame in Decoder(again, stream, self._open_container))

    def _color_of(self, first: VideoFrame) -> ColorDescription:
        if first.colorspace == _MATRIX_IPT:
            raise InputError(
                f"{self._name}: Dolby Vision without a compatible base (profile 5) cannot be shown in true colours; "
                "convert it to HDR10 or SDR first"
            )
        return color_of(first)


def expected_frames(path: str) -> int | None:
    """Return the number of frames in the header of a local video, None if unknown."""
    try:
        if (animation := read_animation(path)) is not None:
            return len(animation.durations)
        with open_video(path) as container:
            stream = container.streams.best("video")
            return None if stream is None else _expected_frames(container, stream)
    except (InputError, OSError):
        return None


def _expected_frames(container: InputContainer, stream: VideoStream) -> int | None:
    rate = frame_rate(stream)
    if stream.frames or not rate or not container.duration:
        return stream.frames or None
    return round(container.duration * rate / av.time_base)


def _display_matrix(frame: VideoFrame) -> np.ndarray | None:
    # PyAV 18 raises at the first unknown kind of side data, such as the EXIF of MJPEG frames, and keeps the items
    # before it. The decoder stores the matrix, also one made from the EXIF orientation, before those.
    side_data = SideDataContainer.__new__(SideDataContainer)
    with suppress(ValueError):
        side_data.__init__(frame)  # pyright: ignore[reportCallIssue]
    try:
        matrix = side_data["DISPLAYMATRIX"]
    except KeyError:
        return None
    return np.frombuffer(bytes(matrix), np.int32).astype(np.float64)
