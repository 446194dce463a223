"""Videos while they are written: playable whenever they are cut, under a name that says so, and found again.

A file grows beside its place as ``clip_out.unfinished.mp4``, locked by the run that writes it (`files.saving.locks`);
a file without a lock was left by a dead run. What was ended early, or saved from a dead run, is
``clip_out.partial.mp4``. Of names that are too long for that see `files.saving.names.shortened`.
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
from background_removal.files.saving.atomic import folder_made, replace_atomically
from background_removal.files.saving.locks import ENTRY, FileLock, lock_file, lock_folder, remove_folder, sync_file
from background_removal.files.saving.names import check_name, shortened
from background_removal.files.storage import is_remote, upload
from background_removal.files.video.faststart import cut_to_whole_fragments
from background_removal.pipeline.worker import Worker

log = logging.getLogger(__name__)

_PART = re.compile(r"\.(unfinished|partial)(-\d+)?$")
# After so long what was written is on the disk, whatever becomes of the computer; left to themselves systems take half
# a minute. With the half second of `files.video.container.FRAGMENT_SECONDS` and the encoder's own delay it is within 2.
_SYNC_SECONDS = 1.0
_LEFT = "left by a run that was cut off"
# Of files that nobody can tell the owner of there may be many, on a file system without locks.
_MAX_AT_ONCE = 1000


def is_part(path: str) -> bool:
    """Tell whether a file or folder is named as one that is not complete.

    >>> is_part("a_out.partial.mp4"), is_part("a_out.unfinished-2.mkv"), is_part("a_out.unfinished"), is_part("a.mp4")
    (True, True, True, False)
    """
    return _PART.search(os.path.splitext(path)[0]) is not None or _PART.search(path) is not None


def partial_path(path: str) -> str:
    """Return what a result is called that was ended early.

    >>> partial_path("clips/a_out.mp4")
    'clips/a_out.partial.mp4'
    """
    return _named(path, "partial")


def unfinished_path(path: str, number: int = 1) -> str:
    """Return what a result is called while it grows; of several runs at once each has a number.

    >>> unfinished_path("a_out.mp4"), unfinished_path("a_out.mp4", 2)
    ('a_out.unfinished.mp4', 'a_out.unfinished-2.mp4')
    """
    return _named(path, "unfinished" if number == 1 else f"unfinished-{number}")


def check_names(path: str) -> None:
    """Raise InputError if a result at `path` has a name that is too long, or one of those that it has meanwhile."""
    if not is_remote(path):
        check_name(path, partial_path(path), unfinished_path(path), _whole(unfinished_path(path)))


@dataclass(slots=True)
class UnfinishedFile:
    """A result that is being written.

    Attributes:
        path: The local file to write it to.
        whole: Where its final form may be put, if that is another file.
        place: Where it appears in the end.
        keep: Whether what there is of it is kept when an error ends it.
        kept: Where it has appeared; "" before, and when nothing is kept.
    """

    path: str
    whole: str
    place: str
    keep: bool = False
    kept: str = field(default="", init=False)


@contextmanager
def unfinished_output(path: str, *, clear: bool = True) -> Iterator[UnfinishedFile]:
    """Yield a local file to write a video to, which appears at its `UnfinishedFile.place` when the block ends well.

    If the process dies the file stays under the name that it has while it grows. When the block raises it is removed,
    or, with `UnfinishedFile.keep`, what can be played of it appears.

    Args:
        path: Where the result is to go, local or remote.
        clear: Whether what dead runs have left of the same result is cleared away.

    Raises:
        InputError: the folder cannot be made, or nothing written in it.
        ProcessingError: the finished file could not be put in its place.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            name = f"result{os.path.splitext(path)[1]}"
            unfinished = UnfinishedFile(os.path.join(folder, name), os.path.join(folder, f"whole-{name}"), path)
            yield unfinished
            ready = next((file for file in (unfinished.whole, unfinished.path) if os.path.exists(file)), "")
            if ready:
                upload(ready, unfinished.place)
                unfinished.kept = unfinished.place
        return
    # The link's target is replaced, not the link.
    target = os.path.realpath(path)
    with folder_made(Path(target).parent, path):
        if clear:
            _clear_away(target)
        hold = _new(target, path, lambda number: lock_file(unfinished_path(target, number), new=True))
        unfinished = UnfinishedFile(hold.path, _whole(hold.path), path)
        try:
            with Worker[None](lambda worker: _kept_on_disk(worker, hold), "disk"):
                yield unfinished
            _appear(unfinished, hold)
        except BaseException:
            if unfinished.keep and os.path.getsize(unfinished.path):
                unfinished.kept = _saved(unfinished, hold)
            raise
        finally:
            _discard(hold)


