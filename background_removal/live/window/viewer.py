"""The window as a sink: it shows results, and hands the keys typed in it to whoever uses them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from background_removal.errors import Stopped
from background_removal.files.images import letterbox
from background_removal.live.control.controls import Control, Controls
from background_removal.live.window.overlay import draw_overlay
from background_removal.live.window.window import Window
from background_removal.pipeline.actions import BESIDE, FULL_SCREEN, KEYS, QUIT, keys_of
from background_removal.pipeline.frame import Frame, Planes, ReadMode, Sink, Source, StreamInfo, to_image
from background_removal.pipeline.objects import ObjectChain
from background_removal.support.rate import RateMeter, silence_timeout

_SHORTEST_MESSAGE_SECONDS = 1.0
# As fast as subtitles may be read at the most (Netflix's guide for adult programmes in English).
_CHARACTERS_A_SECOND = 20
_FIRST_HINT, _FIRST_HINT_SECONDS = "h lists the keys", 3.0
# While no frame comes the window is drawn again so often: what is over the picture changes all the same.
_REDRAW_SECONDS = 0.05
# How long a still picture's window waits for a key before it is drawn again.
_STILL_KEY_MS = 50
# Over so long frames per second are averaged.
_RATE_SECONDS = 2.0


class Viewer(Sink):
    """Shows results in a window, with signs, messages and the list of keys over them.

    A key goes to the controls in order until one uses it. ``q``, Esc and the window's closing end the run.

    Args:
        show_fps: Whether frames per second are among the signs.
    """

    needs_original = True
    actions = (KEYS, BESIDE, FULL_SCREEN)
    keys: Mapping[str, str] = keys_of((*actions, QUIT))
    alters = False

    def __init__(self, show_fps: bool = False) -> None:
        self._show_fps = show_fps
        self._window = Window()
        self._others: Sequence[Control] = ()
        self._controls = Controls([self])
        self._view: Callable[[np.ndarray | Planes], np.ndarray | Planes] = lambda picture: picture
        self._on_click: Callable[[float, float], bool | str] = lambda x, y: False
        self._frame: Frame | None = None
        self._still = self._live = False
        self._meter = RateMeter(max_seconds=_RATE_SECONDS)
        self._drawn_at = 0.0
        self._beside = False
        self._helping = False
        self._message = ""
        self._message_until = 0.0
        self._altered = False

    def serve(self, controls: Sequence[Control], chain: ObjectChain) -> Controls:
        """Say who uses the keys, in order, and whose objects use clicks and make the window's picture of a result.

        Returns:
            All who use keys and actions, the window included.
        """
        self._others, self._controls = controls, Controls([*controls, self], chain.objects)
        self._view, self._on_click = chain.view, chain.on_click
        return self._controls

    def open(self, info: StreamInfo) -> None:
        if self._window.closed:
            self._window = Window()
        self._still, self._live, self._frame = info.still, info.live, None
        self._meter.clear()

    def write(self, frame: Frame) -> None:
        """Show a frame and look after the keys.

        Raises:
            Stopped: ``q`` or Esc was typed, or the window was closed.
        """
        if self._frame is None and time.monotonic() >= self._message_until:
            self.say(_FIRST_HINT, _FIRST_HINT_SECONDS)
        self._frame = frame
        if self._silence():  # what comes after it is measured anew
            self._meter.clear()
        self._meter.add(time.monotonic())
        self._redraw("")
        self._look_after_keys(1)

    def idle(self, status: str) -> None:
        """Draw the last frame again, with what is the matter, and look after the keys; raises as `write`."""
        if time.monotonic() - self._drawn_at >= _REDRAW_SECONDS:
            self._redraw(status or self._silence())
        self._look_after_keys(_STILL_KEY_MS if self._still else 1)

    def close(self, error: BaseException | None = None) -> None:
        self._frame = None
        self._window.close()

    def say(self, text: str, seconds: float = 0.0) -> None:
        """Show `text` for so many seconds, 0 for as long as it takes to read."""
        seconds = seconds or max(_SHORTEST_MESSAGE_SECONDS, len(text) / _CHARACTERS_A_SECOND)
        self._message, self._message_until = text, time.monotonic() + seconds

    def while_open(self, source: Source) -> Source:
        """Return a source that yields the frame of a still again whenever a key has altered what becomes of it."""
        return _Repeated(source, self)

    def take_altered(self) -> bool:
        """Tell whether a key has altered what becomes of frames since the last call."""
        altered, self._altered = self._altered, False
        return altered

    def on_key(self, key: str) -> bool | str:
        """Use one of the window's own keys."""
        if key in KEYS.keys:
            self._helping = not self._helping
        elif key in BESIDE.keys:
            self._beside = not self._beside
        elif key in FULL_SCREEN.keys:
            self._window.toggle_full_screen()
        else:
            return False
        return True

    def status(self) -> dict[str, Any]:
        return {"beside": self._beside}

    @property
    def signs(self) -> Sequence[str]:
        """How many frames a second are shown, if that is wanted and frames come."""
        if not self._show_fps or self._still or len(self._meter) < 2 or self._silence():
            return ()
        rate = self._meter.rate
        return (f"{rate:.0f} fps" if rate >= 9.95 else f"{rate:.1f} fps",)

    def draw(self, picture: np.ndarray, trouble: str = "") -> None:
        """Draw what is for the user alone over a picture, uint8 (H, W, 3), in the size in which it is seen."""
        if self._mirrored:
            cv2.flip(picture, 1, dst=picture)  # before anything is written on it
        draw_overlay(
            picture,
            signs=[*self.signs, *(sign for control in self._others for sign in control.signs)],
            trouble=trouble,
            message=self._message if time.monotonic() < self._message_until else "",
            keys=self._controls.rows if self._helping else (),
        )

    @property
    def _mirrored(self) -> bool:
        return self._frame is not None and self._frame.mirror

    def _silence(self) -> str:
        """Say for how long a camera has given nothing, "" if it does."""
        if not (self._live and self._meter):
            return ""
        seconds = time.monotonic() - self._meter.last
        return f"no picture for {int(seconds)} s" if seconds >= silence_timeout(self._meter.interval) else ""

    def _with_original(self, picture: np.ndarray | Planes, original: np.ndarray | Planes | None) -> np.ndarray | Planes:
        """Return both side by side, half as wide each: the window need not change its shape."""
        if original is None:
            return picture
        image, original = to_image(picture), to_image(original)
        height, width = image.shape[:2]
        if image.shape[2] == 4:
            original = cv2.cvtColor(original, cv2.COLOR_BGR2BGRA)
        left = max(1, width // 2)
        if self._mirrored:  # which puts them in order again
            return np.hstack([letterbox(image, max(1, width - left), height), letterbox(original, left, height)])
        return np.hstack([letterbox(original, left, height), letterbox(image, max(1, width - left), height)])

    def _redraw(self, trouble: str) -> None:
        self._drawn_at = time.monotonic()
        if self._frame is not None:
            picture = self._view(self._frame.picture)
            shown = self._with_original(picture, self._frame.original) if self._beside else picture
            self._window.show(shown, functools.partial(self.draw, trouble=trouble))

    def _look_after_keys(self, wait_ms: int) -> None:
        for key in self._window.keys(wait_ms):
            self._take(*self._controls.offer(key))
        for x, y in self._window.clicks():
            x = 1 - x if self._mirrored else x
            # Beside the original both are half as wide.
            self._take(self._on_click(2 * x % 1 if self._beside else x, y), alters=True)
        if self._window.closed:
            raise Stopped

    def _take(self, answer: bool | str, alters: bool) -> None:
        """Say what there is to say of a key or click."""
        if isinstance(answer, str) and answer:
            self.say(answer)
        if answer:
            self._altered |= alters
            self._drawn_at = 0.0  # what it changes is to be seen at once


class _Repeated(Source):
    """A still, again and again."""

    read_mode: ReadMode = "inline"

    def __init__(self, source: Source, viewer: Viewer) -> None:
        self._source = source
        self._viewer = viewer

    @property
    def info(self) -> StreamInfo:
        return self._source.info

    def open(self) -> None:
        self._source.open()

    def __iter__(self) -> Iterator[Frame | None]:
        frames = [frame for frame in self._source if frame is not None]
        while True:
            for frame in frames:
                yield frame.with_image(frame.image.copy())
            while not self._viewer.take_altered():
                yield None

    def stop(self) -> None:
        self._source.stop()

    def close(self) -> None:
        self._source.close()
