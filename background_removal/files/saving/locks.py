"""File locks: distinguish the files of a running process from the leftovers of a dead one."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

# Name of the lock file of a folder.
LOCK_NAME = ".lock"


class FileLock:
    """A lock on a file, held while this process lives; the system releases it however the process dies.

    An advisory lock; on Windows, where an open file can be neither renamed nor removed, opening it is enough.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str, handle: int) -> None:
        self.path = path
        self._handle: int | None = handle

    def sync(self) -> None:
        """Wait until everything written is on the disk, where the system supports that."""
        if self._handle is not None:
            with suppress(OSError):
                os.fsync(self._handle)

    def release(self) -> None:
        """Release the lock; further calls do nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def remove(self) -> None:
        """Remove the file and release the lock; do nothing once it is released."""
        if self._handle is None:
            return
        if os.name == "nt":
            self.release()
        with suppress(OSError):
            os.remove(self.path)
        self.release()


def lock_file(path: str, *, new: bool = False) -> FileLock | None:
    """Lock a file.

    Args:
        path: The file.
        new: Create it; otherwise it must exist.

    Returns:
        None if another process holds it, if it exists with `new`, or if it does not exist without.

    Raises:
        OSError: a new file cannot be created.
    """
    flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        if os.name == "nt" and not new:
            os.rename(path, path + ".claimed")  # fails for an open file
            os.rename(path + ".claimed", path)
        handle = os.open(path, flags | (os.O_CREAT | os.O_EXCL if new else 0), 0o666)
    except OSError as error:
        if new and not isinstance(error, FileExistsError):
            raise
        return None
    if _acquire(handle) and _is_same_file(path, handle):
        return FileLock(path, handle)
    os.close(handle)
    # No lock support: a new file cannot be mistaken for a stale one, so keep it.
    return FileLock(path, os.open(path, flags)) if new and os.path.exists(path) else None


def lock_folder(folder: str, *, new: bool = False) -> FileLock | None:
    """Lock a folder by a lock file inside it; otherwise as `lock_file`.

    Raises:
        OSError: a new one cannot be created.
    """
    if new:
        try:
            os.mkdir(folder)
        except FileExistsError:
            return None
    return lock_file(os.path.join(folder, LOCK_NAME), new=new)


def remove_folder(folder: str, lock: FileLock) -> None:
    """Release the lock of a folder and remove the folder."""
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)


def sync_file(path: str) -> None:
    """Wait until the content of a file is on the disk."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def _acquire(handle: int) -> bool:
    if os.name == "nt":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by another process, or a file system without locks: the owner is unknown
        return False
    return True


def _is_same_file(path: str, handle: int) -> bool:
    """Check that `path` is still the open file: another process may have removed it between opening and locking."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except OSError:
        return False
