"""Main person: the first and nearest of several people, kept through crossings and short losses."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.tracking.tracked_person import TrackedPerson

# Values without a source were set on the composed crossings of tests/test_people.py alone.

# Bins of a* and of b* (CIELAB) in the histogram of a person's colours.
_BINS = 16
# Weight of each frame in the learnt histogram.
_LEARNING_RATE = 0.05
# Minimum similarity of a frame that is learnt; while two people cross, the alpha of one holds both.
_MIN_SIMILARITY_LEARNT = 0.85
# Minimum alpha of the pixels that are counted.
_MIN_ALPHA = 0.9
# Margin of similarity by which another person must match the learnt histogram better to become the main person: the
# two have crossed. Similarity is the intersection of histograms, 0 to 1 (Swain and Ballard, Color Indexing, 1991).
_SWAP_MARGIN = 0.25
# Consecutive frames in which they must.
_SWAP_FRAMES = 5
# Frames within which a lost main person can come back.
_MAX_LOST_FRAMES = 60
# Minimum similarity of a person who comes back.
_MIN_SIMILARITY = 0.5


class MainPersonSelector:
    """Selects the main person in each frame.

    Attributes:
        person: The main person, also while lost; None before the first frame with people.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the main person."""
        self.person: TrackedPerson | None = None
        self._colors: np.ndarray | None = None
        self._lost_frames = self._swap_frames = 0

    def choose(self, person: TrackedPerson | None) -> None:
        """Make a person the main one; None for the nearest in the next frame."""
        self.reset()
        self.person = person

    def select(self, people: Sequence[TrackedPerson]) -> TrackedPerson | None:
        """Return the main person of the next frame; None while they are lost.

        Args:
            people: The people in the frame.
        """
        if self.person is None:
            self.person = find_nearest(people)
        if self.person not in people:
            self.person = self._recover(people)
            return self.person if self.person in people else None
        self._lost_frames = 0
        assert self.person is not None
        if self.person.body.pays:  # a body is followed by its shape, with which colours cannot compete
            self._learn(_color_histogram(self.person, people))
            return self.person
        if len(people) == 1 or self._colors is None:
            self._learn(_color_histogram(self.person, people))
            return self.person
        similarities = [_similarity(_color_histogram(person, people), self._colors) for person in people]
        best = int(np.argmax(similarities))
        is_better = similarities[best] > similarities[people.index(self.person)] + _SWAP_MARGIN
        self._swap_frames = self._swap_frames + 1 if is_better else 0
        if self._swap_frames >= _SWAP_FRAMES:
            self._swap_frames, self.person = 0, people[best]
        elif people[best] is self.person:
            self._learn(_color_histogram(self.person, people))
        return self.person

    def _recover(self, people: Sequence[TrackedPerson]) -> TrackedPerson | None:
        """Return a new track of the lost person; the nearest person if they are lost for too long."""
        self._lost_frames += 1
        if self._lost_frames > _MAX_LOST_FRAMES:
            self.reset()
            return find_nearest(people)
        if self._colors is None or not people or self.person is None:
            return self.person
        similarities = [_similarity(_color_histogram(person, people), self._colors) for person in people]
        best = int(np.argmax(similarities))
        is_newer = people[best].age < self._lost_frames + self.person.age
        return people[best] if similarities[best] >= _MIN_SIMILARITY and is_newer else self.person

    def _learn(self, colors: np.ndarray) -> None:
        if self._colors is None:
            self._colors = colors
        elif _similarity(colors, self._colors) >= _MIN_SIMILARITY_LEARNT:
            self._colors = (1 - _LEARNING_RATE) * self._colors + _LEARNING_RATE * colors


def find_nearest(people: Sequence[TrackedPerson]) -> TrackedPerson | None:
    """Return the tallest of the people in a frame, as that is mostly the nearest; None without people."""
    return max(people, key=lambda person: person.height, default=None)


def _similarity(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.minimum(a, b).sum())


def _color_histogram(person: TrackedPerson, people: Sequence[TrackedPerson]) -> np.ndarray:
    """Return the share of each colour, float32 (bins, bins) of a* and b*, in the pixels of a person alone."""
    assert person.matte is not None
    where = (person.own_alpha(people) > _MIN_ALPHA).view(np.uint8)
    lab = cv2.cvtColor(person.matte.image, cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([lab], [1, 2], where, [_BINS, _BINS], [64, 192, 64, 192])
    return counts / max(float(counts.sum()), 1.0)
