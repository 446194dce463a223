"""What colour and light tell where the network cannot: generated scenes, and a network that says what it is told."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import ROOT

from background_removal.matting.alpha.edge import snap_to_edges
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.refined_network import RefinedNetwork
from background_removal.matting.stream import StreamMatting
from background_removal.matting.tracking.detector import PersonDetector
from background_removal.segmentation import MPSegmentation

SIZE = (128, 160)
PERSON, ROOM = (60, 60, 170), (150, 120, 90)
INSIDE = np.s_[24:128, 40:120]
UNSURE = np.s_[56:80, 96:144]  # an arm, half of it before the room
ARM, BESIDE = np.s_[60:76, 100:114], np.s_[60:76, 126:140]


class Told:
    """A network that answers with what it was told, and keeps what it was shown."""

    size, sizes = SIZE, (SIZE,)

    def __init__(self, probability: np.ndarray) -> None:
        self.probability, self.shown = probability, np.zeros(0)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.shown = image
        return self.probability.copy()

    def close(self) -> None:
        pass


def scene(person: tuple[int, ...], room: tuple[int, ...], seed: int = 0) -> np.ndarray:
    image = np.full((*SIZE, 3), room, np.float32)
    image[INSIDE] = person
    return np.clip(image + np.random.default_rng(seed).normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def answer(unsure: float = 0.5) -> np.ndarray:
    probability = np.zeros(SIZE, np.float32)
    probability[INSIDE] = 1
    probability[UNSURE] = unsure
    return probability


def drawn(image: np.ndarray, probability: np.ndarray, frames: int = 3) -> np.ndarray:
    matte_network = RefinedNetwork(Told(probability), Refiner(0.5))
    for _ in range(frames):
        alpha, _ = matte_network.predict(image, (0, 0, 160, 128))
    return alpha


@pytest.mark.parametrize("unsure", [0.35, 0.5, 0.65])
def test_colour_decides_where_the_network_is_unsure(unsure: float) -> None:
    alpha = drawn(scene(PERSON, ROOM), answer(unsure))
    assert alpha[ARM].min() > 0.9
    assert alpha[BESIDE].max() < 0.1


def test_colours_that_are_alike_leave_no_shards() -> None:
    grey = (120, 120, 120)
    alpha = drawn(scene(grey, grey), answer())
    inner = alpha[60:76, 100:140]
    assert np.abs(inner - 0.5).max() < 0.1


def test_what_the_network_is_sure_of_is_not_for_colour_to_decide() -> None:
    image = scene(PERSON, ROOM)
    image[90:110, 60:80] = ROOM  # what is on a shirt
    image[10:20, 10:30] = PERSON  # a picture on the wall
    alpha = drawn(image, answer(1.0))
    assert alpha[90:110, 60:80].min() > 0.9
    assert alpha[10:20, 10:30].max() < 0.1


def test_a_network_with_its_state_put_back_predicts_the_same() -> None:
    matte_network = RefinedNetwork(Told(answer()), Refiner(0.5))
    for seed in range(3):
        matte_network.predict(scene(PERSON, ROOM, seed), (0, 0, 160, 128))
    before, next_one = matte_network.state, scene(PERSON, ROOM, 3)
    first, _ = matte_network.predict(next_one, (0, 0, 160, 128))
    matte_network.predict(scene(ROOM, PERSON), (0, 0, 160, 128))  # something else altogether
    matte_network.state = before
    assert (matte_network.predict(next_one, (0, 0, 160, 128))[0] == first).all()


def test_colours_of_before_a_reset_are_forgotten() -> None:
    image = scene(PERSON, ROOM)
    matte_network = RefinedNetwork(Told(answer()), Refiner(0.5))
    for _ in range(10):
        matte_network.predict(scene(ROOM, PERSON), (0, 0, 160, 128))
    matte_network.reset()
    assert (matte_network.predict(image, (0, 0, 160, 128))[0] == drawn(image, answer(), 1)).all()


def test_a_halo_of_the_old_background_goes() -> None:
    """The edge is drawn softly and too far out: before black, a bright wall would show as a rim."""
    image = scene((30, 30, 30), (230, 230, 230))
    truth = answer(0.0)
    truth[INSIDE] = 1
    haze = np.clip(cv2.blur(truth, (11, 11)) * 1.5, 0, 1)
    outside, inside = (truth == 0) & (haze > 0.2), (truth == 1) & (haze < 1)
    found = snap_to_edges(haze, image)
    assert np.abs(found - haze)[truth == haze].max() == 0  # what is sure stays
    assert found[outside].mean() < 0.6 * haze[outside].mean()
    assert found[inside].mean() >= haze[inside].mean()
    alike = scene((128, 128, 128), (128, 128, 128))
    assert np.abs(snap_to_edges(haze, alike) - haze).max() < 0.05


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, np.ndarray]:
    image = cv2.resize(cv2.imread(str(ROOT / "samples" / "portrait.jpg")), None, fx=0.5, fy=0.5)
    return image, MPSegmentation().alpha(image)


@pytest.mark.parametrize("share", [0.06, 0.1])
def test_a_dim_scene_is_found_as_a_bright_one_is(portrait: tuple[np.ndarray, np.ndarray], share: float) -> None:
    image, truth = portrait
    dim = cv2.convertScaleAbs(image, alpha=share)
    alpha = MPSegmentation().alpha(dim)
    assert np.abs(alpha - truth).mean() < 0.04


def test_light_is_lifted_for_the_network_only() -> None:
    def person_of(image: np.ndarray) -> tuple[Told, np.ndarray, np.ndarray]:
        network = Told(answer(1.0))
        matte = StreamMatting(PersonDetector(network, None), RefinedNetwork(network, Refiner(0.5)))(Pyramid(image))
        return network, matte.image, image

    network, kept, image = person_of(cv2.convertScaleAbs(scene(PERSON, ROOM), alpha=0.4))
    assert network.shown.max() > 2 * image.max()
    assert kept.max() <= image.max()
    network, _, image = person_of(scene(PERSON, (200, 190, 160)))
    assert network.shown.max() <= image.max()


def test_light_fades_without_a_jump(portrait: tuple[np.ndarray, np.ndarray]) -> None:
    image, _ = portrait
    shown: list[float] = []
    network = Told(answer(1.0))
    matte_network = RefinedNetwork(network, Refiner(0.5))
    for share in np.linspace(1, 0.2, 60):
        matte_network.predict(cv2.resize(cv2.convertScaleAbs(image, alpha=share), SIZE[::-1]), (0, 0, 160, 128))
        shown.append(float(network.shown.mean()))
    assert np.abs(np.diff(shown)).max() < 3
