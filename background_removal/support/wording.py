"""Text of others, such as file names, made safe for a terminal."""

from __future__ import annotations


def escape_unprintable(text: str) -> str:
    r"""Escape control characters, and characters that a terminal cannot show.

    >>> escape_unprintable("a\x1b[2Jb\nc.mp4"), escape_unprintable("Grüße 猫.jpg")
    ('a\\x1b[2Jb\\nc.mp4', 'Grüße 猫.jpg')
    """
    return "".join(
        char if char == " " or char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
