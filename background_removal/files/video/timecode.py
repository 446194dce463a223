"""Timecodes of films: the clock time of the first frame, hours:minutes:seconds:frames."""

from __future__ import annotations

import re
from fractions import Fraction

from av.container import InputContainer

# SMPTE ST 12-1; a semicolon or a dot before the frames drops numbers to keep 29.97 frames a second in step with clocks.
_TIMECODE = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d\d\d?)")
# Highest rate that the timecode track of MP4 and MOV can name, frames per second; a byte in Apple's format.
_MAX_RATE = 255
# Numbers are dropped at this rate and its multiples only, nominal frames per second.
_DROP_RATE = 30


def find_timecode(container: InputContainer) -> str:
    """Return the timecode of a file, "" if it has none: of the file, of its pictures or of a track of its own."""
    for metadata in (container.metadata, *(stream.metadata for stream in container.streams)):
        for key, value in metadata.items():
            if key.lower() == "timecode":
                return value
    return ""


def is_timecode(text: str, rate: Fraction) -> bool:
    """Return whether FFmpeg's muxers can store a timecode at a frame rate, frames per second.

    >>> is_timecode("01:00:00:24", Fraction(25)), is_timecode("01:00:00:25", Fraction(25))
    (True, False)
    >>> is_timecode("01:00:00;02", Fraction(30000, 1001)), is_timecode("01:00:00;02", Fraction(25))
    (True, False)
    """
    found = _TIMECODE.fullmatch(text.strip())
    nominal = round(rate)
    if found is None or not 0 < nominal <= _MAX_RATE or int(found[5]) >= nominal:
        return False
    return found[4] == ":" or nominal % _DROP_RATE == 0
