"""The threads of this package, as opposed to those of libraries and custom objects."""

from __future__ import annotations

import threading


class AbandonableThread(threading.Thread):
    """A thread of `pipeline.worker.Worker`, abandoned if it hangs on close."""


def has_abandoned_threads() -> bool:
    """Return whether, after everything is closed, an abandoned thread still runs."""
    return any(isinstance(thread, AbandonableThread) for thread in threading.enumerate())
