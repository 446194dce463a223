"""Raw video through pipes, as Y4M, between the ffmpeg command and itself."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from conftest import ROOT, difference, probe

MAIN = (sys.executable, str(ROOT / "main.py"))
PLAIN = (*MAIN, "-", "--output", "-", "--no-segmentation")
# Bytes of a frame of 32x24 in 4:2:0, with its line.
FRAME = len(b"FRAME\n") + 32 * 24 * 3 // 2


def header(more: str = "F30000:1001 Ip A12:11 C420mpeg2 XCOLORRANGE=FULL") -> bytes:
    return f"YUV4MPEG2 W32 H24 {more}\n".encode()


def frames(count: int) -> list[bytes]:
    rng = np.random.default_rng(1)
    return [b"FRAME\n" + rng.integers(0, 256, FRAME - 6, np.uint8).tobytes() for _ in range(count)]


def run(*arguments: object, data: bytes, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*map(str, arguments)], input=data, capture_output=True, cwd=cwd, timeout=60)


def ffmpeg(*arguments: object, data: bytes = b"") -> bytes:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    command = ["ffmpeg", "-v", "error", *map(str, arguments), "-"]
    return subprocess.run(command, check=True, input=data, capture_output=True).stdout


def read_exactly(stream: IO[bytes] | None, size: int) -> bytes:
    assert stream is not None
    return stream.read(size)


def test_each_frame_goes_through_before_the_next_one_comes(tmp_path: Path) -> None:
    with subprocess.Popen(PLAIN, stdin=-1, stdout=-1, stderr=-1, cwd=tmp_path) as child:
        assert child.stdin is not None
        for number, frame in enumerate(frames(3)):
            expected = frame if number else header() + frame
            # The first bytes come alone, as a slow program may write them.
            for piece in (expected[:3], expected[3:]):
                child.stdin.write(piece)
                child.stdin.flush()
            assert read_exactly(child.stdout, len(expected)) == expected
        child.stdin.close()
        assert (read_exactly(child.stdout, -1), read_exactly(child.stderr, -1)) == (b"", b"")
    assert child.returncode == 0


def test_objects_change_frames_from_ffmpeg_to_ffmpeg(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        'import os\ndef invert(image):\n    print("called")\n    os.write(1, b"below")\n    return 255 - image\n'
    )
    source = ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=s=320x240:r=50", "-frames:v", 3, "-vf", "setsar=4/3,format=yuv422p"),
        *("-f", "yuv4mpegpipe"),
    )
    done = run(*PLAIN, "--object", "loud.py:invert", data=source, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"called" in done.stderr
    assert b"below" in done.stderr
    assert done.stdout.startswith(b"YUV4MPEG2 W320 H240 F50:1 Ip A4:3 C420jpeg XCOLORRANGE=LIMITED\nFRAME\n")
    to_images = ("-f", "yuv4mpegpipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "bgr24")
    before, after = (
        np.frombuffer(ffmpeg(*to_images, data=data), np.uint8).reshape(3, 240, 320, 3) for data in (source, done.stdout)
    )
    assert difference(after, 255 - before) < 4


@pytest.mark.parametrize(
    ("options", "fields"), [(("--interlaced", "keep"), "Ib"), pytest.param((), "Ip", marks=pytest.mark.slow)]
)
def test_fields_are_kept_or_made_whole_frames(tmp_path: Path, options, fields: str) -> None:
    data = b"".join([header("F25:1 Ib A1:1 C420paldv XCOLORRANGE=LIMITED"), *frames(3)])
    done = run(*PLAIN, *options, data=data, cwd=tmp_path)
    assert (done.returncode, len(done.stdout)) == (0, len(data))
    assert done.stdout.startswith(header(f"F25:1 {fields} A1:1 C420paldv XCOLORRANGE=LIMITED"))
    assert (done.stdout == data) == bool(options)
    assert done.stderr.count(b"\n") == (not options)


def test_a_reader_that_ends_early_ends_the_run_quietly(tmp_path: Path) -> None:
    read, write = os.pipe()
    with subprocess.Popen(PLAIN, stdin=-1, stdout=write, stderr=-1, cwd=tmp_path) as child:
        os.close(write)
        assert child.stdin is not None
        first, second = frames(2)
        child.stdin.write(header() + first)
        child.stdin.flush()
        assert os.read(read, 10) == b"YUV4MPEG2 "
        os.close(read)
        child.stdin.write(second)
        child.stdin.flush()
        assert child.wait(30) == 0
        assert read_exactly(child.stderr, -1) == b""


@pytest.fixture
def run_with_input(run_main, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the command line in this process, with `data` on standard input."""

    def run_main_with(data: bytes, *arguments: object):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
        return run_main("-", *arguments)

    return run_main_with


@pytest.mark.parametrize(
    ("data", "arguments", "complaint"),
    [
        (header(), ("--output", "r.mkv"), "no frame of it can be decoded"),
        (b"YUV4MPEG2 nonsense\n", ("--output", "r.mkv"), "not a readable Y4M"),
        (header() + frames(1)[0], ("--output", "-", "--background", "transparent"), "Y4M cannot store transparency"),
        (header() + frames(1)[0], ("--output", "-", "--codec", "h264"), "leave out --codec, --encoder and --crf"),
        (header() + frames(1)[0], ("--output", "r.mkv", "--jobs", "2"), "--jobs goes without standard input"),
    ],
)
def test_problems_are_one_line(run_with_input, tmp_path: Path, data: bytes, arguments, complaint: str) -> None:
    plain = () if "transparent" in arguments else ("--no-segmentation",)
    outcome = run_with_input(data, *plain, *arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome.err
    assert complaint in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("change", "count"), [(lambda data: data, 3), (lambda data: data[:-9], 2)])
def test_a_stream_becomes_a_file_and_says_if_it_breaks_off(run_with_input, tmp_path: Path, change, count: int) -> None:
    data = change(header() + b"".join(frames(3)))
    outcome = run_with_input(data, "--output", "r.mkv", "--no-segmentation")
    said = "" if count == 3 else "warning: -: the Y4M is damaged or breaks off; 2 of its frames could be read\n"
    assert (outcome.code, outcome.out, outcome.err) == (int(count < 3), "r.mkv\n", said)
    found = probe(tmp_path / "r.mkv")
    assert (found.width, found.height, len(found.times)) == (32, 24, count)


def test_anything_after_the_last_frame_is_reported(run_with_input) -> None:
    outcome = run_with_input(header() + b"".join([*frames(2), b"rest"]), "--frames", "--no-segmentation")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "breaks off; 2 of its frames" in outcome.err
