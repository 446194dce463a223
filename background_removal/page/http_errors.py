"""Errors that are answered to a visitor."""

from __future__ import annotations

from background_removal.errors import BackgroundRemovalError, reason


class PageError(Exception):
    """One plain sentence and its HTTP status.

    Attributes:
        status: 400 for a bad request, 413 for too much, and so on (RFC 9110).
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def plain_message(error: BackgroundRemovalError, **names: str) -> str:
    """Return an error's message without Python's names and this computer's paths.

    Args:
        error: The error.
        names: The visitor's name for each path on this computer.

    >>> plain_message(BackgroundRemovalError("/tmp/x/source: `blur` 3: must be odd"), **{"/tmp/x/source": "clip.mp4"})
    'clip.mp4: blur 3: must be odd'
    """
    message = reason(error)
    for path, name in names.items():
        message = message.replace(path, name)
    return message.replace("`", "")
