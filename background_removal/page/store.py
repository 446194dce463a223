"""What visitors have sent, and what became of it: one folder of this user's alone, emptied again."""

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
from typing import Literal

from background_removal.page.http_errors import PageError
from background_removal.page.settings import Limits

_PREFIX = "background-removal-page-"
# So much of the disk is left to everything else, in bytes.
_MIN_FREE = 1 << 30

Kind = Literal["photo", "background", "video"]


@dataclass(slots=True)
class Item:
    """One thing that a visitor has sent, with all that is made of it.

    Attributes:
        id: What it is called from outside; whoever knows it may have it.
        kind: What it is.
        visitor: Who sent it; "" for the owner of this computer, whose things stay.
        folder: Where its files are.
        name: What the visitor calls it.
        width, height: Of the picture in pixels, upright.
        busy: Whether it is worked on, and cannot be removed for its age.
        used: When it was last asked for, by `time.monotonic`.
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
        """How much all its files take."""
        total = 0
        with suppress(OSError):  # one that has just been removed, or put in its place
            for file in self.folder.iterdir():
                total += file.stat().st_size
        return total


class Store:
    """Keeps what visitors have sent, as far as the limits go.

    Args:
        limits: How much is kept, and for how long.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        _remove_left(limits.keep_seconds)
        # mkdtemp gives it to this user alone (0700).
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._items: dict[str, Item] = {}
        self._lock = threading.Lock()

    def new(self, kind: Kind, visitor: str, name: str) -> Item:
        """Return a place for something; raises PageError if there is no room for it."""
        videos = kind == "video"
        most = self._limits.videos if videos else self._limits.photos
        with self._lock:
            there = sum((item.kind == "video") == videos for item in self._items.values())
            if there >= most:
                what = "videos" if videos else "pictures"
                raise PageError(429, f"{there} {what} are here, and no more are kept; delete some")
            item = Item(secrets.token_urlsafe(16), kind, visitor, self.folder, name)
            item.folder = self.folder / item.id
            item.folder.mkdir(mode=0o700)
            self._items[item.id] = item
        return item

    def check_room(self, more: int = 0) -> None:
        """Raise PageError if there is no room for so many more bytes: in the limits, or on the disk."""
        if self.bytes + more > self._limits.stored_bytes:
            most = self._limits.stored_bytes / (1 << 30)
            raise PageError(429, f"there is no room for it: {most:.3g} GB are kept here, and no more; delete some")
        if shutil.disk_usage(self.folder).free - more < _MIN_FREE:
            raise PageError(507, "there is no room for it on this computer's disk; delete some")

    def keep_file(self, item_id: str, path: str) -> None:
        """Let a picture of the owner's be asked for as a background, for as long as the page is served."""
        item = Item(item_id, "background", "", self.folder / item_id, Path(path).name)
        item.folder.mkdir(mode=0o700)
        shutil.copyfile(path, item.path())
        self._items[item_id] = item

    @property
    def bytes(self) -> int:
        """How much is kept."""
        with self._lock:
            items = list(self._items.values())
        return sum(item.bytes for item in items)

    def get(self, item_id: str, *kinds: Kind) -> Item:
        """Return what has that id; raises PageError if it is not there, or something else."""
        item = self._items.get(item_id)
        if item is None or item.kind not in kinds:
            raise PageError(404, f"this {kinds[0]} is not here (any more)")
        item.used = time.monotonic()
        return item

    def has(self, item_id: str, kind: Kind) -> bool:
        """Tell whether something of that kind has that id."""
        item = self._items.get(item_id)
        return item is not None and item.kind == kind

    def of(self, visitor: str, kind: Kind) -> list[Item]:
        """Return what a visitor has sent, in that order."""
        with self._lock:
            return [item for item in self._items.values() if item.visitor == visitor and item.kind == kind]

    def remove(self, item_id: str) -> None:
        """Remove something, if it is there, and all that was made of it."""
        with self._lock:
            item = self._items.pop(item_id, None)
        if item is not None:
            shutil.rmtree(item.folder, ignore_errors=True)

    def stay(self) -> None:
        """Say that it is still in use: one that has not said so for long was left by a program that was killed."""
        with suppress(OSError):
            os.utime(self.folder)

    def old(self) -> list[str]:
        """Return the ids of what nobody has asked for during the time that things are kept."""
        end = time.monotonic() - self._limits.keep_seconds
        with self._lock:
            return [item.id for item in self._items.values() if item.visitor and not item.busy and item.used < end]

    def close(self) -> None:
        """Remove everything; calling it again does nothing."""
        self._items.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def _remove_left(seconds: float) -> None:
    """Remove what programs that were killed have left of their visitors' things, after that time."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
            if mine and stat.S_ISDIR(found.st_mode) and found.st_mtime < time.time() - seconds:
                shutil.rmtree(folder, ignore_errors=True)