@contextmanager
def unfinished_parts(path: str) -> Iterator[str]:
    """Yield a folder for the parts of a result, beside it where that is local, which is removed with the block.

    Raises:
        InputError: it cannot be made.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            yield folder
        return
    target = os.path.realpath(path)
    with folder_made(Path(target).parent, path):
        _clear_away(target)
        hold = _new(target, path, lambda number: lock_folder(_parts_folder(target, number), new=True))
        try:
            yield os.path.dirname(hold.path)
        finally:
            remove_folder(os.path.dirname(hold.path), hold)


def left_by_dead_runs(path: str) -> Iterator[FileLock]:
    """Yield a hold on each file, or folder of parts, that dead runs have left of the result at a local `path`."""
    folder, name = os.path.split(shortened(os.path.realpath(path)))
    stem, suffix = os.path.splitext(name)
    ours = re.compile(rf"{re.escape(stem)}\.unfinished(-\d+)?({re.escape(suffix)})?")
    with suppress(OSError):
        for found in sorted(os.listdir(folder)):
            if ours.fullmatch(found):
                place = os.path.join(folder, found)
                hold = lock_folder(place) if os.path.isdir(place) else lock_file(place)
                if hold is not None:
                    yield hold


def recover_unfinished(path: str) -> None:
    """Tell of what a dead run has left of the result at `path`, and keep it as a part of it."""
    if is_remote(path):
        return
    for left in left_by_dead_runs(path):
        if _is_folder(left):
            left.release()
            continue  # told of when they are cleared away
        if not os.path.getsize(left.path):
            _discard(left)
            continue
        try:
            kept = save(left, partial_path(path))
        except OSError as error:
            log.warning("%s: %s; it cannot be saved: %s", left.path, _LEFT, error.strerror)
        else:
            told = f"what there is of it is {partial_path(path)}" if kept else "there was nothing in it yet"
            log.info("%s: %s; %s", path, _LEFT, told)


def save(left: FileLock, place: str) -> bool:
    """Put what can be played of an unfinished file at `place`, in the form that finished ones have.

    Where that form finds no room, the file itself goes there, which plays as it is.

    Returns:
        Whether there was anything; the file is gone either way.

    Raises:
        OSError: nothing can be put there; the file stays as it is.
    """
    from background_removal.files.video.salvage import salvage  # heavy

    whole = _whole(left.path)
    try:
        any_pictures = salvage(left.path, whole)
        if any_pictures:
            os.replace(whole, place)
    except OSError:
        cut_to_whole_fragments(left.path)
        _move(left, place)
        return True
    finally:
        with suppress(OSError):
            os.remove(whole)
    _discard(left)
    return any_pictures


def _named(path: str, tag: str) -> str:
    stem, suffix = os.path.splitext(shortened(path))
    return f"{stem}.{tag}{suffix}"


def _parts_folder(path: str, number: int) -> str:
    return os.path.splitext(unfinished_path(path, number))[0]


def _whole(unfinished: str) -> str:
    """Return where the final form of an unfinished file is written, before it is put in its place."""
    folder, name = os.path.split(unfinished)
    return os.path.join(folder, f".whole.{name}")


def _is_folder(hold: FileLock) -> bool:
    return os.path.basename(hold.path) == ENTRY


def _whose(hold: FileLock) -> str:
    return os.path.dirname(hold.path) if _is_folder(hold) else hold.path


def _clear_away(path: str) -> None:
    """Remove what dead runs have left of the result at `path`, and tell of it."""
    for left in left_by_dead_runs(path):
        if _is_folder(left) or os.path.getsize(left.path):
            what = "parts left by a run that was cut off, which cannot be joined" if _is_folder(left) else _LEFT
            log.info("%s: %s; this one begins anew", _whose(left), what)
        _discard(left)


def _new(path: str, name: str, make: Callable[[int], FileLock | None]) -> FileLock:
    """Make and hold the first file or folder that is free."""
    try:
        for number in range(1, _MAX_AT_ONCE):
            hold = make(number)
            if hold is not None:
                return hold
    except OSError as error:
        raise InputError(f"{name}: no permission to write there: {error.strerror}") from error
    raise InputError(
        f"{name}: unfinished files of this name stand there: {unfinished_path(path)} and more; remove them"
    )


def _kept_on_disk(worker: Worker[None], hold: FileLock) -> None:
    for _ in worker.items(_SYNC_SECONDS):
        hold.sync()


def _appear(unfinished: UnfinishedFile, hold: FileLock) -> None:
    """Put a finished result in its place."""
    place = os.path.realpath(unfinished.place)
    try:
        if os.path.exists(unfinished.whole):
            sync_file(unfinished.whole)
            ready = unfinished.whole
        elif os.path.getsize(unfinished.path):
            hold.sync()
            if os.name == "nt":  # an open file cannot be renamed there
                hold.release()
            ready = unfinished.path
        else:
            return
    except OSError as error:
        raise ProcessingError(f"{unfinished.place}: has vanished while it was written: {error.strerror}") from error
    try:
        replace_atomically(ready, place, unfinished.place)
    finally:
        if ready == unfinished.path:
            hold.release()
    unfinished.kept = unfinished.place


def _saved(unfinished: UnfinishedFile, hold: FileLock) -> str:
    try:
        return unfinished.place if save(hold, os.path.realpath(unfinished.place)) else ""
    except OSError:
        return ""


def _move(hold: FileLock, place: str) -> None:
    if os.name == "nt":  # an open file cannot be renamed there
        hold.release()
    os.replace(hold.path, place)
    hold.release()


def _discard(hold: FileLock) -> None:
    """Remove what is held, and what its final form has become."""
    if _is_folder(hold):
        remove_folder(os.path.dirname(hold.path), hold)
        return
    with suppress(OSError):
        os.remove(_whole(hold.path))
    hold.remove()
