"""Read request bodies with limits on size, silence and rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from background_removal.page.http_errors import PageError

# Longest pause of a sender, seconds.
SILENCE_SECONDS = 10.0
# Lowest average rate of a sender, bytes a second.
_MIN_RATE = 8 << 10
# Time before the rate counts, seconds.
GRACE_SECONDS = 20.0
# Time for which a body that is too large is read on, seconds; browsers show no answer while they still send.
_DRAIN_SECONDS = 2.0
# Size of a JSON body, bytes.
MAX_JSON_BYTES = 64 << 10
# Size of a form around its file, bytes.
_MAX_FORM_BYTES = 64 << 10
# Size of one write to the disk, bytes.
_WRITE_BYTES = 1 << 20


async def read_body(request: Request, max_bytes: int, noun: str) -> bytes:
    """Return a request's body; raises PageError if it has more than `max_bytes`, or arrives too slowly."""
    return b"".join([chunk async for chunk in _read_chunks(request, max_bytes, noun)])


async def save_body(
    request: Request, path: str, max_bytes: int, noun: str, check_space: Callable[[int], object] = lambda more: None
) -> None:
    """Write a request's body to a file.

    Args:
        request: The request.
        path: The file.
        max_bytes: Largest size.
        noun: The body's name in messages, "a photo" for instance.
        check_space: Raises PageError if that number of bytes cannot be stored.

    Raises:
        PageError: the body is too large, empty, too slow, or cannot be stored.
    """
    check_space(announced_bytes(request))
    size, pending = 0, bytearray()
    with Path(path).open("wb") as file:
        async for chunk in _read_chunks(request, max_bytes, noun):
            pending += chunk
            size += len(chunk)
            if len(pending) >= _WRITE_BYTES:
                await _write(file, pending)
                pending = bytearray()
                check_space(0)
        await _write(file, pending)
    if not size:
        raise PageError(400, f"{noun}: nothing was sent; send the file as the body")


async def save_file_and_fields(
    request: Request, path: str, max_bytes: int, noun: str, check_space: Callable[[int], object], second: str = ""
) -> tuple[str, dict[str, str]]:
    """Write a form's file, or else the whole body, to a file; return the file's name and the form's fields.

    Args:
        request: The request.
        path: The file.
        max_bytes: Largest size.
        noun: The body's name in messages.
        check_space: As for `save_body`.
        second: Name of a field that may be a second file; it is written beside the first one under that name.

    Raises:
        PageError: as `save_body` does; or the form has no file.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        await save_body(request, path, max_bytes, noun, check_space)
        return "", {}
    check_space(announced_bytes(request))
    # The parser keeps up to a megabyte of a part in memory, the rest in an unnamed file.
    chunks = _read_chunks(request, max_bytes + _MAX_FORM_BYTES, noun)
    try:
        form = await MultiPartParser(request.headers, chunks, max_files=2 if second else 1, max_fields=20).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise PageError(400, f"this form cannot be read: {getattr(error, 'message', error)}") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.size:
            raise PageError(400, 'the form must have a picture in the field "file"')
        await _copy(file, Path(path))
        if second and isinstance(other := form.get(second), UploadFile):
            await _copy(other, Path(path).with_name(second))
        return file.filename or "", {name: value for name, value in form.items() if isinstance(value, str)}
    finally:
        await form.close()


async def _copy(file: UploadFile, path: Path) -> None:
    with path.open("wb") as kept:
        while data := await file.read(_WRITE_BYTES):
            await _write(kept, data)


async def _write(file: Any, data: bytearray | bytes) -> None:
    try:
        await asyncio.to_thread(file.write, data)
    except OSError as error:
        raise PageError(507, f"it cannot be kept here: {error.strerror}") from error


async def _read_chunks(request: Request, max_bytes: int, noun: str) -> AsyncGenerator[bytes, None]:
    too_large = PageError(413, f"{noun} may have {_size_text(max_bytes)} at most")
    if announced_bytes(request) > max_bytes:
        await _drain(request)
        raise too_large
    stream = request.stream()
    start, size = time.monotonic(), 0
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream, None), SILENCE_SECONDS)
        except asyncio.TimeoutError:
            raise PageError(408, f"{noun} did not arrive: nothing came for {SILENCE_SECONDS:g} s") from None
        except ClientDisconnect:
            raise PageError(400, f"{noun} did not arrive whole") from None
        if chunk is None:
            return
        size += len(chunk)
        seconds = time.monotonic() - start
        if seconds > GRACE_SECONDS and size < _MIN_RATE * seconds:
            raise PageError(408, f"{noun} did not arrive: it came too slowly")
        if size > max_bytes:
            await _drain(request, stream)
            raise too_large
        yield chunk


def announced_bytes(request: Request) -> int:
    """Return a request's Content-Length, 0 without one."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() else 0


async def _drain(request: Request, stream: Any = None) -> None:
    stream = stream or request.stream()
    end = time.monotonic() + _DRAIN_SECONDS
    try:
        while time.monotonic() < end and await asyncio.wait_for(anext(stream, None), _DRAIN_SECONDS) is not None:
            pass
    except (asyncio.TimeoutError, ClientDisconnect):
        pass


def _size_text(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} KB"
