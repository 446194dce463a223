"""What the window draws over the picture: where, how large, how readable, and for the user alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Clip, MemoryBackend, Screen, StreamCamera, make_clip, probe, wait_until

from background_removal.effects.plate import Logo, NamePlate
from background_removal.engine import Engine
from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recording import Recorder
from background_removal.live.window.overlay import DOT, draw_overlay
from background_removal.live.window.pointer import Gesture
from background_removal.live.window.viewer import Viewer
from background_removal.pipeline.frame import Frame, StreamInfo
from background_removal.support.lettering import draw_label, measure_label

SIGNS = ("30 fps", "frozen", f"{DOT} 02:07", "frames left out: 112")
TROUBLE = "no picture from camera http://192.168.178.20:8080/video; trying again for 19 s"
MESSAGE = "w writes the look to the file of --config, which was not given"
KEYS = [("g, F11, double click", "full screen")] + [("[ / ]", "keep more / less of the picture")] * 14
SHAPES = [(320, 240), (640, 480), (1280, 720), (3840, 2160), (405, 720), (1600, 500)]


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=2)


def extent(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is set in a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("text", ["30 fps", f"{DOT} 02:07", MESSAGE, "Zoë"])
@pytest.mark.parametrize("size", [10, 14, 22, 65])
def test_a_label_is_as_wide_as_its_text(text: str, size: int) -> None:
    width, height = measure_label(text, size)
    picture = np.full((3 * size, width + 2 * size, 3), 200, np.uint8)
    draw_label(picture, text, size, 2 * size, size)
    ground = extent(picture[..., 0] != 200)
    assert ground == (size, 2 * size - height, size + width, 2 * size)
    letters = extent((picture[..., 0] > 55) & (picture[..., 0] != 200))
    left, right = letters[0] - ground[0], ground[2] - letters[2]
    assert 0.3 * size < left < 0.75 * size
    assert 0.3 * size < right < 0.75 * size


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[0] < 2000])
def test_nothing_that_is_drawn_covers_anything_else(tmp_path: Path, shape: tuple[int, int]) -> None:
    logo = np.full((50, 400, 4), (200, 120, 0, 255), np.uint8)
    cv2.imwrite(str(tmp_path / "logo.png"), logo)
    plain = np.full((shape[1], shape[0], 3), 255, np.uint8)

    def drawn(**what: Any) -> np.ndarray:
        picture = plain.copy()
        draw_overlay(picture, **what)
        return picture

    status = drawn(status=TROUBLE)
    both = drawn(status=TROUBLE, message=MESSAGE)
    badges, usual = drawn(badges=SIGNS), drawn(badges=SIGNS, message=MESSAGE)
    parts = {
        "name": changed(plain, NamePlate("Zoë Ångström, Head of Something Very Long")(plain.copy())),
        "logo": changed(plain, Logo(tmp_path / "logo.png")(plain.copy())),
        "badges": changed(plain, badges),
        "status": changed(plain, status),
        "message": changed(status, both),
        "message alone": changed(plain, drawn(message=MESSAGE)),
        "keys": changed(both, drawn(status=TROUBLE, message=MESSAGE, keys=KEYS)),
        "keys and badges": changed(usual, drawn(badges=SIGNS, message=MESSAGE, keys=KEYS)),
    }
    drawn_into_the_frame = [("name", other) for other in parts if other != "name"]
    drawn_into_the_frame += [("logo", other) for other in parts if other not in ("name", "logo")]
    drawn_together = [("badges", "status"), ("badges", "message"), ("status", "message"), ("keys", "status")]
    drawn_together += [("keys", "message"), ("keys and badges", "badges"), ("keys and badges", "message alone")]
    for one, other in drawn_into_the_frame + drawn_together:
        meet = bool((parts[one] & parts[other]).any())
        assert not meet, f"{one} and {other} meet"
    assert all(part.any() for part in parts.values())


@pytest.mark.parametrize("shape", [(640, 480), (1280, 720), (1920, 1080)])
def test_the_list_of_keys_is_whole(shape: tuple[int, int]) -> None:
    for count in range(8, 20):
        lists = []
        for last in ("quit", "full screen"):
            lists.append(np.full((shape[1], shape[0], 3), 255, np.uint8))
            draw_overlay(lists[-1], badges=SIGNS[:3], message=MESSAGE, keys=[*KEYS[:1] * count, ("q, Esc", last)])
        assert (lists[0] != lists[1]).any(), f"the last of {count + 1} rows is not there"


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.parametrize("level", [255, 128, 12])
def test_signs_can_be_read_on_every_ground_and_grow_with_the_window(shape: tuple[int, int], level: int) -> None:
    picture = np.full((shape[1], shape[0], 3), level, np.uint8)
    draw_overlay(picture, badges=("HHH",))
    ground = extent(picture[..., 0] != level)
    label = picture[ground[1] : ground[3], ground[0] : ground[2], 0].astype(float) / 255
    light, dark = label.max() ** 2.2, label.min() ** 2.2
    assert (light + 0.05) / (dark + 0.05) > 7, "WCAG's enhanced contrast"
    letters = extent(label > 0.6)
    assert letters[3] - letters[1] >= 7, "as large as the smallest print that people read"
    assert (ground[3] - ground[1]) / shape[1] == pytest.approx(0.054, abs=0.006 if shape[1] > 300 else 0.03)


def test_a_recording_has_a_lasting_sign_and_tells_of_frames_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("background_removal.live.recording.recording.time.monotonic", lambda: now[0])
    recorder = Recorder(LiveOptions(record_path=tmp_path / "take.mp4"), Encoding(preset="ultrafast"), say=print)
    assert list(recorder.badges) == []
    recorder.open(StreamInfo("camera", 1280, 720, live=True))
    assert list(recorder.badges) == [f"{DOT} 00:00"]
    now[0] += 67.2
    assert list(recorder.badges) == [f"{DOT} 01:07"]
    image = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    for number in range(150):  # faster than any encoder, and more than may wait
        recorder.write(Frame(image, number, number * 10))
    assert recorder.badges[1].startswith("frames left out: ")
    now[0] += 3
    assert list(recorder.badges) == [f"{DOT} 01:10"], "none was left out lately"
    recorder.on_key("r")
    assert list(recorder.badges) == []
    recorder.close()


class Typist:
    """A window without a screen, in which one key is typed at every look, and then q; it notes what is drawn."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)
        self.closed = False
        self.opened = False
        self.looks = 0

    def show(self, image: np.ndarray, draw: Callable[[np.ndarray], object]) -> None:
        self.opened = True
        draw(np.zeros((480, 640, 3), np.uint8))

    def keys(self, wait_ms: int = 1) -> list[str]:
        self.looks += 1
        return [self._keys.pop(0)] if self._keys and self.opened else []

    def gestures(self) -> list[Gesture]:
        return []

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was drawn over the picture, again and again."""
    told: list[dict[str, Any]] = []

    def note(picture: np.ndarray, **what: Any) -> None:
        told.append(what)
        draw_overlay(picture, **what)

    monkeypatch.setattr("background_removal.live.window.viewer.draw_overlay", note)
    monkeypatch.setattr("background_removal.live.window.window.require_display", lambda: None)
    return told


def messages(told: list[dict[str, Any]]) -> list[str]:
    return [message for message, _ in itertools.groupby(what["message"] for what in told) if message]


@pytest.mark.slow
def test_the_window_says_what_is_going_on(
    run_main, stream_camera: StreamCamera, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    keys = ["", "w", "", " ", *[""] * 200, " ", "r", *[""] * 60, "h", "", "q"]
    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: Typist(*keys))
    assert run_main("--webcam", stream_camera.url, "--no-segmentation").code == 0
    assert messages(told)[:3] == ["h lists the keys", MESSAGE, "frozen"]
    assert any("frozen" in what["badges"] and not what["message"] for what in told), "for as long as it is"
    assert any(sign.startswith(DOT) for what in told for sign in what["badges"])
    # Not of one frame alone, nor while none comes.
    assert sum(any(sign.endswith(" fps") for sign in what["badges"]) for what in told) > len(told) / 2
    assert "w" not in dict(told[-1]["keys"]), "it can do nothing"
    assert dict(told[-1]["keys"])["g, F11, double click"] == "full screen"


def test_a_silent_camera_has_a_sign_before_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]
) -> None:
    now = [100.0]
    monkeypatch.setattr("background_removal.live.window.viewer.time.monotonic", lambda: now[0])
    monkeypatch.setattr("background_removal.live.window.viewer.Window", Typist)
    viewer = Viewer(show_fps=True)
    viewer.open(StreamInfo("camera", 64, 48, live=True))
    for _ in range(31):
        viewer.write(Frame(np.zeros((48, 64, 3), np.uint8)))
        now[0] += 0.04
    assert (told[-1]["badges"], told[-1]["status"]) == (["25 fps"], "")
    for seconds, sign in ((1, ""), (3.5, "no picture for 3 s"), (7.5, "no picture for 7 s")):
        now[0] = 100.0 + 30 * 0.04 + seconds
        viewer.idle("")
        assert told[-1]["status"] == sign
    assert told[-1]["badges"] == [], "a rate would be that of the past"
    viewer.idle("the camera is gone")
    viewer.write(Frame(np.zeros((48, 64, 3), np.uint8)))
    assert told[-1]["status"] == ""


@pytest.mark.parametrize(("arguments", "shown"), [(["--fps"], True), ([], False)])
def test_frames_per_second_of_a_file_are_in_its_window_alone(
    run_main, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]], tmp_path: Path, arguments: list, shown: bool
) -> None:
    grey = np.full((240, 320, 3), 128, np.uint8)
    source: Clip = make_clip(tmp_path / "clip.mp4", [grey] * 12)
    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: Typist("r", " "))
    assert run_main(source.path, "--show", *arguments, "--no-segmentation").code == 0
    assert any(what["badges"] for what in told) is shown
    assert messages(told)[:3] == ["h lists the keys", "only cameras are recorded", "only cameras are frozen"]
    written = np.stack(probe(tmp_path / "clip_out.mp4", images=True).images)
    assert int(written.max()) - int(written.min()) < 4


def test_frames_per_second_without_a_window_are_refused(run_main, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", [np.zeros((48, 64, 3), np.uint8)] * 2)
    outcome = run_main(source.path, "--fps", "--no-segmentation")
    assert (outcome.code, outcome.err) == (2, "error: --fps is shown in the window alone; add --show\n")
    assert not (tmp_path / "clip_out.mp4").exists()


def test_recordings_and_snapshots_are_clean(
    tmp_path: Path, stream_camera: StreamCamera, screen: Screen, start_main
) -> None:
    stream_camera.image = np.full((360, 640, 3), 128, np.uint8)
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", "--record", "take.mp4", env=screen.env)
    screen.wait_for_window()

    def has_signs() -> bool:
        corner = screen.picture()[:60, :200].astype(int)
        return corner.max() > 230 and (corner[..., 2] - corner[..., 1]).max() > 100

    wait_until(has_signs, "white letters, and a red dot")
    screen.type("h", "s")
    wait_until(lambda: list((tmp_path / "snapshots").glob("2*.png")), "the snapshot")
    time.sleep(0.5)
    screen.type("q")
    assert process.wait(timeout=30) == 0
    [snapshot] = (tmp_path / "snapshots").glob("2*.png")
    for image in (cv2.imread(str(snapshot)), *probe(tmp_path / "take.mp4", images=True).images):
        assert int(image.max()) - int(image.min()) < 4


def test_a_virtual_camera_is_clean(
    backend: type[MemoryBackend], stream_camera: StreamCamera, monkeypatch: pytest.MonkeyPatch, told: list
) -> None:
    stream_camera.image = np.full((240, 320, 3), 128, np.uint8)
    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: Typist("h", *[""] * 40, "q"))
    options = LiveOptions(virtual_camera="memory", show_fps=True)
    Engine(webcam_id=stream_camera.url, show=True, live=options).run()
    assert told[-1]["badges"]
    assert told[-1]["keys"]
    sent = np.stack(backend.frames)
    assert len(sent) > 1
    assert int(sent.max()) - int(sent.min()) < 4


@pytest.mark.slow
def test_a_window_without_frames_looks_often_for_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the window system keeps only the last key: more often than once in the 20 ms between two fast ones."""
    typist = Typist()
    monkeypatch.setattr("background_removal.live.window.viewer.Window", lambda: typist)
    viewer = Viewer()
    viewer.open(StreamInfo("camera", 64, 48, live=True))
    looks: list[int] = []

    class Slow:
        read_mode, status, info = "buffered", "", StreamInfo("camera", 64, 48, live=True)

        def open(self) -> None: ...
        def stop(self) -> None: ...
        def close(self) -> None: ...
        def __enter__(self) -> Slow:
            return self

        def __exit__(self, *_: object) -> None: ...
        def __iter__(self):
            yield Frame(np.zeros((48, 64, 3), np.uint8))
            looks.append(typist.looks)
            time.sleep(2)
            looks.append(typist.looks)

    engine = Engine(show=True)
    monkeypatch.setattr("background_removal.live.window.window.require_display", lambda: None)
    engine.process(Slow())
    assert looks[1] - looks[0] > 45, "once in 50 ms would be 40"


