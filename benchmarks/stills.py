#!/usr/bin/env python3
"""Single pictures: how good --quality fast and best are where the true alpha is known, and what they cost.

    python benchmarks/stills.py GROUNDTRUTH [GROUNDTRUTH ...] REFEREE.py [--half choose|report|all] [--model M]
                                [--quality fast|best] [--photos] [--people main] [--json FILE] [--markdown]
                                [--times]

Each GROUNDTRUTH holds stills/input and stills/alpha, or folders of clips as for quality.py, or both; of the clips a few
frames are taken as stills, unless --photos is given. halves.py says which pictures constants may be chosen on. Pictures
of which best is worse than fast are listed at the end. --times times the sample portrait at 1 and 12 megapixels
instead, loading stated separately.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from halves import HALVES, Half, half_of
from measures import boundary_f
from quality import load_referee, read_frames
from tables import Row, count_under, markdown, summarize, write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("MAD", "MSE", "Grad", "IoU", "F")
QUALITIES = ("fast", "best")
FRAMES = (10, 40, 70)
SIZES = {"1 megapixel": 1000, "12 megapixels": 3464}
# MAD by which best may be worse than fast before a picture is listed, times 1000.
MAX_LOSS = 0.5


@dataclass(frozen=True)
class Picture:
    """A still with its true alpha.

    Attributes:
        group: The set, and whether these are its photos or frames of its clips.
        name: The file's stem, or the clip and the frame.
        half: The half that it belongs to.
        image: uint8 (H, W, 3) BGR.
        truth: float64 (H, W) in [0, 1].
    """

    group: str
    name: str
    half: Half
    image: np.ndarray
    truth: np.ndarray


def photos(folder: Path, referee: Any, halves: tuple[Half, ...]) -> Iterator[Picture]:
    """Yield the photos of a set that belong to these halves."""
    inputs = folder / "stills" / "input"
    for path in sorted(inputs.iterdir()) if inputs.is_dir() else []:
        half = half_of(f"{folder.name}/stills/{path.stem}")
        if half in halves:
            image = cv2.imread(str(path))
            assert image is not None
            truth = referee.read_matte(folder / "stills" / "alpha" / f"{path.stem}.png")
            yield Picture(f"{folder.name}, photos", path.stem, half, image, truth)


def clip_frames(folder: Path, referee: Any, halves: tuple[Half, ...]) -> Iterator[Picture]:
    """Yield a few frames of every clip of a set that belong to these halves."""
    for path in sorted(folder.glob("*/input.mp4")):
        clip = path.parent.name
        wanted: dict[int, Half] = {n: half for n in FRAMES if (half := half_of(f"{folder.name}/{clip}", n)) in halves}
        if not wanted:
            continue
        truths = referee.read_video(path.parent / "alpha.mkv")
        for n, frame in enumerate(read_frames(path)):
            if n in wanted:
                yield Picture(f"{folder.name}, frames", f"{clip} {n}", wanted[n], frame, truths[n])


def score(picture: Picture, referee: Any, quality: str, model: str | None, people: str) -> Row:
    alpha = MPSegmentation(quality=quality, model=model, people=people).alpha(picture.image).astype(np.float64)
    return {**referee.score([(alpha, picture.truth)]), "F": boundary_f(alpha, picture.truth)}


def line(name: str, rows: list[Row]) -> str:
    return f"{name:36}" + "".join(f"{row[figure]:9.2f}" for figure in FIGURES for row in rows)


def print_summaries(rows: list[Row], qualities: tuple[str, ...]) -> list[Row]:
    """Print and return mean, median and worst by set and half, and how many pictures are bad."""
    found: list[Row] = []
    for group in dict.fromkeys(row["group"] for row in rows):
        for half in ("all", *HALVES):
            chosen = [row for row in rows if row["group"] == group and half in (row["half"], "all")]
            if not chosen:
                continue
            under = {quality: count_under(row[quality]["IoU"] for row in chosen) for quality in qualities}
            print(f"\n{group}, {half}: {len(chosen)} pictures, IoU under 90 and under 75: ", end="")
            print(", ".join(f"{quality} {bad} and {failed}" for quality, (bad, failed) in under.items()))
            summaries = {quality: summarize([row[quality] for row in chosen], FIGURES) for quality in qualities}
            for kind in ("mean", "median", "worst"):
                print(line(f"  {kind}", [summaries[quality][kind] for quality in qualities]))
            found.append({"group": group, "half": half, "under": under, **summaries})
    return found


def print_losses(rows: list[Row]) -> None:
    """List the pictures of which best is worse than fast."""
    losses = sorted((row for row in rows if row["best"]["MAD"] > row["fast"]["MAD"] + MAX_LOSS), key=loss, reverse=True)
    print(f"\nbest worse than fast by more than {MAX_LOSS} MAD: {len(losses)} of {len(rows)}")
    for row in losses:
        print(f"  {row['group']}, {row['half']}: {row['name']:36}{loss(row):+9.2f}")


def as_markdown(rows: list[Row], qualities: tuple[str, ...]) -> str:
    """Return the pictures as a table, those of the reporting half first."""
    figures = [(figure, quality) for figure in FIGURES if figure != "MSE" for quality in qualities]
    cells = [
        [row["name"], half, *(f"{row[quality][figure]:.1f}" for figure, quality in figures)]
        for half in reversed(HALVES)
        for row in rows
        if row["half"] == half
    ]
    return markdown(["picture", "half", *(" ".join(each) for each in figures)], cells)


def loss(row: Row) -> float:
    return row["best"]["MAD"] - row["fast"]["MAD"]


def times() -> None:
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    assert portrait is not None
    noise = np.random.default_rng(1)
    for quality in QUALITIES:
        start = time.perf_counter()
        segmentation = MPSegmentation(background="#101018", quality=quality)
        print(f"{quality}: networks loaded in {time.perf_counter() - start:.2f} s")
        for name, side in SIZES.items():
            image = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_CUBIC)
            image = cv2.add(image, noise.integers(0, 6, image.shape, np.uint8))
            segmentation.reset()
            spent = []
            for _ in range(2):
                start = time.perf_counter(), time.process_time()
                segmentation(image)
                spent += [time.perf_counter() - start[0], time.process_time() - start[1]]
            print(
                f"{quality}, {name:14}{spent[0]:6.2f} s ({spent[1]:.2f} s of processor time), "
                f"with another background {spent[2]:.2f} s"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("groundtruth", type=Path, nargs="+")
    parser.add_argument("referee", type=Path)
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all", help="which pictures are scored (halves.py)")
    parser.add_argument("--model", help="as for main.py (default: what MPSegmentation does by default)")
    parser.add_argument("--people", choices=("all", "main"), default="all", help="as for main.py")
    parser.add_argument("--quality", choices=QUALITIES, help="one of the two (default: both, compared)")
    parser.add_argument("--photos", action="store_true", help="leave out the frames of clips")
    parser.add_argument("--json", type=Path, help="write the scores and the summaries to this file")
    parser.add_argument("--markdown", action="store_true", help="print the pictures as a Markdown table as well")
    parser.add_argument("--times", action="store_true", help="time them instead")
    options = parser.parse_args()
    if options.times:
        times()
        return 0
    referee = load_referee(options.referee)
    halves = HALVES if options.half == "all" else (options.half,)
    qualities = QUALITIES if options.quality is None else (options.quality,)
    print(
        f"{', then '.join(qualities):36}" + "".join(f"{figure:>9}{'':{9 * len(qualities) - 9}}" for figure in FIGURES)
    )
    rows: list[Row] = []
    for folder in (path.resolve() for path in options.groundtruth):
        for pictures in (photos, clip_frames)[: 1 if options.photos else 2]:
            for picture in pictures(folder, referee, halves):
                row: Row = {"group": picture.group, "name": picture.name, "half": picture.half}
                for quality in qualities:
                    row[quality] = score(picture, referee, quality, options.model, options.people)
                rows.append(row)
                print(line(f"{picture.name}: {picture.half}", [row[q] for q in qualities]), flush=True)
    summaries = print_summaries(rows, qualities)
    if len(qualities) == len(QUALITIES):
        print_losses(rows)
    if options.markdown:
        print(f"\n{as_markdown(rows, qualities)}")
    setting = {"half": options.half, "model": options.model, "people": options.people}
    write_json(options.json, setting=setting, rows=rows, summaries=summaries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
