"""Fuzzing: damaged media, images, settings and models through the command line, and what becomes of each.

    python benchmarks/fuzz --count 2000 --seed 1          a table, and every case that is not as it should be
    python benchmarks/fuzz --seed 1 --case 17 --keep out  one case again; its file stays in the folder

Each case is decided by the seed and its number alone. It runs in a process of its own, split off from one that has
imported everything, with a limit of time and one of memory. Linux only.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks" / "fuzz")]

import background_removal  # noqa: E402, I001 - before ONNX Runtime, see there
from background_removal.cli.main import main  # noqa: E402
import av.error  # noqa: E402
import cv2  # noqa: E402
import onnxruntime  # noqa: E402, F401 - all that a case would else have to import
import tqdm.contrib.logging  # noqa: E402, F401

import background_removal.cli.run  # noqa: E402
import background_removal.files.video.video_sink  # noqa: E402
import background_removal.files.video.video_source  # noqa: E402, F401

from mutations import mutated  # noqa: E402
from seeds import Seed, make_seeds  # noqa: E402

# Of the clock, for a process that waits; and of a processor, for one that works: others may be using the computer.
SECONDS = 120.0
PROCESSOR_SECONDS = 20
GIGABYTES = 4
# So much more than the process that it is split off from is too much for a picture of 96x64.
_MAX_RESIDENT = 1 << 30
# How often each kind is tried.
_WEIGHTS = {"video": 6, "image": 4, "settings": 1, "model": 2}
OUTCOMES = ("right", "told", "short", "silent loss", "hang", "crash", "traceback", "memory", "lines")
# What is as it should be. "short" is a video that ends early without a word, like what another reader finds in it.
GOOD = ("right", "told")
_OUR_LINES = ("error: ", "warning: ", "note: ", "stopped")


@dataclass(slots=True)
class Case:
    """One case: what is run, and what came of it."""

    number: int
    seed: Seed
    command: list[str]
    outcome: str = ""
    code: int | None = None
    said: str = ""

    def line(self) -> str:
        return f"{self.number:5} {self.outcome:11} {self.seed.name:15} code {self.code}: {self.said[:300]!r}"


def make_case(seeds: list[Seed], seed: int, number: int, folder: Path, damaged: bool = True) -> Case:
    """Write the file of a case into `folder`, and say how it is run."""
    rng = random.Random(f"{seed} {number}")
    kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    of_kind = [item for item in seeds if item.kind == kind]
    chosen = rng.choice(of_kind) if damaged else seeds[number % len(seeds)]
    kind = chosen.kind
    data = mutated(kind, chosen.data, [item.data for item in of_kind], rng) if damaged else chosen.data
    (folder / chosen.name).write_bytes(data)
    good = {item.name: item for item in seeds}
    mirror = ["--no-segmentation", "--object", f"{ROOT / 'examples' / 'mirror.py'}:mirror"]
    through = mirror if rng.random() < 0.8 else ["--background", "#102030"]
    if kind == "video":
        output = rng.choice(("out.mp4", "out.mkv", "out.webm"))
        command = ["--video", chosen.name, *through, "--output", output]
    elif kind == "image":
        command = ["--image", chosen.name, *through, "--output", rng.choice(("out.png", "out.jpg"))]
    else:
        sound = good["a.jpg"] if rng.random() < 0.7 or "h264.mp4" not in good else good["h264.mp4"]
        (folder / sound.name).write_bytes(sound.data)
        option = "--config" if kind == "settings" else "--model"
        output = "out.png" if sound.kind == "image" else "out.mp4"
        command = [f"--{sound.kind}", sound.name, option, chosen.name, "--output", output]
    return Case(number, chosen, command)


def run_case(case: Case, folder: Path) -> None:
    """Run a case in `folder` and sort what came of it."""
    case.code, case.said, resident = _split_off(lambda: main(case.command), folder)
    lines = case.said.splitlines()
    foreign = [line for line in lines if not line.startswith(_OUR_LINES)]
    if case.code in (None, -signal.SIGXCPU, -signal.SIGKILL):
        case.outcome = "hang"
    elif "Traceback (most recent call last)" in case.said or "--debug to see where" in case.said:
        case.outcome = "memory" if "MemoryError" in case.said else "traceback"
    elif "bad_alloc" in case.said or "nsufficient memory" in case.said or resident > _MAX_RESIDENT:
        case.outcome = "memory"
    elif case.code < 0 or case.code > 2:
        case.outcome = "crash"
    elif foreign or (case.code and sum(line.startswith("error: ") for line in lines) > 1):
        case.outcome = "lines"
    elif case.code:
        case.outcome = "told" if lines else "silent loss"
    else:
        case.outcome = _looked_at(case, folder, bool(lines))


def _looked_at(case: Case, folder: Path, warned: bool) -> str:
    """Compare a result with what another reader finds in the source."""
    output = folder / case.command[-1]
    if not output.exists():
        return "silent loss"
    if output.suffix in (".png", ".jpg"):
        return "right" if cv2.imread(str(output)) is not None else "silent loss"
    source = folder / case.command[1]
    code, said, _ = _split_off(lambda: print(_frames(output), _frames(source), file=sys.stderr), folder)
    if code != 0:
        return "silent loss"
    made, there = (int(word) for word in said.split()[-2:])
    expected = case.seed.frames or there
    if not made:
        return "silent loss"
    if made >= 0.9 * expected:
        return "right"
    if warned:
        return "told"
    return "short" if made >= 0.9 * there - 2 else "silent loss"


def _frames(path: Path) -> int:
    """Return how many frames can be decoded, with the errors of single packets passed over."""
    count = 0
    with contextlib.suppress(av.error.FFmpegError), av.open(str(path)) as container:
        for packet in container.demux([stream] if (stream := container.streams.best("video")) else []):
            with contextlib.suppress(av.error.FFmpegError):
                count += len(packet.decode())
    return count


def _split_off(work: Callable[[], int | None], folder: Path) -> tuple[int | None, str, int]:
    """Do something in a process of its own; return its exit code (None: too slow), stderr, and growth in bytes."""
    with tempfile.TemporaryFile() as stderr, Path(os.devnull).open("r+b") as nothing:
        process = os.fork()
        if not process:
            code = 70
            try:
                os.chdir(folder)
                for number, stream in ((0, nothing), (1, nothing), (2, stderr)):
                    os.dup2(stream.fileno(), number)
                resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, GIGABYTES << 30))
                resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS + 1))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
                cv2.setNumThreads(1)
                code = work() or 0
            except SystemExit as stopped:
                code = stopped.code if isinstance(stopped.code, int) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        deadline = time.monotonic() + SECONDS
        while True:
            ended, status, usage = os.wait4(process, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > deadline:
                os.kill(process, 9)
                os.wait4(process, 0)
                return None, "", 0
            time.sleep(0.004)
        stderr.seek(0)
        said = stderr.read().decode("utf-8", "replace")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return os.waitstatus_to_exitcode(status), said, (usage.ru_maxrss - own) * 1024


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many cases")
    parser.add_argument("--seed", type=int, default=1, help="decides all of them")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--undamaged", action="store_true", help="the seeds as they are, one after the other")
    parser.add_argument("--case", type=int, help="this one only")
    parser.add_argument("--keep", type=Path, help="keep the files of what is not as it should be in this folder")
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON instead of a table")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count) if options.case is None else [options.case]
    table: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    bad: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        seeds = make_seeds(Path(place))
        for number in numbers:
            folder = Path(place, str(number))
            folder.mkdir()
            case = make_case(seeds, options.seed, number, folder, not options.undamaged)
            run_case(case, folder)
            table[case.seed.kind][case.outcome] += 1
            if case.outcome not in GOOD or options.case is not None:
                bad.append(case)
                if not options.json:
                    print(case.line(), flush=True)
                if options.keep:
                    shutil.copytree(folder, options.keep / str(number), dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        print(json.dumps({"outcomes": OUTCOMES, "table": table, "bad": [case.line() for case in bad]}))
        return 0
    print(f"{'':10}" + "".join(f"{name:>13}" for name in OUTCOMES))
    for kind, counts in table.items():
        print(f"{kind:10}" + "".join(f"{counts[name]:13}" for name in OUTCOMES))
    used = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{sum(counts.total() for counts in table.values())} cases, {used:.0f} processor seconds")
    return 0


if __name__ == "__main__":
    sys.exit(run())
