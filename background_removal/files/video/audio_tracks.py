"""Sound tracks of an output file: copied from the source where the container allows, otherwise re-encoded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard

from background_removal.files.video.decoding import MAX_DEMUX_FAILURES
from background_removal.files.video.formats import ContainerFormat
from background_removal.files.video.timing import ISO_FORMATS, PacketGapLimit, container_start

log = logging.getLogger(__name__)

# Sample rates that each encoder accepts, Hz.
_SAMPLE_RATES = {
    "aac": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    "libopus": (8000, 12000, 16000, 24000, 48000),
}
# Sample rate for sound with another one, Hz.
_DEFAULT_SAMPLE_RATE = 48000
# Channel layout by number of channels, FFmpeg's names.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
# Names of the encoders' codecs in messages.
_ENCODER_NAMES = {"aac": "AAC", "libopus": "Opus"}


class Sound(Protocol):
    """The sound of an output file."""

    def mux_until(self, end: Fraction | None) -> None:
        """Mux the sound before `end` seconds; all the rest if `end` is None."""
        ...

    def finish(self, end: Fraction | None) -> None:
        """Mux the rest, up to `end` seconds if given; nothing can be muxed afterwards."""
        ...


# Function that creates the sound of an output container of a given format.
MakeSound: TypeAlias = Callable[[OutputContainer, ContainerFormat], Sound]


class SourceSound(Sound):
    """Muxes all sound tracks of `source` into `output`, up to the current time of the pictures.

    The source is opened separately for the sound, so that memory use does not depend on how its packets are
    interleaved. Damaged packets are left out, and counted in one warning.

    Args:
        source: The file with the sound, opened for this purpose only.
        output: The output file.
        container: Its format.
        name: The output's name in messages.
        source_name: The source's name in messages.
        begin: Time of the source at which the output begins, seconds; sound before it is left out.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        container: ContainerFormat,
        name: str,
        source_name: str,
        begin: Fraction = Fraction(0),
    ) -> None:
        self._name = name
        self._source_name = source_name
        self._source = source
        self._output = output
        self._damaged = 0
        self._gap_limit = PacketGapLimit(output)
        self._packets: Iterator[Packet] = iter(())
        self._waiting: Packet | None = None
        self._tracks: dict[int, _CopiedTrack | EncodedTrack] = {}
        self._is_cut = begin > 0
        self._start = container_start(source) + begin
        for stream in source.streams.audio:
            track = self._copy_track(stream, container) or self._encode_track(stream, container)
            if track is None:
                log.warning("%s: a sound track of an unknown kind is left out", name)
            else:
                self._tracks[stream.index] = track
        if self._tracks:
            for stream in source.streams:
                if stream.index not in self._tracks:
                    stream.discard = Discard.all
            self._packets = self._demux()

    def mux_until(self, end: Fraction | None) -> None:
        """Mux the packets before `end` seconds; all the rest if `end` is None."""
        while packet := self._waiting or self._next():
            self._waiting = None
            if end is not None and packet.pts is not None and packet.pts * packet.time_base >= end:
                self._waiting = packet
                return
            self._mux(self._tracks[packet.stream.index].convert(packet))

    def finish(self, end: Fraction | None) -> None:
        """Mux the rest, up to `end` seconds if given; nothing can be muxed afterwards."""
        self.mux_until(end)
        for track in self._tracks.values():
            self._mux(track.finish())
            self._damaged += track.damaged
        if self._damaged:
            log.warning("%s: %d damaged parts of the sound were left out", self._source_name, self._damaged)

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self._gap_limit.exceeded_by(packet):
                self._damaged += 1
                continue
            try:
                self._output.mux(packet)
            except (av.error.InvalidDataError, av.error.ArgumentError):  # its data or time is invalid
                self._damaged += 1

    def _copy_track(self, stream: AudioStream, container: ContainerFormat) -> _CopiedTrack | None:
        codec = stream.codec_context.name if stream.codec_context else "unknown"
        if container.sound is not None and codec not in container.sound:
            return None
        try:
            return _CopiedTrack(stream, self._output)
        except ValueError:  # the container supports fewer codecs than listed
            return None

    def _encode_track(self, stream: AudioStream, container: ContainerFormat) -> EncodedTrack | None:
        context = stream.codec_context
        if not context:
            return None
        name = _ENCODER_NAMES[container.sound_encoder]
        log.info("%s: sound is re-encoded from %s to %s", self._name, context.name, name)
        track = EncodedTrack(self._output, container.sound_encoder, context.sample_rate, context.channels)
        describe_track(track.stream, stream, self._output)
        return track

    def _next(self) -> Packet | None:
        """Return the next packet with sound, None at the end."""
        for packet in self._packets:
            if packet.dts is not None and packet.size:
                offset = round(self._start / packet.time_base) if self._start else 0
                packet.dts -= offset
                packet.pts = None if packet.pts is None else packet.pts - offset
                # An encoder's priming samples lie before 0 too, but are those of the source's beginning.
                if not self._is_cut or (packet.dts if packet.pts is None else packet.pts) >= 0:
                    return packet
        return None

    def _demux(self) -> Iterator[Packet]:
        failures = 0
        while failures < MAX_DEMUX_FAILURES:
            try:
                for packet in self._source.demux([self._source.streams[i] for i in self._tracks]):
                    failures = 0
                    yield packet
                return
            except av.error.FFmpegError:
                failures += 1
                self._damaged += failures == 1


