"""Many files: which ones are meant, where their results go, and one after the other without stopping for a bad one."""

from __future__ import annotations

import glob
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from background_removal.cli.words import rename_parameters
from background_removal.errors import BackgroundRemovalError, InputError, InputNotFoundError, SourceChangedError
from background_removal.files import storage
from background_removal.files.images import format_picture_name, is_sequence
from background_removal.files.kinds import IMAGE_SUFFIXES, VIDEO_SUFFIXES, detect_kind
from background_removal.files.saving.unfinished import is_incomplete_name

log = logging.getLogger(__name__)

SUFFIXES = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)

# What the names of results that stand beside their sources end with.
_TAG = "_out"
# A file that is still being written grows; one that has not for so long is complete. Copying programs write several
# times a second.
_QUIET_SECONDS = 2.0
_LOOK_SECONDS = 0.5
# Times of files are that coarse on FAT.
_COARSEST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class BatchItem:
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
        suffixes: In lower case; those of the files that are taken from folders. Of files there without any suffix
            those are taken whose content is of such a kind.
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
            matches = sorted(file for file in glob.glob(path, recursive=True) if os.path.isfile(file))
            files = _without_results([(file, "") for file in matches])
        elif not storage.is_remote(path) and os.path.isdir(path):
            inside = [(entry.path, inner) for entry, inner in _inside(path, suffixes, recursive, results)]
            files = _without_results(inside)
        elif storage.is_folder(path):
            remote = [file for file in storage.list_files(path) if _suffix(file) in suffixes]
            files = _without_results([(file, "") for file in remote])
        else:
            files = [(path, "")]
        if not files:
            kinds = f"is a folder without any {', '.join(suffixes)}"
            raise InputNotFoundError(f"{path}: {'no such file' if _is_pattern(path) else kinds}")
        for file, folder in files:
            found.setdefault(file, folder)
    return list(found.items())


def plan_jobs(files: Sequence[tuple[str, str]], name: Callable[[str, str], str]) -> list[BatchItem]:
    """Say where the result of each file goes.

    Args:
        files: As `find_files` returns them.
        name: Returns the result's path for a file's path and folder.

    Returns:
        The jobs. Of files that would give one result, the later ones' get a number.

    Raises:
        InputError: a result would replace one of the files.
    """
    jobs: list[BatchItem] = []
    taken: set[str] = set()
    sources = {_place(path) for path, _ in files}
    for path, inner in files:
        output = wanted = name(path, inner)
        number = 1
        while _place(output) in taken:
            number += 1
            output = _with_number(wanted, number)
        if _place(output) in sources:
            raise InputError(f"{path}: its result would replace {output}, which is to be processed too")
        taken.add(_place(output))
        jobs.append(BatchItem(path, output))
    return jobs


def run_jobs(jobs: Sequence[BatchItem], work: Callable[[BatchItem], object], resume: bool = False) -> int:
    """Do one job after the other; one that fails is told of at once and does not stop the rest.

    Args:
        jobs: What to do.
        work: Does one.
        resume: Leave out jobs whose result exists and is not older than its source.

    Returns:
        How many have failed.
    """
    failed = 0
    for job in jobs:
        if resume and is_done(job):
            log.info("%s: is done", job.output)
            continue
        try:
            work(job)
        except BrokenPipeError:  # whoever read the names of the results has gone
            raise
        except Exception as error:  # whatever it is, the other files can still be done
            failed += 1
            expected = isinstance(error, BackgroundRemovalError)
            log.error("%s", rename_parameters(str(error)) if expected else f"{job.path}: {error!r}")
            log.debug("", exc_info=True)
    return failed


def watch(folder: str, suffixes: Sequence[str], recursive: bool, results: str = "") -> Iterator[tuple[str, str]]:
    """Yield each file that is in `folder`, or appears in it, once it is complete; for ever.

    What is watched is told at the start, and what is left aside when the first of its kind is met.

    Args:
        folder: A folder on this computer.
        suffixes: As for `find_files`.
        recursive: Whether folders inside it are looked into.
        results: The folder that results go to, left out if it lies inside; "" if they stand beside their sources:
            then whatever is named as a result is left out, whether its source is still there or not.

    Yields:
        The file, and its folder relative to `folder`; again if the file changes later.

    Raises:
        InputError: there is no such folder on this computer.
    """
    if not os.path.isdir(folder):
        raise InputError(f"--watch {folder}: no such folder on this computer")
    if results and os.path.realpath(results) == os.path.realpath(folder):
        results = ""
    where = f"{folder} and the folders in it" if recursive else folder
    place = f"go to {results}" if results else "appear beside them"
    log.info("watching %s for images and videos; the results %s, Ctrl-C ends", where, place)
    told: set[str] = set()

    def leave_aside(path: str, kind: str, why: str) -> None:
        if kind not in told:
            told.add(kind)
            log.info("%s: left aside, as every %s: %s", path, kind, why)

    seen: dict[str, tuple[tuple[int, int], float]] = {}
    given: dict[str, tuple[int, int]] = {}
    while True:
        entries = list(_inside(folder, suffixes, recursive, results, leave_aside))
        sources = {os.path.splitext(entry.path)[0] for entry, _ in entries}
        for entry, inner in entries:
            source = _source_of(entry.path)
            if source and (not results or source in sources):
                if source not in sources:
                    leave_aside(entry.path, f"name in {_TAG}", "it is taken for a result")
                continue
            try:
                status = entry.stat()
            except OSError:
                continue
            state = (status.st_size, status.st_mtime_ns)
            now = time.monotonic()
            if entry.path not in seen or seen[entry.path][0] != state:
                seen[entry.path] = (state, now)
            elif state[0] and given.get(entry.path) != state and now - seen[entry.path][1] >= _QUIET_SECONDS:
                given[entry.path] = state
                yield entry.path, inner
        time.sleep(_LOOK_SECONDS)


