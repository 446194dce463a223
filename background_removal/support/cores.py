"""CPU cores available to this process, and limits for processes that share them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")
# Niceness added to background threads; when all cores are busy they get a third of the time of others.
_NICENESS = 5
# Threads of a kind that may be started; None: no limit.
_limit: int | None = None


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # fewer than all in a container
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_cores(count: int) -> None:
    """Limit the threads of a kind that this process starts from now on to `count`.

    Without a limit decoders, encoders, networks and OpenCV take all cores each: fine for one process, but several
    would slow each other down.
    """
    global _limit
    import cv2

    _limit = count
    cv2.setNumThreads(count)


def start_in_background(start: Callable[[], _Result]) -> _Result:
    """Call `start` so that the threads it starts have low priority; only on Linux, elsewhere a plain call.

    Only for threads that run no Python: one that holds the interpreter's lock while it waits for a core stops all
    others.
    """
    if sys.platform != "linux":
        return start()
    # Threads inherit their niceness, and an ordinary user cannot lower it again: a temporary thread starts them.
    with ThreadPoolExecutor(1, initializer=_lower_priority) as thread:
        return thread.submit(start).result()


def _lower_priority() -> None:
    thread = threading.get_native_id()  # Linux accepts it in place of a process id
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS))


def core_limit() -> int | None:
    """Return the maximum number of threads of a kind; None if there is no limit."""
    return _limit
