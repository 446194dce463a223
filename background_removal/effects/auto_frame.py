"""AutoFrame: the picture follows the person, as somebody at the camera would follow him."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.effects.clock import Clock
from background_removal.effects.effect import Effect
from background_removal.effects.head import Heads
from background_removal.effects.subject import Subject
from background_removal.pipeline import actions
from background_removal.pipeline.frame import StreamInfo

# The person is this share of the picture's height, with his middle this far down.
_SHARE, _MIDDLE = 0.75, 0.55
# The picture is never enlarged more than this; and less where a person who fills the frame is cut off below for it.
_MAX_ZOOM, _MAX_UPPER_BODY_ZOOM = 2.0, 1.5
# Of who stands in the frame from top to bottom the upper body is shown: so many heights of his head, which film-makers
# call a medium close-up.
_HEADS = 3.2
# All of these were chosen by eye.
# How far from its aim, as a share of its own size, the view stays at rest: people move their heads without wanting the
# picture to move. Once it moves it goes nearer.
_REST, _ARRIVED = 0.06, 0.015
# Seconds until the view sets off: when somebody is about to be cut off; when it could merely be better; and when
# nobody is there any more, who is mostly back soon.
_HURRY, _PATIENCE, _FAREWELL = 0.3, 1.5, 2.5
# The view follows as three equal lags one after another do, 1 / s each: place, speed and acceleration are without
# jumps, half the way takes 0.76 s and 95 % of it 1.8 s, and it never goes beyond its aim.
_LAG = 3.5
_LAGS = 3


class AutoFrame(Effect):
    """Cuts the frame to the person and moves along smoothly; the size of the picture stays.

    Args:
        on: Whether it is on from the beginning; the key z changes that.
    """

    action = actions.AUTO_FRAME

    def __init__(self, *, on: bool = True) -> None:
        super().__init__(on)
        self._person = Subject()
        self._heads = Heads()
        self._clock = Clock(longest=0.5)
        self._begin()

    def _begin(self) -> None:
        # Views: middle x, middle y, height, as shares of the frame's height. The last of the lags is what is shown.
        self._lags: list[np.ndarray] = []
        self._target: np.ndarray | None = None
        self._waited = self._alone = 0.0
        self._moving = False

    def meet(self, objects: Sequence[object]) -> None:
        """Find out which object knows where the person is."""
        self._person.meet(objects)

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._begin()
        self._heads.reset()
        self._clock.reset()

    def at(self, seconds: float) -> None:
        """Say when the next frame is shown."""
        self._clock.now = seconds

    def close(self) -> None:
        """The stream has ended."""
        self._heads.close()

    @property
    def lingers(self) -> bool:
        """Whether the view still goes back to the whole frame."""
        return bool(self._lags) and self._lags[-1][2] < 0.999

    def on_key(self, key: str) -> bool | str:
        """Switch by `key`: the view sets off at once, and gently."""
        answer = super().on_key(key)
        if answer:
            self._waited = _FAREWELL
            self._clock.reset()  # while it was off nobody asked
        return answer

    def changed(self, frame: np.ndarray) -> np.ndarray:
        """Return the part of `frame` around the person, uint8 of the same shape."""
        height, width = frame.shape[:2]
        whole = np.array([width / height / 2, 0.5, 1.0])
        elapsed = self._clock.step()
        bounds = self._person.bounds(frame) if self.on else None
        self._alone = self._alone + elapsed if bounds is None else 0.0
        aim = whole if bounds is None else self._aim(frame, bounds, whole)
        if not self._lags:
            # A stream begins where it should be; by the key one comes from the whole frame.
            self._target = aim
            first = aim if self._waited == 0 else whole
            self._lags = [first] * _LAGS
        self._decide(aim, None if bounds is None else np.array(bounds) / height, whole, elapsed)
        assert self._target is not None
        self._follow(self._target, elapsed)
        return self.moved(frame)

    def moved(self, picture: np.ndarray) -> np.ndarray:
        """Return the part of `picture` that the last frame was cut to, uint8 of the same shape."""
        if not self._lags or not (self.on or self.lingers):
            return picture
        height, width = picture.shape[:2]
        x, y, size = self._lags[-1] * height
        scale = height / size
        # Pixels lie half a pixel inside.
        shift = [width / 2 - scale * x + (scale - 1) / 2, height / 2 - scale * y + (scale - 1) / 2]
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _decide(self, aim: np.ndarray, bounds: np.ndarray | None, whole: np.ndarray, elapsed: float) -> None:
        """Set the target to the aim if it is worth it, and has been for long enough."""
        assert self._target is not None
        distance = float(np.abs(aim - self._target).max() / self._target[2])
        if distance <= _REST and not (self._moving and distance > _ARRIVED):
            self._waited = 0.0
            self._moving = float(np.abs(self._target - self._lags[-1]).max()) > _ARRIVED * self._target[2]
            return
        self._waited += elapsed
        if not self.on:
            patience = 0.0
        elif bounds is None:
            patience = _FAREWELL
        else:
            leaving = _leaves(bounds, self._target, whole)
            patience = (0.0 if self._moving else _HURRY) if leaving else _PATIENCE
        waited = self._waited if bounds is not None or not self.on else self._alone
        if waited >= patience:
            self._target, self._moving, self._waited = aim, True, 0.0

    def _follow(self, target: np.ndarray, elapsed: float) -> None:
        share = 1 - np.exp(-_LAG * elapsed)
        for number, place in enumerate(self._lags):
            self._lags[number] = target = place + share * (target - place)

    def _aim(self, frame: np.ndarray, bounds: tuple[int, int, int, int], whole: np.ndarray) -> np.ndarray:
        """Return the view that the person asks for, inside the frame."""
        left, top, right, bottom = (side / frame.shape[0] for side in bounds)
        fitting = max((bottom - top) / _SHARE, (right - left) / (_SHARE * 2 * whole[0]))
        head = self._heads.height(frame, self._clock.now) if fitting > 1 / _MAX_UPPER_BODY_ZOOM else None
        if head is not None:
            # Nobody is cut off at the sides for it.
            fitting = min(fitting, max(_HEADS * head, 1 / _MAX_UPPER_BODY_ZOOM, (right - left) / (2 * whole[0])))
        size = float(np.clip(fitting, 1 / _MAX_ZOOM, 1))
        across = size * whole[0]
        # Shoulders and head matter more than what the table hides.
        y = top + (0.5 - (1 - _SHARE) * _MIDDLE) * size
        return np.array(
            [np.clip((left + right) / 2, across, 2 * whole[0] - across), np.clip(y, size / 2, 1 - size / 2), size]
        )


def _leaves(bounds: np.ndarray, view: np.ndarray, whole: np.ndarray) -> bool:
    """Tell whether somebody is cut off by a view, at its sides or above, whom the frame itself does not cut off."""
    left, top, right, _ = bounds
    across = view[2] * whole[0]
    return bool(
        left < view[0] - across - _ARRIVED or right > view[0] + across + _ARRIVED or top < view[1] - view[2] / 2
    )
