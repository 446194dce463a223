"""Files that belong to a run that is still alive, told from those that a dead one has left."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

# By which a folder is held.
ENTRY = ".lock"


class FileLock:
    """A hold on a file for as long as this process lives; systems let go of it when the process dies, however.

    On Windows an open file is hold enough: it cannot be renamed or removed. Elsewhere it is an advisory lock.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    def sync(self) -> None:
        """Wait until the disk has what was written; a system that cannot tell is believed."""
        if self._handle is not None:
            with suppress(OSError):
                os.fsync(self._handle)

    def release(self) -> None:
        """Let go; calling it again does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def remove(self) -> None:
        """Remove the file, and let go; does nothing once it has been let go."""
        if self._handle is None:
            return
        if os.name == "nt":
            self.release()
        with suppress(OSError):
            os.remove(self.path)
        self.release()


def lock_file(path: str, *, new: bool = False) -> FileLock | None:
    """Take hold of a file.

    Args:
        path: The file.
        new: Make it; else it must exist.

    Returns:
        None where another run has it, where `new` finds one and where there is none otherwise.

    Raises:
        OSError: a new file cannot be made.
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        if os.name == "nt" and not new:
            os.rename(path, path + ".claimed")  # fails for a file that is open
            os.rename(path + ".claimed", path)
        handle = os.open(path, flags | (os.O_CREAT | os.O_EXCL if new else 0), 0o666)
    except OSError as error:
        if new and not isinstance(error, FileExistsError):
            raise
        return None
    if _locked(handle) and _is_still(path, handle):
        return FileLock(path, handle)
    os.close(handle)
    # Where there are no locks nobody can take a new file for a dead run's.
    return FileLock(path, os.open(path, flags)) if new and os.path.exists(path) else None


def lock_folder(folder: str, *, new: bool = False) -> FileLock | None:
    """Take hold of a folder of files, by a file in it; as `lock_file`.

    Raises:
        OSError: a new one cannot be made.
    """
    if new:
        try:
            os.mkdir(folder)
        except FileExistsError:
            return None
    return lock_file(os.path.join(folder, ENTRY), new=new)


def remove_folder(folder: str, hold: FileLock) -> None:
    """Remove a folder that is held."""
    hold.release()
    shutil.rmtree(folder, ignore_errors=True)


def sync_file(path: str) -> None:
    """Wait until the disk has what was written to a file."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another run, or a file system without locks: nobody can tell whose it is
        return False
    return True


def _is_still(path: str, handle: int) -> bool:
    """Tell whether a file is still at its place: another run may have removed it between opening and locking."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except OSError:
        return False
