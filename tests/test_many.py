"""Many files in one run, a watched folder, and one long file in several processes."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, difference, make_clip, probe, scene, wait_until

import batch
from engine import Engine
from errors import InputError, InputNotFoundError
from media.segments import decoding_times, plan_segments

VIDEOS = batch.VIDEO_SUFFIXES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips, one of them deeper, one broken, and things that are no videos."""
    place = tmp_path / "clips"
    (place / "deeper").mkdir(parents=True)
    for name in ("a.mp4", "b.mkv", "deeper/c.mp4"):
        make_clip(place / name, [scene(i) for i in range(5)])
    (place / "broken.mp4").write_bytes(b"not a video")
    (place / "notes.txt").write_text("no video")
    (place / ".hidden.mp4").write_bytes(b"")
    return place


def names(found: list[tuple[str, str]]) -> list[str]:
    return [Path(path).name for path, _ in found]


def test_files_patterns_and_folders_are_found(folder: Path) -> None:
    assert names(batch.find_files([str(folder)], VIDEOS, False)) == ["a.mp4", "b.mkv", "broken.mp4"]
    assert names(batch.find_files([str(folder)], VIDEOS, True)) == ["a.mp4", "b.mkv", "broken.mp4", "c.mp4"]
    assert names(batch.find_files([f"{folder}/*.mkv", str(folder / "a.mp4")], VIDEOS, False)) == ["b.mkv", "a.mp4"]
    assert names(batch.find_files([str(folder / "a.mp4")] * 2, VIDEOS, False)) == ["a.mp4"]
    assert names(batch.find_files([f"{folder}/**/c.*"], VIDEOS, False)) == ["c.mp4"]
    with pytest.raises(InputNotFoundError, match="no such file"):
        batch.find_files([f"{folder}/*.avi"], VIDEOS, False)
    (folder / "empty").mkdir()
    with pytest.raises(InputNotFoundError, match=r"folder without any .*\.mp4"):
        batch.find_files([str(folder / "empty")], VIDEOS, False)


def test_a_name_with_brackets_is_a_name(folder: Path) -> None:
    strange = (folder / "a.mp4").rename(folder / "clip [1].mp4")
    assert not batch.is_many([str(strange)])
    assert names(batch.find_files([str(strange)], VIDEOS, False)) == ["clip [1].mp4"]


def test_results_do_not_collide_and_are_not_taken_for_sources(folder: Path) -> None:
    shutil.copy(folder / "a.mp4", folder / "a_out.mp4")
    shutil.copy(folder / "a.mp4", folder / "a.avi")
    shutil.copy(folder / "a.mp4", folder / "way_out.mp4")
    found = batch.find_files([str(folder)], VIDEOS, False)
    assert names(found) == ["a.avi", "a.mp4", "b.mkv", "broken.mp4", "way_out.mp4"]
    jobs = batch.plan_jobs(found, "", lambda path: os.path.splitext(path)[0] + "_out.mp4")
    assert len({job.output for job in jobs}) == len(jobs)
    assert {Path(job.output).name for job in jobs[:2]} == {"a_out.mp4", "a_out_2.mp4"}


def test_no_result_replaces_a_source_or_another_result(tmp_path: Path, run_main) -> None:
    for place in "xyz":
        (tmp_path / place).mkdir()
        make_clip(tmp_path / place / "a.mp4", [scene(i) for i in range(3)])
    paths = [tmp_path / place / "a.mp4" for place in "xyz"]
    outcome = run_main("--video", *paths, "--output", tmp_path / "all", "--no-segmentation")
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["a_out.mp4", "a_out_2.mp4", "a_out_3.mp4"]
    shutil.copy(paths[0], tmp_path / "x" / "a_out.mp4")
    before = (tmp_path / "x" / "a_out.mp4").read_bytes()
    outcome = run_main("--video", paths[0], tmp_path / "x" / "a_out.mp4", "--no-segmentation")
    assert (outcome.code, "which is to be processed too" in outcome.err) == (2, True)
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    shutil.copy(PORTRAIT, tmp_path / "me_out.jpg")
    for arguments, complaint in (
        (("--background", tmp_path / "me_out.jpg"), "the output is the background"),
        (("--matte", tmp_path / "me_out.jpg"), "the output is the matte"),
    ):
        outcome = run_main("--image", tmp_path / "me.jpg", *arguments)
        assert (outcome.code, complaint in outcome.err) == (2, True), outcome.err
    assert (tmp_path / "x" / "a_out.mp4").read_bytes() == before
    assert (tmp_path / "me_out.jpg").read_bytes() == PORTRAIT.read_bytes()


