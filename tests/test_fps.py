"""FPSmetric: the average of the last calls, drawn or returned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from background_removal import fps as utils
from background_removal.fps import FPSmetric


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test moves: set ``clock[0]``."""
    now = [100.0]
    monkeypatch.setattr(utils.time, "perf_counter", lambda: now[0])
    return now


def test_the_rate_is_zero_before_two_calls_and_a_float_ever_after(clock: list[float]) -> None:
    fps = FPSmetric()
    assert fps() == 0.0
    assert isinstance(fps(), float)
    clock[0] += 0.5
    assert fps() == pytest.approx(2 / 0.5)


def test_the_average_is_over_the_last_calls_only(clock: list[float]) -> None:
    fps = FPSmetric(range_average=3)
    for step in (10.0, 10.0, 0.1, 0.1, 0.1):
        fps()
        clock[0] += step
    assert fps() == pytest.approx(10.0)


def test_the_rate_is_right_at_once_after_an_outage(clock: list[float]) -> None:
    fps = FPSmetric()
    for step in (0.04, 0.04, 0.04, 7.0, 0.05):
        fps()
        clock[0] += step
    assert fps() == pytest.approx(20)
    slow = FPSmetric()
    for step in (2.0, 2.0, 3.0):
        slow()
        clock[0] += step
    assert slow() == pytest.approx(3 / 7), "slow frames are no outage"


def test_the_first_frame_comes_back_as_a_frame() -> None:
    frame = np.zeros((120, 320, 3), np.uint8)
    out = FPSmetric()(frame)
    assert out.shape == frame.shape
    assert out.any(), "nothing was drawn"


def test_it_draws_where_and_in_the_colour_asked() -> None:
    out = FPSmetric(position=(5, 100), color=(0, 0, 255))(np.zeros((120, 320, 3), np.uint8))
    rows, columns = np.nonzero(out[..., 2])
    assert not out[..., :2].any()
    assert rows.max() <= 103
    assert columns.min() >= 5


def test_transparent_frames_get_opaque_text() -> None:
    out = FPSmetric()(np.zeros((120, 320, 4), np.uint8))
    assert out[..., 3].max() == 255


def test_a_range_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="range_average 0"):
        FPSmetric(range_average=0)


def test_the_attributes_of_the_original_can_be_read_and_set() -> None:
    metric = FPSmetric()
    assert (metric.position, metric.fontFace, metric.fontScale) == ((7, 70), cv2.FONT_HERSHEY_SIMPLEX, 3)
    assert (metric.color, metric.thickness, metric.lineType) == ((100, 255, 0), 3, cv2.LINE_AA)
    metric.position, metric.color = (100, 150), (0, 0, 255)
    drawn = metric(np.zeros((200, 300, 3), np.uint8))
    assert not drawn[:, :95].any()
    assert drawn.reshape(-1, 3).max(axis=0).tolist() == [0, 0, 255]
