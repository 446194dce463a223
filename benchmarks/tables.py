"""Tables of scores: a line per item; mean, median, worst, and how many failed, per set and half."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]

# Figures of which more is better; of the others, less.
MORE_IS_BETTER = ("IoU", "F")
# IoU under which a result counts as bad, and as a failure.
BAD, FAILED = 90.0, 75.0


def worst(figure: str, values: Iterable[float]) -> float:
    """Return the worst of several values of a figure.

    >>> worst("MAD", [1.0, 3.0]), worst("IoU", [90.0, 70.0])
    (3.0, 70.0)
    """
    return min(values) if figure in MORE_IS_BETTER else max(values)


def summarize(rows: Sequence[Row], figures: Iterable[str]) -> dict[str, Row]:
    """Return mean, median and worst of each figure over the rows that have it."""
    result: dict[str, Row] = {"mean": {}, "median": {}, "worst": {}}
    for figure in figures:
        values = [float(row[figure]) for row in rows if figure in row]
        if values:
            result["mean"][figure] = float(np.mean(values))
            result["median"][figure] = float(np.median(values))
            result["worst"][figure] = worst(figure, values)
    return result


def count_under(values: Iterable[float]) -> tuple[int, int]:
    """Return how many IoU values are under 90, and under 75.

    >>> count_under([95.0, 90.0, 80.0, 10.0])
    (2, 1)
    """
    values = list(values)
    return sum(value < BAD for value in values), sum(value < FAILED for value in values)


def heading(name: str, figures: Iterable[str], width: int = 40, more: str = "") -> str:
    return f"{name:{width}}" + "".join(f"{figure:>9}" for figure in figures) + more


def line(name: str, row: Row, figures: Iterable[str], width: int = 40, more: str = "") -> str:
    """Return a name and figures in columns; a figure that is missing leaves its column empty."""
    cells = (f"{row[figure]:9.2f}" if figure in row else f"{'':9}" for figure in figures)
    return f"{name:{width}}" + "".join(cells) + more


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(markdown(["clip", "MAD"], [["park", "6.6"]]))
    | clip | MAD |
    |---|---|
    | park | 6.6 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (titles, *rows)]
    return "\n".join([lines[0], "|---" * len(titles) + "|", *lines[1:]])


def write_json(path: Path | None, **content: Any) -> None:
    """Write what a benchmark found, if a file was asked for."""
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
