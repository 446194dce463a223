"""`--hints`: strokes that correct the matte of an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Clip, Outcome

from background_removal import InputError, MPSegmentation
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.best.panel import PanelPredictor
from background_removal.matting.guidance import strokes
from background_removal.matting.guidance.given import make_matte
from background_removal.matting.guidance.hints import correct_matte
from background_removal.matting.guidance.strokes import Strokes
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import StreamInfo

SIZE = (640, 480)
MUG, OTHER_MUG, CHAIR = (420, 300, 40), (90, 90, 40), (120, 250, 200, 460)


def person_mask() -> np.ndarray:
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.ellipse(mask, (300, 420), (90, 160), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return cv2.circle(mask, (300, 200), 60, 255, -1, cv2.LINE_AA)


def disc_mask(x: int, y: int, radius: int) -> np.ndarray:
    return cv2.circle(np.zeros(SIZE[::-1], np.uint8), (x, y), radius, 255, -1, cv2.LINE_AA)


def chair_mask() -> np.ndarray:
    left, top, right, bottom = CHAIR
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


@pytest.fixture(scope="module")
def room() -> np.ndarray:
    """A person with blue clothes, two red mugs with a white label and a green chair, before a wall; with noise."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    scene = np.dstack([150 + columns / 16, 160 + rows / 16, 170 + columns / 20]).astype(np.float32)

    def paint(mask: np.ndarray, color: tuple[int, int, int]) -> None:
        share = mask[..., None] * np.float32(1 / 255)
        shade = (0.85 + 0.3 * columns / SIZE[0])[..., None]
        scene[:] = scene + share * (np.array(color, np.float32) * shade - scene)

    paint(chair_mask(), (60, 110, 50))
    paint(person_mask(), (120, 60, 40))
    paint(disc_mask(300, 200, 60), (130, 160, 210))
    for x, y, radius in (MUG, OTHER_MUG):
        paint(disc_mask(x, y, radius), (40, 30, 190))
        paint(disc_mask(x + 10, y, radius // 4), (235, 235, 235))
    noise = np.random.default_rng(1).normal(0, 3, scene.shape)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def stroke(*lines: tuple[tuple[int, int], tuple[int, int]], width: int = 10) -> np.ndarray:
    mark = np.zeros(SIZE[::-1], np.uint8)
    for start, end in lines:
        cv2.line(mark, start, end, 255, width, cv2.LINE_AA)
    return mark


NONE = np.zeros(SIZE[::-1], np.uint8)


def corrected(room: np.ndarray, before: np.ndarray, keep: np.ndarray = NONE, erase: np.ndarray = NONE) -> np.ndarray:
    view = Pyramid(room)
    matte = correct_matte(view, make_matte(view, before), Strokes(keep, erase))
    assert matte.foreground is not None
    assert matte.foreground.shape == matte.image.shape
    return matte.full()


def overlap(alpha: np.ndarray, mask: np.ndarray) -> float:
    inside, wanted = alpha > 0.5, mask > 127
    return float((inside & wanted).sum() / (inside | wanted).sum())


def test_a_keep_stroke_brings_in_the_whole_thing_and_nothing_else(room: np.ndarray) -> None:
    before = person_mask()
    alpha = corrected(room, before, keep=stroke(((400, 290), (410, 320))))
    added = np.where(before > 0, 0, alpha)
    assert overlap(added, np.where(before > 0, 0, disc_mask(*MUG))) > 0.95, "with its label, which has another colour"
    far = cv2.dilate(disc_mask(*MUG), np.ones((61, 61))) == 0
    assert np.abs(alpha - before / 255)[far].max() < 1e-6, "another mug, far away, is not meant, and no edge moves"
    edge = alpha[300, 420 + 36 : 420 + 45]
    assert edge[0] == 1
    assert edge[-1] == 0
    assert (np.diff(edge) <= 0.01).all()


def test_an_erase_stroke_takes_a_chair_away_and_leaves_the_person(room: np.ndarray) -> None:
    before = np.maximum(person_mask(), chair_mask())
    alpha = corrected(room, before, erase=stroke(((150, 300), (150, 400))))
    assert overlap(alpha, person_mask()) > 0.97


def test_a_second_person_goes_with_head_and_all(room: np.ndarray) -> None:
    room = room.copy()
    room[:, :170] = room[:, 215:385]  # the person again, cut off at the frame
    second = np.zeros(SIZE[::-1], np.uint8)
    second[:, :170] = person_mask()[:, 215:385]
    before = np.maximum(person_mask(), second)
    alpha = corrected(room, before, erase=stroke(((90, 330), (90, 430)), width=16))
    assert overlap(alpha, person_mask()) > 0.97
    assert alpha[180:220, 60:110].max() < 0.1, "the head, of which nothing was marked"


def test_a_stroke_on_a_wall_does_not_flood_it(room: np.ndarray) -> None:
    alpha = corrected(room, person_mask(), keep=stroke(((540, 100), (560, 100))))
    added = (alpha > 0.5) & (person_mask() == 0)
    assert 200 < added.sum() < 0.02 * added.size


def test_strokes_are_given_values_wherever_they_are(room: np.ndarray) -> None:
    keep, erase = stroke(((60, 440), (100, 440))), stroke(((290, 400), (320, 400)))
    alpha = corrected(room, person_mask(), keep, erase)
    assert alpha[keep == 255].min() == 1
    assert alpha[erase == 255].max() == 0
    unmarked = corrected(room, person_mask())
    assert np.abs(unmarked - person_mask() / 255).max() < 1e-6


def test_what_is_kept_is_not_erased_with_its_like(room: np.ndarray) -> None:
    erase, keep = stroke(((270, 360), (270, 440))), stroke(((340, 380), (340, 420)))
    all_gone = corrected(room, person_mask(), erase=erase)
    half_kept = corrected(room, person_mask(), keep, erase)
    assert all_gone[400, 340] == 0
    assert half_kept[400, 340] == 1


@pytest.mark.parametrize("quality", ["best", "fast"])
def test_a_still_is_corrected_and_its_networks_are_asked_once(
    portrait: np.ndarray, quality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask = PanelPredictor.__call__
    monkeypatch.setattr(PanelPredictor, "__call__", lambda *given: asked.append(1) or ask(*given))
    picture = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    segmentation = MPSegmentation(background="transparent", quality=quality)
    segmentation.open(StreamInfo("me", 256, 256, still=True))
    before = segmentation(picture)[..., 3]
    hints = np.full((256, 256), 128, np.uint8)
    cv2.line(hints, (10, 30), (10, 55), 255, 6)  # on the flag
    segmentation.set_hints(hints)
    flag = segmentation(picture)[..., 3]
    assert (flag[30:55, 10] == 255).all()
    assert 150 < (flag.astype(int) - before > 128).sum() < 10_000
    assert np.abs(flag.astype(int) - before)[128:, 100:].mean() < 2
    segmentation.set_hints(None)
    assert (segmentation(picture)[..., 3] == before).all()
    assert len(asked) == (quality == "best")


def test_a_picture_of_strokes_is_read_in_every_form(tmp_path: Path, room: np.ndarray) -> None:
    mark = stroke(((400, 290), (410, 320)))
    painted = np.dstack([np.full_like(mark, 255)] * 3 + [mark])
    grey = np.where(mark > 0, 255, 128).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "matte.png"), person_mask())
    alphas: list[np.ndarray] = []
    for number, picture in enumerate((grey, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), painted)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        for hints in (picture, tmp_path / f"{number}.png"):
            alphas.append(MPSegmentation(matte_in=tmp_path / "matte.png", hints=hints).alpha(room))
    assert all(np.abs(alpha - alphas[0]).mean() < 0.001 for alpha in alphas)
    assert alphas[0][MUG[1], MUG[0]] == 1


def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, run_main: Callable[..., Outcome], room: np.ndarray, clip: Callable[..., Clip]
) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), room)
    cv2.imwrite(str(tmp_path / "matte.png"), person_mask())
    cv2.imwrite(str(tmp_path / "small.png"), stroke()[::2, ::2])
    (tmp_path / "text.png").write_text("no picture")
    clip("clip.mp4", frames=12)  # more than are read ahead: what is left is not missing from the file
    for arguments, message in (
        (["me.png", "--hints", "small.png"], "--hints small.png: is 320x240, not 640x480 as the picture"),
        (["me.png", "--hints", "text.png"], "--hints text.png: not a readable image"),
        (["me.png", "--hints", "none.png"], "--hints none.png: no such file"),
        (["me.png", "--hints", "small.png", "--output", "small.png"], "the output is the picture of the hints"),
        (["clip.mp4", "--hints", "small.png"], "--hints goes with an image"),
        (["me.png", "matte.png", "--hints", "small.png"], "--hints goes with one image"),
    ):
        given = [] if len(arguments) > 3 or arguments[0] == "clip.mp4" else ["--matte-in", "matte.png"]
        refused = run_main(*arguments, *given)
        assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
        assert message in refused.err
    assert not (tmp_path / "me_out.png").exists()
    for hints in (np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8)):
        with pytest.raises(InputError, match="`hints`: must be uint8"):
            MPSegmentation(matte_in=tmp_path / "matte.png", hints=hints)


def test_only_what_has_changed_is_spread_again(room: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[int] = []
    cut_out = strokes._cut_out  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(strokes, "_cut_out", lambda *given: cut.append(1) or cut_out(*given))
    view, cache = Pyramid(room), strokes.SpreadCache()
    matte = make_matte(view, person_mask())
    mug, chair = stroke(((400, 290), (410, 320))), stroke(((150, 300), (150, 400)))
    first = correct_matte(view, matte, Strokes(mug, NONE), cache).full()
    both = correct_matte(view, matte, Strokes(np.maximum(mug, chair), NONE), cache).full()
    again = correct_matte(view, matte, Strokes(mug, NONE), cache).full()
    assert len(cut) == 2
    assert (again == first).all()
    assert both[MUG[1], MUG[0]] == both[350, 160] == 1


def test_an_empty_matte_can_be_filled(room: np.ndarray) -> None:
    view = Pyramid(room)
    whole = (0, 0, *SIZE)
    empty = Matte(np.zeros((36, 64), np.float32), whole, SIZE, view.crop(whole, 64, 36))
    alpha = correct_matte(view, empty, Strokes(stroke(((400, 290), (410, 320))), NONE)).full()
    assert overlap(alpha, disc_mask(*MUG)) > 0.95
