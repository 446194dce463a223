"""Camera of a visitor's browser as a source of the engine; only the newest frame is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.page.http_errors import PageError
from background_removal.page.image_codec import check_pixels, read_size
from background_removal.pipeline.frame import Frame, ReadMode, Source, StreamInfo

_TIME_BASE = Fraction(1, 1_000_000)
# Timeout between two frames, seconds; the camera is then taken for abandoned or frozen.
SILENCE_SECONDS = 300.0
# Maximum number of broken frames in a row; one second of a camera.
_MAX_BROKEN = 30


class BrowserCamera(Source):
    """Yields the newest received frame.

    Args:
        max_pixels: Largest size of a frame.

    Attributes:
        is_silent: Whether it ended because no frame came in time.
    """

    read_mode: ReadMode = "latest"

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._changed = threading.Condition()
        self._newest: tuple[int, bytes] | None = None
        self._ended = self.is_silent = False
        self._received = time.monotonic()
        self._broken = 0
        self._first: tuple[int, np.ndarray] | None = None
        self._numbers: dict[int, int] = {}
        self._info: StreamInfo | None = None

    def put(self, number: int, jpeg: bytes) -> None:
        """Replace the waiting frame, if any, by a newer one."""
        with self._changed:
            self._newest = (number, jpeg)
            self._received = time.monotonic()
            self._changed.notify_all()

    @property
    def silent_seconds(self) -> float:
        """Time since the last frame came, or since the start, seconds."""
        return time.monotonic() - self._received

    def end(self) -> None:
        """End the stream."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def take_number(self, index: int) -> int:
        """Return the visitor's number of the frame with that index; only once each, in order."""
        for older in [known for known in self._numbers if known < index]:
            self._numbers.pop(older, None)
        return self._numbers.pop(index, 0)

    # -- as a source -------------------------------------------------------------------------------

    @property
    def info(self) -> StreamInfo:
        assert self._info is not None
        return self._info

    def open(self) -> None:
        """Wait for the first frame; raises InputError if none comes."""
        self._first = self._next_frame(None)
        if self._first is None:
            raise InputError("no frame came from the camera")
        height, width = self._first[1].shape[:2]
        clock_start = time.monotonic()
        self._info = StreamInfo("camera", width, height, _TIME_BASE, live=True, clock_start=clock_start)

    def __iter__(self) -> Iterator[Frame]:
        index, found = 0, self._first
        while found is not None:
            number, image = found
            self._numbers[index] = number
            yield Frame(image, index, round((time.monotonic() - self.info.clock_start) / _TIME_BASE), _TIME_BASE)
            index += 1
            found = self._next_frame(image)

    def stop(self) -> None:
        self.end()

    def close(self) -> None:
        self._first = None

    def _next_frame(self, before: np.ndarray | None) -> tuple[int, np.ndarray] | None:
        """Return the next frame and its number; None at the end, or after the timeout.

        A broken frame is answered with the one before it, as its sender waits for an answer.

        Args:
            before: The frame before it; None for none.

        Raises:
            InputError: too many frames in a row are broken, or one is too large.
        """
        while (received := self._receive()) is not None:
            number, jpeg = received
            image = self._decode(jpeg)
            self._broken = 0 if image is not None else self._broken + 1
            if self._broken >= _MAX_BROKEN:
                raise InputError(f"{_MAX_BROKEN} frames of the camera one after another are no JPEG pictures")
            answered = image if image is not None else before
            if answered is not None:
                return number, answered
        return None

    def _receive(self) -> tuple[int, bytes] | None:
        """Wait for the next frame; return its number and its file, None at the end or after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._ended, SILENCE_SECONDS)
            if self._ended:
                return None
            if self._newest is None:
                self.is_silent = True
                return None
            received, self._newest = self._newest, None
            return received

    def _decode(self, jpeg: bytes) -> np.ndarray | None:
        """Return the picture of a file, None if it is no JPEG picture; raises InputError if it is too large."""
        size = read_size(jpeg) if jpeg.startswith(b"\xff\xd8\xff") else None
        if size is None:
            return None
        try:
            check_pixels("a frame of the camera", size, self._max_pixels)
        except PageError as error:
            raise InputError(str(error)) from error
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
