"""What live use has beyond a window: keys, recordings, snapshots, the virtual camera, settings, effects."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import ROOT, Screen, StreamCamera, difference, probe, wait_until

from assembly import run
from config import read_config, write_config
from controls import Controls
from effects.auto_frame import AutoFrame
from effects.defocus import Defocus
from effects.low_light import LowLight
from effects.plate import Logo, NamePlate
from engine import Engine
from errors import InputError, ProcessingError
from main import build_parser
from media.camera import CameraOptions, CameraSource
from media.devices import is_open_elsewhere
from media.formats import Encoding
from media.frame import Frame, StreamInfo
from media.microphone import Microphone
from media.recording import Recording
from media.virtual_camera import VirtualCamera
from selfieSegmentation import MPSegmentation

NO_SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
PLAIN = ("--no-segmentation", "--no-fps")


# -- keys in a real window -----------------------------------------------------------------------------------------


def test_every_key_of_the_window(tmp_path: Path, stream_camera: StreamCamera, screen: Screen, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, "--no-fps", "--config", "look.toml", env=screen.env)
    screen.wait_for_window()

    def calm() -> np.ndarray:
        # A key's message goes after a second; till then, or while a key has not been seen yet, the picture changes.
        pictures = [screen.picture()]
        while len(pictures) < 8 or max(difference(pictures[-8], one) for one in pictures[-7:]) > 1:
            time.sleep(0.2)
            pictures.append(screen.picture())
        return pictures[-1]

    def press(key: str, shows: Callable[[np.ndarray], object], what: str) -> np.ndarray:
        # Of two keys between two frames the window system keeps one: each is waited for before the next.
        screen.type(key)
        wait_until(lambda: shows(screen.picture()), what)
        wait_until(lambda: shows(calm()), what)
        return screen.picture()

    def is_grey(picture: np.ndarray) -> bool:
        middle = picture[picture.shape[0] // 4 :]
        return bool(np.abs(middle.astype(int) - middle[..., :1]).max() < 8)

    blurred = calm()
    matte = press("m", is_grey, "a grey matte")
    assert difference(matte, blurred) > 20
    press("m", lambda shown: difference(shown, blurred) < 4, "the picture again")
    press("f", lambda shown: difference(shown[:, ::-1], blurred) < 8, "the mirrored picture")
    press("f", lambda shown: difference(shown, blurred) < 4, "the picture as it was")
    replaced = press("b", lambda shown: difference(shown, blurred) > 10, "another background")

    def helps(shown: np.ndarray) -> bool:
        top, left = shown.shape[0] // 2, shown.shape[1] // 3
        return shown[:top, :left].mean() < 0.6 * replaced[:top, :left].mean()

    press("h", helps, "the list of keys")
    press("h", lambda shown: difference(shown, replaced) < 4, "the list to go")
    beside = press("c", lambda shown: shown[5].max() < 30, "black above: the shape stays")
    half, middle = beside.shape[1] // 2, slice(beside.shape[0] // 3, beside.shape[0] * 2 // 3)
    assert difference(beside[middle, :half], beside[middle, half : 2 * half]) > 10
    press("c", lambda shown: difference(shown, replaced) < 4, "one picture again")
    screen.type("s")
    wait_until(lambda: list((tmp_path / "snapshots").glob("2*.png")), "the snapshot")
    [snapshot] = (tmp_path / "snapshots").glob("2*.png")
    assert cv2.imread(str(snapshot)).shape == (512, 512, 3)
    for key in ("bracketright", "plus"):
        before = calm()
        screen.type(key)  # its message shows that it was seen
        wait_until(lambda before=before: difference(screen.picture(), before) > 0.5, f"a message of {key}")
    calm()
    screen.type("w")
    wait_until((tmp_path / "look.toml").exists, "the settings")
    settings = read_config(str(tmp_path / "look.toml"), build_parser())
    assert settings == {"flip": False, "background": "blur", "blur": 55, "threshold": 0.55}
    calm()
    screen.type("r")
    wait_until(lambda: list(tmp_path.glob(".recording_*")), "the recording to begin")
    time.sleep(1.5)
    screen.type("r")
    wait_until(lambda: list(tmp_path.glob("recording_*.mp4")), "the recording")
    [recording] = tmp_path.glob("recording_*.mp4")
    assert len(probe(recording).times) > 10
    screen.type("q")
    assert process.wait(timeout=30) == 0


def test_space_freezes_the_picture(stream_camera: StreamCamera, screen: Screen, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, *PLAIN, env=screen.env)
    screen.wait_for_window()
    going = screen.picture()
    screen.type("space")
    wait_until(lambda: difference(screen.picture(), going) > 0.5, "the message")
    wait_until(lambda: difference(screen.picture(), going) < 0.1, "the message to go")
    before = screen.picture()
    stream_camera.image = 255 - stream_camera.image
    time.sleep(0.5)
    assert difference(screen.picture(), before) < 2
    screen.type("space")
    wait_until(lambda: difference(screen.picture(), before) > 20, "the picture to go on")
    screen.type("q")
    assert process.wait(timeout=30) == 0


def test_the_window_says_that_the_camera_is_gone(stream_camera: StreamCamera, screen: Screen, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, *PLAIN, "--reconnect", 4, env=screen.env)
    screen.wait_for_window()
    wait_until(lambda: stream_camera.sent > 20, "frames")
    before = screen.picture()
    stream_camera.refusing.set()
    low = slice(before.shape[0] * 3 // 4, None)
    wait_until(lambda: difference(screen.picture()[low], before[low]) > 10, "the message")
    assert process.wait(timeout=60) == 1
    assert "stopped giving frames and did not come back within 4 s" in process.communicate()[1]


def test_controls_without_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Mine:
        keys = {"x": "something of mine"}  # noqa: RUF012

    controls = Controls([Mine()])
    controls.begin(StreamInfo("camera", 320, 240, live=True))
    assert controls.on_key("x") is False
    assert controls.on_key("s") == "there is no picture yet"
    image = np.full((240, 320, 3), 200, np.uint8)
    controls.frame(Frame(image))
    assert str(controls.on_key("s")).startswith("saved snapshots")
    assert str(controls.on_key("s")).endswith("_2.png")
    assert controls.drawn(image, None) is image
    controls.on_key("?")
    shown = controls.drawn(image, None)
    assert shown.mean() < 180
    assert image.mean() == 200, "only the window shows it"
    controls.on_key("?")
    controls.say("a message that is far too long for a small window, which is made smaller to fit into it")
    assert difference(controls.drawn(image, None)[200:], image[200:]) > 10


def test_keys_of_objects_come_first() -> None:
    engine = Engine(custom_objects=[MPSegmentation()])
    used: list[str] = []

    class Greedy:
        keys = {"f": "mine"}  # noqa: RUF012

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

        def on_key(self, key: str) -> bool:
            used.append(key)
            return True

    engine.custom_objects.append(Greedy())
    engine._offer("f")
    assert used == ["f"]
    assert engine.flip_view is False


def test_the_look_changes_by_keys(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(bg_blur_ratio=(35, 35))
    seen = []
    for _ in range(4):
        seen.append((segmentation.look()["background"], segmentation(portrait)))
        assert segmentation.on_key("b")
    assert segmentation.look()["background"] == seen[0][0] == "blur"
    assert [Path(str(name)).name for name, _ in seen] == ["blur", "backgrounds", "#00b140", "none"]
    assert (seen[2][1][5, 5] == (64, 177, 0)).all()
    assert seen[3][1] is portrait
    kept = [segmentation.alpha(portrait).mean()]
    for _ in range(6):
        segmentation.on_key("+")
    kept.append(segmentation.alpha(portrait).mean())
    assert kept[1] < kept[0]
    for _ in range(30):
        segmentation.on_key("[")
    assert segmentation.look()["blur"] == 1
    with_picture = MPSegmentation(background=str(ROOT / "backgrounds" / "3_bokeh.jpg"))
    with_picture.on_key("b")
    assert with_picture.look()["background"] == "#00b140"


# -- recordings ----------------------------------------------------------------------------------------------------


@NO_SIGNALS
def test_a_recording_keeps_real_time(tmp_path: Path, stream_camera: StreamCamera, start_main) -> None:
    started = time.monotonic()
    process = start_main("--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4")
    wait_until(lambda: stream_camera.sent > 60, "frames")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    found = probe(tmp_path / "take.mp4", images=True)
    assert found.times[0] == 0
    assert all(a < b for a, b in zip(found.times, found.times[1:], strict=False))
    assert len(found.times) > 30
    assert 1 < found.times[-1] < time.monotonic() - started
    assert difference(found.images[10], stream_camera.image) < 10


def test_a_recording_that_cannot_be_written_is_refused_at_once(run_main, stream_camera: StreamCamera) -> None:
    for path, complaint in (("nowhere/take.mp4", "does not exist"), ("take.xyz", "cannot write a video")):
        outcome = run_main("--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", path)
        assert (outcome.code, complaint in outcome.err) == (2, True)


def test_a_recording_with_the_microphone(tmp_path: Path) -> None:
    # FFmpeg's tone, in real time, stands for the microphone that a machine without one cannot have.
    info = StreamInfo("camera", 64, 48, Fraction(1, 1_000_000), Fraction(30), live=True)
    path = str(tmp_path / "take.mp4")
    with Microphone("lavfi:sine=frequency=440:sample_rate=44100,arealtime") as microphone:
        time.sleep(0.5)  # what was heard before the recording is not in it
        recording = Recording(path, info, Encoding(preset="ultrafast"), microphone)
        for _ in range(45):
            at = time.monotonic() - microphone.clock_start
            recording.write(Frame(np.zeros((48, 64, 3), np.uint8), 0, round(at * 1e6), Fraction(1, 1_000_000)))
            time.sleep(1 / 30)
        recording.close()
    assert recording.error is None
    found = probe(path)
    with av.open(path) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(sound) / 44100 == pytest.approx(float(found.times[-1]), abs=0.25)
    strongest = np.abs(np.fft.rfft(sound[4096 : 4096 + 32768])).argmax() * 44100 / 32768
    assert strongest == pytest.approx(440, abs=3)


def test_no_microphone_is_one_line(run_main, stream_camera: StreamCamera) -> None:
    outcome = run_main(
        "--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4", "--microphone", "alsa:nothing"
    )
    assert outcome.code == 2
    assert "microphone alsa:nothing: cannot be opened" in outcome.err


# -- the virtual camera --------------------------------------------------------------------------------------------


class MemoryBackend:
    """What pyvirtualcam asks of a backend, with a plain file in the place of the kernel's device."""

    frames: list[np.ndarray] = []  # noqa: RUF012
    opened: dict = {}  # noqa: RUF012

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        if device == "/dev/missing":
            raise RuntimeError("no such device")
        self._shape = (height, width, 3)
        self._device = device or "memory"
        MemoryBackend.frames = []
        MemoryBackend.opened = {"width": width, "height": height, "fps": fps}

    def close(self) -> None:
        MemoryBackend.opened = {}

    def send(self, frame: np.ndarray) -> None:
        MemoryBackend.frames.append(frame.reshape(self._shape).copy())

    def device(self) -> str:
        return self._device

    def native_fourcc(self) -> None:
        return None


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> type[MemoryBackend]:
    pyvirtualcam = pytest.importorskip("pyvirtualcam")
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {})
    pyvirtualcam.register_backend("memory", MemoryBackend)
    return MemoryBackend


