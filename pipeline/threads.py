"""The threads of this project, told from those of libraries and custom objects."""

from __future__ import annotations

import threading


class OwnThread(threading.Thread):
    """One that `pipeline.worker.Worker` closes, which leaves it to itself if it hangs."""


def any_left_to_itself() -> bool:
    """Tell, when all is closed, whether one of these threads has not ended, and perhaps never will."""
    return any(isinstance(thread, OwnThread) for thread in threading.enumerate())
