"""The microphone, heard through FFmpeg's capture devices, for the sound of a recording."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from fractions import Fraction
from types import TracebackType

import av
import av.error
from av.audio.frame import AudioFrame

from errors import InputError

log = logging.getLogger(__name__)

# Sound that waits for a picture; more than this is of no use to anyone.
_MOST_SECONDS = 10
# The samples' own count is steadier than the clock at which they arrive, unless it is off by more than this.
_LARGEST_DRIFT = 0.2


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
        self._frames: deque[AudioFrame] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._begun_at = 0.0
        self.clock_start = time.monotonic()

    def __enter__(self) -> Microphone:
        kind, name = _named(self._device)
        try:
            self._container = av.open(name, format=kind)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._cannot_be_opened(str(getattr(error, "strerror", None) or error).splitlines()[0]) from error
        if not self._container.streams.audio:
            self._container.close()
            raise self._cannot_be_opened("there is no sound in it")
        self._stream = self._container.streams.audio[0]
        self.rate = self._stream.codec_context.sample_rate
        self.channels = self._stream.codec_context.channels
        self._thread = threading.Thread(target=self._listen, name="microphone", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=2)
        if not self._thread.is_alive():  # a device that is stuck in FFmpeg must be left to it
            self._container.close()

    def _cannot_be_opened(self, reason: str) -> InputError:
        return InputError(f"microphone {self._device}: cannot be opened ({reason}); try --microphone NAME")

    def begin(self, seconds: float) -> None:
        """Count the sound's time from `seconds` after `clock_start` on, and forget what was heard before."""
        with self._lock:
            self._begun_at = seconds
            self._frames.clear()

    def take(self) -> list[AudioFrame]:
        """Return what has been heard since the last call, with times in samples since `begin`."""
        with self._lock:
            frames, self._frames = list(self._frames), deque()
        return frames

    def _listen(self) -> None:
        samples = 0
        begun_at = None
        while not self._stopped.is_set():
            try:
                for frame in self._container.decode(self._stream):
                    if self._stopped.is_set():
                        return
                    arrived = time.monotonic() - self.clock_start - frame.samples / self.rate
                    with self._lock:
                        now = arrived - self._begun_at
                        if begun_at != self._begun_at or abs(samples / self.rate - now) > _LARGEST_DRIFT:
                            begun_at, samples = self._begun_at, round(now * self.rate)
                        frame.pts, frame.time_base = samples, Fraction(1, self.rate)
                        samples += frame.samples
                        if frame.pts >= 0:
                            self._frames.append(frame)
                        while len(self._frames) * frame.samples > _MOST_SECONDS * self.rate:
                            self._frames.popleft()
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
