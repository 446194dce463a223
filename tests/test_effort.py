"""--effort: how often the network is asked, and that nothing trails, flickers or is missed where it is not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Outcome

from background_removal.compositing.backgrounds import Blur
from background_removal.compositing.blur import parse_blur
from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.effort.carry import CAREFUL, SAVING
from background_removal.matting.effort.level import Effort
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.refined_network import RefinedNetwork
from background_removal.matting.stream import StreamMatting
from background_removal.matting.tracking.detector import PersonDetector
from background_removal.pipeline.frame import StreamInfo
from background_removal.pipeline.planes import ColorDescription, Planes
from background_removal.segmentation import MPSegmentation
from background_removal.support.power import is_on_battery

WIDTH, HEIGHT = 640, 360
PERSON = (150, 40, 200)  # a colour that nothing in the room has
ROOM = cv2.resize(
    np.random.default_rng(1).integers(60, 140, (36, 64, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
)
CLOTH = cv2.resize(np.random.default_rng(2).integers(-30, 30, (36, 64, 1), np.int16), (WIDTH, HEIGHT))
RADIUS = 26


class ByColor:
    """A network that knows the person by their colour, and counts how often it is asked."""

    size = (256, 320)
    sizes = ((256, 320),)

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.asked += 1
        blue, green, red = (plane.astype(np.int16) for plane in cv2.split(image))
        return cv2.blur(((red - green > 60) & (blue - green > 40)).astype(np.float32), (3, 3))

    def close(self) -> None: ...


def scene(shift: float = 0, hand: tuple[int, int] | None = None, seed: int = 0, gain: float = 1.0) -> np.ndarray:
    """Return a person before a room, moved right by pixels, with a hand somewhere, and a camera's noise."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (round(16 * (300 + shift)), 16 * 260), (16 * 80, 16 * 160), 0, 0, 360, 255, -1, shift=4)
    image = ROOM.copy()
    cloth = np.clip(np.array(PERSON, np.int16) + CLOTH[..., None], 0, 255).astype(np.uint8)
    image[mask > 0] = cv2.warpAffine(cloth, np.array([[1, 0, shift], [0, 1, 0]], np.float32), (WIDTH, HEIGHT))[mask > 0]
    if hand is not None:
        cv2.line(image, (330, 220), hand, PERSON, 20)
        cv2.circle(image, hand, RADIUS, PERSON, -1)
    noise = np.random.default_rng(seed).integers(-3, 4, image.shape, np.int16)
    return np.clip(image * gain + noise, 0, 255).astype(np.uint8)


def matting(effort: str) -> tuple[StreamMatting, ByColor]:
    network = ByColor()
    detector = PersonDetector(ByColor(), None)
    made = StreamMatting(detector, RefinedNetwork(network, Refiner(0.5)), effort=Effort(effort), reuse_still=True)
    made.begin(still=False, live=True)
    return made, network


def test_a_person_who_sits_or_sways_is_seldom_predicted() -> None:
    normal, always = matting("normal")
    low, seldom = matting("low")
    for number in range(60):
        image = scene(3 * np.sin(number / 6), seed=number)
        truth, alpha = normal(Pyramid(image)).full(), low(Pyramid(image)).full()
        assert np.abs(truth - alpha).mean() < 0.004, number
    assert always.asked >= 60
    assert seldom.asked <= 32


def test_a_person_who_sits_still_keeps_the_matte() -> None:
    low, network = matting("low")
    mattes = [low(Pyramid(scene(seed=number))) for number in range(40)]
    assert network.asked <= 20
    assert len({id(matte.alpha) for matte in mattes[20:]}) <= 6, "one of four frames gets a new matte"


def test_another_edge_shows_at_once() -> None:
    low, _ = matting("low")
    for number in range(20):
        before = low(Pyramid(scene(seed=number)))
    low.set_edge(0.9, 0.5)
    after = low(Pyramid(scene(seed=20)))
    assert after is not before
    assert after.alpha.sum() < before.alpha.sum()


def test_a_waving_hand_does_not_trail() -> None:
    """A hand as bright as the room: only its colour shows that it moves."""
    (normal, _), (low, network) = matting("normal"), matting("low")
    for number in range(30):
        for each in (normal, low):
            each(Pyramid(scene(seed=number)))
    before = network.asked
    places = [(420 + 24 * (number if number < 5 else 10 - number), 120) for number in range(11)]
    for number, place in enumerate(places):
        view = Pyramid(scene(hand=place, seed=30 + number))
        wanted, alpha = normal(view).full(), low(view).full()
        for x, y in places:  # the hand, and where it was
            assert abs(alpha[y, x] - wanted[y, x]) < 0.15, (number, x)
    assert network.asked - before >= len(places), "motion alone does not explain a hand"


def test_who_comes_into_an_empty_room_is_found_at_once() -> None:
    low, _ = matting("low")
    for number in range(12):
        assert not low(Pyramid(np.clip(ROOM + number % 2, 0, 255).astype(np.uint8))).shows_person
    assert low(Pyramid(scene())).shows_person


def test_parts_of_a_file_ask_the_network_at_the_same_times() -> None:
    low, network = matting("low")
    for number in range(30):
        low.at(number / 30)
        low(Pyramid(scene(2 * np.sin(number / 6), seed=number)))
    before = network.asked
    low.at(1.0)
    low(Pyramid(scene(2 * np.sin(5), seed=30)))
    assert network.asked == before + 1


