"""What the picture as a stage costs: milliseconds of one core a frame, beyond those of the same background alone.

    python benchmarks/stage.py [--size 1280x720]

The least of several measurements of processor time, of compositing alone, for planes as video files have them and for
images as webcams have them. The person is the portrait in samples/, as high as the frame.
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
from background_removal.compositing.backgrounds import Picture
from background_removal.compositing.foreground import Foreground
from background_removal.compositing.stage import Stage
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import ColorDescription, Planes

ROOT = Path(__file__).resolve().parents[1]
# Settings by name: place, shadow, whether there is a foreground.
SETTINGS = {
    "plain": ("", 0.0, False),
    "--place left": ("left", 0.0, False),
    "--place 0.5,1,0.7": ("0.5,1,0.7", 0.0, False),
    "--place 0.5,1,1.5": ("0.5,1,1.5", 0.0, False),
    "--shadow 0.7": ("", 0.7, False),
    "--foreground": ("", 0.0, True),
    "all three": ("0.4,1,0.8", 0.7, True),
}
ROUNDS, FRAMES = 10, 5


def make_planes(image: np.ndarray) -> Planes:
    """Return an image as 8-bit 4:2:0 planes."""
    empty = np.empty((0, 0), np.uint8)
    color = ColorDescription(1, 1, 1, 1)
    y, u, v = Planes((empty, empty, empty), color).bgr_to_yuv(image)
    half = (image.shape[1] // 2, image.shape[0] // 2)
    return Planes((y, cv2.resize(u, half), cv2.resize(v, half)), color)


def make_frame(width: int, height: int) -> tuple[np.ndarray, Matte]:
    """Return the portrait on grey in a frame of that size, and its matte."""
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    assert portrait is not None
    portrait = cv2.resize(portrait, (height, height))
    alpha = MPSegmentation().alpha(portrait)
    left = (width - height) // 2
    frame = np.full((height, width, 3), 128, np.uint8)
    frame[:, left : left + height] = portrait
    small = cv2.resize(alpha, (320, 320), interpolation=cv2.INTER_AREA)
    part = cv2.resize(portrait, (320, 320), interpolation=cv2.INTER_AREA)
    return frame, Matte(small, (left, 0, left + height, height), (width, height), part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    width, height = (int(side) for side in parser.parse_args().size.split("x"))
    cv2.setNumThreads(1)
    frame, matte = make_frame(width, height)
    picture = cv2.imread(str(ROOT / "backgrounds" / "2_office.jpg"))
    assert picture is not None
    background = Picture(picture)
    desk = np.zeros((height // 3, width, 4), np.uint8)
    desk[height // 15 :] = (40, 60, 90, 255)
    desk = cv2.GaussianBlur(desk, (0, 0), 8)

    def load(path: str) -> Foreground:
        return Foreground(desk, path)

    for kind, source in (("planes", make_planes(frame)), ("image", frame)):
        stages = {
            name: Stage(place, shadow, load("") if covered else None, "desk" if covered else "", load)
            for name, (place, shadow, covered) in SETTINGS.items()
        }
        least = dict.fromkeys(SETTINGS, float("inf"))
        for _ in range(ROUNDS):
            for name, stage in stages.items():
                start = time.process_time()
                for _ in range(FRAMES):
                    stage.cover(stage.compose(background, Pyramid(source), matte)[0], background)
                least[name] = min(least[name], 1000 * (time.process_time() - start) / FRAMES)
        print(f"{kind}: {least['plain']:.1f} ms of the background alone")
        for name in list(SETTINGS)[1:]:
            print(f"    {name:20} {least[name] - least['plain']:+.1f}")


if __name__ == "__main__":
    main()
