"""The microphone, through PortAudio (PipeWire, PulseAudio and ALSA on Linux), for the sound of a recording."""

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

# Length of the buffer of unread sound, seconds.
_BUFFER_SECONDS = 30.0
# Period over which the median start time is measured, seconds; a single reading is off by the delay of its thread, and
# PulseAudio's first ones by up to 0.4 s.
_MEASURE_SECONDS = 1.0
# Drift between sample count and start time that is corrected, seconds; half of the lead that EBU R 37 allows for sound.
# Below it the sample count is steadier than the readings.
_MAX_DRIFT_SECONDS = 0.02
# Decay of the peak meter, seconds per 20 dB (IEC 60268-10, type I).
_SECONDS_PER_20_DB = 1.7
# Cells of the level meter in the window.
_CELLS = 8
# Range of a cell, dB; the first lights at -48 dB, above the noise of a quiet place.
_DB_PER_CELL = 6.0
# Silence after which the microphone is reported as lost, seconds.
_LOST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk of sound, float32 (samples, channels) in [-1, 1], and the index of its first sample."""

    first: int
    samples: np.ndarray


class Microphone:
    """Captures sound while it is entered, in a thread of PortAudio.

    Args:
        device: Name of the device, a part of it, or its number, as in `list_microphones`; "default" for the system's
            default.

    Attributes:
        rate: Samples per second.
        channels: 1 or 2.

    Raises (on entering):
        InputError: there is no such microphone, it cannot be opened, or its library is not installed.
    """

    def __init__(self, device: str = "default") -> None:
        self._device = device
        self._lock = threading.Lock()  # guards chunks, origins, count and peak
        self._chunks: deque[_Chunk] = deque()
        self._origins: deque[float] = deque()
        self._count = 0
        self._peak = 0.0
        self._peak_time = -math.inf
        self._opened = threading.Event()
        self._stopped = threading.Event()
        self._failure = "it does not answer"
        # A thread, as opening and closing wait for the sound server, which may hang.
        self._worker: Worker[None] = Worker(self._capture, "microphone", stop=self._stopped.set)

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
        """Return a listener for one recording."""
        return Listener(self)

    @property
    def level_bar(self) -> str:
        """Level of the sound as a bar for the window, or a warning if none comes at all."""
        now = time.monotonic()
        with self._lock:
            peak, age = self._peak, now - self._peak_time
        if age > _LOST_SECONDS:
            return "no sound from the microphone"
        decibels = 20 * math.log10(max(peak, 1e-6)) - 20 * age / _SECONDS_PER_20_DB
        lit = min(max(math.ceil(decibels / _DB_PER_CELL) + _CELLS, 0), _CELLS)
        return f"♪ {'■' * lit}{'□' * (_CELLS - lit)}"

    def read_from(self, first: int, exact: bool = True) -> tuple[list[_Chunk], float | None]:
        """Return the chunks from sample `first` on, and the time of sample 0 in terms of `time.monotonic`.

        The time is None if there is no sound, or, with `exact`, too little to measure it.
        """
        with self._lock:
            chunks = [chunk for chunk in self._chunks if chunk.first >= first]
            origins, count = list(self._origins), self._count
        known = bool(origins) and (not exact or count >= _MEASURE_SECONDS * self.rate)
        return chunks, float(np.median(origins)) if known else None

    def _store_chunk(self, samples: np.ndarray, count: int, times: Any, status: Any) -> None:
        """Store a chunk of sound; called by PortAudio in its own thread."""
        now = time.monotonic()
        # Age of the first sample on PortAudio's clock; some interfaces leave a reading empty.
        latency = times.currentTime - times.inputBufferAdcTime
        if not (times.inputBufferAdcTime > 0 and 0 <= latency < _MEASURE_SECONDS):
            latency = count / self.rate
        peak = float(np.abs(samples).max(initial=0))
        with self._lock:
            self._chunks.append(_Chunk(self._count, samples.copy()))
            self._origins.append(now - latency - self._count / self.rate)
            self._count += count
            while self._chunks[0].first < self._count - _BUFFER_SECONDS * self.rate:
                self._chunks.popleft()
            while len(self._origins) > max(1, _MEASURE_SECONDS * self.rate / max(count, 1)):
                self._origins.popleft()
            decayed = self._peak * 10 ** -min((now - self._peak_time) / _SECONDS_PER_20_DB, 9)
            self._peak = max(peak, decayed)
            self._peak_time = now

    def _capture(self, worker: Worker[None]) -> None:
        import sounddevice

        ended = threading.Event()
        try:
            stream = sounddevice.InputStream(
                samplerate=self.rate,
                device=self._number,
                channels=self.channels,
                dtype="float32",
                latency="high",
                callback=self._store_chunk,
                finished_callback=ended.set,
            )
            # PortAudio prints its errors to stderr.
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
    """Reads a microphone's sound for one recording; a microphone may have several listeners."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self.rate = microphone.rate
        self.channels = microphone.channels
        self._start: float | None = None
        self._next = 0
        self._origin: float | None = None

    def begin(self, clock: float) -> None:
        """Start at `clock`, in terms of `time.monotonic`; earlier sound is left out."""
        self._start = clock

    def read(self, last: bool = False) -> list[AudioFrame]:
        """Return the sound since the last call, with times in samples since `begin`.

        Args:
            last: Whether this is the last call, which cannot wait for an exact start time.
        """
        chunks, origin = self._microphone.read_from(self._next, exact=not last)
        if origin is None or self._start is None or not chunks:
            return []
        if self._origin is None or abs(origin - self._origin) > _MAX_DRIFT_SECONDS:
            self._origin = origin
        shift = round((self._origin - self._start) * self.rate)
        self._next = chunks[-1].first + 1
        return [self._to_frame(chunk.samples, chunk.first + shift) for chunk in chunks if chunk.first + shift >= 0]

    def _to_frame(self, samples: np.ndarray, pts: int) -> AudioFrame:
        layout = "mono" if self.channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
        frame.rate, frame.pts, frame.time_base = self.rate, pts, Fraction(1, self.rate)
        return frame
