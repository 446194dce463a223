"""What the user is told: in words, in time, and in the words of the option that was typed."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, make_clip, scene

from selfieSegmentation import MPSegmentation


def test_a_picture_of_nobody_is_done_and_said(run_main, tmp_path: Path) -> None:
    shutil.copy(ROOT / "backgrounds" / "2_office.jpg", tmp_path / "room.jpg")
    outcome = run_main("room.jpg")
    assert (outcome.code, outcome.out, outcome.err) == (
        0, "room_out.jpg\n", "warning: no person was found in room.jpg\n"
    )  # fmt: skip
    shutil.copy(PORTRAIT, tmp_path / "me.jpg")
    outcome = run_main("room.jpg", "me.jpg")  # the one is not taken for the other
    assert (outcome.code, outcome.err) == (0, "warning: no person was found in room.jpg\n")
    for arguments in (["--background", "none"], ["--no-segmentation"]):  # where nobody is looked for
        assert run_main("room.jpg", *arguments).err == ""


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_video_of_nobody_is_said_and_one_of_somebody_at_its_end_is_not(
    run_main, tmp_path: Path, portrait: np.ndarray, jobs: int
) -> None:
    nobody = [scene(i) for i in range(110)]
    make_clip(tmp_path / "nobody.mp4", nobody, gop=25)
    somebody = [cv2.resize(portrait, (320, 240))] * 5
    make_clip(tmp_path / "late.mp4", nobody + somebody, gop=25)
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
