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
        assert (outcome.code, "not taken over" in outcome.err) == (0, False)
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
    names = ("r.webm", "r.gif", "r.mkv", "cut.webm", "f/%02d.png")
    for name in names if aspect != "1/1" else names[:1]:
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


def interlaced(path: Path, order: str, frames: int, *codec: object) -> Path:
    """Write a clip of moving bars in which each frame holds the fields of two moments."""
    bars = f"testsrc2=s=96x64:r=50,interlace=scan={order}:lowpass=off"
    ffmpeg(*PATTERN, bars, "-frames:v", frames, "-pix_fmt", "yuv420p", "-flags", "+ilme+ildct", *codec, path)
    return path


def field_flags(path: Path) -> list[tuple[str, int, int]]:
    """Return each frame's time, and whether it is interlaced, with the upper field first."""
    frames = ffprobe(path, "-show_frames", "-select_streams", "v")["frames"]
    return [(frame["pts_time"], frame["interlaced_frame"], frame["top_field_first"]) for frame in frames]


@pytest.mark.parametrize(
    ("name", "order", "frames", "codec"),
    [
        ("clip.mp4", "tff", 5, ("-c:v", "libx264", "-qp", 0)),
        ("clip.mkv", "bff", 4, ("-c:v", "mpeg2video", "-q:v", 1)),
        ("clip.mpg", "tff", 1, ("-c:v", "mpeg2video")),
    ],
)
def test_fields_are_made_whole_frames(run_main, tmp_path: Path, name: str, order: str, frames: int, codec) -> None:
    source = interlaced(tmp_path / name, order, frames, *codec)
    outcome = run_main(name, "--no-segmentation", "--output", "r.mkv", "--crf", 1)
    said = f"note: {name}: is interlaced; its fields are made whole frames (--interlaced keep leaves them)\n"
    assert (outcome.code, outcome.err) == (0, said)
    before, after = field_flags(source), field_flags(tmp_path / "r.mkv")
    assert [flag for _, flag, _ in before] == [1] * frames
    assert [flag for _, flag, _ in after] == [0] * frames
    start = float(before[0][0])
    for (was, *_), (at, *_) in zip(before, after, strict=True):
        assert abs(float(was) - start - float(at) + float(after[0][0])) < 0.002
    # FFmpeg's own filter, run by its own program.
    for number in range(frames):
        ours, theirs = (
            luma(path, number, filters) for path, filters in ((tmp_path / "r.mkv", "null"), (source, "bwdif=0"))
        )
        assert difference(ours, theirs) < 1.5, number


def luma(path: Path, number: int, filters: str) -> np.ndarray:
    """Return the brightness of one frame after FFmpeg's filters, uint8 (64, 96)."""
    pick = ("-vf", f"{filters},select=eq(n\\,{number})", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), *pick], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(64, 96)


@pytest.mark.parametrize(("order", "field"), [("tff", "tt"), ("bff", "bb")])
def test_fields_are_kept_and_said(run_main, tmp_path: Path, order: str, field: str) -> None:
    upper_first = ("-top", int(order == "tff"), "-x264-params", f"{order}=1")
    source = interlaced(tmp_path / "clip.mp4", order, 3, "-c:v", "libx264", "-qp", 0, *upper_first)
    outcome = run_main("clip.mp4", "--no-segmentation", "--interlaced", "keep", "--output", "r.mp4", "--crf", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert field_flags(tmp_path / "r.mp4") == field_flags(source)
    assert ffprobe(tmp_path / "r.mp4")["streams"][0]["field_order"] == field
    assert difference(luma(tmp_path / "r.mp4", 1, "null"), luma(source, 1, "null")) < 1.5
    outcome = run_main("clip.mp4", "--no-segmentation", "--interlaced", "keep", "--output", "r.webm")
    assert (outcome.code, "cannot say so here" in outcome.err) == (0, True)


@pytest.mark.parametrize(("source", "result"), [("in.mkv", "r.mkv"), ("in.mkv", "r.mp4"), ("in.mp4", "r.mkv")])
def test_tracks_keep_their_titles_and_the_default_one(run_main, tmp_path: Path, source: str, result: str) -> None:
    tones = [argument for _ in range(2) for argument in (*PATTERN, "sine=d=0.2")]
    titles = ("-metadata:s:a:0", "title=Desktop", "-metadata:s:a:1", "title=Mic/Aux", "-metadata:s:a:1", "language=deu")
    which = ("-map", 0, "-map", 1, "-map", 2, "-disposition:a:0", 0, "-disposition:a:1", "default")
    ffmpeg(*PATTERN, "testsrc=s=64x64:r=25:d=0.2", *tones, *which, *titles, "-c:a", "aac", tmp_path / source)
    assert run_main(source, "--no-segmentation", "--output", result).code == 0
    desktop, microphone = ffprobe(tmp_path / result)["streams"][1:]
    assert [track["disposition"]["default"] for track in (desktop, microphone)] == [0, 1]
    name = "handler_name" if result.endswith("mp4") else "title"
    assert [track["tags"][name] for track in (desktop, microphone)] == ["Desktop", "Mic/Aux"]
    assert microphone["tags"]["language"] == "deu"


def test_a_long_last_frame_stays_long(run_main, tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "navy", "white", "black")]
    pictures[0].save(tmp_path / "in.gif", save_all=True, append_images=pictures[1:], duration=[300] * 4 + [2500])
    for result in ("r.webp", "r.gif", "r.mp4", "r.mkv"):
        assert run_main("in.gif", "--no-segmentation", "--output", result).code == 0
        if result.endswith(("webp", "gif")):
            with Image.open(tmp_path / result) as animation:
                durations = []
                for number in range(animation.n_frames):
                    animation.seek(number)
                    animation.load()
                    durations.append(animation.info["duration"])
            assert durations == [300] * 4 + [2500], result
        else:
            assert float(ffprobe(tmp_path / result, "-show_format")["format"]["duration"]) == pytest.approx(3.7)


