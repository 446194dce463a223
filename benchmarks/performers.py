#!/usr/bin/env python3
"""Is a performer the main person: scores of `--people main` on clips of one who moves before others that look on.

    python benchmarks/performers.py SHARED [--first | --second] [--frames]

SHARED holds groundtruth and groundtruth_real. The performers are cut out of the real clips by their true masks, upright
and turned, and set before people of the composed clips, who stand still; the camera sways. Constants were chosen on
--first, which has the first halves of the real clips.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.segmentation import MPSegmentation  # noqa: E402

SIZE = (854, 480)
# Room around the frame for the sway of the camera, pixels.
MARGIN = 20
# Heights of the onlookers, as shares of the frame's height.
HEIGHTS = (0.34, 0.3, 0.32, 0.36)
# Rows at which onlookers and performers end, as shares of the frame's height; the ground begins above the first.
ONLOOKERS_END, GROUND, PERFORMER_END = 0.6, 0.58, 0.93

Cutout = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to make: the performer's source, height as a share of the frame, and turn and its swing in degrees."""

    source: str
    height: float
    turn: float = 0.0
    swing: float = 0.0


CLIPS = (
    Clip("parkour", 0.5),
    Clip("parkour", 0.45, 180, 20),
    Clip("dance-twirl", 0.55),
    Clip("dance-twirl", 0.5, 0, 100),
)


def read(folder: Path) -> list[Cutout]:
    """Return the frames and true masks of a clip, each cut to the bounds of the person."""
    captures = [cv2.VideoCapture(str(folder / name)) for name in ("input.mp4", "alpha.mkv")]
    cutouts: list[Cutout] = []
    while True:
        (done, frame), (_, alpha) = (capture.read() for capture in captures)
        if not done:
            return cutouts
        left, top, width, height = cv2.boundingRect((alpha[..., 0] > 127).view(np.uint8))
        place = np.s_[top : top + height, left : left + width]
        cutouts.append((frame[place], alpha[..., 0][place].astype(np.float32) / 255))


def paste(scene: np.ndarray, cutout: Cutout, middle: float, bottom: float, height: float, turn: float) -> np.ndarray:
    """Draw a cutout into a scene, float32, in place; return its alpha, float32 (h, w)."""
    image, alpha = cutout
    rows, columns = alpha.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), turn, height / rows)
    matrix[:, 2] += (middle - columns / 2, bottom - height / 2 - rows / 2)
    size = (scene.shape[1], scene.shape[0])
    drawn = cv2.warpAffine(alpha, matrix, size)
    scene *= 1 - drawn[..., None]
    scene += cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE) * drawn[..., None]
    return drawn


def draw_onlookers(people: list[Cutout], rng: np.random.Generator) -> np.ndarray:
    """Return a room with a row of people, float32, with a margin around the frame."""
    width, height = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    picture = cv2.imread(str(ROOT / "backgrounds" / "2_office.jpg"))
    assert picture is not None
    scene = cv2.resize(picture, (width, height)).astype(np.float32)
    for place, (cutout, share) in enumerate(zip(people, HEIGHTS, strict=True)):
        middle = (place + 0.5) * width / len(people)
        paste(scene, cutout, middle, SIZE[1] * ONLOOKERS_END, SIZE[1] * share, 0)
    ground = scene[int(SIZE[1] * GROUND) :]
    ground[:] = np.array([90, 105, 110]) + rng.normal(0, 6, ground.shape)
    return scene


def make(clip: Clip, performer: list[Cutout], onlookers: list[Cutout]) -> Iterator[Cutout]:
    """Yield the frames of a clip, uint8 (h, w, 3), and the performer's true alpha."""
    rng = np.random.default_rng(1)
    scene = draw_onlookers(onlookers, rng)
    usual = performer[0][1].shape[0]
    for number, cutout in enumerate(performer):
        shift = np.array([[1, 0, -MARGIN - 4 * np.sin(number / 9)], [0, 1, -MARGIN - 4 * np.cos(number / 7)]])
        frame = cv2.warpAffine(scene, shift, SIZE)
        height = SIZE[1] * clip.height * float(np.clip(cutout[1].shape[0] / usual, 0.6, 1.3))
        middle = SIZE[0] * (0.5 + 0.12 * np.sin(number / 8))
        bottom = SIZE[1] * PERFORMER_END + 10 * np.sin(number / 5)
        alpha = paste(frame, cutout, middle, bottom, height, clip.turn + clip.swing * np.sin(number / 20))
        yield np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8), alpha


def overlap(alpha: np.ndarray, truth: np.ndarray) -> float:
    found, true = alpha > 0.5, truth > 0.5
    return 100.0 * float((found & true).sum()) / max(1, int((found | true).sum()))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--first", action="store_true", help="only clips that constants were chosen on")
    parser.add_argument("--second", action="store_true", help="only the others")
    parser.add_argument("--frames", action="store_true", help="print the overlap of every frame")
    options = parser.parse_args()
    composed = {name: read(options.shared / "groundtruth" / name) for name in ("dancer_park", "dancer_office",
                                                                               "portrait_porch")}  # fmt: skip
    print(f"{'IoU of a frame':36}{'mean':>8}{'worst':>8}{'under 85':>10}")
    for half in (0, 1):
        if (options.first and half) or (options.second and not half):
            continue
        dancer, porch = composed["dancer_office" if half else "dancer_park"], composed["portrait_porch"]
        onlookers = [dancer[5], porch[60 * half + 3], dancer[25], dancer[44]]
        for clip in CLIPS:
            cutouts = read(options.shared / "groundtruth_real" / clip.source)
            middle = len(cutouts) // 2
            performer = cutouts[middle:] if half else cutouts[:middle]
            segmentation = MPSegmentation(people="main")
            pairs = make(clip, performer, onlookers)
            scores = [overlap(segmentation.alpha(frame), truth) for frame, truth in pairs]
            name = f"{clip.source}, half {half + 1}, turn {clip.turn:.0f} +- {clip.swing:.0f}"
            print(f"{name:36}{np.mean(scores):8.1f}{min(scores):8.1f}{sum(s < 85 for s in scores):10d}", flush=True)
            if options.frames:
                print("   ", *(f"{score:.0f}" for score in scores))
    return 0


if __name__ == "__main__":
    sys.exit(main())
