"""The picture as a stage: the person elsewhere, their shadow, and what lies before them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from background_removal.cli.options import build_request, parse_options
from background_removal.compositing.anchor import Anchor
from background_removal.compositing.backgrounds import Blur, Picture, SolidColor, Transparent
from background_removal.compositing.blur import parse_blur
from background_removal.compositing.foreground import Foreground
from background_removal.compositing.place import Place, parse_place
from background_removal.compositing.stage import Stage
from background_removal.errors import InputError, InputNotFoundError
from background_removal.look import Look
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import ColorDescription, Planes, to_image
from background_removal.recipe import Recipe
from background_removal.segmentation import MPSegmentation

WIDTH, HEIGHT = 320, 240
GREEN = (0, 255, 0)
BT709 = ColorDescription(1, 1, 1, 1)


def figure(left: int = 130, right: int = 190, top: int = 60, bottom: int = HEIGHT) -> tuple[np.ndarray, Matte]:
    """Return a red person with a white stripe on grey, and their exact matte, in a box with odd sides."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[top:bottom, left:right] = (0, 0, 200)
    image[top:bottom, (left + right) // 2 : (left + right) // 2 + 2] = 255
    box = (left - 31, max(0, top - 21), right + 33, min(HEIGHT, bottom + 11))
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[top:bottom, left:right] = 1
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    return image, Matte(alpha[rows, columns].copy(), box, (WIDTH, HEIGHT), image[rows, columns].copy())


def stage(place: str = "", shadow: float = 0.0, foreground: np.ndarray | None = None) -> Stage:
    before = None if foreground is None else Foreground(foreground, "desk.png")
    return Stage(
        place, shadow, before, "desk.png" if foreground is not None else "", lambda path: Foreground(desk(), path)
    )


def desk(alpha: int = 255, height: int = 40) -> np.ndarray:
    """Return a blue desk, its upper half transparent."""
    picture = np.zeros((height, 100, 4), np.uint8)
    picture[height // 2 :] = (200, 0, 0, alpha)
    return picture


def planes_of(image: np.ndarray) -> Planes:
    empty = np.empty((0, 0), np.uint8)
    y, u, v = Planes((empty, empty, empty), BT709).bgr_to_yuv(image)
    half = (image.shape[1] // 2, image.shape[0] // 2)
    return Planes((y, *(cv2.resize(layer, half, interpolation=cv2.INTER_AREA) for layer in (u, v))), BT709)


def person_in(picture: np.ndarray) -> tuple[int, int, int, int]:
    """Return the bounds of what is not green."""
    x, y, width, height = cv2.boundingRect((np.abs(picture.astype(int) - GREEN).max(axis=2) > 60).astype(np.uint8))
    return x, y, x + width, y + height


# -- place -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("left", (50, 60, 110, 240)),
        ("right", (210, 60, 270, 240)),
        ("0.5,1,0.5", (145, 150, 175, 240)),
        ("0.5,1.5,2", (100, 0, 220, 240)),
        ("0.75,0.5,1", (210, 0, 270, 120)),
    ],
)
@pytest.mark.parametrize("kind", ["image", "planes"])
def test_the_person_stands_where_it_is_said(place: str, expected: tuple[int, ...], kind: str) -> None:
    image, matte = figure()
    view = Pyramid(planes_of(image) if kind == "planes" else image)
    picture, placed = stage(place).compose(SolidColor(GREEN), view, matte)
    assert isinstance(picture, Planes) == (kind == "planes"), "planes stay planes"
    assert np.abs(np.subtract(person_in(to_image(picture)), expected)).max() <= 2
    inside = cv2.boundingRect((placed.full() > 0.5).astype(np.uint8))
    got = (inside[0], inside[1], inside[0] + inside[2], inside[1] + inside[3])
    assert np.abs(np.subtract(got, expected)).max() <= 2, "the matte that later objects get is that of the result"


def test_alpha_and_colours_move_together() -> None:
    """At every size the person ends where their alpha does: no rim of the old background, and none of theirs lost."""
    image, matte = figure()
    for scale in (0.31, 0.5, 0.77, 1.0, 1.3, 2.1):
        cutout, _ = stage(f"0.5,1,{scale}").compose(Transparent(), Pyramid(image), matte)
        colors, alpha = cutout[..., :3].astype(int), cutout[..., 3]
        solid = alpha > 250
        assert (colors[solid][:, 2] > 150).mean() > 0.995, scale  # red or white; the old background is 90
        assert abs(solid.sum() / (60 * scale * min(180 * scale, HEIGHT)) - 1) < 0.1


def test_a_smaller_person_is_averaged_and_does_not_flicker() -> None:
    image, matte = figure()
    image[60:, 130:190] = 255
    image[60::2, 130:190] = 0  # lines that become grey at half the size, and moire without averaging
    picture, _ = stage("0.5,1,0.5").compose(SolidColor(GREEN), Pyramid(image), matte)
    inside = to_image(picture)[160:230, 150:170]
    assert inside.std() < 12
    assert abs(inside.mean() - 127) < 12


def test_the_person_moves_as_in_the_frame_and_is_not_centred_again() -> None:
    here = stage("left")
    background = SolidColor(GREEN)
    lefts = [
        person_in(to_image(here.compose(background, Pyramid(image), matte)[0]))[0]
        for image, matte in (figure(130, 190), figure(140, 200), figure(150, 210))
    ]
    assert np.diff(lefts).tolist() == [10, 10]
    here.begin()
    image, matte = figure(150, 210)
    assert person_in(to_image(here.compose(background, Pyramid(image), matte)[0]))[0] == lefts[0], "in another stream"


def test_an_empty_frame_decides_nothing() -> None:
    anchor = Anchor()
    image, matte = figure()
    anchor.update(replace(matte, alpha=np.zeros_like(matte.alpha)))
    anchor.update(matte)
    assert (anchor.x, anchor.y) == (0.5, 1.0)
    assert anchor.move(Place(0.5), (WIDTH, HEIGHT)) is None, "who stands there already is not moved"
    out, _ = stage("2,1,1").compose(SolidColor(GREEN), Pyramid(image), matte)
    assert (out == GREEN).all(), "out of sight"


def test_the_rooms_own_background_keeps_the_person_in_place() -> None:
    image, matte = figure()
    here, blur = stage("left", shadow=1.0), Blur(parse_blur("light"))
    assert (here.compose(blur, Pyramid(image), matte)[0] == blur.compose(Pyramid(image), matte)).all()
    for background in ("blur", "none"):
        with pytest.raises(InputError, match="`place` left: needs a new background"):
            MPSegmentation(background=background, place="left")
        with pytest.raises(InputError, match=r"`shadow` 0\.5: needs a new background"):
            MPSegmentation(background=background, shadow=0.5)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("up", "must be left, right, center, or X,Y,SCALE"), ("0.5,1", "must be left"), ("a,b,c", "must be left"),
        ("0.5,1,0.01", "SCALE must be between 0.1 and 4"), ("3,1,1", "X and Y must be between -1 and 2"),
        ("nan,1,1", "X and Y"), ("0,0,inf", "SCALE"),
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_named(text: str, error: str) -> None:
    with pytest.raises(InputError, match=f"`place` {text}: ") as caught:
        Look(place=text)
    assert error in str(caught.value)


def test_places_are_read_back_as_they_were() -> None:
    assert parse_place("") is parse_place("off") is None
    for text in ("left", "center", "right", "0.3,1,0.8", "-0.25,1.5,2"):
        assert Look(place=text).place == text
        assert Look.parse(Look(place=text, shadow=0.4, foreground="desk.png").to_dict()).place == text
    assert Look(place="0.30, 1.00, 1").place == "0.3,1,1"


def test_dragging_and_the_wheel_begin_where_the_person_is() -> None:
    image, matte = figure()
    here, background = stage(), SolidColor(GREEN)
    here.see(matte)
    assert here.drag(background, 0.1, -0.25)
    assert here.place == "0.6,0.75,1"
    moved = person_in(to_image(here.compose(background, Pyramid(image), matte)[0]))
    assert np.abs(np.subtract(moved, (162, 0, 222, 180))).max() <= 2
    assert here.resize(background, -3)
    assert parse_place(here.place).scale == pytest.approx(1.1**-3, abs=1e-4)
    assert here.origin(0.6, 0.75) == pytest.approx((0.5, 1.0), abs=0.01), "clicks are those on the frame"
    assert here.drag(Blur(parse_blur("light")), 0.1, 0) is False
    assert here.drag(None, 0.1, 0) is False


def test_actions_change_the_stage() -> None:
    here = stage()
    place, shadow, foreground = here.actions
    assert [place.perform() and here.place for _ in range(4)] == ["left", "right", "center", ""]
    place.perform("0.2,1,1.5")
    shadow.perform("0.5")
    foreground.perform("desk.png")
    assert (here.place, here.shadow, here.foreground) == ("0.2,1,1.5", 0.5, "desk.png")
    for action, argument in ((place, "nowhere"), (shadow, "2"), (shadow, "dark")):
        with pytest.raises(InputError):
            action.perform(argument)
    place.perform("off")
    foreground.perform("off")
    assert (here.place, here.foreground) == ("", "")


# -- shadow ----------------------------------------------------------------------------------------


def test_feet_cast_a_shadow_on_the_ground_and_a_cut_off_person_on_the_wall() -> None:
    white = SolidColor((255, 255, 255))
    image, matte = figure(top=40, bottom=200)
    standing, _ = stage(shadow=1.0).compose(white, Pyramid(image), matte)
    dark = 255 - standing.min(axis=2).astype(int)
    assert dark[201:206, 140:180].mean() > 60, "at the feet"
    assert dark[60:120, 192:230].mean() < 5, "and not beside the head"
    image, matte = figure(top=40)
    seated, _ = stage(shadow=1.0).compose(white, Pyramid(image), matte)
    dark = 255 - seated.min(axis=2).astype(int)
    assert dark[100:200, 192:197].mean() > 40, "on the wall beside them"
    assert dark[100:200, 123:128].mean() < dark[100:200, 192:197].mean() / 2, "light comes from the left"
    assert (seated[100:200, 135:150] == (0, 0, 200)).all(), "never on the person"
    assert (standing[:30] == 255).all()


def test_a_shadow_is_as_dark_as_asked_and_the_same_in_planes() -> None:
    image, matte = figure(top=40, bottom=200)
    results = {}
    for strength in (0.0, 0.5, 1.0):
        for name, picture in (("image", image), ("planes", planes_of(image))):
            out, _ = stage(shadow=strength).compose(SolidColor((200, 200, 200)), Pyramid(picture), matte)
            results[name, strength] = to_image(out)[203, 160].mean()
    for strength in (0.0, 0.5, 1.0):
        assert abs(results["image", strength] - results["planes", strength]) < 3
    assert results["image", 0.0] == 200
    assert results["image", 0.5] - results["image", 1.0] == pytest.approx(200 - results["image", 0.5], abs=3)


def test_a_cut_out_has_its_shadow_in_the_alpha() -> None:
    image, matte = figure(top=40, bottom=200)
    plain, _ = stage().compose(Transparent(), Pyramid(image), matte)
    out, _ = stage(shadow=1.0).compose(Transparent(), Pyramid(image), matte)
    person = plain[..., 3] == 255
    assert (out[person] == plain[person]).all()
    assert out[203, 160, 3] > 60
    assert (out[203, 160, :3] == 0).all(), "black, behind the person"
    assert (out[:20] == 0).all()


# -- foreground ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "planes", "cutout"])
@pytest.mark.parametrize("alpha", [255, 128])
def test_the_foreground_lies_before_the_person(kind: str, alpha: int) -> None:
    image, matte = figure()
    here = stage(foreground=desk(alpha))
    background = Transparent() if kind == "cutout" else SolidColor(GREEN)
    view = Pyramid(planes_of(image) if kind == "planes" else image)
    bare, _ = here.compose(background, view, matte)
    bare = to_image(bare).copy()
    covered = here.cover(here.compose(background, view, matte)[0], background)
    assert isinstance(covered, Planes) == (kind == "planes")
    result = to_image(covered).astype(int)
    # 100 by 40 is 320 by 128 here, of which the lower 64 rows are blue.
    assert (result[: HEIGHT - 70] == bare[: HEIGHT - 70]).all(), "above it nothing changes"
    share = alpha / 255
    for x in (20, 140):  # beside the person and before them
        expected = np.array([200, 0, 0]) * share + bare[HEIGHT - 20, x, :3] * (1 - share)
        if kind == "cutout" and x == 20:  # nothing is behind it
            expected = np.array([200, 0, 0])
            assert result[HEIGHT - 20, x, 3] == alpha
        assert np.abs(result[HEIGHT - 20, x, :3] - expected).max() <= 4, x


def test_a_foreground_stands_on_the_lower_edge_in_every_shape_of_picture() -> None:
    for size in ((200, 50), (50, 200), (33, 47)):
        picture = np.full((size[1], size[0], 3), 10, np.uint8)
        high = round(20 * size[0] / 100)
        Foreground(desk(), "desk.png").cover(picture)
        assert (picture[-high + 1 :] == (200, 0, 0)).all()
        assert (picture[: max(0, size[1] - 2 * high)] == 10).all()
    tall = np.zeros((90, 30, 4), np.uint8)
    tall[:30, :, 1] = 255  # cut off at the top
    tall[45:] = (200, 0, 0, 255)
    picture = np.full((40, 30, 3), 10, np.uint8)
    Foreground(tall, "").cover(picture)
    assert (picture == (200, 0, 0)).all()


def test_a_frame_that_is_left_as_it_is_gets_its_foreground_without_being_changed() -> None:
    segmentation = MPSegmentation(background="none", foreground=desk())
    image, _ = figure()
    before = image.copy()
    result = segmentation(image)
    assert (image == before).all()
    assert (result[-20:] == (200, 0, 0)).all()
    planes = planes_of(image)
    layers = [layer.copy() for layer in planes.layers]
    assert np.abs(to_image(segmentation.on_planes(planes))[-20:].astype(int) - (200, 0, 0)).max() <= 4
    assert all((one == other).all() for one, other in zip(layers, planes.layers, strict=True))


def test_a_foreground_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "desk.png")
    with pytest.raises(InputNotFoundError, match=r"`foreground` .*desk.png: no such file"):
        MPSegmentation(foreground=path)
    (tmp_path / "desk.png").write_text("no picture")
    with pytest.raises(InputError, match=r"`foreground` .*desk.png: not a readable image"):
        MPSegmentation(foreground=path)
    cv2.imwrite(path, np.full((20, 20, 3), 90, np.uint8))
    with pytest.raises(InputError, match=r"`foreground` .*: has no transparent part, so it would hide everything"):
        MPSegmentation(foreground=path)
    cv2.imwrite(path, np.zeros((20, 20, 4), np.uint8))
    with pytest.raises(InputError, match="transparent everywhere"):
        MPSegmentation(foreground=path)
    cv2.imwrite(path, desk())
    segmentation = MPSegmentation(background="navy", foreground=path)
    assert segmentation.look.foreground == path
    with pytest.raises(InputNotFoundError):
        segmentation.look = replace(segmentation.look, foreground="gone.png", place="left")
    assert segmentation.look.place == "", "nothing has changed"
    recipe = Recipe(look=Look(foreground=path))
    with pytest.raises(InputError, match="the output is the foreground"):
        recipe.check_results("me.jpg", path)


