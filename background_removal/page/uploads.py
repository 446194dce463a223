"""What comes with a request, taken while it arrives: never more than may be, and never slower."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from background_removal.page.http_errors import PageError

# A sender that is silent for so long is given up, and one that has sent less than this on average after a while.
SILENCE_SECONDS = 10.0
_MIN_RATE, GRACE_SECONDS = 8 << 10, 20.0
# What is too much is read on for so long: a browser shows no answer that comes while it still sends.
_DRAINING_SECONDS = 2.0
_JSON_BYTES = 64 << 10
# Of a form around its file.
_FORM_BYTES = 64 << 10
_WRITE_BYTES = 1 << 20


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object that comes with a request, {} if nothing does; raises PageError."""
    body = await read_body(request, _JSON_BYTES, "this request")
    try:
        told = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise PageError(400, "the body must be a JSON object")
    return told


async def read_body(request: Request, most: int, what: str) -> bytes:
    """Return what comes with a request; raises PageError if that is more than `most` bytes, or comes too slowly."""
    return b"".join([chunk async for chunk in _chunks(request, most, what)])


async def save_body(
    request: Request, path: str, most: int, what: str, check_room: Callable[[int], object] = lambda more: None
) -> None:
    """Write what comes with a request to a file.

    Args:
        request: The request.
        path: The file.
        most: How many bytes there may be.
        what: What to call it.
        check_room: Raises PageError if there is no room for so many more bytes.

    Raises:
        PageError: it is too much, nothing, comes too slowly, or cannot be kept.
    """
    check_room(announced(request))
    size, waiting = 0, bytearray()
    with Path(path).open("wb") as file:
        async for chunk in _chunks(request, most, what):
            waiting += chunk
            size += len(chunk)
            if len(waiting) >= _WRITE_BYTES:
                await _written(file, waiting)
                waiting = bytearray()
                check_room(0)
        await _written(file, waiting)
    if not size:
        raise PageError(400, f"{what}: nothing was sent; send the file as the body")


async def save_file_and_fields(
    request: Request, path: str, most: int, what: str, check_room: Callable[[int], object]
) -> tuple[str, dict[str, str]]:
    """Write the file of a form, or else the whole body, to a file; return its name and the fields of the form.

    Raises:
        PageError: as `save_body` does; or it is no form with a file.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        await save_body(request, path, most, what, check_room)
        return "", {}
    check_room(announced(request))
    # Parts of a form that do not fit into a megabyte of memory go to a file without a name.
    chunks = _chunks(request, most + _FORM_BYTES, what)
    try:
        form = await MultiPartParser(request.headers, chunks, max_files=1, max_fields=20).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise PageError(400, f"this form cannot be read: {getattr(error, 'message', error)}") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.size:
            raise PageError(400, 'the form must have a picture in the field "file"')
        with Path(path).open("wb") as kept:
            while data := await file.read(_WRITE_BYTES):
                await _written(kept, data)
        return file.filename or "", {name: value for name, value in form.items() if isinstance(value, str)}
    finally:
        await form.close()


async def _written(file: Any, data: bytearray | bytes) -> None:
    try:
        await asyncio.to_thread(file.write, data)
    except OSError as error:
        raise PageError(507, f"it cannot be kept here: {error.strerror}") from error


async def _chunks(request: Request, most: int, what: str) -> AsyncGenerator[bytes, None]:
    too_much = PageError(413, f"{what} may have {_megabytes(most)} at most")
    if announced(request) > most:
        await _drain(request)
        raise too_much
    stream = request.stream()
    begun, size = time.monotonic(), 0
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream, None), SILENCE_SECONDS)
        except asyncio.TimeoutError:
            raise PageError(408, f"{what} did not arrive: nothing came for {SILENCE_SECONDS:g} s") from None
        except ClientDisconnect:
            raise PageError(400, f"{what} did not arrive whole") from None
        if chunk is None:
            return
        size += len(chunk)
        seconds = time.monotonic() - begun
        if seconds > GRACE_SECONDS and size < _MIN_RATE * seconds:
            raise PageError(408, f"{what} did not arrive: it came too slowly")
        if size > most:
            await _drain(request, stream)
            raise too_much
        yield chunk


def announced(request: Request) -> int:
    """Return how many bytes a request says that it brings, 0 if it does not say."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else 0


async def _drain(request: Request, stream: Any = None) -> None:
    stream = stream or request.stream()
    end = time.monotonic() + _DRAINING_SECONDS
    try:
        while time.monotonic() < end and await asyncio.wait_for(anext(stream, None), _DRAINING_SECONDS) is not None:
            pass
    except (asyncio.TimeoutError, ClientDisconnect):
        pass


def _megabytes(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"
