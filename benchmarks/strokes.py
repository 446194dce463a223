"""What strokes are worth: the error of photos' mattes after 1, 3 and 5 strokes of a user who is simulated.

    python benchmarks/strokes.py GROUNDTRUTH/stills [--half choose|report]

The folder has `input` and `alpha`. Each stroke is drawn into the largest connected part of the matte that is wrong,
from its innermost point along its middle, at most as wide as a fortieth of the picture and well inside that part.
Prints the mean absolute difference times 1000 (MAD) of each photo before and after, and the seconds after each stroke.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from background_removal import MPSegmentation
from background_removal.files.images import read_image
from background_removal.pipeline.frame import StreamInfo
from benchmarks.halves import HALVES, half_of

# Strokes after which the error is printed.
REPORTED = (0, 1, 3, 5)
# Half width of the brush, share of the picture's longer side, and of the depth of what is wrong.
BRUSH, DEPTH = 0.012, 0.6


def draw_stroke(alpha: np.ndarray, truth: np.ndarray, hints: np.ndarray) -> bool:
    """Draw a stroke, in place, where an alpha is wrong; return whether it is anywhere."""
    worst: tuple[int, int, np.ndarray] | None = None
    for grey, wrong in ((0, alpha - truth > 0.5), (255, truth - alpha > 0.5)):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(wrong.view(np.uint8))
        if len(stats) > 1:
            number = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            area = int(stats[number, cv2.CC_STAT_AREA])
            if worst is None or area > worst[0]:
                worst = area, grey, labels == number
    if worst is None:
        return False
    _, grey, part = worst
    depth = cv2.distanceTransform(np.pad(part.view(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    brush = BRUSH * max(alpha.shape)
    half_width = max(2, int(min(brush, DEPTH * depth.max())))
    row, column = divmod(int(depth.argmax()), depth.shape[1])
    rows, columns = np.nonzero(depth >= min(depth.max(), max(half_width, DEPTH * depth.max())))
    distances = np.hypot(rows - row, columns - column)
    end = int(np.where(distances <= 6 * brush, distances, -1).argmax())
    line = np.zeros(alpha.shape, np.uint8)
    cv2.line(line, (column, row), (int(columns[end]), int(rows[end])), 255, 2 * half_width, cv2.LINE_AA)
    hints[(line > 127) & cv2.dilate(part.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)] = grey
    return True


def measure(segmentation: MPSegmentation, picture: Path, truth: Path) -> tuple[list[float], list[float]]:
    """Return the error before and after each of the strokes on a photo, and the seconds after each."""
    image, known = read_image(str(picture)), read_image(str(truth))[..., 0] / 255
    segmentation.set_hints(None)
    segmentation.open(StreamInfo(picture.name, image.shape[1], image.shape[0], still=True))
    alpha = segmentation.alpha(image)
    hints, errors, seconds = np.full(alpha.shape, 128, np.uint8), [np.abs(alpha - known).mean() * 1000], []
    for _ in range(max(REPORTED)):
        if draw_stroke(alpha, known, hints):
            start = time.perf_counter()
            segmentation.set_hints(hints)
            alpha = segmentation.alpha(image)
            seconds.append(time.perf_counter() - start)
        errors.append(float(np.abs(alpha - known).mean() * 1000))
    return errors, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=HALVES)
    options = parser.parse_args()
    segmentation, rows, times = MPSegmentation(), [], []
    group = "/".join(options.folder.resolve().parts[-2:])
    for picture in sorted((options.folder / "input").iterdir()):
        if options.half and half_of(f"{group}/{picture.stem}") != options.half:
            continue
        errors, seconds = measure(segmentation, picture, options.folder / "alpha" / f"{picture.stem}.png")
        rows.append([errors[count] for count in REPORTED])
        times += seconds
        print(f"{picture.stem:32}", *(f"{value:7.2f}" for value in rows[-1]), flush=True)
    print(f"{'mean after ' + ', '.join(map(str, REPORTED)):32}", *(f"{value:7.2f}" for value in np.mean(rows, axis=0)))
    print(f"seconds after a stroke: median {np.median(times):.2f}, longest {max(times):.2f}")


if __name__ == "__main__":
    main()
