"""The microphone, heard through FFmpeg's capture devices, for the sound of a recording."""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType

import av
import av.error
from av.audio.frame import AudioFrame

from pipeline import stderr
from pipeline.errors import InputError
from pipeline.worker import Worker

log = logging.getLogger(__name__)

# Pieces of sound that wait for a picture, some 10 s of them; more is of no use to anyone.
_MOST_WAITING = 1000
# The samples' own count is steadier than the clock at which they arrive, unless it is off by more than this: about
# where sound and picture are found to be out of step (ITU-R BT.1359: 185 ms).
_LARGEST_DRIFT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _Heard:
    """A piece of sound, and when it began in terms of `time.monotonic`."""

    frame: AudioFrame
    begun_at: float


class Microphone:
    """Listens in a thread of its own.

    Args:
        device: The device's name, "default" for the system's usual one; or another source that FFmpeg opens, as
            ``format:name``, for instance ``alsa:hw:1``.

    Raises (on entering):
        InputError: there is no such microphone.
    """

    def __init__(self, device: str = "default") -> None:
        self._device = device
        self._begun_at = 0.0
        self._samples: int | None = None  # how many have gone by since `begin`; None before the first
        self._stopped = threading.Event()
        self._worker: Worker[_Heard] = Worker(
            self._listen, "microphone", depth=_MOST_WAITING, when_full="newest", stop=self._stopped.set
        )

    def __enter__(self) -> Microphone:
        kind, name = _named(self._device)
        try:
            with stderr.captured():  # ALSA says in ten lines what the error says in one
                self._container = av.open(name, format=kind)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._cannot_be_opened(str(getattr(error, "strerror", None) or error).splitlines()[0]) from error
        if not self._container.streams.audio:
            self._container.close()
            raise self._cannot_be_opened("there is no sound in it")
        self._stream = self._container.streams.audio[0]
        self.rate = self._stream.codec_context.sample_rate
        self.channels = self._stream.codec_context.channels
        self._worker.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()

    def _cannot_be_opened(self, reason: str) -> InputError:
        return InputError(f"`microphone` {self._device}: cannot be opened ({reason}); give the name of another")

    def begin(self, clock: float) -> None:
        """Count the sound's time from `clock` on, in terms of `time.monotonic`, and forget what was heard before."""
        self._begun_at, self._samples = clock, None
        self._worker.waiting()

    def take(self) -> list[AudioFrame]:
        """Return what has been heard since the last call, with times in samples since `begin`."""
        frames = []
        for heard in self._worker.waiting():
            frame, now = heard.frame, heard.begun_at - self._begun_at
            if self._samples is None or abs(self._samples / self.rate - now) > _LARGEST_DRIFT_SECONDS:
                self._samples = round(now * self.rate)
            frame.pts, frame.time_base = self._samples, Fraction(1, self.rate)
            self._samples += frame.samples
            if frame.pts >= 0:
                frames.append(frame)
        return frames

    def _listen(self, worker: Worker[_Heard]) -> None:
        with self._container:
            while not self._stopped.is_set():
                try:
                    for frame in self._container.decode(self._stream):
                        if not worker.put(_Heard(frame, time.monotonic() - frame.samples / self.rate)):
                            return
                    return
                except BlockingIOError:  # nothing has come yet, says macOS
                    time.sleep(0.01)
                except av.error.FFmpegError as error:
                    if not self._stopped.is_set():
                        log.warning("microphone %s: stopped (%s)", self._device, error.strerror)
                    return


def _named(device: str) -> tuple[str, str]:
    """Return FFmpeg's names of the kind of capture device and of the device itself."""
    kind, separator, name = device.partition(":")
    if separator and kind in av.formats_available:
        return kind, name
    if sys.platform == "darwin":
        return "avfoundation", ":default" if device == "default" else f":{device.removeprefix(':')}"
    if sys.platform == "win32":
        if device == "default":  # DirectShow has no usual one: the first is taken
            found = [item for item in av.enumerate_input_devices("dshow") if "audio" in item.media_types]
            device = found[0].name if found else "none"
        return "dshow", f"audio={device.removeprefix('audio=')}"
    return "alsa", device
