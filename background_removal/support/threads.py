"""The threads of this project, told from those of libraries and custom objects."""

from __future__ import annotations

import threading


class AbandonableThread(threading.Thread):
    """One that `pipeline.worker.Worker` closes, which leaves it to itself if it hangs."""


def has_abandoned_threads() -> bool:
    """Tell, when all is closed, whether one of these threads has not ended, and perhaps never will."""
    return any(isinstance(thread, AbandonableThread) for thread in threading.enumerate())
