"""The empty room: what differs from it and touches the person stays, the rest of the room does not come in."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import make_clip

from background_removal.compositing.kept_plates import FOLDER_VARIABLE, find_kept
from background_removal.compositing.plate_controls import PlateControls
from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.plate import PlateStep
from background_removal.matting.guidance.plate_alignment import fit_light
from background_removal.matting.guidance.plate_estimate import estimate_plate
from background_removal.matting.guidance.plate_room import Plate
from background_removal.matting.guidance.steps import MatteSteps
from background_removal.matting.loading import load_matting
from background_removal.matting.networks.network import Network
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

SIZE = (640, 360)
PERSON = (320, 230)  # centre of an ellipse
THING = (slice(200, 250), slice(385, 450))  # beside the person, and touching
FAR = (slice(40, 110), slice(30, 110))


@functools.cache
def noise(seed: int, blur: float, depth: float) -> np.ndarray:
    picture = np.random.default_rng(seed).standard_normal((SIZE[1], SIZE[0], 3), np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return picture * depth / picture.std()


@functools.cache
def room() -> np.ndarray:
    """Return a wall with pictures on it, float32."""
    wall = np.full((SIZE[1], SIZE[0], 3), (150, 170, 175), np.float32) + noise(1, 3, 6)
    for n, left in enumerate(range(20, 600, 120)):
        wall[60 + 20 * (n % 3) : 150, left : left + 70] = (60 + 40 * n, 90, 200 - 30 * n)
    wall[60:150:16, 380:450] = wall[61:150:16, 380:450] = wall[62:150:16, 380:450] = 30
    return wall + noise(2, 1, 2)


def person_alpha() -> np.ndarray:
    shape = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(shape, PERSON, (70, 150), 0, 0, 360, (255,), -1, cv2.LINE_AA)
    return shape.astype(np.float32) / 255


def frame(
    wall: np.ndarray, seed: int = 5, thing: bool = False, far: bool = False, gain: float | tuple[float, ...] = 1.0
) -> np.ndarray:
    """Return what a camera sees: the person in a room, with or without a thing in their hand and one far away."""
    picture = wall.copy()
    if far:
        picture[FAR] = (30, 30, 30)
    alpha = person_alpha()[..., None]
    picture = picture * (1 - alpha) + alpha * np.add(noise(3, 4, 12), (40, 30, 110))
    if thing:
        picture[THING] = np.add(noise(4, 2, 10), (50, 120, 190))[THING]
    return np.clip(picture * gain + noise(seed, 0.7, 2.5), 0, 255).astype(np.uint8)


def matte_of(image: np.ndarray, alpha: np.ndarray | None = None) -> Matte:
    """Return what a network would say: the person, two pixels too small, and softly."""
    if alpha is None:
        alpha = cv2.erode(person_alpha(), np.ones((5, 5), np.uint8))
    small = cv2.resize(cv2.GaussianBlur(alpha, (0, 0), 4), (320, 180), interpolation=cv2.INTER_AREA)
    return Matte(small, (0, 0, *SIZE), SIZE, cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA))


def photograph(picture: np.ndarray) -> Plate:
    return Plate(np.clip(picture, 0, 255).astype(np.uint8))


def correct(step: PlateStep, image: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    return step(Pyramid(image), matte_of(image, alpha)).full()


def kept(alpha: np.ndarray, place: tuple[slice, slice] = THING) -> float:
    return float((alpha[place] > 0.5).mean())


def test_what_touches_the_person_stays_and_what_is_far_does_not_come_in() -> None:
    image = frame(room(), thing=True, far=True)
    without = matte_of(image).full()
    alpha = correct(PlateStep(photograph(room())), image)
    assert kept(without) < 0.1
    assert kept(alpha) > 0.97
    assert kept(alpha, FAR) == 0
    inside = person_alpha().copy()
    inside[THING] = 1
    elsewhere = cv2.dilate(inside, np.ones((9, 9), np.uint8)) == 0
    assert (alpha[elsewhere] > 0.5).mean() < 0.002


def test_the_edge_is_found_against_the_known_room() -> None:
    image = frame(room())
    truth = person_alpha()
    band = cv2.dilate(truth, np.ones((15, 15), np.uint8)) - cv2.erode(truth, np.ones((15, 15), np.uint8)) > 0.5
    before = np.abs(matte_of(image).full() - truth)[band].mean()
    after = np.abs(correct(PlateStep(photograph(room())), image) - truth)[band].mean()
    assert after < 0.5 * before


@pytest.mark.parametrize("gain", [1.06, 0.9, (1.07, 1.0, 0.94)])
def test_exposure_and_white_balance_may_drift(gain: float | tuple[float, ...]) -> None:
    alpha = correct(PlateStep(photograph(room())), frame(room(), thing=True, gain=gain))
    assert kept(alpha) > 0.95
    assert (alpha[:, :200] > 0.5).mean() < 0.002


def test_a_lamp_that_is_switched_on_does_not_bring_the_room_in() -> None:
    step = PlateStep(photograph(room()))
    for number in range(4):
        correct(step, frame(room(), number))
    alpha = correct(step, frame(room(), 9, thing=True, gain=1.25))
    assert kept(alpha) > 0.95
    assert (alpha[:, :200] > 0.5).mean() < 0.002


def test_the_camera_may_be_nudged() -> None:
    moved = cv2.warpAffine(room(), np.array([[1, 0, 7.0], [0, 1, -4.0]]), SIZE, borderMode=cv2.BORDER_REPLICATE)
    alpha = correct(PlateStep(photograph(room())), frame(moved, thing=True))
    assert kept(alpha) > 0.95
    assert (alpha[:, :200] > 0.5).mean() < 0.002


def test_a_mirrored_camera_sees_the_same_room() -> None:
    plate = Plate(np.ascontiguousarray(photograph(room()).image[:, ::-1]))
    assert kept(correct(PlateStep(plate), frame(room(), thing=True))) > 0.95


def test_a_soft_shadow_is_no_thing() -> None:
    shade = np.zeros(SIZE[::-1], np.float32)
    cv2.ellipse(shade, (PERSON[0] + 50, PERSON[1]), (70, 150), 0, 0, 360, (1.0,), -1)
    shade = cv2.GaussianBlur(shade, (0, 0), 10)
    image = frame(room() * (1 - 0.25 * shade[..., None]))
    alpha = correct(PlateStep(photograph(room())), image)
    outside = cv2.dilate(person_alpha(), np.ones((11, 11), np.uint8)) == 0
    assert (alpha[outside] > 0.5).mean() < 0.002


def test_the_rooms_own_pictures_are_no_person() -> None:
    """Where a network takes a piece of the room for the person, its detail shows that it is the room."""
    image = frame(room())
    wrong = person_alpha()
    wrong[70:145, 385:440] = 1
    assert kept(matte_of(image, wrong).full(), (slice(75, 140), slice(395, 430))) == 1
    alpha = correct(PlateStep(photograph(room())), image, wrong)
    assert kept(alpha, (slice(75, 140), slice(398, 425))) < 0.5
    assert kept(alpha, (slice(150, 300), slice(290, 350))) == 1


def test_another_room_is_dropped_with_one_message(caplog: pytest.LogCaptureFixture) -> None:
    other = np.clip(noise(8, 12, 60) + 120, 0, 255)
    step = PlateStep(photograph(other))
    with caplog.at_level(logging.WARNING):
        for number in range(8):
            image = frame(room(), number, thing=True)
            matte = matte_of(image)
            assert step(Pyramid(image), matte) is matte
    assert [record.getMessage() for record in caplog.records] == [
        "the picture of the empty room (--plate) shows another room, and is not used"
    ]
    assert step.is_dropped


def test_where_the_room_is_unknown_the_network_decides() -> None:
    image = frame(room(), thing=True)
    known = np.full(SIZE[::-1], 255, np.uint8)
    known[:, 300:] = 0
    alpha = correct(PlateStep(Plate(photograph(room()).image, known)), image)
    before = matte_of(image).full()
    assert kept(alpha) == kept(before)
    assert np.abs(alpha - before)[:, 310:].max() < 0.02
    assert np.abs(alpha - before)[:, :290].max() > 0.2


@pytest.mark.parametrize(("keep_chair", "expected"), [(True, 1), (False, 0)])
def test_what_stands_still_before_a_camera_is_the_room_if_it_is_asked_for(
    keep_chair: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("background_removal.matting.guidance.plate_stillness._STILL_FRAMES", 6)
    step = PlateStep(photograph(room()), keep_chair)
    step.begin(False, True)
    alpha = np.zeros(0)
    for number in range(10):
        alpha = correct(step, frame(room(), number % 3, thing=True))
    assert round(kept(alpha)) == expected
    assert kept(alpha, (slice(150, 300), slice(290, 350))) == 1


def test_light_is_measured_without_what_has_changed() -> None:
    plate = photograph(room()).image
    image = np.clip(plate * np.array([1.1, 1.0, 0.9]) + 3, 0, 255).astype(np.uint8)
    image[:, 400:560] = 20
    light = fit_light(image, plate, np.ones(SIZE[::-1], np.uint8))
    assert light is not None
    assert light.gain == pytest.approx((1.1, 1.0, 0.9), abs=0.03)
    assert light.noise < 2


# -- from a video --------------------------------------------------------------------------------


def wandering(count: int) -> list[np.ndarray]:
    """Return frames of a still camera in which a person walks from left to right."""
    frames: list[np.ndarray] = []
    for number in range(count):
        shift = np.array([[1, 0, -220 + 440 * number / (count - 1)], [0, 1, 0]], np.float32)
        alpha = cv2.warpAffine(person_alpha(), shift, SIZE)[..., None]
        picture = room() * (1 - alpha) + alpha * np.array((40, 30, 110), np.float32)
        frames.append(np.clip(picture + noise(number, 0.7, 2), 0, 255).astype(np.uint8))
    return frames


def find_red(view: Pyramid) -> Matte:
    """Return the matte of the person of `wandering`, by their colour."""
    image = view.level(1)
    near = np.abs(image.astype(np.int16) - (40, 30, 110)).max(axis=2) < 15
    return Matte(near.astype(np.float32), (0, 0, *view.size), view.size, image)


def test_the_room_is_estimated_where_nobody_stands_in_the_way() -> None:
    plate = estimate_plate(wandering(16), find_red)
    assert plate is not None
    assert plate.known is not None
    assert (plate.known > 0).mean() > 0.97
    error = np.abs(plate.image.astype(np.float32) - room()).mean(axis=2)
    assert np.median(error[plate.known > 0]) < 2


def test_of_a_person_who_stays_the_place_behind_them_is_unknown() -> None:
    plate = estimate_plate([frame(room(), number) for number in range(8)], lambda view: matte_of(view.image))
    assert plate is not None
    assert plate.known is not None
    assert not plate.known[person_alpha() > 0.5].any()
    assert plate.known[:, :200].all()


def test_a_camera_that_moves_gives_no_plate() -> None:
    frames = [np.roll(image, 9 * number, axis=1) for number, image in enumerate(wandering(8))]
    assert estimate_plate(frames, find_red) is None


def test_a_person_in_the_given_plate_is_no_part_of_the_room(
    portrait: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    """The picture itself as its plate, or the first frame of a clip: nothing differs, and everything would go."""
    wall = cv2.resize(np.clip(room(), 0, 255).astype(np.uint8), (512, 512))
    wide = np.hstack([wall, portrait, wall])
    for picture, words in ((portrait, "a person fills it"), (wide, "a person is in it")):
        caplog.clear()
        alone, beside = (MPSegmentation(quality="fast", plate=plate) for plate in (None, picture))
        beside.open(StreamInfo("me", *picture.shape[1::-1], still=True))
        assert np.abs(beside.alpha(picture) - alone.alpha(picture)).mean() < 0.01
        assert [record.message for record in caplog.records if words in record.message], caplog.text


@pytest.mark.parametrize("people", ["all", "main"])
def test_for_the_empty_room_everyone_is_looked_for(portrait: np.ndarray, people: str) -> None:
    two = np.hstack([portrait, cv2.flip(portrait, 1)])
    alpha = load_matting(Network(), people=people).glance(Pyramid(two)).full()
    assert alpha[:, :512].mean() > 0.2
    assert alpha[:, 512:].mean() > 0.2


def test_auto_looks_at_the_whole_video_whatever_part_is_processed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", wandering(12)).path
    controls = PlateControls("auto", "yes", MatteSteps(), find_red)
    info = StreamInfo(str(clip), *SIZE)
    controls.open(info)
    first = controls.plate
    assert first is not None
    assert np.abs(first.astype(np.float32) - room()).mean() < 8
    controls.open(info)
    assert (controls.plate == first).all()
    with caplog.at_level(logging.WARNING):
        controls.open(StreamInfo("-", *SIZE))
    assert controls.plate is None
    assert "read once only" in caplog.text


# -- bad input -----------------------------------------------------------------------------------


def test_a_plate_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, run_main, portrait: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), portrait)
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((90, 160, 3), np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    for plate, error in (
        ("missing.png", "--plate missing.png: no such file, nor auto or none"),
        ("text.png", "--plate text.png: not a readable image"),
        ("wide.png", "--plate wide.png: is 160x90, and the frames are 512x512: another shape"),
    ):
        outcome = run_main("photo.png", "--plate", plate, "--quality", "fast")
        assert outcome.code == 2
        assert outcome.err.startswith(f"error: {error}")
        assert outcome.err.count("\n") == 1
    assert not (tmp_path / "photo_out.png").exists()
    with pytest.raises(InputError, match="must be uint8"):
        MPSegmentation(plate=np.zeros((4, 4)))
    with pytest.raises(InputError, match="`keep_chair` maybe: must be yes or no"):
        MPSegmentation(keep_chair="maybe")
    outcome = run_main("photo.png", "--plate", "photo.png", "--output", "photo.png")
    assert outcome.code == 2
    outcome = run_main("photo.png", "--plate", "wide.png", "--output", "wide.png")
    assert "the output is the plate" in outcome.err


# -- from a camera -------------------------------------------------------------------------------

CAMERA = StreamInfo("0", *SIZE, live=True, device="HD Webcam 0")


class Live:
    """A camera's frames through the controls, with a clock that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, plate: str = "") -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
        self.now = 100.0
        monkeypatch.setattr(PlateControls, "clock", staticmethod(lambda: self.now))
        self.steps = MatteSteps()
        self.controls = PlateControls(plate, "yes", self.steps, lambda view: matte_of(view.image))
        self.controls.open(CAMERA)

    def pass_time(self, seconds: float, image: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
        """Show an image for some seconds, at ten frames a second; return the last alpha."""
        found = np.zeros(0)
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            matte = matte_of(image, alpha)
            for step in self.steps:
                matte = step(Pyramid(image), matte)
            found = matte.full()
        return found


def test_a_picture_is_taken_once_the_person_has_stepped_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    live = Live(monkeypatch, tmp_path)
    nobody = np.zeros(SIZE[::-1], np.float32)
    empty = np.clip(room(), 0, 255).astype(np.uint8)
    assert list(live.steps) == [], "costs nothing"
    [action] = live.controls.actions
    assert action.name == "plate"
    assert action.keys == ("e",)
    assert action.perform() == "step aside: the empty room is taken in 5 seconds"
    live.pass_time(1.5, frame(room()))
    assert live.controls.badges == ("step aside: 4",)
    live.pass_time(5, frame(room()))
    assert live.controls.badges == ("step aside: you are still in the picture",)
    assert live.controls.state == "taking"
    live.pass_time(1, empty, nobody)
    assert live.controls.badges == ("stay aside: the empty room is being taken",)
    live.pass_time(1, empty, nobody)
    assert live.controls.badges == ("the empty room is known now",)
    assert live.controls.state == "used"
    assert kept(live.pass_time(0.2, frame(room(), thing=True))) > 0.95
    live.pass_time(5, empty, nobody)
    assert live.controls.badges == ()
    kept_plate = find_kept(CAMERA.device, *SIZE)
    assert kept_plate is not None
    assert np.abs(kept_plate[0].image.astype(int) - empty).max() <= 1
    assert action.perform("off") == "the empty room is forgotten"
    assert list(live.steps) == []
    assert find_kept(CAMERA.device, *SIZE) is None


def test_a_kept_picture_is_believed_only_where_it_fits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Live(monkeypatch, tmp_path)
    first.controls.act()
    first.pass_time(8, np.clip(room(), 0, 255).astype(np.uint8), np.zeros(SIZE[::-1], np.float32))
    image = frame(room(), thing=True)
    with caplog.at_level(logging.WARNING):
        again = Live(monkeypatch, tmp_path)
        assert kept(again.pass_time(0.1, image)) < 0.1, "not before it is checked"
        assert kept(again.pass_time(1, image)) > 0.95
        assert sum("fits and is used" in record.getMessage() for record in caplog.records) == 1
        caplog.clear()
        elsewhere = np.clip(noise(8, 12, 60) + 120, 0, 255).astype(np.uint8)
        Live(monkeypatch, tmp_path).pass_time(2, elsewhere)
        assert caplog.records == []
    assert list(Live(monkeypatch, tmp_path, "none").steps) == []


def test_a_picture_is_taken_around_what_only_looks_like_a_person(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    live = Live(monkeypatch, tmp_path)
    live.controls.act()
    poster = np.zeros(SIZE[::-1], np.float32)
    poster[40:160, 500:600] = 1
    live.pass_time(18, np.clip(room(), 0, 255).astype(np.uint8), poster)
    assert live.controls.badges == ("the room is known now, except where something looks like a person",)
    live.controls.act()
    filled = np.zeros(SIZE[::-1], np.float32)
    filled[:, 100:500] = 1
    live.pass_time(18, np.clip(room(), 0, 255).astype(np.uint8), filled)
    assert live.controls.badges == ("no picture of the empty room was taken: a person is in it",)


def test_only_a_camera_gives_a_picture() -> None:
    segmentation = MPSegmentation(quality="fast")
    segmentation.open(StreamInfo("photo.jpg", *SIZE, still=True))
    [action] = [action for action in segmentation.actions if action.name == "plate"]
    assert action.perform() == "the empty room can be taken from a camera only; for a file give --plate"
    assert segmentation.status()["plate"] == "none"


def test_colours_that_a_network_estimates_are_the_frames_own_where_it_saw_nothing() -> None:
    image = frame(room(), thing=True)
    matte = matte_of(image)
    grey = np.full_like(matte.image, 90)
    result = PlateStep(photograph(room()))(Pyramid(image), replace(matte, foreground=grey))
    assert result.foreground is not None
    inside = (slice(105, 120), slice(200, 220))
    assert (result.foreground[inside] == result.image[inside]).all()
    assert (result.foreground[90:110, 150:165] == 90).all()


def test_of_a_video_what_stands_still_in_all_of_it_is_the_room_if_it_is_asked_for(tmp_path: Path) -> None:
    chair = (slice(250, 340), slice(20, 90))
    frames = wandering(12)
    for image in frames:
        image[chair] = (20, 160, 60)
    clip = make_clip(tmp_path / "clip.mp4", frames).path
    plate = photograph(room()).image
    for keep_chair, is_room in (("yes", False), ("no", True)):
        controls = PlateControls(plate, keep_chair, MatteSteps(), find_red)
        controls.open(StreamInfo(str(clip), *SIZE))
        assert controls.plate is not None
        difference = np.abs(controls.plate[255:335, 25:85].astype(np.float32) - (20, 160, 60)).mean()
        assert (difference < 10) == is_room
        assert np.abs(controls.plate[:, 100:].astype(np.float32) - room()[:, 100:]).mean() < 8
