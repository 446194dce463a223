#!/usr/bin/env python3
"""Single pictures: how good --quality fast and best are where the true alpha is known, and what they cost.

    python benchmarks/stills.py GROUNDTRUTH REFEREE.py [--times]

GROUNDTRUTH holds stills/input and stills/alpha, and folders of clips as for quality.py, of which a few frames are taken
as stills. --times times the sample portrait at 1 and 12 megapixels instead, loading stated separately.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from quality import frames_of, load_referee, mean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("MAD", "MSE", "Grad", "IoU")
QUALITIES = ("fast", "best")
FRAMES = (10, 40, 70)
SIZES = {"1 megapixel": 1000, "12 megapixels": 3464}


def pictures(folder: Path, referee: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return every still, and a few frames of every clip, with the true alpha."""
    found = {}
    for path in sorted((folder / "stills" / "input").iterdir()):
        image = cv2.imread(str(path))
        assert image is not None
        found[path.stem] = image, referee.read_matte(folder / "stills" / "alpha" / f"{path.stem}.png")
    for path in sorted(folder.glob("*/input.mp4")):
        frames, truth = frames_of(path), referee.read_video(path.parent / "alpha.mkv")
        found |= {f"{path.parent.name} {n}": (frames[n], truth[n]) for n in FRAMES if n < len(frames)}
    return found


def line(name: str, rows: list[dict[str, float]]) -> str:
    return f"{name:24}" + "".join(f"{row[figure]:9.2f}" for figure in FIGURES for row in rows)


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
    parser.add_argument("groundtruth", type=Path)
    parser.add_argument("referee", type=Path)
    parser.add_argument("--times", action="store_true", help="time them instead")
    options = parser.parse_args()
    if options.times:
        times()
        return 0
    referee = load_referee(options.referee)
    print(f"{'fast, then best':24}" + "".join(f"{figure:>9}{'':9}" for figure in FIGURES))
    all_rows: list[list[dict[str, float]]] = []
    for name, (image, truth) in pictures(options.groundtruth, referee).items():
        rows = []
        for quality in QUALITIES:
            alpha = MPSegmentation(quality=quality).alpha(image)
            rows.append(referee.score([(alpha.astype(np.float64), truth)]))
        all_rows.append(rows)
        print(line(name, rows), flush=True)
    print(line("mean", [mean([rows[n] for rows in all_rows], FIGURES) for n in range(len(QUALITIES))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
