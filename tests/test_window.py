"""The window: a real one, with real keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, Program, Screen, StreamCamera, difference, probe, wait_until

from background_removal.cli.settings_file import read_settings
from background_removal.engine import Engine
from background_removal.errors import Stopped
from background_removal.live.control.stream_controls import StreamControls
from background_removal.live.options import LiveOptions
from background_removal.live.recording import snapshots as snapshots_module
from background_removal.live.recording.snapshots import Snapshots
from background_removal.live.window.pointer import Gesture, Pointer
from background_removal.live.window.viewer import Viewer
from background_removal.pipeline.frame import Frame, StreamInfo
from background_removal.pipeline.objects import FrameObject, ObjectChain
from background_removal.segmentation import MPSegmentation

PLAIN = ("--no-segmentation", "--no-fps")
LIVE = StreamInfo("camera", 320, 240, live=True)


def upper(picture: np.ndarray) -> np.ndarray:
    """Return a picture without its lower part, where messages come and go."""
    return picture[: picture.shape[0] * 3 // 4]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return difference(upper(a), upper(b))


def answer(process: Program, click: Callable[[], object]) -> str:
    """Click, and return what the program says; a click that is lost on the way is repeated once."""
    click()
    return process.line(again=click)


def is_grey(picture: np.ndarray) -> bool:
    shown = upper(picture).astype(int)
    return bool(np.abs(shown - shown[..., :1]).max() < 8)


# No window manager makes it fill the screen here: OpenCV itself is asked.
NOTES_FULL_SCREEN = """
import os
import cv2

seen = 0

def note(image):
    global seen
    seen += 1
    if seen > 2:  # before that there is no window to ask
        with open("full.part", "w") as file:
            file.write(str(cv2.getWindowProperty("Background Removal", cv2.WND_PROP_FULLSCREEN)))
        os.replace("full.part", "full.txt")
    return image
"""


@pytest.mark.slow
def test_every_key_of_the_window(tmp_path: Path, stream_camera: StreamCamera, screen: Screen, start_main) -> None:
    (tmp_path / "notes.py").write_text(NOTES_FULL_SCREEN)
    notes = ("--object", "notes.py:note")
    process = start_main("--webcam", stream_camera.url, "--no-fps", "--config", "look.toml", *notes, env=screen.env)
    screen.wait_for_window()
    blurred = screen.picture()

    def press(key: str, shows: Callable[[np.ndarray], object], what: str) -> np.ndarray:
        screen.type(key)
        wait_until(lambda: shows(screen.picture()), f"{what} after {key}")
        return screen.picture()

    press("m", lambda shown: is_grey(shown) and apart(shown, blurred) > 20, "a grey matte")
    press("m", lambda shown: apart(shown, blurred) < 4, "the picture again")
    press("f", lambda shown: apart(shown[:, ::-1], blurred) < 8, "the mirrored picture")
    press("f", lambda shown: apart(shown, blurred) < 4, "the picture as it was, mirrored for others too")
    screen.type("f")  # for the window alone again
    replaced = press("b", lambda shown: apart(shown, blurred) > 10, "another background")

    def helps(shown: np.ndarray) -> bool:
        rows, left = slice(shown.shape[0] // 4, shown.shape[0] // 2), shown.shape[1] // 3
        return shown[rows, :left].mean() < 0.6 * replaced[rows, :left].mean()

    press("h", helps, "the list of keys")
    press("h", lambda shown: apart(shown, replaced) < 4, "the list to go")
    press("question", helps, "the list of keys")
    press("question", lambda shown: apart(shown, replaced) < 4, "the list to go")
    beside = press("c", lambda shown: shown[5].max() < 30, "black above: the shape stays")
    half, middle = beside.shape[1] // 2, slice(beside.shape[0] // 3, beside.shape[0] * 2 // 3)
    assert difference(beside[middle, :half], beside[middle, half : 2 * half]) > 10
    press("c", lambda shown: apart(shown, replaced) < 4, "one picture again")
    for key in ("g", "F11"):
        for full in ("1.0", "0.0"):
            press(key, lambda _, full=full: (tmp_path / "full.txt").read_text() == full, "the full screen, or no more")
    screen.type("s")
    wait_until(lambda: list((tmp_path / "snapshots").glob("2*.png")), "the snapshot")
    [snapshot] = (tmp_path / "snapshots").glob("2*.png")
    assert cv2.imread(str(snapshot)).shape == (512, 512, 3)
    for key in ("bracketright", "plus", "w"):  # typed as fast as one can
        screen.type(key)
    wait_until((tmp_path / "look.toml").exists, "the settings")
    settings = read_settings(str(tmp_path / "look.toml"))
    look = {"flip": False, "mirror_preview": True, "background": "blur", "blur": "3%", "threshold": 0.55}
    assert settings == look | {"people": "all", "auto_frame": False, "low_light": False, "color_balance": False}
    screen.type("r")
    wait_until(lambda: list(tmp_path.glob("recording_*.unfinished.mp4")), "the recording to begin")
    time.sleep(1)
    screen.type("r")
    wait_until(lambda: not list(tmp_path.glob("*.unfinished*")), "the recording")
    [recording] = tmp_path.glob("recording_*.mp4")
    assert len(probe(recording).times) > 8
    screen.type("q")
    assert process.wait(timeout=30) == 0


NOTES_KEYS = """
import time

