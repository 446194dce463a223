"""Output container of a video, with the sound, chapters and titles of its source."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from background_removal.errors import ProcessingError
from background_removal.files.video.animated_files import complete_animation
from background_removal.files.video.audio_tracks import MakeSound, Sound, SourceSound
from background_removal.files.video.faststart import copy_with_index_first, fix_length
from background_removal.files.video.formats import ANIMATION_SUFFIXES, CONTAINER_FORMATS
from background_removal.files.video.opening import open_video
from background_removal.files.video.timecode import find_timecode, is_timecode
from background_removal.files.video.timing import PacketGapLimit, container_start, frame_rate

if TYPE_CHECKING:
    from av.container.core import Chapter
    from av.stream import Stream

log = logging.getLogger(__name__)

# Length of a fragment of an unfinished file, seconds; the file is playable up to its last whole fragment.
FRAGMENT_SECONDS = 0.5
# Largest time scale, ticks per second; a signed 32-bit field in FFmpeg's MP4 muxer.
_MAX_TIMESCALE = 2**31 - 1
# FFmpeg's muxers that a file's suffix does not choose: of a .png it would write pictures.
_MUXERS = {".png": "apng", ".apng": "apng"}
# Suffixes of ISO's media format, which can be written in fragments.
FRAGMENTED_SUFFIXES = (".mp4", ".m4v", ".mov")
# Metadata that describe the file they are in and would be wrong in another one.
FILE_METADATA = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"})

# First part of the keys that Apple's and Android's cameras write.
_PHONE_TAGS = ("com.apple.", "com.android.")


class OutputFile:
    """The output container of a video; the caller adds the video stream, then calls `copy_source_extras`.

    Args:
        path: The local file to write.
        name: The file's name in messages.
        time_base: Time base of the pictures, seconds.
        source: A local file that provides sound, chapters and titles, or None.
        make_sound: Makes other sound instead, or None.
        pictures_end: End of the pictures in seconds, if they end before the source; otherwise None.
        finished_path: Where a finished MP4 or MOV is copied with its index first, if the disk has space for it; "" to
            leave the index at the end of `path`.
        source_name: The source's name in messages, `source` if empty.
        keep_metadata: Whether the file gets the source's titles, dates and places.
        plays: Number of times that an animation plays, 0 for endlessly.
        begin: Time of the source at which the file begins, seconds.

    Attributes:
        container: FFmpeg's container, for the caller's video stream.
    """

    container: OutputContainer

    def __init__(
        self,
        path: str,
        name: str,
        time_base: Fraction,
        source: str | None = None,
        make_sound: MakeSound | None = None,
        pictures_end: Fraction | None = None,
        finished_path: str = "",
        source_name: str = "",
        keep_metadata: bool = True,
        plays: int = 0,
        begin: Fraction = Fraction(0),
    ) -> None:
        self._path = path
        self._begin = begin
        self._plays = plays
        self._keep_metadata = keep_metadata
        self._finished_path = finished_path
        self._name = name
        self._time_base = time_base
        self._source_path = source
        self._source_name = source_name or source or ""
        self._source: InputContainer | None = None
        self._make_sound = make_sound
        self._pictures_end = pictures_end
        self._sound: Sound | None = None
        self._suffix = os.path.splitext(path)[1].lower()
        self._first_start: Fraction | None = None
        self._first_dts: Fraction | None = None
        self._last_end = Fraction(0)
        self._has_alpha = self._is_lengthened = False

    def __enter__(self) -> OutputFile:
        with ExitStack() as stack:
            with self.write_errors():
                if self._source_path is not None:
                    self._source = stack.enter_context(open_video(self._source_path, self._source_name))
                tracks = self._source.streams.audio if self._source is not None else ()
                rates = [track.codec_context.sample_rate for track in tracks if track.codec_context]
                options = muxer_options(self._path, self._time_base, rates, fragmented=True, plays=self._plays)
                if "movflags" in options and self._keep_metadata and _has_phone_tags(self._source):
                    options["movflags"] += "+use_metadata_tags"
                muxer = _MUXERS.get(self._suffix)
                self.container = stack.enter_context(av.open(self._path, "w", format=muxer, options=options))
            self._stack = stack.pop_all()
        self._gap_limit = PacketGapLimit(self.container)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            with self.write_errors():
                self._stack.close()
        else:
            # The first error stays the one that is raised.
            with suppress(av.error.FFmpegError, OSError):
                self._stack.close()

    def copy_source_extras(self) -> None:
        """Add the source's sound, chapters and titles."""
        if self._make_sound is not None and CONTAINER_FORMATS[self._suffix].sound_encoder:
            self._sound = self._make_sound(self.container, CONTAINER_FORMATS[self._suffix])
        if self._source is None:
            return
        if self._keep_metadata:
            metadata = self._source.metadata
            kept_keys = [key for key in metadata if key.lower() not in FILE_METADATA]
            self.container.metadata.update({key: metadata[key] for key in kept_keys})
        _copy_default_flag(self._source.streams.video, self.container.streams.video)
        container_format = CONTAINER_FORMATS[self._suffix]
        if container_format.sound_encoder:
            self.container.set_chapters(self._chapters(self._source))
            self._copy_timecode(self._source)
            kept = {"video", "audio", "attachment", "timecode"}
            if left_out := {_kind_of(stream) for stream in self._source.streams} - kept:
                log.info("%s: not taken over: %s", self._name, ", ".join(sorted(left_out)))
            names = self._name, self._source_name
            self._sound = SourceSound(self._source, self.container, container_format, *names, self._begin)

    def tag_h265(self, stream: VideoStream) -> None:
        """Set the tag that Apple's players require of H.265, where the container has one."""
        if self._suffix in FRAGMENTED_SUFFIXES:
            stream.codec_context.codec_tag = "hvc1"

    def tag_alpha(self, stream: VideoStream) -> None:
        """Set the mark of a transparent stream, where the container requires one."""
        self._has_alpha = True
        if self._suffix == ".webm":
            stream.metadata["alpha_mode"] = "1"

    def mux_picture(self, packet: Packet, is_last: bool = False) -> None:
        """Mux a video packet.

        In MP4 and MOV durations are distances in decoding order, which add up to the length of the track: the last
        packet in that order gets the rest of it, as with reordered frames it is not the last one shown.
        """
        if self._first_dts is None and packet.dts is not None:
            self._first_dts = packet.dts * packet.time_base
        if packet.pts is not None:
            start = packet.pts * packet.time_base
            self._first_start = start if self._first_start is None else min(self._first_start, start)
            self._last_end = max(self._last_end, start + (packet.duration or 0) * packet.time_base)
        if is_last and self._suffix in FRAGMENTED_SUFFIXES and packet.dts is not None:
            length = self._last_end - (self._first_start or 0)
            passed = packet.dts * packet.time_base - (self._first_dts or 0)
            rest = round((length - passed) / packet.time_base)
            self._is_lengthened = rest > (packet.duration or 0)
            packet.duration = rest if rest > 0 else packet.duration
        if self._gap_limit.exceeded_by(packet):
            raise ProcessingError(
                f"{self._name}: two pictures lie too far apart in time for {self._suffix}; write .mkv or .webm"
            )
        self.container.mux(packet)

    def mux_sound_until(self, end: Fraction) -> None:
        """Mux the sound before `end` seconds."""
        if self._sound is not None:
            self._sound.mux_until(end)

    def finish(
        self, end: Fraction | None, last_seconds: Fraction = Fraction(0), length: Fraction = Fraction(0)
    ) -> None:
        """Mux the rest of the sound, up to `end` seconds if given, and finish the file.

        Args:
            end: The end of the sound, seconds; None for its own.
            last_seconds: Duration of the last picture; 0 if unknown.
            length: Time from the first picture to the end of the last, seconds; animations need it.
        """
        if self._sound is not None:
            self._sound.finish(end)
        # Writes the index, and raises at the latest now if the disk is full.
        self.container.close()
        if self._suffix in (".webp", *_MUXERS):
            complete_animation(self._path, last_seconds, length, self._has_alpha)
        if self._suffix in FRAGMENTED_SUFFIXES:
            fix_length(self._path, self._last_end - (self._first_start or 0), may_shorten=self._is_lengthened)
            if self._finished_path:
                self._write_index_first()

    def _write_index_first(self) -> None:
        try:
            if copy_with_index_first(self._path, self._finished_path):
                return
        except OSError as error:
            log.info("%s: no disk space to put its index first: %s", self._name, error.strerror)
        with suppress(OSError):
            os.remove(self._finished_path)

    @contextmanager
    def write_errors(self) -> Iterator[None]:
        """Convert FFmpeg's errors in the block into a ProcessingError that names the file."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            raise ProcessingError(f"{self._name}: cannot be written: {error.strerror or error}") from error

    def _copy_timecode(self, source: InputContainer) -> None:
        """Set the source's timecode, which MP4 and MOV store as a track of its own, or say that it cannot be kept."""
        timecode = find_timecode(source)
        if not timecode:
            return
        if self._begin:
            log.info("%s: not taken over: timecode %s, which is that of the beginning", self._name, timecode)
            return
        rate = frame_rate(source.streams.video[0]) if source.streams.video else None
        if rate and is_timecode(timecode, rate):
            self.container.metadata["timecode"] = timecode
        else:
            log.info("%s: not taken over: timecode %s, which does not fit the frame rate", self._name, timecode)

    def _chapters(self, source: InputContainer) -> list[Chapter]:
        start, until = container_start(source) + self._begin, self._pictures_end
        chapters = []
        for chapter in source.chapters():
            time_base = chapter["time_base"] or Fraction(1)
            begin, end = (round(chapter[side] - start / time_base) for side in ("start", "end"))
            if (end > 0 or not self._begin) and (until is None or begin * time_base < until):
                begin = max(0, begin) if self._begin else begin
                end = end if until is None else min(end, round(until / time_base))
                chapters.append({**chapter, "start": begin, "end": end})
        return chapters


