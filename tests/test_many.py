"""Many files in one run, a watched folder, and one long file in several processes."""

from __future__ import annotations

import glob
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, difference, make_clip, probe, scene, wait_until

from background_removal.batch import find, shards
from background_removal.batch.items import BatchItem, plan_items
from background_removal.batch.watch import FolderWatch
from background_removal.engine import Engine
from background_removal.errors import InputNotFoundError, ProcessingError
from background_removal.files.saving import atomic

VIDEOS = find.VIDEO_SUFFIXES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips, one of them deeper, one broken, and things that are no videos."""
    place = tmp_path / "clips"
    (place / "deeper").mkdir(parents=True)
    for name in ("a.mp4", "b.mkv", "deeper/c.mp4"):
        make_clip(place / name, [scene(i) for i in range(5)])
    (place / "broken.mp4").write_bytes(b"not a video")
    (place / "notes.txt").write_text("no video")
    (place / ".hidden.mp4").write_bytes(b"")
    return place


def names(found: list[tuple[str, str]]) -> list[str]:
    return [Path(path).name for path, _ in found]


def test_files_patterns_and_folders_are_found(folder: Path) -> None:
    assert names(find.find_files([str(folder)], VIDEOS, False)) == ["a.mp4", "b.mkv", "broken.mp4"]
    assert names(find.find_files([str(folder)], VIDEOS, True)) == ["a.mp4", "b.mkv", "broken.mp4", "c.mp4"]
    assert names(find.find_files([f"{folder}/*.mkv", str(folder / "a.mp4")], VIDEOS, False)) == ["b.mkv", "a.mp4"]
    assert names(find.find_files([str(folder / "a.mp4")] * 2, VIDEOS, False)) == ["a.mp4"]
    assert names(find.find_files([f"{folder}/**/c.*"], VIDEOS, False)) == ["c.mp4"]
    with pytest.raises(InputNotFoundError, match="no such file"):
        find.find_files([f"{folder}/*.avi"], VIDEOS, False)
    (folder / "empty").mkdir()
    with pytest.raises(InputNotFoundError, match=r"folder without any .*\.mp4"):
        find.find_files([str(folder / "empty")], VIDEOS, False)


def test_a_name_with_brackets_is_a_name(folder: Path) -> None:
    strange = (folder / "a.mp4").rename(folder / "clip [1].mp4")
    assert not find.is_many([str(strange)])
    assert names(find.find_files([str(strange)], VIDEOS, False)) == ["clip [1].mp4"]


def test_results_do_not_collide_and_are_not_taken_for_sources(folder: Path) -> None:
    shutil.copy(folder / "a.mp4", folder / "a_out.mp4")
    shutil.copy(folder / "a.mp4", folder / "a.avi")
    shutil.copy(folder / "a.mp4", folder / "way_out.mp4")
    found = find.find_files([str(folder)], VIDEOS, False)
    assert names(found) == ["a.avi", "a.mp4", "b.mkv", "broken.mp4", "way_out.mp4"]
    jobs = plan_items(found, lambda path, inner: os.path.splitext(path)[0] + "_out.mp4")
    assert len({job.output for job in jobs}) == len(jobs)
    assert {Path(job.output).name for job in jobs[:2]} == {"a_out.mp4", "a_out_2.mp4"}


def test_no_result_replaces_a_source_or_another_result(tmp_path: Path, run_main) -> None:
    for place in "xyz":
        (tmp_path / place).mkdir()
        make_clip(tmp_path / place / "a.mp4", [scene(i) for i in range(3)])
    paths = [tmp_path / place / "a.mp4" for place in "xyz"]
    outcome = run_main("--video", *paths, "--output", tmp_path / "all", "--no-segmentation")
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["a.mp4", "a_2.mp4", "a_3.mp4"]
    before = paths[1].read_bytes()
    outcome = run_main("--video", *paths[:2], "--output", tmp_path / "y", "--no-segmentation")
    assert (outcome.code, "which is to be processed too" in outcome.err) == (2, True)
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    shutil.copy(PORTRAIT, tmp_path / "me_out.jpg")
    for arguments, complaint in (
        (("--background", tmp_path / "me_out.jpg"), "the output is the background"),
        (("--matte", tmp_path / "me_out.jpg"), "the output is the matte"),
    ):
        outcome = run_main("--image", tmp_path / "me.jpg", *arguments)
        assert (outcome.code, complaint in outcome.err) == (2, True), outcome.err
    assert paths[1].read_bytes() == before
    assert (tmp_path / "me_out.jpg").read_bytes() == PORTRAIT.read_bytes()


def test_results_inside_the_source_are_not_sources(folder: Path, run_main) -> None:
    (folder / "broken.mp4").unlink()
    for _ in range(2):
        outcome = run_main("--video", folder, "--recursive", "--output", folder / "results", "--no-segmentation")
        assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (folder / "results").rglob("*.m*")) == ["a.mp4", "b.mkv", "c.mp4"]


@pytest.mark.slow
def test_a_name_with_a_percent_sign_is_a_name(tmp_path: Path, run_main) -> None:
    for name in ("my%20day.mp4", "100%.mp4"):
        make_clip(tmp_path / name, [scene(i, 160, 120) for i in range(60)], gop=10)
        for jobs in (1, 2):
            outcome = run_main("--video", tmp_path / name, "--no-segmentation", "--jobs", jobs)
            assert outcome.code == 0, outcome.err


def test_one_file_with_resume(tmp_path: Path, run_main) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    arguments = ("--video", clip, "--output", tmp_path / "r.mp4", "--resume", "--no-segmentation")
    assert run_main(*arguments).out.strip() == str(tmp_path / "r.mp4")
    again = run_main(*arguments)
    assert (again.code, again.out) == (0, "")
    assert "is done" in again.err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_what_ctrl_c_cut_short_is_not_taken_for_done(tmp_path: Path, start_main) -> None:
    (tmp_path / "slow.py").write_text("import time\ndef slow(image):\n    time.sleep(0.05)\n    return image\n")
    for name in "ab":
        make_clip(tmp_path / f"{name}.mp4", [scene(i, 160, 120) for i in range(300)])
    arguments = ("a.mp4", "b.mp4", "--output", "all", "--no-segmentation", "--object", "slow.py:slow")
    process = start_main("--video", *arguments)
    wait_until(lambda: list((tmp_path / "all").glob("a.unfinished.mp4")), "the work")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not (tmp_path / "all").exists()
    told = "stopped; 0 of 2 files are done, nothing of a.mp4 was kept; --resume does the rest\n"
    assert process.communicate()[1] == told


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--matte", "m.mp4"), r"stopped; the first (\d+) frames are in clip_out\.partial\.mp4 and m\.partial\.mp4\n"),
        (("--frames", "--no-segmentation"), r"stopped; the first (\d+) frames are in clip_out\.partial\n"),
        (("--resume", "--no-segmentation"), r"stopped; the first (\d+) frames are in clip_out\.partial\.mp4\n"),
        (("--jobs", 2, "--no-segmentation"), r"stopped; nothing was kept\n"),
    ],
)
def test_ctrl_c_says_what_was_kept_and_where(tmp_path: Path, start_main, arguments: tuple, told: str) -> None:
    begun = tmp_path / "begun"
    slow = f"import pathlib, time\ndef slow(image):\n    pathlib.Path({str(begun)!r}).touch()\n    time.sleep(0.05)\n"
    (tmp_path / "slow.py").write_text(f"{slow}    return image\n")
    make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(300)], gop=25)
    process = start_main("clip.mp4", "--object", "slow.py:slow", *arguments)
    wait_until(begun.exists, "the work")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    said = re.fullmatch(told, process.communicate()[1])
    assert said
    assert not (tmp_path / "clip_out.mp4").exists()
    assert not (tmp_path / "clip_out").exists()
    video = tmp_path / "clip_out.partial.mp4"
    kept = probe(video).times if video.exists() else sorted(tmp_path.glob("clip_out.partial/*"))
    assert len(kept) == (int(said[1]) if said.groups() else 0)
    if "m.mp4" in arguments:
        assert len(probe(tmp_path / "m.partial.mp4").times) == len(kept)


def test_a_folder_of_videos_with_one_broken(folder: Path, tmp_path: Path, run_main) -> None:
    results = tmp_path / "results"
    arguments = ("--video", folder, "--recursive", "--output", results, "--no-segmentation")
    outcome = run_main(*arguments)
    assert outcome.code == 1
    made = [results / name for name in ("a.mp4", "b.mkv", Path("deeper/c.mp4"))]
    assert sorted(path for path in results.rglob("*") if path.is_file()) == sorted(made)
    assert outcome.out.splitlines() == [str(path) for path in made]
    told = outcome.err.splitlines()
    assert told[-1] == "error: 1 of 4 files failed"
    assert [line for line in told if "broken.mp4" in line] == [told[0]]
    assert told[0].startswith(f"error: {folder / 'broken.mp4'}: not a readable video")
    for path in made:
        assert len(probe(path).times) == 5
    # Once more, after one result is lost: only that one is made.
    made[1].unlink()
    times = {path: path.stat().st_mtime_ns for path in (made[0], made[2])}
    again = run_main(*arguments, "--resume")
    assert again.out.splitlines() == [str(made[1])]
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_many_images(tmp_path: Path, run_main) -> None:
    for number in range(3):
        shutil.copy(PORTRAIT, tmp_path / f"{number}.jpg")
    outcome = run_main(
        "--image",
        tmp_path / "0.jpg",
        tmp_path / "1.jpg",
        tmp_path / "2.jpg",
        "--background",
        "#00ff00",
        "--quality",
        "fast",
    )
    assert outcome.code == 0, outcome.err
    for number in range(3):
        assert (
            difference(cv2.imread(str(tmp_path / f"{number}_out.jpg"))[5:9, 5:9], np.full((4, 4, 3), (0, 255, 0))) < 9
        )
    transparent = run_main("--image", tmp_path / "0.jpg", "--background", "transparent")
    assert transparent.out.strip() == str(tmp_path / "0_out.png")
    assert cv2.imread(str(tmp_path / "0_out.png"), cv2.IMREAD_UNCHANGED).shape[2] == 4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--matte", "m.mp4"), "--matte goes with one"),
        (("--output", "a.mp4"), "is a file; many results need a folder"),
        (("--jobs", "0"), "must be at least 1"),
        (("--jobs", "2", "--show"), "without --show"),
    ],
)
def test_what_does_not_go_with_many_files(folder: Path, run_main, arguments: tuple, complaint: str) -> None:
    outcome = run_main("--video", folder, *arguments, cwd=folder)
    assert outcome.code == 2
    assert complaint in outcome.err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_a_watched_folder(tmp_path: Path, start_main) -> None:
    place, results = tmp_path / "in", tmp_path / "out"
    place.mkdir()
    shutil.copy(PORTRAIT, place / "first.jpg")
    (place / "deeper").mkdir()
    for name in ("a.txt", "b.txt", "README"):
        (place / name).touch()
    process = start_main("--watch", place, "--output", results, "--background", "#0000ff", "--quality", "fast")
    wait_until((results / "first.jpg").exists, "the first result")
    # A file that grows is left alone until it is complete, however long that takes.
    data = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(5)]).path.read_bytes()
    with (place / "late.mp4").open("wb") as file:
        for number in range(4):
            part = len(data) // 4 + 1
            file.write(data[number * part : (number + 1) * part])
            file.flush()
            time.sleep(0.6)
            assert process.poll() is None
            assert not list(results.glob("*late*")), "work began on a file that still grows"
    told = [process.line().strip() for _ in range(2)]
    assert told == [str(results / name) for name in ("first.jpg", "late.mp4")]
    assert len(probe(results / "late.mp4").times) == 5
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert process.communicate()[1].splitlines() == [  # each kind once, however often it is looked
        f"note: watching {place} for images and videos; the results go to {results}, Ctrl-C ends",
        f"note: {place / 'README'}: left aside, as every file without a suffix: it is neither an image nor a video",
        f"note: {place / 'a.txt'}: left aside, as every .txt: it is neither an image nor a video",
        f"note: {place / 'deeper'}: left aside, as every folder: --recursive looks into them",
        f"warning: no person was found in {place / 'late.mp4'}",
        "stopped; results written: 2",
    ]


def watched(folder: Path, results: str = "") -> Iterator[tuple[str, str]]:
    """Yield what a watch finds, with a clock that goes a second from scan to scan."""
    now = [0.0]
    files = FolderWatch(str(folder), find.SUFFIXES, False, results, clock=lambda: now[0])
    while True:
        yield from files.ready()
        now[0] += 1


@pytest.mark.parametrize("results", ["", "the folder itself"])
def test_watching_takes_no_result_for_a_source(tmp_path: Path, results: str) -> None:
    """Results stand beside their sources; once a source has gone its result is still none."""
    results = results and str(tmp_path)
    for name in ("a.mp4", "a_out.mp4", "gone_out.mp4", "b.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    given = watched(tmp_path, results)
    assert {Path(next(given)[0]).name for _ in range(2)} == {"a.mp4", "b.jpg"}
    (tmp_path / "a.mp4").unlink()
    (tmp_path / "c.mp4").write_bytes(b"x")
    assert Path(next(given)[0]).name == "c.mp4"
    # With a folder for results what only ends like one is a source.
    elsewhere = watched(tmp_path, str(tmp_path / "results"))
    assert {Path(next(elsewhere)[0]).name for _ in range(4)} == {"a_out.mp4", "b.jpg", "c.mp4", "gone_out.mp4"}


def test_a_look_at_many_files_asks_for_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a look costs must grow with the number of files, and not with its square."""
    for number in range(300):
        (tmp_path / f"{number}_out.jpg").touch()
    asked = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda *path: asked.append(path) or scandir(*path))
    monkeypatch.setattr(glob, "glob", lambda *_, **__: pytest.fail("each file looks through the whole folder"))
    (tmp_path / "one.jpg").write_bytes(b"x")
    given = watched(tmp_path)
    assert Path(next(given)[0]).name == "one.jpg"
    assert len(asked) < 20, "the folder is read once a look"


