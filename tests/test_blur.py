"""The blur: what a user writes for it, and that it hides what is behind, in small pictures and in large ones."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from conftest import difference

from background_removal.cli.options import build_request, parse_options
from background_removal.compositing.background_blur import blur_background
from background_removal.compositing.backgrounds import Blur
from background_removal.compositing.blur import BlurStrength, KernelBlur, RelativeBlur, parse_blur
from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.segmentation import MPSegmentation

SIZES = ((640, 360), (1920, 1080), (5120, 2880))


class Room(NamedTuple):
    """A picture with a sign in it, where its strokes and the gaps between them are, and what is the person."""

    image: np.ndarray
    strokes: np.ndarray
    gaps: np.ndarray
    alpha: np.ndarray

    def contrast(self, image: np.ndarray, where: np.ndarray) -> float:
        """Return by how much the gaps are lighter than the strokes there, as a share of what it was."""
        now, before = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (image, self.image))
        gaps, strokes = self.gaps & where, self.strokes & where
        return (now[gaps].mean() - now[strokes].mean()) / (before[gaps].mean() - before[strokes].mean())


def room_with_a_sign(portrait: np.ndarray, width: int, height: int, signs: str) -> Room:
    """Return a person in a room with dark letters on white, 60 pixels high where the picture is 1080."""
    letter, stroke = height // 18, max(2, height // 108)
    image = np.full((height, width, 3), (190, 196, 202), np.uint8)
    cv2.rectangle(image, (width // 40, height // 12), (width - width // 40, height * 7 // 10), (240, 240, 240), -1)
    letters = np.zeros((height, width), np.uint8)
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, letter, stroke)
    rows = np.zeros(height, bool)
    for bottom in range(3 * letter, 12 * letter, 2 * letter):
        place = (width // 20, bottom)
        cv2.putText(letters, signs, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255,), stroke, cv2.LINE_AA)
        rows[bottom - letter : bottom] = True
    image = cv2.blendLinear(np.full_like(image, 25), image, *_weights(letters.astype(np.float32) / 255))
    shift = np.array([[height / 640, 0, width / 2], [0, height / 640, height / 5]], np.float32)
    alpha = cv2.warpAffine(MPSegmentation().alpha(portrait), shift, (width, height))
    image = cv2.blendLinear(cv2.warpAffine(portrait, shift, (width, height)), image, *_weights(alpha))
    beside = cv2.dilate(letters, np.ones((2 * stroke + 1, 2 * stroke + 1), np.uint8))
    return Room(image, letters > 200, (letters == 0) & (beside > 200) & rows[:, None], alpha)


def _weights(front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return front, 1 - front


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_sign_cannot_be_read(portrait: np.ndarray, width: int, height: int) -> None:
    [blurs] = build_request(parse_options(["photo.jpg"])).recipe.build_objects()
    room = room_with_a_sign(portrait, width, height, "ROOM 4217")
    away = room.alpha == 0
    assert room.contrast(blurs(room.image), away) < 0.08
    if height == 1080:
        assert room.contrast(MPSegmentation(blur=45)(room.image), away) > 0.16, "the letters are easily hidden"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_sign_beside_the_person_is_hidden_too(portrait: np.ndarray, width: int, height: int) -> None:
    room = room_with_a_sign(portrait, width, height, "NO ENTRY " * 6)
    distance = cv2.distanceTransform((room.alpha < 0.02).astype(np.uint8), cv2.DIST_L2, 5) * 1080 / height
    assert room.contrast(MPSegmentation(blur="medium")(room.image), (distance > 2) & (distance < 20)) < 0.13


def test_soft_edges_show_none_of_the_sharp_room_where_the_colours_are_known() -> None:
    room, person = np.zeros((256, 320, 3), np.uint8), np.full((256, 320, 3), 120, np.uint8)
    room[:, ::8] = room[:, 1::8] = 240
    alpha = np.zeros((256, 320), np.float32)
    alpha[60:, 100:220] = 0.5
    image = cv2.addWeighted(room, 0.5, person, 0.5, 0)
    image[alpha == 0] = room[alpha == 0]
    matte = Matte(alpha, (0, 0, 320, 256), (320, 256), image)
    plain, known = (Blur(parse_blur("medium")).compose(Pyramid(image), item)[150, 140:180].std()
                    for item in (matte, replace(matte, foreground=person)))  # fmt: skip
    assert known < 3 < plain


def test_the_blur_looks_the_same_at_every_size() -> None:
    picture = np.random.default_rng(4).integers(0, 256, (45, 80, 3), np.uint8)
    seen = []
    for width, height in SIZES:
        image = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
        nobody = Matte(np.zeros((9, 16), np.float32), (0, 0, 0, 0), (width, height), image)
        for percent in (1, 2, 4):
            blurred = blur_background(Pyramid(image), nobody, RelativeBlur(percent).sigmas(width, height))
            seen.append(cv2.resize(blurred, (640, 360), interpolation=cv2.INTER_AREA))
    for place, image in enumerate(seen):
        same, other = seen[place % 3], seen[(place + 1) % 3]
        assert difference(image, same) < 1.5 < 3 < difference(image, other)


@pytest.mark.parametrize("strength", ["light", "medium", "strong", "20%"])
@pytest.mark.parametrize(("left", "top"), [(700, 333), (0, 0), (1209, 591)])
def test_the_person_does_not_smear_into_a_strong_blur(strength: str, left: int, top: int) -> None:
    """However coarse the level on which it is done, and wherever the person stands in it."""
    image = np.full((1080, 1920, 3), 40, np.uint8)
    inside = np.s_[top + 30 : top + 460, left + 30 : left + 681]
    image[inside] = 255
    alpha = np.zeros((489, 711), np.float32)
    alpha[30:460, 30:681] = 1
    matte = Matte(alpha, (left, top, left + 711, top + 489), (1920, 1080), alpha)
    out = blur_background(Pyramid(image), matte, parse_blur(strength).sigmas(1920, 1080))
    out[inside] = 0
    assert out.max() <= 56


@pytest.mark.parametrize(
    ("written", "strength", "value"),
    [
        ("light", RelativeBlur(1), "light"), ("Medium", RelativeBlur(2), "medium"), ("4%", RelativeBlur(4), "strong"),
        ("2.5 %", RelativeBlur(2.5), "2.5%"), (45, KernelBlur(45, 45), 45), ("44", KernelBlur(45, 45), 45),
        ("1", KernelBlur(1, 1), 1), ("99999", KernelBlur(99999, 99999), 99999), ("100%", RelativeBlur(100), "100%"),
    ],
)  # fmt: skip
def test_strengths_as_people_write_them(
    portrait: np.ndarray, written: str | int, strength: BlurStrength, value: str | int
) -> None:
    segmentation = MPSegmentation(bg_blur_ratio=(3, 3), blur=written)
    assert parse_blur(written) == strength
    assert segmentation.look.blur == value
    assert parse_blur(value) == strength
    assert segmentation(portrait).shape == portrait.shape


@pytest.mark.parametrize(
    "written", ["", "much", "0", "-1", "4.5", "999999999", "9" * 5000, "0%", "101%", "nan%", "%", "1e9", True, None]
)
def test_what_is_no_strength_is_one_line(written: str) -> None:
    with pytest.raises(InputError, match=r"is no blur: use light, medium, strong, N% .*") as caught:
        parse_blur(written)
    assert len(str(caught.value)) < 160


def test_keys_step_through_the_scale(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(blur="medium")
    assert [segmentation.on_key("]") for _ in range(5)] == ["blur 3%", "blur strong", "blur 6%", "blur 8%", "blur 8%"]
    assert [segmentation.on_key("[") for _ in range(4)] == ["blur 6%", "blur strong", "blur 3%", "blur medium"]
    assert [segmentation.on_key("[") for _ in range(4)] == ["blur 1.5%", "blur light", "blur 0.5%", "blur 0.5%"]
    between = MPSegmentation(blur="2.5%")
    assert (between.on_key("]"), MPSegmentation(blur="2.5%").on_key("[")) == ("blur 3%", "blur medium")
    kernel = MPSegmentation(bg_blur_ratio=(35, 35))
    assert (kernel.on_key("]"), kernel.bg_blur_ratio) == ("blur 45", (45, 45))


def test_blur_wins_over_bg_blur_ratio_until_that_is_set(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(bg_blur_ratio=(3, 3), blur="strong")
    strong = segmentation(portrait)
    assert segmentation.bg_blur_ratio == (3, 3)
    assert (strong == MPSegmentation(blur="4%")(portrait)).all()
    segmentation.reset()
    segmentation.bg_blur_ratio = (5, 5)
    assert segmentation.look.blur == 5
    assert (segmentation(portrait) == MPSegmentation(bg_blur_ratio=(5, 5))(portrait)).all()
