"""Where a frame's processor time goes: every step of a live frame and of a file's frame, for matte.py --profile.

The functions of the table are replaced by ones that note the processor time of the thread while they run, less that of
the steps inside them. OpenCV runs in one thread, so that its work counts where it is called. The threads of FFmpeg and
x264 are those of the process that Python has not started; Linux alone says what each of them used.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import cv2
import numpy as np
from live_camera import camera_of

from background_removal.engine import Engine
from background_removal.live.options import LiveOptions
from background_removal.recipe import Recipe

PACKAGE = "background_removal."
# Functions and methods by step. The time of a step does not include that of the steps which it calls.
STEPS: dict[str, tuple[str, ...]] = {
    "capture and decode": (
        "live.camera.camera:CameraSource._read",
        "live.camera.network_camera:NetworkCapture.read",
        "files.video.video_source:VideoSource._decode_part",
        "files.video.decoding:Decoder.__iter__",
    ),
    "planes from and to BGR": (
        "files.video.color.yuv:ToBgr.planes",
        "pipeline.planes:LayersToBgr.__call__",
        "pipeline.planes:Planes.bgr_to_yuv",
        "pipeline.planes:Planes.bgr_delta_to_yuv",
    ),
    "halvings and crops": (
        "matting.pyramid:Pyramid.level",
        "matting.pyramid:Pyramid.crop",
        "matting.pyramid:Pyramid.crop_padded",
        "pipeline.planes:Planes.half_layers",
    ),
    "finder": (
        "matting.tracking.detector:PersonDetector.next_frame",
        "matting.tracking.detector:PersonDetector.find_people",
        "matting.tracking.detector:PersonDetector.find_moving_person",
        "matting.networks.faces:FaceDetector.detect",
        "matting.tracking.body:BodyObserver.next_frame",
    ),
    "network": ("matting.networks.segmenters:OnnxSegmenter.__call__",),
    "second look": (
        "matting.networks.flip_ensemble:FlipEnsemble.__call__",
        "matting.tracking.tracked_person:TrackedPerson._look_again",
        "matting.tracking.tracked_person:TrackedPerson._predict_uncut",
    ),
    "light": ("matting.networks.light:brighten",),
    "colour model": ("matting.alpha.color_model:ColorModel.__call__",),
    "refining": ("matting.alpha.refine:Refiner.__call__",),
    "islands": ("matting.alpha.islands:remove_islands",),
    "crop, hold and fade": (
        "matting.tracking.tracked_person:TrackedPerson.step",
        "matting.tracking.tracked_person:TrackedPerson.steady_matte",
        "matting.tracking.hold:MatteHold.__call__",
        "matting.tracking.crop_fade:CropFade.blend",
    ),
    "stream": ("matting.stream:StreamMatting.__call__",),
    "edge at full size": ("matting.alpha.fine_edge:refine_at_full_size",),
    "blur": ("compositing.background_blur:blur_at_reduced_size",),
    "blur, enlarged": ("compositing.blending:fill_planes",),
    "blend": ("compositing.blending:blend_layers",),
    "compose": ("compositing.backgrounds:Blur.compose", "compositing.backgrounds:ImageBackground.compose"),
    "copies to the encoder": (
        "files.video.video_sink:VideoSink.write",
        "live.recording.recording:Recorder.write",
    ),
    "window": ("live.window.viewer:Viewer.write", "live.window.viewer:Viewer.idle"),
}
FFMPEG, ENCODER, REST = "FFmpeg's threads", "encoder's threads", "rest: Python between the steps"
# Frames before those that count; networks and buffers are loaded in them.
WARM_UP = 20


class Clock:
    """Notes the processor time of each step, in whatever thread it runs."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.counting = False
        self._here = threading.local()

    def wrap(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            with self._running(step):
                result = function(*args, **more)
            return self._iterate(step, result) if isinstance(result, Iterator) else result

        return timed

    def _iterate(self, step: str, items: Iterator[Any]) -> Iterator[Any]:
        while True:
            with self._running(step):
                item = next(items, self)
            if item is self:
                return
            yield item

    @contextlib.contextmanager
    def _running(self, step: str) -> Iterator[None]:
        inner = getattr(self._here, "inner", 0.0)
        self._here.inner = 0.0
        start = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - start
            if self.counting:
                self.spent[step] += spent - self._here.inner
            self._here.inner = inner + spent


@contextlib.contextmanager
def clocked_steps(clock: Clock) -> Iterator[None]:
    """Replace the functions of STEPS, wherever they were imported to, by ones that are timed."""
    undo: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, now: Any) -> None:
        undo.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, now)

    for step, places in STEPS.items():
        for place in places:
            module, _, path = place.partition(":")
            owner: Any = importlib.import_module(PACKAGE + module)
            *parents, name = path.split(".")
            for parent in parents:
                owner = getattr(owner, parent)
            function = owner.__dict__.get(name)
            if function is None:
                continue
            timed = clock.wrap(step, function)
            replace(owner, name, timed)
            if not parents:
                for other in [each for title, each in sys.modules.items() if title.startswith(PACKAGE)]:
                    if other is not owner and other.__dict__.get(name) is function:
                        replace(other, name, timed)
    try:
        yield
    finally:
        for owner, name, before in reversed(undo):
            setattr(owner, name, before)


