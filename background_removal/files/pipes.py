"""Standard input and output: the kind of what comes in, and results that go out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from background_removal.errors import InputError
from background_removal.support.stderr import redirect_fd

# First bytes of a Y4M (FFmpeg's yuv4mpegpipe).
Y4M_MAGIC = b"YUV4MPEG2 "
VIDEO_MESSAGE = (
    "-: videos come through standard input as Y4M only (ffmpeg -i FILE -f yuv4mpegpipe -); give others as files"
)
_STDOUT, _STDERR = 1, 2


def peek_stdin() -> bytes:
    """Return the first bytes that wait on standard input, without taking them; waits for the first one.

    Empty at the end of the input, and for a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    peek = getattr(sys.stdin.buffer, "peek", None)  # a program may have replaced standard input
    try:
        return b"" if peek is None else peek(1)
    except OSError:
        return b""


def stdin_has_y4m() -> bool:
    """Return whether a Y4M comes on standard input, of which nothing has been read yet.

    Its first byte decides if no others have come; no image begins with it.
    """
    head = peek_stdin()[: len(Y4M_MAGIC)]
    return bool(head) and Y4M_MAGIC.startswith(head)


@contextmanager
def redirect_stdout() -> Iterator[BinaryIO]:
    """Send everything printed, by libraries and child processes too, to standard error.

    Yields:
        The standard output for the result, without a buffer.

    Raises:
        InputError: there is no standard output.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    with ExitStack() as stack:
        try:
            output = stack.enter_context(os.fdopen(os.dup(_STDOUT), "wb", buffering=0))
            stack.enter_context(redirect_fd(_STDOUT, _STDERR))
        except OSError as error:
            raise InputError(f"`output_path` -: there is no standard output ({error.strerror})") from error
        if sys.stdout is not None:
            stack.callback(sys.stdout.flush)
        yield output