def _copy_default_flag(sources: Sequence[Stream], targets: Sequence[Stream]) -> None:
    """Let the first target say, as the first source does, whether players choose it by default."""
    for source, target in zip(sources[:1], targets[:1], strict=False):
        target.disposition = source.disposition & Disposition.default


def _kind_of(stream: Stream) -> str:
    """Return what a stream holds; the tracks of timecodes are data to FFmpeg."""
    return "timecode" if stream.type == "data" and "timecode" in stream.metadata else stream.type


def _has_phone_tags(source: InputContainer | None) -> bool:
    """Return whether a file has tags of telephones, which MP4 and MOV hold under these very keys only."""
    return source is not None and any(key.startswith(_PHONE_TAGS) for key in source.metadata)


def muxer_options(
    path: str, time_base: Fraction, rates: Iterable[int] = (), fragmented: bool = False, plays: int = 0
) -> dict[str, str]:
    """Return FFmpeg's options for the muxer of a file.

    Args:
        path: The file; only its suffix counts.
        time_base: Time base of the pictures, seconds.
        rates: Samples per second of the sound tracks.
        fragmented: Whether the file is playable whenever it is cut; then the index of an MP4 is not first.
        plays: Number of times that an animation plays, 0 for endlessly.
    """
    suffix = os.path.splitext(path)[1].lower()
    # The muxer writes every packet at once instead of in blocks of 256 KB.
    flush = {"flush_packets": "1"} if fragmented else {}
    if suffix in (".mkv", ".webm"):
        # Sound may begin before 0, with an encoder's priming samples; the pictures would be shifted for it.
        options = {"avoid_negative_ts": "disabled"}
        limit = f"{FRAGMENT_SECONDS * 1000:.0f}"
        return {**options, **flush, "cluster_time_limit": limit} if fragmented else options
    if suffix == ".gif":
        return {"loop": str(plays - 1 or -1 if plays else 0)}  # of repetitions; -1 for none, 0 for endlessly
    if suffix in ANIMATION_SUFFIXES:
        return {"plays" if suffix in _MUXERS else "loop": str(plays)}
    # A track that does not start at 0 is shifted in units of the movie's time scale; its default of 1/1000 s is
    # replaced by a scale in which the times of pictures and samples are integers.
    scale = math.lcm(time_base.denominator, *rates)
    if scale > _MAX_TIMESCALE:
        scale = time_base.denominator
    options = {"movie_timescale": str(scale), "video_track_timescale": str(time_base.denominator)}
    if fragmented:
        # Fragments, merged into an ordinary file at the end; the first one holds the start of each track.
        fragments = {"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": f"{FRAGMENT_SECONDS * 1e6:.0f}"}
        return {**options, **flush, **fragments}
    # faststart: the index comes first, so that a browser plays before the download ends.
    return {**options, "movflags": "+faststart"}
