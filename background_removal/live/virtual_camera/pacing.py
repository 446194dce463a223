"""The clocks of a virtual camera: when a frame is due, when the source is lost, and at which rate it really runs."""

from __future__ import annotations

import itertools
import statistics

from background_removal.pipeline.frame import Frame
from background_removal.support.rate import silence_timeout

# Frames over which the real rate is measured.
_MEASURED_FRAMES = 31
# Relative difference above which the real rate replaces the announced one; cameras give half of it in the dark, and
# streams announce 25 whatever they give.
_RATE_TOLERANCE = 0.1
# Time after a frame at which the last one is repeated, in frame intervals; a frame may be late by half of one.
_LATE_INTERVALS = 1.5
# Longest timeout before a slow source counts as lost, seconds.
_MAX_LOST_SECONDS = 5.0


class FramePacer:
    """Keeps the rate of a virtual camera while frames are late or missing.

    Times are those of `time.monotonic`.

    Attributes:
        rate: Frames per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._frame_time = 0.0
        self._lost_time = 0.0
        self._due_time = 0.0
        self._first_frames: list[tuple[int, float]] = []

    def add_frame(self, now: float) -> None:
        """Restart the clocks at a frame of the source."""
        self._lost_time = now + silence_timeout(now - self._frame_time, max_seconds=_MAX_LOST_SECONDS)
        self._due_time = now + _LATE_INTERVALS / self.rate
        self._frame_time = now

    def add_repeat(self, now: float) -> None:
        """Schedule the next frame after a repeated one."""
        self._due_time = max(self._due_time + 1 / self.rate, now)

    def is_due(self, now: float) -> bool:
        """Return whether the last frame has to be repeated."""
        return now >= self._due_time

    def is_lost(self, now: float) -> bool:
        """Return whether the source counts as lost."""
        return now >= self._lost_time

    def measure_rate(self, frame: Frame) -> float | None:
        """Return the real rate, once, if that of the first frames differs from `rate`; otherwise None."""
        if len(self._first_frames) == _MEASURED_FRAMES:
            return None
        self._first_frames.append((frame.index, frame.seconds))
        if len(self._first_frames) < _MEASURED_FRAMES:
            return None
        # The indices include dropped frames. The median, as the first frames come late while networks warm up, or all
        # at once from a stream's buffer.
        interval = statistics.median(
            (after[1] - before[1]) / max(1, after[0] - before[0])
            for before, after in itertools.pairwise(self._first_frames)
        )
        if interval <= 0 or abs(1 / interval / self.rate - 1) <= _RATE_TOLERANCE:
            return None
        return float(round(1 / interval)) or 1.0
