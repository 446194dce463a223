"""The errors of this package, each with the exit code of the command line.

A message says the problem, the object and the remedy. It names parameters as in Python, in backticks:
`start_video_frame`; the command line replaces them by options: --start-frame (`cli.words`).
"""

from __future__ import annotations


def reason(error: BaseException, *, first_line: bool = False) -> str:
    """Return an error's message in one line, or the name of its class if it has none.

    Args:
        error: Any error, even one that raises when it is printed.
        first_line: Whether only the first line counts, as for libraries that append positions in their sources.

    >>> error = ValueError("no such\\nmodel")
    >>> reason(error), reason(error, first_line=True), reason(KeyError())
    ('no such model', 'no such', 'KeyError')
    """
    return _message(error, first_line) or type(error).__name__


def describe_error(error: BaseException) -> str:
    """Return an error's class and message in one line.

    >>> describe_error(ValueError("no such\\nmodel")), describe_error(KeyError())
    ('ValueError: no such model', 'KeyError')
    """
    message = _message(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _message(error: BaseException, first_line: bool = False) -> str:
    try:
        text = str(error).strip()
    except Exception:
        return ""
    return text.splitlines()[0] if text and first_line else " ".join(text.split())


class BackgroundRemovalError(Exception):
    """Base of all errors with a one-line message for the user; `exit_code` is that of the command line."""

    exit_code = 1


class ProcessingError(BackgroundRemovalError, RuntimeError):
    """Work in progress failed: an object raised, a camera stopped, a disk was full."""


class EndedEarlyError(ProcessingError):
    """The work cannot go on to its end; the results so far are kept, as partial ones."""


class SourceChangedError(ProcessingError):
    """A file changed while it was read; the result is kept and may mix both versions."""


class InputError(BackgroundRemovalError, ValueError):
    """The request or an input is invalid; nothing was written."""

    exit_code = 2


class InputNotFoundError(InputError, FileNotFoundError):
    """A requested file, folder or model does not exist."""


class CameraError(InputError, ConnectionError):
    """A camera could not be opened."""


class DeviceError(InputError):
    """A processor (GPU or other) requested by name did not load."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """The run ends before its source does; the results so far are kept.

    Args:
        complete: Whether the run reached its end frame; otherwise `q` or Ctrl-C ended it early, and the results are
            partial.
    """

    def __init__(self, complete: bool = False) -> None:
        super().__init__()
        self.complete = complete
