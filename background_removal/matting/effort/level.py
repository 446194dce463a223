"""Effort: for how many frames of a stream the network is asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from background_removal.matting.effort.carry import CAREFUL, SAVING, CarryLimits
from background_removal.support.power import is_on_battery, processor_load

# Interval at which battery and load are looked at, seconds.
_LOOK_SECONDS = 20.0
# Programs per core from which the computer counts as busy, and below which it no longer does; one live stream is less
# than half a core.
_BUSY, _QUIET = 1.2, 0.9


class Effort:
    """Decides how carefully each frame of a stream is answered.

    Args:
        effort: "low" carries an answer along with the picture where its motion explains the next frame; "normal" and
            "high" ask the network for each frame, "high" always for its mirror image too; "auto" is low for cameras,
            lower on battery or a busy computer, and normal for files.
        on_battery: Returns whether the computer runs on its battery; None for `support.power`'s.
        load: Returns how many programs want each core; None likewise.
        clock: Returns the time, seconds.
    """

    def __init__(
        self,
        effort: str = "auto",
        on_battery: Callable[[], bool] | None = None,
        load: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._effort = effort
        self._on_battery, self._load, self._clock = on_battery or is_on_battery, load or processor_load, clock
        self.begin(live=False)

    def begin(self, live: bool) -> None:
        """Begin a stream."""
        self._adapts = self._effort == "auto" and live
        self.level = self._effort if self._effort != "auto" else "low" if live else "normal"
        self.reason = ""
        self._is_busy = False
        self._looked_at = float("-inf")

    def next_frame(self) -> CarryLimits | None:
        """Return when the next frame may have the last one's answer, carried along; None for never.

        It sets `reason`: why still less is done than usual, for the user, "" if it is not; and leaves `level`, the
        effort of the stream: "low", "normal" or "high".
        """
        if self._adapts and self._clock() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = self._clock()
            self._is_busy = self._load() > (_QUIET if self._is_busy else _BUSY)
            self.reason = "on battery" if self._on_battery() else "busy computer" if self._is_busy else ""
        if self.level != "low":
            return None
        return SAVING if self.reason else CAREFUL
