"""How many of the computer's cores this process may use: several that work at once share them."""

from __future__ import annotations

import os

_limit: int | None = None


def available() -> int:
    """Return how many cores the system lets this process use."""
    if hasattr(os, "sched_getaffinity"):  # fewer than the computer has, in a container
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_cores(count: int) -> None:
    """Let what starts threads in this process, from now on, start no more than `count` of a kind.

    Decoders, encoders, networks and OpenCV each take all cores otherwise: fine for one process, but of several each
    would keep the others waiting.
    """
    global _limit
    import cv2

    _limit = count
    cv2.setNumThreads(count)


def core_limit() -> int | None:
    """Return how many threads of a kind may be started; None to leave that to whoever starts them."""
    return _limit
