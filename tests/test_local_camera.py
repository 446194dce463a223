"""Cameras of this computer on Linux: their driver's frames in planes, as OpenCV would convert them."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, Outcome, difference, probe

from background_removal.live.camera.raw_frames import RawFrames, UnknownFrameError
from background_removal.live.camera.v4l2_camera import V4l2Capture
from background_removal.pipeline.frame import Planes

WIDTH, HEIGHT = 320, 240
SAMPLING = {name: getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}") for name in ("420", "422", "444")}


def jpeg(image: np.ndarray, sampling: str = "422") -> bytes:
    settings = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling]]
    return cv2.imencode(".jpg", image, settings)[1].tobytes()


def uncompressed(image: np.ndarray, fourcc: str) -> bytes:
    """Return an image in a pixel format of Video4Linux2."""
    if fourcc in ("YUYV", "UYVY"):
        code = cv2.COLOR_BGR2YUV_YUY2 if fourcc == "YUYV" else cv2.COLOR_BGR2YUV_UYVY
        return cv2.cvtColor(image, code).tobytes()
    if fourcc == "GREY":
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).tobytes()
    size = image.shape[0] * image.shape[1]
    y, u, v = np.split(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).ravel(), [size, size * 5 // 4])
    chroma = {
        "YU12": [u, v], "YV12": [v, u], "NV12": [np.dstack([u, v]).ravel()], "NV21": [np.dstack([v, u]).ravel()],
    }[fourcc]  # fmt: skip
    return np.concatenate([y, *chroma]).tobytes()


CONVERSIONS = {
    "YUYV": cv2.COLOR_YUV2BGR_YUY2, "UYVY": cv2.COLOR_YUV2BGR_UYVY, "NV12": cv2.COLOR_YUV2BGR_NV12,
    "NV21": cv2.COLOR_YUV2BGR_NV21, "YU12": cv2.COLOR_YUV2BGR_I420, "YV12": cv2.COLOR_YUV2BGR_YV12,
}  # fmt: skip


def array(data: bytes, *shape: int) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(shape or (1, -1))


@pytest.fixture(scope="session")
def picture(portrait: np.ndarray) -> np.ndarray:
    """A picture with hair, skin and strong colours, 320×240."""
    image = cv2.resize(portrait[64:448], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    hues = cv2.merge([np.linspace(0, 179, WIDTH).astype(np.uint8)[None], *[np.full((1, WIDTH), 230, np.uint8)] * 2])
    image[:40] = cv2.cvtColor(hues, cv2.COLOR_HSV2BGR)
    return image


@pytest.mark.parametrize("form", ["MJPG 420", "MJPG 422", *CONVERSIONS])
def test_planes_are_as_opencv_converts_them(picture: np.ndarray, form: str) -> None:
    fourcc, _, sampling = form.partition(" ")
    if sampling:
        data = array(jpeg(picture, sampling))
        expected, limit = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), 2.0
    else:
        shape = (HEIGHT, WIDTH, 2) if fourcc in ("YUYV", "UYVY") else (HEIGHT * 3 // 2, WIDTH)
        data = array(uncompressed(picture, fourcc), *shape)  # as OpenCV gave it before 4.11; since then 1×N
        expected, limit = cv2.cvtColor(data, CONVERSIONS[fourcc]), 1.5
    mirrored = picture[:, ::-1].copy()
    other = array(jpeg(mirrored, sampling) if sampling else uncompressed(mirrored, fourcc))
    for given in (data, data.reshape(1, -1)):
        frames = RawFrames(fourcc, WIDTH, HEIGHT)
        planes = frames.planes(given)
        assert planes is not None
        assert frames.planes(other) is not None, "a later frame, which must not change the first"
        assert planes.color.full_range == bool(sampling)
        assert difference(planes.image, expected) <= limit
        assert np.abs((planes.image.astype(np.float32) - expected).mean((0, 1))).max() < 0.5, "the colours are shifted"


def test_damaged_frames_are_known_and_harmless_faults_are_none(picture: np.ndarray) -> None:
    whole = jpeg(picture)
    frames = RawFrames("MJPG", WIDTH, HEIGHT)
    half, gap, no_start = whole[: len(whole) // 2], whole[:4000] + whole[5000:], whole[1000:]
    for damaged in (b"", half, half + b"\xff\xd9", gap, no_start, whole[:300], bytes(5000)):
        assert frames.planes(array(damaged)) is None
        assert frames.planes(array(whole)) is not None, "a damaged frame spoils the next"
    no_end, no_last_byte, padded = whole[:-2], whole[:-3] + whole[-2:], whole + bytes(3000)
    for fine in (no_end, no_last_byte, padded):
        planes = frames.planes(array(fine))
        assert planes is not None
        assert difference(planes.image, picture) < 6
    assert RawFrames("NV12", WIDTH, HEIGHT).planes(np.zeros(WIDTH * HEIGHT, np.uint8)) is None


def test_unknown_forms_are_refused(picture: np.ndarray) -> None:
    for fourcc, width in (("GREY", WIDTH), ("RGB3", WIDTH), ("", WIDTH), ("YUYV", 321)):
        with pytest.raises(UnknownFrameError):
            RawFrames(fourcc, width, HEIGHT)
    with pytest.raises(UnknownFrameError):
        RawFrames("MJPG", WIDTH, HEIGHT).planes(array(jpeg(picture, "444")))
    with pytest.raises(UnknownFrameError):  # padded rows
        RawFrames("NV12", WIDTH, HEIGHT).planes(np.zeros((HEIGHT * 3 // 2, WIDTH + 64), np.uint8))


class Buffers:
    """A capture of OpenCV that gives some buffers and then has gone."""

    def __init__(self, *buffers: bytes) -> None:
        self.left = list(buffers)
        self.converts = 1

    def get(self, name: int) -> float:
        values = {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"), cv2.CAP_PROP_FRAME_WIDTH: WIDTH}
        return values.get(name, HEIGHT)

    def set(self, name: int, value: int) -> bool:
        assert name == cv2.CAP_PROP_CONVERT_RGB
        self.converts = value
        return True

    def grab(self) -> bool:
        return bool(self.left)

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, array(self.left.pop(0))

    def read(self) -> tuple[bool, np.ndarray]:
        assert self.converts
        return True, np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def test_a_run_of_damaged_frames_is_a_lost_camera(picture: np.ndarray) -> None:
    whole = jpeg(picture)
    half = whole[: len(whole) // 2]
    patient = V4l2Capture(Buffers(half, half, whole, half, whole), 60, lambda: True)  # type: ignore[arg-type]
    assert [isinstance(patient.read()[1], Planes) for _ in range(3)] == [True, True, False]
    assert patient.read() == (False, None), "the camera has gone"
    hasty = V4l2Capture(Buffers(whole, half, whole), 0, lambda: True)  # type: ignore[arg-type]
    assert isinstance(hasty.read()[1], Planes)
    assert hasty.read() == (False, None)


def test_a_camera_that_gives_no_frame_for_planes_goes_on_in_images(picture: np.ndarray) -> None:
    for buffers in ([jpeg(picture)[:4000]], [jpeg(picture, "444")]):
        camera = Buffers(*buffers)
        capture = V4l2Capture(camera, 0, lambda: True)  # type: ignore[arg-type]
        assert isinstance(capture.read()[1], np.ndarray)
        assert camera.converts == 1
        assert camera.left == []


class Driver:
    """Runs programs on a camera of a driver of our own: `camera_driver.c`."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._folder = folder

    def modes(self, *modes: tuple[str, int, int, int, list[bytes]]) -> Path:
        """Write a file of modes: fourcc, width, height, rate, and the frames."""
        path = self._folder / f"modes{len(list(self._folder.iterdir()))}"
        lines = []
        for fourcc, width, height, rate, frames in modes:
            file = path.with_name(f"{path.name}-{len(lines)}")
            file.write_bytes(b"".join(struct.pack("I", len(frame)) + frame for frame in frames))
            lines.append(f"{fourcc} {width} {height} {rate} {file}\n")
        path.write_text("".join(lines))
        return path

    def run(self, command: list[str], modes: Path, **env: object) -> Outcome:
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            encoding="utf-8",
            cwd=self._folder,
            env={
                **os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(self._library), "CAMERA_MODES": str(modes),
                "CAMERA_LOG": str(self._folder / "log"), **{name: str(value) for name, value in env.items()},
            },
            timeout=60,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux":
        pytest.skip("Video4Linux2 is for Linux")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").is_file():
        pytest.skip("needs a C compiler and Linux's headers (Debian: apt-get install gcc libc6-dev)")
    library = tmp_path_factory.mktemp("driver") / "camera.so"
    source = Path(__file__).with_name("camera_driver.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-U_FORTIFY_SOURCE", "-o", library, source, "-ldl"], check=True
    )
    return library


