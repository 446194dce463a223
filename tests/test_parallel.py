"""One long file in several processes, joined without a seam."""

from __future__ import annotations

import importlib.util
import itertools
import logging
import os
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import ROOT, difference, make_clip, probe, scene, wait_until

from background_removal.batch import perform, processes
from background_removal.batch.items import BatchItem
from background_removal.batch.tasks import PartTask, Setup
from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.video.parts import count_frames, decoding_times, plan_parts
from background_removal.look import Look
from background_removal.recipe import Recipe
from background_removal.support.cores import count_cores

UNEVEN = [Fraction(i * 40 + (i % 3) * 9, 1000) for i in range(200)]


@pytest.mark.slow
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
    assert len(plan_parts(str(source), 3)) == 3
    outputs = [tmp_path / f"jobs{suffix}", tmp_path / f"one{suffix}"]
    for output, jobs in zip(outputs, (3, 1), strict=True):
        outcome = run_main("--video", source, "--no-segmentation", "--output", output, "--jobs", jobs)
        assert outcome.code == 0, outcome.err
    parallel, single = (probe(output, images=True) for output in outputs)
    assert parallel.times == single.times == probe(source).times
    assert parallel.sound == single.sound
    for a, b in zip(parallel.images, single.images, strict=True):
        assert difference(a, b) < 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.ts", "clip.mpg"])
def test_jobs_with_files_without_an_index(tmp_path: Path, run_main, name: str) -> None:
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    source = make_clip(tmp_path / name, [scene(i, 160, 120) for i in range(200)], codec=codec, gop=25).path
    assert len(plan_parts(str(source), 3)) == 3
    for jobs in (3, 1):
        outcome = run_main("--video", source, "--no-segmentation", "--jobs", jobs, "--output", tmp_path / f"{jobs}.mp4")
        assert outcome.code == 0, outcome.err
    times = [probe(tmp_path / f"{jobs}.mp4").times for jobs in (3, 1)]
    assert times[0] == times[1]
    assert len(times[0]) == 200


@pytest.mark.slow
def test_jobs_count_only_what_an_edit_list_shows(tmp_path: Path, run_main) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    whole = make_clip(tmp_path / "whole.mp4", [scene(i, 160, 120) for i in range(250)], gop=25).path
    source = tmp_path / "cut.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", "1.5", "-i", whole, "-c", "copy", source], check=True)
    shown = len(probe(source).times)
    parts = plan_parts(str(source), 3)
    assert len(parts) == 3
    assert sum(part.frames for part in parts) == shown
    assert [part.first for part in parts] == [0, *np.cumsum([part.frames for part in parts])[:-1]]
    outcome = run_main(
        "--video", source, "--no-segmentation", "--jobs", 3, "--end-frame", 170, "--break-on-end", "--quiet"
    )
    assert outcome.code == 0, outcome.err
    assert len(probe(tmp_path / "cut_out.mp4").times) == 171


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "arguments", "codec"),
    [
        (".mp4", ("--codec", "av1"), "av1"),
        (".mp4", ("--codec", "h265"), "hevc"),
        (".mkv", (), "h264"),
        (".webm", (), "vp9"),
        (".mov", ("--codec", "prores"), "prores"),
        (".mov", ("--background", "transparent", "--effort", "low"), "prores"),
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_jobs_share_the_cores(tmp_path: Path, run_main) -> None:
    (tmp_path / "telling.py").write_text(
        "import os, pathlib, cv2\nfrom background_removal.support.cores import core_limit\n\n"
        "def tell(image):\n"
        f"    file = pathlib.Path({str(tmp_path)!r}, str(os.getpid()) + '.txt')\n"
        "    file.write_text(f'{cv2.getNumThreads()} {core_limit()}')\n"
        "    return image\n"
    )
    before = cv2.getNumThreads()
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(120)], gop=25).path
    told = ("--no-segmentation", "--object", f"{tmp_path / 'telling.py'}:tell", "--jobs", 2)
    assert run_main("--video", source, *told).code == 0
    share = max(1, count_cores() // 2)
    assert [file.read_text() for file in tmp_path.glob("*.txt")] == [f"{share} {share}"] * 2
    assert cv2.getNumThreads() == before  # here they are not


@pytest.mark.slow
def test_jobs_end_with_the_range(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(200)], sound="aac", gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 4, "--end-frame", 119, "--break-on-end")
    assert outcome.code == 0, outcome.err
    found = probe(tmp_path / "clip_out.mp4")
    assert len(found.times) == 120
    assert found.sound[0][1] * 1024 / 44100 == pytest.approx(120 / 25, abs=0.06)


