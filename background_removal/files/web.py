"""Web downloads: fetch a file that the user has named by its address (``https://...``) through pooch."""

from __future__ import annotations

import os
import time
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from background_removal.errors import InputError, InputNotFoundError, reason

# Largest download, MB; more than any camera's picture, and small enough for a temporary folder in memory.
MAX_MB = 100
# Timeout for connecting and between two packets, seconds.
TIMEOUT_SECONDS = 15
# Timeout for the whole download, seconds; 100 MB at 1.4 Mbit/s.
MAX_FETCH_SECONDS = 600
# Characters that some file system forbids in names.
_FORBIDDEN_CHARACTERS = '<>:"/\\|?*'
# Longest file name, characters; the end of a longer one is kept.
_MAX_NAME_LENGTH = 100


def fetch(url: str, folder: str) -> str:
    """Download a file into a local folder and return its path there.

    Raises:
        InputNotFoundError: the server has no such file.
        InputError: it cannot be fetched, is larger than MAX_MB, or takes too long.
    """
    import pooch
    from requests import exceptions

    path = os.path.join(folder, file_name(url))
    download = pooch.HTTPDownloader(
        timeout=TIMEOUT_SECONDS,
        hooks={"response": lambda answer, **_: _check_size(url, int(answer.headers.get("Content-Length") or 0))},
        headers={"User-Agent": "BackgroundRemoval"},
    )
    try:
        with Path(path).open("wb") as file:
            download(url, _LimitedFile(url, file), None)
    except InputError:
        raise
    except exceptions.HTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        known = HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else "an error"
        kind = InputNotFoundError if code in (404, 410) else InputError
        raise kind(f"{url}: the server answers {code} ({known})") from error
    except exceptions.Timeout as error:
        raise InputError(f"{url}: no answer within {TIMEOUT_SECONDS} seconds") from error
    except exceptions.SSLError as error:
        raise InputError(f"{url}: the server does not prove who it is (TLS)") from error
    except exceptions.ConnectionError as error:
        raise InputError(f"{url}: the server cannot be reached, or has hung up") from error
    except (exceptions.RequestException, ValueError, OSError) as error:  # a bad URL, too many redirects, a full disk
        raise InputError(f"{url}: cannot be fetched ({reason(error)})") from error
    if not os.path.getsize(path):
        raise InputError(f"{url}: the file is empty")
    return path


def file_name(url: str) -> str:
    """Return the file name in a web address, valid on every file system; raises InputError if it is no address.

    >>> file_name("https://example.org/a/My%20photo.jpg?size=large"), file_name("https://example.org/")
    ('My photo.jpg', 'example.org')
    >>> file_name("https://example.org/..%2F..%5Cpasswd")
    '_.._passwd'
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise InputError(f"{url}: is no web address ({error})") from error
    name = urllib.parse.unquote(parts.path.rstrip("/").rpartition("/")[2]).strip(" .")
    name = name or parts.hostname or "image"
    valid = ("_" if char in _FORBIDDEN_CHARACTERS or not char.isprintable() else char for char in name)
    return "".join(valid)[-_MAX_NAME_LENGTH:]


class _LimitedFile:
    """A file that raises when it grows too large or the download takes too long."""

    def __init__(self, url: str, file: BinaryIO) -> None:
        self._url = url
        self._file = file
        self._size = 0
        self._deadline = time.monotonic() + MAX_FETCH_SECONDS

    def write(self, data: bytes) -> None:
        self._size += len(data)
        _check_size(self._url, self._size)
        if time.monotonic() > self._deadline:
            raise InputError(f"{self._url}: not all of it came within {MAX_FETCH_SECONDS // 60} minutes")
        self._file.write(data)

    def flush(self) -> None:
        """Do nothing: pooch calls it after every kilobyte."""


def _check_size(url: str, size: int) -> None:
    if size > MAX_MB * 1_000_000:
        raise InputError(f"{url}: is larger than {MAX_MB} MB; fetch it by other means")
