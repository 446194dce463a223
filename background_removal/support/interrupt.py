"""Ctrl-C and SIGTERM as a flag checked between frames, and the message of the interrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from background_removal.errors import Stopped


class Interrupt:
    """Turns the first Ctrl-C (or SIGTERM) into `requested`; a second one raises KeyboardInterrupt at once.

    Leaving raises KeyboardInterrupt if a signal was received, unless the block raised: it may have been received after
    the last check.

    Signals reach the main thread only; in another thread this does nothing. A handler installed from outside of
    Python could not be restored, and so is kept.

    Attributes:
        requested: Whether a signal was received.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Callable[..., Any] | int] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if before is not None:
                    self._before[number] = before
                    signal.signal(number, self._request)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self.requested and exc is None:
            raise KeyboardInterrupt

    def raise_if_requested(self) -> None:
        """Raise Stopped if a signal was received."""
        if self.requested:
            raise Stopped

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def report_results_on_interrupt(describe_results: Callable[[str], str]) -> Iterator[None]:
    """Let the KeyboardInterrupt that ends the block report which results there are, and where.

    Args:
        describe_results: Returns the message, given that of the interrupt, "" for none.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(*filter(None, [describe_results(str(stop))])) from None
