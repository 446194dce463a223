"""The keys of the window that are the engine's own, and what they change."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import cv2
import numpy as np

import storage
from errors import BackgroundRemovalError, InputError
from media.formats import CONTAINERS, Encoding, check_video_output
from media.frame import Frame, StreamInfo
from media.images import ImageSink, fitted
from media.microphone import Microphone
from media.overlay import draw_keys, draw_message
from media.recording import Recording

log = logging.getLogger(__name__)

_MESSAGE_SECONDS = 1.0


class Controls:
    """Freezing, mirroring, comparing, snapshots and recordings, and the list of all keys.

    Args:
        custom_objects: Whose `keys`, a mapping from keys to what they do, are listed too.
        snapshots: The folder that snapshots go to; it is made when the first one is taken.
        record_path: The file of the first recording, further ones are numbered; "" names them by the time.
        encoding: How recordings are encoded.

    Attributes:
        frozen, beside: What the keys space and c have switched.
    """

    keys: Mapping[str, str] = {
        "h or ?": "this list",
        "space": "freeze",
        "f": "mirror",
        "c": "beside the original",
        "s": "save a snapshot",
        "r": "begin or end a recording",
        "F, double click": "full screen",
        "q, Esc": "quit",
    }

    def __init__(
        self,
        custom_objects: Sequence[object] = (),
        snapshots: str = "snapshots",
        record_path: str = "",
        encoding: Encoding = Encoding(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.frozen = False
        self.beside = False
        self._helping = False
        self._message = ""
        self._message_until = 0.0
        self._custom_objects = custom_objects
        self._snapshots = snapshots
        self._record_path = record_path
        self._encoding = encoding
        self._recordings = 0
        self._recording: Recording | None = None
        self._error: BackgroundRemovalError | None = None
        self._microphone: Microphone | None = None
        self._info: StreamInfo | None = None
        self._last: Frame | None = None

    # -- what the engine tells ---------------------------------------------------------------------

    def begin(self, info: StreamInfo, microphone: Microphone | None = None) -> None:
        """A stream begins; where `record_path` was given its recording begins too."""
        self._info, self._microphone = info, microphone
        self.frozen, self._error = False, None
        if self._record_path and info.live:
            self._start_recording()

    def frame(self, frame: Frame) -> None:
        """Take a finished frame: it may be recorded, or saved by a key."""
        self._last = frame
        if self._recording is not None:
            if self._recording.error is not None:
                self._error = self._stop_recording()
                log.warning("the recording has ended: %s", self._error)
                self.say(str(self._error))
            else:
                # Objects may use their arrays again before the encoder comes to this one.
                self._recording.write(frame.with_image(frame.image.copy()))

    def end(self) -> None:
        """The stream has ended: complete the recording.

        Raises:
            BackgroundRemovalError: a recording could not be completed.
        """
        error = self._stop_recording() or self._error
        self._last = self._error = None
        if error is not None:
            raise error

    @property
    def recording(self) -> bool:
        """Whether a recording is going on."""
        return self._recording is not None

    # -- keys --------------------------------------------------------------------------------------

    def on_key(self, key: str) -> bool | str:
        """Do what `key` stands for; return what to say of it, False if it is none of ours."""
        actions: dict[str, Callable[[], bool | str]] = {
            "h": self._toggle_help, "?": self._toggle_help, " ": self._toggle_freeze,
            "c": self._toggle_beside, "s": self._snapshot, "r": self._toggle_recording,
        }  # fmt: skip
        action = actions.get(key)
        return action() if action is not None else False

    def say(self, text: str) -> None:
        """Show `text` in the window for a second."""
        self._message, self._message_until = text, time.monotonic() + _MESSAGE_SECONDS

    def drawn(self, image: np.ndarray, original: np.ndarray | None, trouble: str = "") -> np.ndarray:
        """Return what the window shows for `image`: with the original beside it, the list of keys, a message.

        Args:
            image: uint8 (H, W, 3) or (H, W, 4); it is not changed.
            original: The frame before the objects, of any size, uint8 (h, w, 3).
            trouble: What is the matter, "" if nothing is.
        """
        shown = image
        if self.beside and original is not None:
            # Half as wide each, in a picture of the same size: the window need not change its shape.
            height, width = image.shape[:2]
            if image.shape[2] == 4:
                original = cv2.cvtColor(original, cv2.COLOR_BGR2BGRA)
            left = max(1, width // 2)
            shown = np.hstack([fitted(original, left, height), fitted(image, max(1, width - left), height)])
        message = trouble or (self._message if time.monotonic() < self._message_until else "")
        if not (self._helping or message or self._recording):
            return shown
        shown = shown.copy() if shown is image else shown
        if self._helping:
            rows = [row for item in self._custom_objects for row in _keys_of(item).items()]
            draw_keys(shown, [*rows, *self.keys.items()])
        if message:
            draw_message(shown, message)
        if self._recording is not None:
            size = max(4, shown.shape[0] // 60)
            cv2.circle(shown, (shown.shape[1] - 2 * size, 2 * size), size, (0, 0, 255, 255), cv2.FILLED, cv2.LINE_AA)
        return shown

    # -- inside ------------------------------------------------------------------------------------

    def _toggle_help(self) -> bool:
        self._helping = not self._helping
        return True

    def _toggle_freeze(self) -> str:
        if self._info is None or not self._info.live:
            return "only cameras are frozen"
        self.frozen = not self.frozen
        return "frozen" if self.frozen else "going on"

    def _toggle_beside(self) -> bool:
        self.beside = not self.beside
        return True

    def _snapshot(self) -> str:
        if self._last is None:
            return "there is no picture yet"
        path = _free_name(os.path.join(self._snapshots, f"{_now()}.png"))
        try:
            if not storage.is_remote(path):
                storage.make_folder(self._snapshots)
            with storage.staged_output(path) as staged:
                ImageSink(staged, path).write(self._last)
        except (BackgroundRemovalError, OSError) as error:
            return f"no snapshot: {error}"
        return f"saved {path}"

    def _toggle_recording(self) -> str:
        if self._info is None or not self._info.live:
            return "only cameras are recorded"
        if self._recording is None:
            return self._start_recording()
        recording = self._recording
        error = self._stop_recording()
        if error is not None:
            return str(error)
        return f"recorded {recording.path}" if recording.written else "no picture came; nothing is recorded"

    def _start_recording(self) -> str:
        assert self._info is not None
        suffix = next(known for known, kind in CONTAINERS.items() if self._encoding.codec in ("", *kind.codecs))
        path = self._record_path or f"recording_{_now()}{suffix}"
        if self._recordings:
            stem, suffix = os.path.splitext(path)
            path = f"{stem}_{self._recordings + 1}{suffix}" if self._record_path else path
        path = _free_name(path) if self._recordings or not self._record_path else path
        try:
            check_video_output(path, self._encoding)
        except InputError as error:
            return str(error)
        self._recordings += 1
        self._recording = Recording(path, self._info, self._encoding, self._microphone)
        return f"recording {path}"

    def _stop_recording(self) -> BackgroundRemovalError | None:
        recording, self._recording = self._recording, None
        if recording is None:
            return None
        recording.close()
        return recording.error


def _keys_of(item: object) -> Mapping[str, str]:
    keys = getattr(item, "keys", None)
    return keys if isinstance(keys, Mapping) else {}


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")


def _free_name(path: str) -> str:
    """Return `path`, with a number added if there is such a file already."""
    stem, suffix = os.path.splitext(path)
    number = 1
    while os.path.exists(path):
        number += 1
        path = f"{stem}_{number}{suffix}"
    return path
