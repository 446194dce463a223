"""Load a background from the user's specification: a colour, a picture, a folder, a video, local or remote."""

from __future__ import annotations

import os
import weakref
from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import webcolors

from background_removal.compositing import backgrounds
from background_removal.compositing.background_selector import YOURS
from background_removal.compositing.backgrounds import Background, ImageBackground
from background_removal.compositing.colors import is_color, parse_color
from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.compositing.video_background import Video
from background_removal.errors import InputNotFoundError
from background_removal.files import storage
from background_removal.files.foreign import check_not_foreign
from background_removal.files.images import read_image
from background_removal.files.kinds import is_video
from background_removal.support import limits
from background_removal.support.wording import did_you_mean

if TYPE_CHECKING:
    from background_removal.compositing.foreground import Foreground


class BackgroundLoader:
    """Loads backgrounds, and keeps local copies of remote files until it is closed."""

    def __init__(self) -> None:
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)

    def close(self) -> None:
        """Remove the local copies; a second call does nothing."""
        self._files.close()

    def from_text(self, text: str) -> Background | None:
        """Return the background for a specification other than the blur; None for "none".

        Args:
            text: "none", "transparent", the path or web address of a picture or a video, a folder, the name of a
                shipped picture, or a colour; the first match in this order.

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
        limits.check_regular_file(text, f"`background` {text}")
        if storage.is_file(text):
            return self.file(text)
        picture = shipped_picture(text)
        if picture is not None:
            return self.file(picture)
        if is_color(text):
            return backgrounds.SolidColor(parse_color(text))
        shipped = shipped_pictures()
        meant = did_you_mean(text, ("blur", "none", "transparent", *shipped, *webcolors.names()))
        raise InputNotFoundError(
            f"`background` {text}: no such file or folder, nor one of {', '.join(shipped)}; "
            f"or use blur, none, transparent, a colour{meant}"
        )

    def folder(self, path: str | os.PathLike[str]) -> backgrounds.Folder:
        """Return a folder's pictures and videos as one background; raises as `from_text` does."""
        path = os.fspath(path)
        local = self._files.enter_context(storage.local_folder(path))
        return backgrounds.Folder(storage.list_files(local), lambda file: _load_file(file, file), path)

    def picture(self, image: np.ndarray | str | os.PathLike[str] | None) -> tuple[str, ImageBackground] | None:
        """Return the name of a given picture and its background; None if `image` is None or empty."""
        if isinstance(image, np.ndarray):
            return YOURS, backgrounds.Picture(image)
        return (os.fspath(image), self.file(image)) if image is not None and os.fspath(image) else None

    def first_foreground(self, image: np.ndarray | str | os.PathLike[str] | None) -> tuple[Foreground | None, str]:
        """Return a given picture as foreground and its name; None and "" if `image` is None or empty."""
        if isinstance(image, np.ndarray):
            from background_removal.compositing.foreground import Foreground

            return Foreground(image, ""), YOURS
        path = os.fspath(image) if image is not None else ""
        return (self.foreground(path), path) if path else (None, "")

    def foreground(self, path: str | os.PathLike[str]) -> Foreground:
        """Return the picture with transparency at a path or web address; raises as `from_text` does."""
        from background_removal.compositing.foreground import Foreground
        from background_removal.files.image_decoding import read_picture

        path = os.fspath(path)
        limits.check_regular_file(path, f"`foreground` {path}")
        if not storage.is_file(path):
            raise InputNotFoundError(f"`foreground` {path}: no such file")
        with storage.local_file(path) as local:
            return Foreground(read_picture(local, f"`foreground` {path}").image, path)

    def file(self, path: str | os.PathLike[str]) -> ImageBackground:
        """Return the background of one picture or video; raises as `from_text` does."""
        path = os.fspath(path)
        local = self._files.enter_context(storage.local_file(path, may_change=True))
        return _load_file(local, path)


def _load_file(path: str, name: str) -> ImageBackground:
    check_not_foreign(path, name)
    return _load_video(path, name) if is_video(path) else backgrounds.Picture(read_image(path, name))


def _load_video(path: str, name: str) -> ImageBackground:
    played = False

    def play() -> Generator[tuple[np.ndarray, float], None, None]:
        from background_removal.files.video.animation_source import video_source

        nonlocal played
        with video_source(path, name, warns=not played) as video:  # each loop would repeat the warning of damage
            for frame in video:
                yield frame.image, frame.seconds
            played = True

    return Video(play, name)
