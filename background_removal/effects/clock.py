"""Measure the time between frames, for effects that change slowly."""

from __future__ import annotations

# Step of a frame without a presentation time, seconds.
_DEFAULT_STEP_SECONDS = 1 / 30


class Clock:
    """Measures the steps between frames.

    Args:
        max_step: The maximum of one step, in seconds.

    Attributes:
        now: Presentation time of the current frame in seconds; None if it is unknown.
    """

    def __init__(self, max_step: float) -> None:
        self._max_step = max_step
        self.reset()

    def reset(self) -> None:
        """Begin a stream."""
        self.now: float | None = None
        self._before: float | None = None

    def step(self) -> float:
        """Return the seconds from the last call's `now` to this one's."""
        before, self._before = self._before, self.now
        if self.now is None or before is None:
            return _DEFAULT_STEP_SECONDS
        return min(max(self.now - before, 0.0), self._max_step)
