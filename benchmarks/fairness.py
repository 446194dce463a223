#!/usr/bin/env python3
"""Who the mattes are good for: scores by skin tone, hair, glasses or whatever else is labelled.

    python benchmarks/fairness.py FOLDER [--labels FILE.csv] [--model M] [--quality fast|best] [--step N]
                                  [--markdown] [--json FILE]

FOLDER holds input/ (photos), alpha/ (the true alpha of each, a PNG of the same name) and labels.csv. A row of the
labels is a photo, a column a trait with values of your own. These columns are no traits:

    file    the photo's name; "set/NAME.jpg" is set/input/NAME.jpg; a folder with input.mp4 and alpha.mkv is a clip
    person  anything that is the same in pictures of the same person; they count once, by their mean
    people  "main" where the true alpha has the main person only, as --people

A value that is empty or "not visible" leaves the picture out of that trait; "a; b" counts for both. For every value the
table has the mean and the worst picture, and the difference of the mean to that of everyone else labelled for the
trait, with a 95 % bootstrap interval over persons. It warns of fewer than 30 persons on either side: such intervals are
too narrow, and one odd background makes a group. Describe what is visible; the scale of skin tones that is meant is
Monk's (https://skintone.google), in thirds: 1-3 light, 4-7 medium, 8-10 dark.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measures import iou, mad
from quality import frames_of, read_frames, sample
from tables import Row, markdown, worst, write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.segmentation import MPSegmentation  # noqa: E402

NO_TRAITS = ("file", "person", "people")
UNKNOWN = ("", "not visible")
FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"MAD": mad, "IoU": iou}

# Persons on either side under which a difference is not to be trusted.
MIN_PERSONS = 30
# Samples of a bootstrap interval, and the percentiles that bound it; the usual ones.
SAMPLES = 2000
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Labelled:
    """A photo or a clip with what its labels say, and its scores.

    Attributes:
        file: As in the labels.
        person: Same text, same person.
        traits: Values by trait; unknown ones are left out.
        scores: MAD times 1000, and IoU in percent.
    """

    file: str
    person: str
    traits: dict[str, tuple[str, ...]]
    scores: dict[str, float]


def read_labels(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file of labels.

    Raises:
        SystemExit: it has no column `file`, or a row has no file.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)]
    if not rows or not all(row.get("file") for row in rows):
        raise SystemExit(f"{path}: needs a column `file`, and a file in every row")
    return rows


def traits_of(row: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the known values by trait.

    >>> traits_of({"file": "a.jpg", "skin": "dark", "glasses": "not visible", "hair": "long; short"})
    {'skin': ('dark',), 'hair': ('long', 'short')}
    """
    found = {}
    for trait, text in row.items():
        values = tuple(value for value in (part.strip() for part in text.split(";")) if value not in UNKNOWN)
        if trait not in NO_TRAITS and values:
            found[trait] = values
    return found


