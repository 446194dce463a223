"""Raw video through pipes: Y4M (FFmpeg's yuv4mpegpipe) from standard input and to standard output, frame by frame."""

from __future__ import annotations

import re
import sys
from collections import deque
from contextlib import ExitStack
from typing import Any, BinaryIO, cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from background_removal.errors import InputError, ProcessingError, Stopped, reason
from background_removal.files.pipes import VIDEO_MESSAGE, Y4M_MAGIC, peek_stdin, redirect_stdout, stdin_has_y4m
from background_removal.files.storage import STANDARD
from background_removal.files.video.color.yuv import FromBgr, pixels_of
from background_removal.files.video.decoding import Decoder
from background_removal.files.video.encode_plan import DEFAULT_COLOR
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo
from background_removal.support import limits

_ALPHA_MESSAGE = (
    "-: Y4M cannot store transparency; choose another `background`, or a file as `output_path`: .webm, .mov"
)
# Position of 8-bit 4:2:0 chroma without a tag; as FFmpeg writes it.
_DEFAULT_CHROMA = "420jpeg"
# Tags of 8-bit 4:2:0, which differ in the position of the chroma.
_CHROMA_TAG = re.compile(rb"^[^\n]* C(420jpeg|420mpeg2|420paldv)[ \n]")
# Largest line before a frame, bytes; FFmpeg's MAX_FRAME_HEADER.
_MAX_FRAME_LINE_BYTES = 80
_FRAME_LINE = re.compile(rb"FRAME(?: [^\n]*)?\n$")
_FIELD_TAGS = {"tff": "t", "bff": "b", "": "p"}


class Y4mSource(VideoSource):
    """Yields the frames of a Y4M on standard input, each as soon as it has come.

    A stream that ends within a frame, or that has something else between two frames, is reported as incomplete.

    Args:
        options: Those of `VideoSource`, without a part of a video.
    """

    _counts_damage = False

    def __init__(self, **options: Any) -> None:
        super().__init__(STANDARD, **options)
        self._pipe: _Pipe | None = None

    def open(self) -> None:
        super().open()
        assert self._pipe is not None
        self._pipe.frame_bytes = _frame_bytes(self._first)

    @property
    def chroma(self) -> str:
        """Tag of the position of the chroma; to be asked before the source is opened."""
        found = _CHROMA_TAG.match(peek_stdin())
        return found[1].decode() if found else _DEFAULT_CHROMA

    def _open_container(self) -> InputContainer:
        if not stdin_has_y4m():
            raise InputError(VIDEO_MESSAGE)
        self._pipe = _Pipe(sys.stdin.buffer)
        options = {"max_pixels": str(limits.max_decoded_pixels())}
        try:
            return cast("InputContainer", av.open(self._pipe, format="yuv4mpegpipe", options=options))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{STANDARD}: not a readable Y4M ({getattr(error, 'strerror', None) or error})") from None

    def _describe_missing(self, decoder: Decoder) -> str:
        assert self._pipe is not None
        if not decoder.damaged and self._pipe.ends_with_frame():
            return ""
        return f"the Y4M is damaged or breaks off; {decoder.frames} of its frames could be read"


