#!/usr/bin/env python3
"""Live use, measured on an HTTP camera of this computer: how old a frame is when it is shown, what it costs, a soak.

    python benchmarks/live.py delay              the frame's age, beside the original's read-process-show loop
    python benchmarks/live.py cost               processor time of a blurred 30 pictures a second, sink by sink
    python benchmarks/live.py gaps               the longest time between two shown frames, around keys and an outage
    python benchmarks/live.py start              from the program's start to the first blurred frame, of a file before
                                                 its encoder and of a camera in the window; beside bare imports
    python benchmarks/live.py soak --minutes 20  memory, threads, file handles and rate; the camera restarts midway

The camera's pictures carry the time at which they were made as a code of black and white squares. What concerns the
window needs a display (Xvfb will do: xvfb-run -s "-screen 0 1920x1200x24" python benchmarks/live.py cost), and gaps
xdotool. The virtual camera is a stand-in that does what pyvirtualcam does on Linux, but for the kernel's copy.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import background_removal  # noqa: E402, F401, I001 - first: it lets OpenCV's threads wait without spinning
import cv2  # noqa: E402
import numpy as np  # noqa: E402


from live_camera import RATE, CodedCamera, age_of, camera_of  # noqa: E402
from matte import moving_frames  # noqa: E402
from video import make_clip, ordinary  # noqa: E402

from background_removal.effects.plate import NamePlate  # noqa: E402
from background_removal.engine import Engine  # noqa: E402
from background_removal.live.options import LiveOptions  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402


class Ends:
    """The last object: notes each frame's age as it reaches the sinks, and ends the run after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.ages: list[float] = []
        self._seconds = seconds
        self._until = 0.0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        self._until = self._until or time.monotonic() + self._seconds
        self.ages.append(age_of(frame))
        if time.monotonic() > self._until:
            raise KeyboardInterrupt
        return frame


def ours(url: str, work: Callable[[np.ndarray], np.ndarray], seconds: float) -> list[float]:
    ends = Ends(seconds)
    with contextlib.suppress(KeyboardInterrupt):
        Engine(webcam_id=url, custom_objects=[work, ends]).process_webcam()
    return ends.ages


def original(url: str, work: Callable[[np.ndarray], np.ndarray], seconds: float) -> list[float]:
    ends = Ends(seconds)
    capture = cv2.VideoCapture(url)
    try:
        while True:
            done, frame = capture.read()
            if done:
                ends(work(frame))
    except KeyboardInterrupt:
        capture.release()
    return ends.ages