class Slow:
    keys = {"x": "noted"}

    def __call__(self, image):
        time.sleep(0.1)
        return image

    def on_key(self, key):
        with open("keys.txt", "a") as file:
            file.write(key)
        return True
"""


@pytest.mark.slow
@pytest.mark.parametrize("slow", ["camera", "object"])
def test_no_key_is_lost_at_ten_frames_a_second(
    tmp_path: Path, stream_camera: StreamCamera, screen: Screen, start_main, slow: str
) -> None:
    """Six presses 20 ms apart, three times: far more than one to a frame, be it that frames come or are made slowly."""
    (tmp_path / "notes.py").write_text(NOTES_KEYS if slow == "object" else NOTES_KEYS.replace("0.1", "0"))
    stream_camera.rate = 30 if slow == "object" else 10
    process = start_main(
        "--webcam", stream_camera.url, *PLAIN, "--object", "notes.py:Slow", env=screen.env
    )  # fmt: skip
    screen.wait_for_window()
    for _ in range(3):
        screen.type("a", "b", "c", "d", "e", "f", pause_ms=20)
        time.sleep(0.3)
    wait_until(lambda: (tmp_path / "keys.txt").exists(), "keys")
    time.sleep(0.5)
    assert (tmp_path / "keys.txt").read_text() == "abcdef" * 3
    screen.type("q")
    assert process.wait(timeout=30) == 0


def test_space_freezes_the_picture(stream_camera: StreamCamera, screen: Screen, start_main) -> None:
    process = start_main("--webcam", stream_camera.url, *PLAIN, env=screen.env)
    screen.wait_for_window()
    going = screen.picture()
    screen.type("space")
    wait_until(lambda: difference(screen.picture(), going) > 0.5, "the message")
    stream_camera.image = 255 - stream_camera.image
    time.sleep(0.7)
    middle = slice(going.shape[0] // 4, going.shape[0] // 2)
    assert difference(screen.picture()[middle], going[middle]) < 2
    screen.type("space")
    wait_until(lambda: difference(screen.picture()[middle], going[middle]) > 20, "the picture to go on")
    screen.type("q")
    assert process.wait(timeout=30) == 0


@pytest.mark.slow
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


class Mine(FrameObject):
    keys = {"x": "something of mine"}  # noqa: RUF012


def test_the_list_of_keys_and_messages_are_drawn_while_they_are_wanted() -> None:
    viewer, chain = Viewer(), ObjectChain([Mine()])
    viewer.serve([chain, StreamControls(Engine(), live=True)], chain)
    viewer.open(LIVE)
    plain = np.full((240, 320, 3), 200, np.uint8)

    def drawn() -> np.ndarray:
        picture = plain.copy()
        viewer.draw(picture)
        return picture

    assert (drawn() == plain).all()
    assert viewer.on_key("x") is False
    viewer.on_key("?")
    assert drawn().mean() < 180
    viewer.on_key("?")
    viewer.say("a message that is far too long for a small window, which is made smaller to fit into it, and then cut")
    assert difference(drawn()[180:], plain[180:]) > 10


def test_snapshots_are_numbered_when_they_come_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "background_removal.live")
    monkeypatch.setattr("background_removal.live.recording.snapshots.format_timestamp", lambda: "2026-01-02_03-04-05")
    snapshots = Snapshots(LiveOptions(snapshots=tmp_path / "deep" / "er"))
    snapshots.open(LIVE)
    assert snapshots.on_key("x") is False
    assert snapshots.on_key("s") == "there is no picture yet"
    for level in (10, 20):
        snapshots.write(Frame(np.full((24, 32, 3), level, np.uint8)))
        assert snapshots.on_key("s") == "saving a snapshot"
    snapshots.close()
    found = sorted((tmp_path / "deep" / "er").iterdir())
    assert caplog.messages == [f"saved {path}" for path in found]
    pictures = [cv2.imread(str(path)) for path in found]
    assert [int(picture.mean()) for picture in pictures] == [10, 20]


def test_a_snapshot_does_not_hold_up_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    write = snapshots_module.write_image
    monkeypatch.setattr(snapshots_module, "write_image", lambda *arguments: (go_on.wait(60), write(*arguments)))
    told: list[str] = []
    snapshots = Snapshots(LiveOptions(snapshots=tmp_path / "pictures"), told.append)
    snapshots.open(LIVE)
    image = np.full((24, 32, 3), 10, np.uint8)
    snapshots.write(Frame(image))
    assert snapshots.on_key("s") == "saving a snapshot"
    image[:] = 200  # objects may use their arrays again
    assert told == []
    go_on.set()
    snapshots.close()
    [path] = (tmp_path / "pictures").iterdir()
    assert told == [f"saved {path}"]
    assert cv2.imread(str(path)).max() == 10


class KeysOnly:
    """A window's keyboard without the window: what was typed is taken from a list."""

    def __init__(self, *keys: str) -> None:
        self.typed = list(keys)
        self.closed = False

    def show(self, image: np.ndarray, draw: Callable[[np.ndarray], object]) -> None:
        draw(np.full((240, 320, 3), 90, np.uint8))

    def keys(self, wait_ms: int = 1) -> list[str]:
        typed, self.typed = self.typed, []
        return typed

    def gestures(self) -> list[Gesture]:
        return []

    def close(self) -> None:
        self.closed = True


