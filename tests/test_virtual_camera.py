"""The virtual camera: what others see, what is missing, and nobody looking."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import StreamCamera, Until, difference, wait_until

from engine import Engine
from live.devices import is_open_elsewhere
from live.options import LiveOptions
from live.virtual_camera import VirtualCamera
from pipeline.errors import InputError, ProcessingError
from pipeline.frame import Planes, StreamInfo


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who has a device open")
def test_nobody_watching_pauses_and_lets_the_camera_go(tmp_path: Path, stream_camera: StreamCamera, backend) -> None:
    device = tmp_path / "video10"
    device.write_bytes(b"")
    assert not is_open_elsewhere(str(device), otherwise=True)
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
    reader.communicate(b"\n")
    assert "Until failed" in str(failures[0])