class Until:
    """Ends the run, as a typed key would, once a condition holds."""

    def __init__(self, condition) -> None:
        self.condition = condition
        self.calls = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.condition():
            raise StopIteration
        return image


def test_the_virtual_camera_shows_the_result(stream_camera: StreamCamera, backend) -> None:
    ends = Until(lambda: len(backend.frames) >= 5)
    engine = Engine(webcam_id=stream_camera.url, custom_objects=[lambda i: 255 - i, ends], virtual_camera="")
    with pytest.raises(ProcessingError, match="Until failed"):
        engine.process_webcam()
    assert backend.frames[2].shape == (512, 512, 3)
    assert difference(backend.frames[2], 255 - stream_camera.image) < 6
    assert backend.opened == {}, "it was closed"


def test_the_virtual_camera_of_another_size(stream_camera: StreamCamera, backend) -> None:
    ends = Until(lambda: len(backend.frames) >= 2)
    options = CameraOptions(size=(640, 360))
    with pytest.raises(ProcessingError):
        Engine(webcam_id=stream_camera.url, custom_objects=[ends], virtual_camera="", camera=options).run()
    frame = backend.frames[0]
    assert frame.shape == (360, 640, 3)
    assert frame[:, :130].max() == 0, "black at the sides"
    expected = cv2.resize(stream_camera.image, (360, 360), interpolation=cv2.INTER_AREA)
    assert difference(frame[:, 140:500], expected) < 8


