"""The pointer in the window: clicks, drags and turns of the wheel, from OpenCV's mouse events."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import cv2

# Way of a drag with Shift that counts as one notch of the wheel, share of the image's height; the whole height is
# then twenty notches, which is more than anybody needs.
_NOTCH_WAY = 0.05
# Distance at which a pressed pointer drags, shares of the image's width or height; hands shake by less.
_MIN_DRAG = 0.01


@dataclass(frozen=True, slots=True)
class Gesture:
    """Something done with the pointer on the image.

    Attributes:
        kind: "click", "mark" (a click with Ctrl), "drag" or "wheel" (also a drag with Shift, up or down).
        x, y: Place on the image, shares of its width and height, 0 to 1; of a drag the way since the last one.
        notches: Of the wheel, positive away from the user; 0 for other kinds.
    """

    kind: str
    x: float
    y: float
    notches: float = 0.0


class Pointer:
    """Makes gestures of mouse events: a press that moves is a drag, and one that does not is a click.

    Args:
        has_wheel: Whether the wheel is a gesture; OpenCV's Qt window enlarges its content with it, whatever is done.
    """

    def __init__(self, has_wheel: bool = True) -> None:
        self._has_wheel = has_wheel
        self._gestures: list[Gesture] = []
        self._pressed: tuple[float, float] | None = None
        self._with_ctrl = self._drags = False

    def take(self) -> list[Gesture]:
        """Return the gestures since the last call."""
        gestures, self._gestures = self._gestures, []
        return gestures

    def on_mouse(self, event: int, place: tuple[float, float], flags: int) -> None:
        """Take an event of OpenCV's at a place, shares of the image; outside it begins no gesture."""
        inside = all(0 <= share < 1 for share in place)
        if event == cv2.EVENT_LBUTTONDOWN:
            self._pressed, self._drags = place if inside else None, False
            self._with_ctrl = bool(flags & cv2.EVENT_FLAG_CTRLKEY)
        elif event == cv2.EVENT_MOUSEMOVE:
            self._move(place, bool(flags & cv2.EVENT_FLAG_SHIFTKEY))
        elif event == cv2.EVENT_LBUTTONUP:
            if self._pressed is not None and not self._drags:
                self._gestures.append(Gesture("mark" if self._with_ctrl else "click", *self._pressed))
            self._pressed = None
        elif event == cv2.EVENT_LBUTTONDBLCLK:
            self._pressed = None
        elif event == cv2.EVENT_MOUSEWHEEL and inside and self._has_wheel:
            # A signed number in the high half: 120 for a notch on Windows, any number on macOS.
            turn = flags >> 16
            turn = turn - (1 << 16) if turn >= 1 << 15 else turn
            notches = turn / 120 if sys.platform != "darwin" else float((turn > 0) - (turn < 0))
            self._gestures.append(Gesture("wheel", *place, notches))

    def _move(self, place: tuple[float, float], with_shift: bool) -> None:
        if self._pressed is None or self._with_ctrl:
            return
        across, down = place[0] - self._pressed[0], place[1] - self._pressed[1]
        self._drags |= max(abs(across), abs(down)) >= _MIN_DRAG
        if self._drags:
            resized = Gesture("wheel", *self._pressed, -down / _NOTCH_WAY)
            self._gestures.append(resized if with_shift else Gesture("drag", across, down))
            self._pressed = place
