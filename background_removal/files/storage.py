"""Storage of files: local paths, remote ones (``s3://bucket/key``) through stow, and web addresses.

A remote input, or standard input, is copied into a temporary folder while it is needed; `files.saving.atomic` writes
results.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from background_removal.errors import InputError, InputNotFoundError, ProcessingError, SourceChangedError, reason
from background_removal.files import web
from background_removal.support import limits
from background_removal.support.installing import install_command

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WEB = re.compile(r"https?://", re.IGNORECASE)
# Path that means standard input or output.
STANDARD = "-"


def is_remote(path: str) -> bool:
    """Return whether `path` is a URL such as ``s3://bucket/key`` rather than a local path.

    >>> is_remote("s3://bucket/clip.mp4"), is_remote("clip.mp4"), is_remote("C:/clip.mp4")
    (True, False, False)
    """
    return _REMOTE.match(path) is not None


def is_url(path: str) -> bool:
    """Return whether `path` is a web address, which can be read but not written.

    >>> is_url("https://example.org/photo.jpg"), is_url("s3://bucket/photo.jpg")
    (True, False)
    """
    return _WEB.match(path) is not None


def path_for_naming(path: str) -> str:
    """Return the path that names the results of `path`: itself, or a name in the current folder.

    >>> path_for_naming("shots/photo.jpg"), path_for_naming("https://example.org/a/photo.jpg?w=5"), path_for_naming("-")
    ('shots/photo.jpg', 'photo.jpg', 'stdin')
    """
    if path == STANDARD:
        return "stdin"
    return web.file_name(path) if is_url(path) else path


def is_file(path: str) -> bool:
    """Return whether a file exists at `path`; web addresses are not checked.

    Raises:
        InputError: a remote store cannot be reached.
    """
    if is_url(path):
        return True
    if not is_remote(path):
        return os.path.isfile(path)
    check_bucket(path)
    import stow  # takes an eighth of a second

    with _remote_errors(path):
        return bool(stow.exists(path) and stow.isfile(path))


def is_folder(path: str) -> bool:
    """Return whether a folder exists at `path`; raises InputError if a remote store cannot be reached."""
    if is_url(path):
        return False
    if not is_remote(path):
        return os.path.isdir(path)
    check_bucket(path)
    import stow

    path = path.rstrip("/")
    with _remote_errors(path):
        return bool(stow.exists(path) and stow.isdir(path))


def path_exists(path: str) -> bool:
    """Return whether there is a file, or anything local, at `path`; raises as `is_file` does."""
    return is_file(path) if is_remote(path) else os.path.exists(path)


def check_bucket(path: str) -> None:
    """Raise InputError for a remote path without a bucket, ``s3://``."""
    scheme, _, rest = path.partition("://")
    if is_remote(path) and not rest.strip("/"):
        raise InputError(f"{path}: names no bucket; it must be {scheme}://bucket/key")


def file_size(path: str) -> int:
    """Return the size of the file at `path` in bytes; 0 for standard input and web addresses, where it is unknown.

    Raises:
        InputError: a remote store cannot be reached.
    """
    if path == STANDARD or is_url(path):
        return 0
    if not is_remote(path):
        return os.path.getsize(path) if os.path.isfile(path) else 0
    import stow

    with _remote_errors(path):
        return int(stow.artefact(path, type=stow.File).size)


def require_file(path: str) -> None:
    """Raise InputNotFoundError or InputError unless `path` is a readable file that is not empty."""
    if is_folder(path):
        raise InputError(f"{path}: is a folder, not a file")
    if not is_remote(path):
        limits.check_regular_file(path, f"{path} (- is standard input)" if path == "/dev/stdin" else path)
    if not is_file(path):
        raise InputNotFoundError(f"{path}: no such file")
    if not is_remote(path):
        if not os.access(path, os.R_OK):
            raise InputError(f"{path}: no permission to read it")
        if os.path.getsize(path) == 0:
            raise InputError(f"{path}: the file is empty")


