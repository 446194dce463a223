"""Names of local files that are long enough for their file system to refuse them, as they are or with an addition."""

from __future__ import annotations

import errno
import os
import zlib

from background_removal.errors import InputError
from background_removal.files.storage import is_remote

# ERROR_INVALID_NAME and ERROR_FILENAME_EXCED_RANGE, which is what Windows says of names that are too long.
_TOO_LONG = (123, 206)
# Bytes: the limit of most file systems for Linux. Those of macOS and Windows count letters, of which there are fewer.
_LONGEST = 255
# What is added at the most: ".whole." and ".unfinished-999"; and with "_recovered" or a number before that.
_ADDED, _ADDED_TWICE = 22, 40


def check_name(path: str, *others: str) -> None:
    """Refuse a local path that is too long for its file system, in bytes or in characters as that counts them.

    Args:
        path: Where a result is to go.
        others: What it is called meanwhile, or when it is not complete.

    Raises:
        InputError: one of them is too long.
    """
    for name in (path, *others):
        place = os.path.abspath(name)
        folder = _existing(place)
        rest = os.path.relpath(place, folder).split(os.sep)
        # In folders that do not exist yet a name is not looked at.
        for part in (*(os.path.join(folder, last) for last in rest), place):
            try:
                os.lstat(part)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG or getattr(error, "winerror", 0) in _TOO_LONG:
                    meant = "" if name == path else ": until it is complete some 20 letters are added"
                    raise InputError(f"{path}: the name is too long for its disk{meant}; give a shorter one") from None


def shortened(path: str) -> str:
    """Return a path whose name leaves room for what is added to it before its suffix.

    Of a local one that is too long the end of the name, less the suffix, gives way to a number that tells it from
    others that begin alike; it is always the same.

    >>> shortened("clips/a_out.mp4")
    'clips/a_out.mp4'
    >>> shortened("clips/" + 250 * "a" + ".mp4") == "clips/" + 202 * "a" + "~2ea50800.mp4"
    True
    """
    folder, name = os.path.split(path)
    longest = min(_LONGEST, _limit(folder))
    if is_remote(path) or len(os.fsencode(name)) <= longest - _ADDED:
        return path
    stem, suffix = os.path.splitext(name)
    suffix = f"~{zlib.crc32(os.fsencode(name)):08x}{suffix}"
    while stem and len(os.fsencode(stem + suffix)) > longest - _ADDED_TWICE:
        stem = stem[:-1]
    return os.path.join(folder, stem + suffix)


def _limit(folder: str) -> int:
    """Return how many bytes the name of a file in a folder, which need not exist yet, may have."""
    try:
        return os.pathconf(_existing(os.path.abspath(folder)), "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return _LONGEST


def _existing(place: str) -> str:
    """Return the innermost folder of an absolute path that exists."""
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    return place
