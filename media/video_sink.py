"""Video files, written through PyAV: H.264 that plays everywhere, with the source's times and sound."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from types import TracebackType

import av
import av.error
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from errors import InputError, ProcessingError
from media.frame import Frame, StreamInfo
from media.video_source import swscale_matrix

log = logging.getLogger(__name__)

# Sound that each container stores as it is; anything else becomes AAC.
_MP4_SOUND = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "flac"})
_SOUND = {".mp4": _MP4_SOUND, ".m4v": _MP4_SOUND, ".mov": _MP4_SOUND - {"opus", "libopus", "flac"}, ".mkv": None}

_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}

VIDEO_SUFFIXES = tuple(_SOUND)

_LARGEST_TIMESCALE = 2**31 - 1  # a signed 32-bit field in FFmpeg's MP4 muxer

_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


def check_video_output(path: str, crf: int, preset: str) -> None:
    """Raise InputError unless this module can write `path` with this quality and speed."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in VIDEO_SUFFIXES:
        raise InputError(f"{path}: cannot write a video as '{suffix}'; use {', '.join(VIDEO_SUFFIXES)}")
    if not 0 <= crf <= 51:
        raise InputError(f"--crf {crf}: must be between 0 (lossless) and 51 (worst)")
    if preset not in _PRESETS:
        raise InputError(f"--preset {preset}: must be one of {', '.join(_PRESETS)}")


