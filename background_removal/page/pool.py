"""Pool of look renderers: loading networks takes a sixth of a second and fragments memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from background_removal.look import Look
from background_removal.page.look_renderer import LookRenderer

# Idle renderers that are kept.
_MAX_IDLE = 2


class RendererPool:
    """Lends look renderers, each to one user at a time.

    Args:
        make: Makes a renderer.
        observe: Called after each frame with the purpose of its renderer, and the seconds that the frame took.
    """

    def __init__(self, make: Callable[[Look], LookRenderer], observe: Callable[[str, float], object]) -> None:
        self._make = make
        self._observe = observe
        self._idle: list[LookRenderer] = []
        self._lock = threading.Lock()

    def acquire(self, look: Look, purpose: str) -> LookRenderer:
        """Return a renderer with that look; raises BackgroundRemovalError if the look cannot be shown."""
        with self._lock:
            renderer = self._idle.pop() if self._idle else None
        if renderer is None:
            renderer = self._make(look)
        else:
            try:
                renderer.change_look(look)
            except BaseException:
                self.release(renderer)
                raise
        renderer.on_frame = partial(self._observe, purpose)
        return renderer

    def release(self, renderer: LookRenderer) -> None:
        """Take back a closed renderer and reset it."""
        renderer.reset()
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(renderer)

    @contextmanager
    def lease(self, look: Look, purpose: str) -> Iterator[LookRenderer]:
        """Lend a renderer for a block; raises as `acquire` does."""
        renderer = self.acquire(look, purpose)
        try:
            yield renderer
        finally:
            self.release(renderer)
