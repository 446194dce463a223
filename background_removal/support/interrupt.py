"""Ctrl-C and SIGTERM as a wish that is looked at between two frames, and what is said of them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from background_removal.errors import Stopped


class Interrupt:
    """While it is entered, the first Ctrl-C (or SIGTERM) only sets `requested`; a second one ends at once.

    Leaving raises KeyboardInterrupt for one that has come, unless an error is on its way: it may have come when nobody
    looked any more.

    Signals reach the main thread only: in another one it does nothing. A handler that was installed from outside of
    Python could not be put back afterwards, and so is left in its place.

    Attributes:
        requested: Whether a signal has come.
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
        """Raise Stopped once a signal has come."""
        if self.requested:
            raise Stopped

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@contextmanager
def report_results_on_interrupt(kept: Callable[[str], str]) -> Iterator[None]:
    """Let the KeyboardInterrupt that ends the block say what there is of the results, and where.

    Args:
        kept: Returns that, given what the interrupt says already, "" for nothing.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(*filter(None, [kept(str(stop))])) from None
