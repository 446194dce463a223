"""Which of several people is the main one: who was there first and is nearest, through crossings and short losses."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.matting.tracking.tracked_person import TrackedPerson

# Values without a source were set on the composed crossings of tests/test_people.py alone.

# The colours of a person: a histogram of so many bins of a* and b* each (CIELAB), learnt with this share of each frame
# in which he looks like himself: while two people cross, what is taken for one of them is both.
_BINS = 16
_LEARNT = 0.05
_LIKE_HIMSELF = 0.85
_SURELY = 0.9
# Histograms are alike from 0 to 1 (their intersection, Swain and Ballard, Color Indexing, 1991). Someone who wears the
# main person's colours better than whoever is taken for him, by this much and for so many frames, is he: two people
# have crossed.
_BETTER = 0.25
_BETTER_FRAMES = 5
# For so many frames after he was lost he may come back; he must look like himself by this much.
_LOST_FRAMES = 60
_ALIKE = 0.5


class MainPersonSelector:
    """Keeps the main person."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget who he is."""
        self.person: TrackedPerson | None = None
        self._colors: np.ndarray | None = None
        self._lost = self._better = 0

    def choose(self, person: TrackedPerson | None) -> None:
        """Take this one from now on; None for whoever is nearest in the next frame."""
        self.reset()
        self.person = person

    def among(self, people: Sequence[TrackedPerson]) -> TrackedPerson | None:
        """Return the main person in the frame at hand; None if he is not seen.

        Args:
            people: Who is there, each drawn.
        """
        if self.person is None:
            self.person = max(people, key=lambda person: person.height, default=None)
        if self.person not in people:
            self.person = self._come_back(people)
            return self.person if self.person in people else None
        self._lost = 0
        assert self.person is not None
        if len(people) == 1 or self._colors is None:
            self._learn(_colors(self.person, people))
            return self.person
        alike = [_alike(_colors(person, people), self._colors) for person in people]
        best = int(np.argmax(alike))
        self._better = self._better + 1 if alike[best] > alike[people.index(self.person)] + _BETTER else 0
        if self._better >= _BETTER_FRAMES:
            self._better, self.person = 0, people[best]
        elif people[best] is self.person:
            self._learn(_colors(self.person, people))
        return self.person

    def _come_back(self, people: Sequence[TrackedPerson]) -> TrackedPerson | None:
        self._lost += 1
        if self._lost > _LOST_FRAMES:
            self.reset()
            return max(people, key=lambda person: person.height, default=None)
        if self._colors is not None and people:
            alike = [_alike(_colors(person, people), self._colors) for person in people]
            best = int(np.argmax(alike))
            if alike[best] >= _ALIKE and self.person is not None and people[best].age < self._lost + self.person.age:
                return people[best]
        return self.person

    def _learn(self, colors: np.ndarray) -> None:
        if self._colors is None:
            self._colors = colors
        elif _alike(colors, self._colors) >= _LIKE_HIMSELF:
            self._colors = (1 - _LEARNT) * self._colors + _LEARNT * colors


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.minimum(a, b).sum())


def _colors(person: TrackedPerson, people: Sequence[TrackedPerson]) -> np.ndarray:
    """Return the share of each colour, float32 (bins, bins) of a* and b*, in what is surely a person's own."""
    assert person.matte is not None
    where = (person.own(people) > _SURELY).view(np.uint8)
    lab = cv2.cvtColor(person.matte.image, cv2.COLOR_BGR2LAB)
    counts = cv2.calcHist([lab], [1, 2], where, [_BINS, _BINS], [64, 192, 64, 192])
    return counts / max(float(counts.sum()), 1.0)
