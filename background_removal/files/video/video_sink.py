"""Video files, written through PyAV with the source's times, colours, sound, chapters and titles."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import cv2
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from background_removal.errors import InputError, ProcessingError, Stopped
from background_removal.files.saving.atomic import check_output, close_atomic
from background_removal.files.saving.unfinished import check_result_names, partial_path, unfinished_output
from background_removal.files.video.audio_tracks import MakeSound
from background_removal.files.video.color.yuv import FromBgr
from background_removal.files.video.container import OutputFile
from background_removal.files.video.formats import (
    ALPHA_SUFFIXES,
    CONTAINER_FORMATS,
    Encoding,
    check_video_format,
    codec_of_encoder,
    encoder_name,
    encoder_options,
    pixel_format,
)
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, Sink, StreamInfo, discards_result
from background_removal.pipeline.worker import FINISH_SECONDS, Worker
from background_removal.support.cores import start_in_background

# What frames that never were YUV become.
_USUAL_COLOR = ColorDescription(matrix=1, range=ColorRange.MPEG, primaries=1, transfer=1)
# The only one there is in a WebP.
_WEBP_COLOR = ColorDescription(matrix=6, range=ColorRange.MPEG, primaries=1, transfer=13)


# Frames that may wait for the encoder: enough for it never to idle, and no more memory than a source that reads ahead
# takes.
_MAX_WAITING = 4


@dataclass(frozen=True, slots=True)
class _Picture:
    """What the encoder is given: a frame in its own pixel format, and when it is shown, in seconds."""

    frame: VideoFrame
    start: Fraction


def check_video_output(path: str, source: str, encoding: Encoding) -> None:
    """Raise InputError unless a video can be written at `path` with this encoding on this computer.

    Args:
        path: Where it is to go.
        source: What it is made from, which it must not replace; "" if that is no file.
        encoding: How it is to be encoded.
    """
    check_video_format(path, encoding)
    check_output(path, source)
    check_result_names(path)


class VideoSink(Sink):
    """Writes frames with their own times, beside the sound of another file.

    The suffix decides the container, `encoding` and whether the first frame has alpha the codec. The size is that
    of the first frame; a GIF's, and its rate, are limited by `encoding`. Where the codec halves the chroma (H.264,
    H.265 and AV1 in 4:2:0) an odd size is completed by repeating the last column or row. If the run ends before its
    source does, the sound ends with the pictures.

    Args:
        path: The file to write, local or remote; it appears there when it is complete.
        source: A local file whose sound, chapters and titles go along, or None.
        encoding: How the video is encoded.
        make_sound: Makes the sound that goes along instead of a source's, or None.
        alpha: Whether frames with alpha are to come, even if the first has none.
        frames: How many frames are to come, if that is known to be fewer than the source has.
        keep_on_error: Whether the frames before an error are kept as a playable file, and leftovers of dead runs of
            the same file are left alone.
        background: Whether the encoder takes only what others leave of the cores, where the system can do that.
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
        self._background = background
        self._suffix = os.path.splitext(path)[1].lower()
        self._file: OutputFile | None = None
        self._encoder: Worker[_Picture] | None = None
        self._end = Fraction(0)
        self._last_pts: int | None = None
        self._due: float | None = None
        self._duration: dict[int, int] = {}
        self._stack = ExitStack()

    def open(self, info: StreamInfo) -> None:
        self._info = info
        self._color = _WEBP_COLOR if self._suffix == ".webp" else info.color or _USUAL_COLOR
        self._unfinished = self._stack.enter_context(unfinished_output(self._path, clear=not self._keep_on_error))

    def write(self, frame: Frame) -> None:
        """Hand one frame on to the encoder; what went wrong with earlier ones is raised here, or by `close`.

        Raises:
            InputError: the frame is transparent, which this file cannot store.
            ProcessingError: its shape differs from the first one's, or it cannot be written.
        """
        if frame.shape[2] == 3 and (self._alpha if self._file is None else self._shape[2] == 4):
            # A frame that no object has touched.
            frame = frame.with_image(cv2.cvtColor(frame.image, cv2.COLOR_BGR2BGRA))
        if self._file is None:
            if frame.shape[2] == 4 and not CONTAINER_FORMATS[self._suffix].alpha:
                able = ", ".join(ALPHA_SUFFIXES)
                raise InputError(
                    f"{self._path}: {self._suffix} cannot store transparency; "
                    f"choose {able}, or pictures: `output_path` folder/%06d.png"
                )
            self._file = self._open(frame.shape)
            self._encoder = Worker(self._encode_all, "encoder", _MAX_WAITING, join_seconds=FINISH_SECONDS)
            self._encoder.__enter__()
        if frame.shape != self._shape:
            raise ProcessingError(
                f"{self._path}: frame {frame.index} is {_described(frame.shape)}, "
                f"the first was {_described(self._shape)}; custom objects must keep a video to one size"
            )
        pts = frame.pts
        if self._info.time_base != self._time_base:
            pts = round(frame.pts * frame.time_base / self._time_base)
            least_step = 2 if self._suffix == ".gif" else 1  # browsers play shorter ones slowly
            if self._last_pts is not None and pts < self._last_pts + least_step:
                return
            if self._suffix == ".gif" and not self._is_due(float(frame.pts * frame.time_base)):
                return
        self._last_pts = pts
        planes = frame.picture if isinstance(frame.picture, Planes) else None
        if planes is not None and self._convert.accepts(planes):
            picture = self._convert.copy_planes(planes)
        else:
            picture = self._convert(frame.image)
        picture.pts, picture.time_base = pts, self._time_base
        self._duration[pts] = frame.duration if self._time_base == frame.time_base else 0
        self._end = (frame.pts + frame.duration) * frame.time_base
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
                    self._mux(self._file, self._stream.encode(None))
                    self._file.finish(self._end if isinstance(error, Stopped) else None)
        except BaseException as failure:
            encoder.close()  # the file is closed under nobody's hands
            unfinished.keep_on_error = self._keep_on_error
            close_atomic(stack, failure)
            self.result = unfinished.result
            raise
        encoder.close()
        close_atomic(stack, error)
        self.result = unfinished.result

    def _is_due(self, seconds: float) -> bool:
        """Tell whether a GIF, whose rate is limited, takes the frame that is shown then; on the average no more are."""
        step = 1 / self._encoding.gif_fps
        early = step / 4  # of 30 frames a second every other one is taken, whatever their jitter
        if self._due is not None and seconds < self._due - early:
            return False
        self._due = max(seconds if self._due is None else self._due, seconds - early) + step
        return True

    def _encode_all(self, encoder: Worker[_Picture]) -> None:
        """Encode what is handed on, and mux it and the sound beside it, in the encoder's own thread."""
        file = self._file
        assert file is not None
        for item in encoder.items():
            assert item is not None
            with file.write_errors():
                for ready in self._graph_output(item.frame):
                    self._mux(file, self._stream.encode(ready))
                file.mux_sound_until(item.start)

    def _open(self, shape: tuple[int, ...]) -> OutputFile:
        self._shape = shape
        height, width, channels = shape
        alpha = channels == 4
        kinds = CONTAINER_FORMATS[self._suffix]
        encoder = encoder_name(self._encoding, kinds.codecs[0])
        if alpha:
            if codec_of_encoder(encoder) != kinds.alpha and (self._encoding.codec or self._encoding.encoder != "auto"):
                raise InputError(f"{self._path}: only {kinds.alpha} stores transparency in {self._suffix}")
            encoder = encoder_name(Encoding(kinds.alpha), kinds.alpha)
        pix_fmt = pixel_format(encoder, alpha)
        if pix_fmt in ("yuv420p", "nv12") and encoder not in ("libvpx-vp9", "libwebp_anim"):
            width, height = width + width % 2, height + height % 2
        # A GIF counts time in 1/100 s, a WebP in 1/1000 s.
        own_time_base = {".gif": Fraction(1, 100), ".webp": Fraction(1, 1000)}
        self._time_base = own_time_base.get(self._suffix, self._info.time_base)
        pictures_end = self._frames / self._info.rate if self._frames and self._info.rate else None
        unfinished = self._unfinished
        more = (self._make_sound, pictures_end, unfinished.finished_path, self._info.name)
        file = self._stack.enter_context(OutputFile(unfinished.path, self._path, self._time_base, self._source, *more))
        with file.write_errors():
            rate = self._info.rate or Fraction(30)
            settings = encoder_options(encoder, self._encoding, alpha)
            stream = cast("VideoStream", file.container.add_stream(encoder, rate=rate, options=settings))
            stream.width, stream.height = width, height
            stream.pix_fmt = pix_fmt
            stream.codec_context.time_base = self._time_base
            stream.codec_context.framerate = rate
            stream.sample_aspect_ratio = self._info.pixel_aspect
            stream.colorspace = self._color.matrix
            stream.color_primaries = self._color.primaries
            stream.color_trc = self._color.transfer
            stream.color_range = self._color.range
            if codec_of_encoder(encoder) == "h265":
                file.tag_h265(stream)
            if alpha and self._suffix == ".webm":
                stream.metadata["alpha_mode"] = "1"
            self._graph = None
            self._convert = FromBgr(self._color, "bgra" if pix_fmt == "pal8" else pix_fmt, width, height)
            if pix_fmt == "pal8":
                stream.width = min(width, self._encoding.gif_width)
                stream.height = max(1, round(height * stream.width / width))
                self._graph = _gif_graph(width, height, stream.width, stream.height)
            self._stream = stream
            file.copy_source_extras()
            if self._background:
                start_in_background(stream.codec_context.open)
        return file

    def _graph_output(self, picture: VideoFrame) -> list[VideoFrame]:
        """Return what is to be encoded for `picture`: with a palette where the format has one."""
        if self._graph is None:
            return [picture]
        self._graph.push(picture)
        return [cast("VideoFrame", self._graph.pull())]

    def _mux(self, file: OutputFile, packets: list[Packet]) -> None:
        for packet in packets:
            # x264 does not hand durations on, and the last frame's would be lost.
            if packet.pts is not None and packet.time_base == self._time_base:
                packet.duration = self._duration.pop(packet.pts, 0) or packet.duration
            file.mux_picture(packet)


def _gif_graph(width: int, height: int, gif_width: int, gif_height: int) -> Graph:
    """Return a filter graph that scales each frame and gives it the 256 colours that suit it best."""
    graph = Graph()
    source = graph.add("buffer", f"video_size={width}x{height}:pix_fmt=bgra:time_base=1/100")
    scale = graph.add("scale", f"{gif_width}:{gif_height}:flags=area")
    split = graph.add("split")
    palette = graph.add("palettegen", stats_mode="single", reserve_transparent="0")
    use = graph.add("paletteuse", new="1", dither="sierra2_4a")
    source.link_to(scale)
    scale.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}{' with alpha' if shape[2] == 4 else ''}"
