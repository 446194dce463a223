"""Sink of a video file, written through PyAV with the source's times, colours, sound, chapters and titles."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import cv2
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from background_removal.errors import ProcessingError, Stopped
from background_removal.files.saving.atomic import check_output, close_atomic
from background_removal.files.saving.unfinished import check_result_names, partial_path, unfinished_output
from background_removal.files.square import resize_image
from background_removal.files.video.audio_tracks import MakeSound
from background_removal.files.video.color.yuv import FromBgr
from background_removal.files.video.container import OutputFile
from background_removal.files.video.cut import Cut
from background_removal.files.video.encode_plan import EncodePlan, gif_rate, plan_encoding, stores_alpha
from background_removal.files.video.formats import Encoding, check_video_format, codec_of_encoder
from background_removal.files.video.gif import GifRateLimiter, PaletteFilter
from background_removal.files.video.interlacing import FieldMarker
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo, discards_result
from background_removal.pipeline.worker import FINISH_SECONDS, Worker
from background_removal.support.cores import start_in_background
from background_removal.support.transparency import WHITE, flatten

log = logging.getLogger(__name__)

# Queue length of the encoder, frames; enough to keep it busy, with no more memory than a buffered source needs.
_MAX_WAITING = 4


@dataclass(frozen=True, slots=True)
class _Picture:
    """A frame in the encoder's pixel format, and its time in seconds."""

    frame: VideoFrame
    start: Fraction


def check_video_output(path: str, source: str, encoding: Encoding) -> None:
    """Raise InputError unless this computer can write a video at `path` with this encoding.

    Args:
        path: The path of the result.
        source: Its source, which it must not replace; "" if that is no file.
        encoding: The encoding.
    """
    check_video_format(path, encoding)
    check_output(path, source)
    check_result_names(path)


