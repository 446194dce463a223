"""--quality best: the matte of a single picture, found in the picture's own pixels."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, difference
from test_segmentation import brightness_model

from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.matting.networks.segmenters import OnnxSegmenter
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

SKY, HAIR = np.array((110, 60, 40), np.float32), np.array((190, 215, 235), np.float32)


@pytest.fixture
def bright(tmp_path: Path) -> str:
    """A network that takes what is bright for the person."""
    return brightness_model(tmp_path / "bright.onnx", planar=True, uint8=False, channels=1, logits=False, free=False)


def head_of_hair() -> tuple[np.ndarray, np.ndarray]:
    """Return a bright disc with strands standing off it before a dark sky, and its true alpha."""
    height, width, middle, radius, fine = 900, 1200, (600, 470), 300, 4
    alpha = np.zeros((height, width), np.uint8)
    cv2.circle(alpha, middle, radius, 255, -1, cv2.LINE_AA)
    rng = np.random.default_rng(7)
    for angle in rng.uniform(0, 2 * np.pi, 260):
        way = np.array((np.cos(angle), np.sin(angle)))
        ends = [np.array(middle) + way * (radius + reach) for reach in (-6, rng.uniform(8, 30))]
        start, end = ((point * (1 << fine)).astype(int).tolist() for point in ends)
        cv2.line(alpha, start, end, 255, 1, cv2.LINE_AA, fine)
    truth = cv2.GaussianBlur(alpha, (0, 0), 0.7).astype(np.float32) / 255
    weight = truth[..., None]
    return (HAIR * weight + SKY * (1 - weight) + rng.normal(0, 1.5, (height, width, 3))).astype(np.uint8), truth


def test_best_finds_hair_and_its_own_colour(bright: str) -> None:
    """Strands are found, and neither they nor the edge keep the sky's colour: no dashed line around the head."""
    picture, truth = head_of_hair()
    edge = (cv2.dilate(truth, np.ones((9, 9))) > 0.02) & (cv2.erode(truth, np.ones((9, 9))) < 0.98)
    alpha_error, color_error = {}, {}
    light = (244, 244, 240)
    wanted = HAIR * truth[..., None] + np.array(light, np.float32) * (1 - truth[..., None])
    for quality in ("fast", "best"):
        segmentation = MPSegmentation(model=bright, quality=quality, bg_color=light)
        color_error[quality] = np.abs(segmentation(picture) - wanted)[edge].mean()
        alpha_error[quality] = np.abs(segmentation.last_alpha() - truth)[edge].mean()
    assert alpha_error["best"] < 0.4 * alpha_error["fast"], alpha_error
    assert color_error["best"] < 0.4 * color_error["fast"], color_error


def test_nothing_ends_at_the_border_of_a_crop(bright: str) -> None:
    """A table that the network is not sure of runs through the whole picture; the crop around the person does not."""
    picture = np.full((480, 900, 3), 20, np.uint8)
    picture[330:400] = 120
    picture[120:, 360:520] = 245
    steps = {}
    for quality in ("fast", "best"):
        table = MPSegmentation(model=bright, quality=quality).alpha(picture)[340:390]
        assert table[:, 440].min() > 0.95
        steps[quality] = np.abs(np.diff(table.mean(axis=0)))[:330].max()
    assert steps["fast"] > 0.3, "the crop must end in the table for this test to mean anything"
    assert steps["best"] < 0.02


