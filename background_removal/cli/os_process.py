"""Start and end of the process: missing streams, errors in threads, threads that do not end."""

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

# Timeout for threads that are left at the end, seconds; enough to send or save the last of something.
EXIT_TIMEOUT_SECONDS = 5.0
# Parameter M_ARENA_MAX of mallopt, from malloc.h.
_M_ARENA_MAX = -8
# Number of malloc arenas; by benchmarks/soak.py on two cores, 100 videos: 2 give 325 MiB, 4 give 362, and the usual 16
# give 572 and more.
_MAX_ARENAS = 4


def fill_missing_streams() -> None:
    """Open the null device for standard streams that are missing."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # Takes the stream's free descriptor; otherwise the next file would, and libraries would print into it.
            handle = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w"))


def limit_malloc_arenas() -> None:
    """Limit the arenas of the GNU C library's malloc; other libraries are not affected.

    By default there are eight for each core. Codecs start and end threads with every file, and memory freed by one
    thread is not reused by a thread with another arena, so that a process with many files keeps growing. A value in the
    environment has precedence.
    """
    import ctypes

    libc: Any = None if os.name == "nt" else ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version") and "MALLOC_ARENA_MAX" not in os.environ:
        libc.mallopt(_M_ARENA_MAX, _MAX_ARENAS)


@contextmanager
def report_thread_errors() -> Iterator[None]:
    """Report an error that ends a thread in one line, once, instead of its traceback, which --debug shows."""
    reported: set[str] = set()

    def report(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is None or issubclass(failure.exc_type, SystemExit):
            return
        error = describe_error(failure.exc_value)
        if error not in reported:
            reported.add(error)
            log.warning("a thread begun by a custom object has failed: %s", error)
        log.debug("", exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback))

    before, threading.excepthook = threading.excepthook, report
    try:
        yield
    finally:
        threading.excepthook = before


def exit_process(code: int) -> NoReturn:
    """End the program, even if threads do not end.

    Python would wait for threads of custom objects without a limit. The program's own threads are daemons; one that
    hangs in a library, a sound server's for instance, would crash when the interpreter takes the library down.
    """
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]

    def give_up() -> None:
        names = ", ".join(thread.name for thread in left if thread.is_alive())
        log.warning("not waited for any longer: %s, begun by a custom object, which should end it in close()", names)
        _end_at_once(code)

    if left:
        # Runs while Python waits, because Python then ends pools of threads.
        timer = threading.Timer(EXIT_TIMEOUT_SECONDS, give_up)
        timer.daemon = True
        timer.start()
    if has_abandoned_threads():
        atexit.register(_end_at_once, code)  # after Python's wait for threads
    sys.exit(code)


def _end_at_once(code: int) -> None:
    """End without finalizing the interpreter."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
