"""What a run keeps on a computer of a cluster for a while: one folder, which is removed at the end."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from background_removal.files import storage

# So many sources of other parts stay on a computer: of the file at work, and of the one before, whose last parts may
# still be done.
_KEPT_SOURCES = 2


def use_run_folder(run: str) -> None:
    """Let temporary files of this process go into the folder of a run."""
    folder = run_folder(run)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    tempfile.tempdir = folder


def clean_up(run: str) -> None:
    """Remove what a run has left on this computer."""
    shutil.rmtree(run_folder(run), ignore_errors=True)


def run_folder(run: str) -> str:
    """Return the folder for what a run needs on this computer for a while."""
    return os.path.join(_system_folder(), f"background-removal-{run}")


@contextmanager
def source_here(path: str) -> Iterator[str]:
    """Yield a local path of a source; a remote one is brought once to each computer, for all parts of it."""
    if not storage.is_remote(path):
        with storage.local_file(path) as local:
            yield local
        return
    folder = os.path.join(tempfile.gettempdir(), "sources")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    kept = os.path.join(folder, digest(path) + os.path.splitext(path)[1])
    if not os.path.exists(kept):
        for old in sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime)[: 1 - _KEPT_SOURCES]:
            with suppress(OSError):  # somebody has it open, where that matters
                os.remove(old.path)
        with storage.local_file(path) as local:
            os.replace(local, kept)
    yield kept


def digest(what: Any) -> str:
    """Return a short name for something, from how it prints itself."""
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


@functools.cache
def _system_folder() -> str:
    return tempfile.gettempdir()
