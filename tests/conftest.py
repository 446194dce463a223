"""What the tests share: pictures of a person, clips made on the spot, a screen, a camera, a command line."""

from __future__ import annotations

import contextlib
import http.server
import io
import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import background_removal  # noqa: F401 - before anything can import ONNX Runtime: see there

# isort: split
import av
import cv2
import numpy as np
import pytest

import main
from background_removal.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PORTRAIT = ROOT / "samples" / "portrait.jpg"
# Start of the reason of a skip that installing something would not change; FAIL_ON_SKIPS lets it pass.
NOT_POSSIBLE_HERE = "not possible on this computer: "


def pytest_xdist_auto_num_workers() -> int:
    """Return two processes more than there are cores: many tests wait for a camera, a window or another program."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need; those that need another program are slow."""
    for item in items:
        if "screen" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.screen)
        if any(item.get_closest_marker(name) for name in ("screen", "browser", "cluster")):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With FAIL_ON_SKIPS=1 (.ci/run) a skipped test is a failure, except where ../shared or a right is absent."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("FAIL_ON_SKIPS") != "1" or reporter is None:
        return
    reasons = {str(report.longrepr) for report in reporter.stats.get("skipped", [])}
    accepted = (NOT_POSSIBLE_HERE,) if SHARED.is_dir() else (NOT_POSSIBLE_HERE, "../shared")
    unexpected = [reason for reason in reasons if not any(text in reason for text in accepted)]
    if unexpected:
        reporter.write_line("unexpected skips: " + "; ".join(sorted(unexpected)), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def quiet_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures be processed alike however busy the computer is, on battery too, and whatever cards it has."""
    monkeypatch.setattr("background_removal.matting.networks.device_choice.is_installed", lambda name: False)
    monkeypatch.setattr("background_removal.matting.effort.level.processor_load", lambda: 0.0)
    monkeypatch.setattr("background_removal.matting.effort.level.is_on_battery", lambda: False)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """The sample portrait, uint8 (512, 512, 3) BGR."""
    return cv2.imread(str(PORTRAIT))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips and ground truth that is not part of the project."""
    if not (SHARED / "media").is_dir():
        pytest.skip("needs the folder ../shared of real clips, which is not part of the project")
    return SHARED


def scene(index: int, width: int = 320, height: int = 240) -> np.ndarray:
    """Return a generated picture that differs from frame to frame, with detail and colour."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x + 3 * index) % 256, (y * 2 + index) % 256, ((x // 16 + y // 16 + index // 4) % 2) * 200]
    return np.stack(planes, axis=-1).astype(np.uint8)


def sine(count: int, rate: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype(np.float32)[None]


@dataclass
class Clip:
    """A video file that a test has made, and what is in it."""

    path: Path
    times: list[Fraction] = field(default_factory=list)


def make_clip(
    path: Path,
    images: list[np.ndarray],
    *,
    times: list[Fraction] | None = None,
    rate: Fraction = Fraction(25),
    time_base: Fraction | None = None,
    sound: str | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound_seconds: float | None = None,
    options: dict[str, str] | None = None,
    gop: int | None = None,
) -> Clip:
    """Write `images` as a video with PyAV; `times` in seconds, else one every ``1 / rate``; a key frame every `gop`."""
    times = times or [i / rate for i in range(len(images))]
    time_base = time_base or 1 / rate
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codec, rate=rate)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = time_base
        if gop:
            video.codec_context.gop_size = gop
        audio = container.add_stream(sound, rate=44100) if sound else None
        for image, at in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = int(at / time_base), time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            seconds = sound_seconds or float(times[-1] + 1 / rate)
            samples = sine(int(seconds * 44100), 44100)
            for start in range(0, samples.shape[1], 1024):
                part = np.ascontiguousarray(samples[:, start : start + 1024])
                chunk = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                chunk.rate, chunk.pts, chunk.time_base = 44100, start, Fraction(1, 44100)
                container.mux(audio.encode(chunk))
            container.mux(audio.encode(None))
    return Clip(path, times)


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Clip]:
    """Make a clip of the generated scene: ``clip("name.mp4", frames=20, width=…, height=…, sound="aac")``."""

    def make(name: str = "clip.mp4", frames: int = 20, width: int = 320, height: int = 240, **more) -> Clip:
        return make_clip(tmp_path / name, [scene(i, width, height) for i in range(frames)], **more)

    return make


@dataclass
class Probe:
    """What an independent look at a video file finds."""

    codec: str
    pix_fmt: str
    width: int
    height: int
    times: list[Fraction]
    images: list[np.ndarray]
    sound: list[tuple[str, int, int]]  # codec, packets, bytes of each track

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


def probe(path: Path | str, images: bool = False) -> Probe:
    """Decode the whole file with PyAV, on one thread, and report what is in it."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        frames = list(container.decode(stream))
        pictures = [f.to_ndarray(format="bgr24") for f in frames] if images else []
        times = [f.pts * f.time_base for f in frames]
        context = stream.codec_context
        found = Probe(context.name, context.pix_fmt or "", context.width, context.height, times, pictures, [])
    with av.open(str(path)) as container:
        for track in container.streams.audio:
            container.seek(0)
            packets = [p for p in container.demux(track) if p.size]
            found.sound.append((track.codec_context.name, len(packets), sum(p.size for p in packets)))
    return found


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return what a camera stores so that the EXIF orientation turns it upright (EXIF 2.32, tag 274)."""
    return {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean absolute difference of two images of one size."""
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


@dataclass
class Outcome:
    code: int
    out: str
    err: str


def done(engine: Engine) -> str:
    """Run an engine and return the path of its result."""
    engine.run()
    return engine.result_path


@pytest.fixture
def run_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run the command line in this process, in a folder of its own, and return how it went."""

    def run(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Outcome:
        modules, path, handlers = set(sys.modules), list(sys.path), list(logging.getLogger().handlers)
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.chdir(cwd or tmp_path)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            try:
                code = main.main([str(argument) for argument in arguments])
            except SystemExit as stopped:
                code = stopped.code
        # What is left of a process that goes on: its messages go elsewhere, and objects of the next test are others.
        logging.getLogger().handlers[:] = handlers
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
                del sys.modules[name]
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[..., Outcome]:
    """Run ``python main.py …`` as a user does, in a process of its own, and return how it went."""

    def run(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Outcome:
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1", **(env or {})},
            cwd=cwd or tmp_path,
            timeout=240,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


class Program(subprocess.Popen[str]):
    """A program in a process of its own, for which no test waits longer than a minute unless it says so."""

    def __init__(self, command: list[str], **more: Any) -> None:
        super().__init__(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **more)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers: list[threading.Thread] = []

    def line(self, seconds: float = 60, again: Callable[[], object] | None = None) -> str:
        """Return the next line of standard output, "" at its end.

        Args:
            seconds: For how long to wait; then the test fails, with what the program has said on standard error.
            again: Done once, after a third of the time, if no line has come: what asks for it may have been lost.
        """
        self._read()
        for wait, ask in ((seconds / 3, again), (seconds * 2 / 3, None)):
            with contextlib.suppress(queue.Empty):
                return self._lines.get(timeout=wait)
            if ask is not None:
                warnings.warn(f"asked again: no line in {wait:.0f} s from a program that {self._state()}", stacklevel=2)
                ask()
        pytest.fail(f"no line in {seconds} s from a program that {self._state()}")

    def wait(self, timeout: float | None = 60) -> int:
        return super().wait(timeout)

    def communicate(self, input: str | None = None, timeout: float | None = 60) -> tuple[str, str]:
        """Wait for the program's end; return the unread part of standard output, and standard error."""
        if not self._readers:
            return super().communicate(input, timeout)
        self.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        lines = []
        with contextlib.suppress(queue.Empty):
            while True:
                lines.append(self._lines.get_nowait())
        return "".join(lines), "".join(self._errors)

    def end(self) -> None:
        """Kill it if it runs; children that hold its output are not waited for."""
        if self.poll() is None:
            self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.communicate(timeout=10)

    def _read(self) -> None:
        if not self._readers:
            takes = (self._take_lines, self._take_errors)
            self._readers = [threading.Thread(target=take, daemon=True) for take in takes]
            for reader in self._readers:
                reader.start()

    def _take_lines(self) -> None:
        assert self.stdout is not None
        for line in self.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _take_errors(self) -> None:
        assert self.stderr is not None
        self._errors.extend(self.stderr)

    def _state(self) -> str:
        return f"{'runs' if self.poll() is None else f'ended with {self.returncode}'}: {''.join(self._errors)[-1000:]}"


@pytest.fixture
def start_main(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start ``python main.py …`` and leave it running; it is ended with the test at the latest."""
    started: list[Program] = []

    def start(*arguments: object, program: str = "", env: dict[str, str] | None = None) -> Program:
        command = ["-c", program] if program else [str(ROOT / "main.py")]
        process = Program(
            [sys.executable, *command, *map(str, arguments)],
            env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), **(env or {})},
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for `condition`; fail with `what` if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Screen:
    """A virtual X screen, with hands to type on it."""

    title = "Background Removal"

    def __init__(self, display: str) -> None:
        self.env = {"DISPLAY": display}

    def _xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], capture_output=True, encoding="utf-8", env={**os.environ, **self.env}
        )
        return done.stdout.strip()

    def window(self) -> str:
        return self._xdotool("search", "--onlyvisible", "--name", f"^{self.title}$").split("\n")[0]

    def wait_for_window(self) -> str:
        wait_until(self.window, "the window")
        noticed = time.monotonic()

        def painted() -> bool:
            nonlocal noticed
            if time.monotonic() - noticed > 3:
                self._say_that_it_is_mapped()
                noticed = time.monotonic()
            return bool(self.picture().any())

        wait_until(painted, "the first picture in the window")
        time.sleep(0.3)  # Qt maps it a moment before it listens
        return self.window()

    def _say_that_it_is_mapped(self) -> None:
        """Repeat what the X server has said: on a loaded machine without a window manager Qt sometimes misses it."""
        from Xlib import display
        from Xlib.protocol import event

        connection = display.Display(self.env["DISPLAY"])
        window = connection.create_resource_object("window", int(self.window()))
        window.send_event(event.MapNotify(event=window, window=window, override=0))
        connection.sync()
        window.clear_area(exposures=True)
        connection.sync()
        connection.close()

    def type(self, *keys: str, pause_ms: int = 12) -> None:
        self._xdotool("windowfocus", "--sync", self.window())
        self._xdotool("key", "--delay", str(pause_ms), *keys)

    def click(self, x: int, y: int) -> None:
        """Click into the window, so many pixels from its upper left corner."""
        self._xdotool("mousemove", "--window", self.window(), str(x), str(y), "click", "1")

    def mark(self, x: int, y: int) -> None:
        """Click with Ctrl into the window."""
        self._xdotool("keydown", "ctrl")
        self.click(x, y)
        self._xdotool("keyup", "ctrl")

    def drag(self, start: tuple[int, int], end: tuple[int, int], key: str = "") -> None:
        """Press at one place in the window, and let go at another; `key` is held meanwhile."""
        window = self.window()
        if key:
            self._xdotool("keydown", key)
        self._xdotool("mousemove", "--window", window, *map(str, start))
        self._xdotool("mousedown", "1")
        self._xdotool("mousemove", "--window", window, *map(str, end), "mouseup", "1")
        if key:
            self._xdotool("keyup", key)

    def close_window(self) -> None:
        """Ask the window to close as its frame's button does (ICCCM's WM_DELETE_WINDOW)."""
        from Xlib import display
        from Xlib.protocol import event

        connection = display.Display(self.env["DISPLAY"])
        window = connection.create_resource_object("window", int(self.window()))
        protocols, delete = connection.intern_atom("WM_PROTOCOLS"), connection.intern_atom("WM_DELETE_WINDOW")
        window.send_event(event.ClientMessage(window=window, client_type=protocols, data=(32, [delete, 0, 0, 0, 0])))
        connection.sync()  # or closing at once may come before the message
        connection.close()

    def picture(self) -> np.ndarray:
        """Return what the window shows, uint8 (H, W, 3) BGR."""
        from Xlib import X, display

        connection = display.Display(self.env["DISPLAY"])
        window = connection.create_resource_object("window", int(self.window()))
        shape = window.get_geometry()
        data = window.get_image(0, 0, shape.width, shape.height, X.ZPixmap, 0xFFFFFFFF).data
        connection.close()
        return np.frombuffer(data, np.uint8).reshape(shape.height, shape.width, 4)[..., :3].copy()


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool (Debian: apt-get install xvfb xdotool)")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()  # the end of the pipe if it does not start
    yield Screen(f":{number}")
    server.terminate()
    server.wait(timeout=30)


class StreamCamera:
    """An HTTP MJPEG camera on loopback: what it shows can be changed, stopped and brought back."""

    def __init__(self, image: np.ndarray, rate: float = 30.0) -> None:
        self.image = image
        self.rate = rate
        self.sent = 0
        self.viewers = self.opened = 0
        self.silent = threading.Event()
        self.refusing = threading.Event()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if camera.refusing.is_set():
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                camera.viewers += 1
                camera.opened += 1
                try:
                    while not camera.refusing.is_set():
                        if not camera.silent.is_set():
                            data = cv2.imencode(".jpg", camera.image)[1].tobytes()
                            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                            self.wfile.write(head.encode() + data + b"\r\n")
                            camera.sent += 1
                        time.sleep(1 / camera.rate)
                except OSError:
                    pass
                finally:
                    camera.viewers -= 1

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/video"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.refusing.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def stream_camera(portrait: np.ndarray) -> Iterator[StreamCamera]:
    camera = StreamCamera(portrait)
    yield camera
    camera.close()


class MemoryBackend:
    """What pyvirtualcam asks of a backend, with a plain file in the place of the kernel's device."""

    frames: list[np.ndarray] = []  # noqa: RUF012
    opened: dict = {}  # noqa: RUF012

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        if device == "/dev/missing":
            raise RuntimeError("no such device")
        self._shape = (height, width, 3)
        self._in_planes = fourcc == int.from_bytes(b"I420", "little")
        self._device = device or "memory"
        MemoryBackend.frames = []
        MemoryBackend.opened = {"width": width, "height": height, "fps": fps, "planes": self._in_planes}

    def close(self) -> None:
        MemoryBackend.opened = {}

    def send(self, frame: np.ndarray) -> None:
        if self._in_planes:
            planes = frame.reshape(self._shape[0] * 3 // 2, self._shape[1])
            MemoryBackend.frames.append(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))
        else:
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
