"""Atomic output: write results under a temporary name and rename them when they are complete."""

from __future__ import annotations

import glob
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from background_removal.errors import InputError, InputNotFoundError, ProcessingError
from background_removal.files.pipes import redirect_stdout
from background_removal.files.saving.locks import lock_folder, remove_folder
from background_removal.files.saving.names import check_name, free_name, shorten_name
from background_removal.files.storage import STANDARD, is_folder, is_remote, is_url, upload
from background_removal.pipeline.frame import discards_result

log = logging.getLogger(__name__)

# Files that file managers put into every folder they show, in lower case.
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_STDOUT = 1
# Age at which a temporary picture is stale, seconds; writing one takes seconds.
_STALE_SECONDS = 3600


def check_output(path: str, source: str) -> None:
    """Refuse an output that cannot be written or would replace its own `source` ("" if it has none).

    Raises:
        InputError: `path` is the source, a folder, a device, a terminal or a web address, or its folder is not
            writable.
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
    """Refuse a folder for a picture sequence that cannot be created or already holds files.

    Raises:
        InputError: `path` is a file, is remote, holds files, or its folder is not writable.
    """
    if is_remote(path):
        raise InputError(f"{path}: a sequence of pictures can only be written to this computer")
    if os.path.isdir(path):
        if any(not _is_system_entry(entry) for entry in os.scandir(path)):
            raise InputError(f"{path}: the folder is not empty; give a new one")
    elif os.path.exists(path):
        raise InputError(f"{path}: is not a folder")
    _check_writable(path, os.path.abspath(path))
    check_name(path, f"{shorten_name(path)}.partial")


@contextmanager
def atomic_output(path: str) -> Iterator[str]:
    """Yield a temporary local path with the suffix of `path`, to be written by the caller.

    For STANDARD the path is a PNG's, which is copied to standard output; everything printed meanwhile goes to
    standard error.

    When the block succeeds the file appears at `path`, atomically if that is local; its folder is created if needed.
    When the block raises or writes nothing, the temporary file is removed and an existing file at `path` stays.

    Raises:
        InputError: the folder cannot be created.
        ProcessingError: the finished file cannot replace `path` and is kept beside it, or its folder is gone.
    """
    suffix = os.path.splitext(path)[1]
    if path == STANDARD:
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            temporary = os.path.join(folder, "result.png")
            with redirect_stdout():
                yield temporary
            if os.path.exists(temporary):
                _copy_to_stdout(temporary)
        return
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            temporary = os.path.join(folder, f"result{suffix}")
            yield temporary
            if os.path.exists(temporary):
                upload(temporary, path)
        return
    # A link's target is replaced, not the link.
    target = Path(os.path.realpath(path))
    with create_folder(target.parent, path):
        hidden = f".{target.stem[:20]}"
        _remove_stale(target.parent.glob(f"{glob.escape(hidden)}.????????.part{glob.escape(suffix)}"))
        temporary = str(target.with_name(f"{hidden}.{os.urandom(4).hex()}.part{suffix}"))
        try:
            yield temporary
            if os.path.exists(temporary):
                replace_atomically(temporary, str(target), path)
            elif not target.parent.is_dir():
                raise ProcessingError(f"{path}: the folder {target.parent} has vanished, and the result with it")
        finally:
            if os.path.exists(temporary):
                os.remove(temporary)


@contextmanager
def atomic_folder(path: str, choose_target: Callable[[], str] = lambda: "") -> Iterator[str]:
    """Yield a temporary local folder; its files move into the folder `path` when the block succeeds.

    The temporary folder lies inside `path`, which may be a file system of its own and is created if needed. It is
    removed when the block raises. Other files in `path` are left alone.

    Args:
        path: The folder for the files.
        choose_target: Called when the block has succeeded; may return another folder for the files, "" for `path`.

    Raises:
        InputError: the folder cannot be created.
        ProcessingError: a finished file cannot be moved; the remaining ones stay in the temporary folder, which the
            message names.
    """
    folder = Path(os.path.realpath(path))
    is_new = not folder.exists()
    with create_folder(folder, path):
        for leftover in folder.glob(".????????.part"):
            stale = lock_folder(str(leftover))
            if stale is not None:
                log.info("%s: left by a run that was cut off; this one begins anew", leftover)
                remove_folder(str(leftover), stale)
        temporary = folder / f".{os.urandom(4).hex()}.part"
        try:
            lock = lock_folder(str(temporary), new=True)
        except OSError as error:
            raise InputError(f"{path}: no permission to write there: {error.strerror}") from error
        assert lock is not None  # the name is random
        try:
            yield str(temporary)
        except BaseException:
            remove_folder(str(temporary), lock)
            raise
        lock.remove()
        target = Path(os.path.realpath(choose_target() or folder))
        for file in sorted(temporary.iterdir()):
            to = target / file.name
            try:
                if to.exists():
                    raise FileExistsError(0, f"{to.name} has appeared there meanwhile")
                target.mkdir(exist_ok=True)
                shutil.move(file, to)
            except OSError as error:
                raise ProcessingError(
                    f"{path}: a picture cannot be put in place ({error.strerror}); the rest is kept in {temporary}"
                ) from error
        temporary.rmdir()
        if is_new and target != folder:
            with suppress(OSError):
                folder.rmdir()


def partial_folder(path: str) -> str:
    """Return an empty or new folder beside `path` for the pictures of a sequence that ended early."""
    folder = f"{shorten_name(os.path.realpath(path) if path == '.' else path)}.partial"
    return free_name(folder, lambda path: os.path.isdir(path) and bool(os.listdir(path)), suffix="", separator="-")


def replace_atomically(finished: str, target: str, name: str) -> None:
    """Rename a finished local file to `target`, replacing a file that is there.

    Args:
        finished: The file, in the same folder.
        target: The path of the result.
        name: The target's name in messages.

    Raises:
        ProcessingError: it cannot be renamed; it is kept beside `target`, under a name that the message gives.
    """
    try:
        os.replace(finished, target)
    except OSError as error:
        # On Windows a player locks the earlier result; an hour of work must not be lost for that.
        kept = free_name(target)
        try:
            os.rename(finished, kept)
        except OSError:
            raise ProcessingError(f"{name}: cannot be replaced ({error.strerror}), nor kept beside it") from error
        raise ProcessingError(f"{name}: cannot be replaced ({error.strerror}); the result is kept as {kept}") from error


def close_atomic(stack: ExitStack, error: BaseException | None) -> None:
    """Leave a stack of atomic outputs when their sink is closed: `error` decides whether they appear."""
    if error is not None and discards_result(error):
        stack.__exit__(type(error), error, error.__traceback__)
    else:
        stack.close()


def _copy_to_stdout(path: str) -> None:
    try:
        with Path(path).open("rb") as file, os.fdopen(_STDOUT, "wb", closefd=False) as stdout:
            shutil.copyfileobj(file, stdout)
    except OSError as error:
        raise ProcessingError(f"`output_path` -: cannot be written to standard output: {error.strerror}") from error


@contextmanager
def create_folder(folder: Path, name: str) -> Iterator[None]:
    """Create `folder` with its parents; when the block raises, remove the created ones that are empty."""
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{name}: the folder {folder} cannot be made: {error.strerror}") from error
    try:
        yield
    except BaseException:
        for parent in created:
            try:
                parent.rmdir()
            except OSError:  # not empty, or gone
                break
        raise


def _check_writable(path: str, folder: str) -> None:
    """Raise InputError unless `folder` is writable or can be created."""
    while not os.path.exists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{path}: {folder} is not a folder")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: no permission to write in {folder}")


def _remove_stale(paths: Iterable[Path]) -> None:
    """Remove temporary files left by dead runs."""
    for path in paths:
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def _is_system_entry(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is hidden or made by the system."""
    return entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES or entry.name == "lost+found"
