"""Results while they are written: killed, cut short, told from those of other runs; disks that are too small."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from conftest import Clip, StreamCamera, make_clip, probe, scene, wait_until

from background_removal.engine import Engine
from background_removal.errors import ProcessingError, Stopped
from background_removal.files.saving.locks import lock_folder
from background_removal.files.saving.unfinished import unfinished_output
from background_removal.files.video.faststart import copy_with_index_first
from background_removal.files.video.formats import Encoding
from background_removal.files.video.video_sink import VideoSink
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recording import Recorder, Recording
from background_removal.pipeline.frame import Frame, Sink, StreamInfo

PLAIN = ("--no-segmentation",)
FILE = StreamInfo("clip.mkv", 160, 120, Fraction(1, 25), Fraction(25))
LIVE = StreamInfo("camera", 160, 120, Fraction(1, 1_000_000), Fraction(25), live=True)
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to one process")

# Tells in a file of its process how many frames it was given.
COUNTER = """
import os, time
file = os.open(f"count-{os.getpid()}", os.O_CREAT | os.O_WRONLY)
count = 0
def counter(image):
    global count
    time.sleep(0.02)
    count += 1
    os.pwrite(file, str(count).encode(), 0)
    return image
"""


class EndsAt(Sink):
    """Ends a run early, as the key q does."""

    def __init__(self, index: int) -> None:
        self.index = index

    def write(self, frame: Frame) -> None:
        if frame.index == self.index:
            raise Stopped


def named(letter: str, length: int) -> str:
    """Return a name of so many bytes."""
    return letter * ((length - 4) // len(letter.encode())) + ".mp4"


def counted(folder: Path) -> int:
    return sum(int(file.read_text() or 0) for file in folder.glob("count-*"))


def played(path: Path) -> list[Fraction]:
    """Return the times of all pictures that a player shows of a file that may be cut in the middle of one."""
    times = []
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            with contextlib.suppress(av.error.InvalidDataError):
                times += [frame.pts * frame.time_base for frame in packet.decode()]
    return times


def left_by_a_dead_run(path: Path, frames: int = 75) -> Path:
    """Make what a run leaves that is killed after so many frames: its file as it is then."""
    others = set(path.parent.glob("*.unfinished*"))
    sink = VideoSink(str(path))
    sink.open(FILE)
    for index in range(frames):
        sink.write(Frame(scene(index, 160, 120), index, index, Fraction(1, 25), 1))
    [growing] = set(path.parent.glob("*.unfinished*")) - others
    wait_until(lambda: growing.stat().st_size > 1000, "the first fragment")
    copy = Path(shutil.copy(growing, path.parent / "copy"))
    sink.close(ProcessingError("killed"))
    return copy.rename(growing)


@pytest.mark.slow
@posix
@pytest.mark.parametrize(("suffix", "seed"), [(".mp4", 1), (".mkv", 2)])
def test_a_video_that_is_killed_at_any_moment_plays(tmp_path: Path, start_main, suffix: str, seed: int) -> None:
    (tmp_path / "counter.py").write_text(COUNTER)
    make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(300)], sound="aac")
    process = start_main("clip.mp4", *PLAIN, "--object", "counter.py:counter", "--output", f"r{suffix}")
    moment = random.Random(seed).randrange(45, 70)
    wait_until(lambda: counted(tmp_path) > moment, "the work")
    process.kill()
    process.wait()
    assert not (tmp_path / f"r{suffix}").exists(), "what is not complete never has the result's name"
    times = played(tmp_path / f"r.unfinished{suffix}")
    assert counted(tmp_path) - len(times) <= 2 * 25
    # Of the last pictures those may be missing that follow a later one in the file.
    assert times[:-8] == [Fraction(i, 25) for i in range(len(times) - 8)]


@pytest.mark.slow
@posix
def test_a_recording_that_is_killed_is_recovered_at_the_next_start(
    tmp_path: Path, start_main, stream_camera: StreamCamera
) -> None:
    (tmp_path / "counter.py").write_text(COUNTER)
    camera = ("--webcam", stream_camera.url, *PLAIN, "--no-show", "--object", "counter.py:counter")
    process = start_main(*camera, "--record", "take.mp4")
    wait_until(lambda: counted(tmp_path) > 60, "frames")
    process.kill()
    process.wait()
    plays = len(played(tmp_path / "take.unfinished.mp4"))
    assert counted(tmp_path) - plays <= 2 * stream_camera.rate
    before = counted(tmp_path)
    again = start_main(*camera, "--record", "take.mp4")
    wait_until(lambda: counted(tmp_path) > before + 10, "the next recording")
    again.send_signal(signal.SIGINT)
    assert "note: an unfinished recording was found: recovered to take_recovered.mp4\n" in again.communicate()[1]
    assert plays - 1 <= len(probe(tmp_path / "take_recovered.mp4").times) <= plays
    assert probe(tmp_path / "take.mp4").times
    assert not list(tmp_path.glob("*unfinished*"))


def test_a_recovered_recording_has_its_index_in_front_and_is_told_of(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    left = left_by_a_dead_run(tmp_path / "recording_2026-01-02_03-04-05.mp4")
    plays = len(probe(left).times)
    (tmp_path / "recording_2026-01-02_03-04-06.unfinished.mkv").write_bytes(b"")
    (tmp_path / "holiday.unfinished.mp4").write_bytes(b"somebody else's")
    told: list[str] = []
    recorder = Recorder(LiveOptions(), say=told.append)
    recorder.open(LIVE)
    recorder.close()
    assert told == [
        "an unfinished recording was found: recovered to recording_2026-01-02_03-04-05_recovered.mp4",
        "an unfinished recording was found: there was no picture in it yet",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "holiday.unfinished.mp4", "recording_2026-01-02_03-04-05_recovered.mp4",
    ]  # fmt: skip
    recovered = tmp_path / "recording_2026-01-02_03-04-05_recovered.mp4"
    assert len(probe(recovered).times) == plays > 25
    data = recovered.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_the_index_goes_first_and_no_trace_of_the_growing_stays(tmp_path: Path, run_main, clip, suffix: str) -> None:
    source = clip(frames=40, sound="aac").path
    assert run_main(source, *PLAIN, "--output", tmp_path / f"r{suffix}").code == 0
    data = (tmp_path / f"r{suffix}").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert probe(tmp_path / f"r{suffix}").times == probe(source).times
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", f"r{suffix}"]


def test_where_there_is_no_room_for_a_copy_the_index_stays_at_the_end(tmp_path: Path, clip, monkeypatch) -> None:
    source = clip(frames=40, sound="aac").path

    def full(path: str, into: str) -> bool:
        Path(into).write_bytes(b"what found room")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("background_removal.files.video.container.copy_with_index_first", full)
    Engine(video_path=source).run()
    data = (tmp_path / "clip_out.mp4").read_bytes()
    assert data.index(b"mdat") < data.rindex(b"moov")
    assert probe(tmp_path / "clip_out.mp4").times == probe(source).times
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "clip_out.mp4"]


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="only Linux copies within the system")
def test_the_copy_with_the_index_in_front_shares_whole_blocks_where_it_can(tmp_path: Path, monkeypatch) -> None:
    """Btrfs and XFS let two files have the same blocks, where they lie equally far from a block's beginning."""
    source = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(20)], sound="aac").path
    assert copy_with_index_first(str(source), str(tmp_path / "whole.mp4"))
    before, after = source.read_bytes(), (tmp_path / "whole.mp4").read_bytes()
    assert (after.index(b"mdat") - before.index(b"mdat")) % 4096 == 0
    assert probe(tmp_path / "whole.mp4").times == probe(source).times
    copied: list[int] = []
    in_the_system = os.copy_file_range

    def fails_half_way(source: int, target: int, count: int, offset: int) -> int:
        if copied:
            raise OSError(18, "Invalid cross-device link")
        copied.append(offset)
        return in_the_system(source, target, min(count, 1000), offset)

    monkeypatch.setattr(os, "copy_file_range", fails_half_way)
    assert copy_with_index_first(str(source), str(tmp_path / "other.mp4"))
    assert len(copied) == 1
    assert (tmp_path / "other.mp4").read_bytes() == after


