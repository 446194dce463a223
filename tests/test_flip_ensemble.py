"""A second opinion where the network is unsure, and an edge as fine as the frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from background_removal.compositing.backgrounds import SolidColor
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.networks.flip_ensemble import FlipEnsemble
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import ColorDescription, Planes, to_image

SIZE = (64, 80)
ARM = np.s_[20:40, 10:30]
KEYBOARD = np.s_[45:60, 45:75]


class OneSided:
    """A network that is unsure of what is left of the middle, sure and right of what is right of it."""

    size, sizes = SIZE, (SIZE,)

    def __init__(self, unsure: float) -> None:
        self.unsure, self.shown = unsure, []

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.shown.append(image)
        seen = (image[..., 0] > 128).astype(np.float32)
        marked = image[..., 1] > 128
        seen[:, :40][marked[:, :40]] = self.unsure
        return seen

    def close(self) -> None:
        self.shown.clear()


def picture() -> np.ndarray:
    """Return an arm in the left half: blue is person, green is what a network is unsure of."""
    image = np.zeros((*SIZE, 3), np.uint8)
    image[ARM] = 255
    return image


def test_a_half_drawn_arm_gets_a_second_opinion() -> None:
    network = OneSided(0.35)
    found = FlipEnsemble(network)(picture())
    assert len(network.shown) == 2
    assert np.array_equal(network.shown[1], picture()[:, ::-1])
    assert found[ARM].mean() > 0.6
    assert found.dtype == np.float32
    outside = found.copy()
    outside[ARM] = 0
    assert outside.max() == 0


def test_what_the_network_takes_for_a_person_may_go_too() -> None:
    image = picture()
    image[ARM] = (0, 255, 0)  # in the mirrored picture it is surely the room
    assert FlipEnsemble(OneSided(0.6))(image)[ARM].mean() < 0.4


@pytest.mark.parametrize("unsure", [0.02, 0.99])
def test_a_network_that_is_sure_is_asked_once(unsure: float) -> None:
    network = OneSided(unsure)
    assert np.array_equal(FlipEnsemble(network)(picture()), OneSided(unsure)(picture()))
    assert len(network.shown) == 1


def test_the_second_opinion_comes_without_a_leap() -> None:
    """What grows in the picture from frame to frame changes by no more than the growth when a second look begins."""
    means = []
    for rows in range(20, 60):
        image = np.zeros((*SIZE, 3), np.uint8)
        image[10:rows, 10:24] = 255
        means.append(FlipEnsemble(OneSided(0.35))(image)[10:rows, 10:24].mean())
    assert means[0] < 0.4
    assert means[-1] > 0.6
    assert np.abs(np.diff(means)).max() < 0.12


def coarse_matte(image: np.ndarray, truth: np.ndarray, shrink: int = 4) -> Matte:
    """Return a matte of a quarter of the frame's size, soft and a pixel too far out."""
    height, width = truth.shape
    small = cv2.resize(truth, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = np.clip(cv2.blur(small, (5, 5)) * 1.3, 0, 1)
    seen = cv2.resize(image, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    return Matte(small, (0, 0, width, height), (width, height), seen)


def head_before_the_sky(hair: int, sky: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.zeros((240, 320), np.float32)
    cv2.circle(truth, (160, 150), 90, (1,), -1)
    image = sky + (hair - sky) * truth
    noise = np.random.default_rng(2).normal(0, 3, image.shape)
    return np.clip(np.dstack([image + noise] * 3), 0, 255).astype(np.uint8), truth


def composed(image: np.ndarray, matte: Matte, in_planes: bool) -> np.ndarray:
    frame: np.ndarray | Planes = image
    if in_planes:
        luma = cv2.convertScaleAbs(image[..., 0], alpha=219 / 255, beta=16)
        chroma = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
        frame = Planes((luma, chroma, chroma), ColorDescription(6, 1, 1, 1))
    return to_image(SolidColor((0, 0, 0)).compose(Pyramid(frame), matte))


@pytest.mark.parametrize("in_planes", [False, True])
def test_hair_before_the_sky_has_no_light_rim_before_black(in_planes: bool) -> None:
    image, truth = head_before_the_sky(60, 220)
    result = composed(image, coarse_matte(image, truth), in_planes)
    rim = (cv2.dilate(truth, np.ones((9, 9))) > 0) & (truth == 0)
    assert result[rim].mean() < 45  # 67 with an edge as coarse as the matte
    assert np.abs(result[cv2.erode(truth, np.ones((41, 41))) > 0].mean() - 60) < 3


def test_an_edge_without_contrast_stays_as_it_is() -> None:
    image, truth = head_before_the_sky(120, 124)
    matte = coarse_matte(image, truth)
    expected = image * matte.full()[..., None]
    assert np.abs(composed(image, matte, False) - expected).max() < 12
