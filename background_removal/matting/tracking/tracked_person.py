"""Tracked person: state, crop and alpha of one of the people in a stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from background_removal.matting.alpha.islands import remove_islands
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Bounds, Box, area, find_bounds, middle_column, overlaps
from background_removal.matting.crop import CropPolicy, crop_around
from background_removal.matting.effort.carry import CarryLimits
from background_removal.matting.networks.faces import Face
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyGuide, BodyObserver
from background_removal.matting.tracking.crop_fade import CropFade
from background_removal.matting.tracking.crop_tracker import CropTracker, exceeds_crop
from background_removal.matting.tracking.hold import MatteHold
from background_removal.matting.tracking.matching import column_distances, is_same_place, nearest_columns
from background_removal.matting.tracking.matte_network import MatteNetwork
from background_removal.matting.tracking.motion import lies_in_motion
from background_removal.matting.tracking.track_state import TrackEvent, TrackState, next_state

log = logging.getLogger(__name__)

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# First crop around a face, from its middle to either side, in face widths (this and the next two:
# benchmarks/faces.py, --crop 5 1 7: on average 99.7 % of a dancing person, arms included).
_CROP_ASIDE = 2.5
# The same above the top of the face.
_CROP_ABOVE = 1.0
# The same below the top of the face.
_CROP_BELOW = 7.0
# Reach of a person to either side, in widths of the face, for assigning columns.
_REACH_IN_FACES = 1.5
# Minimum mean alpha in the box of a face.
_MIN_ALPHA_IN_FACE = 0.3
# Face detections without the person's face after which a face elsewhere in their bounds may be theirs.
_MAX_DETECTIONS_WITHOUT_FACE = 2
# Empty frames that a person with a known face survives.
_MAX_EMPTY_FRAMES = 2
# Frames within which a person found by motion must be confirmed.
_TRIAL_FRAMES = 30
# Minimum area of a detection of the person, as a share of their area in the alpha; less is a part of them.
_MIN_DETECTED = 0.5
# Undecided alpha, lowest and highest; neither person nor background.
_UNDECIDED = (0.1, 0.9)
# Maximum undecided share of the alpha of a person who needs no frequent detections.
_MAX_UNDECIDED_SHARE = 0.12
# Minimum share of the first crop around motion that is person.
_MIN_PERSON_IN_MOTION = 0.04
# Maximum undecided share of the person in it.
_MAX_UNDECIDED_IN_MOTION = 0.25
# Width of the transition between two people of whom one is shown, columns of the alpha.
_TRANSITION_COLUMNS = 9
# Minimum height, in widths of the face, of a person whose legs may show though the frame's bottom cuts them off; half
# bodies of dancers have up to 7, whole bodies from 7 on.
_MIN_FACES_HIGH = 6.5
# Distance from the frame's bottom at which it cuts a person off, as a share of their height.
_BOTTOM_MARGIN = 0.02
# Share of the person's area lost from one frame to the next for another look.
_MIN_LOST_SHARE = 0.2
# Padding of the crops of that look, as shares of the person's width and height.
_WIDER_PADDINGS = (0.25, 0.6)
# Frames after which a person is known well enough for a loss to be held.
_MIN_AGE_HELD = 8
# Bounds that overlap nothing.
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class TrackingFrame:
    """The next frame, and what can be computed from it when it is needed.

    Attributes:
        view: The frame.
        network: Predicts the alpha of a crop.
        detect: Returns the probability of a person in the whole frame, float32 (h, w) in [0, 1].
        find_motion: Returns the mask of motion, uint8 of THUMBNAIL_SIZE; None before the background is learnt.
        keeps_one: Whether one person alone is kept, and so must be parted from others.
        carry: When a network's answer may be carried along with the picture; None for never.
    """

    view: Pyramid
    network: MatteNetwork
    detect: Callable[[], np.ndarray]
    find_motion: Callable[[], np.ndarray | None]
    keeps_one: bool = False
    carry: CarryLimits | None = None


class TrackedPerson:
    """A person who is tracked from frame to frame.

    Args:
        crop: The first crop.
        size: Width and height of the frame.
        policy: Size of later crops.
        face: The person's face, if they were found by it.
        state: TRIAL for a person found by motion.

    Attributes:
        state: State after the last frame; see `track_state`.
        crop: The crop for the next frame.
        matte: The matte of the last frame, before `steady_matte`.
        bounds: Bounds of the person in the last frame; None if its alpha was empty.
        centre: The column of the frame in which the person's middle is.
        age: Number of frames since the person was found.
        detections_without_face: Number of face detections since the person's face was found.
        body: Guides the matte where the whole body shows.
        is_calm: Whether motion has explained the picture around the person for some frames.
    """

    def __init__(
        self,
        crop: Box,
        size: tuple[int, int],
        policy: CropPolicy,
        face: Face | None = None,
        state: TrackState = TrackState.NEW,
    ) -> None:
        self.state = state
        self.size = size
        self.face = face
        self.crop = CropTracker(policy)
        self.crop.box = crop
        self.matte: Matte | None = None
        self.bounds: Bounds | None = None
        self.age = 0
        self.detections_without_face = 0
        self.centre = middle_column(face.box if face is not None else crop)
        self._reach = _reach_of(face, crop)
        self._mass: float | None = None  # the column of the alpha's centre of mass
        self._empty_frames = 0
        self._network_state: Any = None
        self._is_recurrent = policy.is_recurrent
        self._fade = CropFade()
        self._has_company = False
        self._hold = MatteHold()
        self.body = BodyGuide()
        self.is_calm = False

    # -- states --------------------------------------------------------------------------------------

    def step(self, frame: TrackingFrame, people: Sequence[TrackedPerson]) -> TrackState:
        """Predict the person's alpha in the next frame, and go to the next state.

        Args:
            frame: The next frame.
            people: All people in it.
        """
        self.body.next_frame()
        self._has_company = any(self._is_near(other) for other in people if other is not self)
        return self._apply(self._observe(frame, people))

    def _observe(self, frame: TrackingFrame, people: Sequence[TrackedPerson]) -> TrackEvent:
        """Predict the alpha, move the crop to fit it, and return the outcome."""
        network_state = self._network_state
        is_known = self.state is TrackState.TRACKED and self.age >= _MIN_AGE_HELD and not self._hold.frames
        matte = self._predict(frame, frame.carry if is_known else None)
        is_cut_off = exceeds_crop(self.own_alpha(people), matte.box, self.size)
        if self.state is TrackState.NEW and self.face is not None and not self._is_person_at_face(frame):
            return TrackEvent.FACE_REFUTED
        if is_cut_off:
            self._predict_uncut(frame, people, network_state)
        matte = self._hold_matte(frame, people, network_state)
        if self.crop.box is None and self._hold.frames:
            self.crop.box = matte.box
        if self.crop.box is None:
            return TrackEvent.CUT_OFF
        if self.state is TrackState.TRIAL and self.age + 1 >= _TRIAL_FRAMES:
            return TrackEvent.TRIAL_EXPIRED
        self.age += 1
        own = self.own_alpha(people)
        self.bounds = self.crop.update(own, matte.box, self.size)
        if self.bounds is None:
            self.crop.box = matte.box
            self._empty_frames += 1
            is_kept = self.face is not None and self._empty_frames <= _MAX_EMPTY_FRAMES
            return TrackEvent.EMPTY if is_kept else TrackEvent.VANISHED
        self._empty_frames = 0
        self._move_centre(own, self.bounds)
        if (self.state is TrackState.NEW or self.age == 1) and not self._is_recurrent:
            self._fit_first_crop(frame, self.bounds)
        return self._judge_trial(frame) if self.state is TrackState.TRIAL else TrackEvent.SHOWN

    def _hold_matte(self, frame: TrackingFrame, people: Sequence[TrackedPerson], network_state: Any) -> Matte:
        """Look again for what the network has lost since the last frame of a known person, and keep what it misses."""
        assert self.matte is not None
        bounds = self.bounds
        is_known = self.state is TrackState.TRACKED and self.age >= _MIN_AGE_HELD and not self._is_recurrent
        is_known &= not self.body.pays  # the mask of a body moves along by itself
        if not is_known or bounds is None or bounds[0] <= 0 or bounds[2] >= self.size[0] or self._is_hidden(people):
            self._hold.reset()
            return self.matte
        if self._hold.lost_share(self._own_matte(people)) >= _MIN_LOST_SHARE:
            self._look_again(frame, people, bounds, network_state)
        self.matte = self._hold(self.matte, self.own_alpha(people))
        return self.matte

    def _is_hidden(self, people: Sequence[TrackedPerson]) -> bool:
        """Return whether another person may hide a part of this one."""
        bounds = self.bounds or _NOWHERE
        return any(other is not self and overlaps(other.bounds or _NOWHERE, bounds) for other in people)

    def _own_matte(self, people: Sequence[TrackedPerson]) -> Matte:
        assert self.matte is not None
        return replace(self.matte, alpha=self.own_alpha(people))

    def _look_again(
        self, frame: TrackingFrame, people: Sequence[TrackedPerson], bounds: Bounds, network_state: Any
    ) -> None:
        """Predict the alpha in wider crops, and keep the answer that has lost the least.

        Args:
            frame, people: As for `step`.
            bounds: Bounds of the person in the last frame.
            network_state: State of the network before the first prediction.
        """
        assert self.matte is not None
        box, best, state = self.crop.box, self.matte, self._network_state
        least = self._hold.lost_share(self._own_matte(people))
        for padding in _WIDER_PADDINGS:
            self.crop.box = crop_around(bounds, self.size, CropPolicy(padding))
            self._network_state = network_state
            self._predict(frame)
            own = self._own_matte(people)
            if self._hold.may_be(own) and self._hold.lost_share(own) < least:
                best, state, least = self.matte, self._network_state, self._hold.lost_share(own)
        self.matte, self._network_state, self.crop.box = best, state, box

    def _judge_trial(self, frame: TrackingFrame) -> TrackEvent:
        """Compare the alpha of a person on trial with the motion."""
        assert self.matte is not None
        if not lies_in_motion(self.matte, frame.find_motion()):
            return TrackEvent.STATIONARY
        if self.age == 1 and not _is_decided(self.matte.alpha):
            return TrackEvent.UNDECIDED
        return TrackEvent.SHOWN

    def confirm(self) -> None:
        """End the trial: a face, or a detection of most of the person, was found."""
        self._apply(TrackEvent.CONFIRMED)

    def _apply(self, event: TrackEvent) -> TrackState:
        before, self.state = self.state, next_state(self.state, event)
        if self.state is not before:
            log.debug("person at column %.0f: %s -> %s, %s", self.centre, before.name, self.state.name, event.value)
        return self.state

    # -- faces ---------------------------------------------------------------------------------------

    def has_face_at(self, face: Face) -> bool:
        """Return whether `face` is where the person's face was detected last."""
        return self.face is not None and is_same_place(face, self.face, self.centre)

    def can_own(self, face: Face) -> bool:
        """Return whether `face` may belong to the person, if no face was detected or it was missed for a while."""
        if self.body.pays and self.matte is not None and self._shows_face(face.box):
            return True  # no second person, whatever was taken for the face before
        if self.face is not None and self.detections_without_face < _MAX_DETECTIONS_WITHOUT_FACE:
            return False
        left, top, right, bottom = self.bounds or self.crop.box or face.box
        return left <= middle_column(face.box) <= right and top < face.box[3] and face.box[1] < bottom

    def assign_face(self, face: Face) -> None:
        """Take a detected face as the person's own."""
        self.face = face
        self.detections_without_face = 0
        self.centre, self._reach = middle_column(face.box), _reach_of(face, self.bounds)
        self.confirm()

    def drop_stale_face(self, people: Sequence[TrackedPerson]) -> TrackState:
        """Forget a face that is no longer at the person.

        A person who jumps is found a second time, where the face is now; the track without the face is then lost.

        Args:
            people: All people in the frame, each after `step`.
        """
        if self.face is None or not self.detections_without_face:
            return self.state
        left, top, right, bottom = self.face.box
        half = (right - left) / 2
        if self._alpha_in((self.centre - half, top, self.centre + half, bottom)) >= _MIN_ALPHA_IN_FACE:
            return self.state
        self.face = None
        if not self.body.pays and any(self._is_duplicate_of(other) for other in people if other is not self):
            return self._apply(TrackEvent.DUPLICATE)
        return self.state

    def _is_duplicate_of(self, other: TrackedPerson) -> bool:
        """Return whether `other` is in the same place, with a face that was detected more recently."""
        if other.crop.box is None or other.face is None:
            return False
        is_newer = other.detections_without_face < self.detections_without_face
        return is_newer and overlaps(other.crop.box, self.bounds or _NOWHERE)

    def _is_person_at_face(self, frame: TrackingFrame) -> bool:
        """Return whether the alpha, or else a detection, shows a person in the box of the face."""
        assert self.face is not None
        if self._alpha_in(self.face.box) >= _MIN_ALPHA_IN_FACE:
            return True
        probability = frame.detect()
        scale = probability.shape[1] / self.size[0], probability.shape[0] / self.size[1]
        x, y = (int((self.face.box[n] + self.face.box[n + 2]) / 2 * scale[n]) for n in (0, 1))
        row, column = min(max(y, 0), probability.shape[0] - 1), min(max(x, 0), probability.shape[1] - 1)
        return bool(probability[row, column] > 0.5)

    def _shows_face(self, face: Bounds) -> bool:
        """Return whether the last alpha shows a person in the box of a face that lies in the crop."""
        assert self.matte is not None
        return overlaps(face, self.matte.box) and self._alpha_in(face) >= _MIN_ALPHA_IN_FACE

    def _alpha_in(self, face: Bounds) -> float:
        """Return the mean alpha in the box of a face; 1 if the box lies outside the crop."""
        assert self.matte is not None
        alpha, box = self.matte.alpha, self.matte.box
        across, down = alpha.shape[1] / (box[2] - box[0]), alpha.shape[0] / (box[3] - box[1])
        rows = slice(max(0, int((face[1] - box[1]) * down)), max(0, int((face[3] - box[1]) * down)))
        columns = slice(max(0, int((face[0] - box[0]) * across)), max(0, int((face[2] - box[0]) * across)))
        inside = alpha[rows, columns]
        return float(inside.mean()) if inside.size else 1.0

    # -- place ---------------------------------------------------------------------------------------

    @property
    def height(self) -> float:
        """Height of the person in pixels of the frame; the nearest person is the tallest."""
        return 0.0 if self.bounds is None else self.bounds[3] - self.bounds[1]

    def is_at(self, x: float, y: float) -> bool:
        """Return whether the alpha shows the person at shares x, y of the frame's width and height, 0 to 1."""
        if self.matte is None:
            return False
        left, top, right, bottom = self.matte.box
        column, row = (x * self.size[0] - left) / (right - left), (y * self.size[1] - top) / (bottom - top)
        height, width = self.matte.alpha.shape
        inside = 0 <= column < 1 and 0 <= row < 1
        return inside and bool(self.matte.alpha[int(row * height), int(column * width)] > 0.5)

    def is_undecided(self) -> bool:
        """Return whether the person is on trial, or much of the last alpha is neither person nor background."""
        if self.state is TrackState.TRIAL:
            return True
        return self.matte is not None and _undecided_share(self.matte.alpha) > _MAX_UNDECIDED_SHARE

    def distance(self, column: float) -> float:
        """Return the distance of a column of the frame from the person, in units of their reach."""
        return abs(column - self.centre) / self._reach

    def column_distances(self) -> np.ndarray:
        """Return the distance of each column of the matte from the person, in units of their reach."""
        assert self.matte is not None
        return self._distances_in(self.matte.box, self.matte.alpha.shape[1])

    def _distances_in(self, box: Box, width: int) -> np.ndarray:
        return column_distances(self.centre, self._reach, box, width)

    def _is_near(self, other: TrackedPerson) -> bool:
        return bool(self.crop.box and other.crop.box and overlaps(self.crop.box, other.crop.box))

    def _own_columns(self, people: Sequence[TrackedPerson], box: Box, width: int) -> np.ndarray | None:
        """Return 1 for the columns of `box`, at `width` pixels, nearest to this person, else 0; None if all are."""
        others = [
            other._distances_in(box, width)
            for other in people
            if other is not self and other.crop.box is not None and overlaps(other.crop.box, box)
        ]
        return nearest_columns(self._distances_in(box, width), others) if others else None

    def own_alpha(self, people: Sequence[TrackedPerson]) -> np.ndarray:
        """Return the part of the alpha that is nearer to this person than to others, float32 (h, w)."""
        assert self.matte is not None
        if self.body.parts:
            return self.matte.alpha
        own = self._own_columns(people, self.matte.box, self.matte.alpha.shape[1])
        return self.matte.alpha if own is None else self.matte.alpha * own

    def _move_centre(self, own: np.ndarray, bounds: Bounds) -> None:
        """Move the person's middle with the centre of mass of their alpha."""
        assert self.matte is not None
        left, _, right, _ = self.matte.box
        weights = own.sum(axis=0)
        mass = left + float((weights * np.arange(len(weights))).sum() / weights.sum()) * ((right - left) / len(weights))
        if self._mass is not None:
            self.centre += mass - self._mass
        if self.face is None:
            self.centre, self._reach = mass, _reach_of(None, bounds)
        self._mass = mass

    # -- crop and alpha ------------------------------------------------------------------------------

    def observe_detection(self, probability: np.ndarray, people: Sequence[TrackedPerson], refit: bool = False) -> bool:
        """Move the crop, if it must, to fit a detection; return whether that shows most of the person.

        Args:
            probability: Probability of a person in the whole frame, float32 (h, w) in [0, 1].
            people: All people in the frame.
            refit: Whether to fit the crop again even if the old one would still do.
        """
        whole = (0, 0, *self.size)
        own = self._own_columns(people, whole, probability.shape[1])
        if own is not None:
            probability = probability * own
        detected = find_bounds(probability, whole, self.size)
        shows_most = bool(detected and self.bounds and area(detected) >= _MIN_DETECTED * area(self.bounds))
        # Of a distant person a detection may show the head alone: the alpha around a face is better.
        if self.face is not None and self.bounds and not shows_most:
            probability = np.zeros_like(probability)
        self.crop.observe_detection(probability, self.size, refit)
        return shows_most

    def _predict(self, frame: TrackingFrame, carry: CarryLimits | None = None) -> Matte:
        """Predict the alpha of the crop, or carry the last one along."""
        box, network = self.crop.box, frame.network
        assert box is not None
        height, width = network.size_for(frame.view.size)
        image = frame.view.crop(box, width, height)
        network.state = self._network_state
        evidence = self.body.evidence(box, image, parts=frame.keeps_one and self._has_company)
        alpha, foreground = network.predict(image, box, evidence, carry)
        self._network_state, self.is_calm = network.state, network.is_calm
        self.matte = Matte(alpha, box, frame.view.size, image, foreground)
        return self.matte

    def _predict_uncut(self, frame: TrackingFrame, people: Sequence[TrackedPerson], network_state: Any) -> Matte:
        """Predict the alpha again, in a wider crop, of a person cut off by theirs.

        The crop tracker gets both alphas: the difference counts as motion, so that the next crop is wider on that side.

        Args:
            frame, people: As for `step`.
            network_state: State of the network before the first prediction.
        """
        assert self.matte is not None
        cut = self.matte
        self.crop.update(self.own_alpha(people), cut.box, self.size)
        self.observe_detection(frame.detect(), people)
        if self.crop.box is None or self.crop.box == cut.box:
            return cut
        self._network_state = network_state
        return self._predict(frame)

    def is_body_due(self) -> bool:
        """Return whether the pose network should look at the person: their legs may show, and it is time."""
        if self.bounds is None or self.state is not TrackState.TRACKED or self._is_recurrent:
            return False
        is_cut = self.bounds[3] >= self.size[1] - _BOTTOM_MARGIN * self.height
        may_show_legs = (
            not is_cut or self.face is None or self.height >= _MIN_FACES_HIGH * (self.face.box[2] - self.face.box[0])
        )
        return may_show_legs and self.body.is_due()

    def look_at_body(self, view: Pyramid, observer: BodyObserver) -> None:
        """Let the pose network look at the person in the next frame."""
        assert self.bounds is not None
        self.body.look(observer, view, self.bounds)

    def _fit_first_crop(self, frame: TrackingFrame, bounds: Bounds) -> None:
        """Replace the first crop, a guess, by one that fits; in the person's first frame, predict again in that."""
        assert self.matte is not None
        self.crop.fit(bounds, self.size)
        if self.age == 1 and self.crop.box != self.matte.box:
            self._network_state = None
            self._predict(frame)

    def steady_matte(self, people: Sequence[TrackedPerson]) -> Matte:
        """Return the matte of this frame without islands, and blended across a move of the crop."""
        assert self.matte is not None
        own = self._own_columns(people, self.matte.box, self.matte.alpha.shape[1])
        matte = replace(self.matte, alpha=remove_islands(self.matte.alpha, own))
        return matte if self._is_recurrent else self._fade.blend(matte)

    def isolate(self, matte: Matte, people: Sequence[TrackedPerson]) -> Matte:
        """Return the person's matte without the columns of others."""
        own = None if self.body.parts else self._own_columns(people, matte.box, matte.alpha.shape[1])
        if own is None:  # the mask of a body parts it from others better than columns do
            return matte
        return replace(matte, alpha=matte.alpha * cv2.blur(own[None], (_TRANSITION_COLUMNS, 1)))


