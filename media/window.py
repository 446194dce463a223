"""The window: shows pictures, reports the keys typed in it, and notices when it is closed."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from types import TracebackType

import cv2
import numpy as np

from errors import InputError

ESCAPE = "esc"
_LARGEST_FIRST_SIZE = (1280, 720)
_CHECKER_PIXELS = 16


class Window:
    """A resizable window. It opens with the first picture and, once closed by the user, stays closed.

    Raises (on entering):
        InputError: there is no display to open a window on.
    """

    def __init__(self, title: str = "Background Removal") -> None:
        self._title = title
        self._opened = False
        self.closed = False

    def __enter__(self) -> Window:
        require_display()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, image: np.ndarray) -> None:
        """Show `image`, uint8 (H, W, 3) BGR or (H, W, 4) BGRA; the latter over a checkerboard."""
        if self._opened and not self._visible():
            self.closed = True  # OpenCV would open it again
        if self.closed:
            return
        if not self._opened:
            flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(self._title, flags)
            height, width = image.shape[:2]
            scale = min(1.0, _LARGEST_FIRST_SIZE[0] / width, _LARGEST_FIRST_SIZE[1] / height)
            cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))
            cv2.setMouseCallback(self._title, self._on_mouse)
            self._opened = True
        cv2.imshow(self._title, over_checkerboard(image) if image.shape[2] == 4 else image)

    def key(self, wait_ms: int = 1) -> str:
        """Let the window live for `wait_ms`, and return the key typed in it: a character, "esc", or ""."""
        if not self._opened or self.closed:
            return ""
        code = cv2.waitKeyEx(wait_ms)
        if not self._visible():
            self.closed = True
            return ""
        # The low half is the key; GTK puts Shift and the like above it. X numbers its keys without a character
        # from 0xFF00 on, and cutting those down to a byte would make a "Q" of the left arrow.
        code = -1 if code < 0 else code & 0xFFFF
        if code in (27, 0xFF1B):
            return ESCAPE
        return chr(code) if 0 < code < 0xFF else ""

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back to a window."""
        full = cv2.getWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN) == cv2.WINDOW_FULLSCREEN
        state = cv2.WINDOW_NORMAL if full else cv2.WINDOW_FULLSCREEN
        cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, state)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        if event == cv2.EVENT_LBUTTONDBLCLK:
            self.toggle_full_screen()

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # what some window systems answer once the user has closed it
            return False

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if self._opened and not self.closed:
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # some window systems close only when their events are handled
        self._opened, self.closed = False, True


def over_checkerboard(image: np.ndarray) -> np.ndarray:
    """Return BGRA (H, W, 4) as BGR (H, W, 3) over the grey squares that stand for transparency."""
    height, width = image.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    squares = (rows // _CHECKER_PIXELS + columns // _CHECKER_PIXELS) % 2
    board = cv2.cvtColor((160 + 60 * squares).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    alpha = image[..., 3].astype(np.float32) / 255
    return cv2.blendLinear(np.ascontiguousarray(image[..., :3]), board, alpha, 1 - alpha)


def require_display() -> None:
    """Raise InputError where no window can be opened, which OpenCV would answer by ending the program."""
    if sys.platform != "linux":
        return
    # OpenCV's wheels bring Qt's X11 plugin only, which Wayland serves through XWayland.
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise InputError("there is no display to open a window on; run with --no-show (show=False)")
    if not _x_connection(display):
        raise InputError(f"no window can be opened on the display {display}; run with --no-show (show=False)")


@functools.cache
def _x_connection(display: str) -> int:
    """Open a connection to an X server and return it, 0 if there is none to be had.

    It stays open for as long as the program runs: some servers start over when their last client leaves, and
    Qt would come in the midst of that.
    """
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # Qt needs this library too
        return 0
    x11.XOpenDisplay.restype = ctypes.c_void_p
    return x11.XOpenDisplay(display.encode()) or 0
