"""The rate of events, and the timeout after which a stream counts as silent."""

from __future__ import annotations

import math
from collections import deque

# Shortest timeout, seconds.
MIN_TIMEOUT_SECONDS = 1.0
# Timeout of a slow stream, in frame intervals.
_TIMEOUT_INTERVALS = 3


def silence_timeout(interval: float, intervals: int = _TIMEOUT_INTERVALS, max_seconds: float = math.inf) -> float:
    """Return the seconds without a frame after which a stream with this frame interval counts as silent.

    >>> silence_timeout(0.04), silence_timeout(0.5), silence_timeout(10, max_seconds=5)
    (1.0, 1.5, 5)
    """
    return min(max(MIN_TIMEOUT_SECONDS, intervals * interval), max_seconds)


class RateMeter:
    """Measures the rate of the last events.

    Args:
        max_events: Number of events to average over; None for no limit.
        max_seconds: Period to average over.
    """

    def __init__(self, max_events: int | None = None, max_seconds: float = math.inf) -> None:
        self._times: deque[float] = deque(maxlen=max_events)
        self._max_seconds = max_seconds

    def __len__(self) -> int:
        return len(self._times)

    def add(self, time: float) -> None:
        """Count an event at `time`, in seconds."""
        self._times.append(time)
        while len(self._times) > 2 and time - self._times[0] > self._max_seconds:
            self._times.popleft()

    def clear(self) -> None:
        """Restart the measurement."""
        self._times.clear()

    @property
    def last(self) -> float:
        """Time of the last event; -inf before the first."""
        return self._times[-1] if self._times else -math.inf

    @property
    def interval(self) -> float:
        """Mean seconds between events; 0.0 before the second."""
        return (self._times[-1] - self._times[0]) / (len(self._times) - 1) if len(self._times) > 1 else 0.0

    @property
    def rate(self) -> float:
        """Events per second; 0.0 before the second."""
        elapsed = self._times[-1] - self._times[0] if self._times else 0.0
        return (len(self._times) - 1) / elapsed if elapsed > 0 else 0.0