class Y4mSink(Sink):
    """Writes frames to standard output as Y4M in 8-bit 4:2:0, each at once; everything printed goes to standard error.

    When their reader ends the run ends too, without an error.

    Args:
        alpha: Whether the frames will be transparent, which Y4M cannot store.
        chroma: Tag of the position of the chroma.

    Raises:
        InputError: the frames will be transparent.
    """

    def __init__(self, *, alpha: bool = False, chroma: str = _DEFAULT_CHROMA) -> None:
        if alpha:
            raise InputError(_ALPHA_MESSAGE)
        self._chroma = chroma
        self._stack = ExitStack()
        self._shape: tuple[int, ...] = ()

    def open(self, info: StreamInfo) -> None:
        self._info = info
        self._output = self._stack.enter_context(redirect_stdout())

    def write(self, frame: Frame) -> None:
        """Write one frame.

        Raises:
            InputError: the frame is transparent.
            ProcessingError: its size differs from the first one's, or it cannot be written.
            Stopped: the output is closed at its other end.
        """
        if frame.shape[2] == 4:
            raise InputError(_ALPHA_MESSAGE)
        head = b""
        if not self._shape:
            self._shape = frame.shape
            self._convert = FromBgr(self._info.color or DEFAULT_COLOR, "yuv420p", *frame.shape[1::-1])
            head = self._header(*frame.shape[1::-1]).encode()
        if frame.shape != self._shape:
            (height, width), (first_height, first_width) = frame.shape[:2], self._shape[:2]
            raise ProcessingError(
                f"{STANDARD}: frame {frame.index} is {width}x{height}, the first was {first_width}x{first_height}; "
                "custom objects must keep a video to one size"
            )
        self._write(b"".join([head, b"FRAME\n", *self._planes(frame)]))

    def close(self, error: BaseException | None = None) -> None:
        self._stack.close()

    def _header(self, width: int, height: int) -> str:
        info = self._info
        rate = info.rate or 1 / info.time_base
        aspect = info.pixel_aspect
        values = "FULL" if (info.color or DEFAULT_COLOR).full_range else "LIMITED"
        same_size = (width, height) == (info.width, info.height)  # fields do not survive scaling
        fields = _FIELD_TAGS[info.first_field if same_size else ""]
        return (
            f"{Y4M_MAGIC.decode()}W{width} H{height} F{rate.numerator}:{rate.denominator} I{fields} "
            f"A{aspect.numerator}:{aspect.denominator} C{self._chroma} XCOLORRANGE={values}\n"
        )

    def _planes(self, frame: Frame) -> list[bytes]:
        """Return luma and both chroma planes of a frame, without padding."""
        picture = frame.picture
        if isinstance(picture, Planes) and self._convert.accepts(picture):
            layers = picture.to_range((self._info.color or DEFAULT_COLOR).full_range).layers
            return [np.ascontiguousarray(layer).tobytes() for layer in layers]
        converted = self._convert(frame.image)
        return [pixels_of(converted, number).tobytes() for number in range(len(converted.planes))]

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._output.write(rest) or 0 :]
        except BrokenPipeError:  # the reader has what it wants
            raise Stopped(complete=True) from None
        except OSError as error:
            message = f"`output_path` {STANDARD}: cannot be written to standard output: {reason(error)}"
            raise ProcessingError(message) from error


class _Pipe:
    """A file for FFmpeg that reads a stream as its data come, and remembers its end.

    Args:
        stream: The buffered stream.

    Attributes:
        frame_bytes: Size of a frame without its line, bytes; until it is set everything is remembered.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = cast("Any", stream)
        self._chunks: deque[bytes] = deque()
        self._kept = 0
        self.frame_bytes = 0

    def read(self, size: int) -> bytes:
        """Return what has come, at most `size` bytes; waits for the first one."""
        chunk: bytes = self._stream.read1(size)
        self._chunks.append(chunk)
        self._kept += len(chunk)
        needed = self.frame_bytes + _MAX_FRAME_LINE_BYTES
        while self.frame_bytes and self._kept - len(self._chunks[0]) >= needed:
            self._kept -= len(self._chunks.popleft())
        return chunk

    def ends_with_frame(self) -> bool:
        """Return whether the stream, read to its end, ends with a whole frame."""
        tail = b"".join(self._chunks)
        before = tail[: max(0, len(tail) - self.frame_bytes)]
        return _FRAME_LINE.search(before[-_MAX_FRAME_LINE_BYTES:]) is not None


def _frame_bytes(frame: VideoFrame) -> int:
    """Return the size of a frame in a Y4M, without its line, bytes."""
    components = VideoFormat(frame.format.name, frame.width, frame.height).components
    return sum(part.width * part.height * -(-part.bits // 8) for part in components)