def test_matte_beside_the_result(tmp_path: Path, run_main, portrait: np.ndarray) -> None:
    from background_removal.segmentation import MPSegmentation

    expected = MPSegmentation().alpha(portrait) * 255
    clip = make_clip(tmp_path / "clip.mp4", [portrait] * 4).path
    outcome = run_main("--video", clip, "--matte", tmp_path / "matte.mp4")
    assert outcome.code == 0, outcome.err
    matte = probe(tmp_path / "matte.mp4", images=True)
    assert matte.times == probe(clip).times
    assert difference(matte.images[2][..., 1], expected) < 4
    for background in ("#000000", "none"):
        photo = run_main("--image", PORTRAIT, "--output", tmp_path / "p.png", "--matte", tmp_path / "m.png",
                         "--background", background, "--quality", "fast")  # fmt: skip
        assert photo.code == 0, photo.err
        assert difference(cv2.imread(str(tmp_path / "m.png"))[..., 0], expected) < 4


def test_a_sequence_of_pictures(tmp_path: Path, run_main) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    outcome = run_main("--video", clip, "--no-segmentation", "--output", "new/shots/p%03d.jpg")
    assert outcome.code == 0, outcome.err
    found = sorted((tmp_path / "new" / "shots").iterdir())
    assert [p.name for p in found] == [f"p{n:03}.jpg" for n in range(1, 5)]
    assert difference(cv2.imread(str(found[2])), scene(2)) < 8
    refused = run_main("--video", clip, "--no-segmentation", "--output", tmp_path / "new" / "shots" / "p%03d.jpg")
    assert (refused.code, "not empty" in refused.err) == (2, True)
    assert sorted((tmp_path / "new" / "shots").iterdir()) == found
    for arguments, folder in (((), "clip_out"), (("--output", "results"), "results/clip")):
        outcome = run_main(clip, "--frames", "--no-segmentation", *arguments)
        assert outcome.code == 0, outcome.err
        assert [p.name for p in sorted((tmp_path / folder).iterdir())] == [f"{n:06}.png" for n in range(1, 5)]
        again = run_main(clip, "--frames", "--no-segmentation", *arguments, "--resume")
        assert (again.code, again.out) == (0, ""), again.err
        assert "is done" in again.err


