"""Things that a click keeps: found, followed, let go and lost."""

from __future__ import annotations

import logging
from dataclasses import replace

import cv2
import numpy as np
import pytest

from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.kept_things import LOST, KeptThings
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.actions import Actions
from background_removal.pipeline.objects import ObjectChain
from background_removal.segmentation import MPSegmentation

WIDTH, HEIGHT = 320, 180


def room() -> np.ndarray:
    """Return a wall with soft patches, and a shelf."""
    noise = np.random.default_rng(3).integers(0, 80, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)
    wall = cv2.add(cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), (90, 110, 100, 0))
    wall[140:] = (60, 80, 120)
    return wall


ROOM = room()
SMALL = cv2.resize(np.array([[[230, 230, 230], [200, 60, 40]], [[40, 40, 200], [30, 180, 220]]], np.uint8), (36, 44))
# A person on the left, as the network gives them.
PERSON = Matte(np.pad(np.ones((40, 20), np.float32), ((5, 0), (5, 5))), (10, 60, 70, 150), (WIDTH, HEIGHT),
               np.full((45, 30, 3), 70, np.uint8))  # fmt: skip


def scene(x: float, y: float, angle: float = 0.0) -> tuple[Pyramid, np.ndarray]:
    """Return a frame with a thing of four colours around a place, and its exact alpha."""
    matrix = cv2.getRotationMatrix2D((18, 22), angle, 1)
    matrix[:, 2] += (x - 18, y - 22)
    alpha = cv2.warpAffine(np.ones(SMALL.shape[:2], np.float32), matrix, (WIDTH, HEIGHT))
    thing = cv2.warpAffine(SMALL, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    frame = ROOM * (1 - alpha[..., None]) + thing * alpha[..., None]
    noise = np.random.default_rng(int(x)).normal(0, 2, frame.shape)
    return Pyramid(np.clip(frame + noise, 0, 255).astype(np.uint8)), alpha


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return np.minimum(one, other).sum() / np.maximum(one, other).sum()


def beside_person(matte: Matte) -> np.ndarray:
    """Return the alpha of a frame without the person's."""
    return np.where(PERSON.full() > 0, 0, matte.full())


def kept_at(x: float, y: float) -> tuple[KeptThings, Pyramid]:
    things = KeptThings()
    things.begin(still=False, live=True)
    view, _ = scene(x, y)
    assert things.toggle_at(view, PERSON, x / WIDTH, y / HEIGHT).startswith("kept")
    return things, view


def test_a_thing_is_followed_while_it_moves_and_turns() -> None:
    things, _ = kept_at(150, 80)
    for step in range(12):
        view, alpha = scene(150 + 7 * step, 80 + 4 * np.sin(step), 2.5 * step)
        matte = things(view, PERSON)
        seen = beside_person(matte)
        assert overlap(seen, alpha) > 0.85, step
        assert np.maximum(seen - alpha, 0).sum() < 0.1 * alpha.sum(), f"the room comes in at {step}"
    assert np.abs(matte.full() - PERSON.full())[60:150, 10:70].max() < 0.2, "the person stays as they were"
    assert matte.image.shape[:2] == matte.alpha.shape


def test_a_second_click_lets_it_go() -> None:
    things, view = kept_at(150, 80)
    assert things(view, PERSON) is not PERSON
    assert things.toggle_at(view, PERSON, 150 / WIDTH, 80 / HEIGHT) == "let go"
    assert things(view, PERSON) is PERSON, "nothing is done when nothing is kept"
    assert things.notice == ""


def test_what_is_no_thing_is_not_kept() -> None:
    things = KeptThings()
    view, _ = scene(150, 80)
    assert "this is the person" in things.toggle_at(view, PERSON, 40 / WIDTH, 110 / HEIGHT)
    assert "nothing stands out" in things.toggle_at(view, PERSON, 280 / WIDTH, 60 / HEIGHT)
    assert things.count == 0
    plain = Pyramid(np.full((HEIGHT, WIDTH, 3), 120, np.uint8))
    assert "nothing stands out" in things.toggle_at(plain, PERSON, 0.5, 0.5)


def test_a_lost_thing_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    things, _ = kept_at(150, 80)
    empty = Pyramid(ROOM)
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            matte = things(empty, PERSON)
    assert [record.getMessage() for record in caplog.records] == [LOST]
    assert things.notice == LOST
    assert things.count == 0
    assert matte is PERSON


def test_a_thing_never_grows_over_the_room() -> None:
    """It comes to lie on a shelf of its own colours, and keeps its size."""
    things, _ = kept_at(150, 80)
    _, exact = scene(150, 80)
    for step in range(14):
        view, alpha = scene(150, 80 + 5 * step)
        frame = view.image.copy()
        shelf = cv2.resize(SMALL, (WIDTH, 50), interpolation=cv2.INTER_NEAREST)
        frame[130:] = frame[130:] * alpha[130:, :, None] + shelf * (1 - alpha[130:, :, None])
        seen = beside_person(things(Pyramid(frame), PERSON))
        assert seen.sum() < 1.25 * exact.sum(), step


def test_a_frame_of_another_size_loses_it() -> None:
    things, view = kept_at(150, 80)
    larger = Pyramid(cv2.resize(view.image, (480, 270)))
    assert things(larger, replace(PERSON, size=(480, 270))).alpha is PERSON.alpha
    assert things.count == 0


def test_colours_of_a_person_and_an_empty_matte() -> None:
    things, view = kept_at(150, 80)
    coloured = replace(PERSON, foreground=np.full_like(PERSON.image, 200))
    matte = things(view, coloured)
    assert matte.foreground is not None
    assert matte.foreground.shape == matte.image.shape
    empty = replace(PERSON, alpha=np.zeros_like(PERSON.alpha))
    alone = things(view, empty)
    assert overlap(alone.full(), scene(150, 80)[1]) > 0.8


def test_clicks_and_actions_reach_the_segmentation() -> None:
    view, alpha = scene(150, 80)
    segmentation = MPSegmentation(background="navy")
    assert segmentation.on_mark(0.5, 0.5) is False, "before the first frame"
    segmentation(view.image)
    registry = Actions([ObjectChain([segmentation])])
    assert str(registry.perform("keep-at", f"{150 / WIDTH},{80 / HEIGHT}")).startswith("kept")
    out = segmentation(view.image)
    assert np.abs(out[alpha == 1].astype(int) - view.image[alpha == 1]).mean() < 10
    assert (out[20:40, 280:300] == (128, 0, 0)).all(), "navy"
    assert registry.perform("keep-at", f"{150 / WIDTH},{80 / HEIGHT}") == "let go"
    for wrong in ("", "here", "0.5", "2,0.5", "nan,0"):
        with pytest.raises(InputError):
            registry.perform("keep-at", wrong)
    for _ in range(2):  # it is there again, and lost
        segmentation.on_mark(150 / WIDTH, 80 / HEIGHT)
    segmentation.on_mark(150 / WIDTH, 80 / HEIGHT)
    for _ in range(12):
        segmentation(ROOM)
    assert registry.badges == [LOST]