class VideoSink:
    """Writes frames as H.264 yuv420p with their own times, beside the sound of another file.

    The size is that of the first frame. H.264 in 4:2:0 stores even sizes only: an odd one is completed by
    repeating the last column or row.

    Args:
        path: The local file to write.
        info: The stream that the frames come from.
        name: What to call the file in messages, `path` if empty.
        sound_from: A local file whose sound goes along, or None. If the frames end before the source does,
            the sound ends with them.
        crf: Quality, 0 (lossless) to 51; see x264.
        preset: Speed of the encoder; see x264.
    """

    def __init__(
        self,
        path: str,
        info: StreamInfo,
        *,
        name: str = "",
        sound_from: str | None = None,
        crf: int = 20,
        preset: str = "veryfast",
    ) -> None:
        self._path = path
        self._info = info
        self._name = name or path
        self._sound_from = sound_from
        self._options = {"crf": str(crf), "preset": preset}
        self._reformatter = VideoReformatter()
        self._container: OutputContainer | None = None
        self._sound: _Sound | None = None
        self._end = Fraction(0)
        self._duration: dict[int, int] = {}
        self._ended_early = False

    def __enter__(self) -> VideoSink:
        self._stack = ExitStack()
        return self

    def end_early(self) -> None:
        """Say that the source has more frames than were written: the sound then ends with the picture."""
        self._ended_early = True

    def write(self, frame: Frame) -> None:
        """Encode one frame.

        Raises:
            InputError: the frame is transparent, which these files cannot store.
            ProcessingError: its size differs from the first one's, or it cannot be written.
        """
        image = frame.image
        if image.shape[2] == 4:
            raise InputError(f"{self._name}: H.264 video cannot store transparency; choose another --background")
        height, width = image.shape[:2]
        if self._container is None:
            self._open(width, height)
        if (width, height) != self._size:
            was = "{}x{}".format(*self._size)
            raise ProcessingError(f"{self._name}: frame {frame.index} is {width}x{height}, the first was {was}")
        if width % 2 or height % 2:
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        picture = self._reformatter.reformat(
            picture,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=swscale_matrix(self._stream.colorspace),
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts, picture.time_base = frame.pts, frame.time_base
        self._duration[frame.pts] = frame.duration
        self._end = (frame.pts + frame.duration) * frame.time_base
        with self._write_errors():
            self._mux_video(self._stream.encode(picture))
            if self._sound is not None:
                self._sound.mux_until(frame.pts * frame.time_base)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            if exc_type is None and self._container is not None:
                with self._write_errors():
                    self._mux_video(self._stream.encode(None))
                    if self._sound is not None:
                        self._sound.mux_until(self._end if self._ended_early else None)
                    # Writes the index; a full disk shows here at the latest.
                    self._container.close()

    def _open(self, width: int, height: int) -> None:
        self._size = (width, height)
        suffix = os.path.splitext(self._path)[1].lower()
        with self._write_errors():
            sound = self._stack.enter_context(av.open(self._sound_from)) if self._sound_from is not None else None
            options = {} if suffix == ".mkv" else self._mov_options(sound)
            container = self._stack.enter_context(av.open(self._path, "w", options=options))
            rate = self._info.rate or Fraction(30)
            stream: VideoStream = container.add_stream("libx264", rate=rate, options=self._options)
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = self._info.time_base
            stream.codec_context.framerate = rate
            stream.sample_aspect_ratio = self._info.pixel_aspect
            color = self._info.color
            if color is not None:
                stream.colorspace = color.matrix
                stream.color_primaries = color.primaries
                stream.color_trc = color.transfer
            stream.color_range = ColorRange.MPEG
            self._container, self._stream = container, stream
            if sound is not None:
                self._sound = _Sound(sound, container, _SOUND[suffix], self._name)

    def _mov_options(self, sound: InputContainer | None) -> dict[str, str]:
        """Return the muxer's options for MP4 and MOV with this sound."""
        tracks = sound.streams.audio if sound is not None else ()
        rates = [track.codec_context.sample_rate for track in tracks if track.codec_context]
        # A track that does not start at 0 is shifted in units of the movie's time scale, 1/1000 s unless it
        # is told a scale in which both the pictures' times and the samples' are whole.
        scale = math.lcm(self._info.time_base.denominator, *rates)
        if scale > _LARGEST_TIMESCALE:
            scale = self._info.time_base.denominator
        # faststart: the index goes first, so that a browser can play before it has everything.
        return {
            "movflags": "+faststart",
            "movie_timescale": str(scale),
            "video_track_timescale": str(self._info.time_base.denominator),
        }

    def _mux_video(self, packets: list[Packet]) -> None:
        assert self._container is not None
        for packet in packets:
            # x264 does not hand durations on, and the last frame's would be lost.
            if packet.pts is not None and packet.time_base == self._info.time_base:
                packet.duration = self._duration.pop(packet.pts, 0) or packet.duration
            self._container.mux(packet)

    @contextmanager
    def _write_errors(self) -> Iterator[None]:
        """Turn FFmpeg's errors on the way out into a ProcessingError that names the file."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            raise ProcessingError(f"{self._name}: cannot be written: {error.strerror or error}") from error


class _Sound:
    """Brings the sound of `source` into `output`, as far in time as the picture has come.

    The source's file is opened a second time for it, so that nothing is held in memory however its packets are
    interleaved. Each track is copied where the container can store it, else re-encoded as AAC.
    """

    def __init__(
        self, source: InputContainer, output: OutputContainer, copied: frozenset[str] | None, name: str
    ) -> None:
        self._name = name
        self._output = output
        self._packets: Iterator[Packet] = iter(())
        self._waiting: Packet | None = None
        self._tracks: dict[int, _CopiedTrack | _EncodedTrack] = {}
        for stream in source.streams.audio:
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            if copied is None or codec in copied:
                self._tracks[stream.index] = _CopiedTrack(stream, output)
            elif stream.codec_context:
                log.info("%s: sound is re-encoded from %s to AAC", name, codec)
                self._tracks[stream.index] = _EncodedTrack(stream, output)
            else:
                log.warning("%s: a sound track of an unknown kind is left out", name)
        if self._tracks:
            for stream in source.streams:
                if stream.index not in self._tracks:
                    stream.discard = Discard.all
            self._packets = source.demux([source.streams[i] for i in self._tracks])

    def mux_until(self, end: Fraction | None) -> None:
        """Mux the packets that begin before `end` seconds; all that are left when `end` is None."""
        while True:
            packet = self._waiting or self._next()
            self._waiting = None
            if packet is None:
                break
            if end is not None and packet.pts is not None and packet.pts * packet.time_base >= end:
                self._waiting = packet
                return
            for muxed in self._tracks[packet.stream.index].take(packet):
                self._output.mux(muxed)
        for track in self._tracks.values():
            for muxed in track.finish():
                self._output.mux(muxed)

    def _next(self) -> Packet | None:
        """Return the next packet that holds sound, None at the end; damage ends the sound with a warning."""
        try:
            for packet in self._packets:
                if packet.dts is not None and packet.size:
                    return packet
        except av.error.FFmpegError as error:
            log.warning("%s: the sound is damaged and ends early (%s)", self._name, error.strerror)
        self._packets = iter(())
        return None


class _CopiedTrack:
    """One sound track whose packets are written as they are."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        self._stream = output.add_stream_from_template(stream)
        self._stream.metadata.update(stream.metadata)

    def take(self, packet: Packet) -> list[Packet]:
        packet.stream = self._stream
        return [packet]

    def finish(self) -> list[Packet]:
        return []


class _EncodedTrack:
    """One sound track decoded and encoded again as AAC."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        rate = stream.codec_context.sample_rate
        rate = rate if rate in _AAC_RATES else 48000
        # PCM may come without naming its loudspeakers; the usual ones for the number of channels are meant.
        layout = _LAYOUTS.get(stream.codec_context.channels, "stereo")
        self._stream = output.add_stream("aac", rate=rate)
        self._stream.codec_context.layout = layout
        self._stream.metadata.update(stream.metadata)
        self._layout, self._rate = layout, rate
        self._resampler = AudioResampler("fltp", layout, rate)
        self._samples = -(2**62)  # where the sound has come to; sound may begin before 0
        self._finished = False

    def take(self, packet: Packet) -> list[Packet]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # one damaged packet is a moment of silence
            return []
        return [out for frame in frames for out in self._encode(self._resample(frame))]

    def finish(self) -> list[Packet]:
        if self._finished:
            return []
        self._finished = True
        return self._encode(self._resampler.resample(None)) + self._stream.encode(None)

    def _resample(self, frame: AudioFrame) -> list[AudioFrame]:
        try:
            return self._resampler.resample(frame)
        except ValueError:  # the sound changes on the way, from stereo to mono say
            rest = self._resampler.resample(None)
            self._resampler = AudioResampler("fltp", self._layout, self._rate)
            return rest + self._resampler.resample(frame)

    def _encode(self, parts: list[AudioFrame]) -> list[Packet]:
        packets = []
        for part in parts:
            # Where pieces of sound overlap, as in joined recordings, the later one follows the earlier.
            if part.pts is not None and part.time_base is not None:
                start = max(self._samples, round(part.pts * part.time_base * self._rate))
                part.pts, part.time_base = start, Fraction(1, self._rate)
                self._samples = start + part.samples
            packets += self._stream.encode(part)
        return packets