def test_a_missing_driver_or_package_says_what_to_install(backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with (
        pytest.raises(InputError, match=r"no such device.*modprobe v4l2loopback"),
        VirtualCamera("/dev/missing", 64, 48, 30),
    ):
        pass
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(InputError, match=r"pip install -r requirements-live\.txt"), VirtualCamera("", 64, 48, 30):
        pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who has a device open")
def test_nobody_watching_pauses_and_lets_the_camera_go(tmp_path: Path, stream_camera: StreamCamera, backend) -> None:
    device = tmp_path / "video10"
    device.write_bytes(b"")
    assert not is_open_elsewhere(str(device), otherwise=True)
    ended = threading.Event()
    engine = Engine(webcam_id=stream_camera.url, custom_objects=[Until(ended.is_set)], virtual_camera=str(device))
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
    import subprocess

    reader = subprocess.Popen([sys.executable, "-c", "import sys; f = open(sys.argv[1]); input()", str(device)],
                              stdin=subprocess.PIPE)  # fmt: skip
    wait_until(lambda: stream_camera.viewers == 1, "the camera to be opened again")
    ended.set()
    thread.join(timeout=30)
    reader.communicate(b"\n")
    assert "Until failed" in str(failures[0])


# -- the camera ----------------------------------------------------------------------------------------------------


class FakeCapture:
    """A camera that gives 10 raw pictures a second of a large size, and 30 as JPEG."""

    def __init__(self, *_: object) -> None:
        self.values = {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480,
                       cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"YUYV")}  # fmt: skip
        self.jpeg_helps = True
        made.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return True

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


