"""Recording what a camera's frames have become, without holding up the camera."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction

import numpy as np

import storage
from errors import BackgroundRemovalError, ProcessingError
from media.formats import Encoding
from media.frame import Frame, StreamInfo
from media.images import fitted
from media.microphone import Microphone
from media.video_sink import VideoSink

log = logging.getLogger(__name__)

# Frames that may wait for the encoder; when it cannot keep up, further ones are left out and counted.
_MOST_WAITING = 8


class Recording:
    """Writes frames to a video file in a thread of its own, each with the time at which it came.

    What was written before an error is completed and kept.

    Args:
        path: The file, which appears when the recording is closed; local or remote.
        info: The stream that the frames come from.
        encoding: How the video is encoded.
        microphone: Whose sound goes along, or None.

    Attributes:
        error: What went wrong, None so far.
        written: How many frames are in the file.
        left_out: How many the encoder had no time for.
    """

    def __init__(self, path: str, info: StreamInfo, encoding: Encoding, microphone: Microphone | None) -> None:
        self.path = path
        self.error: BackgroundRemovalError | None = None
        self.written = 0
        self.left_out = 0
        self._queue: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._ending = False
        self._start: Fraction | None = None
        self._size: tuple[int, int] | None = None
        # Cameras have no rate of their own; encoders want to know about how much time a frame has.
        self._info = replace(info, name=path, rate=info.rate or Fraction(30))
        self._encoding = encoding
        self._microphone = microphone
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """Hand on one frame; it must not be changed afterwards."""
        with self._changed:
            if len(self._queue) >= _MOST_WAITING:
                self.left_out += 1
                return
            self._queue.append(frame)
            self._changed.notify()

    def close(self) -> None:
        """Complete the file; what went wrong is in `error` then. Calling it again does nothing."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()
        if self.left_out:
            log.warning("%s: %d frames were left out, the encoder could not keep up", self.path, self.left_out)
            self.left_out = 0

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                staged = stack.enter_context(storage.staged_output(self.path))
                how = {"name": self.path, "encoding": self._encoding, "microphone": self._microphone}
                sink = stack.enter_context(VideoSink(staged, self._info, **how))
                sink.end_early()  # sound that comes after the last picture is not wanted
                while (frame := self._next()) is not None and self._written_by(sink, frame):
                    pass
        except BackgroundRemovalError as error:
            self.error = self.error or error
        except Exception as error:  # nobody else would hear of it
            self.error = self.error or ProcessingError(f"{self.path}: {type(error).__name__}: {error}")

    def _written_by(self, sink: VideoSink, frame: Frame) -> bool:
        """Write one frame in the size of the first; return whether it went well."""
        image = frame.image[..., :3]
        if self._size is None:
            self._size = (image.shape[1], image.shape[0])
        elif image.shape[1::-1] != self._size:
            image = fitted(image, *self._size)
        try:
            sink.write(frame.with_image(np.ascontiguousarray(image)))
        except BackgroundRemovalError as error:
            self.error = error
            return False
        self.written += 1
        return True

    def _next(self) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ending)
            if not self._queue:
                return None
            frame = self._queue.popleft()
        time_base = self._info.time_base
        if self._start is None:
            self._start = frame.pts * frame.time_base
            if self._microphone is not None:
                self._microphone.begin(float(self._start))
        return replace(frame, pts=round((frame.pts * frame.time_base - self._start) / time_base), time_base=time_base)