@pytest.mark.slow
def test_best_is_nearer_to_the_truth_on_real_pictures(shared: Path) -> None:
    """The stills, and one frame of each clip: on average a quarter less error, on the stills a sixth and a third."""
    truths = {}
    for path in sorted((shared / "groundtruth" / "stills" / "input").iterdir()):
        truth = cv2.imread(str(path.parent.parent / "alpha" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        truths[path.stem] = cv2.imread(str(path)), truth
    for path in sorted((shared / "groundtruth").glob("*/input.mp4")):
        frame, truth = (cv2.VideoCapture(str(path.with_name(name))).read()[1] for name in ("input.mp4", "alpha.mkv"))
        truths[path.parent.name] = frame, truth[..., 0]
    errors = {
        quality: {
            name: np.abs(MPSegmentation(quality=quality).alpha(picture) - truth.astype(np.float32) / 255).mean()
            for name, (picture, truth) in truths.items()
        }
        for quality in ("fast", "best")
    }
    assert sum(errors["best"].values()) < 0.76 * sum(errors["fast"].values()), errors
    for name, share in (("ck2", 0.67), ("person_chroma", 0.85)):
        assert errors["best"][name] < share * errors["fast"][name], errors


def test_no_sky_is_left_along_the_crown(shared: Path) -> None:
    """Red hair before a blue sky, put before black: what is bluer than red there is the dashed light line."""
    picture = cv2.imread(str(shared / "media" / "people" / "portrait_lake.jpg"))
    blue = {}
    for quality in ("fast", "best"):
        segmentation = MPSegmentation(quality=quality, bg_color=(0, 0, 0))
        result = segmentation(picture).astype(int)
        crown = np.argmax(segmentation.last_alpha() > 0.5, axis=0)
        edge = np.concatenate([result[crown[x] - 8 : crown[x] + 9, x] for x in range(560, 800)])
        blue[quality] = np.clip(edge[:, 0] - edge[:, 2] - 6, 0, None).sum()
    assert blue["best"] < 0.1 * blue["fast"], blue


def test_an_image_gets_the_best_and_a_frame_by_hand_the_fast(tmp_path: Path, portrait: np.ndarray) -> None:
    best, fast = (MPSegmentation(background="#101018", quality=quality)(portrait) for quality in ("best", "fast"))
    assert difference(best, fast) > 0.3
    for quality, expected in ((None, best), ("fast", fast)):
        segmentation = MPSegmentation(background="#101018", quality=quality)
        engine = Engine(image_path=PORTRAIT, custom_objects=[segmentation], output_path=tmp_path / "out.png")
        assert (engine.process_image() == expected).all()
    assert (MPSegmentation(background="#101018")(portrait) == fast).all()
    stream = MPSegmentation(background="#101018")
    for still, expected in ((False, fast), (True, best)):
        stream.open(StreamInfo("picture", 512, 512, still=still))
        assert (stream(portrait) == expected).all()


def test_best_is_refused_for_a_camera() -> None:
    with pytest.raises(InputError, match="`quality` best takes too long for a camera"):
        MPSegmentation(quality="best").open(StreamInfo("camera", 512, 512, live=True))


def test_another_background_or_threshold_asks_no_network_again(
    portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmentation = MPSegmentation(background="#101018", quality="best")
    first = segmentation(portrait)
    alpha = segmentation.last_alpha()

    def refuse(*arguments: object) -> None:
        raise AssertionError("the network was asked again")

    monkeypatch.setattr(OnnxSegmenter, "__call__", refuse)
    segmentation.on_key("b")
    segmentation.on_key("b")  # none, then the blur
    assert difference(segmentation(portrait), first) > 5
    assert (segmentation.last_alpha() == alpha).all()
    for _ in range(6):
        segmentation.on_key("+")
    segmentation(portrait)
    assert segmentation.last_alpha().mean() < alpha.mean()
    with pytest.raises(AssertionError, match="asked again"):
        segmentation(cv2.flip(portrait, 1))


@pytest.mark.slow
def test_threshold_and_softness_mean_what_they_do_in_a_video(portrait: np.ndarray, bright: str) -> None:
    segmentation = MPSegmentation(quality="best")

    def alpha_with(**changed: float) -> np.ndarray:
        segmentation.look = replace(segmentation.look, **changed)
        return segmentation.alpha(portrait)

    kept = [alpha_with(threshold=t).mean() for t in (0.0, 0.3, 0.7, 1.0, 0.5)]
    kept.insert(2, kept.pop())
    for more, less in itertools.pairwise(kept):
        assert more > less
    soft = [alpha_with(edge_softness=s) for s in (0.0, 0.5, 1.0)]
    for harder, softer in itertools.pairwise(((alpha > 0.02) & (alpha < 0.98)).sum() for alpha in soft):
        assert harder < softer
    white, black = np.full((200, 300, 3), 255, np.uint8), np.zeros((200, 300, 3), np.uint8)
    for threshold in (0.0, 1.0):
        segmentation = MPSegmentation(model=bright, quality="best", threshold=threshold)
        assert segmentation.alpha(white).min() == 1
        assert segmentation.alpha(black).max() == 0


def test_a_cut_out_and_light_wrap_work_at_full_size(bright: str) -> None:
    picture, truth = head_of_hair()
    cut_out = MPSegmentation(model=bright, quality="best", background="transparent")(picture)
    assert np.abs(cut_out[..., 3] / 255 - truth).mean() < 0.01
    strands = (cut_out[..., 3] > 60) & (truth < 0.9)
    assert strands.sum() > 1000
    assert np.abs(cut_out[strands][:, :3] - HAIR).mean() < 0.4 * np.abs(picture[strands] - HAIR).mean()
    white = {
        wrap: MPSegmentation(model=bright, quality="best", bg_color=(255, 255, 255), light_wrap=wrap)(picture)
        for wrap in (0.0, 1.0)
    }
    assert white[1.0][470, 600 - 294].mean() > white[0.0][470, 600 - 294].mean() + 5
    assert (white[1.0][470, 600] == white[0.0][470, 600]).all()


@pytest.mark.slow
def test_twelve_megapixels_take_no_more_than_a_few_copies(portrait: np.ndarray) -> None:
    picture = cv2.resize(portrait, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    segmentation = MPSegmentation(background="#101018", quality="best")
    tracemalloc.start()
    try:
        segmentation(picture)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 11 * picture.nbytes, f"{peak / picture.nbytes:.1f} times the picture"
