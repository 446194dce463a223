"""AutoFrame: a virtual camera operator that keeps the person in the frame."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.effects.gradual import GradualEffect
from background_removal.effects.head import Heads
from background_removal.pipeline import actions

# Constants without a source were chosen by eye.

# Height of the person in the view, share of the view's height.
_PERSON_HEIGHT = 0.75
# Height of the person's middle in the view, share of the view's height from the top.
_PERSON_MIDDLE = 0.55
# Maximum enlargement.
_MAX_ZOOM = 2.0
# Maximum enlargement where it cuts off the lower body of a person who fills the frame.
_MAX_UPPER_BODY_ZOOM = 1.5
# Height of the view of an upper body, heights of the head; film-makers call it a medium close-up.
_HEADS = 3.2
# Distance of the view from its aim up to which it stays at rest, share of its size; people move their heads without
# wanting the image to move.
_REST_DISTANCE = 0.06
# Distance at which a moving view has arrived, share of its size.
_ARRIVED_DISTANCE = 0.015
# Delay before reframing when the person is about to be cut off, seconds.
_CUT_OFF_SECONDS = 0.3
# Delay before reframing when a better framing is available, seconds.
_BETTER_SECONDS = 1.5
# Delay before reframing when no person is in the frame, seconds; most are back soon.
_EMPTY_SECONDS = 2.5
# Number of equal first-order lags in series; with three, position, speed and acceleration are continuous, and the view
# never overshoots its aim.
_LAGS = 3
# Rate of each lag, 1 / s; half of the way takes 0.76 s and 95 % of it 1.8 s.
_LAG_RATE = 3.5


class AutoFrame(GradualEffect):
    """Crops the frame to the person and follows smoothly; the size of the image stays.

    Args:
        on: Whether it is on at the beginning; the key z switches it.
    """

    action = actions.AUTO_FRAME
    max_step_seconds = 0.5

    def __init__(self, *, on: bool = True) -> None:
        self._heads = Heads()
        super().__init__(on=on)

    def begin(self) -> None:
        """Begin a stream at its aim."""
        # Views: middle x, middle y, height, in heights of the frame. The last of the lags is the one shown.
        self._lags: list[np.ndarray] = []
        self._aspect = 0.0
        self._target: np.ndarray | None = None
        self._waited = self._alone = 0.0
        self._moving = False
        self._heads.reset()

    def close(self) -> None:
        """End the stream."""
        self._heads.close()

    @property
    def is_fading(self) -> bool:
        """Whether the view is still on its way back to the whole frame."""
        return bool(self._lags) and self._lags[-1][2] < 0.999

    def switched(self) -> None:
        """Set off at once, and gently."""
        self._waited = _EMPTY_SECONDS

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Return the part of `frame` around the person, uint8 of the same shape."""
        height, width = frame.shape[:2]
        if self._lags and self._aspect != width / height:  # a phone was turned
            self.begin()
        self._aspect = width / height
        whole = np.array([self._aspect / 2, 0.5, 1.0])
        elapsed = self._clock.step()
        bounds = self._person.bounds(frame) if self.on else None
        self._alone = self._alone + elapsed if bounds is None else 0.0
        aim = whole if bounds is None else self._aim(frame, bounds, whole)
        if not self._lags:
            # A stream begins at the aim; switching on begins at the whole frame.
            self._target = aim
            first = aim if self._waited == 0 else whole
            self._lags = [first] * _LAGS
        self._decide(aim, None if bounds is None else np.array(bounds) / height, whole, elapsed)
        assert self._target is not None
        self._follow(self._target, elapsed)
        return self.moved(frame)

    def moved(self, picture: np.ndarray) -> np.ndarray:
        """Return the part of `picture` that the last frame was cropped to, uint8 of the same shape."""
        if not self._lags or not (self.on or self.is_fading):
            return picture
        height, width = picture.shape[:2]
        x, y, size = self._lags[-1] * height
        scale = height / size
        # Pixel centres lie half a pixel inside.
        shift = [width / 2 - scale * x + (scale - 1) / 2, height / 2 - scale * y + (scale - 1) / 2]
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _decide(self, aim: np.ndarray, bounds: np.ndarray | None, whole: np.ndarray, elapsed: float) -> None:
        """Set the target to the aim if it has been far enough away for long enough."""
        assert self._target is not None
        distance = float(np.abs(aim - self._target).max() / self._target[2])
        if distance <= _REST_DISTANCE and not (self._moving and distance > _ARRIVED_DISTANCE):
            self._waited = 0.0
            self._moving = float(np.abs(self._target - self._lags[-1]).max()) > _ARRIVED_DISTANCE * self._target[2]
            return
        self._waited += elapsed
        if not self.on:
            delay = 0.0
        elif bounds is None:
            delay = _EMPTY_SECONDS
        elif _cuts_off(bounds, self._target, whole):
            delay = 0.0 if self._moving else _CUT_OFF_SECONDS
        else:
            delay = _BETTER_SECONDS
        waited = self._waited if bounds is not None or not self.on else self._alone
        if waited >= delay:
            self._target, self._moving, self._waited = aim, True, 0.0

    def _follow(self, target: np.ndarray, elapsed: float) -> None:
        """Move the lags towards `target`."""
        share = 1 - np.exp(-_LAG_RATE * elapsed)
        for number, place in enumerate(self._lags):
            self._lags[number] = target = place + share * (target - place)

    def _aim(self, frame: np.ndarray, bounds: tuple[int, int, int, int], whole: np.ndarray) -> np.ndarray:
        """Return the best view of the person inside the frame."""
        left, top, right, bottom = (side / frame.shape[0] for side in bounds)
        fitting = max((bottom - top) / _PERSON_HEIGHT, (right - left) / (_PERSON_HEIGHT * 2 * whole[0]))
        head = self._heads.height(frame, self._clock.now) if fitting > 1 / _MAX_UPPER_BODY_ZOOM else None
        if head is not None:
            # The width keeps the person from being cut off at the sides.
            fitting = min(fitting, max(_HEADS * head, 1 / _MAX_UPPER_BODY_ZOOM, (right - left) / (2 * whole[0])))
        size = float(np.clip(fitting, 1 / _MAX_ZOOM, 1))
        across = size * whole[0]
        # Placed by the top: head and shoulders matter more than the part below a table.
        y = top + (0.5 - (1 - _PERSON_HEIGHT) * _PERSON_MIDDLE) * size
        return np.array(
            [np.clip((left + right) / 2, across, 2 * whole[0] - across), np.clip(y, size / 2, 1 - size / 2), size]
        )


def _cuts_off(bounds: np.ndarray, view: np.ndarray, whole: np.ndarray) -> bool:
    """Return whether a view cuts off the person at its sides or at the top."""
    left, top, right, _ = bounds
    across = view[2] * whole[0]
    return bool(
        left < view[0] - across - _ARRIVED_DISTANCE
        or right > view[0] + across + _ARRIVED_DISTANCE
        or top < view[1] - view[2] / 2
    )
