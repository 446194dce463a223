"""The contracts of sources and sinks, held by every one of them."""

from __future__ import annotations

import io
import itertools
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, Screen, StreamCamera, make_clip, probe, scene
from PIL import Image

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, Stopped
from background_removal.files.images import ImageSink, ImageSource, SequenceSink
from background_removal.files.saving.outputs import MatteSink
from background_removal.files.video.animation_source import AnimationSource
from background_removal.files.video.cut import Cut, CutSource, cut_source
from background_removal.files.video.parts import Part, PartSink, plan_parts
from background_removal.files.video.video_sink import VideoSink
from background_removal.files.video.video_source import VideoSource
from background_removal.files.video.y4m import Y4mSink, Y4mSource
from background_removal.live.camera.camera import CameraSource
from background_removal.live.control.control_server import ControlServer
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recording import Recorder
from background_removal.live.recording.snapshots import Snapshots
from background_removal.live.virtual_camera.virtual_camera import VirtualCamera
from background_removal.live.window.viewer import Viewer
from background_removal.pipeline import progress
from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
from background_removal.pipeline.loop import LastImage, ProcessedFrameCheck, run_loop
from background_removal.pipeline.objects import ObjectChain
from background_removal.pipeline.progress import Progress
from background_removal.pipeline.worker import Reader

# -- sources -------------------------------------------------------------------------------------------------------


SOURCES = {
    "image": ImageSource,
    "video": VideoSource,
    "part of a video": VideoSource,
    "cut video": CutSource,
    "animation": AnimationSource,
    "camera": CameraSource,
    "Y4M": Y4mSource,
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path: Path, stream_camera: StreamCamera, monkeypatch: pytest.MonkeyPatch) -> Source:
    if request.param == "image":
        return ImageSource(str(PORTRAIT))
    if request.param == "animation":
        first, *others = [Image.fromarray(scene(i)) for i in range(12)]
        first.save(tmp_path / "clip.webp", save_all=True, append_images=others, duration=40)
        return AnimationSource(str(tmp_path / "clip.webp"))
    if request.param == "camera":
        return CameraSource(stream_camera.url)
    if request.param == "Y4M":
        frames = [b"FRAME\n" + bytes(range(60, 156)) * 48 for _ in range(12)]  # 64x48 in 4:2:0
        data = io.BytesIO(b"YUV4MPEG2 W64 H48 F25:1\n" + b"".join(frames))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(data)))  # pyright: ignore[reportArgumentType]
        return Y4mSource()
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(120)], gop=25).path
    if request.param == "cut video":
        return cut_source(str(clip), "clip.mp4", Cut(start=0.5))
    return VideoSource(str(clip), part=plan_parts(str(clip), 2)[1] if "part" in request.param else None)


def test_a_source_gives_frames_that_objects_may_draw_on(source: Source) -> None:
    with source:
        info = source.info
        frames = list(itertools.islice(source, 4))
    assert frames
    first = frames[0].index
    for number, frame in enumerate(frames):
        assert (frame.index, frame.image.shape) == (first + number, (info.height, info.width, 3))
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert frame.time_base == info.time_base
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))
    before = [frame.image.copy() for frame in frames[1:]]
    frames[0].image[:] = 0
    assert all((a == b.image).all() for a, b in zip(before, frames[1:], strict=True)), "each has an image of its own"


def test_a_source_tells_nothing_before_it_is_open_and_may_be_closed_at_any_time(source: Source) -> None:
    with pytest.raises(RuntimeError, match="must be opened"):
        _ = source.info
    source.close()
    with source:
        source.close()
    source.close()


def test_a_source_can_be_stopped_from_another_thread(source: Source) -> None:
    with Reader(source) as reader:
        if source.read_mode == "inline":  # in the main thread: there is no other thread to stop it from
            return
        assert next(frame for frame in reader.frames() if frame is not None).image.any()
        source.stop()
        assert len([frame for frame in reader.frames() if frame is not None]) < 20