def delay(options: argparse.Namespace) -> None:
    print(f"age of a frame as it reaches the sinks, ms, camera {RATE} pictures a second, {options.seconds:g} s each")
    print(f"{'an object takes':18}{'ours: median':>14}{'95 %':>8}{'shown/s':>9}{'original: median':>20}{'95 %':>8}")
    for milliseconds in (5, 30, 100):

        def work(frame: np.ndarray, pause: float = milliseconds / 1000) -> np.ndarray:
            time.sleep(pause)
            return frame

        row = f"{milliseconds:15} ms"
        for way in (ours, original):
            camera = CodedCamera(moving_frames(1280, 720))
            ages = way(camera.url, work, options.seconds)
            camera.close()
            half = ages[len(ages) // 2 :]  # a queue that grows has done so by then
            row += f"{statistics.median(half):{14 if way is ours else 20}.0f}{np.percentile(half, 95):8.0f}"
            row += f"{len(ages) / options.seconds:9.1f}" if way is ours else ""
        print(row, flush=True)


class Clocked:
    """The last object: takes pictures of either kind, counts them, and ends the run after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.count = 0
        self._seconds = seconds
        self._began = self._processor = 0.0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        return self.on_planes(frame)

    def on_planes(self, picture: Any) -> Any:
        now = time.monotonic()
        if not self.count:  # what is loaded once does not count
            self._began, self._processor = now, time.process_time()
        self.count += 1
        if now - self._began > self._seconds:
            self.cost = (time.process_time() - self._processor) / (self.count - 1)
            raise KeyboardInterrupt
        return picture


class StandIn:
    """A backend of pyvirtualcam: what its own for Linux does, but for the copy into the kernel."""

    sent: list[float] = []  # noqa: RUF012

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        self._shape = (height, width, 3)
        self._bgr = fourcc == int.from_bytes(b"24BG", "little")

    def send(self, frame: np.ndarray) -> None:
        if self._bgr:
            cv2.cvtColor(frame.reshape(self._shape), cv2.COLOR_BGR2YUV_I420)
        StandIn.sent.append(time.monotonic())

    def close(self) -> None:
        pass

    def device(self) -> str:
        return "stand-in"

    def native_fourcc(self) -> None:
        return None


def use_stand_in() -> None:
    import pyvirtualcam

    pyvirtualcam.camera.BACKENDS.clear()
    pyvirtualcam.register_backend("stand-in", StandIn)


def blurred() -> MPSegmentation:
    """Return the segmentation as the command line makes it."""
    return MPSegmentation(blur="medium")


def cost(options: argparse.Namespace) -> None:
    """A camera process of its own, so that this one's processor time is that of the engine alone.

    Every frame is read and processed, in turn, however long that takes: a busy machine then gives the same figures.
    """
    from background_removal.live.camera.camera import CameraSource

    CameraSource.read_mode = "inline"
    use_stand_in()
    with tempfile.TemporaryDirectory() as folder:
        recording = LiveOptions(record_path=os.path.join(folder, "take.mp4"), overwrite=True)
        virtual = LiveOptions(virtual_camera="")
        ways: dict[str, tuple[list[Any], LiveOptions, bool]] = {
            "capture": ([], LiveOptions(), False),
            "blur": ([blurred], LiveOptions(), False),
            "blur, virtual camera": ([blurred], virtual, False),
            "blur, recording": ([blurred], recording, False),
            "blur, name plate, virtual camera": ([blurred, lambda: NamePlate("Me")], virtual, False),
        }
        if os.environ.get("DISPLAY"):
            ways["blur, window"] = ([blurred], LiveOptions(show_fps=True), True)
        print(f"processor time: milliseconds a frame, and what share of one core {RATE} frames a second are")
        print(f"{'':34}" + "".join(f"{f'{height}p{RATE}':>22}" for height in options.heights))
        for name, (makers, live, show) in ways.items():
            row = f"{name:34}"
            for height in options.heights:
                local = contextlib.nullcontext(options.camera) if options.camera else None
                sized = replace(live, size=(height * 16 // 9, height), rate=RATE) if local else live
                with local or camera_of(height, options.clip) as camera:
                    clocked = Clocked(options.seconds)
                    objects = [*(make() for make in makers), clocked]
                    with contextlib.suppress(KeyboardInterrupt):
                        Engine(webcam_id=camera, custom_objects=objects, live=sized, show=show).process_webcam()
                row += f"{1000 * clocked.cost:12.1f} ms{RATE * clocked.cost:7.0%}"
            print(row, flush=True)


def gaps(options: argparse.Namespace) -> None:
    """Types r, s and r into the window, lets the camera go away, and looks when frames were shown."""
    if not shutil.which("xdotool"):
        sys.exit("gaps needs xdotool, which types the keys")
    use_stand_in()
    here = Path.cwd()
    shown: list[float] = []
    imshow = cv2.imshow

    def noted(title: str, picture: np.ndarray) -> None:
        imshow(title, picture)
        shown.append(time.monotonic())

    cv2.imshow = noted
    print(f"longest time between two frames, ms, in the window | on the virtual camera; {RATE} a second are due")
    names = ("nothing", "r begins", "recording", "r ends", "s", "outage")
    print(f"{'':7}" + "".join(f"{name:>16}" for name in names))
    for height in options.heights:
        camera = CodedCamera(moving_frames(height * 16 // 9, height), coded=False)
        spans: dict[str, tuple[float, float]] = {}

        def act(camera: CodedCamera = camera, spans: dict[str, tuple[float, float]] = spans) -> None:
            while len(shown) < 60:
                time.sleep(0.05)
            for name, key in (("nothing", ""), ("r begins", "r"), ("recording", ""), ("r ends", "r"), ("s", "s")):
                start = time.monotonic()
                if key:
                    subprocess.run(["xdotool", "key", key], check=True)
                time.sleep(options.seconds if name == "recording" else 4)
                spans[name] = (start, time.monotonic())
            start = time.monotonic()
            camera.up.clear()
            time.sleep(2)
            camera.up.set()
            time.sleep(4)
            spans["outage"] = (start, time.monotonic())
            subprocess.run(["xdotool", "key", "q"], check=True)

        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)  # where recordings go
            shown.clear()
            StandIn.sent.clear()
            threading.Thread(target=act, daemon=True).start()
            live = LiveOptions(virtual_camera="", snapshots=folder)
            Engine(webcam_id=camera.url, custom_objects=[blurred()], live=live, show=True).process_webcam()
            os.chdir(here)
        camera.close()
        row = f"{height}p".ljust(7)
        for name in names:
            row += f"{longest(shown, *spans[name]):8.0f} |{longest(StandIn.sent, *spans[name]):6.0f}"
        print(row, flush=True)


def longest(times: list[float], start: float, end: float) -> float:
    """Return the longest time between two of some times, or one of them and either end, in milliseconds."""
    inside = [start, *(moment for moment in times if start < moment < end), end]
    return 1000 * max(after - before for before, after in itertools.pairwise(inside))


_FIRST_FRAME = """
import os, sys, time
import cv2
imshow = cv2.imshow
def noted(*arguments):
    imshow(*arguments)
    cv2.waitKey(1)
    print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
    os._exit(0)
cv2.imshow = noted
import main
sys.argv[0] = "main.py"
main.main()
"""


# The last custom object, which gets a finished frame just before the encoder does.
_FIRST_RESULT = """
import os, time
class First:
    def __call__(self, picture):
        print(time.clock_gettime(time.CLOCK_MONOTONIC), flush=True)
        os._exit(0)
    on_planes = __call__
"""
_IMPORTS = "import time, numpy, cv2, av, onnxruntime; print(time.clock_gettime(time.CLOCK_MONOTONIC))"


def start(options: argparse.Namespace) -> None:
    """OpenCV is imported a moment early for the window, which changes nothing: the program does so, too."""
    print(f"from the program's start to its first frame, s; median and range of {options.runs}")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cameras:
        first = Path(folder) / "first.py"
        first.write_text(_FIRST_RESULT)
        ways = {"bare imports": ["-c", _IMPORTS]}
        for height in options.heights:
            size = (height * 16 // 9, height)
            clip = Path(folder) / f"{height}.mp4"
            make_clip(clip, ordinary(*size, RATE), *size, 1)
            result = str(Path(folder) / "out.mp4")
            ways[f"{height}p file"] = ["main.py", str(clip), "--output", result, "--object", f"{first}:First"]
            if os.environ.get("DISPLAY"):
                url = cameras.enter_context(camera_of(height))
                ways[f"{height}p camera"] = ["-c", _FIRST_FRAME, "--webcam", url]
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(options.runs + 1):
            for name, arguments in ways.items():
                seconds = seconds_until_printed([sys.executable, *arguments])
                if number:  # the first one also compiles modules and reads them from the disk
                    taken[name].append(seconds)
    for name, values in taken.items():
        print(f"{name:14}{statistics.median(values):8.2f}   {min(values):.2f} to {max(values):.2f}", flush=True)


def seconds_until_printed(command: list[str]) -> float:
    """Return the time from a program's start to the moment that it prints, seconds."""
    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout) - begun