def test_what_others_put_into_the_folder_of_a_sequence_is_left_alone(tmp_path: Path) -> None:
    """A file manager looks at the folder while the pictures are made: nothing made may be lost, and nothing of it."""
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    shots = tmp_path / "shots"

    def looked_at(image: np.ndarray) -> np.ndarray:
        (shots / ".DS_Store").write_text("looked")
        (shots / "notes.txt").write_text("mine")
        return image

    shots.mkdir()
    (shots / ".directory").write_text("hidden files do not count")
    Engine(video_path=clip, output_path=shots / "%03d.png", custom_objects=[looked_at]).run()
    assert sorted(path.name for path in shots.iterdir()) == [
        ".DS_Store", ".directory", "001.png", "002.png", "003.png", "004.png", "notes.txt",
    ]  # fmt: skip
    assert (shots / "notes.txt").read_text() == "mine"


def test_a_picture_whose_place_is_taken_meanwhile_is_kept(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    shots = tmp_path / "shots"

    def taken(image: np.ndarray) -> np.ndarray:
        (shots / "003.png").write_text("theirs")
        return image

    with pytest.raises(ProcessingError, match=r"003\.png has appeared there meanwhile.*kept in") as caught:
        Engine(video_path=clip, output_path=shots / "%03d.png", custom_objects=[taken]).run()
    rest = Path(str(caught.value).split("kept in ")[1])
    assert (shots / "003.png").read_text() == "theirs"
    pictures = [*shots.glob("00[124].png"), *rest.glob("*.png")]
    assert len(pictures) == 4
    assert all(cv2.imread(str(path)) is not None for path in pictures)


def test_pictures_go_to_a_folder_that_is_a_mount_point(tmp_path: Path) -> None:
    """It cannot be renamed or removed, and lies on another file system than the folder around it."""
    mounted = Path("/dev/shm")
    if not mounted.is_dir() or not os.access(mounted, os.W_OK) or mounted.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no file system of its own at hand to write to")
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)]).path
    before = set(mounted.iterdir())
    try:
        with atomic.atomic_folder(str(mounted)) as folder:  # whatever else is in it
            (Path(folder) / "background-removal-test.png").write_bytes(b"x")
        assert set(mounted.iterdir()) == before | {mounted / "background-removal-test.png"}
        (mounted / "background-removal-test").mkdir()
        Engine(video_path=clip, output_path=mounted / "background-removal-test" / "%03d.png").run()
        assert len(list((mounted / "background-removal-test").iterdir())) == 3
    finally:
        for left in set(mounted.iterdir()) - before:
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_images_and_videos_in_one_run(tmp_path: Path, run_main) -> None:
    """The kind is told by the file: by its suffix, and by its content where the suffix says nothing."""
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)])
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    shutil.copy(PORTRAIT, tmp_path / "photo")
    shutil.copy(tmp_path / "clip.mp4", tmp_path / "clip.bin")
    outcome = run_main("clip.mp4", "photo.jpg", "photo", "clip.bin", "--no-segmentation", "--output", "all")
    assert outcome.code == 0, outcome.err
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == [
        "clip.mp4",
        "clip_2.mp4",
        "photo.jpg",
        "photo_2.jpg",
    ]
    assert len(probe(tmp_path / "all" / "clip_2.mp4").times) == 3
    (tmp_path / "folder").mkdir()
    for name in ("clip.mp4", "photo.jpg"):
        (tmp_path / name).rename(tmp_path / "folder" / name)
    outcome = run_main("folder", "--no-segmentation")
    assert sorted(outcome.out.split()) == [
        os.path.join("folder", "clip_out.mp4"),
        os.path.join("folder", "photo_out.jpg"),
    ]


