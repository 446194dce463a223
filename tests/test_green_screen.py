"""`--key`: a person before a green or blue screen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Outcome

from background_removal import InputError, MPSegmentation
from background_removal.compositing.backgrounds import SolidColor, Transparent
from background_removal.compositing.key_color import load_green_screen
from background_removal.compositing.key_controls import KeyControls
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.steps import MatteSteps
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import ColorDescription, Planes, to_image

GREEN = (70, 168, 52)
SKIN = (120, 150, 200)
WIDTH, HEIGHT = 320, 240


@dataclass(frozen=True)
class Scene:
    """A round person before an uneven screen that ends at the left, with a stand, noise and spill on the rim.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        alpha: The true alpha, float32 (H, W).
        matte: What a network could find: coarse, and a little too large.
    """

    image: np.ndarray
    alpha: np.ndarray
    matte: Matte


def disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip((radius - np.hypot(columns - x, rows - y)) / 3 + 0.5, 0, 1).astype(np.float32)


def make_scene(color: tuple[int, int, int] = GREEN, light: float = 1.0, spill: float = 0.08) -> Scene:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    falloff = light * (0.6 + 0.5 * columns / WIDTH) * (1 + 0.05 * np.sin(rows / 9))
    room = falloff[..., None] * np.array(color, np.float32)
    room[columns < 25 + rows / 12] = 125  # the wall beside the screen
    room[:, 290:295] = 40  # a stand
    alpha = np.maximum(disc(160, 110, 60), disc(160, 260, 80))
    person = np.empty_like(room)
    person[:] = SKIN
    person[rows < 80] = (25, 30, 35)
    rim = np.clip(2 - 2 * cv2.GaussianBlur(alpha, (0, 0), 2.5), 0, 1)
    person += spill * rim[..., None] * np.array(color, np.float32)
    noise = np.random.default_rng(1).normal(0, 2, room.shape)
    image = room * (1 - alpha[..., None]) + person * alpha[..., None] + noise
    large = np.maximum(disc(158, 112, 65), disc(160, 262, 84))
    coarse = cv2.resize(large, (80, 60), interpolation=cv2.INTER_AREA)
    picture = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
    whole = (0, 0, WIDTH, HEIGHT)
    return Scene(picture, alpha, Matte(coarse, whole, (WIDTH, HEIGHT), cv2.resize(picture, (80, 60))))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


def key(scene: Scene, name: str = "green", shadows: bool = False, still: bool = True) -> Matte:
    step = load_green_screen(name, shadows)
    step.begin(still, live=False)
    return step(Pyramid(scene.image), scene.matte)


def error(found: np.ndarray, scene: Scene) -> float:
    return float(np.abs(found - scene.alpha).mean()) * 1e3


@pytest.mark.parametrize(("name", "color"), [("green", GREEN), ("blue", (178, 82, 34)), ("#d02090", (150, 40, 200))])
def test_an_uneven_screen_is_keyed(name: str, color: tuple[int, int, int]) -> None:
    scene = make_scene(color)
    keyed = key(scene, name)
    assert error(keyed.full(), scene) < 3.5 < error(scene.matte.full(), scene)
    assert keyed.full()[scene.alpha == 1].min() > 0.85


def test_the_wall_beside_the_screen_and_a_stand_go(scene: Scene) -> None:
    alpha = key(scene).full()
    assert alpha[:, :60].max() == 0
    assert alpha[:150, 285:300].max() == 0


def test_green_clothes_well_inside_the_person_stay(scene: Scene) -> None:
    dressed = Scene(scene.image.copy(), scene.alpha, scene.matte)
    dressed.image[205:240, 135:185] = GREEN
    keyed = key(dressed)
    assert keyed.full()[210:240, 140:180].min() > 0.95
    result = Transparent().compose(Pyramid(dressed.image), keyed)
    assert np.abs(result[215:235, 145:175, :3].astype(int).mean(axis=(0, 1)) - GREEN).max() < 10, "and their colour"


def test_a_gap_that_the_network_does_not_see_goes(scene: Scene) -> None:
    assert scene.matte.full()[172:178, 156:164].min() > 0.5
    assert key(scene).full()[173:177, 158:162].max() < 0.1


def test_what_the_person_holds_stays(scene: Scene) -> None:
    holding = Scene(scene.image.copy(), scene.alpha, scene.matte)
    holding.image[100:112, 210:255] = (60, 60, 190)
    alpha = key(holding).full()
    assert alpha[102:110, 225:250].min() > 0.9
    assert alpha[95:118, 262:].max() < 0.05


def test_light_of_the_screen_is_removed_from_the_rim(scene: Scene) -> None:
    edge = (scene.alpha > 0.3) & (np.mgrid[:HEIGHT, :WIDTH][0] > 100)
    edge &= cv2.erode(scene.alpha, np.ones((11, 11))) < 1

    def green(image: np.ndarray) -> float:
        middle = image[edge].astype(float).mean(axis=0)
        return middle[1] - (middle[0] + middle[2]) / 2

    own = SKIN[1] - (SKIN[0] + SKIN[2]) / 2
    result = Transparent().compose(Pyramid(scene.image), key(scene))
    assert green(scene.image) - own > 10
    assert abs(green(result) - own) < 0.4 * (green(scene.image) - own)


def test_a_shadow_on_the_screen_goes_or_is_kept_on_demand(scene: Scene) -> None:
    dark = 1 - 0.4 * cv2.GaussianBlur(disc(245, 170, 30), (0, 0), 8)[..., None]
    shaded = Scene(np.rint(scene.image * dark).astype(np.uint8), scene.alpha, scene.matte)
    assert key(shaded).full()[150:190, 245:265].max() < 0.05
    view, kept = Pyramid(shaded.image), key(shaded, shadows=True)
    alpha = kept.full()
    assert 0.15 < alpha[170, 250] < 0.5
    assert alpha[20, 280] < 0.03
    white = to_image(SolidColor((255, 255, 255)).compose(view, kept))
    grey = white[170, 250].astype(int)
    assert 120 < grey.mean() < 225
    assert np.ptp(grey) < 12, "a shadow without the screen's colour"


def test_planes_give_what_the_image_gives(scene: Scene) -> None:
    color = ColorDescription(1, 1, 1, 1)
    grey = np.zeros((HEIGHT, WIDTH), np.uint8)
    whole = Planes((grey, grey, grey), color).bgr_to_yuv(scene.image)
    half = (WIDTH // 2, HEIGHT // 2)
    chroma = [cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in whole[1:]]
    planes = Planes((whole[0], chroma[0], chroma[1]), color)
    step = load_green_screen("green")
    step.begin(still=True, live=False)
    keyed = step(Pyramid(planes), scene.matte)
    assert np.abs(keyed.full() - key(scene).full()).mean() < 0.004
    behind = SolidColor((200, 60, 200))
    from_planes = to_image(behind.compose(Pyramid(planes), keyed))
    from_image = to_image(behind.compose(Pyramid(scene.image), key(scene)))
    assert cv2.absdiff(from_planes, from_image).mean() < 2.5


def test_auto_says_which_screen_it_found_or_that_there_is_none(
    scene: Scene, caplog: pytest.LogCaptureFixture, portrait: np.ndarray
) -> None:
    caplog.set_level(logging.INFO)
    step = load_green_screen("auto")
    step.begin(still=False, live=False)
    first = step(Pyramid(scene.image), scene.matte)
    assert error(first.full(), scene) < 3
    step(Pyramid(scene.image), Matte(scene.matte.alpha, scene.matte.box, scene.matte.size, scene.matte.image))
    assert [record.message for record in caplog.records] == ["`key` auto: a green screen was found"]
    caplog.clear()
    grass = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH, 1)) * np.array((10, 70, 30)) + (30, 90, 60)
    for picture in (cv2.resize(portrait, (WIDTH, HEIGHT)), grass.astype(np.uint8)):
        step.begin(still=True, live=False)
        assert step(Pyramid(picture), scene.matte) is scene.matte
    assert {record.message for record in caplog.records} == {
        "`key` auto: no screen was found; the network alone finds the person"
    }


def test_a_colour_that_is_nowhere_is_said_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match="`key` blue: no such colour in the picture"):
        key(scene, "blue")
    step = load_green_screen("blue")
    step.begin(still=False, live=False)
    view = Pyramid(scene.image)
    mattes = [Matte(scene.matte.alpha, scene.matte.box, scene.matte.size, scene.matte.image) for _ in range(2)]
    for n in range(49):
        assert step(view, mattes[n % 2]) is mattes[n % 2]
    assert not caplog.records, "a title may come first"
    assert step(view, mattes[1]) is mattes[1]
    assert "no such colour in the first 50 frames" in caplog.records[0].message
    step.begin(still=False, live=True)
    for n in range(60):
        assert step(view, mattes[n % 2]) is mattes[n % 2]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    step.end()
    assert len(caplog.records) == 2
    step.begin(still=False, live=False)
    assert step(view, mattes[0]) is mattes[0]
    step.end()
    assert "`key` blue: no such colour in the video" in caplog.records[2].message, "a video that ends before"


def test_an_action_changes_the_key_while_frames_go_by(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    steps = MatteSteps()
    controls = KeyControls(None, False, steps)
    (action,) = controls.actions
    assert (list(steps), controls.state) == ([], "off")
    assert action.perform("green") == "screen green"
    assert error(next(iter(steps))(Pyramid(scene.image), scene.matte).full(), scene) < 3.5
    with pytest.raises(InputError, match="grün"):
        action.perform("grün")
    assert (len(list(steps)), controls.state) == (1, "green"), "as it was"
    controls.open(True, "camera")
    action.perform("blue")
    assert next(iter(steps))(Pyramid(scene.image), scene.matte) is scene.matte
    assert "camera: `key` blue: no such colour" in caplog.text
    assert (action.perform("off"), list(steps)) == ("no screen", [])


def test_values_that_are_no_colour_of_a_screen_are_named() -> None:
    for value, message in (
        ("grün", "`key` grün: must be green, blue, auto, or a colour as #RRGGBB"),
        ("#808080", "`key` #808080: is too grey for the colour of a screen"),
        ("server-key.pem", "`key` server-key.pem: is .*the key of a certificate is --cert-key"),
    ):
        with pytest.raises(InputError, match=message):
            MPSegmentation(key=value)


def test_the_command_line_keys_a_photo(tmp_path: Path, run_main: Callable[..., Outcome], portrait: np.ndarray) -> None:
    person = MPSegmentation(background="#34a846", quality="fast")(portrait)
    source = tmp_path / "me.png"
    cv2.imwrite(str(source), person)
    refused = run_main(source, "--key", "blue", "--quality", "fast")
    assert (refused.code, "--key blue: no such colour" in refused.err) == (2, True), refused.err
    done = run_main(source, "--key", "green", "--quality", "fast", "--background", "transparent", "-o", "cut.png")
    assert done.code == 0, done.err
    cut = cv2.imread(str(tmp_path / "cut.png"), cv2.IMREAD_UNCHANGED)
    assert cut is not None
    assert cut.shape == (512, 512, 4)
    assert cut[:20, :20, 3].max() == 0
    assert cut[300, 256, 3] == 255


def test_the_key_comes_before_the_empty_room_whenever_it_is_switched_on() -> None:
    screen, plate = load_green_screen("green"), load_green_screen("blue")
    for names in (("screen", "plate"), ("plate", "screen")):
        steps = MatteSteps()
        for name in names:
            steps.put(name, {"screen": screen, "plate": plate}[name])
        assert list(steps) == [screen, plate]
