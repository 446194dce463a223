"""Raw video through pipes, as Y4M, between the ffmpeg command and itself."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from conftest import ROOT, difference, probe
from PIL import Image

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


def ffmpeg(*arguments: object, data: bytes = b"", output: Path | str = "-") -> bytes:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    command = ["ffmpeg", "-v", "error", *map(str, arguments), str(output)]
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


@pytest.mark.parametrize(
    ("pix_fmt", "kind"),
    [("yuv422p10le", "422p10"), ("gray", ""), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in
     (("yuv444p", "444"), ("yuv420p12le", "420p12"), ("yuv411p", "411"), ("gray10le", "mono10"), ("yuv422p", "422")))],
)  # fmt: skip
def test_other_kinds_of_y4m_become_420_of_8_bits(tmp_path: Path, pix_fmt: str, kind: str) -> None:
    pattern = ("-f", "lavfi", "-i", "testsrc2=s=34x26:r=25,gblur=4", "-frames:v", 2)
    source = ffmpeg(*pattern, "-pix_fmt", pix_fmt, "-strict", -1, "-f", "yuv4mpegpipe")
    done = run(*PLAIN, data=source, cwd=tmp_path)
    said = f"note: -: the frames that come are {kind}; those that go are 420jpeg, of 8 bits\n" if kind else ""
    assert (done.returncode, done.stderr.decode()) == (0, said)
    assert b" C420jpeg " in done.stdout[:80]
    to_images = ("-f", "yuv4mpegpipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "bgr24")
    before, after = (np.frombuffer(ffmpeg(*to_images, data=data), np.uint8) for data in (source, done.stdout))
    assert len(before) == len(after) == 2 * 34 * 26 * 3
    assert difference(before, after) < 3


def write_clip(path: Path, *filters: str) -> None:
    """Write a second of 10 frames with sound; BT.601, as a Y4M of this size is read."""
    tags = ("-colorspace", "smpte170m", "-color_range", "tv", "-pix_fmt", "yuv420p", "-qp", "0")
    inputs = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10,gblur=1,setsar=4/3", "-f", "lavfi", "-i", "sine=d=1")
    ffmpeg(*inputs, "-t", 1, *filters, *tags, output=path)


def test_a_file_goes_to_standard_output(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4")
    done = run(*MAIN, "clip.mp4", "--output", "-", "--no-segmentation", data=b"", cwd=tmp_path)
    said = "note: -: not taken over: sound, which Y4M cannot store\n"
    assert (done.returncode, done.stderr.decode()) == (0, said)
    head, _, rest = done.stdout.partition(b"\n")
    assert head == b"YUV4MPEG2 W64 H48 F10:1 Ip A4:3 C420mpeg2 XCOLORRANGE=LIMITED"
    expected = ffmpeg("-i", tmp_path / "clip.mp4", "-f", "yuv4mpegpipe").partition(b"\n")[2]
    assert rest == expected
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_varying_frame_rate_becomes_one_that_lasts_as_long(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", "-vf", "setpts=PTS+gt(N\\,2)*0.3/TB", "-fps_mode", "vfr")
    times = [0, 0.1, 0.2, 0.6, 0.7, 0.8, 0.9]
    done = run(*MAIN, "clip.mkv", "--output", "-", "--no-segmentation", data=b"", cwd=tmp_path)
    assert done.returncode == 0
    assert b"note: clip.mkv: the frame rate varies; at 10 per second some frames" in done.stderr
    to_grey = ("-f", "rawvideo", "-pix_fmt", "gray")
    ours = ffmpeg("-f", "yuv4mpegpipe", "-i", "-", *to_grey, data=done.stdout)
    theirs = ffmpeg("-i", tmp_path / "clip.mkv", "-fps_mode", "passthrough", *to_grey)
    ours, theirs = (np.frombuffer(data, np.uint8).reshape(-1, 48, 64) for data in (ours, theirs))
    assert (len(ours), len(theirs)) == (10, 7)
    for number, frame in enumerate(ours):  # each shows what is to be seen at its time
        shown = max(index for index, time in enumerate(times) if time <= number / 10)
        assert difference(frame, theirs[shown]) < 0.1, number


def test_no_frame_of_a_slow_animation_is_lost(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (64, 48), (value, value, value)) for value in (40, 120, 200)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 100, 1000])
    done = run(*MAIN, "a.gif", "--output", "-", "--no-segmentation", data=b"", cwd=tmp_path)
    shown = ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "gray", data=done.stdout)
    rate = int(done.stdout.split(b" F")[1].split(b":")[0]) / int(done.stdout.split(b":")[1].split(b" ")[0])
    values = np.frombuffer(shown, np.uint8).reshape(-1, 48 * 64).mean(axis=1)
    assert abs(len(values) / rate - 1.2) <= 0.5 / rate
    assert [value for value in (40, 120, 200) if np.abs(values - value).min() < 3] == [40, 120, 200]


def test_transparent_videos_come_out_on_white(tmp_path: Path) -> None:
    hidden = ("-f", "lavfi", "-i", "color=red@0:s=64x48:r=10,format=rgba", "-frames:v", 2, "-c:v", "png")
    ffmpeg(*hidden, output=tmp_path / "a.mov")
    done = run(*MAIN, "a.mov", "--output", "-", "--no-segmentation", data=b"", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = ffmpeg("-f", "yuv4mpegpipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "bgr24", data=done.stdout)
    assert (len(shown), min(shown) >= 253) == (2 * 64 * 48 * 3, True)


def test_ctrl_c_says_how_many_frames_have_gone(tmp_path: Path) -> None:
    with subprocess.Popen(PLAIN, stdin=-1, stdout=-1, stderr=-1, cwd=tmp_path) as child:
        assert child.stdin is not None
        data = header() + b"".join(frames(2))
        child.stdin.write(data)
        child.stdin.flush()
        assert read_exactly(child.stdout, len(data)) == data
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        assert read_exactly(child.stderr, -1) == b"stopped; the first 2 frames are in standard output\n"


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