@pytest.mark.parametrize(
    "arguments", [("a.jpg", "--image", "b.jpg"), ("a.jpg", "--webcam", "1"), ("--video", "a.mp4", "--watch", ".")]
)
def test_one_kind_of_source_at_a_time(run_main, arguments: tuple) -> None:
    outcome = run_main(*arguments)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "only one of them can be processed" in outcome.err


def test_shares_are_equal_complete_and_the_same_for_everybody(folder: Path) -> None:
    sizes = {f"{number}.mp4": number * 10 for number in range(1, 21)}
    jobs = [BatchItem(name, f"out/{name}") for name in sizes]
    found = [shards.select_shard(jobs, (number, 3), sizes.__getitem__) for number in (1, 2, 3)]
    assert sorted(job.path for share in found for job in share) == sorted(sizes)
    totals = [sum(sizes[job.path] for job in share) for share in found]
    assert max(totals) <= 1.05 * sum(totals) / 3, totals
    assert found[1] == shards.select_shard(jobs, (2, 3), sizes.__getitem__)
    assert [jobs.index(job) for job in found[1]] == sorted(jobs.index(job) for job in found[1])
    empty = [shards.select_shard(jobs[:4], (number, 5), lambda path: 0) for number in range(1, 6)]
    assert sorted(len(share) for share in empty) == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("share", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_share_that_is_none_is_refused(share: str, run_main) -> None:
    done = run_main("clips", f"--shard={share}")
    assert done.code == 2
    assert done.err.startswith(f"error: --shard {share}: must be"), done.err


def test_a_dry_run_lists_and_a_shard_does_its_share(folder: Path, tmp_path: Path, run_main) -> None:
    (folder / "broken.mp4").unlink()
    arguments = (str(folder), "--recursive", "--output", str(tmp_path / "out"), "--no-segmentation")
    listed = [run_main(*arguments, "--dry-run", "--shard", f"{number}/2").out.splitlines() for number in (1, 2)]
    assert sorted(line for lines in listed for line in lines) == [
        f"{folder / name} -> {tmp_path / 'out' / name}" for name in ("a.mp4", "b.mkv", "deeper/c.mp4")
    ]
    assert not (tmp_path / "out").exists()
    done = run_main(*arguments, "--shard", "1/2")
    assert done.code == 0, done.err
    assert done.out.splitlines() == [line.split(" -> ")[1] for line in listed[0]]
    # What is done does not move the rest to another share.
    again = run_main(*arguments, "--dry-run", "--resume", "--shard", "1/2")
    assert again.out == ""
    assert len(run_main(*arguments, "--dry-run", "--resume").out.splitlines()) == len(listed[1])


def test_a_folder_is_watched_without_waiting(tmp_path: Path) -> None:
    now = [0.0]
    files = FolderWatch(str(tmp_path), find.SUFFIXES, False, clock=lambda: now[0])
    (tmp_path / "a.mp4").write_bytes(b"1")
    assert list(files.ready()) == []
    now[0] += 1.9
    assert list(files.ready()) == []
    now[0] += 0.5
    assert [Path(path).name for path, _ in files.ready()] == ["a.mp4"]
    assert list(files.ready()) == []
    (tmp_path / "a.mp4").write_bytes(b"12")
    assert list(files.ready()) == []
    now[0] += 2.5
    assert [Path(path).name for path, _ in files.ready()] == ["a.mp4"]
