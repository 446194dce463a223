"""Guidance: the user's knowledge of a scene in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the user knows of a scene; option names and the parameters of `MPSegmentation` are the same.

    Attributes:
        matte_in: Path of a matte from elsewhere, used in place of the networks; "" for none.
    """

    matte_in: str = ""
