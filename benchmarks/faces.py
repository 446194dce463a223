#!/usr/bin/env python3
"""How well faces are found, what that costs, and how much of a person a crop around his face holds.

    python benchmarks/faces.py CLIPS [--every N] [--score S] [--crop WIDE ABOVE BELOW]

CLIPS is a folder of photos and videos, or of folders with input.mp4 and, where it is known, the true alpha as
alpha.mkv. For each of them and each way to look: the share of frames with a face, faces in a frame on average and at
most, milliseconds and, with a true alpha, faces where nobody is. A crop reaches WIDE faces across, from ABOVE faces
over the top of a face's box to BELOW under it; printed are the share of the true alpha in the crops, on average and at
least, and how large they are beside the rectangle around the true alpha.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.matting.networks.faces import MIN_SCORE, Face, FaceDetector, merge_faces  # noqa: E402
from background_removal.matting.pyramid import Pyramid  # noqa: E402

SUFFIXES = {".mp4", ".mkv", ".jpg"}
# Less of the frame than this is nobody, or a sleeve at its side.
SOMEBODY = 0.01
# A face whose box holds less of the person than this is none.
ON_PERSON = 0.3

Look = Callable[[FaceDetector, Pyramid], list[Face]]
LOOKS: dict[str, Look] = {
    "whole, 192": lambda finder, view: finder.detect(view),
    "whole, 320": lambda finder, view: finder.detect(view, side=320),
    "192 and 320": lambda finder, view: merge_faces(finder.detect(view) + finder.detect(view, side=320)),
}


def frames_of(path: Path, every: int) -> Iterator[np.ndarray]:
    capture, number = cv2.VideoCapture(str(path)), 0
    while capture.grab():
        if number % every == 0:
            yield capture.retrieve()[1]
        number += 1


def crop_mask(faces: list[Face], shape: tuple[int, int], crop: list[float]) -> np.ndarray:
    """Return where the crops around faces lie, bool (H, W)."""
    wide, above, below = crop
    inside = np.zeros(shape, bool)
    for face in faces:
        left, top, right, _ = face.box
        size, middle = right - left, (left + right) / 2
        edges = (middle - wide / 2 * size, top - above * size, middle + wide / 2 * size, top + below * size)
        x0, y0, x1, y1 = (max(0, round(edge)) for edge in edges)
        inside[y0:y1, x0:x1] = True
    return inside


def on_person(face: Face, alpha: np.ndarray) -> bool:
    left, top, right, bottom = (max(0, round(side)) for side in face.box)
    part = alpha[top:bottom, left:right]
    return part.size > 0 and float(part.mean()) / 255 > ON_PERSON


def measure(path: Path, finder: FaceDetector, look: Look, options: argparse.Namespace) -> str:
    truth = path.parent / "alpha.mkv"
    alphas = frames_of(truth, options.every) if path.name == "input.mp4" and truth.exists() else None
    counts, spent, false, held, sizes = [], [], 0, [], []
    for image in frames_of(path, options.every):
        view = Pyramid(image)
        start = time.perf_counter()
        faces = look(finder, view)
        spent.append((time.perf_counter() - start) * 1e3)
        if alphas is None:
            counts.append(len(faces))
            continue
        alpha = next(alphas)[..., 0]
        real = [face for face in faces if on_person(face, alpha)]
        false += len(faces) - len(real)
        if alpha.mean() / 255 < SOMEBODY:
            continue
        counts.append(len(real))
        if real:
            inside = crop_mask(real, alpha.shape, options.crop)
            held.append(float(alpha[inside].sum() / alpha.sum()))
            _, _, width, height = cv2.boundingRect((alpha > 127).astype(np.uint8))
            sizes.append(float(inside.sum() / (width * height)))
    found = 100 * float(np.mean(np.array(counts) > 0))
    line = f"{len(counts):6}{found:7.0f} %{np.mean(counts):7.2f}{max(counts):5}{statistics.median(spent):8.1f} ms"
    if alphas is not None:
        line += f"{false:7}"
    if held:
        line += f"{100 * np.mean(held):9.1f} %{100 * min(held):7.1f} %{np.mean(sizes):8.2f}"
    return line


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("--every", type=int, default=1, help="look at every Nth frame only")
    parser.add_argument("--score", type=float, default=MIN_SCORE, help="what is less sure is no face")
    parser.add_argument("--crop", type=float, nargs=3, default=[5, 1, 7], metavar=("WIDE", "ABOVE", "BELOW"))
    options = parser.parse_args()
    paths = sorted(p for p in options.clips.rglob("*") if p.suffix in SUFFIXES and p.name != "alpha.mkv")
    print(f"{'':44}frames  found   mean most    median  false  in crop  least  crop/person")
    with FaceDetector(min_score=options.score) as finder:
        for path in paths:
            name = path.parent.name if path.name == "input.mp4" else path.name
            for look_name, look in LOOKS.items():
                print(f"{name[:26]:28}{look_name:16}{measure(path, finder, look, options)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
