#!/usr/bin/env python3
"""Does a person stay in the matte through a fast movement: scores of clips that are made of others with known alpha.

    python benchmarks/fast_moves.py CLIPS [CLIPS ...] [--first | --second] [--frames]

Each of CLIPS is a folder with one folder per clip, which holds input.mp4 and the true alpha as alpha.mkv. The person of
each clip is moved and turned by a third of the frame's height and more within five frames, before one of the rooms that
ship: in good and in dim light, alone and beside another person. Clips that are dim themselves are left out. Constants
were chosen on the clips of --first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.compositing.blending import scale_to_cover  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

SIZE = (640, 360)
FRAMES = 44
# Clips that constants were chosen on; the others are for reporting.
CHOSEN_ON = ("dancer_park", "portrait_porch")
# Frames in which each movement begins, ends, and begins and ends again, back.
TIMES = (10, 15, 21, 26)
# Movements: turn in degrees, shift to the right and down as shares of the frame's height.
MOVES = {"dive": (70.0, 0.15, 0.12), "dash": (15.0, 0.6, 0.0), "duck": (-25.0, -0.1, 0.42)}
# Rooms, gain and noise of the light, and whether another person stands beside.
SCENES = {"": ("2_office.jpg", 1.0, 3.0, False), "dim": ("6_library.jpg", 0.22, 4.0, False),
          "pair": ("7_livingroom.jpg", 1.0, 3.0, True)}  # fmt: skip

# Minimum mean brightness of a clip, of 255; a dim one would be black in a dim room.
MIN_BRIGHTNESS = 60

Frame = tuple[np.ndarray, np.ndarray]


def read(folder: Path, count: int = FRAMES) -> list[Frame]:
    """Return frames, uint8 (h, w, 3), and alphas, float32 (h, w, 1), back and forth if the clip is shorter."""
    captures = [cv2.VideoCapture(str(folder / name)) for name in ("input.mp4", "alpha.mkv")]
    frames: list[Frame] = []
    while len(frames) < count:
        (done, frame), (_, alpha) = (capture.read() for capture in captures)
        if not done:
            break
        frames.append((frame, alpha[..., :1].astype(np.float32) / 255))
    return (frames + frames[::-1])[:count]


def pulse(number: int) -> float:
    """Return how far a movement has gone in a frame, 0 to 1."""
    return float(np.interp(number, TIMES, (0.0, 1.0, 1.0, 0.0)))


def paste(
    scene: np.ndarray, person: Frame, turn: float, across: float, down: float, place: float, size: float
) -> np.ndarray:
    """Draw a person into a scene, float32, in place; return their alpha, float32 (h, w)."""
    frame, alpha = person
    height, width = frame.shape[:2]
    columns = np.flatnonzero(alpha[..., 0].max(axis=0) > 0.5)
    middle = float(columns.mean()) if len(columns) else width / 2
    below = height // 2  # so that a turn does not show where the clip ends
    frame, alpha = (np.pad(a, ((0, below), (0, 0), (0, 0)), mode="edge") for a in (frame, alpha))
    scale = size * SIZE[1] / height
    matrix = cv2.getRotationMatrix2D((middle, height), -turn, scale)
    matrix[:, 2] += (place * SIZE[0] + across * SIZE[1] - middle, SIZE[1] * (1 + down) - height)
    color = cv2.warpAffine(frame, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    drawn = cv2.warpAffine(alpha, matrix, SIZE)
    scene *= 1 - drawn[..., None]
    scene += color * drawn[..., None]
    return drawn


def clip(person: list[Frame], other: list[Frame], move: str, scene: str) -> Iterator[Frame]:
    """Yield the frames of a clip and their true alphas."""
    rng = np.random.default_rng(1)
    room, gain, noise, has_company = SCENES[scene]
    picture = cv2.imread(str(ROOT / "backgrounds" / room))
    assert picture is not None
    empty = scale_to_cover(picture, *SIZE).astype(np.float32)
    for number in range(FRAMES):
        frame, share = empty.copy(), pulse(number)
        turn, across, down = (value * share for value in MOVES[move])
        truth = np.zeros(SIZE[::-1], np.float32)
        if has_company:
            truth = paste(frame, other[number], 0, 0, 0, 0.78, 0.8)
        alpha = paste(frame, person[number], turn, across, down, 0.35, 0.85)
        seen = frame * gain + rng.normal(0, noise, frame.shape)
        yield np.clip(seen, 0, 255).astype(np.uint8), np.maximum(truth, alpha)


def overlap(alpha: np.ndarray, truth: np.ndarray) -> float:
    found, true = alpha > 0.5, truth > 0.5
    return 100.0 * float((found & true).sum()) / max(1, int((found | true).sum()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--first", action="store_true", help="only clips that constants were chosen on")
    parser.add_argument("--second", action="store_true", help="only the others")
    parser.add_argument("--frames", action="store_true", help="print the overlap of every frame")
    options = parser.parse_args()
    folders = [path.parent for folder in options.clips for path in sorted(folder.glob("*/input.mp4"))]
    folders = [f for f in folders if np.mean([frame.mean() for frame, _ in read(f, 5)]) >= MIN_BRIGHTNESS]
    folders = [f for f in folders if f.name in CHOSEN_ON] if options.first else folders
    folders = [f for f in folders if f.name not in CHOSEN_ON] if options.second else folders
    print(f"{'IoU of a frame':36}{'mean':>8}{'worst':>8}{'under 85':>10}")
    for place, folder in enumerate(folders):
        person, other = read(folder), read(folders[place - 1])
        for scene in SCENES:
            for move in MOVES:
                segmentation = MPSegmentation()
                scores = [
                    overlap(segmentation.alpha(frame), truth) for frame, truth in clip(person, other, move, scene)
                ]
                name = f"{folder.name}, {move} {scene}"
                print(f"{name:36}{np.mean(scores):8.1f}{min(scores):8.1f}{sum(s < 85 for s in scores):10d}", flush=True)
                if options.frames:
                    print("   ", *(f"{score:.0f}" for score in islice(scores, TIMES[0] - 2, TIMES[-1] + 4)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