def test_what_guidance_finds_out_is_said_once_for_all_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = [scene(i, 160, 120) for i in range(48)]
    source = make_clip(tmp_path / "clip.mp4", images, rate=Fraction(10), gop=10).path
    parts = plan_parts(str(source), 2)
    recipe = Recipe(Look("navy", key="auto"))
    task = PartTask(BatchItem(str(source), str(tmp_path / "out.mp4")), parts[1], str(tmp_path / "1.mp4"))
    with caplog.at_level(logging.INFO):
        notes = perform.process_part(Setup(recipe, 1), task).notes
    assert [note for note in notes if "no screen was found" in note], "the parent says it, once for all"
    assert "no screen was found" not in caplog.text
    for name in perform._GUIDANCE:
        assert importlib.util.find_spec(name) is not None, f"{name} was renamed"


@pytest.mark.slow
def test_an_error_in_one_process_is_told_and_leaves_nothing(tmp_path: Path, run_main) -> None:
    (tmp_path / "bad.py").write_text("def bad(image):\n    raise ValueError('no luck')\n")
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(200)], gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--object", "bad.py:bad", "--jobs", 2)
    assert outcome.code == 1
    assert "bad failed on frame" in outcome.err
    assert "no luck" in outcome.err
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["bad.py", "clip.mp4"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes(tmp_path: Path, start_main, number: int) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef slow(image):\n    time.sleep(0.05)\n    return image\n")
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(400)], gop=25).path
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


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux tells which process is which")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_from_outside_is_an_error_at_once(tmp_path: Path, start_main, number: int) -> None:
    """The others still have 20 s of work to do, and tell of every frame of it."""
    slow = "import time\ndef slow(image):\n    time.sleep(0.1)\n    open('began', 'a').write('.')\n    return image\n"
    (tmp_path / "slow.py").write_text(slow)
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 64, 48) for i in range(400)], gop=25).path
    process = start_main("--video", source, "--no-segmentation", "--object", "slow.py:slow", "--jobs", 2)
    began = tmp_path / "began"
    wait_until(lambda: began.exists() and began.stat().st_size > 4, "the processes")
    children = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True)
    os.kill(int(children.stdout.split()[0]), number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "of 2 ended early" in err
    assert "nothing was written" in err
    assert not (tmp_path / "clip_out.mp4").exists()
    assert began.stat().st_size < 150, "it was noticed only when the other process had done its part"


def test_parts_that_are_not_whole_are_not_joined(tmp_path: Path, run_main, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process says that it wrote must be there: here the files have a frame less."""
    monkeypatch.setattr(processes, "count_frames", lambda path: count_frames(path) - 1)
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 64, 48) for i in range(200)], gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 2)
    assert (outcome.code, "wrote 99 of 100 frames" in outcome.err) == (1, True), outcome.err
    assert not (tmp_path / "clip_out.mp4").exists()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory was held")
def test_planning_holds_no_payload(tmp_path: Path) -> None:
    """100 MB of packets pass through, and are not kept."""
    with av.open(str(tmp_path / "large.mkv"), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        frame = av.VideoFrame(640, 480, "yuv420p")
        for index in range(220):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
    assert (tmp_path / "large.mkv").stat().st_size > 100e6
    program = """
from pathlib import Path
from background_removal.files.video.parts import plan_parts
peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
before = peak()
print(len(plan_parts("large.mkv", 3)), peak() - before)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    parts, grown = done.stdout.split()
    assert parts == "3"
    assert float(grown) < 40, f"{grown} MiB"


def test_a_video_that_cannot_be_cut_is_done_in_one_piece(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(30)]).path
    assert plan_parts(str(source), 4) == []
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 4)
    assert outcome.code == 0
    assert "one process does it" in outcome.err
    assert len(probe(tmp_path / "clip_out.mp4").times) == 30


def test_decoding_times_rise_and_are_never_late() -> None:
    # Two parts of an encoder with two frames of delay, in uneven time.
    pts = [0, 90, 30, 60, 100, 2000, 1500, 1600, 2400, 2100]
    dts = decoding_times(pts)
    assert all(a < b for a, b in itertools.pairwise(dts))
    assert all(d <= p for d, p in zip(dts, pts, strict=True))


@pytest.mark.slow
def test_jobs_refuse_what_cannot_be_joined(tmp_path: Path, run_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(200)], gop=25).path
    outcome = run_main("--video", source, "--no-segmentation", "--jobs", 2, "--output", tmp_path / "r.gif")
    assert (outcome.code, "joins .mp4" in outcome.err) == (2, True)
    with pytest.raises(InputError):
        Engine(video_path=source, output_path=tmp_path / "r.xyz").process_video()
