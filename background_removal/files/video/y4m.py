"""Raw video through pipes: Y4M (FFmpeg's yuv4mpegpipe) from standard input and to standard output, frame by frame."""

from __future__ import annotations

import logging
import re
import sys
from collections import deque
from contextlib import ExitStack
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from background_removal.errors import InputError, ProcessingError, Stopped, reason
from background_removal.files.pipes import VIDEO_MESSAGE, Y4M_MAGIC, redirect_stdout, stdin_has_y4m
from background_removal.files.storage import STANDARD
from background_removal.files.video.color.yuv import FromBgr, pixels_of
from background_removal.files.video.decoding import Decoder
from background_removal.files.video.encode_plan import DEFAULT_COLOR
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo
from background_removal.support import limits
from background_removal.support.transparency import WHITE, flatten

_ALPHA_MESSAGE = (
    "-: Y4M cannot store transparency; choose another `background`, or a file as `output_path`: .webm, .mov"
)
# Tag of 8-bit 4:2:0 where there is none, or another kind; as FFmpeg writes it.
_DEFAULT_CHROMA = "420jpeg"
# Tag of the chroma of H.264, H.265, MPEG-2 and VP9, which nearly every file has.
_FILE_CHROMA = "420mpeg2"
# Tags of 8-bit 4:2:0, which differ in the position of the chroma.
_CHROMA_TAGS = (_DEFAULT_CHROMA, _FILE_CHROMA, "420paldv")
# Tags of other kinds that lose nothing in 8-bit 4:2:0.
_LOSSLESS_TAGS = ("420", "mono")
_KIND_TAG = re.compile(rb"^[^\n]* C([^ \n]+)")
# Largest line before a frame, bytes; FFmpeg's MAX_FRAME_HEADER.
_MAX_FRAME_LINE_BYTES = 80
_FRAME_LINE = re.compile(rb"FRAME(?: [^\n]*)?\n$")
# Time that a frame of a file may be shown late, instead of leaving it out, seconds; sound as early is hardly noticed
# (ITU-R BT.1359: up to 0.125).
_MAX_LATE_SECONDS = Fraction(1, 10)
# First frame's rate, divided by the average one, from which on it is the rate of the result, as of a GIF that stands
# still at its end; below that it may be a rounded duration.
_MIN_FASTER = Fraction(5, 4)
# Highest rate that is chosen by the first frame, frames per second; a file may give it no time at all.
_MAX_CHOSEN_RATE = 100
_FIELD_TAGS = {"tff": "t", "bff": "b", "": "p"}

log = logging.getLogger(__name__)


