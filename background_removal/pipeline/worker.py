"""The thread beside the main one: it reads ahead, or writes behind, through a bounded queue."""

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

# How long leaving waits for a thread: nobody likes a program that does not end, and a camera may block for ever.
JOIN_SECONDS = 0.5
# How long the last of what was put is waited for: an encoder empties itself, and a long file gets its index in front.
FINISH_SECONDS = 600.0
# How often a wait looks around.
_TICK_SECONDS = 0.05
# How often, while no frame comes, whoever waits for one may look around: a window for keys, which are 20 ms apart when
# they are typed fast, and of which some window systems keep only the last.
_IDLE_SECONDS = 0.01


class Worker(Generic[Item]):
    """A thread of its own, and a bounded queue between it and the thread that made it.

    One side puts items into the queue and the other takes them, whichever way round. An error of the thread is raised
    again on the other side: after the items that were put before it, or at the next `put`, or by `finish`.

    Args:
        work: What the thread does; it gets this worker, to put into or to take from.
        name: The thread's name.
        depth: How many items may wait.
        when_full: What `put` does then: "wait", or let the "newest" item take the place of the oldest, or "drop" it.
        stop: Called by `close`, for work that waits for something else than the queue.
        join_seconds: How long `close` waits for the thread, which is then left to itself.

    Attributes:
        dropped: How many items were lost because the queue was full.
    """

    def __init__(
        self,
        work: Callable[[Worker[Item]], None],
        name: str,
        depth: int = 4,
        when_full: Literal["wait", "newest", "drop"] = "wait",
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
        self._complete = False  # nothing more will be put
        self._closed = False  # nobody wants what the thread still does
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
        """Whether the thread still works."""
        return self._thread.is_alive()

    def put(self, item: Item) -> bool:
        """Add an item; return False when nobody will take it.

        Raises:
            The thread's error, if it is the thread that should have taken it.
        """
        with self._changed:
            if len(self._queue) >= self._depth and not self._closed:
                if self._when_full == "drop":
                    self.dropped += 1
                    return True
                if self._when_full == "newest":
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
        """Yield the items in order; with a `timeout` in seconds, also None each time that none came."""
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

    def waiting(self) -> list[Item]:
        """Take all items that wait, without waiting for more."""
        with self._changed:
            items = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        return items

    def complete(self) -> None:
        """Say that nothing more will be put."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Say that nothing more will be put, and wait until the thread has done all of it.

        Raises:
            The thread's error; ProcessingError if the thread does not end.
        """
        self.complete()
        # In short waits: a signal is only heard between two of them where a lock cannot be interrupted.
        deadline = time.monotonic() + FINISH_SECONDS
        while self.running and time.monotonic() < deadline:
            self._thread.join(_TICK_SECONDS)
        if self.running:
            raise ProcessingError(f"{self._thread.name} does not end")
        self._raise_error()

    def close(self) -> None:
        """Let the thread end; one that does not do so soon is left to itself. Calling it again does nothing."""
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
        except BaseException as error:  # raised again on the other side
            self._error = error
        finally:
            self.complete()


class Reader:
    """Opens, reads and closes a source in a thread of its own, as the source wants to be read.

    All that the source does is done in that thread, so that it can be left alone when it blocks.

    Args:
        source: What is read; `pipeline.frame.Source.read_mode` is "buffered" or "latest".
        keep_waiting: Called again and again while the source opens; what it raises ends the waiting.
    """

    def __init__(self, source: Source, keep_waiting: Callable[[], object] = lambda: None) -> None:
        self._source = source
        self._keep_waiting = keep_waiting
        self._opened = threading.Event()
        newest = source.read_mode == "latest"
        self._worker: Worker[Frame | None] = Worker(
            self._read, "reader", 1 if newest else 4, "newest" if newest else "wait", source.stop
        )

    def __enter__(self) -> Reader:
        self._worker.__enter__()
        try:
            while not self._opened.wait(_TICK_SECONDS) and self._worker.running:
                self._keep_waiting()
            if not self._opened.is_set():  # it could not be opened: raise why
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
        """Yield the frames in order, and None each time that none has come for a hundredth of a second."""
        return self._worker.items(_IDLE_SECONDS)

    def _read(self, worker: Worker[Frame | None]) -> None:
        with self._source as source:
            self._opened.set()
            for frame in source:
                if not worker.put(frame):
                    return