def test_an_early_end_never_replaces_a_complete_result(tmp_path: Path, clip: Callable[..., Clip], run_main) -> None:
    source = clip(frames=60).path
    complete = tmp_path / "clip_out.mp4"
    Engine(video_path=source).run()
    before = complete.read_bytes()
    engine = Engine(video_path=source, sinks=[EndsAt(20)])
    engine.run()
    assert engine.result == str(tmp_path / "clip_out.partial.mp4")
    assert complete.read_bytes() == before
    assert len(probe(engine.result).times) == 21
    complete.unlink()
    outcome = run_main(source, *PLAIN, "--resume")
    assert (outcome.code, outcome.out.strip()) == (0, str(complete)), "a part is not taken for done"
    assert len(probe(complete).times) == 60
    ended = Engine(video_path=source, end_video_frame=9, break_on_end=True)
    ended.run()
    assert (ended.result, len(probe(complete).times)) == (str(complete), 10), "an end frame ends as it was asked to"
    outcome = run_main("--video", tmp_path, *PLAIN, "--output", tmp_path / "all")
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["clip.mp4"], "a part is nothing to process"


def test_pictures_that_ended_early_are_a_part_as_well(tmp_path: Path, clip: Callable[..., Clip], run_main) -> None:
    source = clip(frames=9).path
    for number in ("", "-2"):
        engine = Engine(video_path=source, output_path=tmp_path / "shots" / "%03d.png", sinks=[EndsAt(3)])
        engine.run()
        assert engine.result == str(tmp_path / f"shots.partial{number}")
        assert len(list(Path(engine.result).iterdir())) == 4
    assert not (tmp_path / "shots").exists()


