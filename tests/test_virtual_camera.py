"""The virtual camera: what others see, what is missing, and nobody looking."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import StreamCamera, Until, difference, wait_until

from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.live.camera.devices import is_open_elsewhere
from background_removal.live.options import LiveOptions
from background_removal.live.virtual_camera.virtual_camera import VirtualCamera
from background_removal.pipeline.frame import Frame, Planes, StreamInfo
from background_removal.segmentation import MPSegmentation


def test_the_virtual_camera_shows_the_result(stream_camera: StreamCamera, backend) -> None:
    ends = Until(lambda: len(backend.frames) >= 5)
    objects = [lambda image: 255 - image, ends]
    engine = Engine(webcam_id=stream_camera.url, custom_objects=objects, live=LiveOptions(virtual_camera=""))
    with pytest.raises(ProcessingError, match="Until failed"):
        engine.process_webcam()
    assert backend.frames[2].shape == (512, 512, 3)
    assert difference(backend.frames[2], 255 - stream_camera.image) < 6
    assert backend.opened == {}, "it was closed"


def test_frames_go_to_the_virtual_camera_in_planes(stream_camera: StreamCamera, backend) -> None:
    kinds: list[type] = []

    class Looks:
        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

        def on_planes(self, planes: Planes) -> Planes:
            kinds.append(type(planes))
            if len(backend.frames) > 3:
                raise StopIteration
            return planes

    options = LiveOptions(virtual_camera="")
    with pytest.raises(ProcessingError, match="Looks failed"):
        Engine(webcam_id=stream_camera.url, custom_objects=[Looks()], live=options).process_webcam()
    assert set(kinds) == {Planes}
    # As meeting programs take it, from 16 to 235; JPEG's own range would be twice as far off.
    assert difference(backend.frames[2], stream_camera.image) < 6


def test_an_odd_size_goes_to_the_virtual_camera(stream_camera: StreamCamera, backend) -> None:
    stream_camera.image = stream_camera.image[:301, :401]
    ends = Until(lambda: len(backend.frames) >= 2)
    options = LiveOptions(virtual_camera="")
    with pytest.raises(ProcessingError):
        Engine(webcam_id=stream_camera.url, custom_objects=[ends], live=options).run()
    assert difference(backend.frames[1], stream_camera.image) < 6


def test_the_virtual_camera_of_another_size(stream_camera: StreamCamera, backend) -> None:
    ends = Until(lambda: len(backend.frames) >= 2)
    options = LiveOptions(size=(640, 360), virtual_camera="")
    with pytest.raises(ProcessingError):
        Engine(webcam_id=stream_camera.url, custom_objects=[ends], live=options).run()
    frame = backend.frames[0]
    assert frame.shape == (360, 640, 3)
    assert frame[:, :130].max() == 0, "black at the sides"
    expected = cv2.resize(stream_camera.image, (360, 360), interpolation=cv2.INTER_AREA)
    assert difference(frame[:, 140:500], expected) < 8


def test_a_missing_driver_or_package_says_what_to_install(backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    info = StreamInfo("camera", 64, 48, live=True)
    with pytest.raises(InputError, match=r"no such device.*modprobe v4l2loopback"):
        VirtualCamera("/dev/missing").open(info)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(InputError, match=r"pip install -r requirements-live\.txt"):
        VirtualCamera("").open(info)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who has a device open")
def test_nobody_watching_pauses_and_lets_the_camera_go(tmp_path: Path, stream_camera: StreamCamera, backend) -> None:
    device = tmp_path / "video10"
    device.write_bytes(b"")
    assert not is_open_elsewhere(str(device), default=True)
    ended = threading.Event()
    live = LiveOptions(virtual_camera=str(device))
    engine = Engine(webcam_id=stream_camera.url, custom_objects=[Until(ended.is_set)], live=live)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            engine.process_webcam()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: stream_camera.viewers == 1, "the camera to be opened")
    wait_until(lambda: stream_camera.viewers == 0, "the camera to be let go")
    reader = subprocess.Popen([sys.executable, "-c", "import sys; f = open(sys.argv[1]); input()", str(device)],
                              stdin=subprocess.PIPE)  # fmt: skip
    wait_until(lambda: stream_camera.viewers == 1, "the camera to be opened again")
    ended.set()
    thread.join(timeout=30)
    reader.communicate(b"\n", timeout=30)
    assert "Until failed" in str(failures[0])


def running(engine: Engine) -> Callable[[], None]:
    """Run an engine's camera in a thread; return what waits for its end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            engine.process_webcam()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> None:
        thread.join(timeout=60)
        assert ["Until failed" in str(failure) for failure in failures] == [True], failures

    return end