def describe_track(target: AudioStream, source: AudioStream, output: OutputContainer) -> None:
    """Give a track of `output` the title, language and flags of its source."""
    target.metadata.update(source.metadata)
    target.disposition = source.disposition
    title = source.metadata.get("title") or source.metadata.get("name")  # MP4 and MOV have the second
    if title:
        target.metadata["title"] = title
        if output.format.name in ISO_FORMATS:
            target.metadata["handler_name"] = title  # what their players show


class _CopiedTrack:
    """One sound track, copied packet by packet."""

    def __init__(self, stream: AudioStream, output: OutputContainer) -> None:
        self.damaged = 0
        self._stream = output.add_stream_from_template(stream)
        describe_track(self._stream, stream, output)
        self._shift = 0
        self._next_dts: int | None = None
        # AAC from a broadcast has a header in every packet; FFmpeg's MP4 muxer removes it, but not when it writes
        # fragments (`files.video.container.muxer_options`).
        has_headers = output.format.name in ISO_FORMATS and stream.codec_context.name == "aac"
        has_headers = has_headers and not stream.codec_context.extradata
        self._filter = BitStreamFilterContext("aac_adtstoasc", stream) if has_headers else None

    def convert(self, packet: Packet) -> list[Packet]:
        assert packet.dts is not None
        # If the clock jumps back, as in joined recordings, the later part is appended to the earlier.
        if self._next_dts is not None and packet.dts + self._shift < self._next_dts - (packet.duration or 0):
            self._shift = self._next_dts - packet.dts
        if self._shift:
            packet.dts += self._shift
            packet.pts = None if packet.pts is None else packet.pts + self._shift
        self._next_dts = packet.dts + (packet.duration or 0)
        if self._filter is None:
            packet.stream = self._stream
            return [packet]
        try:
            packets = self._filter.filter(packet)
        except av.error.FFmpegError:  # a damaged packet becomes a moment of silence
            self.damaged += 1
            return []
        for filtered in packets:
            filtered.stream = self._stream
        return packets

    def finish(self) -> list[Packet]:
        return []


class EncodedTrack:
    """One encoded sound track, from the packets of a file or the frames of a microphone."""

    def __init__(self, output: OutputContainer, encoder: str, rate: int, channels: int) -> None:
        rate = rate if rate in _SAMPLE_RATES[encoder] else _DEFAULT_SAMPLE_RATE
        # PCM may lack a channel layout; the default for its number of channels is used.
        layout = (
            {**_LAYOUTS, 4: "quad"}.get(channels, "stereo")
            if encoder == "libopus"
            else _LAYOUTS.get(channels, "stereo")
        )
        self.stream = cast("AudioStream", output.add_stream(encoder, rate=rate))
        self.stream.codec_context.layout = layout
        self._layout, self._rate = layout, rate
        self._format = self.stream.codec_context.format.name  # opus takes 16 bit, AAC floats
        self._resampler = AudioResampler(self._format, layout, rate)
        self.damaged = 0
        self._next_sample = -(2**62)  # sound may begin before 0

    def convert(self, packet: Packet) -> list[Packet]:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:  # a damaged packet becomes a moment of silence
            self.damaged += 1
            return []
        return [packet for frame in frames for packet in self.encode(frame)]

    def encode(self, frame: AudioFrame) -> list[Packet]:
        return self._encode(self._resample(frame))

    def finish(self) -> list[Packet]:
        return self._encode(self._resampler.resample(None)) + self.stream.encode(None)

    def _resample(self, frame: AudioFrame) -> list[AudioFrame]:
        try:
            return self._resampler.resample(frame)
        except ValueError:  # the format changes within the track, such as from stereo to mono
            rest = self._resampler.resample(None)
            self._resampler = AudioResampler(self._format, self._layout, self._rate)
            return rest + self._resampler.resample(frame)

    def _encode(self, parts: list[AudioFrame]) -> list[Packet]:
        packets = []
        for part in parts:
            # If frames overlap, as in joined recordings, the later one is appended to the earlier.
            if part.pts is not None and part.time_base is not None:
                start = max(self._next_sample, round(part.pts * part.time_base * self._rate))
                part.pts, part.time_base = start, Fraction(1, self._rate)
                self._next_sample = start + part.samples
            packets += self.stream.encode(part)
        return packets
