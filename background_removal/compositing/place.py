"""Place of the person on a new background: its notation, and the move of the frame that it leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from background_removal.errors import InputError

if TYPE_CHECKING:
    from background_removal.matting.boxes import Bounds

# Columns of the person's middle for the three words, shares of the frame's width; quarters, so that two people beside
# each other, or a person and a picture's subject, share the frame evenly.
COLUMNS = {"left": 0.25, "center": 0.5, "right": 0.75}
# Words in the order in which a key goes through them; "" is no place.
_CYCLE = ("left", "right", "center", "")
# Furthest place beside the frame, shares of its width or height; a person further away is out of sight.
_MAX_OUTSIDE = 1.0
# Smallest and largest factor of size; beyond them a person is a dot or a few pixels of a face.
MIN_SCALE, MAX_SCALE = 0.1, 4.0
# Change of size for one notch of the wheel; a handful of notches double it.
_NOTCH = 1.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where the person is on the new background.

    Attributes:
        x: Column of their middle, share of the frame's width.
        y: Row of their lower end (the feet, or where the frame cuts them off), share of its height; None leaves it.
        scale: Factor of their size.
    """

    x: float
    y: float | None = None
    scale: float = 1.0

    @property
    def text(self) -> str:
        """The place as it is typed."""
        if self.y is None:
            return next(word for word, column in COLUMNS.items() if column == self.x)
        return ",".join(f"{round(value, 4):g}" for value in (self.x, self.y, self.scale))

    def shift(self, across: float, down: float, lower_end: float) -> Place:
        """Return the place moved by shares of the frame; `lower_end` is the row where `y` is None."""
        y = lower_end if self.y is None else self.y
        return replace(self, x=_limit(self.x + across), y=_limit(y + down))

    def resize(self, notches: float, lower_end: float) -> Place:
        """Return the place with another size, larger for positive notches of a wheel."""
        scale = min(max(self.scale * _NOTCH**notches, MIN_SCALE), MAX_SCALE)
        return replace(self, y=lower_end if self.y is None else self.y, scale=scale)


def _limit(share: float) -> float:
    return min(max(share, -_MAX_OUTSIDE), 1 + _MAX_OUTSIDE)


def parse_place(text: str) -> Place | None:
    """Return the place that a text describes; None for "" and "off".

    >>> parse_place("left")
    Place(x=0.25, y=None, scale=1.0)
    >>> parse_place("0.3,1,0.8").text
    '0.3,1,0.8'

    Raises:
        InputError: it is neither a word nor three numbers within their limits.
    """
    if text in ("", "off"):
        return None
    if text in COLUMNS:
        return Place(COLUMNS[text])
    try:
        x, y, scale = (float(part) for part in text.split(","))
    except (ValueError, AttributeError):
        raise InputError(f"`place` {text}: must be left, right, center, or X,Y,SCALE, for instance 0.3,1,0.8") from None
    if not all(-_MAX_OUTSIDE <= share <= 1 + _MAX_OUTSIDE for share in (x, y)):
        raise InputError(f"`place` {text}: X and Y must be between {-_MAX_OUTSIDE:g} and {1 + _MAX_OUTSIDE:g}")
    if not MIN_SCALE <= scale <= MAX_SCALE:
        raise InputError(f"`place` {text}: SCALE must be between {MIN_SCALE:g} and {MAX_SCALE:g}")
    return Place(x, y, scale)


def next_word(text: str) -> str:
    """Return the word after `text` in the cycle of a key; after other places it begins again."""
    return _CYCLE[(_CYCLE.index(text) + 1) % len(_CYCLE)] if text in _CYCLE else ""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the frame's size and position, in whole pixels, the same for every frame of a stream.

    Attributes:
        size: Width and height of the scaled frame, even.
        left, top: Position of its upper left corner, even, so that planes with half the chroma move alike.
        frame: Width and height of the frame.
    """

    size: tuple[int, int]
    left: int
    top: int
    frame: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """Factors across and down."""
        return self.size[0] / self.frame[0], self.size[1] / self.frame[1]

    def box(self, box: Bounds) -> Bounds:
        """Return where a rectangle of the frame goes, not rounded."""
        across, down = self.scale
        return (
            box[0] * across + self.left,
            box[1] * down + self.top,
            box[2] * across + self.left,
            box[3] * down + self.top,
        )

    def origin(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the result comes from, both as shares of the frame."""
        width, height = self.frame
        return (x * width - self.left) / self.size[0], (y * height - self.top) / self.size[1]
