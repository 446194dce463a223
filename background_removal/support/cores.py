"""How many of the computer's cores this process may use: several that work at once share them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")
# By how much threads in the background are nicer than others: where all want a core they get a third of what others do.
_NICER = 5
_limit: int | None = None


def count_cores() -> int:
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


def start_in_background(start: Callable[[], _Result]) -> _Result:
    """Call something that starts threads, which get what others leave of the cores; where Linux runs, else as ever.

    It is for threads that know nothing of Python: one that holds its lock while it waits for a core stops all others.
    """
    if sys.platform != "linux":
        return start()
    # Threads are as nice as the one that starts them, and an ordinary user can make none less nice again.
    with ThreadPoolExecutor(1, initializer=_step_back) as thread:
        return thread.submit(start).result()


def _step_back() -> None:
    own = threading.get_native_id()  # of which Linux thinks as of a process
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, own, min(19, os.getpriority(os.PRIO_PROCESS, own) + _NICER))


def core_limit() -> int | None:
    """Return how many threads of a kind may be started; None to leave that to whoever starts them."""
    return _limit
