"""The window: shows images, returns keys and clicks, and notices when it is closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.files.images import letterbox
from background_removal.live.window import x11
from background_removal.live.window.pointer import Gesture, Pointer
from background_removal.pipeline.planes import Planes
from background_removal.support.transparency import flatten_on_squares

ESCAPE = "esc"
FULL_SCREEN = "f11"
# Maximum size of a new window, pixels.
_MAX_FIRST_SIZE = (1280, 720)
# Minimum size of a new window, pixels.
_MIN_FIRST_SIZE = (640, 480)
# Relative tolerance for comparing aspect ratios; sizes are whole pixels.
_ASPECT_TOLERANCE = 0.01
# Greys of the squares behind transparency, of 255.
_SQUARE_GREYS = (160, 220)
# Codes of keys without a character in OpenCV's window systems: X keysyms, Windows virtual keys, Cocoa key codes.
_NAMED = {27: ESCAPE, 0xFF1B: ESCAPE, 0xFFC8: FULL_SCREEN, 0x7A0000: FULL_SCREEN, 0xF70E: FULL_SCREEN}


class Window:
    """A resizable window; it opens with the first image, and stays closed once the user has closed it."""

    def __init__(self, title: str = "Background Removal") -> None:
        self._title = title
        self._opened = False
        self._shape, self._asked = 0.0, (1, 1)
        self._x_keys: x11.Keys | None = None
        self._inside: tuple[int, int, int, int] = (0, 0, 1, 1)
        self._pointer = Pointer(has_wheel=cv2.currentUIFramework() != "QT")
        self.closed = False

    def show(self, image: np.ndarray | Planes, draw: Callable[[np.ndarray], object] = lambda picture: None) -> None:
        """Show `image` as large as it fits, never stretched; the window takes its shape, also when the shape changes.

        Args:
            image: uint8 (H, W, 3) BGR or (H, W, 4) BGRA, which is shown over a checkerboard; or planes, of which only
                the visible pixels are converted.
            draw: Draws on the image in the size in which it is seen, uint8 (H, W, 3) BGR.

        Raises:
            InputError: there is no display to open a window on.
        """
        if self._opened and not self._visible():
            self.closed = True  # OpenCV would open it again
        if self.closed:
            return
        height, width = image.shape[:2]
        if not self._opened:
            require_display()
            # The aspect ratio is kept here: with OpenCV's own option the window does not report its size.
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            self._resize(width, height, _first_scale(width, height))
            cv2.setMouseCallback(self._title, self._on_mouse)
            self._x_keys = x11.Keys(self._title) if sys.platform == "linux" else None
            self._opened = True
        elif abs(width / height / self._shape - 1) > _ASPECT_TOLERANCE and not self._fills_screen():
            across, high = self._size()
            self._resize(width, height, min(max(across, _MAX_FIRST_SIZE[0]) / width, high / height))
        across, high = self._size()
        scale = min(across / width, high / height)
        seen = (max(1, round(scale * width)), max(1, round(scale * height)))
        # Linear: area averaging is a little better where an image gets much smaller, but takes 10 ms more for 4K.
        if isinstance(image, Planes):
            picture = image.resize(*seen)
        else:
            picture = cv2.resize(flatten_on_squares(image, _SQUARE_GREYS), seen)
        draw(picture)
        self._inside = ((across - seen[0]) // 2, (high - seen[1]) // 2, *seen)
        cv2.imshow(self._title, picture if seen == (across, high) else letterbox(picture, across, high))

    def _resize(self, width: int, height: int, scale: float) -> None:
        """Give the window the aspect ratio of an image."""
        self._shape = width / height
        self._asked = (max(1, round(width * scale)), max(1, round(height * scale)))
        cv2.resizeWindow(self._title, *self._asked)

    def _size(self) -> tuple[int, int]:
        """Return width and height of the inside of the window."""
        if sys.platform != "darwin":  # Cocoa returns the last image's size instead, and keeps its shape
            _, _, width, height = cv2.getWindowImageRect(self._title)
            if min(width, height) > 1:  # GTK does not know it before the window is visible
                return width, height
        return self._asked

    def keys(self, wait_ms: int = 1) -> list[str]:
        """Run the window for up to `wait_ms`, and return the keys typed in it since the last call.

        Returns:
            Characters, "esc" and "f11", in order.
        """
        if not self._opened or self.closed:
            return []
        codes = []
        code = cv2.waitKeyEx(wait_ms)
        while code >= 0 and self._visible():
            codes.append(code)
            code = cv2.waitKeyEx(1)
        if not self._visible():
            self.closed = True
            return []
        typed = self._x_keys.typed() if self._x_keys is not None else None
        if typed is not None:
            return typed
        return [key for key in map(_key_of, codes) if key]

    def gestures(self) -> list[Gesture]:
        """Return the clicks, drags and turns of the wheel on the image since the last call, in order."""
        return self._pointer.take()

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back to a window."""
        state = cv2.WINDOW_NORMAL if self._fills_screen() else cv2.WINDOW_FULLSCREEN
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, state)

    def _fills_screen(self) -> bool:
        return cv2.getWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN) == cv2.WINDOW_FULLSCREEN

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        if event == cv2.EVENT_LBUTTONDBLCLK:
            self.toggle_full_screen()
        left, top, width, height = self._inside
        self._pointer.on_mouse(event, ((x - left) / width, (y - top) / height), flags)

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # raised by some window systems once the user has closed it
            return False

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if self._opened and not self.closed:
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # some window systems close only when their events are handled
        self._opened, self.closed = False, True


def _first_scale(width: int, height: int) -> float:
    """Return the scale at which an image is first shown."""
    largest = min(_MAX_FIRST_SIZE[0] / width, _MAX_FIRST_SIZE[1] / height)
    smallest = min(_MIN_FIRST_SIZE[0] / width, _MIN_FIRST_SIZE[1] / height)
    return min(largest, max(1.0, smallest))


def _key_of(code: int) -> str:
    """Return the key for an OpenCV key code, "" for keys that are not used."""
    # GTK puts modifiers such as Shift above the low half. X numbers keys without a character from 0xFF00 on; cut to a
    # byte, the left arrow would be a "Q".
    low = code & 0xFFFF
    named = _NAMED.get(code) or _NAMED.get(low)
    return named or (chr(low) if 0 < low < 0xFF else "")


def require_display() -> None:
    """Raise InputError where no window can be opened; OpenCV would end the program."""
    if sys.platform != "linux":
        return
    # OpenCV's wheels have Qt's X11 plugin only; on Wayland it runs through XWayland.
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise InputError("there is no display to open a window on; run with `show=False`")
    if not x11.has_display():
        raise InputError(f"no window can be opened on the display {display}; run with `show=False`")