@pytest.fixture
def driver(driver_library: Path, tmp_path: Path) -> Driver:
    return Driver(driver_library, tmp_path)


# Opens each camera of a list [path of its modes, number or path, whether planes are kept], and prints of its frames.
READ = """
import json, os, sys
import numpy as np
from background_removal.live.camera.camera import CameraSource
for modes, camera, keep_planes in json.loads(sys.argv[1]):
    os.environ["CAMERA_MODES"] = modes
    with CameraSource(camera, keep_planes=lambda: keep_planes) as source:
        for frame in source:
            np.save(f"{os.path.basename(modes)}-{keep_planes}-{frame.index}.npy", frame.image)
            if frame.index == 2:
                break
        info = source.info
        print(json.dumps([info.width, info.height, float(info.rate), info.color is not None,
                          type(frame.picture).__name__]), flush=True)
"""


def test_each_format_comes_through_the_driver(driver: Driver, picture: np.ndarray, tmp_path: Path) -> None:
    whole = jpeg(picture)
    cases: dict[Path, tuple[str, float]] = {}
    for fourcc, frames in (
        ("MJPG", [whole, whole, whole[: len(whole) // 2]]),
        ("YUYV", [uncompressed(picture, "YUYV")]),
        ("NV12", [uncompressed(picture, "NV12")]),
        ("GREY", [uncompressed(picture, "GREY")]),
    ):
        cases[driver.modes((fourcc, WIDTH, HEIGHT, 30, frames))] = (fourcc, 60 if fourcc == "GREY" else 6)
    modes = list(map(str, cases))
    runs = [[modes[0], 9, True], [modes[1], "/dev/video9", True], [modes[2], 9, True], [modes[3], 9, True]]
    outcome = driver.run(["-c", READ, json.dumps([*runs, [modes[0], 9, False]])], Path(modes[0]))
    assert (outcome.code, outcome.err) == (0, "")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    planes, image = [WIDTH, HEIGHT, 30, True], [WIDTH, HEIGHT, 30, False]
    assert lines == [[*planes, "Planes"]] * 3 + [[*image, "ndarray"]] * 2
    for path, (fourcc, limit) in cases.items():
        for index in range(3):
            assert difference(np.load(tmp_path / f"{path.name}-True-{index}.npy"), picture) < limit, fourcc


UNPLUGGED = """
import json
from background_removal.live.camera.camera import CameraSource
from background_removal.pipeline.frame import Planes
seen = []
with CameraSource(9, keep_planes=lambda: True) as source:
    for frame in source:
        seen.append([*frame.shape[:2], isinstance(frame.picture, Planes), frame.picture.color.full_range])
        if frame.shape[0] != 240:
            break
print(json.dumps(seen))
"""


def test_a_camera_that_comes_back_may_have_another_mode(driver: Driver, picture: np.ndarray) -> None:
    before = driver.modes(("MJPG", WIDTH, HEIGHT, 30, [jpeg(picture)]))
    then = driver.modes(("YUYV", 160, 120, 30, [uncompressed(cv2.resize(picture, (160, 120)), "YUYV")]))
    outcome = driver.run(["-c", UNPLUGGED], before, CAMERA_UNPLUG="6 0.1", CAMERA_THEN=then)
    assert outcome.code == 0
    assert outcome.err == "camera 9 gives no frames; trying again\n"
    *first, last = json.loads(outcome.out)
    assert first
    assert all(seen == [240, 320, True, True] for seen in first)
    assert last == [120, 160, True, False]


# The last object: ends the run as Ctrl-C does.
LAST = """
class Last:
    count = 0

    def on_planes(self, planes):
        self.count += 1
        if self.count == 12:
            raise KeyboardInterrupt
        return planes

    def __call__(self, image):
        raise AssertionError("an image instead of planes")
"""


def test_size_and_rate_are_requested_and_recorded_in_planes(
    driver: Driver, picture: np.ndarray, tmp_path: Path
) -> None:
    """Uncompressed the camera gives 10 pictures a second of the large size, as JPEG 30."""
    large = cv2.resize(picture, (640, 480))
    modes = driver.modes(
        ("YUYV", WIDTH, HEIGHT, 30, [uncompressed(picture, "YUYV")]),
        ("YUYV", 640, 480, 10, [uncompressed(large, "YUYV")]),
        ("MJPG", 640, 480, 30, [jpeg(large)]),
    )
    (tmp_path / "last.py").write_text(LAST)
    arguments = ["--no-show", "--no-segmentation", "--record", "take.mp4", "--object", "last.py:Last"]
    outcome = driver.run([str(ROOT / "main.py"), "--webcam", "9", "--size", "640x480", *arguments], modes)
    assert (outcome.code, outcome.err) == (130, "note: recorded take.mp4\n")
    log = (tmp_path / "log").read_text().splitlines()
    # With one buffer, every other frame would be lost.
    assert log[-3:] == ["format MJPG 640x480: MJPG 640x480", "rate 30: 30", "buffers 2"]
    recorded = probe(tmp_path / "take.mp4", images=True)
    assert recorded.size == (640, 480)
    assert difference(recorded.images[-1], large) < 8
