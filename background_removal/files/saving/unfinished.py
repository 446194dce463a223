"""Unfinished files: videos that are playable whenever they are cut, and their recovery after a dead run.

A video is written beside its target as ``clip_out.unfinished.mp4``, locked by the process that writes it
(`files.saving.locks`); a file without a lock is a leftover of a dead run. A result that ended early, or was recovered
from a dead run, is ``clip_out.partial.mp4``. Names too long for that are shortened by
`files.saving.names.shorten_name`.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from background_removal.errors import InputError, ProcessingError
from background_removal.files.saving.atomic import create_folder, replace_atomically
from background_removal.files.saving.locks import LOCK_NAME, FileLock, lock_file, lock_folder, remove_folder, sync_file
from background_removal.files.saving.names import check_name, shorten_name
from background_removal.files.storage import is_remote, upload
from background_removal.files.video.faststart import truncate_to_whole_fragments
from background_removal.pipeline.worker import Worker

log = logging.getLogger(__name__)

_TAG = re.compile(r"\.(unfinished|partial)(-\d+)?$")
# Interval between syncs to the disk, seconds; systems left alone take half a minute. With the half second of
# `files.video.container.FRAGMENT_SECONDS` and the encoder's delay at most 2 s are lost when the computer fails.
_SYNC_SECONDS = 1.0
_LEFTOVER = "left by a run that was cut off"
# Upper bound for numbered names; on file systems without locks stale files cannot be recognised.
_MAX_NUMBER = 1000


def is_incomplete_name(path: str) -> bool:
    """Return whether a file or folder is named as an unfinished or partial result.

    >>> is_incomplete_name("a_out.partial.mp4"), is_incomplete_name("a_out.unfinished-2.mkv")
    (True, True)
    >>> is_incomplete_name("a_out.unfinished"), is_incomplete_name("a.mp4")
    (True, False)
    """
    return _TAG.search(os.path.splitext(path)[0]) is not None or _TAG.search(path) is not None


def partial_path(path: str) -> str:
    """Return the name of a result that ended early.

    >>> partial_path("clips/a_out.mp4")
    'clips/a_out.partial.mp4'
    """
    return _add_tag(path, "partial")


def unfinished_path(path: str, number: int = 1) -> str:
    """Return the name of a result while it is written; runs at the same time have different numbers.

    >>> unfinished_path("a_out.mp4"), unfinished_path("a_out.mp4", 2)
    ('a_out.unfinished.mp4', 'a_out.unfinished-2.mp4')
    """
    return _add_tag(path, "unfinished" if number == 1 else f"unfinished-{number}")


def check_result_names(path: str) -> None:
    """Raise InputError if the name of a result at `path`, or one of its names until then, is too long."""
    if not is_remote(path):
        check_name(path, partial_path(path), unfinished_path(path), _finished_path(unfinished_path(path)))


@dataclass(slots=True)
class UnfinishedFile:
    """A result that is being written.

    Attributes:
        path: The local file to write.
        finished_path: Where a finished form may be written, if that is another file.
        target: Where the result appears at the end.
        keep_on_error: Whether the playable part of the result is kept when an error ends it.
        result: Where the result has appeared; "" until then, and if none is kept.
    """

    path: str
    finished_path: str
    target: str
    keep_on_error: bool = False
    result: str = field(default="", init=False)


@contextmanager
def unfinished_output(path: str, *, clear: bool = True) -> Iterator[UnfinishedFile]:
    """Yield a local file to write a video to; it appears at `UnfinishedFile.target` when the block succeeds.

    If the process dies the file keeps its unfinished name. When the block raises the file is removed or, with
    `UnfinishedFile.keep_on_error`, its playable part appears.

    Args:
        path: The path of the result, local or remote.
        clear: Whether leftovers of dead runs of the same result are removed.

    Raises:
        InputError: the folder cannot be created, or is not writable.
        ProcessingError: the finished file cannot replace its target.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            name = f"result{os.path.splitext(path)[1]}"
            unfinished = UnfinishedFile(os.path.join(folder, name), os.path.join(folder, f"whole-{name}"), path)
            yield unfinished
            finished = next((file for file in (unfinished.finished_path, unfinished.path) if os.path.exists(file)), "")
            if finished:
                upload(finished, unfinished.target)
                unfinished.result = unfinished.target
        return
    # A link's target is replaced, not the link.
    target = os.path.realpath(path)
    with create_folder(Path(target).parent, path):
        if clear:
            _remove_leftovers(target)
        lock = _lock_first_free(target, path, lambda number: lock_file(unfinished_path(target, number), new=True))
        unfinished = UnfinishedFile(lock.path, _finished_path(lock.path), path)
        try:
            with Worker[None](lambda worker: _sync_regularly(worker, lock), "disk"):
                yield unfinished
            _publish(unfinished, lock)
        except BaseException:
            if unfinished.keep_on_error and os.path.getsize(unfinished.path):
                unfinished.result = _recover_to_target(unfinished, lock)
            raise
        finally:
            _discard(lock)


