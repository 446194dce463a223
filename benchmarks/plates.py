#!/usr/bin/env python3
"""What a picture of the empty room brings: things kept, room let in, and the error at the person's own edge.

    python benchmarks/plates.py SHARED [--half choose|report] [--frames N] [--step N] [--quality best]

SHARED holds the folders groundtruth and groundtruth_harder. plate_scenes.py sets their people, with things in their
hands, into rooms that are known empty, and says which of them constants may be chosen on. Each frame's matte is made
once, and scored without and with the plate:

- kept: share of the thing's own pixels with an alpha above a half;
- let in: share of the room's pixels with an alpha above a half;
- MAD: mean error of alpha within 8 pixels of the person's edge, where no thing is near, times 1000.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from plate_scenes import Scene, SceneFrame, scenes
from tables import Row, heading, line

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.matting.guidance.plate import PlateStep  # noqa: E402
from background_removal.matting.guidance.plate_room import Plate  # noqa: E402
from background_removal.matting.pyramid import Pyramid  # noqa: E402
from background_removal.pipeline.frame import StreamInfo  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("kept 0", "kept", "let in 0", "let in", "MAD 0", "MAD", "gain %", "ms")
# Distance from the person's edge within which the error counts, and from a thing within which it does not, pixels.
EDGE_PIXELS, THING_PIXELS = 8, 12
# Pixels of a thing below which it is hidden.
MIN_THING = 50


def square(pixels: int) -> np.ndarray:
    return np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)


def score(frame: SceneFrame, before: np.ndarray, after: np.ndarray) -> Row:
    """Return the figures of one frame, without (0) and with the plate."""
    row: Row = {}
    thing = frame.thing > 0.5
    if thing.sum() > MIN_THING:
        row |= {"kept 0": 100 * float((before[thing] > 0.5).mean()), "kept": 100 * float((after[thing] > 0.5).mean())}
    room = cv2.dilate((frame.alpha > 0.02).view(np.uint8), square(EDGE_PIXELS - 2)) == 0
    row |= {"let in 0": 100 * float((before[room] > 0.5).mean()), "let in": 100 * float((after[room] > 0.5).mean())}
    edge = ((frame.person > 0.02) & (frame.person < 0.98)).view(np.uint8)
    near_thing = cv2.dilate((frame.thing > 0.02).view(np.uint8), square(THING_PIXELS))
    band = (cv2.dilate(edge, square(EDGE_PIXELS)) > 0) & (near_thing == 0)
    row |= {
        name: 1000 * float(np.abs(each - frame.alpha)[band].mean())
        for name, each in (("MAD 0", before), ("MAD", after))
    }
    return row


def score_scene(scene: Scene, frames: int, step: int, quality: str | None) -> list[Row]:
    """Return the figures of each frame of a scene, with the milliseconds of processor that the plate takes."""
    segmentation = MPSegmentation(quality=quality)
    height, width = scene.plate.shape[:2]
    segmentation.open(StreamInfo(scene.name, width, height))
    plate = PlateStep(Plate(scene.plate))
    rows: list[Row] = []
    for frame in scene.frames(step):
        if len(rows) == frames:
            break
        without = segmentation.alpha(frame.image)
        matte = segmentation._last_matte  # as the step gets it
        view = Pyramid(frame.image)
        view.level(2)  # which the networks have made already
        assert matte is not None
        start = time.thread_time()
        corrected = plate(view, matte)
        spent = 1e3 * (time.thread_time() - start)
        rows.append({**score(frame, without, corrected.full()), "ms": spent})
    segmentation.close()
    return rows


def mean(rows: list[Row]) -> Row:
    """Return the mean of each figure over the rows that have it; of the milliseconds the median."""
    result = {
        name: float(np.mean([row[name] for row in rows if name in row]))
        for name in FIGURES
        if any(name in row for row in rows)
    }
    result["ms"] = float(np.median([row["ms"] for row in rows]))
    result["gain %"] = 100 * (1 - result["MAD"] / result["MAD 0"])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--half", choices=("choose", "report"), default="report")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--step", type=int, default=3)
    parser.add_argument("--quality", choices=("fast", "best"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # so that the time is that of one core
    print(heading(arguments.half, FIGURES))
    all_rows: list[Row] = []
    for scene in scenes(arguments.shared, arguments.half):
        rows = score_scene(scene, arguments.frames, arguments.step, arguments.quality)
        all_rows.append(mean(rows))
        print(line(scene.name, all_rows[-1], FIGURES), flush=True)
    print(line("mean", mean(all_rows), FIGURES))


if __name__ == "__main__":
    main()
