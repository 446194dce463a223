"""Pictures saved by a key."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

from files.images import write_image
from files.staging import staged_output
from files.storage import is_remote
from live.options import LiveOptions
from live.recording import free_name, now_as_name
from pipeline.actions import SNAPSHOT, keys_of
from pipeline.errors import BackgroundRemovalError
from pipeline.frame import Frame, Sink, StreamInfo

log = logging.getLogger(__name__)


class Snapshots(Sink):
    """Saves the picture at hand by the key s.

    Args:
        options: Names the folder that pictures go to, local or remote; it is made when the first one is taken.
    """

    actions = (SNAPSHOT,)
    keys: Mapping[str, str] = keys_of(actions)
    signs: Sequence[str] = ()
    alters = False

    def __init__(self, options: LiveOptions) -> None:
        self._folder = os.fspath(options.snapshots)
        self._last: Frame | None = None

    @property
    def watched(self) -> bool:
        """Keys are typed in a window, which is watched itself."""
        return False

    def open(self, info: StreamInfo) -> None:
        self._last = None

    def write(self, frame: Frame) -> None:
        self._last = frame

    def close(self, error: BaseException | None = None) -> None:
        self._last = None

    def on_key(self, key: str) -> bool | str:
        """Save the picture by the key s."""
        if key != "s":
            return False
        if self._last is None:
            return "there is no picture yet"
        name = f"{now_as_name()}.png"
        path = f"{self._folder.rstrip('/')}/{name}" if is_remote(self._folder) else os.path.join(self._folder, name)
        path = free_name(path)
        try:
            with staged_output(path) as staged:
                write_image(staged, self._last.image, path)
        except (BackgroundRemovalError, OSError) as error:
            return f"no snapshot: {error}"
        log.info("saved %s", path)
        return f"saved {path}"