def read_pairs(folder: Path, file: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the frames, uint8 (H, W, 3) BGR, and true alphas, float (H, W) in [0, 1], of a photo or a clip.

    Raises:
        SystemExit: one of its files is missing or cannot be read.
    """
    path = folder / file
    if path.is_dir():
        truths = [frame[..., 0] / 255 for frame in read_frames(path / "alpha.mkv")]
        frames = frames_of(path / "input.mp4")
    else:
        paths = path.parent / "input" / path.name, path.parent / "alpha" / f"{path.stem}.png"
        image, truth = (cv2.imread(str(p), flag) for p, flag in zip(paths, (1, cv2.IMREAD_UNCHANGED), strict=True))
        if image is None or truth is None:
            raise SystemExit(f"{paths[image is not None]}: not a readable image")
        grey = truth if truth.ndim == 2 else truth[..., 3 if truth.shape[2] == 4 else 0]
        frames, truths = [image], [grey / (255 if grey.dtype == np.uint8 else 65535)]
    if not frames or len(frames) != len(truths):
        raise SystemExit(f"{path}: {len(frames)} frames, {len(truths)} true alphas")
    return frames, truths


def score(folder: Path, row: dict[str, str], model: str | None, quality: str | None, step: int) -> Labelled:
    """Make the mattes of a photo or clip and return the mean of their scores, one frame of every `step`."""
    frames, truths = read_pairs(folder, row["file"])
    kind = quality or ("best" if len(frames) == 1 else "fast")
    segmentation = MPSegmentation(model=model, quality=kind, people=row.get("people") or "all")
    wanted, values = sample(range(len(frames)), step), []
    for n, frame in enumerate(frames):
        alpha = segmentation.alpha(frame)
        if n in wanted:
            alpha = cv2.resize(alpha, truths[n].shape[::-1]) if alpha.shape != truths[n].shape else alpha
            values.append([measure(alpha, truths[n]) for measure in FIGURES.values()])
    scores = dict(zip(FIGURES, np.mean(values, axis=0).tolist(), strict=True))
    return Labelled(row["file"], row.get("person") or row["file"], traits_of(row), scores)


def person_means(pictures: Sequence[Labelled], figure: str) -> np.ndarray:
    """Return a value for each person, float (N,): the mean over their pictures."""
    values: dict[str, list[float]] = {}
    for picture in pictures:
        values.setdefault(picture.person, []).append(picture.scores[figure])
    return np.array([np.mean(each) for each in values.values()])


def bootstrap(group: np.ndarray, rest: np.ndarray) -> tuple[float, float] | None:
    """Return a 95 % interval of the difference of two means; None if either side has a single person or none.

    Percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).

    Args:
        group: A value for each person, float (N,).
        rest: The same of everyone else, float (M,).
    """
    if min(len(group), len(rest)) < 2:
        return None
    draw = np.random.default_rng(0)
    means = [each[draw.integers(0, len(each), (SAMPLES, len(each)))].mean(axis=1) for each in (group, rest)]
    low, high = np.percentile(means[0] - means[1], PERCENTILES)
    return float(low), float(high)


def compare(pictures: Sequence[Labelled], trait: str) -> list[Row]:
    """Return a row for each value of a trait: numbers, mean and worst, and the difference to everyone else."""
    known = [picture for picture in pictures if trait in picture.traits]
    rows: list[Row] = []
    for value in sorted({value for picture in known for value in picture.traits[trait]}):
        group = [picture for picture in known if value in picture.traits[trait]]
        rest = [picture for picture in known if value not in picture.traits[trait]]
        row: Row = {"trait": trait, "value": value, "pictures": len(group)}
        sides = [len({picture.person for picture in side}) for side in (group, rest)]
        row |= {"persons": sides[0], "few": min(sides) < MIN_PERSONS}
        for figure in FIGURES:
            means, others = person_means(group, figure), person_means(rest, figure)
            row[figure] = {
                "mean": float(means.mean()),
                "worst": worst(figure, (picture.scores[figure] for picture in group)),
                "difference": float(means.mean() - others.mean()) if len(others) else None,
                "interval": bootstrap(means, others),
            }
        rows.append(row)
    return rows


def difference(figures: dict[str, Any]) -> str:
    """Return a difference with its interval as text.

    >>> difference({"difference": -1.23, "interval": (-4.0, 2.0)}), difference({"difference": None, "interval": None})
    ('-1.2 (-4.0 to 2.0)', '')
    """
    if figures["difference"] is None:
        return ""
    interval = figures["interval"]
    return f"{figures['difference']:+.1f}" + (f" ({interval[0]:.1f} to {interval[1]:.1f})" if interval else " (?)")


def cells(row: Row) -> list[str]:
    found = [f"{row['trait']}: {row['value']}" + (" *" if row["few"] else ""), f"{row['persons']} / {row['pictures']}"]
    for figure in FIGURES:
        found += [f"{row[figure]['mean']:.1f}", f"{row[figure]['worst']:.1f}", difference(row[figure])]
    return found


def print_table(rows: Sequence[Row], as_markdown: bool) -> None:
    titles = ["trait", "persons / pictures"]
    titles += [f"{figure}{more}" for figure in FIGURES for more in ("", " worst", " against the rest")]
    lines = [titles, *(cells(row) for row in rows)]
    if as_markdown:
        print(markdown(titles, lines[1:]))
    else:
        widths = [max(len(each[n]) for each in lines) for n in range(len(titles))]
        for each in lines:
            print("  ".join(text.ljust(width) for text, width in zip(each, widths, strict=True)).rstrip())
    if any(row["few"] for row in rows):
        star = r"\*" if as_markdown else "*"
        print(f"\n{star} fewer than {MIN_PERSONS} persons here or in the rest: the difference may well be chance.")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", type=Path, help="CSV file of labels (default: labels.csv in the folder)")
    parser.add_argument("--model", help="as for main.py (default: what MPSegmentation does by default)")
    parser.add_argument("--quality", choices=("fast", "best"), help="default: best for photos, fast for clips")
    parser.add_argument("--step", type=int, default=1, help="of clips, score one of every N frames (default 1)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, help="write the scores and the table to this file")
    options = parser.parse_args()
    labels = read_labels(options.labels or options.folder / "labels.csv")
    pictures: list[Labelled] = []
    for row in labels:
        pictures.append(score(options.folder, row, options.model, options.quality, max(1, options.step)))
        scores = " ".join(f"{figure} {value:.1f}" for figure, value in pictures[-1].scores.items())
        print(f"{row['file']}: {scores}", file=sys.stderr, flush=True)
    traits = dict.fromkeys(trait for picture in pictures for trait in picture.traits)
    rows = [found for trait in traits for found in compare(pictures, trait)]
    print(f"{len(pictures)} pictures and clips of {len({picture.person for picture in pictures})} persons\n")
    print_table(rows, options.markdown)
    write_json(options.json, pictures=[vars(picture) for picture in pictures], rows=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
