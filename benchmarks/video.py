#!/usr/bin/env python3
"""What a video costs: the engine against a bare transcode and against the original's loop, in one run.

    python benchmarks/video.py [--rounds N] [--seconds S] [--height P] [--clip ordinary noisy FILE ...] [--only abc]

Two clips are made for it, with sound: in the "ordinary" one a person sways before a room, as smooth as a good camera
sees it; in the "noisy" one there is fresh noise on every frame, which is dear to encode wherever it is not blurred.
Every round runs every entry once, in turn, each in a process of its own; the ratios are medians of the ratios of each
round. Processor seconds are those of all cores, and of all processes that an entry starts; they hardly depend on what
else the computer does. Importing is not counted but in what an entry starts. The memory is that of one process.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import background_removal  # noqa: E402, F401, I001 - first: it lets OpenCV's threads wait without spinning
import av  # noqa: E402
import cv2  # noqa: E402
import numpy as np  # noqa: E402

from matte import LOOKS, MOMENTS, Original, moving_frames, person_in_room  # noqa: E402

from background_removal.batch.items import BatchItem  # noqa: E402
from background_removal.batch.parallel import process_in_parallel  # noqa: E402
from background_removal.files.video.formats import Encoding, encoder_options  # noqa: E402
from background_removal.look import Look  # noqa: E402
from background_removal.matting.networks.network import Network  # noqa: E402
from background_removal.recipe import Recipe  # noqa: E402

RATE = 30
# How far the person of the ordinary clip sways, in pixels of a picture 512 high, and how long that takes, in seconds.
SWAY, SWAY_SECONDS = 40, 4


def ordinary(width: int, height: int, count: int) -> Iterator[np.ndarray]:
    """Yield frames of a swaying person, without noise."""
    draw = person_in_room(width, height)
    for index in range(count):
        yield draw(SWAY * math.sin(2 * math.pi * index / (SWAY_SECONDS * RATE)))


def noisy(width: int, height: int, count: int) -> Iterator[np.ndarray]:
    """Yield frames of `moving_frames`, back and forth, with fresh noise on each."""
    frames = moving_frames(width, height)
    order = [*range(MOMENTS), *range(MOMENTS - 2, 0, -1)]
    rng = np.random.default_rng(2)
    for index in range(count):
        noise = rng.integers(0, 9, (height // 2, width // 2, 3), np.uint8)
        noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
        yield cv2.add(frames[order[index % len(order)]], noise)


CLIPS = {"ordinary": ordinary, "noisy": noisy}


def make_clip(path: Path, frames: Iterator[np.ndarray], width: int, height: int, seconds: float) -> None:
    """Write a clip of these frames and a tone, with a key frame every two seconds as cameras write them."""
    options = {"crf": "16", "preset": "veryfast", "g": str(2 * RATE)}
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=48000)
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(round(seconds * 48000)) * 2 * np.pi * 440 / 48000).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            part = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, start : start + 1024]), format="fltp", layout="mono"
            )
            part.rate, part.pts, part.time_base = 48000, start, Fraction(1, 48000)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def transcode(source: str, output: str) -> None:
    """Decode and encode, nothing between, the sound's packets copied."""
    options = encoder_options("libx264", Encoding(), alpha=False)
    with av.open(source) as reading, av.open(output, "w", options={"movflags": "+faststart"}) as writing:
        video = reading.streams.video[0]
        video.thread_type = "AUTO"
        encoder = writing.add_stream("libx264", rate=video.average_rate, options=options)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
        encoder.codec_context.time_base = video.time_base
        copied = {audio: writing.add_stream_from_template(audio) for audio in reading.streams.audio}
        for packet in reading.demux(video, *copied):
            if packet.stream in copied:
                if packet.size:
                    packet.stream = copied[packet.stream]
                    writing.mux(packet)
                continue
            for frame in packet.decode():
                frame.pict_type = 0
                writing.mux(encoder.encode(frame))
        writing.mux(encoder.encode(None))


