"""Text of others: file names made safe for a terminal, misspelt words."""

from __future__ import annotations

from collections.abc import Iterable

# Similarity from which a word counts as misspelt, 0 to 1, by difflib; "nayv" and "navy" have 0.75.
_MIN_SIMILARITY = 0.75


def escape_unprintable(text: str) -> str:
    r"""Escape control characters, and characters that a terminal cannot show.

    >>> escape_unprintable("a\x1b[2Jb\nc.mp4"), escape_unprintable("Grüße 猫.jpg")
    ('a\\x1b[2Jb\\nc.mp4', 'Grüße 猫.jpg')
    """
    return "".join(
        char if char == " " or char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question about a misspelt word, to follow an error; "" if it is like none of the known ones.

    >>> did_you_mean("nayv", ["navy", "ivory"]), did_you_mean("beach", ["navy", "ivory"])
    ('; did you mean navy?', '')
    """
    import difflib  # needed after an error only

    found = difflib.get_close_matches(word.lower(), list(known), 1, _MIN_SIMILARITY)
    return f"; did you mean {found[0]}?" if found else ""