@pytest.mark.slow
def test_a_lost_camera_shows_the_room_without_anybody_and_keeps_the_rate(
    stream_camera: StreamCamera, backend, portrait: np.ndarray
) -> None:
    """Sending that stops while the connection stands: first the last picture, then the card, then the picture again."""
    ended = threading.Event()
    objects = [MPSegmentation(), Until(ended.is_set)]
    # A busy computer needs longer than the usual half a minute until the card is seen and the camera opened again.
    live = LiveOptions(virtual_camera="", reconnect=240)
    end = running(Engine(webcam_id=stream_camera.url, custom_objects=objects, live=live))
    face = np.s_[90:220, 190:310]

    def differs() -> float:
        return difference(backend.frames[-1][face], portrait[face]) if backend.frames else 0.0  # it is opened anew

    wait_until(lambda: len(backend.frames) > 40 and differs() < 8, "the picture")
    stream_camera.silent.set()
    try:
        wait_until(lambda: differs() > 25, "the card")
    except pytest.fail.Exception:
        print(f"{len(backend.frames)} frames, the last differs by {differs()}; opened: {backend.opened}")
        end()  # says what has ended the run, if it has ended
        raise

    def keeps_the_rate() -> bool:
        before, began = len(backend.frames), time.monotonic()
        time.sleep(1)
        return (len(backend.frames) - before) / (time.monotonic() - began) > 0.5 * backend.opened["fps"]

    wait_until(keeps_the_rate, "a second in which the computer is not too busy")
    assert backend.frames[-1][face].std() < 30 < portrait[face].std(), "nobody is there"
    stream_camera.silent.clear()
    wait_until(lambda: differs() < 8, "the picture again")
    ended.set()
    end()


def shows(camera: VirtualCamera, picture: np.ndarray, count: int = 1, interval: float = 1 / 30, step: int = 1) -> None:
    for number in range(0, count * step, step):
        camera.write(Frame(picture, number, round(number * interval * 1e6), Fraction(1, 1_000_000)))


def test_the_card_hides_everything_until_it_goes(backend) -> None:
    """A picture of one's own, the room, or words alone."""
    you, own, room = (np.full((48, 64, 3), level, np.uint8) for level in (20, 120, 220))
    for card, behind, level in ((own, room, 120), (None, room, 220), (None, None, 40)):
        camera = VirtualCamera("", card=card, background=lambda behind=behind: behind)
        camera.open(StreamInfo("camera", 64, 48, live=True, rate=Fraction(30)))
        shows(camera, you)
        assert camera.on_key("x") == "others see the card"
        assert camera.badges
        shows(camera, you, 2)
        assert [abs(int(frame[0, 0, 1]) - level) <= 2 for frame in backend.frames] == [False, True, True]
        assert bool(backend.frames[-1].std() > 5) is (card is None), "back soon"
        assert camera.on_key("x") == "others see you"
        shows(camera, you)
        assert (backend.frames[-1] == you).all()
        camera.close()


def test_what_is_transparent_shows_a_color_with_soft_edges(backend) -> None:
    picture = np.full((48, 64, 4), 200, np.uint8)
    picture[:, :20, 3], picture[:, 20:40, 3], picture[:, 40:, 3] = 255, 128, 0
    camera = VirtualCamera("", transparent_color=(0, 100, 0))
    camera.open(StreamInfo("camera", 64, 48, live=True))
    shows(camera, picture)
    seen = backend.frames[-1].astype(int)
    for column, bgr in ((5, (200, 200, 200)), (30, (100, 150, 100)), (60, (0, 100, 0))):
        assert np.abs(seen[10, column] - bgr).max() <= 1
    camera.close()


@pytest.mark.parametrize(
    ("said", "interval", "step", "announced"), [(25, 1 / 30, 1, 30), (30, 1 / 15, 1, 15), (30, 1 / 29.5, 3, 30)]
)
def test_the_real_rate_is_announced(backend, said: int, interval: float, step: int, announced: int) -> None:
    """Of the camera, whatever number of its frames comes too fast for us."""
    camera = VirtualCamera("")
    camera.open(StreamInfo("camera", 64, 48, live=True, rate=Fraction(said)))
    shows(camera, np.zeros((48, 64, 3), np.uint8), 40, interval, step)
    assert backend.opened["fps"] == announced
    camera.close()


def test_the_command_line_names_card_and_color(run_main, stream_camera: StreamCamera) -> None:
    for arguments, told in (
        (("--card", "me.png"), "--card goes with --virtual-camera"),
        (("--virtual-camera", "--card", "none.png"), "none.png: "),
        (("--virtual-camera", "--transparent-color", "greenish"), "colour greenish: "),
        (("--control", "70000"), "--control 70000: must be a port"),
        (("--no-show", "--no-mirror-preview"), "--mirror-preview says how the window shows it"),
    ):
        outcome = run_main("--webcam", stream_camera.url, "--no-segmentation", *arguments)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert told in outcome.err
