"""The live path: a real HTTP camera, a real window, real keys."""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, Screen, StreamCamera, difference, make_clip, wait_until

from background_removal.cli.lists import requested_lines
from background_removal.cli.options import build_request, parse_options
from background_removal.engine import Engine
from background_removal.errors import CameraError, ProcessingError
from background_removal.live.camera.camera import CameraSource
from background_removal.live.options import CameraOptions, LiveOptions
from background_removal.pipeline.frame import Planes


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


def test_no_camera_is_one_helpful_line(run_program) -> None:
    for arguments in ([], ["--webcam", "7"]):
        outcome = run_program(*arguments)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1
        assert f"camera {arguments[1] if arguments else '0'} cannot be opened" in outcome.err
        for hint in ("none was found", "URL as --webcam", "image or video file"):
            assert hint in outcome.err


def test_a_camera_that_could_be_none_is_told_what_one_looks_like(run_main) -> None:
    outcome = run_main("--webcam", "192.168.1.5/video")
    assert (outcome.code, outcome.err) == (
        2,
        "error: camera 192.168.1.5/video cannot be opened; --webcam takes a number, or a URL with rtsp:// or http://\n",
    )


def test_the_other_cameras_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background_removal.live.camera.camera.list_cameras", lambda: {0: "Lid", 2: "Desk"})
    with pytest.raises(CameraError, match=r"^camera 0 cannot be opened; choose another `webcam_id`: 2 \(Desk\)$"):
        Engine().run()


def test_a_url_that_is_down_speaks_of_the_url(run_program) -> None:
    outcome = run_program("--webcam", "http://127.0.0.1:9/none")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "camera http://127.0.0.1:9/none cannot be opened" in outcome.err
    assert "number" not in outcome.err


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


@pytest.mark.parametrize("sampling", [cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422])
def test_a_network_camera_stays_in_planes_if_it_may(
    stream_camera: StreamCamera, portrait: np.ndarray, sampling: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = cv2.imencode
    monkeypatch.setattr(
        cv2, "imencode", lambda ext, image: encode(ext, image, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])
    )
    for wanted, kind in ((True, Planes), (False, np.ndarray)):
        with CameraSource(stream_camera.url, keep_planes=lambda wanted=wanted: wanted) as source:
            frame = next(iter(source))
            assert source.info.color is not None
            assert source.info.color.full_range  # as JPEG's is
            assert type(frame.picture) is kind
            assert difference(frame.image, portrait) < 6


def test_a_video_stream_has_the_colors_that_it_says(tmp_path: Path, portrait: np.ndarray) -> None:
    import av

    listening = socket.create_server(("127.0.0.1", 0))
    images = [cv2.resize(portrait, (320, 640))] * 60
    clip = make_clip(tmp_path / "clip.ts", images, codec="libx264").path

    def serve() -> None:
        connection = listening.accept()[0]
        with contextlib.suppress(OSError), connection:
            connection.sendall(clip.read_bytes())
            connection.recv(1)  # until the other side goes

    threading.Thread(target=serve, daemon=True).start()
    with (
        listening,
        CameraSource(f"tcp://127.0.0.1:{listening.getsockname()[1]}", keep_planes=lambda: True) as source,
        av.open(str(clip)) as container,
    ):
        frame = next(iter(source))  # the second: the first is looked at when the camera is opened
        expected = [frame.to_ndarray()[:640] for frame in container.decode(video=0)][1]
        assert isinstance(frame.picture, Planes)
        assert np.array_equal(frame.picture.layers[0], expected)
        assert difference(frame.image, images[0]) < 6


@pytest.mark.slow
def test_garbage_and_silence_are_gone_through(stream_camera: StreamCamera) -> None:
    """A damaged picture is left out, one of another size goes through, and after silence the camera is opened anew."""
    source = CameraSource(stream_camera.url, CameraOptions(reconnect=20))
    encode, sizes = cv2.imencode, []
    with source:
        frames = iter(source)
        next(frames)
        try:
            cv2.imencode = lambda ext, image: (True, encode(ext, image)[1][:400])
            wait_until(lambda: stream_camera.sent > 12, "garbage")
        finally:
            cv2.imencode = encode
        sizes.append(next(frames).shape[:2])
        stream_camera.image = stream_camera.image[:256]
        wait_until(lambda: next(frames).shape[:2] == (256, 512), "the other size")
        stream_camera.silent.set()
        threading.Timer(1.5, stream_camera.silent.clear).start()
        wait_until(lambda: stream_camera.opened > 1 or next(frames) is None, "the camera to be opened again")
    assert sizes == [(512, 512)]