def test_results_inside_the_source_are_not_sources(folder: Path, run_main) -> None:
    (folder / "broken.mp4").unlink()
    for _ in range(2):
        outcome = run_main("--video", folder, "--recursive", "--output", folder / "results", "--no-segmentation")
        assert outcome.code == 0, outcome.err
    assert len(list((folder / "results").rglob("*.mp4"))) == 3


def test_a_name_with_a_percent_sign_is_a_name(tmp_path: Path, run_main) -> None:
    for name in ("my%20day.mp4", "100%.mp4"):
        make_clip(tmp_path / name, [scene(i) for i in range(200)], gop=25)
        for jobs in (1, 2):
            outcome = run_main("--video", tmp_path / name, "--no-segmentation", "--jobs", jobs)
            assert outcome.code == 0, outcome.err


def test_one_file_with_resume(tmp_path: Path, run_main) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    arguments = ("--video", clip, "--output", tmp_path / "r.mp4", "--resume", "--no-segmentation")
    assert run_main(*arguments).out.strip() == str(tmp_path / "r.mp4")
    again = run_main(*arguments)
    assert (again.code, again.out) == (0, "")
    assert "is done" in again.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_what_ctrl_c_cut_short_is_not_taken_for_done(tmp_path: Path, start_main) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef slow(image):\n    time.sleep(0.05)\n    return image\n")
    for name in "ab":
        make_clip(tmp_path / f"{name}.mp4", [scene(i) for i in range(300)])
    arguments = ("a.mp4", "b.mp4", "--output", "all", "--no-segmentation", "--object", "slow.py:slow")
    process = start_main("--video", *arguments)
    wait_until(lambda: list((tmp_path / "all").glob(".a_out*")), "the work")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert list((tmp_path / "all").iterdir()) == []


