"""Where files are: local paths and remote ones (``s3://bucket/key``), looked at through stow.

A remote input is brought into a temporary folder; an output, local or remote, is written under a temporary
name and appears under its own name only when it is complete.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from errors import InputError, InputNotFoundError, ProcessingError

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_INSTALL_REMOTE = "pip install -r requirements-remote.txt"


def is_remote(path: str) -> bool:
    """Tell whether `path` is a URL such as ``s3://bucket/key`` rather than a local path.

    >>> is_remote("s3://bucket/clip.mp4"), is_remote("clip.mp4"), is_remote("C:/clip.mp4")
    (True, False, False)
    """
    return _REMOTE.match(path) is not None


def is_file(path: str) -> bool:
    """Tell whether a file exists at `path`. Raises InputError if a remote path cannot be asked."""
    store, path = _locate(path)
    with _remote_errors(path):
        return bool(store.exists(path) and store.isfile(path))


def is_folder(path: str) -> bool:
    """Tell whether a folder exists at `path`. Raises InputError if a remote path cannot be asked."""
    store, path = _locate(path)
    with _remote_errors(path):
        return bool(store.exists(path) and store.isdir(path))


def extension(path: str) -> str:
    """Return the suffix of `path` in lower case without the dot, "" if there is none.

    >>> extension("My clip.mp4.MP4"), extension("s3://bucket/a.b/photo")
    ('mp4', '')
    """
    import stow

    return stow.extension(path).lower()


def require_file(path: str) -> None:
    """Raise InputNotFoundError or InputError unless `path` is a file that can be read and is not empty."""
    if is_folder(path):
        raise InputError(f"{path}: is a folder, not a file")
    if not is_file(path):
        raise InputNotFoundError(f"{path}: no such file")
    if not is_remote(path):
        if not os.access(path, os.R_OK):
            raise InputError(f"{path}: no permission to read it")
        if os.path.getsize(path) == 0:
            raise InputError(f"{path}: the file is empty")


def result_path(path: str, tag: str, suffix: str = "") -> str:
    """Name the result beside `path`: `tag` goes before the last suffix, which `suffix` replaces if given.

    >>> result_path("shots/a.mp4.MP4", "out")
    'shots/a.mp4_out.MP4'
    >>> result_path("clip.avi", "out", ".mp4")
    'clip_out.mp4'
    """
    stem, dot_suffix = os.path.splitext(path)
    return f"{stem}_{tag}{suffix or dot_suffix}"


@contextmanager
def local_file(path: str) -> Iterator[str]:
    """Yield a local path with the content of the file at `path`; a remote one is brought and removed after.

    Raises:
        InputNotFoundError, InputError: there is no such file, it is a folder, or it cannot be read.
    """
    require_file(path)
    if not is_remote(path):
        # FFmpeg takes what stands before a colon in a relative name for a protocol.
        yield os.path.abspath(path)
        return
    with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
        yield _download(path, folder)


@contextmanager
def local_folder(path: str) -> Iterator[str]:
    """Yield a local folder with the files directly inside `path`; a remote one is brought and removed after.

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
    """Return the paths of the files directly inside `folder` in name order, hidden ones left out."""
    store, folder = _locate(folder)
    with _remote_errors(folder):
        names = sorted(store.basename(entry) for entry in store.ls(folder) if _is_listed_file(store, entry))
    return [f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name) for name in names]


def check_output(path: str, source: str) -> None:
    """Refuse an output that could not be written, or that would replace its own `source`, "" if it has none.

    Raises:
        InputError: `path` is the source, a folder or a device, or lies in a folder that cannot be written.
        InputNotFoundError: the folder (or bucket) of `path` does not exist.
    """
    if is_remote(path):
        if path == source:
            raise InputError(f"{path}: the output is the input; give another --output")
        bucket = "/".join(path.split("/")[:3])
        if not is_folder(bucket):
            raise InputNotFoundError(f"{path}: no such bucket")
        return
    if source and not is_remote(source) and os.path.exists(path) and os.path.samefile(path, source):
        raise InputError(f"{path}: the output is the input; give another --output")
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give the name of a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is not an ordinary file")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputNotFoundError(f"{path}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: no permission to write in {folder}")