@contextmanager
def local_file(path: str, *, may_change: bool = False) -> Iterator[str]:
    """Yield a local path with the content of the file at `path`; a remote one is copied and removed afterwards.

    Args:
        path: A local path, a remote one, a web address, or STANDARD for standard input.
        may_change: Whether the file may be written to during the block.

    Raises:
        InputNotFoundError, InputError: there is no such file, it is a folder, or it cannot be read.
        ProcessingError: it was written to during the block; replacing or removing it is allowed.
    """
    if path != STANDARD:
        require_file(path)
    if path != STANDARD and not is_remote(path):
        # FFmpeg would parse a relative name with a colon as a protocol.
        with contextlib.nullcontext() if may_change else _check_unchanged(path):
            yield os.path.abspath(path)
        return
    with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
        yield _save_stdin(folder) if path == STANDARD else _download(path, folder)


@contextmanager
def local_folder(path: str) -> Iterator[str]:
    """Yield a local folder with the files directly inside `path`; a remote one is copied and removed afterwards.

    Raises:
        InputNotFoundError, InputError: there is no such folder, or it is a file.
    """
    if is_file(path):
        raise InputError(f"{path}: is a file, not a folder")
    if not is_folder(path):
        raise InputNotFoundError(f"{path}: no such folder")
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
        for remote in list_files(path):
            _download(remote, folder)
        yield folder


def list_files(folder: str) -> list[str]:
    """Return the paths of the files directly inside `folder` in name order, without hidden ones."""
    if not is_remote(folder):
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_file() and not entry.name.startswith("."))
    import stow

    folder = folder.rstrip("/")
    with _remote_errors(folder):
        names = sorted(stow.basename(entry) for entry in stow.ls(folder) if stow.isfile(entry))
    return [f"{folder}/{name}" for name in names if not name.startswith(".")]


def remove_folder(path: str) -> None:
    """Remove the folder at `path` with its content, if it exists; files that cannot be removed stay."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    import stow

    with suppress(Exception):  # each store has its own error classes
        if stow.exists(path):
            stow.rm(path, recursive=True)


def upload(local: str, path: str) -> None:
    """Upload a finished result to `path`; on failure keep it on this computer and raise an error that says where."""
    import stow

    try:
        stow.put(local, path, overwrite=True)
    except Exception as error:  # each store has its own error classes
        kept = os.path.join(tempfile.mkdtemp(prefix="background-removal-"), stow.basename(path))
        os.replace(local, kept)
        raise ProcessingError(f"{path}: cannot be put there ({reason(error)}); the result is kept as {kept}") from error


@contextmanager
def _check_unchanged(path: str) -> Iterator[None]:
    before, began = os.stat(path), time.time_ns()
    yield
    try:
        after = os.stat(path)
    except OSError:
        return
    if (after.st_dev, after.st_ino) != (before.st_dev, before.st_ino):
        return
    # Some network drives report earlier writes late.
    written = after.st_mtime_ns != before.st_mtime_ns and after.st_mtime_ns >= began
    if written or after.st_size != before.st_size:
        raise SourceChangedError(
            f"{path}: has changed while it was read; its result may hold parts of both: process it again"
        )


def _save_stdin(folder: str) -> str:
    """Write standard input to a file in `folder` and return its path."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("-: nothing comes on standard input; give it a file (< photo.jpg) or a pipe")
    target = Path(folder, "stdin")
    with target.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not target.stat().st_size:
        raise InputError("-: what came on standard input is empty")
    return str(target)


def _download(path: str, folder: str) -> str:
    if is_url(path):
        return web.fetch(path, folder)
    import stow

    target = os.path.join(folder, stow.basename(path))
    with _remote_errors(path):
        stow.get(path, target)
    return target


@contextmanager
def _remote_errors(path: str) -> Iterator[None]:
    """Convert the errors of remote stores, each with its own classes, into an InputError."""
    if not is_remote(path):
        yield
        return
    scheme = path.split("://")[0]
    try:
        yield
    except ImportError as error:
        raise InputError(f"{path}: {scheme}:// needs an extra package: {install_command('remote')}") from error
    except Exception as error:
        if "find a manager" in str(error):
            hint = f"{scheme}:// is not supported, or needs an extra package: {install_command('remote')}"
            raise InputError(f"{path}: {hint}") from error
        raise InputError(f"{path}: {reason(error)}") from error
