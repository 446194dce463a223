"""Guidance: the user's knowledge of a scene in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the user knows of a scene; option names and the parameters of `MPSegmentation` are the same.

    Attributes:
        matte_in: Path of a matte from elsewhere, used in place of the networks; "" for none.
        key_shadows: Whether shadows on a keyed screen are kept.
        plate: A picture of the empty room: the path or URL of one, "auto" to estimate it from a video, "none" for none,
            also not the kept one of a camera; "" uses that one if it agrees.
        keep_chair: "yes", or "no" for things that stand still to be part of the room.
        hints: Path of a picture with strokes that correct the matte of an image; "" for none.
    """

    matte_in: str = ""
    key_shadows: bool = False
    plate: str = ""
    keep_chair: str = "yes"
    hints: str = ""
