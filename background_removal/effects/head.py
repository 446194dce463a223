"""How high people's heads are, for effects that show the upper body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from background_removal.matting.pyramid import Pyramid

if TYPE_CHECKING:
    from background_removal.matting.networks.faces import FaceDetector

# From above the brows to the chin is what the network calls a face: two thirds of a head.
_HEAD_TO_FACE = 1.5
# How often it is looked for, and how long a head whose face has turned away counts.
_EVERY_SECONDS, _KEPT_SECONDS = 0.5, 5.0
# Share of what is new in each look: a single one is off by a tenth.
_NEW = 0.3


class Heads:
    """Finds the height of the largest head, with a network of its own that takes 3 ms twice a second."""

    def __init__(self) -> None:
        self._finder: FaceDetector | None = None
        self.reset()

    def reset(self) -> None:
        """A stream begins."""
        self._height: float | None = None
        self._looked_at: float | None = None
        self._seen_at = 0.0

    def close(self) -> None:
        """Free the network; it is loaded again when it is needed."""
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def height(self, frame: np.ndarray, seconds: float | None) -> float | None:
        """Return the height of the largest head as a share of the frame's, None if no face has been seen lately.

        Args:
            frame: uint8 (H, W, 3) or (H, W, 4).
            seconds: When it is shown; None where nobody tells: each is looked at then.
        """
        if seconds is not None and self._looked_at is not None and 0 <= seconds - self._looked_at < _EVERY_SECONDS:
            return self._height
        self._looked_at = seconds
        if self._finder is None:
            from background_removal.matting.networks.faces import FaceDetector

            self._finder = FaceDetector()
        faces = self._finder.detect(Pyramid(np.ascontiguousarray(frame[..., :3])))
        now = seconds or 0.0
        if faces:
            found = _HEAD_TO_FACE * max(face.box[3] - face.box[1] for face in faces) / frame.shape[0]
            self._height = found if self._height is None else self._height + _NEW * (found - self._height)
            self._seen_at = now
        elif now - self._seen_at > _KEPT_SECONDS or seconds is None:
            self._height = None
        return self._height
