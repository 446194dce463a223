"""Recent room: the blurred room of the last frame, shown again where the room stands still."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.effort.change import max_change
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import Planes

# Values without a source are guesses that no difference was seen with; a blur hides more.

# Size of the picture by which a room is known, width and height in pixels.
_SIZE = (80, 45)
# Maximum alpha in a pixel of the room.
_MAX_ALPHA = 0.1
# Maximum change of the room, of 255, averaged over the window.
_MAX_CHANGE = 3.0
# Window of that average, pixels.
_WINDOW = (3, 3)
# Frames for which a room is shown again at most: while the person moves, and while nothing does.
_FRAMES_MOVING, _FRAMES_STILL = 1, 3
# Frames without a look at a room that has changed, as it will again.
_PAUSE_FRAMES = 8


class RecentRoom:
    """Keeps the blurred room of a live stream for the frames in which it would hardly differ."""

    def __init__(self) -> None:
        self._layers: list[np.ndarray] = []
        self._image: np.ndarray | None = None  # of the room in `_layers`; None while that has changed
        self._alpha: np.ndarray | None = None
        self._empty: Planes | None = None
        self._shown = 0
        self._pause = 0

    def empty_result(self, matte: Matte) -> Planes | None:
        """Return the last frame's result if its matte is kept and shows no person; None otherwise."""
        if self._empty is None or self._alpha is not matte.alpha or self._shown >= _FRAMES_STILL:
            return None
        self._shown += 1
        return self._empty

    def take_result(self, matte: Matte, result: np.ndarray | Planes) -> None:
        """Take a frame's result; planes without a person, which nothing draws on, are shown again."""
        self._empty = result if isinstance(result, Planes) and not matte.alpha.any() else None

    def copy_onto(self, layers: Sequence[np.ndarray], view: Pyramid, matte: Matte) -> bool:
        """Copy the room onto layers like the frame's if it has not changed; return whether that was so.

        Args:
            layers: Where it is copied to.
            view: The frame.
            matte: The person's matte.
        """
        if self._pause:
            self._pause -= 1
            return False
        image = view.crop((0, 0, *view.size), *_SIZE)
        is_same_size = [layer.shape for layer in layers] == [layer.shape for layer in self._layers]
        limit = _FRAMES_STILL if self._alpha is matte.alpha else _FRAMES_MOVING
        self._alpha = matte.alpha
        if self._image is None or not is_same_size or self._shown >= limit:
            self._image = image
            return False
        if not _is_still(image, self._image, matte):
            self._image, self._pause = None, _PAUSE_FRAMES
            return False
        for layer, kept in zip(layers, self._layers, strict=True):
            np.copyto(layer, kept)
        self._shown += 1
        return True

    def keep(self, layers: Sequence[np.ndarray]) -> None:
        """Keep the room of the frame that `copy_onto` has got last."""
        if self._image is None:
            return
        if [layer.shape for layer in layers] != [layer.shape for layer in self._layers]:
            self._layers = [np.empty(layer.shape, np.uint8) for layer in layers]
        for layer, kept in zip(layers, self._layers, strict=True):
            np.copyto(kept, layer)
        self._shown = 0


def _is_still(image: np.ndarray, before: np.ndarray, matte: Matte) -> bool:
    """Return whether two small pictures, uint8 of _SIZE, show the same room behind the person."""
    room = cv2.inRange(matte.shrink(*_SIZE), (0.0,), (_MAX_ALPHA,))
    return cv2.minMaxLoc(cv2.blur(max_change(image, before), _WINDOW), room)[1] <= _MAX_CHANGE
