"""Results that appear whole or not at all: written under a temporary name, and put in place when they are complete."""

from __future__ import annotations

import glob
import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from background_removal.errors import InputError, InputNotFoundError, ProcessingError
from background_removal.files.saving.locks import lock_folder, remove_folder
from background_removal.files.saving.names import check_name, shortened
from background_removal.files.storage import STANDARD, is_folder, is_remote, is_url, upload
from background_removal.pipeline.frame import is_spoiled

log = logging.getLogger(__name__)

# What file managers put into every folder that somebody looks at.
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
_STDOUT, _STDERR = 1, 2
# A single picture is written within seconds: one that is not complete after an hour never will be.
_DEAD_SECONDS = 3600


def check_output(path: str, source: str) -> None:
    """Refuse an output that could not be written, or that would replace its own `source`, "" if it has none.

    Raises:
        InputError: `path` is the source, a folder, a device, a terminal or a web address, or lies where nothing can be
            written.
        InputNotFoundError: the bucket of a remote `path` does not exist.
    """
    if path == STANDARD:
        if sys.__stdout__ is None:
            raise InputError("`output_path` -: there is no standard output")
        if sys.__stdout__.isatty():
            raise InputError(
                "--output -: is a terminal, which shows no picture; send it to a file (> out.png) or a pipe"
            )
        return
    if is_url(path):
        raise InputError(f"{path}: nothing can be put at a web address; give another `output_path`")
    if is_remote(path):
        if path == source:
            raise InputError(f"{path}: the output is the input; give another `output_path`")
        bucket = "/".join(path.split("/")[:3])
        if not is_folder(bucket):
            raise InputNotFoundError(f"{path}: no such bucket")
        return
    if source and not is_remote(source) and os.path.exists(path) and os.path.samefile(path, source):
        raise InputError(f"{path}: the output is the input; give another `output_path`")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give the name of a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is not an ordinary file")
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.islink(path) and not os.path.isdir(folder):
        raise InputError(f"{path}: is a link into the folder {folder}, which does not exist")
    _check_writable(path, folder)
    check_name(path)


def check_output_folder(path: str) -> None:
    """Refuse a folder for the pictures of a sequence that cannot be made, or that holds files already.

    Raises:
        InputError: `path` is a file, is remote, holds files, or lies where nothing can be written.
    """
    if is_remote(path):
        raise InputError(f"{path}: a sequence of pictures can only be written to this computer")
    if os.path.isdir(path):
        if any(not _is_of_the_system(entry) for entry in os.scandir(path)):
            raise InputError(f"{path}: the folder is not empty; give a new one")
    elif os.path.exists(path):
        raise InputError(f"{path}: is not a folder")
    _check_writable(path, os.path.abspath(path))
    check_name(path, f"{shortened(path)}.partial")


@contextmanager
def atomic_output(path: str) -> Iterator[str]:
    """Yield a temporary local path, with the suffix of `path`, for the caller to write a file at.

    For STANDARD that is a PNG, which is written to standard output; whatever else is printed meanwhile goes to
    standard error.

    When the block ends well the file appears at `path`, atomically where it is local, in a folder that is made if it
    does not exist; when it raises, or wrote nothing, the temporary file is removed and whatever was at `path` stays.

    Raises:
        InputError: the folder cannot be made.
        ProcessingError: the finished file could not be put in its place, and is kept beside it; or its folder is gone.
    """
    suffix = os.path.splitext(path)[1]
    if path == STANDARD:
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            staged = os.path.join(folder, "result.png")
            with _stdout_kept_clean():
                yield staged
            if os.path.exists(staged):
                _to_stdout(staged)
        return
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            staged = os.path.join(folder, f"result{suffix}")
            yield staged
            if os.path.exists(staged):
                upload(staged, path)
        return
    # The link's target is replaced, not the link.
    target = Path(os.path.realpath(path))
    with folder_made(target.parent, path):
        hidden = f".{target.stem[:20]}"
        _clear_old(target.parent.glob(f"{glob.escape(hidden)}.????????.part{glob.escape(suffix)}"))
        staged = str(target.with_name(f"{hidden}.{secrets.token_hex(4)}.part{suffix}"))
        try:
            yield staged
            if os.path.exists(staged):
                replace_atomically(staged, str(target), path)
            elif not target.parent.is_dir():
                raise ProcessingError(f"{path}: the folder {target.parent} has vanished, and the result with it")
        finally:
            if os.path.exists(staged):
                os.remove(staged)


