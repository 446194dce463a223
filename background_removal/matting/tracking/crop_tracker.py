"""Crop tracker: keeps a crop around one person from frame to frame."""

from __future__ import annotations

import numpy as np

from background_removal.matting.boxes import Bounds, Box, area, find_bounds, overlaps, union
from background_removal.matting.crop import CropPolicy, crop_around

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Minimum distance of the person from a side of the crop, as a share of the crop; nearer moves the crop.
_SAFE_MARGIN = 0.05
# As `CropPolicy.shrink_below`, after a detection; that separates person and background better than the crop does.
_SHRINK_BELOW_AFTER_DETECTION = 0.7
# Share of a side of the crop covered by the person, above which they have left the crop.
_MAX_SIDE_COVERED = 0.05


class CropTracker:
    """Keeps a crop around a person; the less background is in it, the finer the person's edge.

    The crop moves only when it must or is due to be fitted again: a network's answer changes a little with each move.

    Attributes:
        box: The crop for the next frame; None without a person.
    """

    def __init__(self, policy: CropPolicy = CropPolicy()) -> None:  # noqa: B008
        self._policy = policy
        self.reset()

    def reset(self) -> None:
        """Forget the person's place."""
        self.box: Box | None = None
        self._bounds: Bounds | None = None

    def fit(self, person: Bounds, size: tuple[int, int]) -> None:
        """Fit the crop to the bounds of a person, after a first crop that was a guess."""
        self.box = crop_around(person, size, self._policy)

    def update(self, alpha: np.ndarray, box: Box, size: tuple[int, int]) -> Bounds | None:
        """Move the crop, if it must, to fit the alpha of a frame.

        Args:
            alpha: Alpha of `box`, float32 (h, w).
            box: The part of the frame that it covers.
            size: Width and height of the frame.

        Returns:
            The bounds of the person; None if there is none, and the crop is dropped.
        """
        before, self._bounds = self._bounds, find_bounds(alpha, box, size)
        if self._bounds is None:
            self.box = None
            return None
        self._keep_inside(_extrapolate(self._bounds, before), size, self._policy.shrink_below)
        return self._bounds

    def observe_detection(self, probability: np.ndarray, size: tuple[int, int], refit: bool = False) -> bool:
        """Move the crop, if it must, to fit a detection.

        The detection corrects a crop that has taken in background. A person missed by it, too small in the whole
        frame, keeps the crop.

        Args:
            probability: Probability of a person in the whole frame, float32 (h, w).
            size: Width and height of the frame.
            refit: Whether to fit the crop again even if the old one would still do.

        Returns:
            Whether there is a person, in the detection or in the crop.
        """
        detected = find_bounds(probability, (0, 0, *size), size)
        known = self._bounds
        if detected is None:
            if refit and self.box is not None and known is not None:
                self.box = crop_around(known, size, self._policy)
            return self.box is not None
        if refit:
            self.box = None
        if known is not None and not overlaps(detected, known):
            self._keep_inside(union(detected, known), size, self._policy.shrink_below)
        else:
            self._keep_inside(detected, size, _SHRINK_BELOW_AFTER_DETECTION)
        return True

    def _keep_inside(self, person: Bounds, size: tuple[int, int], shrink_below: float) -> None:
        if self.box is None or not self._fits(person, size, shrink_below):
            self.box = crop_around(person, size, self._policy)

    def _fits(self, person: Bounds, size: tuple[int, int], shrink_below: float) -> bool:
        assert self.box is not None
        left, top, right, bottom = self.box
        across, down = _SAFE_MARGIN * (right - left), _SAFE_MARGIN * (bottom - top)
        inside = (
            (person[0] >= left + across or left <= 0)
            and (person[1] >= top + down or top <= 0)
            and (person[2] <= right - across or right >= size[0])
            and (person[3] <= bottom - down or bottom >= size[1])
        )
        return inside and area(crop_around(person, size, self._policy)) > shrink_below * area(self.box)


def exceeds_crop(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
    """Return whether the person reaches over a side of `box` that is not a side of the frame."""
    inner = (
        (alpha[:, 0], box[0] > 0),
        (alpha[0], box[1] > 0),
        (alpha[:, -1], box[2] < size[0]),
        (alpha[-1], box[3] < size[1]),
    )
    return any(movable and (side > 0.5).mean() > _MAX_SIDE_COVERED for side, movable in inner)


def _extrapolate(person: Bounds, before: Bounds | None) -> Bounds:
    """Return bounds that also hold the person in the next frame, at the same speed."""
    if before is None:
        return person
    left, top, right, bottom = (2 * now - then for now, then in zip(person, before, strict=True))
    return min(left, person[0]), min(top, person[1]), max(right, person[2]), max(bottom, person[3])