def test_the_next_run_clears_away_what_a_dead_one_left_and_nothing_of_a_live_one(
    tmp_path: Path, clip, run_main
) -> None:
    source = clip(frames=20).path
    output = tmp_path / "r.mp4"
    left = left_by_a_dead_run(output)
    (tmp_path / f".whole.{left.name}").write_bytes(b"half a copy")
    with unfinished_output(str(tmp_path / "other.mp4")):
        assert run_main(source, *PLAIN, "--output", output).err == (
            f"note: {left}: left by a run that was cut off; this one begins anew\n"
        )
        assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "other.unfinished.mp4", "r.mp4"]
    with unfinished_output(str(output)) as live:
        Path(live.path).write_bytes(b"in the works")
        assert run_main(source, *PLAIN, "--output", output).err == ""
        assert Path(live.path).read_bytes() == b"in the works"
        assert len(probe(output).times) == 20


def test_with_resume_what_a_dead_run_left_is_told_of_and_kept(tmp_path: Path, clip, run_main) -> None:
    source = clip(frames=20).path
    output = tmp_path / "r.mkv"
    plays = len(probe(left_by_a_dead_run(output)).times)
    outcome = run_main(source, *PLAIN, "--output", output, "--resume")
    part = tmp_path / "r.partial.mkv"
    assert outcome.err == f"note: {output}: left by a run that was cut off; what there is of it is {part}\n"
    assert (len(probe(part).times), len(probe(output).times)) == (plays, 20)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "r.mkv", "r.partial.mkv"]


