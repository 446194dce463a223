"""Where a file's clock begins."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer

# Broadcasts: their clock runs on for ever, and a recording of one begins wherever it has come to.
_WITHOUT_ZERO = frozenset({"mpegts", "mpeg"})


def clock_start(container: InputContainer) -> Fraction:
    """Return the time in seconds that counts as the file's beginning: 0 but for recordings of broadcasts."""
    if container.format.name not in _WITHOUT_ZERO or container.start_time is None:
        return Fraction(0)
    return Fraction(container.start_time, av.time_base)
