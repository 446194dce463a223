"""The live path: a real HTTP camera, a real window, real keys."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, Screen, StreamCamera, difference, wait_until

from engine import Engine
from errors import CameraError, ProcessingError
from media.camera import CameraOptions, CameraSource


class Stopper:
    """A custom object that looks at frames and ends the run, as a typed key would, after some of them."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.seen: list[np.ndarray] = []

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.seen.append(image)
        if len(self.seen) == self.frames:
            raise StopIteration
        return image


def test_no_camera_is_one_helpful_line(run_main) -> None:
    for arguments in ([], ["--webcam", "7"], ["--webcam", "http://127.0.0.1:9/none"]):
        outcome = run_main(*arguments)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        tried = arguments[1] if arguments else "0"
        assert f"camera {tried} cannot be opened" in outcome.err
        for hint in ("--image", "--video", "URL", "camera"):
            assert hint in outcome.err


def test_a_stream_gives_frames_with_rising_times(stream_camera: StreamCamera, portrait: np.ndarray) -> None:
    with CameraSource(stream_camera.url) as source:
        assert (source.info.width, source.info.height, source.info.live) == (512, 512, True)
        frames = []
        for frame in source:
            frames.append(frame)
            if len(frames) == 5:
                break
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))
    assert frames[-1].seconds < 10
    assert difference(frames[0].image, portrait) < 6
    wait_until(lambda: stream_camera.viewers == 0, "the camera to be let go")


def test_the_camera_is_let_go_when_an_object_raises(stream_camera: StreamCamera) -> None:
    before = threading.active_count()
    with pytest.raises(ProcessingError, match=r"Stopper failed on frame \d+"):
        Engine(webcam_id=stream_camera.url, custom_objects=[Stopper(3)]).process_webcam()
    wait_until(lambda: stream_camera.viewers == 0, "the camera to be let go")
    wait_until(lambda: threading.active_count() <= before, "the threads to end")


def test_a_slow_object_gets_the_newest_frame(stream_camera: StreamCamera) -> None:
    """The picture's brightness counts up; what a slow object sees must be what the camera shows just then."""
    lags: list[int] = []
    stopped = threading.Event()

    def count_up() -> None:
        value = 0
        while not stopped.is_set():
            stream_camera.image = np.full((64, 64, 3), value % 250, np.uint8)
            value += 1
            time.sleep(1 / stream_camera.rate)

    def slow(image: np.ndarray) -> np.ndarray:
        lags.append((int(stream_camera.image[0, 0, 0]) - int(image[0, 0, 0])) % 250)
        if len(lags) == 12:
            raise StopIteration
        time.sleep(0.2)  # six frames of the camera go by
        return image

    thread = threading.Thread(target=count_up)
    thread.start()
    try:
        with pytest.raises(ProcessingError):
            Engine(webcam_id=stream_camera.url, custom_objects=[slow]).process_webcam()
    finally:
        stopped.set()
        thread.join()
    # A queue would have grown to 50 frames by now.
    assert np.median(lags[4:]) < 12


def test_a_camera_that_comes_back_goes_on(stream_camera: StreamCamera) -> None:
    watcher = Stopper(40)

    def interrupt() -> None:
        wait_until(lambda: len(watcher.seen) > 5, "frames")
        stream_camera.refusing.set()
        time.sleep(1)
        stream_camera.refusing.clear()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(ProcessingError, match="Stopper failed"):
        Engine(webcam_id=stream_camera.url, custom_objects=[watcher]).process_webcam()
    thread.join()
    assert len(watcher.seen) == 40


def test_a_camera_that_stays_away_ends_with_an_error(stream_camera: StreamCamera) -> None:
    def refuse(image: np.ndarray) -> np.ndarray:
        stream_camera.refusing.set()
        return image

    soon = CameraOptions(reconnect=0.5)
    with pytest.raises(ProcessingError, match="stopped giving frames"):
        Engine(webcam_id=stream_camera.url, custom_objects=[refuse], camera=soon).process_webcam()


