"""Person detector: finds the people in a frame by faces, by a network on the whole frame, and by motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from background_removal.matting.crop import CropPolicy, crop_around
from background_removal.matting.networks.faces import Face, FaceDetector, merge_faces
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyMask
from background_removal.matting.tracking.matching import is_same_face, match_faces
from background_removal.matting.tracking.motion import MotionDetector
from background_removal.matting.tracking.regions import erase_regions, find_regions_outside, merge_regions
from background_removal.matting.tracking.track_state import TrackState
from background_removal.matting.tracking.tracked_person import TrackedPerson, crop_around_face

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Maximum number of tracked people.
MAX_PEOPLE = 4
# Interval of detections, frames; for a person who comes without motion.
_DETECTION_INTERVAL = 30
# Interval of detections while a person is on trial or much of an alpha is undecided, frames.
_DETECTION_INTERVAL_UNDECIDED = 4
# Minimum interval of detections caused by changes in the frame while a body is followed, frames; cameras move then.
_NEWS_INTERVAL = 4
# Interval of face detections, frames; near and far faces in turn.
_FACE_INTERVAL = 8
# The same with several people.
_FACE_INTERVAL_SEVERAL = 6
# Factor of both while everybody is calm, as `TrackedPerson.is_calm` says; a guess. Who comes in is found by motion.
_CALM_FACTOR = 3
# Input side for near faces, pixels.
_NEAR_SIDE = 192
# Input side for far faces, pixels.
_FAR_SIDE = 320
# Widths of the close-ups in which a new face must be found again, in face widths.
_CLOSE_UP_WIDTHS = (3.5, 5.0)
# Minimum score of a face in the frame and in both close-ups.
MIN_FACE_SCORE = 0.5
# Minimum score of a new face in one of the three; on the clips 157 of 162 faces have it, and none of 16 false ones,
# mostly round lights.
_MIN_BEST_FACE_SCORE = 0.7
# Padding of the first crop around motion, as a share of the moving region.
_MOTION_PADDING = 1.0


class PersonDetector:
    """Detects people, as rarely as possible.

    Args:
        network: Segmenter for the whole frame.
        load_face_detector: Loads the face detector at its first use; single images do without. None for networks that
            segment something else than people.
        policy: Size of the crops.
    """

    def __init__(
        self,
        network: Segmenter,
        load_face_detector: Callable[[], FaceDetector] | None,
        policy: CropPolicy = CropPolicy(),  # noqa: B008
    ) -> None:
        self._network = network
        self._load_face_detector = load_face_detector
        self._face_detector: FaceDetector | None = None
        self._policy = policy
        self._motion = MotionDetector()
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._frames_since_detection = self._frames_since_faces = 0
        self._is_first = True
        self._is_far_next = False
        self._probability: np.ndarray | None = None
        self._motion.reset()

    def close(self) -> None:
        """Free the networks."""
        self._network.close()
        if self._face_detector is not None:
            self._face_detector.close()

    def next_frame(self, thumbnail: np.ndarray) -> None:
        """Take the next frame's thumbnail, grey, uint8 of THUMBNAIL_SIZE."""
        self._motion.next_frame(thumbnail)
        self._probability = None
        self.pass_frame()

    def pass_frame(self) -> None:
        """Count a frame that shows nothing new."""
        self._frames_since_detection += 1
        self._frames_since_faces += 1

    def detect(self, view: Pyramid) -> np.ndarray:
        """Return the probability of a person in the whole frame, float32 (h, w) in [0, 1]."""
        if self._probability is None:
            self._frames_since_detection = 0
            self._motion.mark_detection()
            height, width = self._network.size
            self._probability = self._network(brighten(view.crop((0, 0, *view.size), width, height)))
        return self._probability

    def find_motion(self) -> np.ndarray | None:
        """Return the mask of motion in the frame, uint8 of THUMBNAIL_SIZE; None before the background is learnt."""
        return self._motion.find_mask()

    def find_people(self, view: Pyramid, people: Sequence[TrackedPerson], refit: bool) -> list[TrackedPerson]:
        """Return the people in the next frame: those of the last one, with their crops moved, and new ones.

        Args:
            view: The frame.
            people: The people in the last frame.
            refit: Whether to fit all crops again.
        """
        has_news = self._motion.has_news([person.crop.box for person in people if person.crop.box], view.size)
        if any(person.body.pays for person in people):
            has_news &= self._frames_since_detection >= _NEWS_INTERVAL
        found = list(people)
        if self._load_face_detector is not None and (not found or has_news or self._are_faces_due(found)):
            self._assign_faces(view, found)
        if refit or not found or has_news or self._is_detection_due(found):
            self._apply_detection(view, found, refit)
        return found[:MAX_PEOPLE]

    def find_moving_person(self, size: tuple[int, int]) -> TrackedPerson | None:
        """Return a person on trial around the motion in a frame without people; None without motion.

        A person who comes in shows an arm first, which neither a face nor a detection finds.
        """
        region = self._motion.find_region(size)
        if region is None:
            return None
        crop = crop_around(region, size, CropPolicy(_MOTION_PADDING))
        return TrackedPerson(crop, size, self._policy, state=TrackState.TRIAL)

    def person_with(self, body: BodyMask, size: tuple[int, int]) -> TrackedPerson | None:
        """Return a person whose body was found in a frame of `size` (width, height); None if it is empty."""
        bounds = body.bounds()
        if bounds is None:
            return None
        person = TrackedPerson(crop_around(bounds, size, self._policy), size, self._policy)
        person.body.take(body)
        return person

    # -- faces ---------------------------------------------------------------------------------------

    def _are_faces_due(self, people: Sequence[TrackedPerson]) -> bool:
        interval = _FACE_INTERVAL if len(people) < 2 else _FACE_INTERVAL_SEVERAL
        if all(person.is_calm for person in people):
            interval *= _CALM_FACTOR
        return self._frames_since_faces >= interval

    def _detect_faces(self, view: Pyramid) -> list[Face]:
        """Detect near or far faces in turn, both in the first frame."""
        if self._face_detector is None:
            assert self._load_face_detector is not None
            self._face_detector = self._load_face_detector()
        detector = self._face_detector
        self._frames_since_faces = 0
        sides = (_NEAR_SIDE, _FAR_SIDE) if self._is_first else (_FAR_SIDE,) if self._is_far_next else (_NEAR_SIDE,)
        self._is_first, self._is_far_next = False, not self._is_far_next
        return merge_faces(face for side in sides for face in detector.detect(view, side=side))

    def _assign_faces(self, view: Pyramid, people: list[TrackedPerson]) -> None:
        """Assign the faces in the frame to people, and add a person for each face left over."""
        for person in people:
            person.detections_without_face += 1
        matched, new = match_faces(self._detect_faces(view), people, lambda face: self._confirm_face(view, face))
        for person, face in matched:
            person.assign_face(face)
        for face in new:
            people.append(TrackedPerson(crop_around_face(face, view.size), view.size, self._policy, face))

    def _confirm_face(self, view: Pyramid, face: Face) -> bool:
        """Detect a new face again in close-ups, in which lights and leaves are no faces."""
        assert self._face_detector is not None
        left, top, right, bottom = face.box
        width, best = right - left, face.score
        for widths in _CLOSE_UP_WIDTHS:
            padding = (widths - 1) / 2 * width
            box = (
                max(0, int(left - padding)),
                max(0, int(top - padding)),
                min(view.size[0], int(right + padding)),
                min(view.size[1], int(bottom + padding)),
            )
            found = self._face_detector.detect(view, box)
            score = max((other.score for other in found if is_same_face(other, face)), default=0.0)
            if score < MIN_FACE_SCORE:
                return False
            best = max(best, score)
        return best >= _MIN_BEST_FACE_SCORE

    # -- the whole frame -----------------------------------------------------------------------------

    def _is_detection_due(self, people: Sequence[TrackedPerson]) -> bool:
        is_undecided = any(person.is_undecided() for person in people)
        return self._frames_since_detection >= (_DETECTION_INTERVAL_UNDECIDED if is_undecided else _DETECTION_INTERVAL)

    def _apply_detection(self, view: Pyramid, people: list[TrackedPerson], refit: bool) -> None:
        """Move the crops to fit a detection, and add a person for each region outside all crops."""
        probability, size = self.detect(view), view.size
        crops = [person.crop.box for person in people if person.crop.box is not None]
        new = find_regions_outside(probability, crops, size)
        # New people must not widen the crops of others.
        known = erase_regions(probability, new, size) if new and people else probability
        for person in people:
            if person.matte is not None and person.observe_detection(known, people, refit):
                person.confirm()
        for body in merge_regions(new):
            people.append(TrackedPerson(crop_around(body, size, self._policy), size, self._policy))