@contextmanager
def atomic_folder(path: str, place: Callable[[], str] = lambda: "") -> Iterator[str]:
    """Yield a temporary local folder, whose files move into the folder `path` when the block ends well.

    Where `place` returns another folder by then, they move there.

    It lies inside `path`, which may be a file system of its own, and which is made if it does not exist. When the
    block raises the temporary folder is removed. What else is in `path` by then is nobody's business but its owner's.

    Raises:
        InputError: the folder cannot be made.
        ProcessingError: a finished file could not be put in its place; those that were not stay in the temporary
            folder, which the message names.
    """
    target = Path(os.path.realpath(path))
    made = not target.exists()
    with folder_made(target, path):
        for left in target.glob(".????????.part"):
            dead = lock_folder(str(left))
            if dead is not None:
                log.info("%s: left by a run that was cut off; this one begins anew", left)
                remove_folder(str(left), dead)
        staged = target / f".{secrets.token_hex(4)}.part"
        try:
            hold = lock_folder(str(staged), new=True)
        except OSError as error:
            raise InputError(f"{path}: no permission to write there: {error.strerror}") from error
        assert hold is not None  # nobody else has hit upon this name
        try:
            yield str(staged)
        except BaseException:
            remove_folder(str(staged), hold)
            raise
        hold.remove()
        target_now = Path(os.path.realpath(place() or target))
        for file in sorted(staged.iterdir()):
            to = target_now / file.name
            try:
                if to.exists():
                    raise FileExistsError(0, f"{to.name} has appeared there meanwhile")
                target_now.mkdir(exist_ok=True)
                shutil.move(file, to)
            except OSError as error:
                raise ProcessingError(
                    f"{path}: a picture cannot be put in place ({error.strerror}); the rest is kept in {staged}"
                ) from error
        staged.rmdir()
        if made and target_now != target:
            with suppress(OSError):
                target.rmdir()


def partial_folder(path: str) -> str:
    """Return where the pictures of a sequence go that was ended early: a folder beside that at `path`, without any."""
    folder = wanted = f"{shortened(os.path.realpath(path) if path == '.' else path)}.partial"
    number = 1
    while os.path.isdir(folder) and os.listdir(folder):
        number += 1
        folder = f"{wanted}-{number}"
    return folder


def replace_atomically(ready: str, target: str, name: str) -> None:
    """Let a finished local file take the place of what is at `target`.

    Args:
        ready: The file, in the same folder.
        target: Its place.
        name: What the place is called in messages.

    Raises:
        ProcessingError: it cannot; the file is kept beside it, under a name that the message tells.
    """
    try:
        os.replace(ready, target)
    except OSError as error:
        # On Windows whoever plays the earlier result holds it; an hour of work is not lost for that.
        kept = free_name(target)
        try:
            os.rename(ready, kept)
        except OSError:
            raise ProcessingError(f"{name}: cannot be replaced ({error.strerror}), nor kept beside it") from error
        raise ProcessingError(f"{name}: cannot be replaced ({error.strerror}); the result is kept as {kept}") from error


def free_name(path: str) -> str:
    """Return a name like `path`, a local one, that no file has: clip_2.mp4 for clip.mp4."""
    stem, suffix = os.path.splitext(shortened(path))
    number = 1
    while os.path.lexists(path):
        number += 1
        path = f"{stem}_{number}{suffix}"
    return path


def close_atomic(stack: ExitStack, error: BaseException | None) -> None:
    """Leave a stack that holds staged results as its sink is closed with `error`: they appear, or are discarded."""
    if error is not None and is_spoiled(error):
        stack.__exit__(type(error), error, error.__traceback__)
    else:
        stack.close()


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Let all that is printed, by libraries and other processes too, go to standard error."""
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        kept = os.dup(_STDOUT)
    except OSError as error:
        raise InputError(f"`output_path` -: there is no standard output ({error.strerror})") from error
    os.dup2(_STDERR, _STDOUT)
    try:
        yield
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)


def _to_stdout(path: str) -> None:
    try:
        with Path(path).open("rb") as file, os.fdopen(_STDOUT, "wb", closefd=False) as stdout:
            shutil.copyfileobj(file, stdout)
    except OSError as error:
        raise ProcessingError(f"`output_path` -: cannot be written to standard output: {error.strerror}") from error


@contextmanager
def folder_made(folder: Path, name: str) -> Iterator[None]:
    """Make `folder` and those above it; those that were made go again, if they are empty, when the block raises."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{name}: the folder {folder} cannot be made: {error.strerror}") from error
    try:
        yield
    except BaseException:
        for place in missing:
            try:
                place.rmdir()
            except OSError:  # not empty, or gone
                break
        raise


def _check_writable(path: str, folder: str) -> None:
    """Raise InputError unless files can be written in `folder`, or it can be made."""
    while not os.path.exists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: no permission to write in {folder}")


def _clear_old(paths: Iterable[Path]) -> None:
    """Remove what dead runs have left."""
    for path in paths:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DEAD_SECONDS:
                path.unlink()


def _is_of_the_system(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry of a folder is not what a person would call its content."""
    return entry.name.startswith(".") or entry.name.lower() in _OF_THE_SYSTEM or entry.name == "lost+found"