@pytest.mark.parametrize(
    ("effort", "live", "level"),
    [("auto", True, "low"), ("auto", False, "normal"), ("low", False, "low"), ("high", True, "high")],
)
def test_what_an_effort_means(effort: str, live: bool, level: str) -> None:
    decides = Effort(effort, on_battery=lambda: False, load=lambda: 0.0)
    decides.begin(live)
    assert decides.next_frame() == (CAREFUL if level == "low" else None)
    assert (decides.level, decides.reason) == (level, "")


def test_less_is_done_on_battery_and_beside_other_programs() -> None:
    now, battery, load = 0.0, True, 0.0
    effort = Effort("auto", on_battery=lambda: battery, load=lambda: load, clock=lambda: now)
    effort.begin(live=True)
    assert effort.next_frame() == SAVING
    assert effort.reason == "on battery"
    for seconds, plugged, programs, reason in (
        (5, True, 0.0, "on battery"),  # looked at now and then only
        (30, True, 0.0, ""),
        (60, True, 1.0, ""),
        (90, True, 1.5, "busy computer"),
        (120, True, 1.0, "busy computer"),  # until it is quiet
        (150, True, 0.5, ""),
    ):
        now, battery, load = float(seconds), not plugged, programs
        assert effort.next_frame() == (SAVING if reason else CAREFUL), seconds
        assert effort.reason == reason, seconds
    battery, now = True, 300.0
    assert Effort("low", on_battery=lambda: battery).next_frame() == CAREFUL, "as it was asked for"


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ({}, False),
        ({"BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"BAT0": {"type": "Battery", "status": "Charging"}, "AC": {"type": "Mains", "online": "1"}}, False),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, False),
    ],
)
def test_a_battery_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supplies: dict[str, dict[str, str]], expected: bool
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name, values in supplies.items():
        (tmp_path / name).mkdir()
        for key, value in values.items():
            (tmp_path / name / key).write_text(value + "\n")
    assert is_on_battery(tmp_path) is expected
    assert is_on_battery(tmp_path / "missing") is False


def test_the_window_and_the_status_say_why_less_is_done(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background_removal.matting.effort.level.is_on_battery", lambda: True)
    segmentation = MPSegmentation()
    assert segmentation.status()["effort"] == "normal"
    height, width = portrait.shape[:2]
    segmentation.open(StreamInfo("camera", width, height, live=True))
    segmentation(portrait)
    assert segmentation.badges == ["less effort: on battery"]
    assert segmentation.status()["effort"] == "on battery"
    segmentation.close()


def test_an_unknown_effort_is_refused(run_main: Callable[..., Outcome]) -> None:
    with pytest.raises(InputError, match="`effort` lazy: must be one of auto, low, normal, high"):
        MPSegmentation(effort="lazy")
    outcome = run_main("clip.mp4", "--effort", "lazy")
    assert outcome.code == 2
    assert "--effort" in outcome.err


def empty_matte() -> Matte:
    return Matte(np.zeros((45, 80), np.float32), (0, 0, WIDTH, HEIGHT), (WIDTH, HEIGHT), cv2.resize(ROOM, (80, 45)))


def test_a_still_room_is_not_blurred_for_every_live_frame() -> None:
    matte = empty_matte()
    live, fresh = Blur(parse_blur("medium")), Blur(parse_blur("medium"))
    live.begin(live=True)
    images = [scene(-400, seed=number) for number in range(8)]
    results = [live.compose(Pyramid(image), matte) for image in images]
    assert isinstance(results[0], np.ndarray)
    repeated = [(now == before).all() for before, now in itertools.pairwise(results)]
    assert repeated == [True, True, True, False, True, True, True]
    dark = scene(-400, gain=0.6)  # the light goes out
    assert (live.compose(Pyramid(dark), matte) == fresh.compose(Pyramid(dark), matte)).all()


def test_a_room_that_has_changed_is_shown_again_later() -> None:
    live, matte = Blur(parse_blur("medium")), empty_matte()
    live.begin(live=True)
    live.compose(Pyramid(scene(-400)), matte)
    # The light goes out before the room was shown again for the first time.
    results = [live.compose(Pyramid(scene(-400, seed=number, gain=0.6)), matte) for number in range(20)]
    assert any(np.array_equal(now, before) for before, now in itertools.pairwise(results))


def test_a_room_without_anybody_is_passed_on_as_it_is() -> None:
    color = ColorDescription(1, 1, 1, 1)

    def planes(level: int) -> Pyramid:
        half = (HEIGHT // 2, WIDTH // 2)
        layers = np.full((HEIGHT, WIDTH), level, np.uint8), np.full(half, 128, np.uint8), np.full(half, 128, np.uint8)
        return Pyramid(Planes(layers, color))

    live = Blur(parse_blur("medium"))
    live.begin(live=True)
    matte = empty_matte()
    results = [live.compose(planes(100), matte) for _ in range(5)]
    assert [now is before for before, now in itertools.pairwise(results)] == [True, True, True, False]
    other = live.compose(planes(150), empty_matte())  # another matte: the picture has changed
    assert isinstance(other, Planes)
    assert other.layers[0].mean() == pytest.approx(150, abs=1)


def test_the_room_of_a_file_is_blurred_for_every_frame() -> None:
    matte = empty_matte()
    blur = Blur(parse_blur("medium"))
    blur.begin(live=False)
    results = [blur.compose(Pyramid(scene(-400, seed=number)), matte) for number in range(2)]
    assert (results[0] != results[1]).any()
