"""Many files: which ones are meant, where their results go, and one after the other without stopping for a bad one."""

from __future__ import annotations

import glob
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import storage
from errors import BackgroundRemovalError, InputError, InputNotFoundError
from media import images

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp",
    ".ogv", ".gif",
)  # fmt: skip
IMAGE_SUFFIXES = images.SUFFIXES
SUFFIXES = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)

# A file that is still being written grows; one that has not for so long is complete.
_QUIET_SECONDS = 2.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """One file and where its result goes."""

    path: str
    output: str


def is_many(paths: Sequence[str]) -> bool:
    """Tell whether `paths` mean more than one file that is named outright."""
    return len(paths) > 1 or any(_is_pattern(path) or storage.is_folder(path) for path in paths)


def find_files(
    paths: Sequence[str], suffixes: Sequence[str], recursive: bool, results: str = ""
) -> list[tuple[str, str]]:
    """Return the files that `paths` mean: files, patterns such as ``clips/*.mp4``, and folders.

    Args:
        paths: What the user gave.
        suffixes: In lower case; those of the files that are taken from folders.
        recursive: Whether folders inside folders are looked into.
        results: The folder that results go to; it is not looked into if it lies inside one that was given.

    Returns:
        Each file once, in order, with its folder relative to the folder that was given, "" otherwise.

    Raises:
        InputNotFoundError: a path or pattern means nothing that exists.
    """
    found: dict[str, str] = {}
    for path in paths:
        if _is_pattern(path):
            files = [(file, "") for file in sorted(glob.glob(path, recursive=True)) if os.path.isfile(file)]
        elif not storage.is_remote(path) and os.path.isdir(path):
            files = list(_inside(path, suffixes, recursive, results))
        elif storage.is_folder(path):
            files = [(file, "") for file in storage.list_files(path) if _suffix(file) in suffixes]
        else:
            files = [(path, "")]
        if files != [(path, "")]:
            for file, _ in files:
                if is_result(file):
                    log.info("%s: left out, it is named as a result", file)
            files = [(file, folder) for file, folder in files if not is_result(file)]
        if not files:
            kinds = f"is a folder without any {', '.join(suffixes)}"
            raise InputNotFoundError(f"{path}: {'no such file' if _is_pattern(path) else kinds}")
        for file, folder in files:
            found.setdefault(file, folder)
    return list(found.items())


def is_result(path: str, tag: str = "out") -> bool:
    """Tell whether `path` is named as the result of another file beside it."""
    stem = os.path.splitext(path)[0]
    if not stem.endswith(f"_{tag}"):
        return False
    source = glob.escape(stem.removesuffix(f"_{tag}"))
    return any(_suffix(file) in SUFFIXES for file in glob.glob(f"{source}.*"))


def plan_jobs(files: Sequence[tuple[str, str]], folder: str, name: Callable[[str], str]) -> list[Job]:
    """Say where the result of each file goes.

    Args:
        files: As `find_files` returns them.
        folder: The folder for all results, "" for beside each source. Folders inside it are as in the source.
        name: Returns the result's usual path for a file's.

    Returns:
        The jobs. Of files that would give one result, the later ones' get a number.

    Raises:
        InputError: a result would replace one of the files.
    """
    jobs: list[Job] = []
    taken: set[str] = set()
    sources = {_place(path) for path, _ in files}
    for path, inner in files:
        output = name(path)
        if folder:
            output = os.path.join(folder, inner, os.path.basename(output))
        stem, suffix = os.path.splitext(output)
        number = 1
        while _place(output) in taken:
            number += 1
            output = f"{stem}_{number}{suffix}"
        if _place(output) in sources:
            raise InputError(f"{path}: its result would replace {output}, which is to be processed too")
        taken.add(_place(output))
        jobs.append(Job(path, output))
    return jobs


def run_jobs(jobs: Sequence[Job], work: Callable[[Job], object], resume: bool = False) -> list[str]:
    """Do one job after the other; one that fails is named at once and does not stop the rest.

    Args:
        jobs: What to do.
        work: Does one.
        resume: Leave out jobs whose result exists and is not older than its source.

    Returns:
        The errors, one line each.
    """
    failures = []
    for job in jobs:
        if resume and is_done(job):
            log.info("%s: is done", job.output)
            continue
        try:
            if not storage.is_remote(job.output):
                storage.make_folder(os.path.dirname(job.output) or ".")
            work(job)
        except BrokenPipeError:  # whoever read the names of the results has gone
            raise
        except Exception as error:  # whatever it is, the other files can still be done
            message = str(error) if isinstance(error, BackgroundRemovalError) else f"{job.path}: {error!r}"
            failures.append(message)
            log.error("%s", message)
            log.debug("", exc_info=True)
    return failures


def watch(folder: str, suffixes: Sequence[str], recursive: bool, results: str = "") -> Iterator[tuple[str, str]]:
    """Yield each file that is in `folder`, or appears in it, once it is complete; for ever.

    Files that are named as results, and those in the folder `results` if it lies inside, are left out.

    Yields:
        The file, and its folder relative to `folder`; again if the file changes later.

    Raises:
        InputError: there is no such folder on this computer.
    """
    if not os.path.isdir(folder):
        raise InputError(f"--watch {folder}: no such folder on this computer")
    seen: dict[str, tuple[tuple[int, int], float]] = {}
    given: dict[str, tuple[int, int]] = {}
    while True:
        for path, inner in _inside(folder, suffixes, recursive, results):
            if is_result(path):
                continue
            try:
                status = os.stat(path)
            except OSError:
                continue
            state = (status.st_size, status.st_mtime_ns)
            now = time.monotonic()
            if path not in seen or seen[path][0] != state:
                seen[path] = (state, now)
            elif state[0] and given.get(path) != state and now - seen[path][1] >= _QUIET_SECONDS:
                given[path] = state
                yield path, inner
        time.sleep(_LOOK_SECONDS)


def _inside(folder: str, suffixes: Sequence[str], recursive: bool, results: str) -> Iterator[tuple[str, str]]:
    left_out = os.path.realpath(results) if results else ""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(place, name)) != left_out
        )
        inner = os.path.relpath(place, folder)
        for name in sorted(names):
            if not name.startswith(".") and _suffix(name) in suffixes:
                yield os.path.join(place, name), "" if inner == "." else inner


def is_done(job: Job) -> bool:
    """Tell whether a job's result exists and is not older than its source."""
    if storage.is_remote(job.output) or storage.is_remote(job.path):
        return storage.is_file(job.output)
    return os.path.isfile(job.output) and os.path.getmtime(job.output) >= os.path.getmtime(job.path)


def _place(path: str) -> str:
    """Return what tells one file from another, for a path that need not exist."""
    return path if storage.is_remote(path) else os.path.normcase(os.path.realpath(path))


def _is_pattern(path: str) -> bool:
    return glob.has_magic(path) and not storage.is_remote(path) and not os.path.exists(path)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
