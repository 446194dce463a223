"""The contract of a custom object: what is called, what is left alone, and what errors say."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, done, probe, wait_until

from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.files.saving.outputs import MatteSink
from background_removal.files.video.formats import Encoding
from background_removal.pipeline.frame import Frame, Planes, StreamInfo
from background_removal.pipeline.objects import FrameObject, ObjectChain
from background_removal.segmentation import MPSegmentation

INFO = StreamInfo("clip.mp4", 64, 48)
IMAGE = np.full((48, 64, 3), 100, np.uint8)


class Everything(FrameObject):
    """Notes all that it is told."""

    keys = {"x": "mine"}  # noqa: RUF012

    def __init__(self) -> None:
        self.calls: list[object] = []

    def meet(self, objects) -> None:
        self.calls.append(("meet", len(objects)))

    def open(self, info: StreamInfo) -> None:
        self.calls.append(("open", info.name))

    def at(self, seconds: float) -> None:
        self.calls.append(("at", seconds))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls.append("call")
        return image

    def view(self, image: np.ndarray) -> np.ndarray:
        return 255 - image

    def on_key(self, key: str) -> bool | str:
        return "x was used" if key == "x" else False

    def close(self) -> None:
        self.calls.append("close")


def test_everything_is_called_in_its_order() -> None:
    item = Everything()
    chain = ObjectChain([item, np.flipud])
    chain.open(INFO)
    frame = chain(Frame(IMAGE, 3, 120))
    chain.close()
    chain.close()
    assert frame.processed
    assert item.calls == [("meet", 2), ("open", "clip.mp4"), ("at", 0.12), "call", "close"]
    assert (chain.view(IMAGE) == 155).all()
    assert chain.keys == {"x": "mine"}
    assert (chain.on_key("x"), chain.on_key("y")) == ("x was used", False)


def test_what_only_has_such_names_works_and_is_left_alone(clip: Callable) -> None:
    """A ufunc has .at; a class of the user's may have a view of its own, with other arguments."""

    class Other:
        keys = ("x",)
        close = "nothing to call"

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return 255 - image

        def view(self, image: np.ndarray, zoom: float) -> np.ndarray:
            raise AssertionError("view was called")

        def open(self) -> None:
            raise AssertionError("open was called")

        def at(self, x: int, y: int) -> None:
            raise AssertionError("at was called")

        def on_key(self) -> None:
            raise AssertionError("on_key was called")

    source = clip(frames=4).path
    lossless = Encoding(crf=0)  # else x264's output differs in bits from run to run
    invert = Engine(video_path=source, custom_objects=[lambda image: 255 - image], encoding=lossless)
    plain = probe(done(invert), images=True)
    for item in (np.invert, Other(), cv2.bitwise_not):
        chain = ObjectChain([item])
        assert chain.on_key("x") is False
        assert chain.view(IMAGE) is IMAGE
        found = probe(done(Engine(video_path=source, custom_objects=[item], encoding=lossless)), images=True)
        assert all((a == b).all() for a, b in zip(found.images, plain.images, strict=True))


def test_an_object_may_imitate_the_contract_with_arguments_of_its_own() -> None:
    class Imitates:
        def __init__(self) -> None:
            self.opened = self.seconds = None

        def open(self, stream, *, verbose: bool = False) -> None:
            self.opened = stream.name

        def at(self, seconds: float, _: int = 0) -> None:
            self.seconds = seconds

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    item = Imitates()
    chain = ObjectChain([item])
    chain.open(INFO)
    chain(Frame(IMAGE, 1, 40))
    assert (item.opened, item.seconds) == ("clip.mp4", 0.04)


def test_what_cannot_be_called_is_refused_with_its_name() -> None:
    with pytest.raises(InputError, match="custom object int: must be callable"):
        Engine(custom_objects=[3])


@pytest.mark.parametrize("method", ["meet", "open", "at", "__call__", "view", "on_key", "close"])
def test_errors_name_the_object(method: str) -> None:
    def fails(self, *_: object) -> None:
        raise ZeroDivisionError("by design")

    chain = ObjectChain([type("Culprit", (FrameObject,), {method: fails})()])

    def use() -> None:
        chain.open(INFO)
        chain(Frame(IMAGE, 7, 280))
        chain.view(IMAGE)
        chain.on_key("x")
        chain.close()

    with pytest.raises(ProcessingError, match=r"custom object Culprit .*ZeroDivisionError: by design") as caught:
        use()
    if method in ("at", "__call__"):
        assert "on frame 7 (0.280 s)" in str(caught.value)


