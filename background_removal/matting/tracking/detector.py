"""Finding who is in the frame: by faces, by a network that looks at the whole frame, by what has moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from background_removal.matting.crop import Bounds, CropPolicy, crop_around, meet
from background_removal.matting.networks.faces import Face, FaceDetector, merged
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.tracked_person import TrackedPerson, crop_of_face

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# More people than this are not followed.
MAX_PEOPLE = 4
# The whole frame is looked at this often, in frames, for someone whom no motion has announced,
_LOOK_EVERY = 30
# more often while this share of what the network draws is neither person nor background,
_UNSURE_SHARE = 0.12
_LOOK_WHEN_UNSURE = 4
# and at once when this share of what lies outside the crops has changed by so much brightness (of 255).
_NEWS_SHARE = 0.02
_NEWS_CHANGE = 24
# Faces are looked for this often, in frames: near and far ones in turn.
_FACES_EVERY = 8
_FACES_EVERY_OF_SEVERAL = 6
_NEAR, _FAR = 192, 320
# A new face must be found once more from so near, in its own widths, and be so sure in one of the looks at least: on
# the clips 157 of 162 faces are, and of 16 false ones, round lights for the most part, none.
MIN_FACE = 0.5
_CLOSE_UP = (3.5, 5.0)
_SURE_FACE = 0.7
# Size at which frames are compared.
GLANCE = (64, 36)
# Less of the frame than this is no person.
_MIN_SEEN = 0.004
# What has moved in the frame is tried for a person if it is at least this share of it, and no more than that: else it
# is the light or the camera.
_MIN_MOVED, _MAX_MOVED = 0.01, 0.5
# Whom only his motion has shown is believed for so many frames, in which a look must see him.
_TRIAL_FRAMES = 30
# So much of what is drawn of him must lie where the room has changed, or the room beside him is taken for his.
_MIN_WHERE_MOVED = 0.5
# The room without people is learnt with this share of each frame.
_LEARNT = 0.1
# Room around what has moved, as a share of it.
_MOVED_MARGIN = 1.0
# In a crop around what has moved a person is as much as this, and drawn as sharply as this.
_MIN_MOVED_PERSON = 0.04
_MAX_UNSURE_PERSON = 0.25


class PersonDetector:
    """Looks for people, as often as it must.

    Args:
        looking: The network that looks at the whole frame.
        load_faces: Loads what finds faces, when it is first needed: single pictures do without. None for networks of
            something else than people.
        room: How much of the room the crops show.
    """

    def __init__(
        self,
        looking: Segmenter,
        load_faces: Callable[[], FaceDetector] | None,
        room: CropPolicy = CropPolicy(),  # noqa: B008
    ) -> None:
        self._looking = looking
        self._load_faces = load_faces
        self._faces: FaceDetector | None = None
        self._room_around = room
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._since_look = self._since_faces = 0
        self._far = False
        self._first = True
        self._glance: np.ndarray | None = None
        self._looked_glance: np.ndarray | None = None
        self._room: np.ndarray | None = None
        self._seen: np.ndarray | None = None

    def close(self) -> None:
        """Free the networks."""
        self._looking.close()
        if self._faces is not None:
            self._faces.close()

    def next_frame(self, glance: np.ndarray) -> None:
        """The next frame has come, which looks like `glance`, grey, uint8 of the size GLANCE."""
        self._glance = glance
        self._seen = None
        self._since_look += 1
        self._since_faces += 1

    def seen(self, view: Pyramid) -> np.ndarray:
        """Return what the looking network sees in the whole frame, float32 (h, w) in [0, 1]."""
        if self._seen is None:
            self._since_look = 0
            self._looked_glance = self._glance
            height, width = self._looking.size
            self._seen = self._looking(brighten(view.crop((0, 0, *view.size), width, height)))
        return self._seen

    def find(self, view: Pyramid, people: list[TrackedPerson], anew: bool) -> list[TrackedPerson]:
        """Return who is in the next frame: those who were there, moved, and those who have come.

        Args:
            view: The frame.
            people: Who was there in the frame before.
            anew: Whether the crops are to be drawn anew.
        """
        news = self._has_news(view.size, people)
        people = list(people)
        if self._load_faces is not None and (not people or news or self._since_faces >= self._faces_every(people)):
            self._meet(view, people)
        if anew or not people or news or self._since_look >= self._look_every(people):
            self._look(view, people, anew)
        return people[:MAX_PEOPLE]

    # -- faces ---------------------------------------------------------------------------------------

    def _faces_every(self, people: Sequence[TrackedPerson]) -> int:
        return _FACES_EVERY if len(people) < 2 else _FACES_EVERY_OF_SEVERAL

    def _find_faces(self, view: Pyramid) -> list[Face]:
        if self._faces is None:
            assert self._load_faces is not None
            self._faces = self._load_faces()
        faces = self._faces
        self._since_faces = 0
        sides = (_NEAR, _FAR) if self._first else (_FAR,) if self._far else (_NEAR,)
        self._first, self._far = False, not self._far
        return merged(face for side in sides for face in faces.find(view, side=side))

    def _meet(self, view: Pyramid, people: list[TrackedPerson]) -> None:
        """Give faces to those whose they are, and add a person for each that is nobody's."""
        free = list(people)
        for person in people:
            person.looks_without_face += 1
        for face in self._find_faces(view):
            middle = (face.box[0] + face.box[2]) / 2
            owner = min((p for p in free if p.has_face_at(face)), key=lambda p: p.distance(middle), default=None)
            if owner is None:
                if any(p.has_face_at(face) for p in people) or not self._is_face(view, face):
                    continue  # the same face once more, or round lights
                owner = min((p for p in free if p.may_have(face)), key=lambda p: p.distance(middle), default=None)
            if owner is None:
                people.append(TrackedPerson(crop_of_face(face, view.size), view.size, self._room_around, face))
            else:
                owner.meet(face)
                free.remove(owner)

    def _is_face(self, view: Pyramid, face: Face) -> bool:
        """Look again, nearer, at what was taken for a face: lights and leaves are none from near."""
        assert self._faces is not None
        left, top, right, bottom = face.box
        width, best = right - left, face.score
        for wide in _CLOSE_UP:
            room = (wide - 1) / 2 * width
            box = (
                max(0, int(left - room)),
                max(0, int(top - room)),
                min(view.size[0], int(right + room)),
                min(view.size[1], int(bottom + room)),
            )
            score = max((found.score for found in self._faces.find(view, box) if _same(found, face)), default=0.0)
            if score < MIN_FACE:
                return False
            best = max(best, score)
        return best >= _SURE_FACE

    # -- the whole frame -----------------------------------------------------------------------------

    def _look_every(self, people: Sequence[TrackedPerson]) -> int:
        unsure = any(person.trial is not None or _is_unsure(person) for person in people)
        return _LOOK_WHEN_UNSURE if unsure else _LOOK_EVERY

    def _look(self, view: Pyramid, people: list[TrackedPerson], anew: bool) -> None:
        """Set the crops right by what is seen in the whole frame, and add a person for what is in none."""
        seen, size = self.seen(view), view.size
        across, down = size[0] / seen.shape[1], size[1] / seen.shape[0]
        apart = []
        _, _, stats, _ = cv2.connectedComponentsWithStats((seen > 0.5).view(np.uint8))
        for x, y, width, height, area in stats[1:].tolist():
            box = (x * across, y * down, (x + width) * across, (y + height) * down)
            crops = [person.follower.box for person in people if person.follower.box is not None]
            if area >= _MIN_SEEN * seen.size and not any(meet(box, crop) for crop in crops):
                apart.append(box)
        hidden = seen
        if apart and people:  # what is somebody else's does not widen a crop
            hidden = seen.copy()
            for left, top, right, bottom in apart:
                hidden[int(top / down) : int(bottom / down) + 1, int(left / across) : int(right / across) + 1] = 0
        for person in people:
            if person.matte is not None and person.looked(hidden, people, anew):
                person.trial = None
        for body in _joined(apart):
            people.append(TrackedPerson(crop_around(body, size, self._room_around), size, self._room_around))

    # -- motion --------------------------------------------------------------------------------------

    def _has_news(self, size: tuple[int, int], people: Sequence[TrackedPerson]) -> bool:
        assert self._glance is not None
        if self._looked_glance is None:
            return True
        changed = cv2.absdiff(self._glance, self._looked_glance) > _NEWS_CHANGE
        across, down = GLANCE[0] / size[0], GLANCE[1] / size[1]
        for person in people:
            box = person.follower.box
            if box is not None:
                rows = slice(int(box[1] * down), int(box[3] * down) + 1)
                changed[rows, int(box[0] * across) : int(box[2] * across) + 1] = False
        return bool(changed.mean() > _NEWS_SHARE)

    def moved(self, size: tuple[int, int]) -> TrackedPerson | None:
        """Return a person to try of whom neither face nor shape is seen, only that something has moved; None for none.

        To be asked while nobody is there: someone who comes in shows an arm first.
        """
        assert self._glance is not None
        room, self._room = self._room, _learnt(self._room, self._glance)
        if room is None:
            return None
        changed = (cv2.absdiff(self._glance.astype(np.float32), room) > _NEWS_CHANGE).view(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(changed)
        if len(stats) < 2 or changed.mean() > _MAX_MOVED:
            return None
        x, y, width, height, area = stats[1 + int(stats[1:, 4].argmax())].tolist()
        if area < _MIN_MOVED * changed.size:
            return None
        across, down = size[0] / GLANCE[0], size[1] / GLANCE[1]
        place = (x * across, y * down, (x + width) * across, (y + height) * down)
        person = TrackedPerson(crop_around(place, size, CropPolicy(_MOVED_MARGIN)), size, self._room_around)
        person.trial = _TRIAL_FRAMES
        return person

    def is_where_moved(self, person: TrackedPerson) -> bool:
        """Tell whether who is on trial is drawn where the room has changed since nobody was there."""
        assert self._glance is not None
        assert person.matte is not None
        if self._room is None:
            return False
        changed = cv2.absdiff(self._glance.astype(np.float32), self._room) > _NEWS_CHANGE
        near = cv2.dilate(changed.view(np.uint8), np.ones((3, 3)))
        drawn = cv2.resize(person.matte.full(), GLANCE, interpolation=cv2.INTER_AREA)
        return float((drawn * near).sum()) >= _MIN_WHERE_MOVED * float(drawn.sum())


def is_sharp(person: TrackedPerson) -> bool:
    """Tell whether what was drawn around something that has moved is a person, and not the room."""
    assert person.matte is not None
    alpha = person.matte.alpha
    inside, unsure = (alpha > 0.5).mean(), ((alpha > 0.1) & (alpha < 0.9)).mean()
    return bool(inside >= _MIN_MOVED_PERSON and unsure <= _MAX_UNSURE_PERSON * (inside + unsure))


def _learnt(room: np.ndarray | None, glance: np.ndarray) -> np.ndarray:
    now = glance.astype(np.float32)
    return now if room is None else cv2.addWeighted(room, 1 - _LEARNT, now, _LEARNT, 0)


def _is_unsure(person: TrackedPerson) -> bool:
    """Tell whether much of what was drawn last is neither person nor background."""
    if person.matte is None:
        return False
    alpha = person.matte.alpha
    return bool(((alpha > 0.1) & (alpha < 0.9)).mean() > _UNSURE_SHARE)


def _same(a: Face, b: Face) -> bool:
    width = b.box[2] - b.box[0]
    apart = max(abs(a.box[n] + a.box[n + 2] - b.box[n] - b.box[n + 2]) / 2 for n in (0, 1))
    return apart < width / 2 and 0.5 < (a.box[2] - a.box[0]) / width < 2


def _joined(boxes: list[Bounds]) -> list[Bounds]:
    """Return rectangles around those that are near each other."""
    result: list[Bounds] = []
    for box in boxes:
        near = True
        while near:
            room = 0.15 * max(box[2] - box[0], box[3] - box[1])
            wide = (box[0] - room, box[1] - room, box[2] + room, box[3] + room)
            near = [other for other in result if meet(wide, other)]
            for other in near:
                result.remove(other)
                box = (min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3]))
        result.append(box)
    return result