def test_a_folder_of_videos_with_one_broken(folder: Path, tmp_path: Path, run_main) -> None:
    results = tmp_path / "results"
    arguments = ("--video", folder, "--recursive", "--output", results, "--no-segmentation")
    outcome = run_main(*arguments)
    assert outcome.code == 1
    assert sorted(str(p.relative_to(results)) for p in results.rglob("*.mp4")) == [
        "a_out.mp4", "b_out.mp4", os.path.join("deeper", "c_out.mp4"),
    ]  # fmt: skip
    assert outcome.out.splitlines() == [
        str(results / name) for name in ("a_out.mp4", "b_out.mp4", Path("deeper/c_out.mp4"))
    ]
    assert "1 of 4 files failed" in outcome.err.splitlines()[-1]
    assert "broken.mp4: not a readable video" in outcome.err.splitlines()[-1]
    for path in results.rglob("*.mp4"):
        assert len(probe(path).times) == 5
    # Once more, after one result is lost: only that one is made.
    (results / "b_out.mp4").unlink()
    times = {path: path.stat().st_mtime_ns for path in results.rglob("*.mp4")}
    again = run_main(*arguments, "--resume")
    assert again.out.splitlines() == [str(results / "b_out.mp4")]
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_many_images(tmp_path: Path, run_main) -> None:
    for number in range(3):
        shutil.copy(PORTRAIT, tmp_path / f"{number}.jpg")
    outcome = run_main("--image", tmp_path / "0.jpg", tmp_path / "1.jpg", tmp_path / "2.jpg", "--background", "#00ff00")
    assert outcome.code == 0, outcome.err
    for number in range(3):
        assert (
            difference(cv2.imread(str(tmp_path / f"{number}_out.jpg"))[5:9, 5:9], np.full((4, 4, 3), (0, 255, 0))) < 9
        )
    transparent = run_main("--image", tmp_path / "0.jpg", "--background", "transparent")
    assert transparent.out.strip() == str(tmp_path / "0_out.png")
    assert cv2.imread(str(tmp_path / "0_out.png"), cv2.IMREAD_UNCHANGED).shape[2] == 4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--matte", "m.mp4"), "--matte goes with one"),
        (("--output", "a.mp4"), "is a file; many results need a folder"),
        (("--jobs", "0"), "must be at least 1"),
        (("--jobs", "2", "--show"), "without --show"),
    ],
)
def test_what_does_not_go_with_many_files(folder: Path, run_main, arguments: tuple, complaint: str) -> None:
    outcome = run_main("--video", folder, *arguments, cwd=folder)
    assert outcome.code == 2
    assert complaint in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_a_watched_folder(tmp_path: Path, start_main) -> None:
    place, results = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    shutil.copy(PORTRAIT, place / "first.jpg")
    process = start_main("--watch", place, "--output", results, "--background", "#0000ff")
    wait_until((results / "first_out.jpg").exists, "the first result")
    # A file that grows is left alone until it is complete.
    data = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(5)]).path.read_bytes()
    with (place / "late.mp4").open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        assert process.poll() is None
        assert not (results / "late_out.mp4").exists()
        file.write(data[len(data) // 2 :])
    wait_until((results / "late_out.mp4").exists, "the second result")
    assert len(probe(results / "late_out.mp4").times) == 5
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130


def test_matte_beside_the_result(tmp_path: Path, run_main, portrait: np.ndarray) -> None:
    from selfieSegmentation import MPSegmentation

    expected = MPSegmentation().alpha(portrait) * 255
    clip = make_clip(tmp_path / "clip.mp4", [portrait] * 4).path
    outcome = run_main("--video", clip, "--matte", tmp_path / "matte.mp4")
    assert outcome.code == 0, outcome.err
    matte = probe(tmp_path / "matte.mp4", images=True)
    assert matte.times == probe(clip).times
    assert difference(matte.images[2][..., 1], expected) < 4
    for background in ("#000000", "none"):
        photo = run_main("--image", PORTRAIT, "--output", tmp_path / "p.png", "--matte", tmp_path / "m.png",
                         "--background", background)  # fmt: skip
        assert photo.code == 0, photo.err
        assert difference(cv2.imread(str(tmp_path / "m.png"))[..., 0], expected) < 4


def test_a_sequence_of_pictures(tmp_path: Path, run_main) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    nowhere = run_main("--video", clip, "--no-segmentation", "--output", tmp_path / "no" / "shots" / "p%03d.jpg")
    assert (nowhere.code, "does not exist" in nowhere.err) == (2, True)
    outcome = run_main("--video", clip, "--no-segmentation", "--output", f"{tmp_path / 'shots'}/")
    assert outcome.code == 0, outcome.err
    found = sorted((tmp_path / "shots").iterdir())
    assert [p.name for p in found] == [f"{n:06}.png" for n in range(1, 5)]
    assert difference(cv2.imread(str(found[2])), scene(2)) < 8
    refused = run_main("--video", clip, "--no-segmentation", "--output", tmp_path / "shots" / "p%03d.jpg")
    assert (refused.code, "not empty" in refused.err) == (2, True)
    assert sorted((tmp_path / "shots").iterdir()) == found


# -- one file, several processes -----------------------------------------------------------------------------------

UNEVEN = [Fraction(i * 40 + (i % 3) * 9, 1000) for i in range(200)]


@pytest.mark.parametrize(
    "timing",
    [
        {"rate": Fraction(25)},
        {"rate": Fraction(25), "times": UNEVEN, "time_base": Fraction(1, 1000)},
        {"rate": Fraction(30000, 1001), "times": [(i + 11) * Fraction(1001, 30000) for i in range(200)]},
    ],
    ids=["even", "uneven", "starts late"],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_jobs_give_the_same_frames_times_and_sound(tmp_path: Path, run_main, timing: dict, suffix: str) -> None:
    images = [scene(i, 160, 120) for i in range(200)]
    source = make_clip(tmp_path / f"clip{suffix}", images, sound="aac", gop=25, **timing).path
    assert len(plan_segments(str(source), 3)) == 3
    outputs = [tmp_path / f"jobs{suffix}", tmp_path / f"one{suffix}"]
    for output, jobs in zip(outputs, (3, 1), strict=True):
        outcome = run_main("--video", source, "--no-segmentation", "--output", output, "--jobs", jobs)
        assert outcome.code == 0, outcome.err
    parallel, single = (probe(output, images=True) for output in outputs)
    assert parallel.times == single.times == probe(source).times
    assert parallel.sound == single.sound
    for a, b in zip(parallel.images, single.images, strict=True):
        assert difference(a, b) < 6


@pytest.mark.parametrize("name", ["clip.ts", "clip.mpg"])
def test_jobs_with_files_without_an_index(tmp_path: Path, run_main, name: str) -> None:
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    source = make_clip(tmp_path / name, [scene(i) for i in range(200)], codec=codec, gop=25).path
    assert len(plan_segments(str(source), 3)) == 3
    for jobs in (3, 1):
        outcome = run_main("--video", source, "--no-segmentation", "--jobs", jobs, "--output", tmp_path / f"{jobs}.mp4")
        assert outcome.code == 0, outcome.err
    times = [probe(tmp_path / f"{jobs}.mp4").times for jobs in (3, 1)]
    assert times[0] == times[1]
    assert len(times[0]) == 200


def test_jobs_count_only_what_an_edit_list_shows(tmp_path: Path, run_main) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    whole = make_clip(tmp_path / "whole.mp4", [scene(i) for i in range(250)], gop=25).path
    source = tmp_path / "cut.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", "1.5", "-i", whole, "-c", "copy", source], check=True)
    shown = len(probe(source).times)
    segments = plan_segments(str(source), 3)
    assert len(segments) == 3
    assert sum(segment.frames for segment in segments) == shown
    assert [segment.first for segment in segments] == [0, *np.cumsum([s.frames for s in segments])[:-1]]
    outcome = run_main(
        "--video", source, "--no-segmentation", "--jobs", 3, "--end-frame", 170, "--break-on-end", "--quiet"
    )
    assert outcome.code == 0, outcome.err
    assert len(probe(tmp_path / "cut_out.mp4").times) == 171


@pytest.mark.parametrize(
    ("suffix", "arguments", "codec"),
    [
        (".mp4", ("--codec", "av1"), "av1"),
        (".mp4", ("--codec", "h265"), "hevc"),
        (".mkv", (), "h264"),
        (".webm", (), "vp9"),
        (".mov", ("--codec", "prores"), "prores"),
        (".mov", ("--background", "transparent"), "prores"),
    ],
)
def test_jobs_with_every_codec(tmp_path: Path, run_main, suffix: str, arguments: tuple, codec: str) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(120)], gop=25).path
    output = tmp_path / f"r{suffix}"
    segmentation = () if "transparent" in arguments else ("--no-segmentation",)
    outcome = run_main("--video", source, *segmentation, "--jobs", 2, "--output", output, *arguments)
    assert outcome.code == 0, outcome.err
    found = probe(output)
    assert found.codec.replace("libdav1d", "av1") == codec
    assert found.times == probe(source).times
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 25
        if codec == "hevc":
            assert stream.codec_context.codec_tag == "hvc1"


