"""Where the person is, for objects that come after the segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from background_removal.errors import InputError
from background_removal.look import Look

if TYPE_CHECKING:
    from background_removal.segmentation import MPSegmentation

# Less of the frame than this is no person: a head that fills a tenth of its height covers about so much.
_MIN_AREA = 0.005


class AlphaProvider(Protocol):
    """An object that knows the alpha of the last frame, as MPSegmentation does."""

    def last_alpha(self) -> np.ndarray:
        """Return float32 (H, W) in [0, 1]."""
        ...


class Subject:
    """Asks the segmentation among the custom objects, or one of its own if there is none."""

    def __init__(self) -> None:
        self._knows: AlphaProvider | None = None
        self._own: MPSegmentation | None = None

    def meet(self, custom_objects: Sequence[object]) -> None:
        """Take the first object that knows the alpha."""
        found = [item for item in custom_objects if hasattr(item, "last_alpha")]
        self._knows = cast("AlphaProvider", found[0]) if found else None

    @property
    def background_is_replaced(self) -> bool:
        """Whether the segmentation has put something else behind the person already."""
        look = getattr(self._knows, "look", None)
        return isinstance(look, Look) and look.background != "none"

    def alpha(self, frame: np.ndarray) -> np.ndarray:
        """Return the alpha of the frame at hand, float32 (H, W) in [0, 1]; 1 is the person.

        Raises:
            InputError: an object before this one has changed the frame's size since the person was found.
        """
        if self._knows is None:
            if self._own is None:
                from background_removal.segmentation import MPSegmentation

                self._own = MPSegmentation(background="none")
            return self._own.alpha(np.ascontiguousarray(frame[..., :3]))
        alpha = self._knows.last_alpha()
        if alpha.shape != frame.shape[:2]:
            raise InputError("the frame's size was changed after the segmentation; put this object before what did so")
        return alpha

    def last_alpha(self) -> np.ndarray | None:
        """Return the alpha of the frame before, for objects that come before the segmentation; None if nobody knows.

        Without a background the segmentation looks for nobody of its own accord, and is left alone.
        """
        return self._knows.last_alpha() if self._knows is not None and self.background_is_replaced else None

    def bounds(self, frame: np.ndarray) -> tuple[int, int, int, int] | None:
        """Return left, top, right, bottom of the person in pixels, None if there is none."""
        inside = self.alpha(frame) > 0.5
        if inside.mean() < _MIN_AREA:
            return None
        # A few stray pixels do not move the picture.
        rows = np.flatnonzero(inside.sum(axis=1) > 0.004 * inside.shape[1])
        columns = np.flatnonzero(inside.sum(axis=0) > 0.004 * inside.shape[0])
        if not rows.size or not columns.size:
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