def make_folder(path: str) -> None:
    """Make a local folder, and those above it, unless it exists. Raises InputError if it cannot be made."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: the folder cannot be made: {error.strerror}") from error


@contextmanager
def staged_output(path: str) -> Iterator[str]:
    """Yield a temporary local path, with the suffix of `path`, for the caller to write a file at.

    When the block ends well the file appears at `path`, atomically where it is local; when it raises, or
    wrote nothing, the temporary file is removed and whatever was at `path` stays.

    Raises:
        ProcessingError: the finished file could not be put in its place.
    """
    suffix = os.path.splitext(path)[1]
    if is_remote(path):
        with tempfile.TemporaryDirectory(prefix="background-removal-") as folder:
            staged = os.path.join(folder, f"result{suffix}")
            yield staged
            if os.path.exists(staged):
                _upload(staged, path)
        return
    # The link's target is replaced, not the link.
    target = Path(os.path.realpath(path))
    staged = str(target.with_name(f".{target.stem[:20]}.{secrets.token_hex(4)}.part{suffix}"))
    try:
        yield staged
        if os.path.exists(staged):
            try:
                os.replace(staged, target)
            except OSError as error:
                raise ProcessingError(f"{path}: cannot be replaced: {error.strerror}") from error
    finally:
        if os.path.exists(staged):
            os.remove(staged)


def check_output_folder(path: str) -> None:
    """Refuse a folder for results that cannot be made, or that holds something that they would mix with.

    Raises:
        InputError: `path` is a file, is remote, is not empty, or lies where nothing can be written.
        InputNotFoundError: the folder that it is to be made in does not exist.
    """
    if is_remote(path):
        raise InputError(f"{path}: a sequence of pictures can only be written to this computer")
    folder = os.path.abspath(path)
    if os.path.isdir(folder):
        if os.listdir(folder):
            raise InputError(f"{path}: the folder is not empty; give a new one")
    elif os.path.exists(folder):
        raise InputError(f"{path}: is not a folder")
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        raise InputNotFoundError(f"{path}: the folder {above} does not exist; create it first")
    if not os.access(above, os.W_OK):
        raise InputError(f"{path}: no permission to write in {above}")


@contextmanager
def staged_folder(path: str) -> Iterator[str]:
    """Yield a temporary local folder that becomes the folder `path` when the block ends well.

    When the block raises the temporary folder is removed.

    Raises:
        ProcessingError: the finished folder could not be put in its place.
    """
    target = Path(os.path.realpath(path))
    staged = target.with_name(f".{target.name[:20]}.{secrets.token_hex(4)}.part")
    staged.mkdir()
    try:
        yield str(staged)
        try:
            if target.is_dir():  # an empty one
                target.rmdir()
            staged.rename(target)
        except OSError as error:
            raise ProcessingError(f"{path}: cannot be put in place: {error.strerror}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _locate(path: str) -> tuple[Any, str]:
    """Return the stow manager that answers for `path`, and the path to ask it for.

    stow reads every path as a URL, so that "#", "?", ";" and "name: x" in a local name would be lost:
    local paths go to its file-system manager as absolute ones.
    """
    import stow

    if is_remote(path):
        return stow, path.rstrip("/")
    return stow.connect("FS"), os.path.abspath(path)


def _is_listed_file(store: Any, entry: Any) -> bool:
    return store.isfile(entry) and not store.basename(entry).startswith(".")


def _upload(local: str, path: str) -> None:
    """Put a finished result at `path`; when that fails it is kept on this computer, and the error says where."""
    import stow

    try:
        stow.put(local, path, overwrite=True)
    except Exception as error:  # each store has classes of its own
        kept = os.path.join(tempfile.mkdtemp(prefix="background-removal-"), stow.basename(path))
        os.replace(local, kept)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProcessingError(f"{path}: cannot be put there ({reason}); the result is kept as {kept}") from error


def _download(path: str, folder: str) -> str:
    import stow

    target = os.path.join(folder, stow.basename(path))
    with _remote_errors(path):
        stow.get(path, target)
    return target


@contextmanager
def _remote_errors(path: str) -> Iterator[None]:
    """Turn whatever a remote store raises, each with classes of its own, into an InputError."""
    if not is_remote(path):
        yield
        return
    scheme = path.split("://")[0]
    try:
        yield
    except ImportError as error:
        raise InputError(f"{path}: {scheme}:// needs an extra package: {_INSTALL_REMOTE}") from error
    except Exception as error:
        if "find a manager" in str(error):
            hint = f"{scheme}:// is not supported, or needs an extra package: {_INSTALL_REMOTE}"
            raise InputError(f"{path}: {hint}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: {reason}") from error
