"""Recordings: real time, the microphone, sizes that change, errors, names."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import StreamCamera, Until, difference, probe, wait_until

from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.files.video.formats import Encoding
from background_removal.files.video.video_sink import VideoSink
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recording import Recorder, Recording
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, StreamInfo

PLAIN = ("--no-segmentation", "--no-fps")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_a_recording_keeps_real_time(tmp_path: Path, stream_camera: StreamCamera, start_main) -> None:
    started = time.monotonic()
    process = start_main("--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", "take.mp4")
    wait_until(lambda: stream_camera.sent > 60, "frames")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.communicate()[1] == "note: recorded take.mp4\n"
    found = probe(tmp_path / "take.mp4", images=True)
    assert found.times[0] == 0
    assert all(a < b for a, b in zip(found.times, found.times[1:], strict=False))
    assert len(found.times) > 30
    assert 1 < found.times[-1] < time.monotonic() - started
    assert difference(found.images[10], stream_camera.image) < 10


def test_a_recording_that_cannot_be_written_is_refused_at_once(
    run_main, stream_camera: StreamCamera, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    for path, complaint in (("file/take.mp4", "is not a folder"), ("take.xyz", "cannot write a video")):
        outcome = run_main("--webcam", stream_camera.url, *PLAIN, "--no-show", "--record", path)
        assert (outcome.code, complaint in outcome.err) == (2, True)


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
    recording.finish()
    found = probe(tmp_path / "take.mp4")
    assert (found.size, len(found.times)) == ((64, 48), 8)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_goes_on_when_the_camera_comes_back_after_hours(tmp_path: Path, suffix: str) -> None:
    recording = Recording(str(tmp_path / f"take{suffix}"), LIVE, Encoding(), None)
    for frame in frames_of(40):
        recording.write(replace(frame, pts=frame.pts + (40_000_000_000 if frame.index >= 20 else 0)))
    recording.finish()
    times = probe(tmp_path / f"take{suffix}").times
    assert (len(times), times[19], times[20]) == (40, Fraction(19, 25), 40_000 + Fraction(20, 25))


def test_a_recording_keeps_planes_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    y, u, v = (rng.integers(0, 256, size, np.uint8) for size in ((48, 64), (24, 32), (24, 32)))
    color = ColorDescription(5, 2, 2, 2)  # as JPEG pictures say of themselves
    info = replace(LIVE, color=color)
    recording = Recording(str(tmp_path / "take.mkv"), info, Encoding(crf=0), None)
    planes = Planes((y, u, v), color)
    for number in range(3):
        recording.write(Frame(planes, number, number * 40_000, Fraction(1, 1_000_000)))
    recording.finish()
    with av.open(str(tmp_path / "take.mkv")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (5, 1)
    assert np.array_equal(frame.to_ndarray()[:48], planes.to_range(False).layers[0])
    assert np.array_equal(frame.to_ndarray()[48:].reshape(2, 24, 32), planes.to_range(False).layers[1:])


def test_two_seconds_may_wait_for_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    write = VideoSink.write
    monkeypatch.setattr(VideoSink, "write", lambda sink, frame: (go_on.wait(60), write(sink, frame)))
    recorder = Recorder(LiveOptions(record_path=tmp_path / "take.mp4"), say=lambda text: None)
    recorder.open(LIVE)
    frames = frames_of(60)
    for frame in frames[:50]:  # two seconds of 25 a second
        recorder.write(frame)
    assert len(recorder.badges) == 1
    for frame in frames[50:]:
        recorder.write(frame)
    assert recorder.badges[1].startswith("frames left out: ")
    go_on.set()
    recorder.close()
    assert len(probe(tmp_path / "take.mp4").times) in (50, 51)  # one had been taken already


def test_what_was_recorded_before_an_error_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = VideoSink.write

    def fails_late(sink: VideoSink, frame: Frame) -> None:
        if frame.index == 5:
            raise ProcessingError("the disk is full")
        write(sink, frame)

    monkeypatch.setattr(VideoSink, "write", fails_late)
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    recorder = Recorder(LiveOptions(record_path="take.mp4"), say=told.append)
    recorder.open(LIVE)
    for frame in frames_of(8):
        recorder.write(frame)
        time.sleep(0.02)
    wait_until(lambda: told or recorder.write(frames_of(1)[0]), "the failure to be told")
    assert told == ["the disk is full; what was recorded until then is in take.mp4"]
    with pytest.raises(ProcessingError, match="the disk is full"):
        recorder.close()
    assert len(probe("take.mp4").times) == 5


def test_a_recording_that_fails_ends_a_run_that_nobody_watches(
    tmp_path: Path, stream_camera: StreamCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(sink: VideoSink, frame: Frame) -> None:
        raise ProcessingError("the disk is full")

    monkeypatch.setattr(VideoSink, "write", full)
    with pytest.raises(ProcessingError, match="the disk is full"):
        Engine(webcam_id=stream_camera.url, live=LiveOptions(record_path=tmp_path / "take.mp4")).run()


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_existing_file_is_replaced_only_when_asked(
    tmp_path: Path, stream_camera: StreamCamera, overwrite: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "background_removal.live")
    (tmp_path / "take.mp4").write_bytes(b"an older one")
    ends = Until(lambda: ends.calls > 10)
    options = LiveOptions(record_path=tmp_path / "take.mp4", overwrite=overwrite)
    with pytest.raises(ProcessingError, match="Until failed"):
        Engine(webcam_id=stream_camera.url, custom_objects=[ends], live=options).run()
    assert len(probe(tmp_path / ("take.mp4" if overwrite else "take_2.mp4")).times) > 5
    made = str(tmp_path / ("take.mp4" if overwrite else "take_2.mp4"))
    expected = [f"recorded {made}"]
    if not overwrite:
        assert (tmp_path / "take.mp4").read_bytes() == b"an older one"
        expected.insert(0, f"{tmp_path / 'take.mp4'} exists; recording {made}")
    assert [
        record.getMessage() for record in caplog.records if record.name == "background_removal.live.recording.recording"
    ] == expected


def test_a_recording_does_not_take_the_name_of_one_that_is_still_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    close = VideoSink.close
    monkeypatch.setattr(VideoSink, "close", lambda sink, error=None: (go_on.wait(60), close(sink, error)))
    recorder = Recorder(LiveOptions(record_path=tmp_path / "take.mp4"), say=lambda text: None)
    recorder.open(LIVE)
    for frame in frames_of(3):
        recorder.write(frame)
    recorder.on_key("r")
    recorder.on_key("r")
    for frame in frames_of(5):
        recorder.write(frame)
    go_on.set()
    recorder.close()
    assert {path.name: len(probe(path).times) for path in tmp_path.iterdir()} == {"take.mp4": 3, "take_2.mp4": 5}


def test_the_key_r_uses_a_suffix_that_suits_the_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for encoding, answer in (
        (Encoding("prores"), r"recording recording_.*\.mov"),
        (Encoding("vp9"), r"recording recording_.*\.mkv"),
    ):
        recorder = Recorder(LiveOptions(), encoding, say=lambda text: None)
        recorder.open(LIVE)
        assert re.match(answer, str(recorder.on_key("r")))
        recorder.close()
    recorder = Recorder(LiveOptions(), Encoding(encoder="nonsense"), say=lambda text: None)
    with pytest.raises(InputError, match="`encoder` nonsense: does not open"):
        recorder.open(LIVE)  # and not when the key is typed


def test_the_key_r_begins_and_ends_without_holding_up_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    completing, go_on = threading.Event(), threading.Event()
    close = VideoSink.close

    def slow(sink: VideoSink, error: BaseException | None = None) -> None:
        completing.set()
        go_on.wait(60)
        close(sink, error)

    monkeypatch.setattr(VideoSink, "close", slow)
    told: list[str] = []
    recorder = Recorder(LiveOptions(), say=told.append)
    recorder.open(LIVE)
    assert recorder.on_key("x") is False
    assert str(recorder.on_key("r")).startswith("recording recording_")
    assert recorder.has_viewers
    for frame in frames_of(4):
        recorder.write(frame)
    assert str(recorder.on_key("r")).startswith("completing recording_")
    assert not recorder.has_viewers
    assert completing.wait(20)
    recorder.write(frames_of(1)[0])  # the stream goes on
    assert told == []
    go_on.set()
    wait_until(lambda: recorder.idle("") or told, "the end of the recording")
    [path] = tmp_path.glob("recording_*.mp4")
    assert told == [f"recorded {path.name}"]
    assert len(probe(path).times) == 4
    recorder.close()
