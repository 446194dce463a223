"""The pictures that come with the program."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

PICTURES = sorted(path for path in (ROOT / "backgrounds").iterdir() if path.is_file())


def test_there_are_nine_for_the_keys_a_and_d() -> None:
    assert len(PICTURES) == 9
    assert [int(path.name[0]) for path in PICTURES] == list(range(1, 10))


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_fills_a_full_hd_frame_and_is_small(path: Path) -> None:
    assert re.fullmatch(r"\d_[a-z]+\.jpg", path.name)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (1080, 1920, 3)
    assert path.stat().st_size < 600_000
    assert picture.std() > 10  # not an empty render


def test_no_two_are_alike() -> None:
    small = {path.name: cv2.resize(cv2.imread(str(path)), (32, 18), interpolation=cv2.INTER_AREA) for path in PICTURES}
    for (first, a), (second, b) in itertools.combinations(small.items(), 2):
        assert np.abs(a.astype(int) - b).mean() > 15, (first, second)
