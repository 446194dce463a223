"""Uploads and their results, in one temporary folder that only this user can read."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from background_removal.page.http_errors import PageError
from background_removal.page.settings import Limits

_FOLDER_PREFIX = "background-removal-page-"
# Disk space left free, bytes.
_MIN_FREE = 1 << 30

Kind = Literal["photo", "background", "video"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(slots=True)
class Upload:
    """An uploaded file with its results.

    Attributes:
        id: Public id; knowing it is enough to fetch the upload.
        kind: Kind of file.
        visitor: The sender; "" for the owner of this computer; their pictures are never removed.
        folder: Folder of its files.
        name: The visitor's name for it.
        width, height: Size in pixels, upright.
        busy: Whether it is being processed, and must not expire.
        used: Time of the last request for it, by `time.monotonic`.
    """

    id: str
    kind: Kind
    visitor: str
    folder: Path
    name: str
    width: int = 0
    height: int = 0
    busy: bool = False
    used: float = field(default_factory=time.monotonic)

    def path(self, name: str = "source") -> str:
        """Return the path of one of its files."""
        return str(self.folder / name)

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        total = 0
        with suppress(OSError):  # a file was removed or replaced meanwhile
            for file in self.folder.iterdir():
                total += file.stat().st_size
        return total


class Store:
    """Keeps uploads within the limits.

    Args:
        limits: Quotas.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        _remove_stale_folders(limits.keep_seconds)
        self.folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))  # with mode 0700
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def create(self, kind: Kind, visitor: str, name: str) -> Upload:
        """Return an empty upload; raises PageError if there are too many."""
        is_video = kind == "video"
        limit = self._limits.videos if is_video else self._limits.photos
        with self._lock:
            count = sum((upload.kind == "video") == is_video for upload in self._uploads.values())
            if count >= limit:
                files = "videos" if is_video else "pictures"
                raise PageError(429, f"{count} {files} are here, and no more are kept; delete some")
            upload = Upload(secrets.token_urlsafe(16), kind, visitor, self.folder, name)
            upload.folder = self.folder / upload.id
            upload.folder.mkdir(mode=0o700)
            self._uploads[upload.id] = upload
        return upload

    def check_space(self, more: int = 0) -> None:
        """Raise PageError if `more` bytes would exceed the quota or fill the disk."""
        if self.bytes + more > self._limits.stored_bytes:
            limit = self._limits.stored_bytes / (1 << 30)
            raise PageError(429, f"there is no room for it: {limit:.3g} GB are kept here, and no more; delete some")
        if shutil.disk_usage(self.folder).free - more < _MIN_FREE:
            raise PageError(507, "there is no room for it on this computer's disk; delete some")

    def add_owner_picture(self, upload_id: str, path: str) -> None:
        """Copy a picture of the owner's, as a background that is never removed."""
        upload = Upload(upload_id, "background", "", self.folder / upload_id, Path(path).name)
        upload.folder.mkdir(mode=0o700)
        shutil.copyfile(path, upload.path())
        self._uploads[upload_id] = upload

    @property
    def bytes(self) -> int:
        """Size of all uploads."""
        with self._lock:
            uploads = list(self._uploads.values())
        return sum(upload.bytes for upload in uploads)

    def get(self, upload_id: str, kind: Kind) -> Upload:
        """Return an upload of that kind; raises PageError if there is none with that id."""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.kind != kind:
            raise PageError(404, f"this {kind} is not here (any more)")
        upload.used = time.monotonic()
        return upload

    def has(self, upload_id: str, kind: Kind) -> bool:
        """Return whether there is an upload of that kind with that id."""
        upload = self._uploads.get(upload_id)
        return upload is not None and upload.kind == kind

    def list_uploads(self, visitor: str, kind: Kind) -> list[Upload]:
        """Return a visitor's uploads of that kind, oldest first."""
        with self._lock:
            return [each for each in self._uploads.values() if each.visitor == visitor and each.kind == kind]

    def count(self, kind: Kind) -> int:
        """Return the number of uploads of that kind."""
        with self._lock:
            return sum(upload.kind == kind for upload in self._uploads.values())

    def remove(self, upload_id: str) -> None:
        """Remove an upload and its results, if it is there."""
        with self._lock:
            upload = self._uploads.pop(upload_id, None)
        if upload is not None:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def touch(self) -> None:
        """Mark the folder as in use, so that no other page takes it for a killed program's."""
        with suppress(OSError):
            os.utime(self.folder)

    def list_expired(self) -> list[str]:
        """Return the ids of uploads without a request for `Limits.keep_seconds`."""
        end = time.monotonic() - self._limits.keep_seconds
        with self._lock:
            return [each.id for each in self._uploads.values() if each.visitor and not each.busy and each.used < end]

    def close(self) -> None:
        """Remove everything; calling it again does nothing."""
        self._uploads.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_stale_folders(seconds: float) -> None:
    """Remove folders of killed programs that were last touched more than `seconds` ago."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            is_ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if is_ours and stat.S_ISDIR(found.st_mode) and found.st_mtime < time.time() - seconds:
                shutil.rmtree(folder, ignore_errors=True)
