"""Shape of the pixels in a video stream, which may change within it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# FFmpeg's names of formats that leave the shape to the codec: broadcasts, discs, and streams without a container. In
# other files the shape of the container holds for all frames, as in players.
_LEFT_TO_CODEC = frozenset({"mpegts", "mpeg", "mpegvideo", "h264", "hevc"})


class PixelShapes:
    """Finds the width divided by the height of the pixels of each frame.

    PyAV gives the shape in the stream that the decoder has reached, not that of a frame. It changes at a key frame
    only, so that a frame before that one, which the decoder returns later, has the shape before.

    Args:
        container: The open file.
        stream: The stream that is decoded.
        offset: Start of the file's clock, in units of the stream's time base.

    Attributes:
        first: The shape in the first frame.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, offset: int = 0) -> None:
        self._stream = stream
        self._offset = offset
        self._is_fixed = container.format.name not in _LEFT_TO_CODEC
        self._changes: list[tuple[int, Fraction]] = []  # time from the start of the clock, and shape from then on
        self._last: Fraction | None = None
        self.first = self._shown = Fraction(1)

    def follow(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Yield the frames as they come from the decoder, and remember the changes."""
        for frame in frames:
            if self._last is None:
                self.first = self._shown = self._last = self._current()
            elif frame.key_frame and frame.pts is not None and self._current() != self._last:
                self._last = self._current()
                self._changes.append((frame.pts - self._offset, self._last))
            yield frame

    def at(self, pts: int | None) -> Fraction:
        """Return the shape at a time from the start of the clock; times must not decrease from call to call."""
        while self._changes and pts is not None and pts >= self._changes[0][0]:
            self._shown = self._changes.pop(0)[1]
        return self._shown

    def _current(self) -> Fraction:
        found = None if self._is_fixed else self._stream.codec_context.sample_aspect_ratio
        return found or self._stream.sample_aspect_ratio or Fraction(1)