def engine_with_keys(monkeypatch: pytest.MonkeyPatch, *keys: str, **more) -> Engine:
    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: KeysOnly(*keys))
    return Engine(show=True, **more)


def test_keys_of_objects_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []

    class Greedy(FrameObject):
        keys = {"f": "mine"}  # noqa: RUF012

        def on_key(self, key: str) -> bool:
            used.append(key)
            return key == "f"

    engine = engine_with_keys(monkeypatch, "f", "F", custom_objects=[Greedy()])
    assert engine.display(np.zeros((48, 64, 3), np.uint8))
    assert used == ["f", "F", "f"], "a capital that nobody wants is the small letter"
    assert engine.flip_view is False
    plain = engine_with_keys(monkeypatch, "f", "q")
    assert not plain.display(np.zeros((48, 64, 3), np.uint8))
    assert plain.flip_view is True


def test_only_a_key_that_changes_the_picture_makes_a_still_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[int] = []

    class Counts(FrameObject):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            made.append(1)
            return image

        def on_key(self, key: str) -> bool:
            return key == "x"

    class Typist(KeysOnly):
        """Types one key each time that the window is looked after."""

        def keys(self, wait_ms: int = 1) -> list[str]:
            return [self.typed.pop(0)] if self.typed else []

        def gestures(self) -> list[Gesture]:
            return []

    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: Typist("h", "s", "x", "c", "f", "q"))
    monkeypatch.setattr("background_removal.live.window.window.require_display", lambda: None)
    monkeypatch.chdir(tmp_path)
    portrait = ROOT / "samples" / "portrait.jpg"
    Engine(image_path=portrait, output_path="r.png", show=True, custom_objects=[Counts()]).run()
    assert len(made) == 3, "at first, after x and after f"
    mirrored, original = cv2.imread("r.png"), cv2.imread(str(portrait))
    assert (mirrored == original[:, ::-1]).all(), "what is saved is what was shown last"


def test_the_window_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("q", "Q", "esc"):
        monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda key=key: KeysOnly(key))
        viewer = Viewer()
        with pytest.raises(Stopped):
            viewer.write(Frame(np.zeros((48, 64, 3), np.uint8)))


