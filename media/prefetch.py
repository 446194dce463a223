"""The thread that reads ahead, so that decoding or capturing and processing overlap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType

from media.frame import Frame, Source


class Prefetch:
    """Iterates over a source in a thread of its own and hands its frames on through a bounded queue.

    A file waits for the consumer when the queue is full. A camera (`newest_only`) does not: the queue holds
    one frame, and a newer one takes its place, so that what is processed is never old.

    An exception of the source is raised again in the consumer, after the frames that came before it.
    """

    def __init__(self, source: Source, depth: int = 4, newest_only: bool = False) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        self._source = source
        self._depth = 1 if newest_only else depth
        self._newest_only = newest_only
        self._queue: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._stopped = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self.dropped = 0

    def __enter__(self) -> Prefetch:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._source.stop()
        self._thread.join()
        self._queue.clear()

    def frames(self, timeout: float | None = None) -> Iterator[Frame | None]:
        """Yield the frames in order; with a `timeout` in seconds, also None each time that none came."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._finished, timeout)
                if self._queue:
                    frame = self._queue.popleft()
                    self._changed.notify_all()
                elif self._finished:
                    if self._error is not None:
                        raise self._error
                    return
                else:
                    frame = None
            yield frame

    def _run(self) -> None:
        try:
            for frame in self._source:
                if not self._put(frame):
                    break
        except BaseException as error:  # raised again in the consumer's thread
            self._error = error
        finally:
            with self._changed:
                self._finished = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Queue `frame`; return False when the consumer has gone."""
        with self._changed:
            if self._newest_only and len(self._queue) == self._depth:
                self._queue.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: len(self._queue) < self._depth or self._stopped)
            if self._stopped:
                return False
            self._queue.append(frame)
            self._changed.notify_all()
            return True
