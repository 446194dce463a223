"""What a visitor is told when something cannot be done."""

from __future__ import annotations

from background_removal.errors import BackgroundRemovalError


class PageError(Exception):
    """One plain sentence and the status of HTTP that goes with it.

    Attributes:
        status: 400 for a bad request, 413 for too much, and so on (RFC 9110).
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def plain(error: BackgroundRemovalError, **names: str) -> str:
    """Return what an error says without the names that Python and this computer have for things.

    Args:
        error: What went wrong.
        names: What the visitor calls each path on this computer.

    >>> plain(BackgroundRemovalError("/tmp/x/source: `blur` 3: must be odd"), **{"/tmp/x/source": "clip.mp4"})
    'clip.mp4: blur 3: must be odd'
    """
    message = " ".join(str(error).split())
    for path, name in names.items():
        message = message.replace(path, name)
    return message.replace("`", "")
