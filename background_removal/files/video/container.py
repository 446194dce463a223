"""A video file that is being written, with what it takes over from its source: sound, chapters, titles."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from background_removal.errors import ProcessingError
from background_removal.files.video.audio_tracks import CarriedSound, MakeSound, Sound
from background_removal.files.video.faststart import index_first, set_length
from background_removal.files.video.formats import CONTAINERS
from background_removal.files.video.opening import open_video
from background_removal.files.video.timing import Steps, clock_start

if TYPE_CHECKING:
    from av.container.core import Chapter

log = logging.getLogger(__name__)

# A file that grows can be played up to the last whole piece of this length.
FRAGMENT_SECONDS = 0.5
_LARGEST_TIMESCALE = 2**31 - 1  # a signed 32-bit field in FFmpeg's MP4 muxer
# Of ISO's media format, which can be written in fragments.
FRAGMENTED = (".mp4", ".m4v", ".mov")
# What describes the file that it stands in, and would be wrong in another one.
OWN_METADATA = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})


class OutputFile:
    """The container of a video that is being written; its video stream is added, and then `carry` is called.

    Args:
        path: The local file to write.
        name: What to call it in messages.
        time_base: Seconds per unit of the pictures' times.
        source: A local file whose sound, chapters and titles go along, or None.
        make_sound: Makes the sound that goes along instead, or None.
        pictures_end: Where the pictures end, in seconds, if that is before the source does; None if they do not.
        whole: Where an MP4 or MOV with its index in front goes when it is complete, if there is room; "" for nowhere:
            then the index stays at the end of `path`.
        source_name: What to call the source in messages, `source` if empty.

    Attributes:
        container: For the video stream to be added to and its packets to be muxed into.
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
        whole: str = "",
        source_name: str = "",
    ) -> None:
        self._path = path
        self._whole = whole
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
        self._last_end = Fraction(0)

    def __enter__(self) -> OutputFile:
        with ExitStack() as stack:
            with self.write_errors():
                if self._source_path is not None:
                    self._source = stack.enter_context(open_video(self._source_path, self._source_name))
                tracks = self._source.streams.audio if self._source is not None else ()
                rates = [track.codec_context.sample_rate for track in tracks if track.codec_context]
                options = muxer_options(self._path, self._time_base, rates, growing=True)
                self.container = stack.enter_context(av.open(self._path, "w", options=options))
            self._stack = stack.pop_all()
        self._steps = Steps(self.container)
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
            # The error on its way stays the one that is told.
            with suppress(av.error.FFmpegError, OSError):
                self._stack.close()

    def carry(self) -> None:
        """Take over what the source has beside its pictures."""
        if self._make_sound is not None and CONTAINERS[self._suffix].sound_encoder:
            self._sound = self._make_sound(self.container, CONTAINERS[self._suffix])
        if self._source is None:
            return
        metadata = self._source.metadata
        self.container.metadata.update({key: metadata[key] for key in metadata if key.lower() not in OWN_METADATA})
        kinds = CONTAINERS[self._suffix]
        if kinds.sound_encoder:
            self.container.set_chapters(self._chapters(self._source))
            left_out = {stream.type for stream in self._source.streams} - {"video", "audio", "attachment"}
            if left_out:
                log.info("%s: not taken over: %s", self._name, ", ".join(sorted(left_out)))
            self._sound = CarriedSound(self._source, self.container, kinds, self._name, self._source_name)

    def tag_h265(self, stream: VideoStream) -> None:
        """Give an H.265 stream the tag under which Apple's players know it, where the container has one."""
        if self._suffix in FRAGMENTED:
            stream.codec_context.codec_tag = "hvc1"

    def mux_picture(self, packet: Packet) -> None:
        """Mux a packet of the pictures."""
        if packet.pts is not None:
            start = packet.pts * packet.time_base
            self._first_start = start if self._first_start is None else min(self._first_start, start)
            self._last_end = max(self._last_end, start + (packet.duration or 0) * packet.time_base)
        if self._steps.too_long(packet):
            raise ProcessingError(
                f"{self._name}: two pictures lie too far apart in time for {self._suffix}; write .mkv or .webm"
            )
        self.container.mux(packet)

    def mux_sound_until(self, end: Fraction) -> None:
        """Mux the sound that begins before `end` seconds."""
        if self._sound is not None:
            self._sound.mux_until(end)

    def finish(self, end: Fraction | None) -> None:
        """Mux the rest of the sound, up to `end` seconds if that is given, and complete the file."""
        if self._sound is not None:
            self._sound.finish(end)
        # Writes the index; a full disk shows here at the latest.
        self.container.close()
        if self._suffix in FRAGMENTED:
            set_length(self._path, self._last_end - (self._first_start or 0))
            if self._whole:
                self._put_index_first()

    def _put_index_first(self) -> None:
        try:
            if index_first(self._path, self._whole):
                return
        except OSError as error:
            log.info("%s: there is no room to put its index first: %s", self._name, error.strerror)
        with suppress(OSError):
            os.remove(self._whole)

    @contextmanager
    def write_errors(self) -> Iterator[None]:
        """Turn FFmpeg's errors on the way out into a ProcessingError that names the file."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            raise ProcessingError(f"{self._name}: cannot be written: {error.strerror or error}") from error

    def _chapters(self, source: InputContainer) -> list[Chapter]:
        start, until = clock_start(source), self._pictures_end
        chapters = []
        for chapter in source.chapters():
            time_base = chapter["time_base"] or Fraction(1)
            begin, end = (round(chapter[side] - start / time_base) for side in ("start", "end"))
            if until is None or begin * time_base < until:
                end = end if until is None else min(end, round(until / time_base))
                chapters.append({**chapter, "start": begin, "end": end})
        return chapters


def muxer_options(path: str, time_base: Fraction, rates: Iterable[int] = (), growing: bool = False) -> dict[str, str]:
    """Return FFmpeg's options for a file that is written.

    Args:
        path: Its suffix decides.
        time_base: Seconds per unit of the pictures' times.
        rates: Samples per second of the sound that goes along.
        growing: Whether it is to be playable whenever it is cut; then the index of an MP4 does not go first.
    """
    suffix = os.path.splitext(path)[1].lower()
    # Every packet that a muxer has done with goes to the system at once, and not in blocks of 256 KB.
    flushed = {"flush_packets": "1"} if growing else {}
    if suffix in (".mkv", ".webm"):
        # Sound may begin before 0, with what an encoder needs to start; pictures would be moved for it.
        whole = {"avoid_negative_ts": "disabled"}
        return {**whole, **flushed, "cluster_time_limit": f"{FRAGMENT_SECONDS * 1000:.0f}"} if growing else whole
    if suffix in (".gif", ".webp"):
        return {"loop": "0"}  # for ever
    # A track that does not start at 0 is shifted in units of the movie's time scale, 1/1000 s unless it
    # is told a scale in which both the pictures' times and the samples' are whole.
    scale = math.lcm(time_base.denominator, *rates)
    if scale > _LARGEST_TIMESCALE:
        scale = time_base.denominator
    options = {"movie_timescale": str(scale), "video_track_timescale": str(time_base.denominator)}
    if growing:
        # Fragments, which become one ordinary file at the end. The first one says where the tracks begin.
        fragments = {"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": f"{FRAGMENT_SECONDS * 1e6:.0f}"}
        return {**options, **flushed, **fragments}
    # faststart: the index goes first, so that a browser can play before it has everything.
    return {**options, "movflags": "+faststart"}