# -- together --------------------------------------------------------------------------------------


def test_without_settings_nothing_changes() -> None:
    image, matte = figure()
    background = Picture(np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8))
    here = stage()
    out, same = here.compose(background, Pyramid(image), matte)
    assert same is matte
    assert (here.cover(out, background) == background.compose(Pyramid(image), matte)).all()


def test_a_photo_from_the_command_line(tmp_path: Path, portrait: np.ndarray, run_main) -> None:
    cv2.imwrite(str(tmp_path / "desk.png"), desk())
    cv2.imwrite(str(tmp_path / "me.png"), cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA))
    said = run_main(
        "me.png", "--background", "#00ff00", "--place", "0.25,1,0.5", "--shadow", "0.5", "--foreground", "desk.png",
        "--quality", "fast", "-o", "out.png", "--matte", "matte.png",
    )  # fmt: skip
    assert said.code == 0, said.err
    out, matte = cv2.imread(str(tmp_path / "out.png")), cv2.imread(str(tmp_path / "matte.png"), cv2.IMREAD_GRAYSCALE)
    assert (out[-20:] == (200, 0, 0)).all()
    x, y, width, height = cv2.boundingRect((matte > 127).astype(np.uint8))
    assert abs(x + width / 2 - 64) < 6
    assert y + height == 256
    assert height < 135
    assert (out[:100, 160:] == (0, 255, 0)).all()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("me.jpg --place left", "--place needs a new --background"),
        ("me.jpg --shadow 0.5 -b none", "--shadow needs a new --background"),
        ("me.mp4 --place left -b navy --jobs 2", "--place goes without --cluster and --jobs"),
        ("me.jpg --foreground desk.png --defocus", "--foreground goes without --defocus"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: str, error: str) -> None:
    from background_removal.cli.checks import check

    with pytest.raises(InputError, match=error):
        check(build_request(parse_options(arguments.split())))