class Window:
    """The last object: begins to count after some frames, and ends the run after more."""

    def __init__(self, clock: Clock | Copies, frames: int) -> None:
        self._clock, self._frames = clock, frames
        self._count = 0
        self._threads: dict[int, tuple[str, float]] = {}
        self.used = 0.0
        self.native: dict[str, float] = {FFMPEG: 0.0, ENCODER: 0.0}

    def __call__(self, frame: Any) -> Any:
        return self.on_planes(frame)

    def on_planes(self, picture: Any) -> Any:
        self._count += 1
        if self._count == WARM_UP:
            self._clock.counting = True
            self._threads, self.used = native_threads(), -time.process_time()
        elif self._count == WARM_UP + self._frames:
            self._clock.counting = False
            self.used += time.process_time()
            for thread, (name, spent) in native_threads().items():
                self.native[name] += spent - self._threads.get(thread, (name, 0.0))[1]
            raise KeyboardInterrupt
        return picture


def native_threads() -> dict[int, tuple[str, float]]:
    """Return kind and processor seconds of each thread of a codec; on Linux only."""
    found = {}
    # The thread of `VideoSink` does nothing but feed the encoder.
    python = {thread.native_id for thread in threading.enumerate() if thread.name != "encoder"}
    for task in Path("/proc/self/task").glob("*"):
        if int(task.name) not in python:
            with contextlib.suppress(OSError):  # it has ended
                name = FFMPEG if (task / "comm").read_text().startswith("av:") else ENCODER
                found[int(task.name)] = name, int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def profile_run(run: Callable[[Window], object], frames: int) -> dict[str, float]:
    """Return milliseconds a frame of each step, of the rest, and of the whole (the process's own count)."""
    clock = Clock()
    window = Window(clock, frames)
    with clocked_steps(clock), contextlib.suppress(KeyboardInterrupt):
        run(window)
    found = {step: 1e3 * clock.spent[step] / frames for step in STEPS if clock.spent[step]}
    found |= {name: 1e3 * spent / frames for name, spent in window.native.items() if spent}
    whole = 1e3 * window.used / frames
    found[REST] = whole - sum(found.values())
    return found | {"whole": whole}


def live_run(height: int, clip: str, show: bool) -> Callable[[Window], object]:
    """Return what runs the engine on an HTTP camera of another process."""

    def run(window: Window) -> None:
        with camera_of(height, clip) as url:
            objects = [*Recipe().build_objects(), window]
            Engine(webcam_id=url, custom_objects=objects, live=LiveOptions(), show=show).process_webcam()

    return run


def file_run(clip: str) -> Callable[[Window], object]:
    def run(window: Window) -> None:
        recipe = Recipe()
        with tempfile.TemporaryDirectory() as folder:
            output = str(Path(folder) / "result.mp4")
            recipe.build_engine(clip, output, [*recipe.build_objects(), window], progress=False).run()

    return run