def engine(recipe: Recipe, jobs: int, source: str, output: str) -> None:
    """Process a video by a recipe, in `jobs` processes where it can be cut into parts."""
    item = BatchItem(source, output)
    if jobs == 1 or not process_in_parallel(recipe, item, jobs, show_progress=False):
        recipe.build_engine(source, output, recipe.build_objects(), progress=False).run()


def original(source: str, output: str) -> None:
    """OpenCV reads and writes MPEG-4 Part 2, without sound; the mask and the blur are the original's."""
    capture = cv2.VideoCapture(source)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(output, cv2.VideoWriter.fourcc(*"mp4v"), int(capture.get(cv2.CAP_PROP_FPS)), size)
    process = Original()
    while True:
        done, frame = capture.read()
        if not done:
            break
        writer.write(process(frame))
    writer.release()


NOTHING, BLUR, LOW = Recipe(no_segmentation=True), Recipe(), Recipe(network=Network(effort="low"))
PICTURE, COLOUR = (Recipe(Look(background)) for background in (LOOKS["image"]["bg_image"], "#00b140"))
WAYS: dict[str, Callable[[str, str], object]] = {
    "(a) bare transcode": transcode,
    "(b) engine, no object": functools.partial(engine, NOTHING, 1),
    "(c) engine, blur": functools.partial(engine, BLUR, 1),
    "(d) engine, colour": functools.partial(engine, COLOUR, 1),
    "(e) engine, picture": functools.partial(engine, PICTURE, 1),
    "(f) engine, blur, --jobs 2": functools.partial(engine, BLUR, 2),
    "(g) original's loop": original,
    "(h) engine, blur, effort low": functools.partial(engine, LOW, 1),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="how long the clips are that are made")
    parser.add_argument("--height", type=int, default=1080, help="and how high")
    parser.add_argument("--clip", nargs="+", default=list(CLIPS), help="ordinary, noisy, or files of your own")
    parser.add_argument("--only", default="", help="letters of the entries to run, with (a)")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)  # one entry, in a process of its own
    options = parser.parse_args()
    if options.run:
        way, source, output = options.run
        wall, used = time.perf_counter(), processor_seconds()
        WAYS[way](source, output)
        print(time.perf_counter() - wall, processor_seconds() - used, peak_mebibytes())
        return 0
    ways = [way for way in WAYS if not options.only or way[1] in options.only + "a"]
    with tempfile.TemporaryDirectory() as folder:
        for clip in options.clip:
            source = Path(clip)
            if clip in CLIPS:
                source = Path(folder) / f"{clip}.mp4"
                size = (options.height * 16 // 9, options.height)
                frames = CLIPS[clip](*size, round(options.seconds * RATE))
                make_clip(source, frames, *size, options.seconds)
            measure(source, ways, options.rounds, Path(folder) / "result.mp4")
    return 0


def measure(source: Path, ways: list[str], rounds: int, output: Path) -> None:
    """Run every entry in every round, and print what that took."""
    found: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            command = [sys.executable, __file__, "--run", way, str(source), str(output)]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            found[way].append(tuple(float(value) for value in told))
    with av.open(str(source)) as container:
        video = container.streams.video[0]
        print(f"{source.name}, {video.width}x{video.height}, {video.frames} frames")
    print(f"{'':28}{'seconds':>9}{'/ (a)':>8}{'processor s':>13}{'/ (a)':>8}{'peak MiB':>10}")
    bare = found[ways[0]]
    for way, values in found.items():
        wall, used, peak = (statistics.median(column) for column in zip(*values, strict=True))
        over = [statistics.median(a[n] / b[n] for a, b in zip(values, bare, strict=True)) for n in (0, 1)]
        print(f"{way:28}{wall:9.2f}{over[0]:8.2f}{used:13.2f}{over[1]:8.2f}{peak:10.0f}")
    print(flush=True)


def processor_seconds() -> float:
    """Return what this process has used of all cores, and those that it started and that have ended."""
    return sum(os.times()[:4])


def peak_mebibytes() -> float:
    """Return the most memory that this process has held, where the system tells (not on Windows)."""
    status = Path("/proc/self/status")
    if status.exists():  # the resource module would also count what the parent held before it started us
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    if sys.platform == "win32":
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
