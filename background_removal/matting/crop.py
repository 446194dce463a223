"""Following the person: which part of the frame the network looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the frame
Bounds: TypeAlias = tuple[float, float, float, float]  # the same around a person, not rounded

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# As `CropPolicy.least_aspect`, for someone whom the frame's side cuts.
_MIN_ASPECT_CUT = 1.0
# The crop stays until the person comes nearer to its side than this share of it.
_SAFE = 0.05
# A look at the whole frame tells the person from the room better than the crop does, and shrinks it sooner.
_LOOK_SHRINK = 0.7
# Crops begin and end on multiples of a power of two, so that they do so in the halvings of the frame too; a
# frame is never halved so often that less than this is left of it.
_MIN_SIDE = 128
# The multiples are no coarser than the crop's height divided by this. Coarse ones hide what two decoders, or two looks,
# see a little differently: they mostly come to the same crop, and a crop drawn anew is mostly the one that was.
_MULTIPLES = 40
# Less of the frame than this is no person.
_MIN_AREA = 0.002
# Alpha along this share of a side of the crop: the person has left it.
_LEFT_SIDE = 0.05


@dataclass(frozen=True, slots=True)
class CropPolicy:
    """How much of the room a crop shows around a person; networks differ in what they do best with.

    Attributes:
        margin: The room to every side, as a share of his own width and height.
        least_aspect: A crop narrower than this share of its height would stretch him too far.
        shrink: The crop stays until a fresh one would be smaller than this share of it.
        remembers: Whether the network remembers what it saw, and so does best in a crop that is not tightened at once
            and with what it says of a new crop left as it is.
    """

    margin: float = 0.11
    least_aspect: float = 0.7
    shrink: float = 0.6
    remembers: bool = False


# On the clips RobustVideoMatting errs less so.
RECURRENT_CROP_POLICY = CropPolicy(0.15, 0.8, 0.45, remembers=True)


class CropTracker:
    """Keeps a crop around the person; the fewer pixels are wasted on the room, the finer his edge.

    The crop moves only when it must, or is told to be drawn anew: a network's answer changes a little with every move.
    """

    def __init__(self, room: CropPolicy = CropPolicy()) -> None:
        self._room = room
        self.reset()

    def reset(self) -> None:
        """Forget where the person was."""
        self.box: Box | None = None
        self._person: Bounds | None = None

    def tighten(self, person: Bounds, size: tuple[int, int]) -> None:
        """Draw the crop anew around a person of whom only a guess was known."""
        self.box = crop_around(person, size, self._room)

    def drawn(self, alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
        """Take note of the alpha drawn in `box`, float32 (h, w), and move the crop if it has to.

        Args:
            alpha: What was drawn.
            box: The part of the frame that it covers.
            size: Width and height of the frame.

        Returns:
            Whether there is a person; if not, the crop is given up.
        """
        before, self._person = self._person, bounds(alpha, box, size)
        if self._person is None:
            self.box = None
            return False
        self._keep_inside(_ahead(self._person, before), size, self._room.shrink)
        return True

    def looked(self, probability: np.ndarray, size: tuple[int, int], anew: bool = False) -> bool:
        """Take note of what a network saw in the whole frame, float32 (h, w), and move the crop if it has to.

        What the look shows of a person who is followed sets the crop right, if that has taken in something of
        the room; but if the look has missed him, so small in the whole frame, he stays in the crop.

        Args:
            probability: What the network saw.
            size: Width and height of the frame.
            anew: Whether to draw the crop anew even where the old one would still do.

        Returns:
            Whether there is a person, there or in the crop.
        """
        seen = bounds(probability, (0, 0, *size), size)
        known = self._person
        if seen is None:
            if anew and self.box is not None and known is not None:
                self.box = crop_around(known, size, self._room)
            return self.box is not None
        if anew:
            self.box = None
        if known is not None and not meet(seen, known):
            both = (min(seen[0], known[0]), min(seen[1], known[1]), max(seen[2], known[2]), max(seen[3], known[3]))
            self._keep_inside(both, size, self._room.shrink)
        else:
            self._keep_inside(seen, size, _LOOK_SHRINK)
        return True

    def _keep_inside(self, person: Bounds, size: tuple[int, int], shrink: float) -> None:
        if self.box is None or not self._fits(person, size, shrink):
            self.box = crop_around(person, size, self._room)

    def left_crop(self, alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
        """Tell whether the person reaches over a side of `box` that is not a side of the frame."""
        inner = (
            (alpha[:, 0], box[0] > 0),
            (alpha[0], box[1] > 0),
            (alpha[:, -1], box[2] < size[0]),
            (alpha[-1], box[3] < size[1]),
        )
        return any(movable and (side > 0.5).mean() > _LEFT_SIDE for side, movable in inner)

    def _fits(self, person: Bounds, size: tuple[int, int], shrink: float) -> bool:
        assert self.box is not None
        left, top, right, bottom = self.box
        across, down = _SAFE * (right - left), _SAFE * (bottom - top)
        inside = (
            (person[0] >= left + across or left <= 0)
            and (person[1] >= top + down or top <= 0)
            and (person[2] <= right - across or right >= size[0])
            and (person[3] <= bottom - down or bottom >= size[1])
        )
        return inside and area(crop_around(person, size, self._room)) > shrink * area(self.box)


def shows_person(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> bool:
    """Tell whether the alpha drawn in `box`, float32 (h, w), of a frame of (width, height) shows anybody."""
    return bounds(alpha, box, size) is not None


def _ahead(person: Bounds, before: Bounds | None) -> Bounds:
    """Return the rectangle that also holds where the person will be in the next frame if he goes on so."""
    if before is None:
        return person
    left, top, right, bottom = (2 * now - then for now, then in zip(person, before, strict=True))
    return min(left, person[0]), min(top, person[1]), max(right, person[2]), max(bottom, person[3])


def meet(a: Bounds, b: Bounds) -> bool:
    """Tell whether two rectangles share a part of the frame."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def area(box: Bounds) -> float:
    """Return the area of a rectangle."""
    return (box[2] - box[0]) * (box[3] - box[1])