def test_list_cameras(run_main) -> None:
    outcome = run_main("--list-cameras")
    assert outcome.code == 0
    assert outcome.out.strip()


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
    monkeypatch.setattr("media.devices._LINUX_CAMERAS", tmp_path)
    monkeypatch.setattr("linuxpy.video.device.Device", Camera)
    lines: list[str] = []
    assert run(build_parser().parse_args(["--list-cameras"]), lines.append) == 0
    assert lines == [
        "0 (Integrated Camera)",
        "    1920x1080 at 30 (MJPEG), 7.5 (MJPEG), 5 (YUYV)",
        "    640x480 at 30 (MJPEG, YUYV)",
        "    320x240",
        "    160x120 at 60 (YUYV)",
        "10 (OBS)",
    ]


# -- settings ------------------------------------------------------------------------------------------------------


def test_settings_come_from_a_file_and_options_win(tmp_path: Path, run_main) -> None:
    photo = ROOT / "samples" / "portrait.jpg"
    (tmp_path / "my.toml").write_text('# mine\nbackground = "#0000ff"\nflip = true\nobject = ["a.py:nothing"]\n')
    (tmp_path / "a.py").write_text("def nothing(image):\n    return image\n")
    pictures = []
    for arguments, expected in (
        ((), (255, 0, 0)),
        (("--background", "#00ff00"), (0, 255, 0)),
        (("--no-flip",), (255, 0, 0)),
    ):
        outcome = run_main("--config", "my.toml", "--image", photo, "--output", "p.png", *arguments)
        assert outcome.code == 0, outcome.err
        pictures.append(cv2.imread(str(tmp_path / "p.png")))
        assert (pictures[-1][3, 3] == expected).all()
    assert difference(pictures[0], pictures[2]) > 10, "mirrored and not"
    assert difference(pictures[0], pictures[2][:, ::-1]) < 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("backgruond = 'x'", "there is no option backgruond"),
        ("blur = 'much'", "blur cannot be 'much'"),
        ("flip = 1", "flip must be true or false"),
        ("quality = 'best'", "quality must be one of live, file"),
        ("blur = = 3", "--config my.toml"),
        ("threshold = [1]", "threshold must be one value"),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, run_main, text: str, complaint: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    outcome = run_main("--config", "my.toml", "--list-cameras")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert complaint in outcome.err


def test_writing_settings_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('# mine\nblur = 5\nname = "Zoë"\n')
    write_config(str(path), {"blur": 65, "background": 'C:\\pictures\\"sea".jpg', "flip": True})
    assert path.read_text(encoding="utf-8").startswith('# mine\nblur = 65\nname = "Zoë"\n')
    found = read_config(str(path), build_parser())
    assert found == {"blur": 65, "name": "Zoë", "background": 'C:\\pictures\\"sea".jpg', "flip": True}
    assert json.dumps(found)


# -- effects -------------------------------------------------------------------------------------------------------


