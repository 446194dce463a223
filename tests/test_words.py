"""What the user is told: in words, in time, and in the words of the option that was typed."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, make_clip, probe, scene

from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.segmentation import MPSegmentation


def test_a_picture_of_nobody_is_done_and_said(run_main, tmp_path: Path) -> None:
    shutil.copy(ROOT / "backgrounds" / "2_office.jpg", tmp_path / "room.jpg")
    outcome = run_main("room.jpg")
    assert (outcome.code, outcome.out, outcome.err) == (
        0, "room_out.jpg\n", "warning: no person was found in room.jpg\n"
    )  # fmt: skip
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    outcome = run_main("room.jpg", "me.jpg", "--quality", "fast")  # the one is not taken for the other
    assert (outcome.code, outcome.err) == (0, "warning: no person was found in room.jpg\n")
    for arguments in (["--background", "none"], ["--no-segmentation"]):  # where nobody is looked for
        assert run_main("room.jpg", *arguments).err == ""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_video_of_nobody_is_said_and_one_of_somebody_at_its_end_is_not(
    run_main, tmp_path: Path, portrait: np.ndarray, jobs: int
) -> None:
    without_person = [scene(i) for i in range(44)]  # 4.4 s; --jobs cuts clips from 4 s on
    make_clip(tmp_path / "nobody.mp4", without_person, rate=Fraction(10), gop=10)
    with_person = [cv2.resize(portrait, (320, 240))] * 5
    make_clip(tmp_path / "late.mp4", without_person + with_person, rate=Fraction(10), gop=10)
    for name, told in (("nobody.mp4", "warning: no person was found in nobody.mp4\n"), ("late.mp4", "")):
        outcome = run_main(name, "--jobs", jobs)
        assert (outcome.code, outcome.err) == (0, told)


def test_the_segmentation_knows_whether_it_has_found_anybody(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation()
    assert segmentation.found_person is None
    room = cv2.imread(str(ROOT / "backgrounds" / "2_office.jpg"))
    segmentation(room)
    assert segmentation.found_person is False
    segmentation(portrait)
    segmentation(room)
    assert segmentation.found_person is True
    segmentation.reset()
    assert segmentation.found_person is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("me.jpg --start-frame 5", "--start-frame goes with videos; me.jpg is an image"),
        ("me.jpg --jobs 2", "--jobs goes with videos; me.jpg is an image"),
        ("me.jpg you.jpg --codec h265", "--codec goes with videos; these are images"),
        ("me.jpg --size 640x480", "--size goes with a webcam"),
        ("me.jpg --overwrite", "--overwrite goes with --record; the result of a file replaces an older one anyway"),
        ("me.jpg --snapshots here", "--snapshots goes with a window: --show"),
        ("me.jpg --model-size 256x256", "--model-size goes with --model FILE.onnx"),
        (
            "me.jpg --no-segmentation --threshold 0.4",
            "--threshold needs the segmentation; leave out --no-segmentation",
        ),
        ("clip.mp4 --break-on-end", "--break-on-end goes with --end-frame"),
        ("clip.mp4 --reconnect 5", "--reconnect goes with a webcam"),
        ("--watch . --record x.mp4", "--record goes with a webcam"),
        ("--end-frame 5", "--end-frame goes with files, and not with a webcam"),
        ("--output x.mp4", "--output goes with files; a webcam is recorded with --record"),
        ("--no-show --crf 20", "--crf goes with --record"),
        ("--webcam http://here/ --camera-fps 30", "--camera-fps goes with a camera of this computer; a URL's decides"),
    ],
)
def test_an_option_that_would_do_nothing_is_an_error(run_main, tmp_path: Path, arguments: str, told: str) -> None:
    for name in ("me.jpg", "you.jpg"):
        shutil.copy(PORTRAIT, tmp_path / name)
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)])
    before = sorted(tmp_path.iterdir())
    outcome = run_main(*arguments.split())
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith(f"error: {told}")
    assert sorted(tmp_path.iterdir()) == before


def test_a_settings_file_may_hold_what_is_for_another_day(run_main, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'record = "talk.mp4"\nmicrophone = true\nsize = "640x480"\njobs = 2\ncrf = 30\nend-frame = 1\n'
        'break-on-end = true\noutput = "results/"\nsnapshots = "shots"\n'
    )
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)])
    outcome = run_main("me.jpg", "clip.mp4", "--config", "mine.toml", "--quality", "fast")
    assert (outcome.code, outcome.out.split()) == (0, ["results/me.jpg", "results/clip.mp4"])
    assert len(probe(tmp_path / "results" / "clip.mp4").times) == 2
    outcome = run_main("--webcam", "http://127.0.0.1:9/none", "--config", "mine.toml", "--no-show")
    assert (outcome.code, "--output" in outcome.err) == (2, False)
    assert outcome.err.startswith("error: camera http://127.0.0.1:9/none cannot be opened")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("me.jpg --threshold 2", "--threshold 2: must be between 0 and 1"),
        ("me.jpg --light-wrap -1", "--light-wrap -1: must be between 0 and 1"),
        ("me.jpg --model huge", "--model huge: must be "),
        ("me.jpg --background no.png", "--background no.png: no such file"),
        ("me.jpg --background transparent --output r.jpg", "r.jpg: .jpg cannot store transparency; "),
        ("clip.mp4 --start-frame 9 --end-frame 3", "--start-frame 9 is after --end-frame 3"),
        ("clip.mp4 --start-frame 9", "clip.mp4: it has 3 frames; --start-frame 9 is behind them"),
        ("clip.mp4 --codec vp9 --output r.mov", "--codec vp9: .mov takes "),
        ("clip.mp4 --output clip.mp4", "clip.mp4: the output is the input; give another --output"),
    ],
)
def test_a_message_names_the_option_that_was_typed(run_main, tmp_path: Path, arguments: str, told: str) -> None:
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)])
    outcome = run_main(*arguments.split())
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith(f"error: {told}")
    assert "`" not in outcome.err


def test_each_of_many_failures_is_told_once_and_in_the_same_words(run_main, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        make_clip(tmp_path / name, [scene(i) for i in range(3)])
    outcome = run_main("a.mp4", "b.mp4", "--start-frame", 9, "--no-segmentation")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "error: a.mp4: it has 3 frames; --start-frame 9 is behind them",
        "error: b.mp4: it has 3 frames; --start-frame 9 is behind them",
        "error: 2 of 2 files failed",
    ]


def test_from_python_a_message_names_the_parameter(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^`threshold` 2: must be"):
        MPSegmentation(threshold=2)
    with pytest.raises(InputError, match=r"^`start_video_frame` 9 is after `end_video_frame` 3"):
        Engine(start_video_frame=9, end_video_frame=3)


OWN = """
from engine import Engine

