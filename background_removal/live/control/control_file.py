"""Where a run that can be controlled is found: a file that only its user can read names its port and its token."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """Where a run takes actions.

    Attributes:
        port: Of this computer, TCP.
        token: Must come with every request.
    """

    port: int
    token: str


def write_address(address: Address) -> Path:
    """Write the file of a run, which nobody but its user can read, and return its path; raises OSError."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"control-{address.port}.json"
    path.unlink(missing_ok=True)  # one that another may read, or a link, is not written into
    # Windows knows no such modes; the folder is the user's own there.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"port": address.port, "token": address.token}, file)
    return path


def addresses() -> list[Address]:
    """Return where runs of this user take actions, or did when they ended without saying so."""
    found = []
    for path in sorted(_folder().glob("control-*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(path.read_text(encoding="utf-8"))
            found.append(Address(int(told["port"]), str(told["token"])))
    return found


def _folder() -> Path:
    """Return the user's folder for what lasts as long as he is logged in, or else for what can be made anew."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        told = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME")
        base = Path(told or Path.home() / ".cache")
    return base / "background-removal"