def test_the_look_changes_by_keys(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(bg_blur_ratio=(35, 35))
    seen = []
    for _ in range(4):
        seen.append((segmentation.look.background, segmentation(portrait)))
        assert segmentation.on_key("b")
    assert segmentation.look.background == seen[0][0] == "blur"
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
    assert segmentation.look.blur == 1
    with_picture = MPSegmentation(background=str(ROOT / "backgrounds" / "3_bokeh.jpg"))
    with_picture.on_key("b")
    assert with_picture.look.background == "#00b140"


CLICKED = """
class Clicked:
    def __call__(self, image):
        return image

    def on_click(self, x, y):
        print(f"{x:.2f} {y:.2f}", flush=True)
        return True
"""


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


def test_objects_may_open_windows_of_their_own(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    program = f"""
import cv2
from engine import Engine

def look(image):
    cv2.imshow("mine", 255 - image)
    return image

Engine(webcam_id={stream_camera.url!r}, show=True, custom_objects=[look]).run()
"""
    process = start_main(program=program, env=screen.env)
    screen.wait_for_window()
    screen.type("q")
    assert process.wait(timeout=30) == 0
    assert "Error" not in process.communicate()[1]  # Qt has something to say of its fonts


def test_the_window_alone_is_mirrored_and_its_words_are_not(
    screen: Screen, stream_camera: StreamCamera, start_main, tmp_path: Path
) -> None:
    stream_camera.image = np.zeros((480, 640, 3), np.uint8)
    stream_camera.image[:, :320] = 200
    (tmp_path / "asked.py").write_text(CLICKED)
    started = (*PLAIN, "--object", "asked.py:Clicked", "--snapshots", "shots")
    process = start_main("--webcam", stream_camera.url, *started, env=screen.env)
    screen.wait_for_window()
    wait_until(lambda: screen.picture()[10, -10].min() > 150 and screen.picture()[10, 10].max() < 50, "it mirrored")
    assert answer(process, lambda: screen.click(480, 120)) == "0.25 0.25\n", "where the camera saw it"
    screen.type("c")
    wait_until(lambda: screen.picture()[240, 300].min() > 150 and screen.picture()[240, 20].max() < 50, "both halves")
    assert answer(process, lambda: screen.click(280, 240)) == "0.12 0.50\n"
    screen.type("c", "s")
    wait_until(lambda: list((tmp_path / "shots").glob("2*.png")), "the snapshot")
    [shot] = (tmp_path / "shots").glob("2*.png")
    assert cv2.imread(str(shot))[10, 10].min() > 150, "what goes out is not mirrored"
    screen.type("f", "f")
    wait_until(lambda: screen.picture()[10, -10].min() > 150, "it mirrored for everybody")
    assert answer(process, lambda: screen.click(480, 120)) == "0.75 0.25\n"
    screen.type("q")
    assert process.wait(timeout=30) == 0


def test_a_wheel_is_counted_where_the_window_leaves_it_to_the_program() -> None:
    turns = []
    for has_wheel in (True, False):
        pointer = Pointer(has_wheel)
        for notches in (1, -2):
            pointer.on_mouse(cv2.EVENT_MOUSEWHEEL, (0.5, 0.5), (notches * 120) << 16)
        turns.append([gesture.notches for gesture in pointer.take()])
    assert [list(np.sign(each)) for each in turns] == [[1, -1], []], "Qt's window enlarges its content with it"


def test_a_click_reaches_the_objects_as_shares_of_the_picture(
    screen: Screen, stream_camera: StreamCamera, start_main, tmp_path: Path
) -> None:
    program = f"""
from engine import Engine
from background_removal.pipeline.objects import FrameObject

class Clicked(FrameObject):
    def on_click(self, x, y):
        print(f"{{x:.2f}} {{y:.2f}}", flush=True)
        return "clicked"

    def on_mark(self, x, y):
        print(f"marked {{x:.2f}} {{y:.2f}}", flush=True)
        return True

    def on_drag(self, across, down):
        print("dragged", across, down, flush=True)
        return True

    def on_wheel(self, notches):
        print("turned", notches, flush=True)
        return True

Engine(webcam_id={stream_camera.url!r}, show=True, custom_objects=[Clicked()]).run()
"""
    process = start_main(program=program, env=screen.env)
    screen.wait_for_window()
    height, width = screen.picture().shape[:2]
    assert answer(process, lambda: screen.click(width // 4, height * 3 // 4)) == "0.25 0.75\n"
    assert answer(process, lambda: screen.mark(width // 2, height // 4)) == "marked 0.50 0.25\n"
    time.sleep(0.6)  # or the system takes the next press for a double click
    screen.drag((width // 4, height // 2), (width // 2, height // 4))
    ways = [process.line().split()]
    while abs(sum(float(way[1]) for way in ways) - 0.25) > 0.02:
        ways.append(process.line().split())
    assert {way[0] for way in ways} == {"dragged"}
    assert abs(sum(float(way[2]) for way in ways) + 0.25) < 0.02
    time.sleep(0.6)
    screen.drag((width // 4, height // 2), (width // 4, height // 4), key="shift")
    turned = 0.0
    while abs(turned - 5) > 0.3:  # a quarter of the height
        word, notches = process.line().split()
        assert word == "turned"
        turned += float(notches)
    screen.type("q")
    assert process.wait(timeout=30) == 0