def test_auto_frame_follows_smoothly(portrait: np.ndarray) -> None:
    person = cv2.resize(portrait, (240, 240))
    segmentation, follows = MPSegmentation(background="none"), AutoFrame()
    follows.meet([segmentation, follows])
    middles = []
    for moment in range(90):
        frame = np.full((480, 854, 3), 90, np.uint8)
        left = 60 if moment < 30 else 480
        frame[240:, left : left + 240] = person
        segmentation(frame)
        follows.at(moment / 30)
        out = follows(frame)
        assert out.shape == frame.shape
        middles.append(float(follows._view[0]))
    assert middles[29] * 480 == pytest.approx(284, abs=20)  # as far left as the zoomed view can go
    assert middles[-1] * 480 > 500
    steps = np.abs(np.diff(middles))
    assert steps.max() < 0.08, "no jump"


def test_auto_frame_shows_all_where_nobody_is() -> None:
    frame = np.full((240, 426, 3), 90, np.uint8)
    assert difference(AutoFrame()(frame), frame) < 1


def test_low_light_lifts_the_dark_only_and_does_not_flicker(portrait: np.ndarray) -> None:
    assert LowLight()(portrait) is portrait
    lift = LowLight()
    rng = np.random.default_rng(3)
    means = []
    for moment in range(60):
        dark = cv2.convertScaleAbs(portrait, alpha=0.25 + 0.03 * rng.random())
        lift.at(moment / 30)
        means.append(lift(dark).mean())
    assert min(means) > 2 * portrait.mean() * 0.25
    assert np.abs(np.diff(means)).max() < 6
    # The light goes on: back to the frame as it is, within a few seconds, without a jump of the curve.
    for moment in range(60, 240):
        lift.at(moment / 30)
        out = lift(portrait)
    assert out is portrait


def test_name_plate_and_logo(tmp_path: Path) -> None:
    frame = np.full((360, 640, 3), 128, np.uint8)
    named = NamePlate("Zoë Ångström")(frame.copy())
    assert difference(named[300:, :320], frame[300:, :320]) > 8
    assert difference(named[:290], frame[:290]) == 0
    logo = np.zeros((50, 100, 4), np.uint8)
    logo[:, :50] = (0, 0, 255, 255)
    cv2.imwrite(str(tmp_path / "logo.png"), logo)
    out = Logo(tmp_path / "logo.png")(frame.copy())
    changed = np.flatnonzero(np.abs(out.astype(int) - 128).sum(axis=(0, 2)))
    assert 530 < changed[0] < 545
    assert changed[-1] < 590, "the transparent half changes nothing"
    for size in ((20, 30), (5, 5)):
        Logo(tmp_path / "logo.png")(NamePlate("x")(np.zeros((*size, 3), np.uint8)))
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(InputError, match="not a readable picture"):
        Logo(tmp_path / "no.png")


