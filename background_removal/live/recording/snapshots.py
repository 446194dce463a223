"""Snapshots: pictures saved on a key."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence

import numpy as np

from background_removal.errors import BackgroundRemovalError
from background_removal.files.images import write_image
from background_removal.files.saving.atomic import atomic_output
from background_removal.files.saving.names import free_name
from background_removal.files.storage import is_remote, path_exists
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recording import format_timestamp
from background_removal.pipeline.actions import SNAPSHOT, Action, Actor
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo, to_image
from background_removal.pipeline.worker import FINISH_SECONDS, Worker

log = logging.getLogger(__name__)

# Snapshots that may wait to be saved; at 1920x1080 each takes a fifth of a second and 6 MB.
_MAX_WAITING = 16


class Snapshots(Sink, Actor):
    """Saves the current picture on the key s, in a thread, as compression takes longer than a frame.

    Args:
        options: Options with the folder of snapshots, local or remote; it is created with the first one.
        say: Called in that thread with messages for the user.
    """

    def __init__(self, options: LiveOptions, say: Callable[[str], object] = lambda text: None) -> None:
        self._folder = os.fspath(options.snapshots)
        self._say = say
        self._last: Frame | None = None
        self._saver: Worker[tuple[str, np.ndarray | Planes]] | None = None

    @property
    def has_viewers(self) -> bool:
        """False: the window, where the keys are typed, is the viewer."""
        return False

    def open(self, info: StreamInfo) -> None:
        self._last = None

    def write(self, frame: Frame) -> None:
        self._last = frame

    def close(self, error: BaseException | None = None) -> None:
        """Wait until all snapshots are saved."""
        self._last = None
        saver, self._saver = self._saver, None
        if saver is not None:
            try:
                saver.finish()
            finally:
                saver.close()

    @property
    def actions(self) -> Sequence[Action]:
        return (SNAPSHOT.bind(self.take),)

    def take(self) -> str:
        """Save the current picture; return the message."""
        if self._last is None:
            return "there is no picture yet"
        name = f"{format_timestamp()}.png"
        path = f"{self._folder.rstrip('/')}/{name}" if is_remote(self._folder) else os.path.join(self._folder, name)
        picture = self._last.picture
        if isinstance(picture, np.ndarray):
            picture = picture.copy()  # objects may reuse their arrays
        if self._saver is None:
            self._saver = Worker(self._save_all, "snapshots", _MAX_WAITING, "drop", join_seconds=FINISH_SECONDS)
            self._saver.__enter__()
        dropped = self._saver.dropped
        self._saver.put((path, picture))
        return "saving a snapshot" if self._saver.dropped == dropped else "no snapshot: the last ones are being saved"

    def _save_all(self, saver: Worker[tuple[str, np.ndarray | Planes]]) -> None:
        for item in saver.items():
            assert item is not None
            path = free_name(item[0], path_exists)
            try:
                with atomic_output(path) as staged:
                    write_image(staged, to_image(item[1]), path)
            except (BackgroundRemovalError, OSError) as error:
                self._say(f"no snapshot: {error}")
            else:
                log.info("saved %s", path)
                self._say(f"saved {path}")
