"""Recordings that a run has left unfinished, because it was killed or the power failed: completed by the next one."""

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

# How `live.recording.recording.recording.Recorder` names them where the user does not.
_USUAL_STEM = r"recording_[\d_-]+"
# Enough to copy some gigabytes.
_LEAVING_SECONDS = 5.0


class Recovery:
    """While it is entered, unfinished recordings are completed, each told of in one line; they are never lost.

    It is done in a thread of its own, as a long one takes its time. Leaving waits for it, but not for ever: what is not
    done then is left for the next run.

    Args:
        path: Where recordings go, whose folder is looked into for those of this name, with a number or without; "" for
            those that are named by the time, in the current folder.
        say: Called with what there is to tell the user, beside the log; None where nobody looks.
    """

    def __init__(self, path: str, say: Callable[[str], object] | None = None) -> None:
        self._say = say
        self._found = [] if is_remote(path) else list(_unfinished(path))
        self._worker: Worker[None] = Worker(self._save_all, "recovery", join_seconds=_LEAVING_SECONDS)

    def __enter__(self) -> Recovery:
        if self._found:
            self._worker.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()

    def _save_all(self, worker: Worker[None]) -> None:
        for left, wanted in self._found:
            stem, suffix = os.path.splitext(wanted)
            path = free_name(f"{stem}_recovered{suffix}", os.path.exists)
            try:
                saved = recover_file(left, path)
            except OSError as error:
                left.release()
                self._tell(f"{left.path}: an unfinished recording that cannot be recovered: {error.strerror or error}")
            else:
                told = f"recovered to {path}" if saved else "there was no picture in it yet"
                self._tell(f"an unfinished recording was found: {told}")

    def _tell(self, text: str) -> None:
        log.info("%s", text)
        if self._say is not None:
            self._say(text)


def _unfinished(path: str) -> Iterator[tuple[FileLock, str]]:
    """Yield a hold on each unfinished recording that no run has any more, and what it was to be called."""
    folder, name = os.path.split(shorten_name(os.path.abspath(path or "recording.mp4")))
    stem, suffix = os.path.splitext(name)
    stem, suffixes = (re.escape(stem), [suffix]) if path else (_USUAL_STEM, list(CONTAINER_FORMATS))
    ours = re.compile(rf"({stem}(_\d+)?)\.unfinished(-\d+)?({'|'.join(map(re.escape, suffixes))})")
    with suppress(OSError):
        for found in sorted(os.listdir(folder)):
            match = ours.fullmatch(found)
            if match is not None:
                hold = lock_file(os.path.join(folder, found))
                if hold is not None:
                    yield hold, os.path.join(os.path.dirname(path), match[1] + match[4])