def test_pictures_that_change_their_size_are_fitted(run_main, tmp_path: Path) -> None:
    parts = []
    for number, size in enumerate(("96x64", "64x96", "48x32")):
        parts.append(tmp_path / f"{number}.ts")
        pattern = f"testsrc2=s={size}:r=25,gblur=1,setpts=PTS+{3 * number}/(25*TB)"
        ffmpeg(*PATTERN, pattern, "-frames:v", 3, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", 4, "-bf", 0,
               "-muxdelay", 0, parts[-1])  # fmt: skip
    (tmp_path / "clip.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    outcome = run_main("clip.ts", "--no-segmentation", "--output", "r.mkv", "--crf", 1)
    said = "note: clip.ts: its pictures turn or change their size; those of 64x96 are fitted into 96x64\n"
    assert (outcome.code, outcome.err) == (0, said)
    video = ffprobe(tmp_path / "r.mkv", "-count_frames")["streams"][0]
    assert (video["width"], video["height"], video["nb_read_frames"]) == (96, 64, "9")
    for number, filters in ((1, "null"), (4, "scale=43:64,pad=96:64:26:0"), (7, "scale=96:64")):
        ours, theirs = luma(tmp_path / "r.mkv", number, "null"), luma(parts[number // 3], 1, filters)
        assert difference(ours[:, 26:69], theirs[:, 26:69]) < 4, number
        assert (ours[:, :24].max() < 20) == (number == 4), number


def test_pixels_that_change_their_shape_alone_are_fitted(run_main, tmp_path: Path) -> None:
    parts = []
    for number, shape in enumerate(("1/1", "4/3", "3/4")):  # with frames that come later than they are shown
        parts.append(tmp_path / f"{number}.ts")
        pattern = f"testsrc2=s=96x64:r=25,gblur=1,setsar={shape}"
        ffmpeg(*PATTERN, pattern, "-frames:v", 6, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", 1, "-bf", 2,
               "-output_ts_offset", 1 + 6 * number / 25, parts[-1])  # fmt: skip
    (tmp_path / "clip.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    outcome = run_main("clip.ts", "--no-segmentation", "--output", "r.mkv", "--crf", 1)
    said = "note: clip.ts: the shape of its pixels changes; its pictures are fitted into the first one\n"
    assert (outcome.code, outcome.err) == (0, said)
    video = ffprobe(tmp_path / "r.mkv", "-count_frames")["streams"][0]
    assert (video["width"], video["height"], video["sample_aspect_ratio"]) == (96, 64, "1:1")
    assert video["nb_read_frames"] == "18"
    fits = ("null", "scale=96:48,pad=96:64:0:8", "scale=72:64,pad=96:64:12:0")
    for index in range(18):
        ours = luma(tmp_path / "r.mkv", index, "null")
        bars = ours[:6].max() < 20, ours[:, :10].max() < 20
        assert bars == ((False, False), (True, False), (False, True))[index // 6], index
        if index % 6 == 3:
            theirs = luma(parts[index // 6], 3, fits[index // 6])
            assert difference(ours[10:54, 14:82], theirs[10:54, 14:82]) < 4, index


@pytest.mark.slow
def test_parts_agree_on_the_size_of_a_video_that_changes_it(run_main, tmp_path: Path) -> None:
    for number, size in enumerate(("96x64", "64x96")):
        ffmpeg(*PATTERN, f"testsrc2=s={size}:r=25", "-frames:v", 60, "-pix_fmt", "yuv420p", "-c:v", "libx264",
               "-output_ts_offset", 1 + 60 * number / 25, tmp_path / f"{number}.ts")  # fmt: skip
    (tmp_path / "clip.ts").write_bytes(b"".join((tmp_path / f"{number}.ts").read_bytes() for number in range(2)))
    for name, jobs in (("one.mkv", 1), ("two.mkv", 2)):
        outcome = run_main("clip.ts", "--no-segmentation", "--jobs", jobs, "--output", name, "--crf", 1)
        assert (outcome.code, outcome.err.count("note:")) == (0, 1), outcome.err
        video = ffprobe(tmp_path / name, "-count_frames")["streams"][0]
        assert (video["width"], video["height"], video["nb_read_frames"]) == (96, 64, "120")
    for index in (30, 59, 60, 100):
        assert difference(luma(tmp_path / "one.mkv", index, "null"), luma(tmp_path / "two.mkv", index, "null")) < 1.5
