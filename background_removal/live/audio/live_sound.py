"""What a microphone hears, brought into a recording."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.container import OutputContainer

from background_removal.files.video.audio_tracks import EncodedTrack, Sound
from background_removal.files.video.formats import ContainerFormat
from background_removal.live.audio.microphone import Listener


class LiveSound(Sound):
    """Brings what a microphone hears into `output`, as far in time as the picture has come.

    Args:
        microphone: Gives sound with times in samples since the recording's beginning.
        output: The file that it goes into.
        container: What that file can hold.
    """

    def __init__(self, microphone: Listener, output: OutputContainer, container: ContainerFormat) -> None:
        self._microphone = microphone
        self._output = output
        self._track = EncodedTrack(output, container.sound_encoder, microphone.rate, microphone.channels)
        self._heard: deque[AudioFrame] = deque()
        self._heard_until = 0  # in samples

    def mux_until(self, end: Fraction | None) -> None:
        """Mux what was heard before `end` seconds."""
        self._mux(self._microphone.take(), end)

    def finish(self, end: Fraction | None) -> None:
        """Mux what was heard up to `end` seconds; nothing can be muxed after it."""
        self._mux(self._microphone.take(last=True), end)
        for packet in self._track.finish():
            self._output.mux(packet)

    def _mux(self, frames: list[AudioFrame], end: Fraction | None) -> None:
        for frame in frames:
            # A microphone that runs fast is set back now and then: what overlaps then is left out.
            if frame.pts is not None and frame.pts + frame.samples > self._heard_until:
                self._heard.append(frame)
                self._heard_until = frame.pts + frame.samples
        while self._heard:
            frame = self._heard[0]
            if end is not None and frame.pts is not None and Fraction(frame.pts, self._microphone.rate) >= end:
                return
            for packet in self._track.encode(self._heard.popleft()):
                self._output.mux(packet)