class Copies:
    """Notes where pixels are copied and nothing else is done with them: files and lines, and bytes a frame.

    NumPy's copying methods and functions and OpenCV's copyTo are watched, in every thread.
    """

    def __init__(self, smallest: int) -> None:
        self.found: dict[str, list[int]] = defaultdict(list)
        self.counting = False
        self._smallest = smallest

    def note(self, frame: FrameType | None, size: int) -> None:
        if self.counting and frame is not None and size >= self._smallest:
            path = Path(frame.f_code.co_filename)
            self.found[f"{path.parent.name}/{path.name}:{frame.f_lineno} {frame.f_code.co_name}"].append(size)

    def watch(self, frame: FrameType, event: str, function: Any) -> None:
        """Take the calls of an array's own methods, as a profiler."""
        array = getattr(function, "__self__", None)
        copies = event == "c_call" and function.__name__ in ("copy", "tobytes", "flatten")
        if copies and isinstance(array, np.ndarray):
            self.note(frame, array.nbytes)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **more: Any) -> Any:
            result = function(*args, **more)
            if isinstance(args[0], np.ndarray) and result is not args[0]:
                self.note(sys._getframe(1), args[0].nbytes)
            return result

        return noted


def print_copies(clip: str, frames: int = 20) -> None:
    """Print the copies of at least a quarter of a frame's pixels, for a live frame and for a file's frame."""
    capture = cv2.VideoCapture(clip)
    width, height = (round(capture.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    for name, run in (("live", live_run(height, clip, False)), ("file", file_run(clip))):
        copies = Copies(width * height // 4)
        window = Window(copies, frames)
        with contextlib.ExitStack() as stack:
            for module, function in ((np, "copyto"), (np, "ascontiguousarray"), (cv2, "copyTo")):
                stack.enter_context(mock.patch.object(module, function, copies.wrap(getattr(module, function))))
            stack.callback(threading.setprofile, None)
            stack.callback(sys.setprofile, None)
            threading.setprofile(copies.watch)
            sys.setprofile(copies.watch)
            stack.enter_context(contextlib.suppress(KeyboardInterrupt))
            run(window)
        print(f"{name} {height}p: copies a frame, and their bytes as a share of the frame's three bytes a pixel")
        for place, sizes in sorted(copies.found.items()):
            print(f"  {place:60}{len(sizes) / frames:6.2f}{sum(sizes) / frames / (3 * width * height):8.0%}")


def print_profile(clips: Sequence[str], frames: int) -> None:
    """Print the table of a live frame, without and with a window if there is a display, and of a file's frame.

    Args:
        clips: Video files of a person, for instance of 720 and of 1080 rows.
        frames: Number of frames that count.
    """
    from background_removal.live.camera.camera import CameraSource

    CameraSource.read_mode = "inline"  # every frame is processed, however busy the computer is
    cv2.setNumThreads(1)
    columns: dict[str, dict[str, float]] = {}
    for clip in clips:
        height = round(cv2.VideoCapture(clip).get(cv2.CAP_PROP_FRAME_HEIGHT))
        columns[f"live {height}p"] = profile_run(live_run(height, clip, False), frames)
        if os.environ.get("DISPLAY"):
            columns[f"window {height}p"] = profile_run(live_run(height, clip, True), frames)
        columns[f"file {height}p"] = profile_run(file_run(clip), frames)
    print("processor milliseconds a frame, medium blur; OpenCV in one thread")
    print(f"{'':32}" + "".join(f"{name:>14}" for name in columns))
    for step in [*STEPS, FFMPEG, ENCODER, REST, "whole"]:
        if any(step in column for column in columns.values()):
            print(f"{step:32}" + "".join(f"{column.get(step, 0.0):14.2f}" for column in columns.values()))
    shares = (column[REST] / column["whole"] for column in columns.values())
    print(f"{'rest, share of the whole':32}" + "".join(f"{share:14.1%}" for share in shares))
