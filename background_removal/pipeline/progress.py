"""A progress bar as a sink."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from background_removal.pipeline.frame import Frame, Sink, StreamInfo
from background_removal.support.wording import escape_unprintable

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress(Sink):
    """Counts frames on a progress bar.

    Args:
        bar: Whether to show one when stderr is a terminal; or an existing bar, opened and closed by its owner.
        last_frame: Index of the frame with which the run ends; None for the end of the source.
    """

    def __init__(self, bar: bool | tqdm[Any], last_frame: int | None = None) -> None:
        self._shown = bar
        self._last_frame = last_frame
        self._bar: tqdm[Any] | None = None
        self._counted = 0
        self._still = False

    def open(self, info: StreamInfo) -> None:
        self._still = info.still
        self._counted = 0
        if not isinstance(self._shown, bool):
            self._bar = self._shown
        elif self._shown and not info.still and sys.stderr is not None and sys.stderr.isatty():
            # Elsewhere it would not be shown, and need not be loaded: its library takes 20 ms.
            frames = info.frames
            if frames is not None and self._last_frame is not None:
                frames = min(frames, self._last_frame + 1)  # or the time left would be too long
            self._bar = progress_bar(info.name, frames)

    def write(self, frame: Frame) -> None:
        # A still may be processed several times, but counts once.
        if self._bar is not None and not (self._still and self._counted):
            self._bar.update()
        self._counted += 1

    def close(self, error: BaseException | None = None) -> None:
        if self._bar is not None and self._bar is not self._shown:
            self._bar.close()
        self._bar = None


def progress_bar(name: str, total: int | None, shown: bool = True) -> tqdm[Any]:
    """Create a bar that counts frames, shown when stderr is a terminal.

    Args:
        name: Path of the file.
        total: Number of frames, None if unknown.
        shown: Whether to show it at all.
    """
    from tqdm import tqdm

    # None: shown only if stderr is a terminal.
    label = escape_unprintable(os.path.basename(name))
    return tqdm(total=total, unit="frame", desc=label, disable=None if shown else True)
