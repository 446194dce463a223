"""One frame of a video, by its time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

import numpy as np

from background_removal.errors import InputError
from background_removal.files.video.animation_source import AnimationSource, is_read_here
from background_removal.files.video.opening import open_video
from background_removal.files.video.parts import Part
from background_removal.files.video.timing import frame_rate
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.frame import Frame, Source

# Times before the wanted one from which decoding is tried, seconds; sound and other streams may end later.
_BACK_SECONDS = (2.0, 10.0, math.inf)
# Time for decoding up to the frame, seconds; a file without an index is decoded from its beginning.
MAX_SECONDS = 10.0
# Frame rate where a video has none, frames a second.
_DEFAULT_RATE = 25


def read_frame(path: str, seconds: float, name: str = "", *, keep_alpha: bool = False) -> np.ndarray:
    """Return the frame that a video shows at a time, upright; after its end the last one.

    Args:
        path: A local file.
        seconds: The time, from the start of the file's clock.
        name: Its name in messages, `path` if empty.
        keep_alpha: As in `files.video.video_source.VideoSource`.

    Returns:
        uint8 (H, W, 3) BGR, or (H, W, 4) BGRA.

    Raises:
        InputError: the file is no readable video, has no frame, or takes too long to decode up to it.
    """
    if is_read_here(path):
        with AnimationSource(path, name, keep_alpha=keep_alpha, warns=False) as source:
            return _frame_at(source, seconds)
    time_base, rate = _read_clock(path, name)
    deadline = time.monotonic() + MAX_SECONDS
    for back in (2 / rate, *_BACK_SECONDS):
        start = max(0.0, seconds - back)
        # All of it; a part may not begin before the first frame.
        part = _part_from(round(start / time_base)) if start else None
        source = VideoSource(path, name, part, keep_planes=lambda index: True, keep_alpha=keep_alpha, warns=False)
        with suppress(InputError), _stop_at(deadline, source), source:  # there may be no frame after `start`
            image = _frame_at(source, seconds)
            if time.monotonic() < deadline:
                return image
        if part is None or time.monotonic() >= deadline:
            break
    late = time.monotonic() >= deadline
    raise InputError(
        f"{name or path}: " + ("that frame takes too long to reach" if late else "no frame can be decoded")
    )


@contextmanager
def _stop_at(deadline: float, source: Source) -> Iterator[None]:
    """Stop a source in a block at a time of `time.monotonic`."""
    left = deadline - time.monotonic()
    if left <= 0:
        source.stop()
    timer = threading.Timer(max(left, 0.0), source.stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read_clock(path: str, name: str) -> tuple[Fraction, float]:
    """Return the unit of a video's times, seconds, and its frame rate."""
    with open_video(path, name) as container:
        stream = container.streams.best("video")
        if stream is None or stream.time_base is None:
            raise InputError(f"{name or path}: there is no video in it")
        return stream.time_base, float(frame_rate(stream) or _DEFAULT_RATE)  # pyright: ignore[reportArgumentType]


def _part_from(time: int) -> Part:
    return Part(run_up=time, start=time, end=None, seek=time, index=0, first=0, frames=0)


def _frame_at(source: Source, seconds: float) -> np.ndarray:
    shown: Frame | None = None
    frames: Iterator[Frame | None] = iter(source)
    for frame in frames:
        # Half a millisecond, as browsers round times.
        if frame is None or (shown is not None and frame.seconds > seconds + 5e-4):
            break
        shown = frame
    if shown is None:
        raise InputError("no frame can be decoded")
    return shown.image