def is_done(job: BatchItem) -> bool:
    """Tell whether a job's result exists and is not older than its source."""
    if not _both_are_local(job):
        return storage.is_file(job.output)
    output = _first_file(job)
    return os.path.isfile(output) and os.path.getmtime(output) >= os.path.getmtime(job.path)


@contextmanager
def not_done_if_changed(job: BatchItem) -> Iterator[None]:
    """Give a result the time of a file older than its source, if that has changed while it was read."""
    try:
        yield
    except SourceChangedError:
        if _both_are_local(job) and is_done(job):
            older = os.path.getmtime(job.path) - _COARSEST_SECONDS
            os.utime(_first_file(job), (older, older))
        raise


def _both_are_local(job: BatchItem) -> bool:
    return not (storage.is_remote(job.output) or storage.is_remote(job.path) or job.path == storage.STANDARD)


def _first_file(job: BatchItem) -> str:
    """Return the file that tells of a whole result: the pictures of a video appear together, when all are done."""
    return format_picture_name(job.output, 1) if is_sequence(job.output) else job.output


def _inside(
    folder: str,
    suffixes: Sequence[str],
    recursive: bool,
    results: str,
    leave_aside: Callable[[str, str, str], object] = lambda path, kind, why: None,
) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield the files in a local folder in the order of their names, each with its folder relative to that one."""
    left_out = os.path.realpath(results) if results else ""

    def inside(place: str, inner: str) -> Iterator[tuple[os.DirEntry[str], str]]:
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:  # gone meanwhile, or not to be read
            return
        # Neither what is hidden nor what is still being written.
        entries = [entry for entry in entries if not (entry.name.startswith(".") or is_incomplete_name(entry.name))]
        for entry in entries:
            if entry.is_dir():
                if not recursive and os.path.realpath(entry.path) != left_out:
                    leave_aside(entry.path, "folder", "--recursive looks into them")
            elif _is_taken(entry.path, suffixes):
                yield entry, inner
            else:
                kind = _suffix(entry.name) or "file without a suffix"
                leave_aside(entry.path, kind, "it is neither an image nor a video")
        for entry in entries:
            if recursive and entry.is_dir(follow_symlinks=False) and os.path.realpath(entry.path) != left_out:
                yield from inside(entry.path, os.path.join(inner, entry.name))

    return inside(folder, "")


def _is_taken(path: str, suffixes: Sequence[str]) -> bool:
    """Tell whether a file in a folder is one of those that are meant."""
    suffix = _suffix(path)
    if suffix:
        return suffix in suffixes
    # An unknown suffix is left aside: cameras put thumbnails, previews and raw data beside what they take.
    usual = {"image": IMAGE_SUFFIXES[0], "video": VIDEO_SUFFIXES[0], None: ""}[detect_kind(path)]
    return usual in suffixes


def _without_results(files: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out files that are named as the result of another one."""
    sources = {os.path.splitext(path)[0] for path, _ in files}
    kept = []
    for path, folder in files:
        source = _source_of(path)
        if is_incomplete_name(path) or (source and (source in sources or _is_there(source))):
            log.info("%s: left out, it is named as a result", path)
        else:
            kept.append((path, folder))
    return kept


def _source_of(path: str) -> str:
    """Return what `path` is the result of, without a suffix, judging by its name; "" if it is named as no result."""
    stem = os.path.splitext(path)[0]
    return stem.removesuffix(_TAG) if stem.endswith(_TAG) else ""


def _is_there(stem: str) -> bool:
    """Tell whether there is an image or video of that name, less its suffix, on this computer."""
    return any(_suffix(file) in SUFFIXES for file in glob.glob(f"{glob.escape(stem)}.*"))


def _with_number(output: str, number: int) -> str:
    if is_sequence(output):
        folder, pattern = os.path.split(output)
        return os.path.join(f"{folder}_{number}", pattern)
    stem, suffix = os.path.splitext(output)
    return f"{stem}_{number}{suffix}"


def _place(path: str) -> str:
    """Return what tells one file from another, for a path that need not exist."""
    return path if storage.is_remote(path) else os.path.normcase(os.path.realpath(path))


def _is_pattern(path: str) -> bool:
    return glob.has_magic(path) and not storage.is_remote(path) and not os.path.exists(path)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
