"""What a process begins and ends with: streams that are missing, errors in threads, threads that are left."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from background_removal.errors import describe_error
from background_removal.support.threads import has_abandoned_threads

log = logging.getLogger(__name__)

# How long threads that are left when all is done are waited for: enough to send or save the last of something.
LEAVING_SECONDS = 5.0
# Of malloc.h.
_M_ARENA_MAX = -8
# By benchmarks/soak.py on two cores, 100 videos: 2 give 325 MiB, 4 give 362, and the usual 16 give 572 and more.
_POOLS = 4


def fill_missing_streams() -> None:
    """Give a program that was started without a standard stream one that leads nowhere."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # It gets the free number of that stream: else the next file would, and what libraries print would go there.
            handle = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w"))


def keep_memory_together() -> None:
    """Let the GNU C library keep what threads have freed in a few pools; others are not concerned.

    It would have eight for each core. Codecs begin and end threads with every file, and what one of them has freed is
    of no use to another with a pool of its own: a process that works on many files grows for a long time. What stands
    in the environment already is what somebody wants.
    """
    import ctypes

    libc: Any = None if os.name == "nt" else ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version") and "MALLOC_ARENA_MAX" not in os.environ:
        libc.mallopt(_M_ARENA_MAX, _POOLS)


@contextmanager
def report_thread_errors() -> Iterator[None]:
    """Tell of an error that ends a thread in one line, once, instead of Python's many; --debug shows the trace."""
    told: set[str] = set()

    def tell(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is None or issubclass(failure.exc_type, SystemExit):
            return
        said = describe_error(failure.exc_value)
        if said not in told:
            told.add(said)
            log.warning("a thread begun by a custom object has failed: %s", said)
        log.debug("", exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback))

    before, threading.excepthook = threading.excepthook, tell
    try:
        yield
    finally:
        threading.excepthook = before


def exit_process(code: int) -> NoReturn:
    """End the program, also if threads are left that do not end.

    For those of custom objects Python would wait for ever. Ours are not waited for, but one that hangs in a library,
    as in that of a sound server, would see it taken down, and crash.
    """
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]

    def give_up() -> None:
        names = ", ".join(thread.name for thread in left if thread.is_alive())
        log.warning("not waited for any longer: %s, begun by a custom object, which should end it in close()", names)
        _end_at_once(code)

    if left:
        # Beside Python's own waiting, in which pools of threads are told to end.
        timer = threading.Timer(LEAVING_SECONDS, give_up)
        timer.daemon = True
        timer.start()
    if has_abandoned_threads():
        atexit.register(_end_at_once, code)  # once Python has waited
    sys.exit(code)


def _end_at_once(code: int) -> None:
    """End without taking anything down."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
