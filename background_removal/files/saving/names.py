"""File names too long for their file system, as they are or with the additions of unfinished results."""

from __future__ import annotations

import errno
import itertools
import os
import zlib
from collections.abc import Callable

from background_removal.errors import InputError
from background_removal.files.storage import is_remote

# Windows' error codes for names that are too long: ERROR_INVALID_NAME and ERROR_FILENAME_EXCED_RANGE.
_WINDOWS_NAME_ERRORS = (123, 206)
# Longest file name, bytes; the limit of most Linux file systems (macOS and Windows count characters, at most as many).
_MAX_NAME_BYTES = 255
# Longest addition to a name, bytes: ".whole." and ".unfinished-999".
_ADDITION_BYTES = 22
# The same with "_recovered" or a number before it, bytes.
_DOUBLE_ADDITION_BYTES = 40


def check_name(path: str, *others: str) -> None:
    """Refuse a local path that is too long for its file system, in bytes or in characters as that counts them.

    Args:
        path: Where a result is to go.
        others: Its names while it is unfinished or when it is incomplete.

    Raises:
        InputError: one of them is too long.
    """
    for name in (path, *others):
        absolute = os.path.abspath(name)
        folder = _existing_folder(absolute)
        rest = os.path.relpath(absolute, folder).split(os.sep)
        # Each name is checked on its own: in a folder that does not exist the system checks none.
        for part in (*(os.path.join(folder, last) for last in rest), absolute):
            try:
                os.lstat(part)
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG or getattr(error, "winerror", 0) in _WINDOWS_NAME_ERRORS:
                    cause = "" if name == path else ": until it is complete some 20 letters are added"
                    raise InputError(f"{path}: the name is too long for its disk{cause}; give a shorter one") from None


def shorten_name(path: str) -> str:
    """Shorten the name of a local path that would be too long with an addition before its suffix.

    The end of the stem gives way to a checksum of the whole name, so that names with the same beginning stay distinct.

    >>> shorten_name("clips/a_out.mp4")
    'clips/a_out.mp4'
    >>> shorten_name("clips/" + 250 * "a" + ".mp4") == "clips/" + 202 * "a" + "~2ea50800.mp4"
    True
    """
    folder, name = os.path.split(path)
    longest = min(_MAX_NAME_BYTES, _max_name_bytes(folder))
    if is_remote(path) or len(os.fsencode(name)) <= longest - _ADDITION_BYTES:
        return path
    stem, suffix = os.path.splitext(name)
    suffix = f"~{zlib.crc32(os.fsencode(name)):08x}{suffix}"
    while stem and len(os.fsencode(stem + suffix)) > longest - _DOUBLE_ADDITION_BYTES:
        stem = stem[:-1]
    return os.path.join(folder, stem + suffix)


def free_name(
    path: str,
    exists: Callable[[str], bool] = os.path.lexists,
    *,
    suffix: str | None = None,
    separator: str = "_",
) -> str:
    """Return `path`, or if it exists the first numbered path that does not.

    Args:
        path: The desired path, local or remote.
        exists: Returns whether a path is taken.
        suffix: End of `path` that stays behind the number; None for the suffix of the file.
        separator: Written before the number.

    >>> free_name("a/clip.mp4", {"a/clip.mp4", "a/clip_2.mp4"}.__contains__)
    'a/clip_3.mp4'
    >>> free_name("v1.2", {"v1.2"}.__contains__, suffix="", separator="-")
    'v1.2-2'
    """
    if not exists(path):
        return path
    short = shorten_name(path)
    suffix = os.path.splitext(short)[1] if suffix is None else suffix
    stem = short.removesuffix(suffix)
    numbered = (f"{stem}{separator}{number}{suffix}" for number in itertools.count(2))
    return next(name for name in numbered if not exists(name))


def _max_name_bytes(folder: str) -> int:
    """Return the longest file name, in bytes, in a folder that need not exist yet."""
    try:
        return os.pathconf(_existing_folder(os.path.abspath(folder)), "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return _MAX_NAME_BYTES


def _existing_folder(path: str) -> str:
    """Return the innermost existing folder of an absolute path."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
