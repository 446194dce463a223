"""How much time has gone by from frame to frame, for objects that change slowly."""

from __future__ import annotations

# The step of a frame whose time nobody tells.
_USUAL_STEP = 1 / 30


class Clock:
    """Measures the steps between frames.

    Args:
        longest: The most that one step counts for, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self.reset()

    def reset(self) -> None:
        """A stream begins."""
        self.now: float | None = None
        self._before: float | None = None

    def step(self) -> float:
        """Return the seconds from the last call's `now` to this one's."""
        before, self._before = self._before, self.now
        if self.now is None or before is None:
            return _USUAL_STEP
        return min(max(self.now - before, 0.0), self._longest)
