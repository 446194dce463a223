"""FrameRange: which frames of a video are processed."""

from __future__ import annotations

from dataclasses import dataclass

from background_removal.errors import InputError


@dataclass(frozen=True, slots=True)
class FrameRange:
    """The frames of a video that go through the custom objects, by their numbers, counted from 0.

    Attributes:
        first: The first processed frame.
        last: The last processed frame; 0 for no end. Frames outside the range are written unchanged.
        break_on_end: Whether processing stops after `last`.

    Raises:
        InputError: a number is negative, or `first` is after `last`.
    """

    first: int = 0
    last: int = 0
    break_on_end: bool = False

    def __post_init__(self) -> None:
        if self.first < 0 or self.last < 0:
            raise InputError("`start_video_frame` and `end_video_frame` count from 0 and cannot be negative")
        if self.last and self.first > self.last:
            raise InputError(f"`start_video_frame` {self.first} is after `end_video_frame` {self.last}")

    def __contains__(self, index: int) -> bool:
        return self.first <= index and (not self.last or index <= self.last)

    @property
    def end(self) -> int | None:
        """The number of the frame after which processing stops; None for the end of the video."""
        return self.last if self.break_on_end and self.last else None