@pytest.mark.parametrize("make", [ImageSource, VideoSource, CameraSource])
def test_what_cannot_be_opened_is_an_error_that_names_it(make: Callable[[str], Source], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("neither picture nor video")
    bad = make(str(tmp_path / "notes.txt"))
    with pytest.raises(BackgroundRemovalError, match=r"notes\.txt"), bad:
        pytest.fail("it was opened")


# -- sinks ---------------------------------------------------------------------------------------------------------

FILE = StreamInfo("clip.mkv", 64, 48, Fraction(1, 25), Fraction(25), frames=5)
LIVE = StreamInfo("camera", 64, 48, Fraction(1, 1_000_000), Fraction(25), live=True)
STILL = StreamInfo("photo.png", 64, 48, frames=1, still=True)


@dataclass
class Case:
    """A sink, the stream that it is for, and what counts the pictures in its result; None where it leaves none."""

    sink: Sink
    info: StreamInfo
    pictures: Callable[[], int] | None = None
    survives: bool = False  # what was recorded until an error is wanted all the same


@pytest.fixture
def cases(tmp_path: Path, backend, monkeypatch: pytest.MonkeyPatch) -> dict[str, Case]:
    monkeypatch.chdir(tmp_path)

    def count(name: str) -> Callable[[], int]:
        stem, suffix = name.split(".")
        return lambda: sum(len(probe(found).times) for found in Path().glob(f"{stem}*.{suffix}"))

    return {
        "image": Case(ImageSink("r.png"), STILL, lambda: int(Path("r.png").exists())),
        "sequence": Case(SequenceSink("shots/%03d.png"), FILE, lambda: len(list(Path().glob("shots*/*.png")))),
        "video": Case(VideoSink("r.mp4"), FILE, count("r.mp4")),
        "Y4M": Case(Y4mSink(), FILE),
        "matte": Case(MatteSink("m.mp4"), FILE, count("m.mp4")),
        "matte of a still": Case(MatteSink("m.png"), STILL, lambda: int(Path("m.png").exists())),
        "part": Case(PartSink(VideoSink("p.mp4"), Part(0, 0, None, 0, 0, 0, 5)), FILE, count("p.mp4")),
        "recording": Case(Recorder(LiveOptions(record_path="t.mp4")), LIVE, count("t.mp4"), survives=True),
        "snapshots": Case(Snapshots(LiveOptions()), LIVE),
        "virtual camera": Case(VirtualCamera(""), LIVE),
        "progress": Case(Progress(True), FILE),
        "last image": Case(LastImage(), FILE),
        "any processed": Case(ProcessedFrameCheck(0), FILE),
    }  # fmt: skip


NAMES = ["image", "sequence", "video", "Y4M", "matte", "matte of a still", "part", "recording", "snapshots",
         "virtual camera", "progress", "last image", "any processed"]  # fmt: skip


def frames_for(info: StreamInfo) -> Iterator[Frame]:
    for index in range(1 if info.still else 5):
        pts = round(index / 25 / info.time_base)
        matte = np.full((48, 64, 3), 128, np.uint8)
        yield Frame(scene(index, 64, 48), index, pts, info.time_base, processed=True, matte=matte)


def write_all(case: Case) -> None:
    case.sink.open(case.info)
    for frame in frames_for(case.info):
        before = frame.image.copy()
        case.sink.write(frame)
        case.sink.idle("")
        assert (frame.image == before).all(), "a sink must leave the picture as it is"
        time.sleep(0.02)  # cameras take their time


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [None, Stopped(complete=True), Stopped()], ids=["whole", "as asked", "ended early"])
def test_a_sink_completes_what_was_written(cases: dict[str, Case], name: str, error, tmp_path: Path) -> None:
    case = cases[name]
    write_all(case)
    case.sink.close(error)
    if case.pictures is None:
        assert left_behind(tmp_path) == []
    else:
        assert case.pictures() == (1 if case.info.still else 5)
        early = error is not None and not error.complete and not case.info.still and not case.survives
        assert [".partial" in str(found) for found in tmp_path.rglob("*") if found.is_file()] == [early] * len(
            left_behind(tmp_path)
        )
    assert not [found for found in left_behind(tmp_path) if ".part." in found or "unfinished" in found]


