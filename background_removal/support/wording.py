"""Text that others have written, a file's name for instance, made fit to be shown on a terminal."""

from __future__ import annotations


def escape_unprintable(text: str) -> str:
    r"""Return `text` with all that a terminal would obey, or could not show, as escapes.

    >>> escape_unprintable("a\x1b[2Jb\nc.mp4"), escape_unprintable("Grüße 猫.jpg")
    ('a\\x1b[2Jb\\nc.mp4', 'Grüße 猫.jpg')
    """
    return "".join(
        char if char == " " or char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