def test_the_camera_is_let_go_when_an_object_raises(stream_camera: StreamCamera) -> None:
    before = threading.active_count()
    with pytest.raises(ProcessingError, match=r"Stopper failed on frame \d+"):
        Engine(webcam_id=stream_camera.url, custom_objects=[Stopper(3)]).process_webcam()
    wait_until(lambda: stream_camera.viewers == 0, "the camera to be let go")
    wait_until(lambda: threading.active_count() <= before, "the threads to end")


@pytest.mark.slow
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


@pytest.mark.slow
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

    soon = LiveOptions(reconnect=0.5)
    with pytest.raises(ProcessingError, match="stopped giving frames"):
        Engine(webcam_id=stream_camera.url, custom_objects=[refuse], live=soon).process_webcam()


class StuckCapture:
    """A camera whose reads, from the third on, or whose opening never returns, as a broken driver's."""

    stuck_in = "read"
    asked = threading.Event()

    def __init__(self, *_: object) -> None:
        self.reads = 0
        if StuckCapture.stuck_in == "open":
            self.wait()

    def wait(self) -> None:
        StuckCapture.asked.set()
        threading.Event().wait()

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def getBackendName(self) -> str:  # noqa: N802
        return "FAKE"

    def release(self) -> None:
        pass

    def set(self, *_: object) -> bool:
        return True

    def get(self, *_: object) -> float:
        return 30.0

    def read(self) -> tuple[bool, np.ndarray]:
        self.reads += 1
        if self.reads > 3:
            self.wait()
        return True, np.full((48, 64, 3), 90, np.uint8)


