"""What libraries in C write to standard error, past Python, kept from standing beside our own messages."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STDERR = 2
_capturing = threading.Lock()


def silence_opencv() -> None:
    """Ask OpenCV, if it is loaded from now on, here or in a child process, for no messages of its own.

    What stands in the environment already is what somebody wants. FFmpeg, ONNX Runtime and SVT-AV1 are asked where
    they are used.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


@contextmanager
def capture_stderr() -> Iterator[list[str]]:
    """Yield a list in which the lines stand, once the block has ended, that came to standard error's descriptor.

    One block at a time is captured; others wait. What other threads write meanwhile is among the lines.
    """
    with _capturing:
        lines: list[str] = []
        try:
            kept = os.dup(_STDERR)
        except OSError:  # a program without a console has none
            yield lines
            return
        try:
            with tempfile.TemporaryFile() as file:
                os.dup2(file.fileno(), _STDERR)
                try:
                    yield lines
                finally:
                    os.dup2(kept, _STDERR)
                    file.seek(0)
                    lines += file.read().decode(errors="replace").splitlines()
        finally:
            os.close(kept)


@contextmanager
def silence_c_stderr() -> Iterator[None]:
    """Let what C code prints through its `stderr` go nowhere, from all threads.

    What goes to the descriptor itself, as that of Python and of child processes does, is not concerned. Only the GNU C
    library is known to let this be changed.
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
        stream.value = kept  # the other one is not closed: a thread may be about to write to it


def write_stderr(line: str) -> None:
    """Write a line that was captured to where it was meant to go."""
    os.write(_STDERR, f"{line}\n".encode(errors="replace"))
