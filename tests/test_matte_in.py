"""`--matte-in`: a matte from elsewhere, and the rest as always."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Clip, Outcome, difference, make_clip, probe

from background_removal import InputError, InputNotFoundError, MPSegmentation
from background_removal.matting.networks import sessions


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a network is loaded")

    for name in ("load_session", "load_session_file"):
        monkeypatch.setattr(sessions, name, refuse)
    monkeypatch.setattr("background_removal.segmentation.load_matting", refuse)


def disc(width: int, height: int, x: float, radius: float = 30.0) -> np.ndarray:
    """Return a round matte with a soft edge around column x, uint8 (height, width)."""
    rows, columns = np.mgrid[:height, :width]
    return np.clip(255 * ((radius - np.hypot(columns - x, rows - height / 2)) / 6 + 0.5), 0, 255).astype(np.uint8)


def grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)


def test_a_matte_that_was_written_gives_the_same_result_again(
    tmp_path: Path, run_main: Callable[..., Outcome], portrait: np.ndarray
) -> None:
    source = tmp_path / "me.png"
    cv2.imwrite(str(source), portrait)
    common = [source, "--background", "transparent", "--output"]
    assert run_main(*common, tmp_path / "one.png", "--matte", tmp_path / "matte.png").code == 0
    assert run_main(*common, tmp_path / "two.png", "--matte-in", tmp_path / "matte.png").code == 0
    one, two = (cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in ("one.png", "two.png"))
    assert (one[..., 3] == two[..., 3]).all(), "the alpha to the bit"
    shown = cv2.absdiff(one, two)[..., :3] * (one[..., 3:] / 255)
    assert shown.mean() < 0.1
    assert np.percentile(shown, 99.5) <= 3, "the own colours at the edge, which are estimated again"
    # What was cut out is a matte, too.
    assert run_main(*common, tmp_path / "three.png", "--matte-in", tmp_path / "one.png").code == 0
    assert (cv2.imread(str(tmp_path / "three.png"), cv2.IMREAD_UNCHANGED)[..., 3] == one[..., 3]).all()


@pytest.mark.usefixtures("no_network")
def test_no_network_is_loaded_and_everything_else_is_done(tmp_path: Path, portrait: np.ndarray) -> None:
    path = tmp_path / "matte.png"
    cv2.imwrite(str(path), disc(512, 512, 256, 150))
    segmentation = MPSegmentation(background="#00ff00", matte_in=path, grow=3)
    result = segmentation(portrait)
    assert (result[0, 0] == (0, 255, 0)).all()
    assert (result[256, 256] == portrait[256, 256]).all()
    radius = np.sqrt(segmentation.last_alpha().sum() / np.pi)
    assert radius == pytest.approx(153, abs=0.7)
    blurred = MPSegmentation(blur="strong", matte_in=str(path))(portrait)
    assert (blurred[256, 256] == portrait[256, 256]).all()
    assert difference(blurred[:64], portrait[:64]) > 1
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), disc(256, 256, 128, 75))
    assert np.abs(MPSegmentation(matte_in=small).alpha(portrait) - disc(512, 512, 256, 150) / 255).mean() < 0.01


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("kind", ["video", "pictures", "pattern"])
def test_mattes_follow_the_frames_of_a_video(
    tmp_path: Path, clip: Callable[..., Clip], run_main: Callable[..., Outcome], kind: str
) -> None:
    source, places = clip(frames=8), [60 + 20 * number for number in range(8)]
    mattes = [grey(disc(320, 240, x)) for x in places]
    if kind == "video":
        given = make_clip(tmp_path / "matte.mp4", mattes).path
    else:
        given = tmp_path / "mattes"
        given.mkdir()
        for number, matte in enumerate(mattes):
            cv2.imwrite(str(given / f"m{number:03d}.png"), matte)
        given = given / "m%03d.png" if kind == "pattern" else given
    done = run_main(
        source.path, "--matte-in", given, "--background", "#ff0000", "--matte", "out_matte.mp4", "--start-frame", "2",
        "--output", "out.mp4",
    )  # fmt: skip
    assert done.code == 0, done.err
    written = [image[..., 0] for image in probe(tmp_path / "out_matte.mp4", images=True).images]
    assert len(written) == 8
    for number in range(2, 8):
        columns = np.flatnonzero(written[number][120] > 128)
        assert columns.mean() == pytest.approx(places[number], abs=2), "the third frame has the third matte"


@pytest.mark.usefixtures("no_network")
def test_a_matte_that_ends_early_leaves_what_is_done(
    tmp_path: Path, clip: Callable[..., Clip], run_main: Callable[..., Outcome]
) -> None:
    make_clip(tmp_path / "matte.mp4", [grey(disc(320, 240, 160))] * 5)
    done = run_main(clip(frames=8).path, "--matte-in", "matte.mp4", "--output", "out.mp4")
    assert done.code == 1
    assert done.err.count("--matte-in matte.mp4: has 5 frames; the video has more") == 1
    assert not (tmp_path / "out.mp4").exists()
    assert len(probe(tmp_path / "out.partial.mp4").times) == 5


@pytest.mark.usefixtures("no_network")
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, run_main: Callable[..., Outcome], portrait: np.ndarray
) -> None:
    source, wide = tmp_path / "me.png", tmp_path / "wide.png"
    cv2.imwrite(str(source), portrait[::4, ::4])
    cv2.imwrite(str(wide), disc(200, 100, 100))
    (tmp_path / "text.png").write_text("no picture")
    for arguments, message in (
        (["wide.png"], "--matte-in wide.png: is 200x100, another shape than the picture, 128x128"),
        (["nowhere.png"], "--matte-in nowhere.png: no such file or folder"),
        (["no/%03d.png"], "--matte-in no/%03d.png: there is no such picture"),
        (["text.png"], "--matte-in text.png: not a readable image"),
        (["wide.png", "--quality", "fast"], "--matte-in takes the place of the networks; leave out"),
        (["wide.png", "--output", "wide.png"], "wide.png: the output is the given matte"),
    ):
        refused = run_main("me.png", "--matte-in", *arguments)
        assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
        assert message in refused.err
    assert "goes with files" in run_main("--webcam", "0", "--matte-in", "wide.png").err
    assert "--matte-in goes with one image or video" in run_main("me.png", source, "--matte-in", "wide.png").err
    with pytest.raises(InputNotFoundError, match="`matte_in` nowhere"):
        MPSegmentation(matte_in="nowhere")
    with pytest.raises(InputError, match="`people` main"):
        MPSegmentation(matte_in=wide, people="main")
