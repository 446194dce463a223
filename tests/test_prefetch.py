"""The reading thread: order, bounds, errors, and that it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import wait_until

from media.frame import Frame, StreamInfo
from media.prefetch import Prefetch


class Numbers:
    """A source of `count` small frames; `made` tells how far it has been read."""

    info = StreamInfo("numbers", 1, 1)

    def __init__(self, count: int, fail_at: int | None = None) -> None:
        self.count, self.fail_at = count, fail_at
        self.made = 0
        self.stopped = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            if index == self.fail_at:
                raise OSError("the disk is gone")
            self.made = index + 1
            yield Frame(np.zeros((1, 1, 3), np.uint8), index)

    def stop(self) -> None:
        self.stopped = True


def test_frames_come_in_order_and_end() -> None:
    with Prefetch(Numbers(50)) as ahead:
        assert [f.index for f in ahead.frames() if f] == list(range(50))


def test_no_more_than_depth_frames_wait() -> None:
    source = Numbers(1000)
    with Prefetch(source, depth=3) as ahead:
        wait_until(lambda: source.made >= 4, "the queue to fill")
        time.sleep(0.1)
        assert source.made == 4  # three wait, one is in the reader's hand
        assert next(ahead.frames()).index == 0


def test_newest_only_drops_what_came_too_late() -> None:
    source = Numbers(1000)
    with Prefetch(source, newest_only=True) as ahead:
        wait_until(lambda: source.made == 1000, "the source to run through")
        time.sleep(0.1)
        assert [f.index for f in ahead.frames() if f] == [999]
        assert ahead.dropped == 999


def test_an_error_comes_after_the_frames_before_it() -> None:
    seen = []
    with Prefetch(Numbers(10, fail_at=4)) as ahead, pytest.raises(OSError, match="the disk is gone"):
        seen.extend(frame.index for frame in ahead.frames())
    assert seen == [0, 1, 2, 3]


def test_a_timeout_yields_none_and_goes_on() -> None:
    gate = threading.Event()

    class Waiting(Numbers):
        def __iter__(self) -> Iterator[Frame]:
            gate.wait()
            yield from super().__iter__()

    with Prefetch(Waiting(2)) as ahead:
        frames = ahead.frames(timeout=0.01)
        assert next(frames) is None
        gate.set()
        assert [f.index for f in frames if f] == [0, 1]


@pytest.mark.parametrize("taken", [0, 3])
def test_leaving_early_ends_the_thread(taken: int) -> None:
    before = threading.active_count()
    source = Numbers(10**9)
    with Prefetch(source) as ahead:
        frames = ahead.frames()
        for _ in range(taken):
            next(frames)
    assert source.stopped
    assert threading.active_count() == before


def test_a_depth_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="depth"):
        Prefetch(Numbers(1), depth=0)