@pytest.mark.slow
def test_the_window_takes_the_shape_of_a_camera_that_comes_back(
    stream_camera: StreamCamera, screen: Screen, start_main
) -> None:
    def with_square(width: int, height: int) -> np.ndarray:
        picture = np.full((height, width, 3), 60, np.uint8)
        picture[height // 2 - 50 : height // 2 + 50, width // 2 - 50 : width // 2 + 50] = (0, 0, 255)
        return picture

    def shows(width: int, height: int) -> bool:
        shown = screen.picture().astype(int)
        red = (shown[..., 2] > 180) & (shown[..., 1] < 60)
        if not red.any() or abs(shown.shape[1] / shown.shape[0] / (width / height) - 1) > 0.02:
            return False
        left, top, right, bottom = extent(red)
        filled = shown[[2, -3, shown.shape[0] // 2], [shown.shape[1] // 2, 3, 3]].min() > 30
        return filled and abs((right - left) / (bottom - top) - 1) < 0.03

    stream_camera.image = with_square(640, 360)
    process = start_main("--webcam", stream_camera.url, "--no-segmentation", env=screen.env)
    screen.wait_for_window()
    wait_until(lambda: shows(640, 360), "the first shape")
    for shape in ((360, 640), (640, 480), (640, 360)):
        stream_camera.refusing.set()
        wait_until(lambda: stream_camera.viewers == 0, "the camera to be gone")
        stream_camera.image = with_square(*shape)
        stream_camera.refusing.clear()
        wait_until(lambda shape=shape: shows(*shape), f"the shape {shape}")
    screen.type("q")
    assert process.wait(timeout=30) == 0