def test_a_stream_without_pictures_is_no_camera(stream_camera: StreamCamera) -> None:
    stream_camera.refusing.set()
    with pytest.raises(CameraError, match="cannot be opened"):
        Engine(webcam_id=stream_camera.url).process_webcam()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, color in (("1.png", (255, 0, 0)), ("2.png", (0, 255, 0)), ("3.png", (0, 0, 255))):
        cv2.imwrite(str(folder / name), np.full((90, 160, 3), color, np.uint8))
    return folder


def test_keys_in_the_window(screen: Screen, stream_camera: StreamCamera, start_main, pictures: Path) -> None:
    process = start_main("--webcam", stream_camera.url, "--background", pictures, env=screen.env)
    screen.wait_for_window()

    def shows(color: list[int]) -> bool:
        # The upper right corner is background in the portrait; the FPS stand at the left.
        return screen.picture()[5, -5].tolist() == color

    blue, green, red = [255, 0, 0], [0, 255, 0], [0, 0, 255]
    wait_until(lambda: shows(blue), "the first background")
    for key, color in (("a", green), ("a", red), ("a", blue), ("d", red), ("d", green), ("A", red)):
        screen.type(key)
        wait_until(lambda color=color: shows(color), f"the background after {key}", 10)
    assert screen.picture()[:80, :200, 1].max() > 200, "the frames per second are not drawn"
    screen.type("q")
    assert process.wait(timeout=30) == 0
    assert process.communicate() == ("", "")
    wait_until(lambda: stream_camera.viewers == 0, "the camera to be let go")


@pytest.mark.parametrize("how", ["Escape", "Q", "close"])
def test_ways_to_end(screen: Screen, stream_camera: StreamCamera, start_main, how: str) -> None:
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", env=screen.env)
    screen.wait_for_window()
    if how == "close":
        screen.close_window()
    else:
        screen.type(how)
    assert process.wait(timeout=30) == 0
    assert process.communicate() == ("", "")


def test_a_window_stays_alive_while_the_camera_pauses(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", env=screen.env)
    screen.wait_for_window()
    stream_camera.silent.set()
    time.sleep(0.5)
    screen.type("q")
    wait_until(lambda: not screen.window(), "the window to close", 4)
    assert process.wait(timeout=30) == 0


def test_without_a_display_a_window_is_refused_in_one_line(stream_camera: StreamCamera, run_main) -> None:
    for display in ("", ":987"):
        outcome = run_main("--webcam", stream_camera.url, env={"DISPLAY": display})
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        assert "--no-show" in outcome.err


def test_flip_and_transparency_show(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    process = start_main(
        "--webcam", stream_camera.url, "--background", "transparent", "--flip", "--no-fps", env=screen.env
    )
    screen.wait_for_window()
    # The portrait's background shows at its upper right; mirrored, the checkerboard is at the upper left.
    wait_until(lambda: set(np.unique(screen.picture()[:60, :60])) <= set(range(155, 226)), "the checkerboard")
    screen.type("q")
    assert process.wait(timeout=30) == 0
    assert (ROOT / "samples" / "portrait.jpg").is_file()


def test_arrow_keys_do_not_pass_for_letters(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", env=screen.env)
    screen.wait_for_window()
    for key in ("Left", "Up", "Right", "Down", "Print", "F5", "Shift_L"):
        screen.type(key)
    time.sleep(0.5)
    assert process.poll() is None
    screen.type("q")
    assert process.wait(timeout=30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="Qt's platforms are a matter of Linux")
def test_a_wayland_session_gets_its_window_through_x(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    env = {**screen.env, "QT_QPA_PLATFORM": "wayland", "WAYLAND_DISPLAY": "wayland-0"}
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", env=env)
    screen.wait_for_window()
    screen.type("q")
    assert process.wait(timeout=30) == 0