def mine(image):
    {body}

Engine({arguments}, custom_objects=[mine]).run()
"""


@pytest.mark.parametrize(
    ("arguments", "body", "last", "tracebacks"),
    [
        ("image_path='no.jpg'", "return image", "InputNotFoundError: no.jpg: no such file", 1),
        ("video_path='text.mp4'", "return image", "InputError: text.mp4: not a readable video (it is a text file", 1),
        ("webcam_id='http://127.0.0.1:9/x'", "return image", "CameraError: camera http://127.0.0.1:9/x cannot be", 1),
        ("image_path='me.jpg'", "image.sum()", "ProcessingError: custom object mine returned None instead of an", 1),
        # Where in one's own code it happened is what one wants to see as well.
        ("image_path='me.jpg'", "return image[9999]", "ProcessingError: custom object mine failed on frame 0", 2),
    ],
)
def test_an_error_in_a_main_of_ones_own_is_told_by_its_last_line(
    start_main, tmp_path: Path, arguments: str, body: str, last: str, tracebacks: int
) -> None:
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    (tmp_path / "text.mp4").write_text("this is no video\n" * 20)
    process = start_main(program=OWN.format(arguments=arguments, body=body))
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith(f"background_removal.errors.{last}")
    assert err.count("Traceback") == tracebacks
