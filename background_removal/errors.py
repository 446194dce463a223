"""The errors that this project raises on purpose, each with the exit code of the command line.

A message is one thought: what was wrong, with what, and what to do. A parameter stands in it as in Python, in
backticks: `start_video_frame`; the command line shows the option in its place, --start-frame (`cli.words`).
"""

from __future__ import annotations


def describe_error(error: BaseException) -> str:
    """Return an error's class and what it says in one line, also where it is written so that it cannot say it."""
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class BackgroundRemovalError(Exception):
    """Something that the user should read in one line; `exit_code` is what the command line returns."""

    exit_code = 1


class ProcessingError(BackgroundRemovalError, RuntimeError):
    """Work that had begun could not be finished: an object raised, a camera stopped, a disk was full."""


class SourceChangedError(ProcessingError):
    """A file was written to while it was read; there is a result, which may hold parts of both."""


class InputError(BackgroundRemovalError, ValueError):
    """The request or an input was bad; nothing was written."""

    exit_code = 2


class InputNotFoundError(InputError, FileNotFoundError):
    """A file, folder or model that was asked for does not exist."""


class CameraError(InputError, ConnectionError):
    """A camera could not be opened."""


class DeviceError(InputError):
    """A processor (GPU or other) that was asked for by name did not load."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """The run ends before its source does; what was written until now is wanted.

    Args:
        complete: Whether it was to end there, by an end frame; else `q` or Ctrl-C has ended it early, and what there
            is of a result is called a part of it.
    """

    def __init__(self, complete: bool = False) -> None:
        super().__init__()
        self.complete = complete