def crop_around_face(face: Face, size: tuple[int, int]) -> Box:
    """Return the crop of a frame of `size` (width, height) that holds the person with this face."""
    left, top, right, _ = face.box
    middle, width = (left + right) / 2, right - left
    body = (
        middle - _CROP_ASIDE * width,
        top - _CROP_ABOVE * width,
        middle + _CROP_ASIDE * width,
        top + _CROP_BELOW * width,
    )
    return crop_around(body, size, CropPolicy(0))


def _reach_of(face: Face | None, body: Bounds | None) -> float:
    """Return the reach of a person to either side of their middle, pixels of the frame."""
    if face is not None:
        return _REACH_IN_FACES * (face.box[2] - face.box[0])
    return max(1.0, (body[2] - body[0]) / 2) if body is not None else 1.0


def _undecided_share(alpha: np.ndarray) -> float:
    low, high = _UNDECIDED
    return float(((alpha > low) & (alpha < high)).mean())


def _is_decided(alpha: np.ndarray) -> bool:
    """Return whether the alpha of a crop around motion shows a clear person."""
    person, undecided = (alpha > 0.5).mean(), _undecided_share(alpha)
    return bool(person >= _MIN_PERSON_IN_MOTION and undecided <= _MAX_UNDECIDED_IN_MOTION * (person + undecided))
