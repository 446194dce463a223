"""Given mattes: a matte from elsewhere in place of the networks' one."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TypeAlias

import cv2
import numpy as np

from background_removal.errors import EndedEarlyError, InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.own_colors import MAX_LEVEL, choose_averages, estimate_own_colors
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid

# The alphas of a stream in order: each uint8 (H, W), with its time in seconds, NaN if it has none.
AlphaFrames: TypeAlias = Generator[tuple[np.ndarray, float], None, None]

# Maximum difference of the aspect ratios of a matte and its frame, as a ratio: rounding to whole or even pixels.
_MAX_ASPECT_RATIO = 1.02
# Frames per second of a stream that does not say its own.
_USUAL_RATE = 25.0
# Margin of the person's box, pixels of the frame.
_MARGIN = 4


class GivenMatting:
    """Makes the matte of each frame from one that is given, as `StreamMatting` does from networks.

    Mattes follow frames in order. A stream that begins later, with another frame than the first, begins in the matte
    at the same time.

    Args:
        open_frames: Opens the given mattes from the first; the argument is the rate of the frames, None if unknown.
        name: Their name in messages.
    """

    reuse_still = False
    head_height: float | None = None
    lookahead = 0

    def __init__(self, open_frames: Callable[[float | None], AlphaFrames], name: str) -> None:
        self._open_frames = open_frames
        self._name = name
        self._frames: AlphaFrames | None = None
        self._is_still = False
        self.rate: float | None = None
        self.reset()

    def begin(self, still: bool, live: bool = False) -> None:
        """Begin a stream: one image or a video; raises InputError for a camera."""
        if live:
            raise InputError("`matte_in` goes with files; a camera's frames are not known before")
        self._is_still = still
        self.reset()

    def reset(self) -> None:
        """Begin with the first matte again."""
        self.end()
        self._count = 0
        self._seconds: float | None = None
        self._alpha: np.ndarray | None = None

    def at(self, seconds: float) -> None:
        """Set the next frame's time in the stream."""
        self._seconds = seconds

    def end(self) -> None:
        """Close the file."""
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()

    def close(self) -> None:
        """Close the file."""
        self.end()

    @property
    def people(self) -> str:
        """The people kept: "all", those of the given matte; raises InputError if it is set to others."""
        return "all"

    @people.setter
    def people(self, people: str) -> None:
        if people != "all":
            raise InputError("`people` main goes without `matte_in`, which keeps whom it keeps")

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Do nothing: the matte is used as it is."""

    def next_people(self) -> str:
        """Return the message of the key p."""
        return "the matte is given: it keeps whom it keeps"

    def choose_at(self, x: float, y: float) -> bool:
        """Return False: nobody is chosen."""
        return False

    def foresee(self, view: Pyramid) -> None:
        """Do nothing."""

    def __call__(self, view: Pyramid) -> Matte:
        """Return the matte of the next frame.

        Raises:
            InputError: it has another shape than the frame, or it cannot be read.
            EndedEarlyError: there is none left.
        """
        if self._alpha is None or not self._is_still:
            self._alpha = self._next_alpha()
        return make_matte(view, self._fit(self._alpha, view.size))

    def _next_alpha(self) -> np.ndarray:
        first = self._frames is None
        if self._frames is None:
            self._frames = self._open_frames(self.rate)
        found = next(self._frames, None)
        # Only the first is looked for by its time: after it, frames are as many as mattes, whatever their times say.
        while first and found is not None and self._is_before(found[1]):
            self._count += 1
            found = next(self._frames, None)
        if found is None:
            raise EndedEarlyError(f"`matte_in` {self._name}: {self._describe_count()}; the video has more")
        self._count += 1
        return found[0]

    def _describe_count(self) -> str:
        return "has 1 picture" if self._count == 1 else f"has {self._count} frames"

    def _is_before(self, seconds: float) -> bool:
        """Return whether a matte with that time comes before the stream's first frame."""
        if self._seconds is None or math.isnan(seconds):
            return False
        return seconds < self._seconds - 0.5 / (self.rate or _USUAL_RATE)

    def _fit(self, alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return an alpha at the frame's size, uint8 (H, W)."""
        height, width = alpha.shape
        if (width, height) == size:
            return alpha
        ratio = width / height * size[1] / size[0]
        if max(ratio, 1 / ratio) > _MAX_ASPECT_RATIO:
            raise InputError(
                f"`matte_in` {self._name}: is {width}x{height}, another shape than the picture, {size[0]}x{size[1]}"
            )
        method = cv2.INTER_AREA if width > size[0] else cv2.INTER_CUBIC
        return cv2.resize(alpha, size, interpolation=method)


def make_matte(view: Pyramid, alpha: np.ndarray) -> Matte:
    """Return the matte of an alpha at the frame's size, uint8 (H, W), with the person's own colours as for a photo."""
    box = _box_around(alpha, view.size)
    part = alpha[box[1] : box[3], box[0] : box[2]] * np.float32(1 / 255)
    image = view.image[box[1] : box[3], box[0] : box[2]]
    colors = estimate_own_colors(view, box, part, *choose_averages(max(part.shape))) if part.any() else None
    return Matte(part, box, view.size, image, colors)


def _box_around(alpha: np.ndarray, size: tuple[int, int]) -> Box:
    """Return the part of the frame in which alpha is above 0, with a margin."""
    x, y, width, height = cv2.boundingRect(alpha)
    if not width:
        return (0, 0, *size)
    align = 1 << MAX_LEVEL
    left, top = max(0, x - _MARGIN) // align * align, max(0, y - _MARGIN) // align * align
    return left, top, min(size[0], x + width + _MARGIN), min(size[1], y + height + _MARGIN)
