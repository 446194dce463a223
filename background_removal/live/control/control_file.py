"""The address of a run that can be controlled: a file with its port and token, which only its user can read."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Address:
    """Address of a run's control interface.

    Attributes:
        port: TCP port on this computer.
        token: Required in every request.
    """

    port: int
    token: str


def write_address(address: Address) -> Path:
    """Write the file of a run, readable by its user only, and return its path; raise OSError if that fails."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"control-{address.port}.json"
    path.unlink(missing_ok=True)  # an existing file may be readable by others, or a link
    # Windows has no such modes; the folder belongs to the user there.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"port": address.port, "token": address.token}, file)
    return path


def addresses() -> list[Address]:
    """Return the addresses of this user's runs, including those of killed runs."""
    found = []
    for path in sorted(_folder().glob("control-*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(path.read_text(encoding="utf-8"))
            found.append(Address(int(values["port"]), str(values["token"])))
    return found


def _folder() -> Path:
    """Return the user's runtime folder, or else the cache folder."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        given = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME")
        base = Path(given or Path.home() / ".cache")
    return base / "background-removal"