def test_defocus_grows_with_the_distance(portrait: np.ndarray) -> None:
    frame = np.full((360, 640, 3), 90, np.uint8)
    frame[::8], frame[:, ::8] = 255, 255  # a grid, whose sharpness tells the blur
    frame[120:, 200:440] = cv2.resize(portrait, (240, 240))
    out = Defocus()(frame)
    sharp = cv2.Laplacian(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
    far, near = np.abs(sharp[:60, :60]).mean(), np.abs(sharp[60:110, 290:350]).mean()
    before = np.abs(cv2.Laplacian(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.CV_32F))[:60, :60].mean()
    assert far < 0.1 * before
    assert near > far


@pytest.mark.parametrize("flags", [("--auto-frame",), ("--low-light",), ("--name", "Me"), ("--defocus",)])
def test_effects_by_a_flag(tmp_path: Path, run_main, flags: tuple) -> None:
    outcome = run_main("--image", ROOT / "samples" / "portrait.jpg", "--output", "p.png", *flags)
    assert outcome.code == 0, outcome.err
    assert cv2.imread(str(tmp_path / "p.png")).shape == (512, 512, 3)


def test_effects_on_real_people(shared: Path, tmp_path: Path) -> None:
    source = shared / "media" / "people" / "thoughtful_360p.mp4"
    for effect in (AutoFrame(), LowLight(), Defocus(), NamePlate("Me")):
        output = tmp_path / f"{type(effect).__name__}.mp4"
        Engine(
            video_path=source,
            output_path=output,
            custom_objects=[MPSegmentation(background="none"), effect],
            end_video_frame=30,
            break_on_end=True,
            preset="ultrafast",
        ).run()
        images = probe(output, images=True).images
        assert len(images) == 31
        assert all(image.std() > 10 for image in images)


# -- what goes wrong ------------------------------------------------------------------------------------------------


def frames_of(count: int, size: tuple[int, int] = (64, 48)) -> list[Frame]:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return [Frame(image, number, number * 40_000, Fraction(1, 1_000_000)) for number in range(count)]


LIVE = StreamInfo("camera", 64, 48, Fraction(1, 1_000_000), Fraction(25), live=True)


def test_a_recording_goes_on_when_the_size_changes(tmp_path: Path) -> None:
    recording = Recording(str(tmp_path / "take.mp4"), LIVE, Encoding(), None)
    for frame in frames_of(4):
        recording.write(frame)
    for frame in frames_of(8, (128, 48))[4:]:
        recording.write(frame)
    recording.close()
    assert recording.error is None
    found = probe(tmp_path / "take.mp4")
    assert (found.size, len(found.times)) == ((64, 48), 8)


def test_what_was_recorded_before_an_error_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from media.video_sink import VideoSink

    write = VideoSink.write

    def fails_late(sink: VideoSink, frame: Frame) -> None:
        if frame.index == 5:
            raise ProcessingError("the disk is full")
        write(sink, frame)

    monkeypatch.setattr(VideoSink, "write", fails_late)
    monkeypatch.chdir(tmp_path)
    controls = Controls(record_path="take.mp4")
    controls.begin(LIVE)
    for frame in frames_of(8):
        controls.frame(frame)
        time.sleep(0.02)
    with pytest.raises(ProcessingError, match="the disk is full"):
        controls.end()
    assert len(probe("take.mp4").times) == 5


def test_a_recording_whose_file_exists_replaces_it(tmp_path: Path, stream_camera: StreamCamera) -> None:
    (tmp_path / "take.mp4").write_bytes(b"an older one")
    ends = Until(lambda: ends.calls > 10)
    with pytest.raises(ProcessingError, match="Until failed"):
        Engine(webcam_id=stream_camera.url, custom_objects=[ends], record_path=tmp_path / "take.mp4").run()
    assert len(probe(tmp_path / "take.mp4").times) > 5


def test_the_key_r_uses_a_suffix_that_suits_the_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for encoding, answer in (
        (Encoding("prores"), r"recording recording_.*\.mov"),
        (Encoding("vp9"), r"recording recording_.*\.mkv"),
        (Encoding(encoder="nonsense"), "--encoder nonsense: does not open"),
    ):
        controls = Controls(encoding=encoding)
        controls.begin(LIVE)
        assert re.match(answer, str(controls.on_key("r")))
        controls.end()


def test_an_object_with_other_things_of_those_names(stream_camera: StreamCamera) -> None:
    class Odd:
        keys, view, at, meet, open = ("x",), "front", 3, "me", None
        calls = 0

        def __call__(self, image: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls > 3:
                raise StopIteration
            return image

    with pytest.raises(ProcessingError, match="Odd failed"):
        Engine(webcam_id=stream_camera.url, custom_objects=[Odd()]).run()
    controls = Controls([Odd()])
    controls.on_key("h")
    assert controls.drawn(np.full((240, 320, 3), 200, np.uint8), None).mean() < 190


def test_a_key_that_fails_does_not_end_the_run() -> None:
    class Fails:
        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

        def on_key(self, key: str) -> bool:
            raise InputError("no such folder")

    Engine(custom_objects=[Fails()])._offer("b")


def test_display_on_its_own_opens_the_window(screen: Screen, start_main) -> None:
    program = """
import time, numpy as np
from engine import Engine
engine = Engine(show=True)
while engine.display(np.full((240, 320, 3), 120, np.uint8), webcam=True):
    time.sleep(0.02)
engine.close()
"""
    process = start_main(program=program, env=screen.env)
    screen.wait_for_window()
    screen.type("q")
    assert process.wait(timeout=30) == 0


def test_the_source_of_the_command_line_wins(tmp_path: Path, run_main) -> None:
    (tmp_path / "my.toml").write_bytes(b'\xef\xbb\xbfvideo = ["missing.mp4"]\nmicrophone = true\nquiet = true\n')
    outcome = run_main("--config", "my.toml", "--image", ROOT / "samples" / "portrait.jpg", "--output", "p.png",
                       "--microphone", "")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
