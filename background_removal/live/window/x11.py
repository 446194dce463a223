"""Keys typed in OpenCV's windows on Linux, read from the X server.

OpenCV's Qt window keeps only the last key typed while a frame is processed, and reports F and f as one. The X server
sends the keys of a window to any client that asks, and keeps them until they are fetched.
"""

from __future__ import annotations

import ctypes
import functools
import os

_KEY_PRESS = 2
_KEY_PRESS_MASK = 1
_CONTROL, _ALT = 1 << 2, 1 << 3
# Keysyms of the keys without a character that are used (X11/keysymdef.h).
_NAMED = {0xFF1B: "esc", 0xFFC8: "f11"}
# Attempts to find the window, about a second of frames; a desktop has many windows to ask.
_MAX_ATTEMPTS = 30


class _KeyEvent(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("root", ctypes.c_ulong), ("subwindow", ctypes.c_ulong), ("time", ctypes.c_ulong),
        ("x", ctypes.c_int), ("y", ctypes.c_int), ("x_root", ctypes.c_int), ("y_root", ctypes.c_int),
        ("state", ctypes.c_uint), ("keycode", ctypes.c_uint), ("same_screen", ctypes.c_int),
    ]  # fmt: skip


class _Event(ctypes.Union):
    _fields_ = [("type", ctypes.c_int), ("key", _KeyEvent), ("padding", ctypes.c_long * 24)]


class Keys:
    """The keys typed in a window of this process.

    Args:
        title: The window's title.
    """

    def __init__(self, title: str) -> None:
        self._library, self._display = _connection(os.environ.get("DISPLAY", ""))
        self._title = title.encode()
        self._window = 0
        self._attempts_left = _MAX_ATTEMPTS if self._display else 0

    def typed(self) -> list[str] | None:
        """Return the keys typed since the last call: characters, "esc" and "f11".

        Returns:
            None while the window is not found.
        """
        if not self._window:
            if not self._attempts_left:
                return None
            self._attempts_left -= 1
            if not self._find(self._library.XDefaultRootWindow(self._display)):
                return None
        keys = []
        event, symbol, text = _Event(), ctypes.c_ulong(), ctypes.create_string_buffer(8)
        while self._library.XPending(self._display):
            self._library.XNextEvent(self._display, ctypes.byref(event))
            if event.type != _KEY_PRESS or event.key.window != self._window:
                continue
            self._library.XLookupString(ctypes.byref(event), text, len(text), ctypes.byref(symbol), None)
            # With Control or Alt a key is a shortcut of the window; keysyms of Latin letters are their character codes.
            if not event.key.state & (_CONTROL | _ALT):
                key = _NAMED.get(symbol.value, chr(symbol.value) if 0x20 <= symbol.value < 0x100 else "")
                keys += [key] if key else []
        return keys

    def _find(self, parent: int) -> bool:
        """Search the children of a window for ours, and subscribe to its keys."""
        root, above = ctypes.c_ulong(), ctypes.c_ulong()
        children, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        ask = (ctypes.byref(root), ctypes.byref(above), ctypes.byref(children), ctypes.byref(count))
        if not self._library.XQueryTree(self._display, parent, *ask):
            return False
        try:
            for number in range(count.value):
                child = children[number]
                if self._is_ours(child):
                    self._window = child
                    self._library.XSelectInput(self._display, child, _KEY_PRESS_MASK)
                    return True
                if self._find(child):  # inside the frame that a window manager draws
                    return True
        finally:
            if children:
                self._library.XFree(children)
        return False

    def _is_ours(self, window: int) -> bool:
        name = ctypes.c_char_p()
        if not self._library.XFetchName(self._display, window, ctypes.byref(name)):
            return False
        try:
            if name.value != self._title:
                return False
        finally:
            self._library.XFree(name)
        return self._process_of(window) in (os.getpid(), None)

    def _process_of(self, window: int) -> int | None:
        """Return the process of a window (_NET_WM_PID), None if it does not have that property."""
        library = self._library
        atom = library.XInternAtom(self._display, b"_NET_WM_PID", 0)
        kind, form, count, after = ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong()
        data = ctypes.POINTER(ctypes.c_ulong)()
        results = [ctypes.byref(item) for item in (kind, form, count, after, data)]
        library.XGetWindowProperty(self._display, window, atom, 0, 1, 0, 0, *results)
        if not data:
            return None
        process = data[0] & 0xFFFFFFFF if count.value else None
        library.XFree(data)
        return process


def has_display() -> bool:
    """Return whether the X server of $DISPLAY answers."""
    return bool(_connection(os.environ.get("DISPLAY", ""))[1])


@functools.cache
def _connection(display: str) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """Open a connection to an X server, a null one if that fails.

    It stays open until the program ends: some servers restart when their last client leaves, just as Qt would connect.
    """
    try:
        library = ctypes.CDLL("libX11.so.6")
    except OSError:  # Qt needs this library too
        return ctypes.CDLL(None), ctypes.c_void_p()
    window, pointer = ctypes.c_ulong, ctypes.c_void_p
    library.XOpenDisplay.restype = pointer
    library.XDefaultRootWindow.argtypes, library.XDefaultRootWindow.restype = [pointer], window
    library.XPending.argtypes = [pointer]
    library.XNextEvent.argtypes = [pointer, pointer]
    library.XLookupString.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int, pointer, pointer]
    library.XQueryTree.argtypes = [pointer, window, pointer, pointer, pointer, pointer]
    library.XSelectInput.argtypes = [pointer, window, ctypes.c_long]
    library.XFetchName.argtypes = [pointer, window, pointer]
    library.XFree.argtypes = [pointer]
    library.XInternAtom.argtypes, library.XInternAtom.restype = [pointer, ctypes.c_char_p, ctypes.c_int], window
    library.XGetWindowProperty.argtypes = [
        pointer, window, window, ctypes.c_long, ctypes.c_long, ctypes.c_int, window, *[pointer] * 5
    ]  # fmt: skip
    # Without a handler, the error for a window that closes during a query would end the program.
    library.XSetErrorHandler(_ignore_error)
    return library, ctypes.c_void_p(library.XOpenDisplay(display.encode()) if display else None)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def _ignore_error(display: object, event: object) -> int:
    return 0
