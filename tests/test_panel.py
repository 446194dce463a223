"""The panel of networks for photographs: no network decides alone, nobody small is missed, holes are closed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from background_removal.matting.alpha.holes import close_holes, remove_doubtful_islands
from background_removal.matting.best.votes import Votes
from background_removal.matting.pyramid import Pyramid
from background_removal.segmentation import MPSegmentation

ROOM, SHIRT = (200, 170, 120), (40, 60, 160)


def person_with_hole(color: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a shirt before a room with a hole of a colour in it, and the probability of a person."""
    picture = np.full((120, 160, 3), ROOM, np.uint8)
    picture[20:, 40:120] = SHIRT
    picture[60:70, 70:84] = color
    probability = np.zeros((120, 160), np.float32)
    probability[20:, 40:120] = 1
    probability[60:70, 70:84] = 0.2
    return picture, probability


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    a, b = alpha > 0.5, truth > 127
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(("color", "is_closed"), [(ROOM, False), (SHIRT, True), ((0, 220, 250), True)])
def test_a_hole_is_closed_unless_it_shows_the_room(color: tuple[int, int, int], is_closed: bool) -> None:
    """An arm on a hip leaves the room to be seen; a yellow earring does not."""
    picture, probability = person_with_hole(color)
    closed = close_holes(probability, picture, np.zeros_like(probability))
    assert (closed[60:70, 70:84] == (1 if is_closed else probability[60, 70])).all()
    assert (np.delete(closed, np.s_[60:70], axis=0) == np.delete(probability, np.s_[60:70], axis=0)).all()


def test_a_hole_of_the_rooms_colour_is_closed_where_another_answer_is_sure() -> None:
    picture, probability = person_with_hole(ROOM)
    assert close_holes(probability, picture, np.ones_like(probability))[65, 75] == 1


def test_a_gap_that_reaches_the_room_is_no_hole() -> None:
    picture, probability = person_with_hole(SHIRT)
    probability[60:, 70:84] = 0.2
    assert close_holes(probability, picture, np.zeros_like(probability)) is probability


def test_an_island_stays_only_where_it_is_much_like_a_person() -> None:
    probability = np.zeros((60, 90), np.float32)
    probability[10:60, 10:40] = 0.8  # the largest region, whatever it is
    probability[10:30, 50:60] = 0.97
    probability[10:30, 70:80] = 0.7
    cleaned = remove_doubtful_islands(probability)
    assert cleaned[20, 20] == np.float32(0.8)
    assert cleaned[20, 55] == np.float32(0.97)
    assert not cleaned[:, 65:].any()


def test_no_answer_outvotes_the_others_however_sure_it_is() -> None:
    votes = Votes((64, 64), (64, 64), 0, 1)
    for value in (1.0, 0.2, 0.2, 0.2):
        votes.add(np.full((8, 8), value, np.float32), (0, 0, 64, 64), 1)
    assert votes.probability().max() < 0.5


def test_what_each_of_the_unanimous_answers_is_sure_of_is_kept_with_the_region_around_it() -> None:
    """Such as a helmet in the arms, which the networks that know bodies cut off."""
    held = np.zeros((64, 64), np.float32)
    held[20:44, 20:44] = 1
    unsure = held.copy()
    unsure[20:44, 40:44] = 0.7
    wall = held.copy()
    wall[:, 56:] = 1
    for answer, kept in (((held, unsure), True), ((wall, held), False)):
        votes = Votes((64, 64), (64, 64), 0, 1)
        votes.add(np.zeros((64, 64), np.float32), (0, 0, 64, 64), 4)
        for each in answer:
            votes.add(each, (0, 0, 64, 64), 1, places_edge=True)
            votes.add_to_unanimous(each, (0, 0, 64, 64))
        probability = votes.probability()
        assert probability[30, 30] > 0.9
        assert (probability[30, 42] > 0.5) or not kept
        assert probability[30, 60] < 0.1