def test_a_key_that_fails_for_lack_of_a_file_is_told_and_does_not_end_the_run() -> None:
    class Fails(FrameObject):
        def on_key(self, key: str) -> bool:
            raise InputError("no such folder")

    assert ObjectChain([Fails()]).on_key("b") == "no such folder"


def test_all_that_were_opened_are_closed_when_one_cannot_be() -> None:
    first, last = Everything(), Everything()

    class Locked(FrameObject):
        def open(self, info: StreamInfo) -> None:
            raise OSError("locked")

    chain = ObjectChain([first, Locked(), last])
    with pytest.raises(ProcessingError, match="Locked could not be opened"):
        chain.open(INFO)
    chain.close()
    assert first.calls[-1] == "close"
    assert "close" not in last.calls


def test_keys_are_offered_to_the_first_that_names_them() -> None:
    class Second(FrameObject):
        keys = {"x": "theirs", "y": "only theirs"}  # noqa: RUF012

    assert ObjectChain([Everything(), Second()]).keys == {"x": "mine", "y": "only theirs"}


def test_an_engine_in_another_thread_leaves_signals_alone(clip: Callable) -> None:
    source = clip(frames=4).path
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(done(Engine(video_path=source))))
    thread.start()
    thread.join(60)
    assert len(probe(results[0]).times) == 4


# -- objects that misbehave: each outcome that the docstring of background_removal.pipeline.objects names -------------


def raises(image: np.ndarray) -> np.ndarray:
    raise ValueError("first line\nsecond line")


class Unspeakable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError


def says_nothing(image: np.ndarray) -> np.ndarray:
    raise Unspeakable


def leaves(image: np.ndarray) -> np.ndarray:
    sys.exit(0)


def stops(image: np.ndarray) -> np.ndarray:
    raise StopIteration


class OddPlanes(FrameObject):
    def on_planes(self, planes: Planes) -> Planes:
        y, u, v = planes.layers
        return planes.with_layers((y, u[:5], v))


@pytest.mark.parametrize(
    ("culprit", "said"),
    [
        (raises, "failed on frame 2 (0.080 s): ValueError: first line second line"),
        (says_nothing, "failed on frame 2 (0.080 s): Unspeakable"),
        (leaves, "failed on frame 2 (0.080 s): SystemExit: 0"),
        (stops, "failed on frame 2 (0.080 s): StopIteration"),
        (lambda image: None, "returned None instead of an image on frame 2"),
        (lambda image: image.tolist(), "returned list instead of an image on frame 2"),
        (lambda image: image.astype(np.float32), "returned an array of float32 instead of uint8 on frame 2"),
        (lambda image: image[..., 0], "returned an array of shape (240, 320) instead of"),
        (lambda image: image[:0], "returned an array of shape (0, 320, 3) instead of"),
        (OddPlanes().on_planes, "returned planes that are not"),
    ],
)
def test_what_is_no_image_ends_the_run_without_a_result(clip: Callable, culprit: Callable, said: str) -> None:
    class FromTheThird(FrameObject):
        seen = 0

        def on_planes(self, planes: Planes) -> Planes:
            self.seen += 1
            if self.seen < 3:
                return planes
            return culprit(planes if "planes" in culprit.__name__ else planes.image)

        def __call__(self, image: np.ndarray) -> np.ndarray:
            raise AssertionError("the clip's frames are planes")

    engine = Engine(video_path=clip(frames=4).path, custom_objects=[FromTheThird()])
    with pytest.raises(ProcessingError) as caught:
        engine.run()
    assert f"custom object FromTheThird {said}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path(engine.result_path).exists()


@pytest.mark.parametrize("method", ["meet", "open", "at", "view", "on_key", "close"])
def test_sys_exit_in_any_method_is_an_error(method: str) -> None:
    def exits(self, *_: object) -> None:
        sys.exit(0)

    chain = ObjectChain([type("Culprit", (FrameObject,), {method: exits})()])

    def use() -> None:
        chain.open(INFO)
        chain(Frame(IMAGE, 7, 280))
        chain.view(IMAGE)
        chain.on_key("x")
        chain.close()

    with pytest.raises(ProcessingError, match=r"custom object Culprit .*SystemExit: 0"):
        use()


