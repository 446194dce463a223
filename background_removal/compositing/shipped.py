"""The shipped background pictures by name, valid in any working directory: sunset is backgrounds/4_sunset.jpg."""

from __future__ import annotations

import os
import re
from pathlib import Path

from background_removal.files.images import SUFFIXES
from background_removal.support.paths import data_folder

FOLDER = os.fspath(data_folder("backgrounds"))


def shipped_pictures() -> dict[str, str]:
    """Return the shipped pictures' paths by name, in the order of the files' numbers."""
    if not os.path.isdir(FOLDER):
        return {}
    files = [path for path in Path(FOLDER).iterdir() if path.suffix.lower() in SUFFIXES]
    return {_name(re.sub(r"^\d+_", "", path.stem)): os.fspath(path) for path in sorted(files, key=_number)}


def shipped_picture(name: str) -> str | None:
    """Return the path of the shipped picture of that name, in any case; None if there is none."""
    return shipped_pictures().get(_name(name))


def _name(text: str) -> str:
    return re.sub(r"[ _]", "-", text.lower())


def _number(path: Path) -> tuple[int, str]:
    found = re.match(r"\d+", path.name)
    return (int(found[0]) if found else 0, path.name)