class VideoSink(Sink):
    """Writes frames with their own times, and the sound of another file.

    The suffix decides the container; `encoding`, and whether the first frame has alpha, decide the codec. The size is
    that of the first frame; size and rate of a GIF are limited by `encoding`. Where the codec halves the chroma
    (H.264, H.265 and AV1 in 4:2:0) an odd size is padded by repeating the last column or row. If the run ends before
    its source, the sound ends with the pictures.

    Args:
        path: The file to write, local or remote; it appears when it is finished.
        source: A local file that provides sound, chapters and titles, or None.
        encoding: The encoding.
        make_sound: Makes other sound instead of a source's, or None.
        alpha: Whether frames with alpha may come later, even if the first has none.
        frames: Number of frames, if known to be less than the source's.
        cut: The part of the source that the frames come from; its sound and chapters are moved and cut to match.
        keep_on_error: Whether the frames before an error are kept as a playable file, and leftovers of dead runs of
            the same file are left alone.
        background: Whether the encoder runs at low priority, where the system supports it.
    """

    def __init__(
        self,
        path: str,
        *,
        source: str | None = None,
        encoding: Encoding | None = None,
        make_sound: MakeSound | None = None,
        alpha: bool = False,
        frames: int | None = None,
        cut: Cut | None = None,
        keep_on_error: bool = False,
        background: bool = False,
    ) -> None:
        self._path = path
        self._keep_on_error = keep_on_error
        self._source = source
        self._encoding = encoding or Encoding()
        self._make_sound = make_sound
        self._alpha = alpha
        self._frames = frames
        self._cut = cut or Cut()
        self._background = background
        self._file: OutputFile | None = None
        self._encoder: Worker[_Picture] | None = None
        self._end = self._last_seconds = Fraction(0)
        self._first_seconds: Fraction | None = None
        self._last_pts: int | None = None
        self._duration: dict[int, int] = {}
        self._stack = ExitStack()

    def open(self, info: StreamInfo) -> None:
        self._info = info
        # The source's own transparency is no error of the user's.
        self._flattens = info.alpha and not self._alpha and not stores_alpha(self._path, self._encoding)
        self._unfinished = self._stack.enter_context(unfinished_output(self._path, clear=not self._keep_on_error))

    def write(self, frame: Frame) -> None:
        """Queue one frame for the encoder; errors of earlier ones are raised here or by `close`.

        Raises:
            InputError: the frame is transparent, which this file cannot store.
            ProcessingError: its shape differs from the first one's, or it cannot be written.
        """
        if self._flattens and frame.shape[2] == 4:
            frame = frame.with_image(flatten(frame.image, WHITE))
        if frame.shape[2] == 3 and (self._alpha if self._file is None else self._shape[2] == 4):
            # A frame that no object has processed.
            frame = frame.with_image(cv2.cvtColor(frame.image, cv2.COLOR_BGR2BGRA))
        if self._file is None:
            self._start(frame.shape)
        if frame.shape != self._shape:
            raise ProcessingError(
                f"{self._path}: frame {frame.index} is {_describe_shape(frame.shape)}, "
                f"the first was {_describe_shape(self._shape)}; custom objects must keep a video to one size"
            )
        pts = self._choose_pts(frame)
        if pts is None:
            return
        picture = self._convert_frame(frame)
        picture.pts, picture.time_base = pts, self._plan.time_base
        self._last_pts = pts
        self._duration[pts] = round(frame.duration * frame.time_base / self._plan.time_base)
        if self._first_seconds is None:
            self._first_seconds = frame.pts * frame.time_base
        self._end = (frame.pts + frame.duration) * frame.time_base
        self._last_seconds = frame.duration * frame.time_base
        assert self._encoder is not None
        self._encoder.put(_Picture(picture, frame.pts * frame.time_base))

    def close(self, error: BaseException | None = None) -> None:
        stack, self._stack = self._stack, ExitStack()
        encoder, self._encoder = self._encoder, None
        if encoder is None or self._file is None:
            close_atomic(stack, error)
            return
        unfinished = self._unfinished
        if isinstance(error, Stopped) and not error.complete:
            unfinished.target = partial_path(self._path)
        try:
            if not discards_result(error):
                encoder.finish()
                with self._file.write_errors():
                    self._mux(self._file, self._stream.encode(None), at_end=True)
                    sound_end = self._end if isinstance(error, Stopped) or self._cut.end else None
                    self._file.finish(sound_end, self._last_seconds, self._end - (self._first_seconds or 0))
        except BaseException as failure:
            encoder.close()  # before the file, which the encoder's thread uses
            unfinished.keep_on_error = self._keep_on_error
            close_atomic(stack, failure)
            self.result = unfinished.result
            raise
        encoder.close()
        close_atomic(stack, error)
        self.result = unfinished.result

    def _start(self, shape: tuple[int, ...]) -> None:
        """Open the file and start the encoder for frames of this shape."""
        self._shape = shape
        self._plan = plan_encoding(self._path, self._info, shape, self._encoding)
        self._convert = FromBgr(self._plan.color, self._plan.frame_format, *self._plan.frame_size)
        max_rate = gif_rate(self._info, self._encoding) if self._plan.is_gif else None
        self._rate_limiter = GifRateLimiter(max_rate) if max_rate else None
        size = self._plan.frame_size, self._plan.size
        self._palette = PaletteFilter(*size, has_alpha=self._plan.has_alpha) if self._plan.is_gif else None
        self._mark_fields = FieldMarker(self._plan.first_field) if self._plan.first_field else None
        if self._info.first_field and not self._plan.first_field:
            log.info("%s: its frames keep their two fields, but cannot say so here; H.264 and ProRes can", self._path)
        self._file = self._open_file(self._plan)
        self._encoder = Worker(self._encode_all, "encoder", _MAX_WAITING, join_seconds=FINISH_SECONDS)
        self._encoder.__enter__()

    def _open_file(self, plan: EncodePlan) -> OutputFile:
        pictures_end = self._frames / self._info.rate if self._frames and self._info.rate else self._cut.length
        unfinished = self._unfinished
        more = (self._make_sound, pictures_end, unfinished.finished_path, self._info.name)
        keeps = self._encoding.metadata == "keep"
        file = self._stack.enter_context(
            OutputFile(
                unfinished.path,
                self._path,
                plan.time_base,
                self._source,
                *more,
                keep_metadata=keeps,
                plays=self._info.plays or 0,
                begin=Fraction(self._cut.start),
            )
        )
        with file.write_errors():
            stream = file.container.add_stream(plan.encoder, rate=plan.rate, options=dict(plan.options))
            self._stream = cast("VideoStream", stream)
            plan.apply_to(self._stream)
            if codec_of_encoder(plan.encoder) == "h265":
                file.tag_h265(self._stream)
            if plan.has_alpha:
                file.tag_alpha(self._stream)
            file.copy_source_extras()
            if self._background:
                start_in_background(self._stream.codec_context.open)
        return file

    def _choose_pts(self, frame: Frame) -> int | None:
        """Return the frame's time in the video's time base; None to drop it because it follows too closely."""
        if self._info.time_base == self._plan.time_base:
            return frame.pts
        pts = round(frame.pts * frame.time_base / self._plan.time_base)
        if self._last_pts is not None and pts < self._last_pts + self._plan.min_step:
            return None
        limiter = self._rate_limiter
        if limiter is not None and not limiter.accepts(float(frame.pts * frame.time_base)):
            return None
        return pts

    def _convert_frame(self, frame: Frame) -> VideoFrame:
        if frame.shape[1::-1] != self._plan.picture_size:
            frame = frame.with_image(resize_image(frame.image, *self._plan.picture_size))
        planes = frame.picture if isinstance(frame.picture, Planes) else None
        if planes is not None and self._convert.accepts(planes):
            return self._convert.copy_planes(planes)
        return self._convert(frame.image)

    def _encode_all(self, encoder: Worker[_Picture]) -> None:
        """Encode the queued frames and mux them with the sound, in the encoder's own thread."""
        file = self._file
        assert file is not None
        for item in encoder.items():
            assert item is not None
            with file.write_errors():
                frame = item.frame if self._palette is None else self._palette.apply(item.frame)
                frame = frame if self._mark_fields is None else self._mark_fields(frame)
                self._mux(file, self._stream.encode(frame))
                file.mux_sound_until(item.start)

    def _mux(self, file: OutputFile, packets: list[Packet], at_end: bool = False) -> None:
        for packet in packets:
            # x264 drops durations, and the last frame's would be lost.
            if packet.pts is not None and packet.time_base == self._plan.time_base:
                packet.duration = self._duration.pop(packet.pts, 0) or packet.duration
            file.mux_picture(packet, is_last=at_end and packet is packets[-1])


def _describe_shape(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}{' with alpha' if shape[2] == 4 else ''}"
