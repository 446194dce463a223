"""The microphone, heard through PortAudio (PipeWire, PulseAudio and ALSA on Linux), for the sound of a recording."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame

from background_removal.errors import InputError
from background_removal.live.audio.sound_devices import ANSWER_SECONDS, find_microphone
from background_removal.pipeline.worker import Worker
from background_removal.support.stderr import silence_c_stderr

log = logging.getLogger(__name__)

# Sound that nobody has fetched after so long is forgotten.
_KEPT_SECONDS = 30.0
# When a piece of sound began is taken from the median of so many seconds: a single reading is off by as much as the
# thread that hears it was held up, and PulseAudio's first ones by up to 0.4 s.
_MEASURED_SECONDS = 1.0
# The samples' own count is steadier than the readings, unless it is off by more than this: half of what EBU R 37
# allows sound to come too early.
_LARGEST_DRIFT_SECONDS = 0.02
# How fast a peak meter falls: 20 dB in 1.7 s (IEC 60268-10, type I).
_SECONDS_PER_20_DB = 1.7
# The meter in the window: cells of 6 dB, so that the first lights at -48 dB, louder than a quiet room.
_CELLS, _DB_PER_CELL = 8, 6.0
# After so long without any sound the microphone counts as gone.
_GONE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Heard:
    """A piece of sound, float32 (samples, channels) in [-1, 1], and the number of its first sample."""

    first: int
    samples: np.ndarray


class Microphone:
    """Listens from entering on; PortAudio does so in a thread of its own.

    Args:
        device: The device's name, a part of it, or its number, as `list_microphones` tells them; "default" for the
            system's usual one.

    Attributes:
        rate: Samples in a second.
        channels: 1 or 2.

    Raises (on entering):
        InputError: there is no such microphone, it cannot be opened, or what opens it is not installed.
    """

    def __init__(self, device: str = "default") -> None:
        self._device = device
        self._lock = threading.Lock()  # for the four that follow
        self._heard: deque[_Heard] = deque()
        self._origins: deque[float] = deque()
        self._count = 0
        self._peak, self._peak_at = 0.0, -math.inf
        self._opened, self._stopped = threading.Event(), threading.Event()
        self._failure = "it does not answer"
        # Opening and closing wait for the sound server, which may hang.
        self._worker: Worker[None] = Worker(self._listen, "microphone", stop=self._stopped.set)

    def __enter__(self) -> Microphone:
        self._number, self.rate, self.channels = find_microphone(self._device)
        self._worker.__enter__()
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._opened.wait(0.05) and self._worker.running and time.monotonic() < deadline:
            pass
        if not self._opened.is_set():
            self._worker.close()
            raise InputError(
                f"`microphone` {self._device}: cannot be opened ({self._failure}); give another of --list-microphones"
            )
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()
        if self._worker.running:
            log.warning("microphone %s: the sound server hangs; the end is recorded without sound", self._device)

    def listener(self) -> Listener:
        """Return what one recording hears."""
        return Listener(self)

    @property
    def sign(self) -> str:
        """How loud it is, as a bar for the window; what is the matter if nothing is heard at all."""
        now = time.monotonic()
        with self._lock:
            peak, age = self._peak, now - self._peak_at
        if age > _GONE_SECONDS:
            return "no sound from the microphone"
        decibels = 20 * math.log10(max(peak, 1e-6)) - 20 * age / _SECONDS_PER_20_DB
        lit = min(max(math.ceil(decibels / _DB_PER_CELL) + _CELLS, 0), _CELLS)
        return f"♪ {'■' * lit}{'□' * (_CELLS - lit)}"

    def read_from(self, first: int, sure: bool = True) -> tuple[list[_Heard], float | None]:
        """Return what came from sample `first` on, and when sample 0 was heard in terms of `time.monotonic`.

        The latter is None where nothing has come, or with `sure` where too little has come to tell.
        """
        with self._lock:
            pieces = [piece for piece in self._heard if piece.first >= first]
            origins, count = list(self._origins), self._count
        known = bool(origins) and (not sure or count >= _MEASURED_SECONDS * self.rate)
        return pieces, float(np.median(origins)) if known else None

    def _take_in(self, samples: np.ndarray, count: int, times: Any, status: Any) -> None:
        """Keep a piece of sound: PortAudio calls this in its own thread."""
        now = time.monotonic()
        # Since the first sample, on PortAudio's clock; not every interface of every system fills both readings in.
        latency = times.currentTime - times.inputBufferAdcTime
        if not (times.inputBufferAdcTime > 0 and 0 <= latency < _MEASURED_SECONDS):
            latency = count / self.rate
        peak = float(np.abs(samples).max(initial=0))
        with self._lock:
            self._heard.append(_Heard(self._count, samples.copy()))
            self._origins.append(now - latency - self._count / self.rate)
            self._count += count
            while self._heard[0].first < self._count - _KEPT_SECONDS * self.rate:
                self._heard.popleft()
            while len(self._origins) > max(1, _MEASURED_SECONDS * self.rate / max(count, 1)):
                self._origins.popleft()
            fallen = self._peak * 10 ** -min((now - self._peak_at) / _SECONDS_PER_20_DB, 9)
            self._peak, self._peak_at = max(peak, fallen), now

    def _listen(self, worker: Worker[None]) -> None:
        import sounddevice

        ended = threading.Event()
        try:
            stream = sounddevice.InputStream(
                samplerate=self.rate,
                device=self._number,
                channels=self.channels,
                dtype="float32",
                latency="high",
                callback=self._take_in,
                finished_callback=ended.set,
            )
            # PortAudio prints where in its code it failed.
            with silence_c_stderr(), stream:
                self._opened.set()
                while not self._stopped.wait(0.05):
                    if ended.is_set():
                        log.warning("microphone %s: has stopped; the rest is recorded without sound", self._device)
                        return
        except sounddevice.PortAudioError as error:
            self._failure = str(error.args[0]).splitlines()[0]
            if self._opened.is_set():
                log.debug("microphone %s: %s", self._device, self._failure)


class Listener:
    """What one recording hears of a microphone; several may listen to one."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self.rate, self.channels = microphone.rate, microphone.channels
        self._begun_at: float | None = None
        self._next = 0
        self._origin: float | None = None

    def begin(self, clock: float) -> None:
        """Count the sound's time from `clock` on, in terms of `time.monotonic`; what was heard before is left out."""
        self._begun_at = clock

    def take(self, last: bool = False) -> list[AudioFrame]:
        """Return what has been heard since the last call, with times in samples since `begin`.

        Args:
            last: Whether there is no time to wait until it is known for certain when that was.
        """
        pieces, origin = self._microphone.read_from(self._next, sure=not last)
        if origin is None or self._begun_at is None or not pieces:
            return []
        if self._origin is None or abs(origin - self._origin) > _LARGEST_DRIFT_SECONDS:
            self._origin = origin
        shift = round((self._origin - self._begun_at) * self.rate)
        self._next = pieces[-1].first + 1
        frames = []
        for piece in pieces:
            if piece.first + shift >= 0:
                frames.append(self._frame(piece.samples, piece.first + shift))
        return frames

    def _frame(self, samples: np.ndarray, pts: int) -> AudioFrame:
        layout = "mono" if self.channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
        frame.rate, frame.pts, frame.time_base = self.rate, pts, Fraction(1, self.rate)
        return frame