@pytest.mark.parametrize("name", NAMES)
def test_a_sink_discards_what_an_error_has_spoiled(cases: dict[str, Case], name: str, tmp_path: Path) -> None:
    case = cases[name]
    write_all(case)
    case.sink.close(ProcessingError("an object failed"))
    if case.survives:
        assert case.pictures is not None
        assert case.pictures() == 5
    else:
        assert left_behind(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_sink_may_be_closed_without_a_frame(cases: dict[str, Case], name: str, tmp_path: Path) -> None:
    if name == "any processed":
        with pytest.raises(InputError, match="it has 0 frames"):
            close_empty(cases[name])
    else:
        close_empty(cases[name])
    assert left_behind(tmp_path) == []


def close_empty(case: Case) -> None:
    case.sink.open(case.info)
    case.sink.close(None)


def ours_below(kind: type) -> set[type]:
    """Return the public classes of the project that subclass `kind`."""
    found = {sub for below in kind.__subclasses__() for sub in (below, *ours_below(below))}
    rooms = tuple(f"background_removal.{room}." for room in ("pipeline", "files", "live"))
    return {sub for sub in found if sub.__module__.startswith(rooms) and not sub.__name__.startswith("_")}


def test_every_source_and_sink_of_the_project_is_held_to_it(cases: dict[str, Case]) -> None:
    assert ours_below(Source) == set(SOURCES.values())
    assert ours_below(Sink) == {type(case.sink) for case in cases.values()} | {Viewer, ControlServer}
    assert set(NAMES) == set(cases)


def test_the_window_is_a_sink_like_others(screen: Screen, monkeypatch: pytest.MonkeyPatch, start_main) -> None:
    program = """
from fractions import Fraction
import numpy as np
from background_removal.live.window.viewer import Viewer
from background_removal.pipeline.frame import Frame, StreamInfo
for error in (None, ValueError("spoiled")):
    viewer = Viewer()
    viewer.open(StreamInfo("camera", 64, 48, live=True))
    viewer.idle("")
    for index in range(5):
        viewer.write(Frame(np.full((48, 64, 3), 90, np.uint8), index))
        viewer.idle("")
    viewer.close(error)
    viewer.close(None)
print("well")
"""
    process = start_main(program=program, env=screen.env)
    assert process.communicate(timeout=60) == ("well\n", "")


# -- the loop ------------------------------------------------------------------------------------------------------


class Noting(Sink):
    """Notes what it is told, and fails where it is to."""

    def __init__(self, fails: str = "", error: BaseException | None = None) -> None:
        self.fails, self.error = fails, error or ProcessingError("the disk is full")
        self.calls: list[str] = []
        self.closed_with: BaseException | None = None

    def _note(self, what: str) -> None:
        self.calls.append(what)
        if self.fails == what:
            raise self.error

    def open(self, info: StreamInfo) -> None:
        self._note("open")

    def write(self, frame: Frame) -> None:
        self._note("write")

    def close(self, error: BaseException | None = None) -> None:
        self.closed_with = error
        self._note("close")


def loop(sinks: list[Sink], make: Callable[[np.ndarray], np.ndarray] = lambda image: image, **more) -> None:
    chain = ObjectChain([make])
    run_loop(ImageSource(str(PORTRAIT)), chain, lambda frame, info: chain(frame), lambda info: sinks, **more)


def test_the_error_that_came_first_is_told() -> None:
    """An object fails while the disk is full: the object is to blame, and every sink hears of it."""

    def culprit(image: np.ndarray) -> np.ndarray:
        raise ValueError("the first reason")

    first, last = Noting("close"), Noting("close")
    with pytest.raises(ProcessingError, match=r"culprit failed.*the first reason"):
        loop([first, last], culprit)
    for sink in (first, last):
        assert sink.calls == ["open", "close"]
        assert "the first reason" in str(sink.closed_with)


@pytest.mark.parametrize("fails", ["open", "write", "close"])
def test_a_sink_that_fails_spoils_the_others_and_all_are_closed(fails: str) -> None:
    other, bad = Noting(), Noting(fails)
    with pytest.raises(ProcessingError, match="the disk is full"):
        loop([other, bad])
    assert other.calls[-1] == "close"
    assert bad.calls[-1] == "close"
    assert isinstance(other.closed_with, ProcessingError)


def test_a_sink_may_end_the_run_and_results_are_kept_or_not() -> None:
    kept, ends = Noting(), Noting("write", Stopped())
    loop([kept, ends])
    assert isinstance(kept.closed_with, Stopped)
    dropped, ends = Noting(), Noting("write", Stopped())
    with pytest.raises(KeyboardInterrupt):
        loop([dropped, ends], keep_partial=False)
    assert isinstance(dropped.closed_with, KeyboardInterrupt)


def test_the_bar_counts_to_the_last_processed_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time left would be that of the whole video."""
    totals: list[int | None] = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "progress_bar", lambda name, total: totals.append(total))
    for frames, last in ((10, None), (10, 3), (10, 30), (None, 3)):
        Progress(True, last).open(StreamInfo("clip.mp4", 64, 48, frames=frames))
    assert totals == [10, 4, 10, None]


def test_ctrl_c_is_heard_also_while_results_are_completed() -> None:
    class Completing(Noting):
        def close(self, error: BaseException | None = None) -> None:
            super().close(error)
            self.result = "it.mp4"
            signal.raise_signal(signal.SIGINT)

    sink = Completing()
    with pytest.raises(KeyboardInterrupt, match=r"^complete: it\.mp4$"):
        loop([sink])
    assert sink.closed_with is None  # what was done is complete
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit for files")
def test_the_objects_error_is_told_also_where_the_disk_is_full(run_program, tmp_path: Path) -> None:
    """What waits to be written cannot be, either, when the file is closed for the object's error."""
    make_clip(tmp_path / "clip.mkv", [scene(i) for i in range(20)], sound="aac")
    (tmp_path / "bad.py").write_text(
        "import resource\ncount = 0\ndef bad(image):\n    global count\n    count += 1\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "    if count == 9:\n        raise ValueError('the first reason')\n    return image\n"
    )
    outcome = run_program("clip.mkv", "--object", "bad.py:bad", "--no-segmentation")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith("error: custom object bad failed on frame 8")
    assert "the first reason" in outcome.err


def test_a_signal_handler_from_outside_of_python_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a one reads as None, and could not be put back."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("a handler was replaced"))
    sink = Noting()
    loop([sink])
    assert sink.closed_with is None


def test_a_source_and_a_sink_of_ones_own(tmp_path: Path) -> None:
    """What CONTRIBUTING.md promises: a class each, and nothing else to change."""
    from background_removal.engine import Engine

    class Countdown(Source):
        info = StreamInfo("countdown", 32, 32, Fraction(1, 25), Fraction(25))

        def open(self) -> None:
            self.left = 5

        def __iter__(self) -> Iterator[Frame]:
            for index in range(self.left):
                yield Frame(np.full((32, 32, 3), 50 * index, np.uint8), index, index, self.info.time_base)

        def stop(self) -> None:
            self.left = 0

        def close(self) -> None:
            self.closed = True

    class Levels(Sink):
        def __init__(self) -> None:
            self.levels: list[int] = []

        def write(self, frame: Frame) -> None:
            self.levels.append(int(frame.image.mean()))

    source, levels = Countdown(), Levels()
    Engine(custom_objects=[cv2.bitwise_not]).process(source, [levels, VideoSink(str(tmp_path / "r.mp4"))])
    assert levels.levels == [255, 205, 155, 105, 55]
    assert len(probe(tmp_path / "r.mp4").times) == 5
    assert source.closed
