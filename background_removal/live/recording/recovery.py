"""Recovery of recordings that a killed run, or a power failure, left unfinished."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType

from background_removal.files.saving.locks import FileLock, lock_file
from background_removal.files.saving.names import free_name, shorten_name
from background_removal.files.saving.unfinished import recover_file
from background_removal.files.storage import is_remote
from background_removal.files.video.formats import CONTAINER_FORMATS
from background_removal.pipeline.worker import Worker

log = logging.getLogger(__name__)

# Regular expression of the default names of `live.recording.recording.Recorder`.
_DEFAULT_STEM = r"recording_[\d_-]+"
# Join timeout, seconds; enough to copy a few gigabytes.
_JOIN_SECONDS = 5.0


class Recovery:
    """Completes unfinished recordings in a thread while it is entered, and reports each in one line.

    Leaving waits up to a timeout; the remaining recordings are left for the next run. None is ever deleted.

    Args:
        path: Path of recordings: those of this name in its folder, numbered or not, are recovered; "" for those named
            by their time in the current folder.
        say: Called with messages for the user, beside the log; None without a window.
    """

    def __init__(self, path: str, say: Callable[[str], object] | None = None) -> None:
        self._say = say
        self._unfinished = [] if is_remote(path) else list(_find_unfinished(path))
        self._worker: Worker[None] = Worker(self._recover_all, "recovery", join_seconds=_JOIN_SECONDS)

    def __enter__(self) -> Recovery:
        if self._unfinished:
            self._worker.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()

    def _recover_all(self, worker: Worker[None]) -> None:
        for lock, name in self._unfinished:
            stem, suffix = os.path.splitext(name)
            path = free_name(f"{stem}_recovered{suffix}", os.path.exists)
            try:
                recovered = recover_file(lock, path)
            except OSError as error:
                lock.release()
                reason = error.strerror or error
                self._report(f"{lock.path}: an unfinished recording that cannot be recovered: {reason}")
            else:
                outcome = f"recovered to {path}" if recovered else "there was no picture in it yet"
                self._report(f"an unfinished recording was found: {outcome}")

    def _report(self, text: str) -> None:
        log.info("%s", text)
        if self._say is not None:
            self._say(text)


def _find_unfinished(path: str) -> Iterator[tuple[FileLock, str]]:
    """Lock each unfinished recording without a living run; yield the lock and the path of the finished file."""
    folder, name = os.path.split(shorten_name(os.path.abspath(path or "recording.mp4")))
    stem, suffix = os.path.splitext(name)
    stem, suffixes = (re.escape(stem), [suffix]) if path else (_DEFAULT_STEM, list(CONTAINER_FORMATS))
    pattern = re.compile(rf"({stem}(_\d+)?)\.unfinished(-\d+)?({'|'.join(map(re.escape, suffixes))})")
    with suppress(OSError):
        for file in sorted(os.listdir(folder)):
            match = pattern.fullmatch(file)
            if match is not None:
                lock = lock_file(os.path.join(folder, file))
                if lock is not None:
                    yield lock, os.path.join(os.path.dirname(path), match[1] + match[4])
