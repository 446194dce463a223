#!/usr/bin/env python3
"""What is left of a video, or a recording, when the process that writes it is killed at a random moment.

    python benchmarks/kills.py [--videos N] [--recordings N] [--seed S]

N times in turn for .mp4, .mkv, .webm, .mov and --jobs 2, and for recordings of an HTTP camera on loopback: the program
is started, killed (SIGKILL) between half a second and six after its first frame, and what is left is decoded to its
end. Printed for each: pictures that had come out of the last custom object, pictures that can be played, and the
seconds between the two, in the time of the video; at the end, whether the next run leaves nothing of it. With --jobs
the parts are counted together.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import av  # noqa: E402
import av.error  # noqa: E402
import cv2  # noqa: E402
from conftest import PORTRAIT, StreamCamera, make_clip, scene  # noqa: E402  # pyright: ignore[reportMissingImports]

RATE = 25
# Counts the frames that it is given, in a file of its process, at about the pace of a real segmentation.
COUNTER = """
import os, time
file = os.open(f"count-{os.getpid()}", os.O_CREAT | os.O_WRONLY)
count = 0
def counter(image):
    global count
    time.sleep(0.015)
    count += 1
    os.pwrite(file, str(count).encode(), 0)
    return image
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=50)
    parser.add_argument("--recordings", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "counter.py").write_text(COUNTER)
        make_clip(folder / "clip.mp4", [scene(i, 640, 360) for i in range(30 * RATE)], sound="aac", gop=2 * RATE)
        kinds = [(".mp4", ()), (".mkv", ()), (".webm", ()), (".mov", ()), (".mp4", ("--jobs", "2"))]
        for number in range(options.videos):
            suffix, more = kinds[number % len(kinds)]
            arguments = ("clip.mp4", "--output", f"r{suffix}", *more)
            _one(folder, " ".join([suffix, *more]), arguments, moments.uniform(0.5, 6), RATE)
        if options.videos:
            subprocess.run(_command("clip.mp4", "--output", "r.mp4", "--end-frame", "9", "--break-on-end"), cwd=folder)
            print("left after the next run to r.mp4:", sorted(p.name for p in folder.glob("r.*mp4")))
        camera = StreamCamera(cv2.imread(str(PORTRAIT)))
        for number in range(options.recordings):
            suffix = (".mp4", ".mkv")[number % 2]
            arguments = ("--webcam", camera.url, "--no-show", "--record", f"take{suffix}")
            _one(folder, f"recording {suffix}", arguments, moments.uniform(0.5, 6), camera.rate)
        camera.close()


def _command(*arguments: str) -> list[str]:
    program = [sys.executable, str(ROOT / "main.py")]
    return [*program, "--no-segmentation", "--object", "counter.py:counter", "--quiet", *arguments]


def _one(folder: Path, name: str, arguments: tuple[str, ...], seconds: float, rate: float) -> None:
    for old in [*folder.glob("count-*"), *folder.glob("take*"), *folder.glob("r.*")]:
        if old.is_file():
            old.unlink()
    process = subprocess.Popen(_command(*arguments), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(folder.glob("count-*")):
        time.sleep(0.02)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.2)  # processes of --jobs still count for a moment
    done = sum(int(file.read_text() or 0) for file in folder.glob("count-*"))
    left = [_played(path) for path in _left(folder)]
    played = sum(left)
    lost = (done - played) / rate / max(1, len(left))
    print(
        f"{name:16} killed after {seconds:4.1f} s: {done:4} frames done, {played:4} play, {lost:5.2f} s lost",
        flush=True,
    )


def _left(folder: Path) -> Iterator[Path]:
    for path in folder.glob("*.unfinished*"):
        yield from path.glob("[0-9]*") if path.is_dir() else [path]


def _played(path: Path) -> int:
    """Return how many pictures of a file can be decoded."""
    count = 0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(video=0):
                with contextlib.suppress(av.error.InvalidDataError):  # cut in the middle of a picture
                    count += len(packet.decode())
    except (av.error.FFmpegError, IndexError):
        pass
    return count


if __name__ == "__main__":
    main()
