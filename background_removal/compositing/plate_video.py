"""Frames from all over a video, from which its empty room is estimated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from background_removal.files.video.parts import plan_parts
from background_removal.files.video.video_source import VideoSource, expected_frames

# Key frames from which only they are decoded; a video with fewer of them is decoded whole.
_MIN_KEY_FRAMES = 16


def sample_frames(path: str, name: str, count: int) -> Iterator[np.ndarray]:
    """Yield about `count` frames from all over a video, uint8 (H, W, 3); of the same file always the same.

    Args:
        path: A local file.
        name: Its name in messages.
        count: Number of frames.
    """
    parts = plan_parts(path, count)
    if len(parts) >= _MIN_KEY_FRAMES:
        for part in parts:
            # From its key frame on, without a run-up.
            part = replace(part, run_up=part.start, seek=part.start, index=part.first)
            with VideoSource(path, name, part, warns=False) as video:
                for frame in video:
                    yield frame.image
                    break
        return
    step = max(1, (expected_frames(path) or count) // count)
    # The others stay in the codec's planes, which costs nothing.
    with VideoSource(path, name, keep_planes=lambda index: bool(index % step), warns=False) as video:
        for frame in video:
            if not frame.index % step:
                yield frame.image
