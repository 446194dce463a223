"""Kinds of real videos: timecodes, pixels that are not square, interlaced and changing pictures, tracks and durations.

What the results hold is read by ffprobe and ffmpeg of the system, not through the libraries that wrote them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import difference


@pytest.fixture(autouse=True)
def _needs_ffmpeg() -> None:
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def ffprobe(path: Path, *entries: str) -> dict[str, Any]:
    """Return what ffprobe reports: streams, and further sections by name."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", *entries, str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


PATTERN = ("-f", "lavfi", "-i")


@pytest.mark.parametrize(
    ("name", "rate", "timecode", "results"),
    [
        ("tape.dv", "25", "00:00:00:07", (".mov", ".mp4")),
        ("film.mov", "24", "01:02:03:04", (".mp4",)),
        ("film.mxf", "30000/1001", "01:00:00;10", (".mov",)),
    ],
)
def test_a_timecode_is_carried(run_main, tmp_path: Path, name: str, rate: str, timecode: str, results) -> None:
    source = tmp_path / name
    size = "720x576" if name.endswith("dv") else "64x64"
    ffmpeg(*PATTERN, f"testsrc=s={size}:r={rate}", "-frames:v", 3, "-pix_fmt", "yuv420p", "-timecode", timecode, source)
    for suffix in results:
        result = tmp_path / f"r{suffix}"
        outcome = run_main(source, "--no-segmentation", "--output", result)
        assert (outcome.code, outcome.err) == (0, "")
        video, *others = ffprobe(result)["streams"]
        assert (video["avg_frame_rate"], video["nb_frames"]) == (rate if "/" in rate else f"{rate}/1", "3")
        assert [(track["codec_tag_string"], track["tags"]["timecode"]) for track in others] == [("tmcd", timecode)]


def test_a_timecode_that_does_not_fit_is_said(run_main, tmp_path: Path) -> None:
    ffmpeg(*PATTERN, "testsrc=s=64x64:r=25", "-frames:v", 3, "-metadata", "timecode=01:00:00;02", tmp_path / "clip.mkv")
    outcome = run_main("clip.mkv", "--no-segmentation", "--output", "r.mov")
    said = "note: r.mov: not taken over: timecode 01:00:00;02, which does not fit the frame rate\n"
    assert (outcome.code, outcome.err) == (0, said)
    assert [track["codec_type"] for track in ffprobe(tmp_path / "r.mov")["streams"]] == ["video"]


CUT = """
import numpy as np
def cut(image):
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[:, :8] = 0
    return np.dstack([image, alpha])
"""


@pytest.mark.parametrize(
    ("size", "aspect", "square"), [("88x72", "12/11", (96, 72)), ("72x48", "8/9", (72, 54)), ("64x48", "1/1", (64, 48))]
)
def test_pixels_become_square_where_the_format_cannot_say_that_they_are_not(
    run_main, tmp_path: Path, size: str, aspect: str, square: tuple[int, int]
) -> None:
    shape = ("-vf", f"gblur=2,setsar={aspect}", "-pix_fmt", "yuv420p")
    ffmpeg(*PATTERN, f"testsrc=s={size}:r=25", "-frames:v", 2, *shape, "-qp", 0, tmp_path / "clip.mp4")
    (tmp_path / "cut.py").write_text(CUT)
    for name in ("r.webm", "r.gif", "r.mkv", "cut.webm", "f/%02d.png"):
        only = ("--no-segmentation", *(("--object", "cut.py:cut") if name == "cut.webm" else ()))
        assert (
            run_main(
                "clip.mp4", *only, "--output", name, *(("--crf", 4) if name.endswith(("webm", "mkv")) else ())
            ).code
            == 0
        )
        result = tmp_path / name.replace("%02d", "01")
        video = ffprobe(result)["streams"][0]
        kept = name == "r.mkv"
        expected = tuple(int(side) for side in size.split("x")) if kept else square
        assert (video["width"], video["height"]) == expected, name
        assert video.get("sample_aspect_ratio", "1:1") == (aspect.replace("/", ":") if kept else "1:1"), name
        if name != "r.gif":
            ours, theirs = (first_frame(path, *expected) for path in (result, tmp_path / "clip.mp4"))
            assert difference(ours[:, 16:], theirs[:, 16:]) < 4, name


def first_frame(path: Path, width: int, height: int) -> np.ndarray:
    """Return the brightness of the first frame of a video as ffmpeg scales it to a size, uint8 (H, W)."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1", "-vf", f"scale={width}:{height}"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "gray", "-"], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width)
