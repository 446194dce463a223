"""Real people, real files: runs where the folder ../shared is, and is skipped elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import SHARED, difference, probe

from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.video.formats import Encoding
from background_removal.files.video.video_source import VideoSource
from background_removal.segmentation import MPSegmentation

ULTRAFAST = Encoding(preset="ultrafast")
PEOPLE = sorted((SHARED / "media" / "people").glob("*")) or [Path("none")]
ODD = sorted((SHARED / "media" / "odd").glob("*")) or [Path("none")]
CLIPS = sorted(p.parent for p in (SHARED / "groundtruth").glob("*/input.mp4")) or [Path("none")]


@pytest.fixture(scope="session")
def referee(shared: Path):
    spec = importlib.util.spec_from_file_location("matte_metrics", shared / "tools" / "matte_metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("path", PEOPLE, ids=lambda p: p.name)
def test_people_go_through(shared: Path, tmp_path: Path, path: Path) -> None:
    if path.suffix == ".jpg":
        output = tmp_path / "result.png"
        Engine(image_path=path, output_path=output, custom_objects=[MPSegmentation(bg_color=(0, 255, 0))]).run()
        image, source = cv2.imread(str(output)), cv2.imread(str(path))
        assert image.shape == source.shape
        replaced = (image == (0, 255, 0)).all(axis=2).mean()
        assert 0.1 < replaced < 0.95
        return
    output = tmp_path / "result.mp4"
    engine = Engine(
        video_path=path,
        output_path=output,
        custom_objects=[MPSegmentation()],
        end_video_frame=39,
        break_on_end=True,
        encoding=ULTRAFAST,
    )
    engine.run()
    before, after = probe(path), probe(output, images=True)
    assert after.times == before.times[: len(after.times)]
    assert len(after.times) == min(40, len(before.times))
    assert len(after.sound) == len(before.sound)
    assert all(image.std() > 10 for image in after.images)


# What comes out of each odd file: frames, width, height, sound tracks.
EXPECTED = {
    "bbb_642x642_768kbps_30fps_vp9.webm": (90, 642, 642, 0),
    "bt709_full_range.mp4": (30, 1280, 720, 0),
    "chaplin.mp4": (241, 640, 360, 1),
    "flipping_a_pancake.mkv": (310, 426, 240, 1),
    "h264_10bits.mp4": (30, 200, 200, 0),
    "h265_video.mp4": (10, 128, 128, 0),
    "hdr10-av1.mp4": (127, 720, 1280, 1),
    "nasa_13013.mp4": (390, 480, 270, 2),
    "no_duration.webm": (74, 1280, 720, 1),
    "sample.avi": (96, 960, 400, 1),
    "sample.mp4": (30, 1080, 720, 1),
    "sample_android_slow_motion.mp4": (7, 1280, 720, 0),
    "sample_portrait.mp4": (30, 720, 1080, 1),
    "sample_rotate_and_reflect.mp4": (30, 720, 1080, 1),
    "sample_shorter_audio.mp4": (72, 320, 240, 1),
    "video_0.mov": (3, 568, 320, 0),
    "video_90.mov": (3, 320, 568, 0),
}


# What is long goes through once: what the blur could spoil, it would spoil in the others.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "look"),
    [
        pytest.param(path, look, id=f"{path.name}-{look}")
        for path in ODD
        for look in ("identity", "blur")
        if look == "identity" or EXPECTED.get(path.name, (0,))[0] <= 75
    ],
)
def test_odd_files_keep_every_frame_and_time(shared: Path, tmp_path: Path, path: Path, look: str) -> None:
    output = tmp_path / "result.mp4"
    custom_objects = [MPSegmentation()] if look == "blur" else [lambda image: image]
    Engine(video_path=path, output_path=output, encoding=ULTRAFAST, custom_objects=custom_objects).run()
    before, after = probe(path), probe(output)
    assert after.times == before.times
    assert (len(after.times), *after.size, len(after.sound)) == EXPECTED[path.name]
    # FFmpeg calls full range, which one of them has, yuvj420p.
    assert (after.codec, after.pix_fmt) in (("h264", "yuv420p"), ("h264", "yuvj420p"))
    if shutil.which("ffprobe"):
        command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""


@pytest.mark.slow
def test_the_seam_of_a_part_is_a_step_as_any_other(shared: Path) -> None:
    path = str(shared / "media" / "people" / "doctor_540p.mp4")
    segmentation = MPSegmentation()

    def alphas(begin: float, end: float) -> dict[float, np.ndarray]:
        """Return the alphas of the frames from `begin` to the first one at or after `end`, small, by their times."""
        found: dict[float, np.ndarray] = {}
        with VideoSource(path) as source:
            segmentation.open(source.info)
            for frame in source:
                if frame.seconds >= begin:
                    segmentation.at(frame.seconds)
                    alpha = segmentation.alpha(frame.image)
                    found[frame.seconds] = cv2.resize(alpha, (320, 180), interpolation=cv2.INTER_AREA)
                if frame.seconds >= end:
                    return found
        return found

    def step(before: np.ndarray, after: np.ndarray) -> float:
        return float(np.sqrt(np.square(after - before).mean()))

    whole = alphas(0, 6.5)
    times = list(whole)
    usual = np.median([step(whole[a], whole[b]) for a, b in pairwise(times)])
    for seam in (4.7, 6.3):
        seen_before = 4  # seconds, the run-up of background_removal.files.video.parts
        part = alphas(seam - seen_before, seam)
        at = max(part)
        before = times[times.index(at) - 1]
        assert step(whole[before], part[at]) < step(whole[before], whole[at]) + 0.2 * usual


@pytest.mark.slow
def test_damaged_files_fail_cleanly_or_yield_a_part(shared: Path, tmp_path: Path) -> None:
    outcomes = {}
    for path in sorted((shared / "media" / "broken").glob("*")):
        output = tmp_path / f"{path.stem}.mp4"
        try:
            Engine(video_path=path, output_path=output, encoding=ULTRAFAST).run()
            outcomes[path.name] = len(probe(output).times)
        except InputError as error:
            assert path.name in str(error)
            assert not output.exists()
            outcomes[path.name] = 0
    # What PyAV itself can decode of each on one thread.
    assert outcomes == {
        "chunk_out_of_range.mp4": 0,
        "corrupted.mp4": 49,
        "sample_malformed_free_box.mp4": 0,
        "sample_with_invalid_nalu.mp4": 29,
        "test_case_1185230.mp4": 0,
        "video_with_failing_audio.mp4": 280,
        "zero_empty_stsc.mp4": 0,
    }
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "corrupted.mp4", "sample_with_invalid_nalu.mp4", "video_with_failing_audio.mp4",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "bars"),
    [
        # The raw mask of the landscape network, only upsampled, scores 22.9, 7.1, 6.3 and 92 here.
        (None, {"MAD": 11.5, "Grad": 4.5, "dtSSD": 4.5, "IoU": 96.5}),
        ("rvm_mobilenetv3_ratio1.onnx", {"MAD": 10, "Grad": 4, "dtSSD": 3.3, "IoU": 97.5}),
    ],
)
def test_the_alphas_of_the_clips_hold_their_level(shared: Path, referee, model: str | None, bars: dict) -> None:
    scores = []
    for clip in CLIPS:
        count = None if model is None else 24  # of 60: it takes its time
        frames = probe(clip / "input.mp4", images=True).images[:count]
        segmentation = MPSegmentation(model=str(shared / "models" / model) if model else None)
        alphas = [segmentation.alpha(frame).astype(np.float64) for frame in frames]
        scores.append(
            referee.score(list(zip(alphas, referee.read_video(clip / "alpha.mkv"), strict=not count)), video=True)
        )
    mean = {name: np.mean([score[name] for score in scores]) for name in bars}
    assert mean["IoU"] >= bars.pop("IoU")
    for name, bar in bars.items():
        assert mean[name] <= bar, name


def test_the_stills_are_found(shared: Path, referee) -> None:
    for path in sorted((shared / "groundtruth" / "stills" / "input").glob("*")):
        alpha = MPSegmentation().alpha(cv2.imread(str(path))).astype(np.float64)
        truth = referee.read_matte(shared / "groundtruth" / "stills" / "alpha" / f"{path.stem}.png")
        assert referee.score([(alpha, truth)])["IoU"] > 85


def test_an_untouched_clip_keeps_its_picture(shared: Path, tmp_path: Path) -> None:
    path = shared / "media" / "people" / "thoughtful_360p.mp4"
    output = tmp_path / "result.mp4"
    Engine(video_path=path, output_path=output, end_video_frame=20, break_on_end=True).run()
    before, after = probe(path, images=True), probe(output, images=True)
    for a, b in zip(before.images, after.images, strict=False):
        assert difference(a, b) < 3