COUNTER = """
import numpy as np

class Smooth:
    '''Remembers: each picture is mixed with those before it.'''
    def __init__(self):
        self.past = None
    def __call__(self, image):
        now = image.astype(np.float32)
        self.past = now if self.past is None else 0.5 * self.past + 0.5 * now
        return self.past.astype(np.uint8)
"""


def test_objects_that_remember_leave_no_seam(tmp_path: Path, run_main) -> None:
    (tmp_path / "smooth.py").write_text(COUNTER)
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(200)], gop=25).path
    results = []
    for jobs in (1, 3):
        output = tmp_path / f"{jobs}.mp4"
        arguments = ("--no-segmentation", "--object", "smooth.py:Smooth", "--crf", 5, "--jobs", jobs)
        outcome = run_main("--video", source, "--output", output, *arguments)
        assert outcome.code == 0, outcome.err
        results.append(probe(output, images=True).images)
    errors = [difference(a, b) for a, b in zip(*results, strict=True)]
    assert max(errors) < 3


def test_jobs_end_with_the_range(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(200)], sound="aac", gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 4, "--end-frame", 119, "--break-on-end")
    assert outcome.code == 0, outcome.err
    found = probe(tmp_path / "clip_out.mp4")
    assert len(found.times) == 120
    assert found.sound[0][1] * 1024 / 44100 == pytest.approx(120 / 25, abs=0.06)


def test_an_error_in_one_process_is_told_and_leaves_nothing(tmp_path: Path, run_main) -> None:
    (tmp_path / "bad.py").write_text("def bad(image):\n    raise ValueError('no luck')\n")
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(200)], gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--object", "bad.py:bad", "--jobs", 2)
    assert outcome.code == 1
    assert "bad failed on frame" in outcome.err
    assert "no luck" in outcome.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["bad.py", "clip.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes(tmp_path: Path, start_main, number: int) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef slow(image):\n    time.sleep(0.05)\n    return image\n")
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(400)], gop=25).path
    process = start_main("--video", source, "--no-segmentation", "--object", "slow.py:slow", "--jobs", 2)

    def children() -> list[str]:
        done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
        return done.stdout.split()

    wait_until(lambda: len(children()) >= 2, "the processes")
    workers = children()
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    assert not (tmp_path / "clip_out.mp4").exists()
    wait_until(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in workers), "their end")


def test_a_video_that_cannot_be_cut_is_done_in_one_piece(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(30)]).path
    assert plan_segments(str(source), 4) == []
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 4)
    assert outcome.code == 0
    assert "one process does it" in outcome.err
    assert len(probe(tmp_path / "clip_out.mp4").times) == 30


def test_decoding_times_rise_and_are_never_late() -> None:
    # Two segments of an encoder with two frames of delay, in uneven time.
    pts = [0, 90, 30, 60, 100, 2000, 1500, 1600, 2400, 2100]
    dts = decoding_times(pts)
    assert all(a < b for a, b in itertools.pairwise(dts))
    assert all(d <= p for d, p in zip(dts, pts, strict=True))


def test_jobs_refuse_what_cannot_be_joined(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(200)], gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 2, "--output", tmp_path / "r.gif")
    assert (outcome.code, "joins .mp4" in outcome.err) == (2, True)
    with pytest.raises(InputError):
        Engine(video_path=source, output_path=tmp_path / "r.xyz").process_video()
