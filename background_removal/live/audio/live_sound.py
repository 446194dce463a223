"""The sound of a recording, from a microphone."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.container import OutputContainer

from background_removal.files.video.audio_tracks import EncodedTrack, Sound
from background_removal.files.video.formats import ContainerFormat
from background_removal.live.audio.microphone import Listener


class LiveSound(Sound):
    """Muxes a microphone's sound into `output`, up to the time of the video.

    Args:
        microphone: Yields sound with times in samples since the start of the recording.
        output: The file.
        container: Format of the file.
    """

    def __init__(self, microphone: Listener, output: OutputContainer, container: ContainerFormat) -> None:
        self._microphone = microphone
        self._output = output
        self._track = EncodedTrack(output, container.sound_encoder, microphone.rate, microphone.channels)
        self._queue: deque[AudioFrame] = deque()
        self._queue_end = 0  # in samples

    def mux_until(self, end: Fraction | None) -> None:
        """Mux the sound before `end` seconds."""
        self._mux(self._microphone.read(), end)

    def finish(self, end: Fraction | None) -> None:
        """Mux the sound before `end` seconds and finish the track."""
        self._mux(self._microphone.read(last=True), end)
        for packet in self._track.finish():
            self._output.mux(packet)

    def _mux(self, frames: list[AudioFrame], end: Fraction | None) -> None:
        for frame in frames:
            # The times of a fast microphone are corrected backwards now and then: overlapping frames are dropped.
            if frame.pts is not None and frame.pts + frame.samples > self._queue_end:
                self._queue.append(frame)
                self._queue_end = frame.pts + frame.samples
        while self._queue:
            frame = self._queue[0]
            if end is not None and frame.pts is not None and Fraction(frame.pts, self._microphone.rate) >= end:
                return
            for packet in self._track.encode(self._queue.popleft()):
                self._output.mux(packet)
