"""Watch a folder for images and videos that appear in it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence

from background_removal.batch.find import RESULT_TAG, scan_folder, source_stem
from background_removal.errors import InputError

log = logging.getLogger(__name__)

# Time without growth after which a file counts as complete, seconds; copying programs write several times a second.
_QUIET_SECONDS = 2.0
# Interval between two scans of the folder, seconds.
_SCAN_SECONDS = 0.5


class FolderWatch:
    """Finds the files of a folder once they are complete, and again when they change later.

    Args:
        folder: A folder on this computer.
        suffixes: As for `find.find_files`.
        recursive: Whether to search folders inside it.
        results: Folder of the results, left out if it lies inside; "" if results are written beside their sources:
            then every file that is named as a result is left out.
        clock: Returns seconds; for tests.

    Raises:
        InputError: there is no such folder on this computer.
    """

    def __init__(
        self,
        folder: str,
        suffixes: Sequence[str],
        recursive: bool,
        results: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not os.path.isdir(folder):
            raise InputError(f"--watch {folder}: no such folder on this computer")
        if results and os.path.realpath(results) == os.path.realpath(folder):
            results = ""
        self._folder = folder
        self._suffixes = suffixes
        self._recursive = recursive
        self._results = results
        self._clock = clock
        self._logged: set[str] = set()
        # Size and time of each file, and when they were first seen so.
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}
        self._returned: dict[str, tuple[int, int]] = {}
        where = f"{folder} and the folders in it" if recursive else folder
        place = f"go to {results}" if results else "appear beside them"
        log.info("watching %s for images and videos; the results %s, Ctrl-C ends", where, place)

    def ready(self) -> Iterator[tuple[str, str]]:
        """Scan the folder once and yield the files that are complete and new, each with its relative folder.

        Each file is checked just before it is yielded, as processing the one before may take long.
        """
        found = list(scan_folder(self._folder, self._suffixes, self._recursive, self._results, self._log_first_of_kind))
        sources = {os.path.splitext(entry.path)[0] for entry, _ in found}
        for entry, inner in found:
            if not self._is_result(entry.path, sources) and self._has_become_complete(entry):
                yield entry.path, inner

    def _is_result(self, path: str, sources: set[str]) -> bool:
        source = source_stem(path)
        if not source or (self._results and source not in sources):
            return False
        if source not in sources:
            self._log_first_of_kind(path, f"name in {RESULT_TAG}", "it is taken for a result")
        return True

    def _has_become_complete(self, entry: os.DirEntry[str]) -> bool:
        try:
            status = entry.stat()
        except OSError:  # removed meanwhile
            return False
        state = (status.st_size, status.st_mtime_ns)
        now = self._clock()
        if entry.path not in self._seen or self._seen[entry.path][0] != state:
            self._seen[entry.path] = (state, now)
            return False
        complete = state[0] and now - self._seen[entry.path][1] >= _QUIET_SECONDS
        if not complete or self._returned.get(entry.path) == state:
            return False
        self._returned[entry.path] = state
        return True

    def _log_first_of_kind(self, path: str, kind: str, why: str) -> None:
        if kind not in self._logged:
            self._logged.add(kind)
            log.info("%s: left aside, as every %s: %s", path, kind, why)


def watch(folder: str, suffixes: Sequence[str], recursive: bool, results: str = "") -> Iterator[tuple[str, str]]:
    """Yield each complete file of a folder with its relative folder, for ever; arguments as for `FolderWatch`."""
    files = FolderWatch(folder, suffixes, recursive, results)
    while True:
        yield from files.ready()
        time.sleep(_SCAN_SECONDS)
