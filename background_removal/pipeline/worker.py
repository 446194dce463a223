"""Background threads with a bounded queue: reading ahead, writing behind."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Literal, TypeVar

from background_removal.errors import ProcessingError
from background_removal.pipeline.frame import Frame, Source
from background_removal.support.threads import AbandonableThread

Item = TypeVar("Item")

# Join timeout in `close`, seconds; a blocked thread is then abandoned, as a camera may block for ever.
JOIN_SECONDS = 0.5
# Timeout of `finish`, seconds; an encoder has to drain, and the index of a long file is moved to its front.
FINISH_SECONDS = 600.0
# Polling interval of interruptible waits, seconds.
_TICK_SECONDS = 0.05
# Interval of idle work while no frame comes, seconds; keys typed fast are 20 ms apart, and some window systems keep
# only the last one.
_IDLE_SECONDS = 0.01


class Worker(Generic[Item]):
    """Runs a function in a thread, with a bounded queue between it and the owner's thread.

    Either side may put items, and the other takes them. An error of the thread is raised again on the owner's side:
    after the items put before it, at the next `put`, or by `finish`.

    Args:
        work: Function run by the thread; it gets this worker to put items into or take them from.
        name: Name of the thread.
        depth: Capacity of the queue.
        when_full: Policy of `put` on a full queue: "wait", "replace" the oldest item, or "drop" the new one.
        stop: Called by `close`, to end work that waits for something other than the queue.
        join_seconds: Join timeout of `close`; the thread is then abandoned.

    Attributes:
        dropped: Number of items lost because the queue was full.
    """

    def __init__(
        self,
        work: Callable[[Worker[Item]], None],
        name: str,
        depth: int = 4,
        when_full: Literal["wait", "replace", "drop"] = "wait",
        stop: Callable[[], object] = lambda: None,
        join_seconds: float = JOIN_SECONDS,
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        self._work = work
        self._depth = depth
        self._when_full = when_full
        self._stop = stop
        self._join_seconds = join_seconds
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._complete = False  # no more items will be put
        self._closed = False  # further items are discarded
        self._error: BaseException | None = None
        self._thread = AbandonableThread(target=self._run, name=name, daemon=True)
        self.dropped = 0

    def __enter__(self) -> Worker[Item]:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def put(self, item: Item) -> bool:
        """Add an item; return False if it will not be taken.

        Raises:
            The thread's error, if the thread is the taker.
        """
        with self._changed:
            if len(self._queue) >= self._depth and not self._closed:
                if self._when_full == "drop":
                    self.dropped += 1
                    return True
                if self._when_full == "replace":
                    self._queue.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait_for(lambda: len(self._queue) < self._depth or self._closed or self._complete)
            if self._closed or self._complete:
                self._raise_error()
                return False
            self._queue.append(item)
            self._changed.notify_all()
            return True

    def items(self, timeout: float | None = None) -> Iterator[Item | None]:
        """Yield the items in order; with a `timeout` in seconds, also None whenever it expires."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._complete or self._closed, timeout)
                if self._queue:
                    item = self._queue.popleft()
                    self._changed.notify_all()
                elif self._complete or self._closed:
                    break
                else:
                    item = None
            yield item
        self._raise_error()

    def complete(self) -> None:
        """Mark the queue as complete: no more items will be put."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Mark the queue as complete and wait until the thread has processed it.

        Raises:
            The thread's error; ProcessingError if the thread does not end.
        """
        self.complete()
        # Short waits, because signals are handled only between them on systems with uninterruptible locks.
        deadline = time.monotonic() + FINISH_SECONDS
        while self.running and time.monotonic() < deadline:
            self._thread.join(_TICK_SECONDS)
        if self.running:
            raise ProcessingError(f"{self._thread.name} does not end")
        self._raise_error()

    def close(self) -> None:
        """End the thread, or abandon it after the join timeout. Calling it again does nothing."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()
        self._stop()
        if self._thread.ident is not None:
            self._thread.join(self._join_seconds)

    def _raise_error(self) -> None:
        if self._error is not None and threading.current_thread() is not self._thread:
            raise self._error

    def _run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:  # raised again by `_raise_error`
            self._error = error
        finally:
            self.complete()


class Reader:
    """Opens, reads and closes a source in a thread, which can be abandoned if the source blocks.

    Args:
        source: Source with `read_mode` "buffered" or "latest".
        check: Called repeatedly while the source opens; an exception ends the wait.
    """

    def __init__(self, source: Source, check: Callable[[], object] = lambda: None) -> None:
        self._source = source
        self._check = check
        self._opened = threading.Event()
        latest = source.read_mode == "latest"
        self._worker: Worker[Frame | None] = Worker(
            self._read, "reader", 1 if latest else 4, "replace" if latest else "wait", source.stop
        )

    def __enter__(self) -> Reader:
        self._worker.__enter__()
        try:
            while not self._opened.wait(_TICK_SECONDS) and self._worker.running:
                self._check()
            if not self._opened.is_set():  # raise the reason
                for _ in self._worker.items():
                    pass
        except BaseException:
            self._worker.close()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._worker.close()

    def frames(self) -> Iterator[Frame | None]:
        """Yield the frames in order, and None whenever none has come for a hundredth of a second."""
        return self._worker.items(_IDLE_SECONDS)

    def _read(self, worker: Worker[Frame | None]) -> None:
        with self._source as source:
            self._opened.set()
            for frame in source:
                if not worker.put(frame):
                    return
