"""Locate the person, for effects beside the segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from background_removal.errors import InputError
from background_removal.look import Look

if TYPE_CHECKING:
    from background_removal.segmentation import MPSegmentation

# Minimum area of a person, share of the frame; that of a head a tenth of the frame's height.
_MIN_AREA = 0.005
# Minimum pixels of the person in a row or column of their bounds, share of its length; stray pixels do not count.
_MIN_LINE_SHARE = 0.004


class AlphaProvider(Protocol):
    """An object that has the alpha of the last frame, such as MPSegmentation."""

    def last_alpha(self) -> np.ndarray:
        """Return float32 (H, W) in [0, 1]."""
        ...


class Subject:
    """Locates the person with the segmentation among the custom objects, or else with one of its own."""

    def __init__(self) -> None:
        self._provider: AlphaProvider | None = None
        self._own: MPSegmentation | None = None

    def meet(self, custom_objects: Sequence[object]) -> None:
        """Take the first object that has an alpha."""
        found = [item for item in custom_objects if hasattr(item, "last_alpha")]
        self._provider = cast("AlphaProvider", found[0]) if found else None

    @property
    def background_is_replaced(self) -> bool:
        """Whether the segmentation has already replaced the background."""
        look = getattr(self._provider, "look", None)
        return isinstance(look, Look) and look.background != "none"

    def alpha(self, frame: np.ndarray) -> np.ndarray:
        """Return the alpha of the current frame, float32 (H, W) in [0, 1]; 1 is the person.

        Raises:
            InputError: an object between the segmentation and this one has changed the frame's size.
        """
        if self._provider is None:
            if self._own is None:
                from background_removal.segmentation import MPSegmentation

                self._own = MPSegmentation(background="none")
            return self._own.alpha(np.ascontiguousarray(frame[..., :3]))
        alpha = self._provider.last_alpha()
        if alpha.shape != frame.shape[:2]:
            raise InputError(
                "the frame's size was changed after the segmentation; put this object before the one that changed it"
            )
        return alpha

    def last_alpha(self) -> np.ndarray | None:
        """Return the alpha of the previous frame, for objects before the segmentation; None if it is unknown.

        A segmentation that does not replace the background computes no alpha by itself, and is not asked; nor is one
        that has had no frame yet.
        """
        if self._provider is None or getattr(self._provider, "found_person", True) is None:
            return None
        return self._provider.last_alpha() if self.background_is_replaced else None

    def bounds(self, frame: np.ndarray) -> tuple[int, int, int, int] | None:
        """Return left, top, right, bottom of the person in pixels, None if there is none."""
        alpha = self.alpha(frame)
        if (person_alpha := getattr(self._provider, "person_alpha", None)) is not None:
            alpha = person_alpha()  # which a look that keeps the room in place of the person has inverted
        inside = alpha > 0.5
        if inside.mean() < _MIN_AREA:
            return None
        rows = np.flatnonzero(inside.sum(axis=1) > _MIN_LINE_SHARE * inside.shape[1])
        columns = np.flatnonzero(inside.sum(axis=0) > _MIN_LINE_SHARE * inside.shape[0])
        if not rows.size or not columns.size:
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