def soak(options: argparse.Namespace) -> None:
    camera = CodedCamera(moving_frames(1280, 720))
    start = time.monotonic()
    count = 0
    memory: list[float] = []
    last = [start, 0]

    def note(frame: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        now = time.monotonic()
        if now - last[0] >= 60:
            rate = (count - last[1]) / (now - last[0])
            memory.append(resident_mebibytes())
            threads, handles = threading.active_count(), open_handles()
            told = f"{now - start:6.0f} s{memory[-1]:8.0f} MiB{threads:5} threads{handles:5} handles{rate:7.1f} shown/s"
            print(told, flush=True)
            last[:] = [now, count]
        if now - start > options.minutes * 60:
            raise KeyboardInterrupt
        return frame

    def restart() -> None:
        time.sleep(options.minutes * 30)
        camera.up.clear()
        print("the camera goes away for 5 s", flush=True)
        time.sleep(5)
        camera.up.set()

    threading.Thread(target=restart, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        Engine(
            webcam_id=camera.url, custom_objects=[MPSegmentation(), note], live=LiveOptions(reconnect=60)
        ).process_webcam()
    print(f"memory from {memory[0]:.0f} to {memory[-1]:.0f} MiB, at most {max(memory):.0f}; {count} frames")
    camera.close()


def resident_mebibytes() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20) if statm.exists() else 0.0


def open_handles() -> int:
    handles = Path("/proc/self/fd")
    return len(list(handles.iterdir())) if handles.exists() else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ways = {
        "delay": delay, "cost": cost, "gaps": gaps, "start": start, "soak": soak,
    }  # fmt: skip
    parser.add_argument("what", choices=ways)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--heights", type=int, nargs="+", default=(720, 1080))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--camera", default="", help="for cost: a camera of this computer, by number")
    parser.add_argument("--clip", default="", help="for cost: a video that the camera shows, instead of a sample")
    options = parser.parse_args()
    ways[options.what](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