def bounds(alpha: np.ndarray, box: Box, size: tuple[int, int]) -> Bounds | None:
    """Return the rectangle, in pixels of the frame, around what is more person than not; None if it is too small."""
    inside = (alpha > 0.5).view(np.uint8)
    covered = cv2.countNonZero(inside) / inside.size * area(box)
    if covered < _MIN_AREA * size[0] * size[1]:
        return None
    x, y, width, height = cv2.boundingRect(inside)
    per_column, per_row = (box[2] - box[0]) / alpha.shape[1], (box[3] - box[1]) / alpha.shape[0]
    return (
        box[0] + x * per_column,
        box[1] + y * per_row,
        box[0] + (x + width) * per_column,
        box[1] + (y + height) * per_row,
    )


def crop_around(person: Bounds, size: tuple[int, int], room: CropPolicy) -> Box:
    """Return the crop of a frame of `size` (width, height) with room for a person."""
    left, top, right, bottom = person
    across, down = room.margin * (right - left), room.margin * (bottom - top)
    left, top, right, bottom = left - across, top - down, right + across, bottom + down
    cut = person[0] <= 0 or person[2] >= size[0]
    missing = (bottom - top) * (_MIN_ASPECT_CUT if cut else room.least_aspect) - (right - left)
    if missing > 0:
        left, right = left - missing / 2, right + missing / 2
    grid = 1 << max(0, (min(size) // _MIN_SIDE).bit_length() - 1, (int(bottom - top) // _MULTIPLES).bit_length() - 1)
    return (
        max(0, math.floor(left / grid) * grid),
        max(0, math.floor(top / grid) * grid),
        min(size[0], math.ceil(right / grid) * grid),
        min(size[1], math.ceil(bottom / grid) * grid),
    )


def resampled(image: np.ndarray, old: Box, new: Box) -> np.ndarray:
    """Return what `image`, (h, w) of the part `old` of a frame, shows of the part `new`, at the same size.

    Where `new` reaches beyond `old`, the border is repeated.
    """
    height, width = image.shape[:2]
    scale_x, scale_y = (new[2] - new[0]) / (old[2] - old[0]), (new[3] - new[1]) / (old[3] - old[1])
    shift_x, shift_y = (new[0] - old[0]) / (old[2] - old[0]) * width, (new[1] - old[1]) / (old[3] - old[1]) * height
    # Pixel centres lie half a pixel inside.
    matrix = np.array(
        [[scale_x, 0, shift_x + (scale_x - 1) / 2], [0, scale_y, shift_y + (scale_y - 1) / 2]], np.float32
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
