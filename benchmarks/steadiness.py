#!/usr/bin/env python3
"""How steady mattes are: what leaps when a crop moves, and what comes of frames that differ by one level.

    python benchmarks/steadiness.py VIDEO [VIDEO ...] [--frames N]

For each video two lines:

- Leaps: in how many frames the crop is another one than in the frame before; the mean change of alpha, x 1e3, at the
  edge of what stands still, in those frames and in the others; and the ratio of the two.
- Another decoder: each frame once more with noise of one level in every value, and once more as the codec's planes
  instead of BGR. In how many frames the crop is another one than without, the longest run of them, and the mean and
  the greatest difference of alpha in any frame, x 1e3.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby, islice, pairwise
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.files.video.video_source import VideoSource  # noqa: E402
from background_removal.matting.boxes import Box  # noqa: E402
from background_removal.matting.loading import load_matting  # noqa: E402
from background_removal.matting.networks.network import Network  # noqa: E402
from background_removal.matting.pyramid import Pyramid  # noqa: E402
from background_removal.pipeline.planes import Planes, to_image  # noqa: E402

# What stands still: averaged over so many pixels it differs by less than this (of 255) from the frame before, and so
# does all around it. The edge is what lies as near to neither person nor background.
_NEAR = np.ones((15, 15))
_AVERAGED, _STILL = (7, 7), 2
# The width at which that is looked for.
_WIDTH = 640

Moment = tuple[float, np.ndarray | Planes]
Answers = list[tuple[Box, np.ndarray]]


def pictures_of(path: Path, count: int, planes: bool) -> Iterator[Moment]:
    """Yield the time in seconds and the picture of each frame, in BGR or as the codec's planes."""
    with VideoSource(str(path), keep_planes=lambda index: planes) as source:
        for frame in islice(source, count):
            yield frame.seconds, frame.picture


def with_noise(moments: Iterator[Moment]) -> Iterator[Moment]:
    rng = np.random.default_rng(1)
    for seconds, picture in moments:
        noise = rng.integers(-1, 2, picture.shape, np.int16)
        yield seconds, np.clip(to_image(picture) + noise, 0, 255).astype(np.uint8)


def answers(moments: Iterator[Moment]) -> Answers:
    """Return the crop and the alpha, float16 (H, W), of each frame."""
    person = load_matting(Network())
    person.begin(still=False)
    found = []
    for seconds, picture in moments:
        person.at(seconds)
        matte = person(Pyramid(picture))
        found.append((matte.box, matte.full().astype(np.float16)))
    person.close()
    return found


def leaps(found: Answers, moments: Iterator[Moment]) -> str:
    sums, counts, moved = [0.0, 0.0], [0, 0], 0
    small = (_small(to_image(picture)) for _, picture in moments)
    greys = (cv2.blur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), _AVERAGED) for image in small)
    for (grey_before, grey), ((box_before, before), (box, alpha)) in zip(pairwise(greys), pairwise(found), strict=True):
        if not before.any() or not alpha.any():  # who comes or goes is no leap
            continue
        alphas = [_small(item.astype(np.float32)) for item in (before, alpha)]
        edge = np.any([(item > 0.05) & (item < 0.95) for item in alphas], axis=0).astype(np.uint8)
        still = cv2.erode((cv2.absdiff(grey, grey_before) < _STILL).astype(np.uint8), _NEAR)
        where = (cv2.dilate(edge, _NEAR) > 0) & (still > 0)
        sums[box != box_before] += float(np.abs(alphas[1] - alphas[0])[where].sum())
        counts[box != box_before] += int(where.sum())
        moved += box != box_before
    in_others, in_moved = (1e3 * total / max(count, 1) for total, count in zip(sums, counts, strict=True))
    return (
        f"moves {moved:3} of {len(found)}  {in_moved:6.2f} / {in_others:6.2f} = {in_moved / max(in_others, 1e-9):5.2f}"
    )


def apart(found: Answers, other: Answers) -> str:
    same = [a[0] == b[0] for a, b in zip(found, other, strict=True)]
    longest = max((len(list(run)) for equal, run in groupby(same) if not equal), default=0)
    gaps = [np.abs(a[1].astype(np.float32) - b[1]).mean() * 1e3 for a, b in zip(found, other, strict=True)]
    return f"{same.count(False):3} (longest {longest:3})  {np.mean(gaps):6.3f} mean {max(gaps):7.3f} most"


def _small(image: np.ndarray) -> np.ndarray:
    scale = min(1.0, _WIDTH / image.shape[1])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=240, help="of each video, at most")
    options = parser.parse_args()
    for path in options.videos:
        name = path.parent.name if path.stem == "input" else path.stem

        def moments(planes: bool = False, path: Path = path) -> Iterator[Moment]:
            return pictures_of(path, options.frames, planes)

        plain = answers(moments())
        print(f"{name:20} leaps   {leaps(plain, moments())}")
        print(f"{'':20} noise   {apart(plain, answers(with_noise(moments())))}")
        print(f"{'':20} planes  {apart(plain, answers(moments(planes=True)))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
