"""Look-ahead: show frames of a video file to an object before it processes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from background_removal.pipeline.frame import Frame, Planes


def look_ahead(frames: Iterator[Frame | None], count: int, foresee: Callable[[Frame], Frame]) -> Iterator[Frame | None]:
    """Yield frames in order, each after `foresee` has seen `count` later ones; at the end there are fewer.

    Args:
        frames: The frames; None while none comes is passed on at once.
        count: Number of frames.
        foresee: Called once with each frame; returns the frame to be yielded in its place.
    """
    waiting: deque[Frame] = deque()
    for frame in frames:
        if frame is None:
            yield None
            continue
        waiting.append(foresee(frame))
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def own_copy(picture: np.ndarray | Planes) -> np.ndarray | Planes:
    """Return a copy of a picture; an object may return the same array for every frame."""
    if not isinstance(picture, Planes):
        return picture.copy()
    y, u, v = (layer.copy() for layer in picture.layers)
    return picture.with_layers((y, u, v))
