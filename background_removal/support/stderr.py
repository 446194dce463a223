"""Capture or silence output of C libraries on standard error, which bypasses Python."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

_STDERR = 2
_capturing = threading.Lock()


def silence_opencv() -> None:
    """Silence OpenCV's log where it is loaded later, here or in a child process.

    A value already in the environment is kept. FFmpeg, ONNX Runtime and SVT-AV1 are silenced where they are used.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


@contextmanager
def capture_stderr() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the lines written to standard error's descriptor.

    One block at a time is captured; others wait. Lines of other threads are included.
    """
    lines: list[str] = []
    with _capturing, tempfile.TemporaryFile() as file:
        redirection = ExitStack()
        with suppress(OSError):  # a program without a console has no standard error
            redirection.enter_context(redirect_fd(_STDERR, file.fileno()))
        try:
            with redirection:
                yield lines
        finally:
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard everything written to standard error's descriptor, by C code and child processes too."""
    sys.stderr.flush()
    with Path(os.devnull).open("w") as nowhere, redirect_fd(_STDERR, nowhere.fileno()):
        yield


@contextmanager
def redirect_fd(fd: int, to: int) -> Iterator[None]:
    """Redirect a file descriptor to another one; raises OSError if either is closed."""
    with restore_fd(fd):
        os.dup2(to, fd)
        yield


@contextmanager
def restore_fd(fd: int) -> Iterator[None]:
    """Restore a file descriptor after code that may redirect it; raises OSError if it is closed."""
    original = os.dup(fd)
    try:
        yield
    finally:
        os.dup2(original, fd)
        os.close(original)


@contextmanager
def silence_c_stderr() -> Iterator[None]:
    """Discard what C code of any thread prints through its `stderr`.

    Output to the descriptor itself, as from Python and child processes, is kept. Works only with the GNU C library.
    """
    import ctypes

    libc: Any = None if os.name == "nt" else ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        yield
        return
    stream = ctypes.c_void_p.in_dll(libc, "stderr")
    libc.fopen.restype = ctypes.c_void_p
    nowhere, kept = libc.fopen(os.devnull.encode(), b"w"), stream.value
    stream.value = nowhere or kept
    try:
        yield
    finally:
        stream.value = kept  # the null stream stays open: a thread may be about to write to it


def write_stderr(line: str) -> None:
    """Write a captured line to standard error."""
    os.write(_STDERR, f"{line}\n".encode(errors="replace"))
