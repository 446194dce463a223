"""What people know from meeting programs: auto-framing, low light, defocus, name plate, logo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import difference, done, probe

from effects.auto_frame import AutoFrame
from effects.defocus import Defocus
from effects.low_light import LowLight
from effects.plate import Logo, NamePlate
from engine import Engine
from files.formats import Encoding
from pipeline.errors import InputError
from selfieSegmentation import MPSegmentation


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
    means = []
    for moment in range(60):
        dark = cv2.convertScaleAbs(portrait, alpha=0.25 + 0.03 * rng.random())
        lift.at(moment / 30)
        means.append(lift(dark).mean())
    assert min(means) > 2 * portrait.mean() * 0.25
    assert np.abs(np.diff(means)).max() < 6
    # The light goes on: back to the frame as it is, within a few seconds, without a jump of the curve.
    for moment in range(60, 240):
        lift.at(moment / 30)
        out = lift(portrait)
    assert out is portrait


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
    for size in ((20, 30), (5, 5)):
        Logo(tmp_path / "logo.png")(NamePlate("x")(np.zeros((*size, 3), np.uint8)))
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(InputError, match="not a readable picture"):
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


@pytest.mark.parametrize(
    ("flags", "objects"),
    [
        (("--auto-frame",), lambda: [MPSegmentation(blur="medium"), AutoFrame()]),
        (("--low-light",), lambda: [LowLight(), MPSegmentation(blur="medium")]),
        (("--name", "Me"), lambda: [MPSegmentation(blur="medium"), NamePlate("Me")]),
        (("--defocus",), lambda: [MPSegmentation(background="none"), Defocus("medium")]),
    ],
)
def test_effects_by_a_flag(tmp_path: Path, run_main, portrait: np.ndarray, flags: tuple, objects: Callable) -> None:
    """The flag gives what the objects give, and something else than no flag."""
    room = np.full((600, 1000, 3), 60, np.uint8)
    room[300:, 650:950] = cv2.convertScaleAbs(cv2.resize(portrait, (300, 300)), alpha=0.25)  # dark, small, at the side
    cv2.imwrite(str(tmp_path / "room.png"), room)
    for name, more in (("with", flags), ("without", ())):
        outcome = run_main("--image", "room.png", "--output", f"{name}.png", *more)
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
