"""Networks that have been loaded are used again: loading takes a sixth of a second, and leaves memory in pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from background_removal.page.look_renderer import LookRenderer
from background_removal.page.looks import Look

_MAX_IDLE = 2


class Pool:
    """Lends what shows people in a look.

    Args:
        make: Makes one.
    """

    def __init__(self, make: Callable[[Look], LookRenderer]) -> None:
        self._make = make
        self._idle: list[LookRenderer] = []
        self._lock = threading.Lock()

    def take(self, look: Look) -> LookRenderer:
        """Return one that nobody else uses, in that look; raises BackgroundRemovalError if that cannot be shown."""
        with self._lock:
            showing = self._idle.pop() if self._idle else None
        if showing is None:
            return self._make(look)
        try:
            showing.change(look)
        except BaseException:
            self.give_back(showing)
            raise
        return showing

    def give_back(self, showing: LookRenderer) -> None:
        """Take one back that is closed; it forgets what it has seen."""
        showing.forget()
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(showing)

    @contextmanager
    def lent(self, look: Look) -> Iterator[LookRenderer]:
        """Lend one for a block; raises as `take` does."""
        showing = self.take(look)
        try:
            yield showing
        finally:
            self.give_back(showing)
