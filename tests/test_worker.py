"""The thread beside the main one: order, bounds, errors, and that it ends, reading ahead and writing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import wait_until

from background_removal.errors import Stopped
from background_removal.pipeline.frame import Frame, Source, StreamInfo
from background_removal.pipeline.worker import Reader, Worker


class Numbers(Source):
    """A source of `count` small frames; `made` tells how far it has been read."""

    info = StreamInfo("numbers", 1, 1)

    def __init__(self, count: int, read_mode: str = "buffered", fail_at: int | None = None) -> None:
        self.count, self.read_mode, self.fail_at = count, read_mode, fail_at
        self.made = 0
        self.stopped = False
        self.threads: set[str] = set()

    def open(self) -> None:
        self.threads.add(threading.current_thread().name)

    def __iter__(self) -> Iterator[Frame]:
        self.threads.add(threading.current_thread().name)
        for index in range(self.count):
            if index == self.fail_at:
                raise OSError("the disk is gone")
            self.made = index + 1
            yield Frame(np.zeros((1, 1, 3), np.uint8), index)

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)


def test_frames_come_in_order_and_end() -> None:
    source = Numbers(50)
    with Reader(source) as reader:
        assert [f.index for f in reader.frames() if f] == list(range(50))
    assert source.threads == {"reader"}, "all is done in one thread, which may be left alone"


def test_no_more_than_depth_frames_wait() -> None:
    source = Numbers(1000)
    with Reader(source) as reader:
        wait_until(lambda: source.made >= 5, "the queue to fill")
        time.sleep(0.1)
        assert source.made == 5  # four wait, one is in the reader's hand
        assert next(reader.frames()).index == 0


def test_newest_only_drops_what_came_too_late() -> None:
    source = Numbers(1000, "latest")
    with Reader(source) as reader:
        wait_until(lambda: source.made == 1000, "the source to run through")
        time.sleep(0.1)
        assert [f.index for f in reader.frames() if f] == [999]


def test_an_error_comes_after_the_frames_before_it() -> None:
    seen = []
    with Reader(Numbers(10, fail_at=4)) as reader, pytest.raises(OSError, match="the disk is gone"):
        seen.extend(frame.index for frame in reader.frames())
    assert seen == [0, 1, 2, 3]


def test_what_cannot_be_opened_is_told_at_once() -> None:
    class Locked(Numbers):
        def open(self) -> None:
            raise PermissionError("locked")

    with pytest.raises(PermissionError, match="locked"), Reader(Locked(1)):
        pytest.fail("it was opened")


def test_none_comes_while_no_frame_does() -> None:
    gate = threading.Event()

    class Waiting(Numbers):
        def __iter__(self) -> Iterator[Frame]:
            gate.wait(60)
            yield from super().__iter__()

    with Reader(Waiting(2)) as reader:
        frames = reader.frames()
        assert next(frames) is None
        gate.set()
        assert [f.index for f in frames if f] == [0, 1]


@pytest.mark.parametrize("taken", [0, 3])
def test_leaving_early_ends_the_thread(taken: int) -> None:
    before = threading.active_count()
    source = Numbers(10**9)
    with Reader(source) as reader:
        frames = reader.frames()
        for _ in range(taken):
            next(frames)
    assert source.stopped
    assert threading.active_count() == before


class Stuck(Numbers):
    """A source that blocks for as long as the test likes, in a call that nothing interrupts."""

    def __init__(self, where: str) -> None:
        super().__init__(10)
        self.where = where
        self.release = threading.Event()
        self.closed = threading.Event()

    def open(self) -> None:
        if self.where == "open":
            self.release.wait(60)

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(np.zeros((1, 1, 3), np.uint8))
        self.release.wait(60)

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("where", ["open", "read"])
def test_a_source_that_blocks_is_left_alone_and_closes_itself_later(where: str) -> None:
    source = Stuck(where)
    waited = 0

    def enough() -> None:
        nonlocal waited
        waited += 1
        if waited == 3:
            raise Stopped

    left = threading.Event()

    def use() -> None:
        try:
            with Reader(source, enough) as reader:
                next(reader.frames())
        except Stopped:
            pass
        left.set()

    threading.Thread(target=use, daemon=True).start()
    assert left.wait(20), "leaving waits for the source"
    assert not source.closed.is_set(), "it was closed under the thread that reads it"
    source.release.set()
    assert source.closed.wait(20)


# -- writing behind ------------------------------------------------------------------------------------------------


def test_what_is_written_behind_is_all_done_in_order() -> None:
    written: list[int] = []

    def write(worker: Worker[int]) -> None:
        for item in worker.items():
            time.sleep(0.001)
            written.append(item)

    with Worker(write, "writer", depth=2) as worker:
        for number in range(30):
            assert worker.put(number)
        worker.finish()
    assert written == list(range(30))


def test_an_error_behind_comes_with_the_next_item_or_the_end() -> None:
    def write(worker: Worker[int]) -> None:
        for _ in worker.items():
            raise OSError("the disk is full")

    with Worker(write, "writer") as worker:
        worker.put(1)
        wait_until(lambda: not worker.running, "the error")
        with pytest.raises(OSError, match="the disk is full"):
            worker.put(2)
        with pytest.raises(OSError, match="the disk is full"):
            worker.finish()


def test_a_full_queue_drops_what_comes_where_that_is_wanted() -> None:
    taken, gate = threading.Event(), threading.Event()
    written: list[int] = []

    def write(worker: Worker[int]) -> None:
        for item in worker.items():
            taken.set()
            gate.wait(60)
            written.append(item)

    with Worker(write, "writer", depth=2, when_full="drop") as worker:
        worker.put(0)
        assert taken.wait(20)
        for number in range(1, 10):
            assert worker.put(number)
        gate.set()
        worker.finish()
    assert written == [0, 1, 2]
    assert worker.dropped == 7


def test_a_depth_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="depth"):
        Worker(lambda worker: None, "worker", depth=0)
