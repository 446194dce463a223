"""A video that plays behind the person."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing

import numpy as np

from background_removal.compositing.backgrounds import ImageBackground, Picture
from background_removal.errors import InputError

# Maximum images skipped at once in live use; skipping costs as much as showing, so a video that is too heavy plays
# slower rather than delaying the camera.
_MAX_LIVE_SKIPS = 2


class Video(ImageBackground):
    """A video that plays behind the person in a loop, in step with the frames.

    Args:
        play: Plays the video from its beginning: yields uint8 (H, W, 3) BGR images, each with its presentation time
            in seconds.
        name: The video's name in messages.

    Raises:
        InputError: the video has no frame.
    """

    pictures_are_immutable = True

    def __init__(self, play: Callable[[], Generator[tuple[np.ndarray, float], None, None]], name: str) -> None:
        super().__init__()
        self._play = play
        self._name = name
        self._pictures: Generator[tuple[Picture, float], None, None] | None = None
        self.begin(live=True)  # raises if the video has no frame
        self.end()

    def begin(self, live: bool) -> None:
        self.end()
        self._live = live
        self._now: float | None = None
        self._started: float | None = None
        self._advance()

    def end(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def picture(self, width: int, height: int) -> np.ndarray:
        if self._pictures is None:
            self._started = None
            self._advance()
        # Without a presentation time the call is taken as live.
        clock = time.monotonic() if self._now is None else self._now
        self._started = clock if self._started is None else self._started
        now = clock - self._started + 1e-3  # tolerance, as times are sums of fractions
        advanced = 0
        while self._next_at <= now:
            if self._live and advanced == _MAX_LIVE_SKIPS:
                self._started += now - self._next_at
                break
            self._advance()
            advanced += 1
        return self._current.picture(width, height)

    def at(self, seconds: float) -> None:
        self._now = seconds

    def _advance(self) -> None:
        if self._pictures is None:
            self._pictures = self._loop()
        self._current, self._next_at = next(self._pictures)

    def _loop(self) -> Generator[tuple[Picture, float], None, None]:
        """Yield each picture with the time at which the next one is due, counted from the first frame."""
        begun = 0.0
        while True:
            shown: tuple[np.ndarray, float] | None = None
            start, step = 0.0, 1 / 25
            with closing(self._play()) as frames:
                for image, at in frames:
                    if shown is None:
                        start = at
                    else:
                        step = max(at - shown[1], 1e-3)
                        yield Picture(shown[0]), begun + at - start
                    shown = image, at
            if shown is None:
                raise InputError(f"{self._name}: there is no frame in this video")
            begun += shown[1] - start + step  # the last frame is shown as long as the one before it
            yield Picture(shown[0]), begun
