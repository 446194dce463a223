"""`--grow`, `--shrink` and `--invert`: the finished matte as the user wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Outcome

from background_removal import InputError, Look, MPSegmentation
from background_removal.compositing.edge_shift import EdgeShift
from background_removal.compositing.matte_adjustment import MatteAdjustment, estimate_head, invert_matte, shift_edge
from background_removal.effects.subject import Subject
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid


@pytest.fixture(scope="module")
def view() -> Pyramid:
    return Pyramid(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8))


def disc_matte(view: Pyramid, radius: float = 40.0, scale: float = 1.0) -> Matte:
    """Return the matte of a round person in the middle of the frame, with an edge that is 4 pixels wide."""
    box = (80, 40, 240, 200)
    width, height = round(160 * scale), round(160 * scale)
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns + 0.5 - width / 2, rows + 0.5 - height / 2) / scale
    alpha = np.clip((radius - distance) / 4 + 0.5, 0, 1).astype(np.float32)
    return Matte(alpha, box, view.size, view.crop(box, width, height))


def radius_of(matte: Matte) -> float:
    return float(np.sqrt(matte.full().sum() / np.pi))


@pytest.mark.parametrize("scale", [1.0, 0.75])
@pytest.mark.parametrize("pixels", [0.5, 1.25, 6.4, 21.0, -0.5, -3.3, -12.0])
def test_the_edge_moves_by_fractions_of_a_pixel_and_stays_as_soft(view: Pyramid, pixels: float, scale: float) -> None:
    before = disc_matte(view, scale=scale)
    after = shift_edge(view, before, pixels)
    assert radius_of(after) == pytest.approx(radius_of(before) + pixels, abs=0.45)
    row = after.full()[120]
    soft = int(((row > 0.02) & (row < 0.98)).sum())
    assert 6 <= soft <= 14, "4 pixels on either side, not a step and no haze"
    assert after.size == view.size
    assert after.image.shape[:2] == after.alpha.shape


def test_growing_leaves_the_box_and_shrinking_spares_the_side_of_the_frame(view: Pyramid) -> None:
    whole = np.ones((200, 100), np.float32)
    cut_off = Matte(whole, (100, 40, 200, 240), view.size, view.crop((100, 40, 200, 240), 100, 200))
    grown = shift_edge(view, cut_off, 10).full()
    assert grown[100, 92] > 0.9
    assert grown[100, 88] < 0.1
    assert grown[32, 150] > 0.9
    shrunk = shift_edge(view, cut_off, -10).full()
    assert shrunk[100, 108] < 0.1
    assert shrunk[100, 112] > 0.9
    assert shrunk[239, 150] == 1, "below the frame the person goes on"


def test_an_inverted_matte_is_the_rest_of_the_frame(view: Pyramid) -> None:
    for scale in (1.0, 0.75):
        matte = disc_matte(view, scale=scale)
        inverted = invert_matte(view, matte)
        assert inverted.box == (0, 0, 320, 240)
        assert np.abs(inverted.full() - (1 - matte.full())).max() < 0.2
        assert np.abs(inverted.full() - (1 - matte.full())).mean() < 0.004
    with_colors = replace(disc_matte(view), foreground=disc_matte(view).image.copy())
    colors = invert_matte(view, with_colors).foreground
    assert colors is not None
    assert (colors[:40] == view.image[:40]).all()


def test_percent_are_of_the_face_s_head_or_else_of_an_estimate(view: Pyramid) -> None:
    matte = disc_matte(view)
    ten_percent = EdgeShift(10, is_percent=True)
    for head, expected in ((60.0, 6.0), (None, estimate_head(matte) / 10)):
        adjust = MatteAdjustment(ten_percent, EdgeShift(0), False, lambda head=head: head)
        adjusted = adjust(view, matte)
        assert radius_of(adjusted) == pytest.approx(40 + expected, abs=0.6)
        assert adjust(view, matte) is adjusted, "a still scene keeps its matte"
    assert 20 < estimate_head(matte) < 40


def test_a_head_that_is_measured_again_does_not_move_the_edge_at_once(view: Pyramid) -> None:
    heads = iter([60.0, 66.0, 200.0])
    adjust = MatteAdjustment(EdgeShift(10, is_percent=True), EdgeShift(0), False, lambda: next(heads))
    radii = [radius_of(adjust(view, disc_matte(view))) for _ in range(3)]
    assert radii[1] - radii[0] < 0.3, "smoothed"
    assert radii[2] - radii[1] > 10, "another person"


def test_the_look_has_them_and_changes_them_while_frames_go_by(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(background="transparent", quality="fast")
    plain = segmentation(portrait)[..., 3].mean()
    segmentation.look = replace(segmentation.look, grow="5%")
    assert segmentation.look.grow == "5%"
    grown = segmentation(portrait)[..., 3].mean()
    segmentation.look = replace(segmentation.look, grow=0, shrink="5%")
    shrunk = segmentation(portrait)[..., 3].mean()
    assert shrunk + 2 < plain < grown - 2
    segmentation.look = replace(segmentation.look, shrink=0, invert=True)
    inverted = segmentation(portrait)
    assert inverted[..., 3].mean() == pytest.approx(255 - plain, abs=2)
    assert (inverted[inverted[..., 3] == 255][:, :3] == portrait[inverted[..., 3] == 255]).all(), "the room as it is"
    assert segmentation.person_alpha().mean() * 255 == pytest.approx(plain, abs=2)
    assert segmentation.found_person
    room = segmentation.room_picture()
    assert room is not None
    assert difference_inside(room, portrait, segmentation.person_alpha() > 0.9) > 10


def difference_inside(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> float:
    return float(cv2.absdiff(one, other)[inside].mean())


def test_effects_follow_the_person_whatever_is_kept(portrait: np.ndarray) -> None:
    bounds: list[object] = []
    for inverted in (False, True):
        segmentation, subject = MPSegmentation(quality="fast", invert=inverted), Subject()
        subject.meet([segmentation])
        segmentation(portrait)
        bounds.append(subject.bounds(portrait))
    assert bounds[0] == bounds[1] is not None


def test_an_inverted_blur_blurs_the_person_alone(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(blur="strong", quality="fast", invert=True)
    result = segmentation(portrait)
    person = segmentation.person_alpha()
    room = cv2.dilate(person, np.ones((15, 15))) == 0
    assert (result[room] == portrait[room]).all()
    assert room.mean() > 0.2
    assert difference_inside(result, portrait, person > 0.99) > 5


def test_without_a_person_an_inverted_frame_stays_as_it_is() -> None:
    empty = np.full((120, 160, 3), 128, np.uint8)
    segmentation = MPSegmentation(background="#00ff00", quality="fast", invert=True, grow="5%")
    assert (segmentation(empty) == empty).all()
    assert segmentation.found_person is False


def test_values_that_cannot_be_used_are_named() -> None:
    for given, message in (
        ({"grow": "120%"}, "`grow` 120%: must be N% of the head's height"),
        ({"shrink": "1,5%"}, "`shrink` 1,5%: a number is written with a dot: 1.5%"),
        ({"shrink": -1}, "`shrink` -1: must be"),
        ({"grow": "wide"}, "`grow` wide: must be"),
        ({"grow": 2, "shrink": "3%"}, "`grow` 2 and `shrink` 3%: give one of them"),
        ({"invert": "perhaps"}, "`invert` perhaps: must be true or false"),
    ):
        with pytest.raises(InputError, match=message):
            Look.parse(given)
    with pytest.raises(InputError, match="`grow` 2 and `shrink` 1"):
        MPSegmentation(grow=2, shrink=1)
    assert Look.parse({"grow": "5 %".replace(" ", ""), "invert": "true"}) == Look(grow="5%", invert=True)


def test_the_command_line_names_them_as_typed_and_writes_the_matte_that_was_asked_for(
    tmp_path: Path, run_main: Callable[..., Outcome], portrait: np.ndarray
) -> None:
    source, matte = tmp_path / "me.png", tmp_path / "matte.png"
    cv2.imwrite(str(source), portrait)
    refused = run_main(str(source), "--grow", "3", "--shrink", "2")
    assert refused.code == 2
    assert "--grow 3 and --shrink 2: give one of them" in refused.err
    done = run_main(
        str(source), "--invert", "--shrink", "2%", "--quality", "fast", "--matte", str(matte), "--output",
        str(tmp_path / "out.png"),
    )  # fmt: skip
    assert done.code == 0, done.err
    grey = cv2.imread(str(matte), cv2.IMREAD_GRAYSCALE)
    assert grey[:8, :8].mean() > 250, "the room"
