"""States of a tracked person: each transition, with a network that returns the true alpha of an empty image."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from background_removal.matting.boxes import Box
from background_removal.matting.crop import CropPolicy
from background_removal.matting.effort.carry import CarryLimits
from background_removal.matting.networks.faces import Face
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.motion import THUMBNAIL_SIZE
from background_removal.matting.tracking.track_state import TrackEvent, TrackState, next_state
from background_removal.matting.tracking.tracked_person import TrackedPerson, TrackingFrame

SIZE = (640, 360)
CROP: Box = (200, 0, 440, 360)
FACE = Face((290.0, 60.0, 350.0, 120.0), 0.9, ())
EVERYWHERE = np.ones(THUMBNAIL_SIZE[::-1], np.uint8)


class TrueAlpha:
    """A matte network that returns the crop of a given alpha of the whole frame."""

    uses_crops = True
    state = None
    is_calm = False

    def __init__(self, truth: np.ndarray) -> None:
        self.truth = truth

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        return 72, 96

    def predict(
        self, image: np.ndarray, box: Box, evidence: np.ndarray | None = None, carry: CarryLimits | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        return Pyramid(np.dstack([self.truth] * 3)).crop(box, 96, 72)[..., 0].astype(np.float32) / 255, None

    def set_edge(self, threshold: float, edge_softness: float) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    """Collect the messages about changes of a state, whatever other tests have set of logging."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("background_removal.matting.tracking.tracked_person")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield messages
    log.setLevel(level)
    log.removeHandler(handler)


def body(left: int = 270, right: int = 370, value: int = 255) -> np.ndarray:
    truth = np.zeros(SIZE[::-1], np.uint8)
    truth[60:360, left:right] = value
    return truth


NOTHING = body(0, 0)


def frame(truth: np.ndarray, motion: np.ndarray | None = EVERYWHERE) -> TrackingFrame:
    view = Pyramid(np.zeros((*SIZE[::-1], 3), np.uint8))
    return TrackingFrame(view, TrueAlpha(truth), lambda: truth.astype(np.float32) / 255, lambda: motion)


def person(face: Face | None = None, state: TrackState = TrackState.NEW) -> TrackedPerson:
    return TrackedPerson(CROP, SIZE, CropPolicy(), face, state)


def steps(who: TrackedPerson, *truths: np.ndarray) -> list[TrackState]:
    return [who.step(frame(truth), [who]) for truth in truths]


@pytest.mark.parametrize("state", TrackState)
@pytest.mark.parametrize("event", TrackEvent)
def test_every_event_has_a_next_state(state: TrackState, event: TrackEvent) -> None:
    after = next_state(state, event)
    if event in (TrackEvent.SHOWN, TrackEvent.CONFIRMED, TrackEvent.EMPTY):
        assert (after is TrackState.LOST) == (state is TrackState.LOST)
    else:
        assert after is TrackState.LOST


def test_a_new_person_is_tracked_from_the_first_alpha_on() -> None:
    who = person()
    assert who.state is TrackState.NEW
    assert steps(who, body(), body()) == [TrackState.TRACKED] * 2
    assert who.age == 2


def test_a_person_without_a_face_is_lost_with_the_first_empty_alpha() -> None:
    assert steps(person(), body(), NOTHING) == [TrackState.TRACKED, TrackState.LOST]
    assert steps(person(), NOTHING) == [TrackState.LOST]


def test_a_person_with_a_face_survives_two_empty_frames() -> None:
    missing = [TrackState.MISSING] * 2
    who = person(FACE)
    assert steps(who, body(), NOTHING, NOTHING, body()) == [TrackState.TRACKED, *missing, TrackState.TRACKED]
    assert steps(who, NOTHING, NOTHING, NOTHING) == [*missing, TrackState.LOST]


def test_a_new_face_without_a_person_is_dropped() -> None:
    assert steps(person(FACE), body(210, 260)) == [TrackState.LOST]
    elsewhere = Face((250.0, 60.0, 300.0, 110.0), 0.9, ())
    assert steps(person(elsewhere), body(200, 300)) == [TrackState.TRACKED]


def test_a_trial_ends_with_a_face_or_after_thirty_frames() -> None:
    who = person(state=TrackState.TRIAL)
    assert steps(who, *[body()] * 30) == [TrackState.TRIAL] * 29 + [TrackState.LOST]
    who = person(state=TrackState.TRIAL)
    assert steps(who, body()) == [TrackState.TRIAL]
    who.assign_face(FACE)
    assert who.state is TrackState.TRACKED
    assert steps(who, *[body()] * 40) == [TrackState.TRACKED] * 40


def test_a_trial_fails_beside_the_motion_or_with_an_undecided_alpha(reasons: list[str]) -> None:
    aside = np.zeros_like(EVERYWHERE)
    aside[:, :10] = 1
    for motion in (None, aside):
        who = person(state=TrackState.TRIAL)
        assert who.step(frame(body(), motion), [who]) is TrackState.LOST
        assert reasons[-1].endswith(TrackEvent.STATIONARY.value)
    assert steps(person(state=TrackState.TRIAL), np.maximum(body(), body(210, 430, 60))) == [TrackState.LOST]
    assert reasons[-1].endswith(TrackEvent.UNDECIDED.value)


def test_a_person_who_outruns_the_crop_is_predicted_again_or_lost(reasons: list[str]) -> None:
    who = person()
    steps(who, body())
    assert steps(who, body(330, 520)) == [TrackState.TRACKED]
    assert who.matte is not None
    assert who.matte.box[2] > 520
    speck = np.zeros_like(NOTHING)
    speck[100:130, CROP[0] : CROP[0] + 5] = 255
    assert steps(person(), speck) == [TrackState.LOST]
    assert reasons[-1].endswith(TrackEvent.CUT_OFF.value)


def test_a_face_that_is_gone_ends_the_track_if_another_person_is_there() -> None:
    first, second = person(FACE), person(Face((300.0, 60.0, 360.0, 120.0), 0.9, ()))
    for who in (first, second):
        steps(who, body())
    assert first.drop_stale_face([first, second]) is TrackState.TRACKED
    first.detections_without_face = 1
    assert first.drop_stale_face([first, second]) is TrackState.TRACKED
    assert first.face is not None, "the alpha still shows a person there"
    first.face = Face((290.0, 0.0, 350.0, 50.0), 0.9, ())
    assert first.drop_stale_face([first]) is TrackState.TRACKED
    assert first.face is None
    first.face = Face((290.0, 0.0, 350.0, 50.0), 0.9, ())
    assert first.drop_stale_face([first, second]) is TrackState.LOST
