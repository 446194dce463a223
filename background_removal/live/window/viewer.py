"""The window as a sink: it shows results, and passes keys and clicks on."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np

from background_removal.errors import Stopped
from background_removal.files.images import letterbox
from background_removal.live.window.overlay import draw_overlay
from background_removal.live.window.pointer import Gesture
from background_removal.live.window.window import Window
from background_removal.pipeline.actions import BESIDE, FULL_SCREEN, KEYS, QUIT, Action, Actions, Actor, Answer, keys_of
from background_removal.pipeline.frame import Frame, Planes, ReadMode, Sink, Source, StreamInfo, to_image
from background_removal.pipeline.objects import ObjectChain
from background_removal.support.rate import RateMeter, silence_timeout

# Minimum duration of a message, seconds.
_MIN_MESSAGE_SECONDS = 1.0
# Reading speed for messages, characters per second; the maximum of Netflix's guide for English subtitles for adults.
_CHARACTERS_PER_SECOND = 20
_FIRST_HINT = "h lists the keys"
_FIRST_HINT_SECONDS = 3.0
# Redraw interval while no frame comes, seconds; the overlay changes all the same.
_REDRAW_SECONDS = 0.05
# Time that the window of a still image waits for a key before it is redrawn, milliseconds.
_STILL_KEY_MS = 50
# Averaging time for frames per second, seconds.
_RATE_SECONDS = 2.0


class Viewer(Sink, Actor):
    """Shows results in a window, with badges, messages and the list of keys over them.

    ``q``, Esc and closing the window end the run.

    Args:
        show_fps: Whether frames per second are among the badges.
    """

    needs_original = True

    def __init__(self, show_fps: bool = False) -> None:
        self._show_fps = show_fps
        self._window = Window()
        self._registry = Actions([self])
        self._view: Callable[[np.ndarray | Planes], np.ndarray | Planes] = lambda picture: picture
        self._chain: ObjectChain | None = None
        self._frame: Frame | None = None
        self._still = self._live = False
        self._meter = RateMeter(max_seconds=_RATE_SECONDS)
        self._drawn_at = 0.0
        self._beside = False
        self._shows_keys = False
        self._message = ""
        self._message_until = 0.0
        self._output_changed = False

    def serve(self, actors: Sequence[Actor], chain: ObjectChain) -> Actions:
        """Connect the window to a stream.

        Args:
            actors: Owners of actions, in the order in which keys are offered to them.
            chain: The custom objects, which use clicks and make the preview.

        Returns:
            The registry of all actions, including the window's.
        """
        self._registry = Actions([*actors, self])
        self._view, self._chain = chain.view, chain
        return self._registry

    def open(self, info: StreamInfo) -> None:
        if self._window.closed:
            self._window = Window()
        self._still, self._live, self._frame = info.still, info.live, None
        self._meter.clear()

    def write(self, frame: Frame) -> None:
        """Show a frame and handle keys and clicks.

        Raises:
            Stopped: ``q`` or Esc was typed, or the window was closed.
        """
        if self._frame is None and time.monotonic() >= self._message_until:
            self.say(_FIRST_HINT, _FIRST_HINT_SECONDS)
        self._frame = frame
        if self._silence():  # the measurement starts again
            self._meter.clear()
        self._meter.add(time.monotonic())
        self._redraw("")
        self._handle_input(1)

    def idle(self, status: str) -> None:
        """Redraw the last frame with the camera's status, and handle keys and clicks; raises as `write`."""
        if time.monotonic() - self._drawn_at >= _REDRAW_SECONDS:
            self._redraw(status or self._silence())
        self._handle_input(_STILL_KEY_MS if self._still else 1)

    def close(self, error: BaseException | None = None) -> None:
        self._frame = None
        self._window.close()

    def say(self, text: str, seconds: float = 0.0) -> None:
        """Show a message for `seconds`; 0 for the time it takes to read."""
        seconds = seconds or max(_MIN_MESSAGE_SECONDS, len(text) / _CHARACTERS_PER_SECOND)
        self._message, self._message_until = text, time.monotonic() + seconds

    def while_open(self, source: Source) -> Source:
        """Return a source that repeats the frame of a still image whenever an action has changed the output."""
        return _Repeated(source, self)

    def take_output_changed(self) -> bool:
        """Return whether a key or click has changed the output since the last call."""
        changed, self._output_changed = self._output_changed, False
        return changed

    @property
    def actions(self) -> Sequence[Action]:
        return (
            KEYS.bind(self.toggle_keys),
            BESIDE.bind(self.show_beside, lambda: self._beside),
            FULL_SCREEN.bind(self.toggle_full_screen),
        )

    @property
    def keys(self) -> Mapping[str, str]:
        return keys_of((*self.actions, QUIT))

    def toggle_keys(self) -> bool:
        """Show or hide the list of keys."""
        self._shows_keys = not self._shows_keys
        return True

    def show_beside(self, on: bool) -> bool:
        """Show the original beside the result, or the result alone."""
        self._beside = on
        return True

    def toggle_full_screen(self) -> bool:
        """Fill the screen, or go back to a window."""
        self._window.toggle_full_screen()
        return True

    def _fps_badges(self) -> Sequence[str]:
        """Return the badge for frames per second, if it is shown and frames come."""
        if not self._show_fps or self._still or len(self._meter) < 2 or self._silence():
            return ()
        rate = self._meter.rate
        return (f"{rate:.0f} fps" if rate >= 9.95 else f"{rate:.1f} fps",)

    def draw(self, picture: np.ndarray, status: str = "") -> None:
        """Draw the overlay on an image, uint8 (H, W, 3), in the size in which it is seen."""
        if self._mirrored:
            cv2.flip(picture, 1, dst=picture)  # before anything is written on it
        draw_overlay(
            picture,
            badges=[*self._fps_badges(), *self._registry.badges],
            status=status,
            message=self._message if time.monotonic() < self._message_until else "",
            keys=self._registry.key_rows if self._shows_keys else (),
        )

    @property
    def _mirrored(self) -> bool:
        return self._frame is not None and self._frame.mirror

    def _silence(self) -> str:
        """Return the message that a camera is silent, "" if it is not."""
        if not (self._live and self._meter):
            return ""
        seconds = time.monotonic() - self._meter.last
        return f"no picture for {int(seconds)} s" if seconds >= silence_timeout(self._meter.interval) else ""

    def _with_original(self, picture: np.ndarray | Planes, original: np.ndarray | Planes | None) -> np.ndarray | Planes:
        """Return both side by side, each at half its width, so that the window keeps its shape."""
        if original is None:
            return picture
        image, original = to_image(picture), to_image(original)
        height, width = image.shape[:2]
        if image.shape[2] == 4:
            original = cv2.cvtColor(original, cv2.COLOR_BGR2BGRA)
        left = max(1, width // 2)
        if self._mirrored:  # mirroring swaps them back
            return np.hstack([letterbox(image, max(1, width - left), height), letterbox(original, left, height)])
        return np.hstack([letterbox(original, left, height), letterbox(image, max(1, width - left), height)])

    def _redraw(self, status: str) -> None:
        self._drawn_at = time.monotonic()
        if self._frame is not None:
            picture = self._view(self._frame.picture)
            shown = self._with_original(picture, self._frame.original) if self._beside else picture
            self._window.show(shown, functools.partial(self.draw, status=status))

    def _handle_input(self, wait_ms: int) -> None:
        for key in self._window.keys(wait_ms):
            self._answer(*self._registry.press(key))
        for gesture in self._window.gestures():
            if self._chain is not None:
                self._answer(self._pass_on(gesture, self._chain), changes_output=True)
        if self._window.closed:
            raise Stopped

    def _pass_on(self, gesture: Gesture, chain: ObjectChain) -> Answer:
        """Offer a gesture to the custom objects, at its place in the result."""
        # Side by side, original and result are half as wide.
        width = 2 if self._beside else 1
        if gesture.kind == "drag":
            return chain.on_drag(gesture.x * width * (-1 if self._mirrored else 1), gesture.y)
        x = (1 - gesture.x if self._mirrored else gesture.x) * width % 1
        if gesture.kind == "wheel":
            return chain.on_wheel(gesture.notches)
        return chain.on_mark(x, gesture.y) if gesture.kind == "mark" else chain.on_click(x, gesture.y)

    def _answer(self, answer: Answer, changes_output: bool) -> None:
        """Show the message of a key or click."""
        if isinstance(answer, str) and answer:
            self.say(answer)
        if answer:
            self._output_changed |= changes_output
            self._drawn_at = 0.0  # redraw at once


class _Repeated(Source):
    """Repeats a still image."""

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
            while not self._viewer.take_output_changed():
                yield None

    def stop(self) -> None:
        self._source.stop()

    def close(self) -> None:
        self._source.close()
