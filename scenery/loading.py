"""From what the user writes to a background: a colour, a picture, a folder, a video, local or remote."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack

import numpy as np

from files import storage
from files.images import read_image
from matting import backgrounds
from matting.backgrounds import Background, Scenery
from pipeline.errors import InputError, InputNotFoundError


class BackgroundLoader:
    """Makes backgrounds; remote files that they need are kept on this computer until it is closed."""

    def __init__(self) -> None:
        self._files = ExitStack()

    def close(self) -> None:
        """Remove what was brought from elsewhere; calling it again does nothing."""
        self._files.close()

    def from_text(self, text: str) -> Background | None:
        """Return the background that a text names, other than the blur; None for "none".

        Args:
            text: "none", "transparent", "#RRGGBB", or the path of a picture, a folder or a video.

        Raises:
            InputError: the file or folder cannot be used.
            InputNotFoundError: it does not exist.
        """
        if text == "none":
            return None
        if text == "transparent":
            return backgrounds.Transparent()
        if storage.is_folder(text):
            return self.folder(text)
        if storage.is_file(text):
            return self.file(text)
        if text.startswith("#"):
            return backgrounds.SolidColor(backgrounds.parse_color(text))
        raise InputNotFoundError(
            f"`background` {text}: no such file or folder, nor blur, none, transparent or '#RRGGBB'"
        )

    def folder(self, path: str | os.PathLike[str]) -> backgrounds.Folder:
        """Return the pictures and videos of a folder, to go through one by one; raises as `from_text` does."""
        path = os.fspath(path)
        local = self._files.enter_context(storage.local_folder(path))
        return backgrounds.Folder(storage.list_files(local), _picture_or_video, path)

    def file(self, path: str | os.PathLike[str]) -> Scenery:
        """Return the background of one picture or video; raises as `from_text` does."""
        path = os.fspath(path)
        local = self._files.enter_context(storage.local_file(path))
        picture = _picture(local)
        return _video(local, path) if picture is None else picture


def _picture(path: str) -> Scenery | None:
    try:
        return backgrounds.Picture(read_image(path))
    except InputError:
        return None


def _picture_or_video(path: str) -> Scenery | None:
    try:
        return _picture(path) or _video(path, path)
    except InputError:
        return None


def _video(path: str, name: str) -> Scenery:
    def play() -> Generator[tuple[np.ndarray, float], None, None]:
        from files.video_source import VideoSource

        with VideoSource(path, name) as video:
            for frame in video:
                yield frame.image, frame.seconds

    return backgrounds.Video(play, name)
