"""The pose network guides the matte where a whole body shows, and is left alone with a portrait."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import ROOT

from background_removal.matting.loading import load_matting
from background_removal.matting.networks.network import Network
from background_removal.matting.networks.pose import Pose, PoseNetwork
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyGuide, BodyMask, BodyObserver, Square, square_around

SIZE = (640, 360)
BODY = (280.0, 60.0, 360.0, 300.0)


class TrueBody(PoseNetwork):
    """A pose network that returns the mask of bright pixels, and landmarks of a body that fills a given square."""

    def __init__(self, rim: tuple[float, float] = (0.5, 0.1), visibility: float = 1.0, presence: float = 1.0) -> None:
        self.rim, self.visibility, self.presence, self.runs = rim, visibility, presence, 0

    def run(self, image: np.ndarray) -> Pose:
        self.runs += 1
        landmarks = np.full((39, 5), 0.5, np.float32)
        landmarks[:, 3] = self.visibility
        landmarks[34, :2] = self.rim
        return Pose(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255, self.presence, landmarks)


def scene(left: float = BODY[0]) -> np.ndarray:
    """Return a dark, structured frame with a bright body."""
    frame = np.random.default_rng(1).integers(0, 60, (*SIZE[::-1], 3), np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 3)
    shift = int(left - BODY[0])
    frame[60:300, 280 + shift : 360 + shift] = 230
    return frame


def look(guide: BodyGuide, network: PoseNetwork, frame: np.ndarray) -> None:
    guide.look(BodyObserver(lambda: network), Pyramid(frame), BODY)


@pytest.mark.parametrize("turn", [0.0, 1.0, np.pi])
@pytest.mark.parametrize("side", [200.0, 700.0])
def test_a_mask_lies_where_the_body_is(turn: float, side: float) -> None:
    frame = scene()
    mask = BodyObserver(TrueBody).observe(Pyramid(frame), Square(320, 180, side, turn))
    assert mask is not None
    box = (220, 90, 420, 270)
    inside = mask.resample(box, 100, 90) > 0.5
    truth = np.zeros_like(inside)
    truth[:, 30:70] = True
    assert (inside != truth).mean() < 0.03
    if side == 700:
        bounds = mask.bounds()
        assert bounds is not None
        assert np.abs(np.subtract(bounds, BODY)).max() < 4


def test_the_next_square_is_around_the_body_and_turns_with_it() -> None:
    square = square_around(BODY)
    assert square == Square(320, 180, 300)
    for rim, turn in (((0.5, 0.1), 0.0), ((0.9, 0.5), np.pi / 2), ((0.5, 0.9), np.pi), ((0.6, 0.1), 0.0)):
        mask = BodyObserver(lambda rim=rim: TrueBody(rim)).observe(Pyramid(scene()), square)
        assert mask is not None
        following = mask.next_square
        assert (following.x, following.y) == pytest.approx((320, 180), abs=1)
        assert following.side == pytest.approx(300, rel=0.05)
        assert abs(following.turn) == pytest.approx(turn, abs=0.01)


def test_a_mask_moves_along_with_the_picture() -> None:
    guide, box = BodyGuide(), (160, 0, 480, 360)
    look(guide, TrueBody(), scene())
    for left in (280, 286):
        guide.next_frame()
        image = Pyramid(scene(left)).crop(box, 320, 256)
        evidence = guide.evidence(box, image)
    assert evidence is not None
    columns = np.flatnonzero(evidence[128] > 0)
    assert columns[0] == pytest.approx(126, abs=2)
    assert columns[-1] == pytest.approx(205, abs=2)


def test_a_body_without_legs_or_presence_is_left_to_the_matte() -> None:
    for network in (TrueBody(visibility=0.2), TrueBody(presence=0.5)):
        guide = BodyGuide()
        look(guide, network, scene())
        guide.next_frame()
        assert not guide.pays
        assert not guide.is_due()
        assert guide.evidence((160, 0, 480, 360), np.zeros((256, 320, 3), np.uint8)) is None


def test_a_portrait_needs_no_pose_network(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[BodyMask | None] = []
    monkeypatch.setattr(BodyObserver, "observe", lambda *_: looks.append(None))
    portrait = cv2.resize(cv2.imread(str(ROOT / "samples" / "portrait.jpg")), (320, 320))
    matting = load_matting(Network())
    for number in range(6):
        matting(Pyramid(np.roll(portrait, number, axis=1)))
    assert not looks
