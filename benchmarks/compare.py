#!/usr/bin/env python3
"""How fast and how exact: ours beside MediaPipe Tasks, the original's way, rembg and backgroundremover, on one clip.

    python benchmarks/compare.py [--clip FILE [--alpha FILE]] [--rounds N] [--frames N] [--height P] [--download]

Every way blurs the same frames, decoded before, in a process of its own. In every round each has its turn, one after
the other, for as many frames as fit into a second, ten at most; so a machine whose speed drifts does so for all. The
first columns are medians and minima of the rounds; the ratios are medians of the ratios of each round. Processor time
is that of all cores. With --alpha, the clip's true alpha, grey, frame for frame, each way also goes through the clip
once for MAD and dtSSD: a time says little without them. Then the same clip as a file: the engine and the original's
loop beside a bare transcode.

What is not installed is named, with the command that installs it. Nothing is downloaded without --download.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import background_removal  # noqa: E402, F401, I001 - first: it lets OpenCV's threads wait without spinning
import av  # noqa: E402
import numpy as np  # noqa: E402

from measures import dtssd, mad  # noqa: E402
from rivals import WAYS, UnavailableError, Way, make_way  # noqa: E402
from tables import heading, line  # noqa: E402
from video import RATE, make_clip, measure, ordinary  # noqa: E402

from background_removal.support.cores import count_cores  # noqa: E402

# Entries of video.py for the file.
FILE_WAYS = ["(a) bare transcode", "(c) engine, blur", "(g) original's loop"]
# Turn of a way in a round: frames, and seconds after which no further one begins.
TURN_FRAMES, TURN_SECONDS = 10, 1.0
# Frames and seconds before the first turn that do not count: what is loaded and learnt at the beginning.
WARM_UP_FRAMES, WARM_UP_SECONDS = 15, 3.0
# Column of names, characters.
NAME_WIDTH = 27


@dataclass(frozen=True)
class Job:
    """What a process of a way needs; the paths are .npy files, uint8 (N, H, W, 3) BGR and (N, H, W)."""

    frames: Path
    alphas: Path | None
    download: bool


@dataclass(frozen=True)
class Turn:
    """Milliseconds a frame."""

    wall: float
    processor: float


class Worker:
    """A way in a process of its own.

    Raises:
        UnavailableError: the way cannot be used here.
    """

    def __init__(self, name: str, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, name, job), daemon=True)
        self._process.start()
        theirs.close()
        try:
            missing = self._connection.recv()
        except EOFError:
            missing = "ended while it was loaded"
        if missing:
            raise UnavailableError(missing)

    def turn(self) -> Turn:
        self._connection.send("turn")
        return self._connection.recv()

    def score(self) -> dict[str, float]:
        self._connection.send("score")
        return self._connection.recv()

    def close(self) -> None:
        self._connection.send("")
        self._process.join()


def serve(connection: Connection, name: str, job: Job) -> None:
    """Be the process of a way: load it, then do what the parent asks for until that is nothing."""
    frames = np.load(job.frames, mmap_mode="r")
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # some print what they find
            way = make_way(name, download=job.download)
            order = itertools.cycle([*range(len(frames)), *range(len(frames) - 2, 0, -1)])  # no cut anywhere
            take_turn(way, frames, order, WARM_UP_FRAMES, WARM_UP_SECONDS)
    except UnavailableError as error:
        connection.send(str(error))
        return
    connection.send("")
    while asked := connection.recv():
        if asked == "turn":
            connection.send(take_turn(way, frames, order, TURN_FRAMES, TURN_SECONDS))
        else:
            assert job.alphas is not None
            connection.send(score(make_way(name, download=True), frames, np.load(job.alphas, mmap_mode="r")))


def take_turn(way: Way, frames: np.ndarray, order: Iterator[int], most: int, seconds: float) -> Turn:
    """Process frames, and return the mean time of one."""
    wall = processor = 0.0
    count = 0
    while count < most and wall < seconds:
        frame = np.array(frames[next(order)])
        began, used = time.perf_counter(), time.process_time()
        way(frame)
        wall += time.perf_counter() - began
        processor += time.process_time() - used
        count += 1
    return Turn(1e3 * wall / count, 1e3 * processor / count)


def score(way: Way, frames: np.ndarray, alphas: np.ndarray) -> dict[str, float]:
    """Return MAD and dtSSD over a clip."""
    mads: list[float] = []
    changes: list[float] = []
    previous: np.ndarray | None = None
    for frame, stored in zip(frames, alphas, strict=True):
        way(np.array(frame))
        truth = stored.astype(np.float32) / 255
        found = way.alpha()
        mads.append(mad(found, truth))
        if previous is not None:
            changes.append(dtssd(found - truth, previous))
        previous = found - truth
    return {"MAD": statistics.mean(mads), "dtSSD": statistics.mean(changes)}


def store_frames(clip: Path, pixels: str, count: int, path: Path) -> tuple[int, ...]:
    """Decode the first frames of a clip into a .npy file, which all processes share; return its shape."""
    with av.open(str(clip)) as container:
        decoded = itertools.islice(container.decode(video=0), count)
        frames = np.stack([frame.to_ndarray(format=pixels) for frame in decoded])
    np.save(path, frames)
    return frames.shape


def compare(job: Job, rounds: int) -> None:
    """Print the table of all ways."""
    workers: dict[str, Worker] = {}
    missing: dict[str, str] = {}
    for name in WAYS:
        try:
            workers[name] = Worker(name, job)
        except UnavailableError as error:
            missing[name] = str(error)
    turns: dict[str, list[Turn]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            turns[name].append(worker.turn())
    figures = ["ms", "least", "/ ours", "cpu ms", "least ", "/ ours "]
    print(heading("blur, a frame", [*figures, *(("MAD", "dtSSD") if job.alphas else ())], NAME_WIDTH))
    ours = turns[next(iter(WAYS))]
    for name, worker in workers.items():
        row = summarize_turns(turns[name], ours, figures)
        if job.alphas is not None:
            row |= worker.score()
        worker.close()
        print(line(name, row, row, NAME_WIDTH), flush=True)
    for name, text in missing.items():
        print(f"{name:{NAME_WIDTH}}  {text}")


def summarize_turns(turns: list[Turn], ours: list[Turn], figures: list[str]) -> dict[str, float]:
    """Return medians, minima and ratios to ours of the wall and the processor time."""
    cells: list[float] = []
    for values, base in (
        ([turn.wall for turn in turns], [turn.wall for turn in ours]),
        ([turn.processor for turn in turns], [turn.processor for turn in ours]),
    ):
        shares = [a / b for a, b in zip(values, base, strict=True)]
        cells += [statistics.median(values), min(values), statistics.median(shares)]
    return dict(zip(figures, cells, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clip", type=Path, help="a video with a person; without it one is made")
    parser.add_argument("--alpha", type=Path, help="its true alpha, a grey video, frame for frame")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--frames", type=int, default=90, help="frames of the clip to use, from its beginning")
    parser.add_argument("--height", type=int, default=720, help="of the clip that is made")
    parser.add_argument("--file-rounds", type=int, default=3, help="rounds for the clip as a file, 0 for none")
    parser.add_argument("--download", action="store_true", help="let libraries fetch networks that they lack")
    options = parser.parse_args()
    if options.alpha and not options.clip:
        parser.error("--alpha goes with --clip")
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if clip is None:
            clip = Path(folder) / "ordinary.mp4"
            size = (options.height * 16 // 9, options.height)
            make_clip(clip, ordinary(*size, options.frames), *size, options.frames / RATE)
        frames, alphas = Path(folder) / "frames.npy", Path(folder) / "alphas.npy"
        count, height, width, _ = store_frames(clip, "bgr24", options.frames, frames)
        if options.alpha and store_frames(options.alpha, "gray", options.frames, alphas) != (count, height, width):
            parser.error(f"{options.alpha} has another size or number of frames than {clip}")
        print(f"{clip.name}, {width}x{height}, {count} frames; {options.rounds} rounds; {count_cores()} cores")
        compare(Job(frames, alphas if options.alpha else None, options.download), options.rounds)
        if options.file_rounds:
            print()
            measure(clip, FILE_WAYS, options.file_rounds, Path(folder) / "result.mp4")
    return 0


if __name__ == "__main__":
    sys.exit(main())
