"""Assign faces, and columns of the frame, to people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from background_removal.matting.boxes import Box, middle_column
from background_removal.matting.networks.faces import Face

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Maximum distance between the faces of one person in two detections, in widths of the larger.
_MAX_FACE_DISTANCE = 1.2
# Range of the ratio of their widths.
_MIN_FACE_RATIO, _MAX_FACE_RATIO = 0.5, 2


class FaceOwner(Protocol):
    """A person to whom a face may belong."""

    def has_face_at(self, face: Face) -> bool:
        """Return whether `face` is where the person's face was detected last."""
        ...

    def can_own(self, face: Face) -> bool:
        """Return whether `face` may belong to the person, if no face was detected or it was missed for a while."""
        ...

    def distance(self, column: float) -> float:
        """Return the distance of a column of the frame from the person."""
        ...


Owner = TypeVar("Owner", bound=FaceOwner)


def match_faces(
    faces: Sequence[Face], people: Sequence[Owner], is_face: Callable[[Face], bool]
) -> tuple[list[tuple[Owner, Face]], list[Face]]:
    """Assign each face to a person, at most one to each, the nearest first.

    Args:
        faces: Detected faces.
        people: Tracked people.
        is_face: Confirms a face that is at no known place.

    Returns:
        People with their faces, and the faces of new people.
    """
    matched: list[tuple[Owner, Face]] = []
    new: list[Face] = []
    free = list(people)
    for face in faces:
        owner = _nearest([person for person in free if person.has_face_at(face)], face)
        if owner is None:
            taken = [other for _, other in matched] + new
            if any(is_same_place(face, other, middle_column(other.box)) for other in taken) or not is_face(face):
                continue  # the same face again, or no face
            owner = _nearest([person for person in free if person.can_own(face)], face)
        if owner is None:
            new.append(face)
        else:
            matched.append((owner, face))
            free.remove(owner)
    return matched, new


def _nearest(people: Sequence[Owner], face: Face) -> Owner | None:
    middle = middle_column(face.box)
    return min(people, key=lambda person: person.distance(middle), default=None)


def is_same_place(face: Face, known: Face, column: float) -> bool:
    """Return whether `face` may be the face `known` of a person whose middle is at `column` by now."""
    known_width, width = known.box[2] - known.box[0], face.box[2] - face.box[0]
    aside, below = abs(middle_column(face.box) - column), abs(face.box[1] - known.box[1])
    near = max(aside, below) < _MAX_FACE_DISTANCE * max(known_width, width)
    return near and _MIN_FACE_RATIO < width / known_width < _MAX_FACE_RATIO


def is_same_face(a: Face, b: Face) -> bool:
    """Return whether two detections in one frame are of the same face."""
    width = b.box[2] - b.box[0]
    distance = max(abs(a.box[n] + a.box[n + 2] - b.box[n] - b.box[n + 2]) / 2 for n in (0, 1))
    return distance < width / 2 and _MIN_FACE_RATIO < (a.box[2] - a.box[0]) / width < _MAX_FACE_RATIO


def column_distances(centre: float, reach: float, box: Box, width: int) -> np.ndarray:
    """Return the distance of each of `width` columns of `box` from a person at `centre`, in units of `reach`."""
    columns = box[0] + (np.arange(width) + 0.5) * ((box[2] - box[0]) / width)
    return np.abs(columns - centre) / reach


def nearest_columns(own: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return 1 for the columns nearer to a person than to others, else 0, float32; None if all are.

    Args:
        own: Distance of each column from the person.
        others: The same of each other person, at least one.
    """
    nearest = own <= np.min(others, axis=0)
    return None if nearest.all() else nearest.astype(np.float32)