@contextmanager
def unfinished_parts(path: str) -> Iterator[str]:
    """Yield a folder for the parts of a result, beside a local `path`; it is removed when the block ends.

    Raises:
        InputError: it cannot be created.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            yield folder
        return
    target = os.path.realpath(path)
    with create_folder(Path(target).parent, path):
        _remove_leftovers(target)
        lock = _lock_first_free(target, path, lambda number: lock_folder(_parts_folder(target, number), new=True))
        try:
            yield os.path.dirname(lock.path)
        finally:
            remove_folder(os.path.dirname(lock.path), lock)


def lock_leftovers(path: str) -> Iterator[FileLock]:
    """Yield a lock on each file or folder of parts that dead runs have left of the result at a local `path`."""
    folder, name = os.path.split(shorten_name(os.path.realpath(path)))
    stem, suffix = os.path.splitext(name)
    pattern = re.compile(rf"{re.escape(stem)}\.unfinished(-\d+)?({re.escape(suffix)})?")
    with suppress(OSError):
        for entry in sorted(os.listdir(folder)):
            if pattern.fullmatch(entry):
                leftover = os.path.join(folder, entry)
                lock = lock_folder(leftover) if os.path.isdir(leftover) else lock_file(leftover)
                if lock is not None:
                    yield lock


def recover_unfinished(path: str) -> None:
    """Recover leftovers of dead runs of the result at `path` as a partial result, and report them."""
    if is_remote(path):
        return
    for leftover in lock_leftovers(path):
        if _is_folder(leftover):
            leftover.release()
            continue  # reported when it is removed
        if not os.path.getsize(leftover.path):
            _discard(leftover)
            continue
        try:
            recovered = recover_file(leftover, partial_path(path))
        except OSError as error:
            log.warning("%s: %s; it cannot be saved: %s", leftover.path, _LEFTOVER, error.strerror)
        else:
            outcome = f"what there is of it is {partial_path(path)}" if recovered else "there was nothing in it yet"
            log.info("%s: %s; %s", path, _LEFTOVER, outcome)


def recover_file(leftover: FileLock, target: str) -> bool:
    """Write the playable part of an unfinished file to `target`, in the form of a finished file.

    If the disk is too full for a copy, the file itself is moved there; it is playable as it is.

    Returns:
        Whether there was anything playable; the file is gone either way.

    Raises:
        OSError: `target` cannot be written; the file stays as it is.
    """
    from background_removal.files.video.truncated import recover_video  # heavy

    finished = _finished_path(leftover.path)
    try:
        has_pictures = recover_video(leftover.path, finished)
        if has_pictures:
            os.replace(finished, target)
    except OSError:
        truncate_to_whole_fragments(leftover.path)
        _move(leftover, target)
        return True
    finally:
        with suppress(OSError):
            os.remove(finished)
    _discard(leftover)
    return has_pictures


def _add_tag(path: str, tag: str) -> str:
    stem, suffix = os.path.splitext(shorten_name(path))
    return f"{stem}.{tag}{suffix}"


def _parts_folder(path: str, number: int) -> str:
    return os.path.splitext(unfinished_path(path, number))[0]


def _finished_path(unfinished: str) -> str:
    """Return where the finished form of an unfinished file is written before it replaces the target."""
    folder, name = os.path.split(unfinished)
    return os.path.join(folder, f".whole.{name}")


def _is_folder(lock: FileLock) -> bool:
    return os.path.basename(lock.path) == LOCK_NAME


def _locked_path(lock: FileLock) -> str:
    return os.path.dirname(lock.path) if _is_folder(lock) else lock.path


def _remove_leftovers(path: str) -> None:
    """Remove leftovers of dead runs of the result at `path`, and report them."""
    for leftover in lock_leftovers(path):
        if _is_folder(leftover) or os.path.getsize(leftover.path):
            parts = "parts left by a run that was cut off, which cannot be joined"
            log.info(
                "%s: %s; this one begins anew", _locked_path(leftover), parts if _is_folder(leftover) else _LEFTOVER
            )
        _discard(leftover)


def _lock_first_free(path: str, name: str, create: Callable[[int], FileLock | None]) -> FileLock:
    """Create and lock the first file or folder with a free number."""
    try:
        for number in range(1, _MAX_NUMBER):
            lock = create(number)
            if lock is not None:
                return lock
    except OSError as error:
        raise InputError(f"{name}: no permission to write there: {error.strerror}") from error
    raise InputError(
        f"{name}: unfinished files of this name stand there: {unfinished_path(path)} and more; remove them"
    )


def _sync_regularly(worker: Worker[None], lock: FileLock) -> None:
    for _ in worker.items(_SYNC_SECONDS):
        lock.sync()


def _publish(unfinished: UnfinishedFile, lock: FileLock) -> None:
    """Rename a finished result to its target."""
    target = os.path.realpath(unfinished.target)
    try:
        if os.path.exists(unfinished.finished_path):
            sync_file(unfinished.finished_path)
            finished = unfinished.finished_path
        elif os.path.getsize(unfinished.path):
            lock.sync()
            if os.name == "nt":  # an open file cannot be renamed there
                lock.release()
            finished = unfinished.path
        else:
            return
    except OSError as error:
        raise ProcessingError(f"{unfinished.target}: has vanished while it was written: {error.strerror}") from error
    try:
        replace_atomically(finished, target, unfinished.target)
    finally:
        if finished == unfinished.path:
            lock.release()
    unfinished.result = unfinished.target


def _recover_to_target(unfinished: UnfinishedFile, lock: FileLock) -> str:
    try:
        return unfinished.target if recover_file(lock, os.path.realpath(unfinished.target)) else ""
    except OSError:
        return ""


def _move(lock: FileLock, target: str) -> None:
    if os.name == "nt":  # an open file cannot be renamed there
        lock.release()
    os.replace(lock.path, target)
    lock.release()


def _discard(lock: FileLock) -> None:
    """Remove a locked file or folder, and its finished form."""
    if _is_folder(lock):
        remove_folder(os.path.dirname(lock.path), lock)
        return
    with suppress(OSError):
        os.remove(_finished_path(lock.path))
    lock.remove()