def test_a_helmet_in_the_arms_stays_and_a_flag_behind_goes(portrait: np.ndarray) -> None:
    alpha = MPSegmentation(quality="best").alpha(portrait)
    assert alpha[400:500, 320:460].min() > 0.95
    assert alpha[:200, :90].max() < 0.05


def test_the_network_that_places_edges_best_draws_the_edge_that_all_see() -> None:
    coarse, fine = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    coarse[:, 20:], fine[:, 21:] = 1, 1
    fine[:, 50:] = 0  # an edge that the others do not see
    votes = Votes((64, 64), (64, 64), 0, 1)
    for _ in range(2):
        votes.add(coarse, (0, 0, 64, 64), 1)
    votes.add(fine, (0, 0, 64, 64), 1, places_edge=True)
    row = votes.probability()[32]
    assert row[20] < 0.5 < row[21]
    assert row[50:].min() > 0.9


def test_a_crop_beyond_the_picture_counts_where_it_is_and_fades_inside() -> None:
    votes = Votes((64, 48), (24, 32), 1, 1)
    votes.add(np.ones((16, 16), np.float32), (-16, 8, 32, 56), 1)
    share = votes.probability()
    assert (share[:4] == 0.5).all()
    assert (share[:, 16:] == 0.5).all()
    assert share[23, 0] > 0.98, "full weight at the sides of the picture"
    assert 0.5 < share[12, 15] < share[12, 8], "fading out inside the picture"


def test_a_crop_beyond_the_picture_is_mirrored() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, :10] = 200
    crop = Pyramid(picture).crop_padded((-20, 0, 40, 60), 60, 60)
    assert crop.shape == (60, 60, 3)
    assert (crop[:, 11:29] == 200).all()
    assert not crop[:, 32:].any()


def test_an_empty_room_has_no_person() -> None:
    """A dark arm-chair was one network's person."""
    picture = cv2.imread(str(Path(__file__).parent.parent / "backgrounds" / "6_library.jpg"))
    assert MPSegmentation(quality="best").alpha(picture).max() == 0


def test_a_small_person_from_the_side_is_found_in_a_large_picture(shared: Path) -> None:
    """At a quarter of the picture's height no network finds them in the whole picture."""
    clip = shared / "groundtruth_real" / "parkour"
    frame, truth = (cv2.VideoCapture(str(clip / name)).read()[1] for name in ("input.mp4", "alpha.mkv"))
    height, width = truth.shape[:2]
    room = cv2.resize(
        cv2.imread(str(Path(__file__).parent.parent / "backgrounds" / "2_office.jpg")), (2 * width, 2 * height)
    )
    place, alpha = np.s_[height:, :width], truth[..., :1] / 255
    room[place] = frame * alpha + room[place] * (1 - alpha)
    assert MPSegmentation(quality="fast").alpha(room).max() < 0.5, "else this test means nothing"
    found = MPSegmentation(quality="best").alpha(room)
    assert iou(found[place], truth[..., 0]) > 0.9
    found[place] = 0
    assert found.max() < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["p3m_01", "p3m_05"])
def test_best_is_no_worse_than_fast_on_photographs(shared: Path, stem: str) -> None:
    """A wall and a sculpture were the person's, before several networks were asked."""
    stills = shared / "groundtruth_real" / "stills"
    picture = cv2.imread(str(stills / "input" / f"{stem}.jpg"))
    truth = cv2.imread(str(stills / "alpha" / f"{stem}.png"), cv2.IMREAD_GRAYSCALE)
    alphas = {quality: MPSegmentation(quality=quality).alpha(picture) for quality in ("fast", "best")}
    errors = {quality: np.abs(alpha - truth / 255).mean() for quality, alpha in alphas.items()}
    assert errors["best"] < 0.5 * errors["fast"]
    assert iou(alphas["best"], truth) > 0.94
