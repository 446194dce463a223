"""What people know from meeting programs: auto-framing, low light, defocus, name plate, logo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import difference, done, probe

from background_removal.cli.options import build_request, parse_options
from background_removal.effects.auto_frame import AutoFrame
from background_removal.effects.color_balance import ColorBalance
from background_removal.effects.defocus import Defocus
from background_removal.effects.effect import SwitchedEffect
from background_removal.effects.low_light import LowLight
from background_removal.effects.plate import Logo, NamePlate
from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.video.formats import Encoding
from background_removal.pipeline.frame import ColorDescription, Planes
from background_removal.pipeline.objects import ObjectChain
from background_removal.segmentation import MPSegmentation


@pytest.mark.slow
def test_auto_frame_follows_smoothly(portrait: np.ndarray) -> None:
    person = cv2.resize(portrait, (240, 240))
    segmentation, follows = MPSegmentation(background="none"), AutoFrame()
    follows.meet([segmentation, follows])
    middles = []
    ruler = np.repeat(np.linspace(0, 255, 854).astype(np.uint8)[None, :, None], 480, axis=0).repeat(3, axis=2)
    for moment in range(90):
        frame = np.full((480, 854, 3), 90, np.uint8)
        left = 60 if moment < 30 else 480
        frame[240:, left : left + 240] = person
        segmentation(frame)
        follows.at(moment / 30)
        out = follows(frame)
        assert out.shape == frame.shape
        # What the view does to a ruler tells where its middle is.
        middles.append(float(follows.moved(ruler)[240, 427].mean()) * 854 / 255)
    assert middles[29] == pytest.approx(284, abs=20)  # as far left as the zoomed view can go
    assert middles[-1] > 500
    steps = np.abs(np.diff(middles))
    assert steps.max() < 0.08 * 480, "no jump"


def test_auto_frame_shows_all_where_nobody_is() -> None:
    frame = np.full((240, 426, 3), 90, np.uint8)
    assert difference(AutoFrame()(frame), frame) < 1


def test_low_light_lifts_the_dark_only_and_does_not_flicker(portrait: np.ndarray) -> None:
    assert LowLight()(portrait) is portrait
    lift = LowLight()
    rng = np.random.default_rng(3)
    gains = []
    for moment in range(60):
        dark = cv2.convertScaleAbs(portrait, alpha=0.25 + 0.03 * rng.random())
        lift.at(moment / 30)
        gains.append(lift(dark).mean() / dark.mean())
    assert min(gains) > 2
    assert np.abs(np.diff(gains)).max() < 0.04 * max(gains), "of the 12 % by which the scene changes"
    # The light goes on: back to the frame as it is, within a few seconds, without a jump of the curve.
    for moment in range(60, 240):
        lift.at(moment / 30)
        out = lift(portrait)
    assert out is portrait


def test_low_light_makes_a_dark_coat_white(portrait: np.ndarray) -> None:
    dark = cv2.convertScaleAbs(portrait, alpha=0.3)
    dark[300:400, 100:400] = np.linspace(70, 90, 300).astype(np.uint8)[None, :, None]
    lifted = LowLight()(dark)
    assert lifted[350, 390].min() > 180
    steps = np.diff(lifted[350, 100:400, 0].astype(int))
    assert steps.min() >= 0
    assert lifted[350, 399, 0] > lifted[350, 100, 0] + 30, "its folds stay"


class Outline:
    """Stands in for the segmentation: what it says is where the people are."""

    def __init__(self, height: int = 135, width: int = 240) -> None:
        self.size = (height, width)
        self.alpha = np.zeros(self.size, np.float32)

    def show(self, *people: tuple[int, int, int]) -> None:
        """Show people by the middle, height and width of each, standing on the frame's lower edge."""
        self.alpha = np.zeros(self.size, np.float32)
        for middle, height, width in people:
            self.alpha[self.size[0] - height :, middle - width // 2 : middle + width // 2] = 1

    def last_alpha(self) -> np.ndarray:
        return self.alpha


def view_of(effect: AutoFrame, height: int = 135, width: int = 240) -> np.ndarray:
    """Return left, top, right, bottom of what an effect has cut the last frame to, in pixels of the frame."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = effect.moved(np.dstack([x, y, y]))[..., :2]
    return np.concatenate([moved[0, 0], moved[-1, -1]])


LEFT, RIGHT = (85, 80, 40), (190, 80, 40)


@pytest.mark.parametrize(
    ("before", "after", "sets_off"),
    [
        ((LEFT,), (LEFT, RIGHT), (0.1, 0.6)),  # who enters is to be seen soon
        ((LEFT, RIGHT), (LEFT,), (1.0, 2.5)),  # who leaves may be back
        ((LEFT,), (), (1.5, 4.0)),
    ],
)
def test_auto_frame_sets_off_gently_and_waits_before_it_goes_back(
    before: tuple, after: tuple, sets_off: tuple[float, float]
) -> None:
    outline, follows, frame = Outline(), AutoFrame(), np.zeros((135, 240, 3), np.uint8)
    follows.meet([outline, follows])
    views = []
    for moment in range(240):
        outline.show(*(before if moment < 30 else after))
        follows.at(moment / 30)
        follows(frame)
        views.append(view_of(follows))
    steps = np.diff(np.array(views), axis=0) / 240  # as shares of the picture's width
    moves = np.flatnonzero(np.abs(steps).max(axis=1) > 1e-4)
    assert sets_off[0] < (moves[0] - 29) / 30 < sets_off[1]
    assert np.abs(steps).max() < 0.012, "no faster than 15 pixels a frame of 1280"
    assert np.abs(np.diff(steps, axis=0)).max() < 0.0015, "no jerk, neither when it sets off nor when it arrives"
    assert np.abs(steps[-15:]).max() < 1e-4, "at rest in the end"
    assert np.abs(views[-1] - views[0]).max() > 8


def test_auto_frame_waits_for_who_is_gone_for_a_moment() -> None:
    outline, follows, frame = Outline(), AutoFrame(), np.zeros((135, 240, 3), np.uint8)
    follows.meet([outline, follows])
    views = []
    for moment in range(120):
        outline.show(*(() if 30 <= moment < 75 else (LEFT,)))
        follows.at(moment / 30)
        follows(frame)
        views.append(view_of(follows))
    assert np.ptp(np.array(views), axis=0).max() < 0.1


def test_auto_frame_shows_the_upper_body_of_who_fills_the_frame(portrait: np.ndarray) -> None:
    # The portrait's face on a body that reaches from the top of the frame to the bottom.
    frame = np.full((540, 960, 3), 90, np.uint8)
    frame[:270, 345:615] = cv2.resize(portrait, (270, 270))
    outline, follows = Outline(540, 960), AutoFrame()
    outline.show((480, 500, 220))
    follows.meet([outline, follows])
    assert follows(frame).shape == frame.shape
    left, top, right, bottom = view_of(follows, 540, 960)
    assert bottom - top < 0.75 * 540
    assert top < 60, "his head is in it"
    assert left < 370
    assert right > 590


def test_auto_frame_begins_at_the_person_when_a_phone_is_turned() -> None:
    outline, turned, follows = Outline(), Outline(240, 135), AutoFrame()
    for moment in range(2):
        outline.show(RIGHT)
        turned.show((40, 120, 30))
        follows.meet([(outline, turned)[moment], follows])
        follows.at(moment / 30)
        follows(np.zeros(((135, 240), (240, 135))[moment] + (3,), np.uint8))
    left, _, right, _ = view_of(follows, 240, 135)
    assert (left < 12, right > 68) == (True, True)


def test_auto_frame_by_its_key() -> None:
    outline, follows, frame = Outline(), AutoFrame(on=False), np.zeros((135, 240, 3), np.uint8)
    follows.meet([outline, follows])
    outline.show(LEFT)
    views = []
    for moment in range(300):
        if moment in (30, 180):
            assert follows.on_key("z") == f"auto-frame {'on' if moment == 30 else 'off'}"
        follows.at(moment / 30)
        result = follows(frame)
        views.append(view_of(follows))
    widths = np.array(views)[:, 2] - np.array(views)[:, 0]
    assert (widths[0], widths[30] > 235, widths[150] < 200) == (239, True, True)
    assert np.abs(np.diff(widths)).max() < 0.015 * 240
    assert result is frame, "in the end it is as it was"


def test_color_balance_takes_a_cast_away_and_leaves_the_rest_alone(portrait: np.ndarray) -> None:
    def color(image: np.ndarray) -> np.ndarray:
        return image.reshape(-1, 3).mean(axis=0) / image.mean()

    def after_a_while(image: np.ndarray) -> tuple[np.ndarray, float]:
        segmentation, balance = MPSegmentation(), ColorBalance()
        balance.meet([balance, segmentation])
        largest, before = 0.0, None
        for moment in range(45):
            balance.at(moment / 15)
            result = balance(image)
            if moment == 0:
                segmentation(image)
            if before is not None:
                largest = max(largest, difference(result, before))
            before = result
        return result, largest

    plain, step = after_a_while(portrait)
    assert np.abs(color(plain) - color(portrait)).max() < 0.06
    assert step < 1, "it comes slowly"
    for cast in ((0.8, 1, 1.12), (1.2, 1, 0.9)):
        tinted = np.clip(portrait * 0.8 * np.array(cast), 0, 255).astype(np.uint8)
        result, step = after_a_while(tinted)
        off = np.abs(color(tinted) - color(portrait)).max()
        assert np.abs(color(result) - color(portrait)).max() < 0.6 * off, cast
        assert abs(result.mean() / tinted.mean() - 1) < 0.05, "as bright as it was"
        assert step < 1


def test_color_balance_is_switched_on_before_the_first_frame(portrait: np.ndarray) -> None:
    segmentation, balance = MPSegmentation(), ColorBalance(on=False)
    balance.meet([balance, segmentation])
    balance.switch(True)
    for moment in range(3):
        balance.at(moment)
        segmentation(balance(portrait))


def test_effects_have_keys(tmp_path: Path, portrait: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "logo.png"), np.full((50, 100, 3), 255, np.uint8))
    effects = [LowLight(), ColorBalance(), AutoFrame(), Defocus(), NamePlate("Me"), Logo(tmp_path / "logo.png")]
    keys = [key for effect in effects for key in effect.action.keys]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set("adb[]-+=mpfsxrwh?cgq ")
    dark = cv2.convertScaleAbs(portrait, alpha=0.3)
    for effect, key in zip(effects, keys, strict=True):
        assert effect.on_key("7") is False
        assert effect.on_key(key.upper()) == f"{effect.name} off"
        effect(dark.copy())
        assert (effect(dark.copy()) == dark).all(), effect.name
        assert effect.on_key(key) == f"{effect.name} on"


def test_a_window_can_switch_on_what_was_not_asked_for() -> None:
    def names(*arguments: str) -> list[tuple[str, bool]]:
        request = build_request(parse_options(arguments))
        objects = request.recipe.build_objects(switchable=request.has_keys)
        return [(item.name, item.on) for item in objects if isinstance(item, SwitchedEffect)]

    assert names() == [("low-light", False), ("color-balance", False), ("auto-frame", False)]
    assert names("--low-light", "--name", "Me") == [
        ("low-light", True), ("color-balance", False), ("auto-frame", False), ("name", True),
    ]  # fmt: skip
    assert names("--no-show") == names("clip.mp4") == []
    assert names("clip.mp4", "--color-balance") == [("color-balance", True)]


def test_what_is_switched_off_leaves_planes_alone() -> None:
    grey = np.full((4, 6), 128, np.uint8)
    planes = Planes((grey, grey[:2, :3], grey[:2, :3]), ColorDescription(1, 1, 1, 1))
    for effect in (LowLight(on=False), ColorBalance(on=False), AutoFrame(on=False)):
        chain = ObjectChain([effect])
        assert chain.takes_planes
        assert chain.apply(planes) is planes
        effect.switch(True)
        assert isinstance(chain.apply(planes), np.ndarray)
    assert not ObjectChain([LowLight()]).takes_planes, "who reads the frames makes images of them"


def test_name_plate_and_logo(tmp_path: Path) -> None:
    frame = np.full((360, 640, 3), 128, np.uint8)
    named = NamePlate("Zoë Ångström")(frame.copy())
    assert difference(named[300:, :320], frame[300:, :320]) > 8
    assert difference(named[:290], frame[:290]) == 0
    logo = np.zeros((50, 100, 4), np.uint8)
    logo[:, :50] = (0, 0, 255, 255)
    cv2.imwrite(str(tmp_path / "logo.png"), logo)
    out = Logo(tmp_path / "logo.png")(frame.copy())
    changed = np.flatnonzero(np.abs(out.astype(int) - 128).sum(axis=(0, 2)))
    assert 530 < changed[0] < 545
    assert changed[-1] < 590, "the transparent half changes nothing"
    cv2.imwrite(str(tmp_path / "deep.png"), logo.astype(np.uint16) * 257)
    assert (Logo(tmp_path / "deep.png")(frame.copy()) == out).all(), "16 bits"
    for size in ((20, 30), (5, 5)):
        Logo(tmp_path / "logo.png")(NamePlate("x")(np.zeros((*size, 3), np.uint8)))
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(InputError, match="not a readable image"):
        Logo(tmp_path / "no.png")


def test_defocus_grows_with_the_distance(portrait: np.ndarray) -> None:
    frame = np.full((360, 640, 3), 90, np.uint8)
    frame[::8], frame[:, ::8] = 255, 255  # a grid, whose sharpness tells the blur
    frame[120:, 200:440] = cv2.resize(portrait, (240, 240))
    out = Defocus()(frame)
    sharp = cv2.Laplacian(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    far, near = np.abs(sharp[:60, :60]).mean(), np.abs(sharp[60:110, 290:350]).mean()
    before = np.abs(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.CV_32F))[:60, :60].mean()
    assert far < 0.1 * before
    assert near > far


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "objects"),
    [
        (("--auto-frame",), lambda: [MPSegmentation(blur="medium", quality="fast"), AutoFrame()]),
        (("--low-light",), lambda: [LowLight(), MPSegmentation(blur="medium", quality="fast")]),
        (("--name", "Me"), lambda: [MPSegmentation(blur="medium", quality="fast"), NamePlate("Me")]),
        (("--defocus",), lambda: [MPSegmentation(background="none", quality="fast"), Defocus("medium")]),
    ],
)
def test_effects_by_a_flag(tmp_path: Path, run_main, portrait: np.ndarray, flags: tuple, objects: Callable) -> None:
    """The flag gives what the objects give, and something else than no flag."""
    room = np.full((600, 1000, 3), 60, np.uint8)
    room[300:, 650:950] = cv2.convertScaleAbs(cv2.resize(portrait, (300, 300)), alpha=0.25)  # dark, small, at the side
    cv2.imwrite(str(tmp_path / "room.png"), room)
    for name, more in (("with", flags), ("without", ())):
        outcome = run_main("--image", "room.png", "--output", f"{name}.png", "--quality", "fast", *more)
        assert outcome.code == 0, outcome.err
    Engine(image_path=tmp_path / "room.png", output_path=tmp_path / "own.png", custom_objects=objects()).run()
    found, plain, own = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("with", "without", "own"))
    assert (found == own).all()
    assert (found != plain).any(axis=2).mean() > 0.005


def test_the_matte_moves_along_with_auto_frame(tmp_path: Path, run_main, portrait: np.ndarray) -> None:
    """The matte beside a result that was cut to the person must fit the result."""
    room = np.full((600, 1000, 3), 90, np.uint8)
    room[300:, 650:950] = cv2.resize(portrait, (300, 300))
    cv2.imwrite(str(tmp_path / "room.png"), room)
    arguments = ("--image", "room.png", "--output", "r.png", "--matte", "m.png", "--background", "#00ff00")
    assert run_main(*arguments, "--auto-frame").code == 0
    result, matte = cv2.imread(str(tmp_path / "r.png")), cv2.imread(str(tmp_path / "m.png"))[..., 0]
    shown = ~(np.abs(result.astype(int) - (0, 255, 0)).max(axis=2) < 60)
    person = matte > 127
    assert person.mean() > 0.15, "it was not cut to the person"
    assert (shown & person).sum() / (shown | person).sum() > 0.95
    (tmp_path / "wide.py").write_text("import numpy as np\ndef wide(image):\n    return np.hstack([image, image])\n")
    outcome = run_main(*arguments, "--object", "wide.py:wide")
    assert outcome.code == 1
    assert "the matte is 1000x600 and the result 2000x600" in outcome.err


@pytest.mark.slow
def test_effects_on_real_people(shared: Path, tmp_path: Path) -> None:
    source = shared / "media" / "people" / "thoughtful_360p.mp4"

    def further_away(image: np.ndarray) -> np.ndarray:
        """Put the picture into a larger one, blurred, for auto-framing to have something to do."""
        room = cv2.GaussianBlur(cv2.resize(image[:60], (960, 540)), (0, 0), 12)
        room[540 - 360 :, 80 : 80 + 640] = image
        return room

    results = {}
    for name, effect in (("plain", None), ("frame", AutoFrame()), ("name", NamePlate("Me")), ("far", Defocus())):
        engine = Engine(
            video_path=source,
            output_path=tmp_path / f"{name}.mp4",
            custom_objects=[further_away, MPSegmentation(background="none"), *([effect] if effect else [])],
            end_video_frame=20,
            break_on_end=True,
            encoding=Encoding(preset="ultrafast", crf=12),
        )
        results[name] = probe(done(engine), images=True).images
    assert {len(images) for images in results.values()} == {21}
    plain, framed, named, far = (results[name][-1] for name in ("plain", "frame", "name", "far"))
    alphas = [MPSegmentation().alpha(image) > 0.5 for image in (plain, framed)]
    assert alphas[1].mean() > alphas[0].mean(), "the person is larger in the picture"
    height = plain.shape[0]
    assert difference(named[: height * 3 // 4], plain[: height * 3 // 4]) < 2
    assert difference(named[height * 3 // 4 :, :120], plain[height * 3 // 4 :, :120]) > 5

    def detail(image: np.ndarray, where: np.ndarray) -> float:
        return float(np.abs(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F))[where].mean())

    inside = cv2.erode(alphas[0].astype(np.uint8), np.ones((9, 9))) > 0
    outside = cv2.dilate(alphas[0].astype(np.uint8), np.ones((41, 41))) == 0
    assert detail(far, inside) > 0.8 * detail(plain, inside)
    assert detail(far, outside) < 0.6 * detail(plain, outside)