def test_pictures_of_a_dead_run_go_with_the_next(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    source = clip(frames=3).path
    dead, live = tmp_path / "shots" / ".0123abcd.part", tmp_path / "shots" / ".4567abcd.part"
    for folder in (dead, live):
        folder.mkdir(parents=True)
        (folder / ".lock").touch()
        (folder / "001.png").touch()
    hold = lock_folder(str(live))
    assert hold is not None
    Engine(video_path=source, output_path=tmp_path / "shots" / "%03d.png").run()
    assert sorted(p.name for p in (tmp_path / "shots").iterdir()) == [live.name, "001.png", "002.png", "003.png"]
    hold.release()


@pytest.mark.slow
@posix
def test_processes_end_when_their_parent_is_killed_and_their_parts_go_with_the_next_run(
    tmp_path: Path, start_main, run_main
) -> None:
    (tmp_path / "counter.py").write_text(COUNTER.replace("0.02", "0.05"))
    make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(400)], gop=25)
    process = start_main("clip.mp4", *PLAIN, "--object", "counter.py:counter", "--jobs", 2)
    wait_until(lambda: len([f for f in tmp_path.glob("count-*") if f.read_text()]) == 2, "both processes")
    process.kill()
    process.wait()
    time.sleep(1)
    counts = {file.name: file.read_text() for file in tmp_path.glob("count-*") if file.read_text()}
    time.sleep(0.3)
    assert counts == {file.name: file.read_text() for file in tmp_path.glob("count-*") if file.read_text()}
    assert [p.name for p in tmp_path.glob("*.unfinished")] == ["clip_out.unfinished"]
    outcome = run_main("clip.mp4", *PLAIN, "--end-frame", 3, "--break-on-end", "--resume")
    told = "parts left by a run that was cut off, which cannot be joined; this one begins anew"
    assert outcome.err == f"note: {tmp_path / 'clip_out.unfinished'}: {told}\n"
    assert not list(tmp_path.glob("*unfinished*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def record_noise(path: Path) -> None:
    """Record until it fails."""
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    recording = Recording(str(path), LIVE, Encoding(preset="ultrafast"))
    for index in range(400):
        recording.write(Frame(np.roll(noise, 7 * index, axis=1), index, index * 40_000, LIVE.time_base))
        time.sleep(0.002)
    recording.finish()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_ends_a_recording_and_keeps_it(small_disk: Path, suffix: str) -> None:
    path = small_disk / f"take{suffix}"
    told = f"take{suffix}: cannot be written: No space left on device; what was recorded until then is in {path}"
    with pytest.raises(ProcessingError, match=re.escape(told)):
        record_noise(path)
    assert len(probe(path).times) > 25
    assert [p.name for p in small_disk.iterdir()] == [path.name]


@posix
def test_a_file_that_may_not_grow_any_more_ends_a_recording_and_keeps_it(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "take.mp4"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(ProcessingError, match=r"File too large; what was recorded until then is in .*take\.mp4$"):
            record_noise(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(probe(path).times) > 25


@pytest.mark.parametrize("length", [300, 256])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_too_long_are_told_at_the_start(tmp_path: Path, clip, run_main, length: int, letter: str) -> None:
    source = clip(frames=3).path
    name = named(letter, length)
    for output in (tmp_path / name, tmp_path / "new" / name, tmp_path / ("s" * length) / "%03d.png"):
        outcome = run_main(source, "--object", "missing.py:Nothing", *PLAIN, "--output", output)
        assert outcome.code == 2
        assert "the name is too long" in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("letter", ["a", "é"])
def test_the_longest_name_that_a_result_may_have_is_shortened_for_what_is_not_complete(
    tmp_path: Path, clip, run_main, letter: str
) -> None:
    source = clip(frames=20).path
    output = tmp_path / named(letter, 254)
    other = left_by_a_dead_run(tmp_path / named(letter, 250))  # begins alike
    plays = len(probe(left_by_a_dead_run(output)).times)
    outcome = run_main(source, *PLAIN, "--output", output, "--resume")
    [part] = tmp_path.glob("*.partial.mp4")
    assert outcome.err == f"note: {output}: left by a run that was cut off; what there is of it is {part}\n"
    assert (outcome.code, len(probe(part).times), len(probe(output).times)) == (0, plays, 20)
    engine = Engine(video_path=source, output_path=output, sinks=[EndsAt(3)])
    engine.run()
    assert (engine.result, len(probe(part).times)) == (str(part), 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["clip.mp4", other.name, output.name, part.name])


def test_a_recording_with_the_longest_name_is_recovered_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / named("a", 255)
    path.write_bytes(b"an earlier one")
    left_by_a_dead_run(path)
    told: list[str] = []
    recorder = Recorder(LiveOptions(record_path=path), say=told.append)
    recorder.open(LIVE)
    recorder.write(Frame(scene(1, 160, 120), 0, 0, LIVE.time_base))
    recorder.close()
    assert path.read_bytes() == b"an earlier one"
    stem = next(tmp_path.glob("*_2.mp4")).stem.removesuffix("_2")
    assert sorted(told) == [
        f"an unfinished recording was found: recovered to {tmp_path / stem}_recovered.mp4",
        f"recorded {tmp_path / stem}_2.mp4",
    ]
    assert probe(tmp_path / f"{stem}_recovered.mp4").times
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_of_pictures_with_the_longest_name_may_end_early(tmp_path: Path, clip) -> None:
    engine = Engine(video_path=clip(frames=5).path, output_path=tmp_path / ("s" * 255) / "%03d.png", sinks=[EndsAt(2)])
    engine.run()
    assert len(list(Path(engine.result).iterdir())) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", Path(engine.result).name]