class Y4mSource(VideoSource):
    """Yields the frames of a Y4M on standard input, each as soon as it has come.

    A stream that ends within a frame, or that has something else between two frames, is reported as incomplete.

    Args:
        options: Those of `VideoSource`, without a part of a video.

    Attributes:
        kind: Tag of the number of bits and of the chroma; known once the source is open.
    """

    kind = _DEFAULT_CHROMA
    _counts_damage = False

    def __init__(self, **options: Any) -> None:
        super().__init__(STANDARD, **options)
        self._pipe: _Pipe | None = None

    def open(self) -> None:
        super().open()
        assert self._pipe is not None
        if found := _KIND_TAG.match(self._pipe.kept):
            self.kind = found[1].decode(errors="replace")
        self._pipe.frame_bytes = _frame_bytes(self._first)

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

    Y4M has one frame rate and no times: where frames of a file come later than that the one before is repeated, and
    where they come much earlier they are left out, so that each shows at about its time. When the reader of the output
    ends the run ends too, without an error.

    Args:
        alpha: Whether the frames will be transparent, which Y4M cannot store.
        source: The source, if it is a Y4M too, with one rate; None for a file.
        has_sound: Whether the file has sound, which is left out.

    Attributes:
        result: `files.storage.STANDARD` as soon as a frame is written.

    Raises:
        InputError: the frames will be transparent.
    """

    def __init__(self, *, alpha: bool = False, source: Y4mSource | None = None, has_sound: bool = False) -> None:
        if alpha:
            raise InputError(_ALPHA_MESSAGE)
        self._source = source
        self._has_sound = has_sound
        self._stack = ExitStack()
        self._shape: tuple[int, ...] = ()
        self._start = Fraction(0)
        self._count = self._end = 0
        self._last = b""
        self._has_noted_times = False

    def open(self, info: StreamInfo) -> None:
        self._info = info
        self._rate = info.rate or 1 / info.time_base
        self._flattens = info.alpha  # the source's own transparency is no error of the user's
        kind = _FILE_CHROMA if self._source is None else self._source.kind
        self._chroma = kind if kind in _CHROMA_TAGS else _DEFAULT_CHROMA
        if kind not in (*_CHROMA_TAGS, *_LOSSLESS_TAGS):
            log.info("%s: the frames that come are %s; those that go are %s, of 8 bits", STANDARD, kind, self._chroma)
        if self._has_sound:
            log.info("%s: not taken over: sound, which Y4M cannot store", STANDARD)
        self._output = self._stack.enter_context(redirect_stdout())

    def write(self, frame: Frame) -> None:
        """Write one frame.

        Raises:
            InputError: the frame is transparent.
            ProcessingError: its size differs from the first one's, or it cannot be written.
            Stopped: the output is closed at its other end.
        """
        if frame.shape[2] == 4:
            if not self._flattens:
                raise InputError(_ALPHA_MESSAGE)
            frame = frame.with_image(flatten(frame.image, WHITE))
        if not self._shape:
            self._shape = frame.shape
            self._start = frame.pts * frame.time_base
            if self._source is None and frame.duration:
                own = 1 / (frame.duration * frame.time_base)
                self._rate = own if self._rate * _MIN_FASTER <= own <= _MAX_CHOSEN_RATE else self._rate
            self._convert = FromBgr(self._info.color or DEFAULT_COLOR, "yuv420p", *frame.shape[1::-1])
            self._write(self._header(*frame.shape[1::-1]).encode())
        if frame.shape != self._shape:
            (height, width), (first_height, first_width) = frame.shape[:2], self._shape[:2]
            raise ProcessingError(
                f"{STANDARD}: frame {frame.index} is {width}x{height}, the first was {first_width}x{first_height}; "
                "custom objects must keep a video to one size"
            )
        repeats = self._repeats(frame)
        if repeats < 0:
            return
        for _ in range(repeats):
            self._write(self._last)
        self._last = b"".join([b"FRAME\n", *self._planes(frame)])
        self._write(self._last)
        self._count += repeats + 1
        self.result = STANDARD

    def _repeats(self, frame: Frame) -> int:
        """Return how often the last frame is repeated before this one; -1 to leave this one out."""
        if self._source is not None:
            return 0
        place = round((frame.pts * frame.time_base - self._start) * self._rate)
        self._end = round(((frame.pts + frame.duration) * frame.time_base - self._start) * self._rate)
        is_late = self._count - place > max(1, _MAX_LATE_SECONDS * self._rate)
        repeats = -1 if is_late else max(0, place - self._count)
        if place != self._count and not self._has_noted_times:
            message = "%s: the frame rate varies; at %.5g per second some frames are repeated or left out"
            log.info(message, self._info.name, float(self._rate))
            self._has_noted_times = True
        return repeats

    def close(self, error: BaseException | None = None) -> None:
        try:
            if error is None and self._source is None:  # the last frame may last longer, as in a GIF
                for _ in range(self._end - self._count):
                    self._write(self._last)
        except Stopped:
            pass
        finally:
            self._end = 0
            self._stack.close()

    def _header(self, width: int, height: int) -> str:
        info = self._info
        rate, aspect = self._rate, info.pixel_aspect
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

    @property
    def kept(self) -> bytes:
        """What is remembered of the stream."""
        return b"".join(self._chunks)

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
        tail = self.kept
        before = tail[: max(0, len(tail) - self.frame_bytes)]
        return _FRAME_LINE.search(before[-_MAX_FRAME_LINE_BYTES:]) is not None


def _frame_bytes(frame: VideoFrame) -> int:
    """Return the size of a frame in a Y4M, without its line, bytes."""
    components = VideoFormat(frame.format.name, frame.width, frame.height).components
    return sum(part.width * part.height * -(-part.bits // 8) for part in components)
