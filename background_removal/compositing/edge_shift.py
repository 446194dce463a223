"""Edge shift: how far the user moves a matte's edge outwards or inwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

from background_removal.errors import InputError

# Maximum shift, percent of the head's height; more than the whole head is no correction of an edge.
_MAX_PERCENT = 100.0
# Maximum shift, pixels; far beyond any correction, it only bounds the work.
_MAX_PIXELS = 1000.0


@dataclass(frozen=True, slots=True)
class EdgeShift:
    """A distance by which an edge moves.

    Attributes:
        amount: The distance, at least 0.
        is_percent: Whether it is in percent of the head's height, not in pixels of the frame.
    """

    amount: float
    is_percent: bool = False

    @property
    def value(self) -> str | float:
        """The distance as the user writes it and `parse_shift` reads it; 0 for none."""
        return str(self) if self.is_percent and self.amount else self.amount

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.is_percent else ''}"

    def pixels(self, head: float) -> float:
        """Return the distance in pixels of the frame, for a head of that height in pixels."""
        return self.amount / 100 * head if self.is_percent else self.amount


def parse_shift(value: str | float, name: str) -> EdgeShift:
    """Parse a distance as the user writes it.

    Args:
        value: "N%", percent of the head's height up to 100, or N, pixels of the frame up to 1000; not negative.
        name: The setting's name for the message.

    Raises:
        InputError: it is neither.

    >>> parse_shift("2.5%", "grow"), parse_shift(3, "grow"), parse_shift("0%", "grow").value
    (EdgeShift(amount=2.5, is_percent=True), EdgeShift(amount=3.0, is_percent=False), 0.0)
    """
    text = "" if isinstance(value, bool) else str(value).strip()
    is_percent = text.endswith("%")
    try:
        amount = float(text.removesuffix("%"))
    except ValueError:
        amount = math.nan
    if not 0 <= amount <= (_MAX_PERCENT if is_percent else _MAX_PIXELS):  # nan is in no range
        shown = text if len(text) <= 20 else f"{text[:20]}…"
        if _is_number(text.removesuffix("%").replace(",", ".")) and "," in text:
            raise InputError(f"`{name}` {shown}: a number is written with a dot: {shown.replace(',', '.')}")
        raise InputError(
            f"`{name}` {shown}: must be N% of the head's height, up to {_MAX_PERCENT:g}%, or N pixels of the frame, "
            f"up to {_MAX_PIXELS:g}"
        )
    return EdgeShift(amount, is_percent and amount > 0)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