STUCK = """
import sys, threading, time
import cv2
sys.path.insert(0, {tests!r})
from test_camera import StuckCapture
StuckCapture.stuck_in = {where!r}
cv2.VideoCapture = StuckCapture

def report():
    StuckCapture.asked.wait()
    time.sleep(0.2)
    print("stuck", flush=True)

threading.Thread(target=report, daemon=True).start()
sys.argv = ["main.py", *{arguments!r}]
import main
code = main.main()
print(time.monotonic(), flush=True)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize(("where", "how"), [("open", "Ctrl-C"), ("read", "Ctrl-C"), ("read", "q"), ("read", "close")])
def test_the_program_ends_at_once_whatever_the_camera_does(start_main, screen: Screen, where: str, how: str) -> None:
    arguments = ["--no-segmentation", "--show" if how != "Ctrl-C" else "--no-show"]
    program = STUCK.format(tests=str(Path(__file__).parent), where=where, arguments=arguments)
    process = start_main(program=program, env=screen.env)
    if how != "Ctrl-C":
        screen.wait_for_window()
    assert process.line() == "stuck\n"
    asked = time.monotonic()
    if how == "Ctrl-C":
        process.send_signal(signal.SIGINT)
    elif how == "q":
        screen.type("q")
    else:
        screen.close_window()
    # Not how long it takes, which the machine decides, but that it does not wait for the camera, which never comes.
    assert process.wait(timeout=60) == (130 if how == "Ctrl-C" else 0)
    out, err = process.communicate()
    assert err == ""
    ended = float(out)
    print(f"{where} {how}: main() came back {ended - asked:.2f} s after it was asked to")


@pytest.mark.slow
def test_silence_is_noticed_and_q_ends_it(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    """Sending that stops while the connection stands: it is opened anew, and nothing but us writes to stderr."""
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", "--no-fps", env=screen.env)
    screen.wait_for_window()
    stream_camera.silent.set()
    wait_until(lambda: stream_camera.viewers > 1, "it to be opened again")
    screen.type("q")
    assert process.wait(timeout=30) == 0
    out, err = process.communicate()
    assert (out, err) == ("", f"warning: camera {stream_camera.url} gives no frames; trying again\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_a_camera_that_never_answers_is_given_up_by_an_interrupt(start_main) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(60)
        process = start_main("--webcam", f"http://127.0.0.1:{deaf.getsockname()[1]}/", "--no-segmentation")
        with deaf.accept()[0] as connection:
            connection.recv(1000)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
    assert process.communicate() == ("", "")


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


@pytest.mark.slow
def test_keys_in_the_window(screen: Screen, stream_camera: StreamCamera, start_main, pictures: Path) -> None:
    process = start_main("--webcam", stream_camera.url, "--background", pictures, env=screen.env)
    screen.wait_for_window()

    def shows(color: list[int]) -> bool:
        # The upper right corner is background in the portrait; the FPS stand at the left.
        return np.abs(screen.picture()[5, -5] - np.array(color)).max() <= 2  # what planes can tell

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


@pytest.mark.slow
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
        # "low", so that no badge says why less is done on a busy computer.
        *("--webcam", stream_camera.url, "--background", "transparent", "--flip", "--no-fps", "--effort", "low"),
        env=screen.env,
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


class FakeCapture:
    """A camera that gives 10 raw pictures a second of a large size, and 30 as JPEG."""

    def __init__(self, *_: object) -> None:
        self.values = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480,
                       cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"YUYV")}  # fmt: skip
        self.jpeg_helps = True
        made.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def getBackendName(self) -> str:  # noqa: N802
        return "FAKE"

    def release(self) -> None:
        pass

    def set(self, name: int, value: float) -> bool:
        self.values[name] = value
        return True

    def get(self, name: int) -> float:
        if name == cv2.CAP_PROP_FPS:
            jpeg = self.values[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
            small = self.values[cv2.CAP_PROP_FRAME_WIDTH] <= 640
            return 30 if small or jpeg else 10
        return self.values[name]

    def read(self) -> tuple[bool, np.ndarray]:
        size = (int(self.values[cv2.CAP_PROP_FRAME_HEIGHT]), int(self.values[cv2.CAP_PROP_FRAME_WIDTH]), 3)
        return True, np.zeros(size, np.uint8)


made: list[FakeCapture] = []


@pytest.mark.parametrize(("size", "jpeg"), [((1280, 720), True), ((640, 480), False), (None, False)])
def test_jpeg_is_asked_for_where_it_is_faster(monkeypatch: pytest.MonkeyPatch, size, jpeg: bool) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    with CameraSource(0, CameraOptions(size=size)) as source:
        assert (source.info.width, source.info.height) == (size or (640, 480))
        assert source.info.rate == 30
    fourcc = cv2.VideoWriter.fourcc(*("MJPG" if jpeg else "YUYV"))
    assert made[-1].values[cv2.CAP_PROP_FOURCC] == fourcc


def test_list_cameras(run_main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "linux":  # whatever cameras this machine has
        monkeypatch.setattr("background_removal.live.camera.devices._LINUX_CAMERAS", tmp_path / "none")
    else:
        monkeypatch.setattr("background_removal.live.camera.devices.av.enumerate_input_devices", lambda _: [])
    outcome = run_main("--list-cameras")
    assert (outcome.code, outcome.out, outcome.err) == (0, "no camera was found on this computer\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="linuxpy is for Linux")
def test_cameras_tell_their_sizes_and_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from linuxpy.video.device import FrameSizeType, FrameType, PixelFormat

    def mode(pixels: PixelFormat, width: int, height: int, rate: int | Fraction) -> FrameType:
        return FrameType(FrameSizeType.DISCRETE, pixels, width, height, rate, rate, rate)

    class Camera:
        """What the machine lacks: an opened device, and what its driver tells."""

        def __init__(self, path: str, read_write: bool) -> None:
            self.info = self
            self.frame_types = {
                "/dev/video0": [
                    mode(PixelFormat.YUYV, 640, 480, 30),
                    mode(PixelFormat.YUYV, 1920, 1080, 5),
                    mode(PixelFormat.MJPEG, 1920, 1080, 30),
                    mode(PixelFormat.MJPEG, 1920, 1080, Fraction(15, 2)),
                    mode(PixelFormat.MJPEG, 640, 480, 30),
                    mode(PixelFormat.YUYV, 320, 240, 0),  # a driver that tells no rate
                    # A range of intervals, of which linuxpy takes the shortest for the least rate.
                    FrameType(
                        FrameSizeType.CONTINUOUS, PixelFormat.YUYV, 160, 120, Fraction(60), Fraction(1), Fraction(1)
                    ),
                ]
            }.get(path, [])

        def __enter__(self) -> Camera:
            if not self.frame_types:
                raise PermissionError
            return self

        def __exit__(self, *_: object) -> None:
            pass

    for number, name in ((10, "OBS"), (0, "Integrated Camera\n")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(name)
    monkeypatch.setattr("background_removal.live.camera.devices._LINUX_CAMERAS", tmp_path)
    monkeypatch.setattr("linuxpy.video.device.Device", Camera)
    assert list(requested_lines(build_request(parse_options(["--list-cameras"]))) or []) == [
        "0 (Integrated Camera)",
        "    1920x1080 at 30 (MJPEG), 7.5 (MJPEG), 5 (YUYV)",
        "    640x480 at 30 (MJPEG, YUYV)",
        "    320x240",
        "    160x120 at 60 (YUYV)",
        "10 (OBS)",
    ]