def test_sys_exit_of_an_object_is_no_success(run_main, clip: Callable, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\ndef leaves(image):\n    sys.exit(0)\n")
    (tmp_path / "script.py").write_text("import sys\nsys.exit(0)\n")
    for number in (1, 2):
        clip(f"clip{number}.mp4", frames=3)
    outcome = run_main("clip1.mp4", "clip2.mp4", "--no-segmentation", "--object", "mine.py:leaves")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.count("SystemExit: 0") == 2, "one that fails stops no other"
    outcome = run_main("clip1.mp4", "--object", "script.py:leaves")
    assert (outcome.code, outcome.err) == (2, "error: --object script.py:leaves: SystemExit: 0\n")


def test_another_size_fails_a_video_and_not_its_pictures(clip: Callable, tmp_path: Path) -> None:
    def halves_the_later(image: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return image if count < 3 else image[::2, ::2]

    source = clip(frames=4).path
    count = 0
    engine = Engine(video_path=source, custom_objects=[halves_the_later])
    with pytest.raises(ProcessingError, match="frame 2 is 160x120, the first was 320x240; custom objects must keep"):
        engine.run()
    assert not Path(engine.result_path).exists()
    count = 0
    done(Engine(video_path=source, custom_objects=[halves_the_later], output_path=tmp_path / "parts" / "%d.png"))
    assert [cv2.imread(str(tmp_path / "parts" / f"{n}.png")).shape[0] for n in (1, 2, 3, 4)] == [240, 240, 120, 120]


@pytest.mark.slow
def test_what_is_kept_or_given_again_may_change_at_the_next_call(clip: Callable, tmp_path: Path) -> None:
    source = clip(frames=12).path
    kept: list[np.ndarray] = []
    reused = np.empty((240, 320, 3), np.uint8)

    def spoils_the_earlier(image: np.ndarray) -> np.ndarray:
        for earlier in kept:
            earlier[:] = 0
        kept.append(image)
        return image

    def gives_the_same_again(image: np.ndarray) -> np.ndarray:
        reused[:] = image
        return reused

    def pictures(*objects: Callable, name: str) -> list[bytes]:
        sinks = [MatteSink(str(tmp_path / f"matte_{name}" / "%02d.png"))] if len(objects) > 1 else []
        output = tmp_path / name / "%02d.png"
        Engine(video_path=source, custom_objects=objects, sinks=sinks, output_path=output).run()
        return [path.read_bytes() for path in sorted(tmp_path.glob(f"*{name}/*.png"))]

    for number, item in enumerate((spoils_the_earlier, gives_the_same_again)):
        plain = pictures(np.copy, name=f"plain{number}")
        assert len(plain) == 12
        assert pictures(item, name=f"alone{number}") == plain
        # Behind the segmentation, whose images are used again, and beside the matte.
        expected = pictures(MPSegmentation(), np.copy, name=f"behind{number}")
        assert len(expected) == 24
        assert pictures(MPSegmentation(), item, name=f"item{number}") == expected


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_a_second_ctrl_c_ends_an_object_that_blocks(start_main, clip: Callable, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import time, pathlib\ndef blocks(image):\n    pathlib.Path('here').touch()\n    time.sleep(600)\n"
    )
    source = clip(frames=3).path
    process = start_main(source, "--no-segmentation", "--object", "mine.py:blocks")
    wait_until((tmp_path / "here").exists, "the first frame")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "stopped; nothing was kept\n")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".mp4") == ["clip.mp4"]


THREADS = """
import threading, time
def fails(image):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return image
def hangs(image):
    threading.Thread(target=time.sleep, args=(600,), name="endless").start()
    return image
"""


def test_threads_of_objects_hold_nothing_up(run_main, start_main, clip: Callable, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(THREADS)
    source = clip(frames=3).path
    outcome = run_main(source, "--no-segmentation", "--object", "mine.py:fails")
    assert (outcome.code, outcome.err) == (
        0, "warning: a thread begun by a custom object has failed: ZeroDivisionError: division by zero\n"
    )  # fmt: skip
    program = (
        "import runpy; from background_removal.cli import os_process; os_process.EXIT_TIMEOUT_SECONDS = 0.2; "
        f"runpy.run_path({str(ROOT / 'main.py')!r}, run_name='__main__')"
    )
    process = start_main(
        PORTRAIT, "--no-segmentation", "--object", "mine.py:hangs", "--output", "o.png", program=program
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "o.png\n")
    assert err.startswith("warning: not waited for any longer: endless, begun by a custom object")
    assert cv2.imread(str(tmp_path / "o.png")).shape == (512, 512, 3)
