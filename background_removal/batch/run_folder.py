"""The temporary folder of a run on each computer of a cluster; it is removed at the end."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from background_removal.files import storage

# Number of fetched sources that stay on a computer: that of the current file, and of the one before, whose last parts
# may still be processed.
_KEPT_SOURCES = 2


def use_run_folder(run: str) -> None:
    """Direct the temporary files of this process to the folder of a run."""
    folder = run_folder(run)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    tempfile.tempdir = folder


def remove_run_folder(run: str) -> None:
    """Remove the folder of a run from this computer."""
    shutil.rmtree(run_folder(run), ignore_errors=True)


def run_folder(run: str) -> str:
    """Return the path of the folder for the temporary files of a run."""
    return os.path.join(_system_folder(), f"background-removal-{run}")


@contextmanager
def fetched_source(path: str) -> Iterator[str]:
    """Yield a local path of a source; a remote one is fetched once per computer, for all its parts."""
    if not storage.is_remote(path):
        with storage.local_file(path) as local:
            yield local
        return
    folder = os.path.join(tempfile.gettempdir(), "sources")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = hashlib.sha256(repr(path).encode()).hexdigest()[:16]
    kept = os.path.join(folder, name + os.path.splitext(path)[1])
    if not os.path.exists(kept):
        for old in sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime)[: 1 - _KEPT_SOURCES]:
            with suppress(OSError):  # Windows does not remove open files
                os.remove(old.path)
        with storage.local_file(path) as local:
            os.replace(local, kept)
    yield kept


@functools.cache
def _system_folder() -> str:
    return tempfile.gettempdir()
