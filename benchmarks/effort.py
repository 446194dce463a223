#!/usr/bin/env python3
"""What --effort costs and saves: error, flicker, share of frames for which the network is asked, processor time.

    python benchmarks/effort.py CLIP[=ALPHA] ... [--frames FIRST-LAST] [--efforts normal low high]

A clip's true alpha is a video beside its path, "CLIP=ALPHA"; a folder stands for its input.mp4 and alpha.mkv. Without
one the matte of --quality best is taken for it: it errs elsewhere, but sees the whole clip at full size. MAD x 1e3 and
dtSSD x 1e2 are those of the referee; the changes in percent are against "normal". The frames are processed as a
camera's: in order, each once.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import av
import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

from measures import dtssd, mad  # noqa: E402

from background_removal.matting import refined_network  # noqa: E402
from background_removal.pipeline.frame import StreamInfo  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

RATE = 30


def frames_of(path: str, frames: range, pixel_format: str) -> list[np.ndarray]:
    with av.open(path) as container:
        found: Iterator[np.ndarray] = (frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0))
        return [image for index, image in enumerate(found) if index in frames]


def mattes_of(images: list[np.ndarray], effort: str, quality: str = "fast") -> tuple[list[np.ndarray], float, float]:
    """Return the alphas, the share of frames for which the network was asked, and processor ms a frame."""
    segmentation = MPSegmentation(effort=effort, quality=quality)
    height, width = images[0].shape[:2]
    segmentation.open(StreamInfo("clip", width, height, live=quality == "fast"))
    if quality == "best":
        for index, image in enumerate(images):
            segmentation.foresee(image, index / RATE)
    asked: list[int] = []
    ask = refined_network.RefinedNetwork._ask

    def noted(network: refined_network.RefinedNetwork, *arguments: np.ndarray) -> np.ndarray:
        asked.append(index)
        return ask(network, *arguments)

    alphas = []
    with mock.patch.object(refined_network.RefinedNetwork, "_ask", noted):
        start = time.process_time()
        for index, image in enumerate(images):
            segmentation.at(index / RATE)
            alphas.append(segmentation.alpha(image))
        spent = time.process_time() - start
    segmentation.close()
    return alphas, len(set(asked)) / len(images), 1e3 * spent / len(images)


def score(alphas: list[np.ndarray], truths: list[np.ndarray]) -> tuple[float, float]:
    """Return the mean MAD x 1e3, and the mean dtSSD x 1e2."""
    errors = [alpha - truth for alpha, truth in zip(alphas, truths, strict=True)]
    changes = [dtssd(now, before) for before, now in itertools.pairwise(errors)]
    pairs = zip(alphas, truths, strict=True)
    return float(np.mean([mad(alpha, truth) for alpha, truth in pairs])), float(np.mean(changes))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="+", metavar="CLIP[=ALPHA]")
    parser.add_argument("--frames", default="0-9999", metavar="FIRST-LAST", help="frames to process, the last included")
    parser.add_argument("--efforts", nargs="+", default=["normal", "low", "high"])
    options = parser.parse_args()
    first, last = (int(number) for number in options.frames.split("-"))
    frames = range(first, last + 1)
    cv2.setNumThreads(1)
    print(f"{'clip':24}{'effort':>8}{'asked':>8}{'ms':>8}{'MAD':>8}{'':>9}{'dtSSD':>8}")
    for clip in options.clips:
        path, _, alpha = clip.partition("=")
        if Path(path).is_dir():
            path, alpha = str(Path(path) / "input.mp4"), str(Path(path) / "alpha.mkv")
        images = frames_of(path, frames, "bgr24")
        if alpha:
            truths = [truth.astype(np.float32) / 255 for truth in frames_of(alpha, frames, "gray")]
        else:
            truths = mattes_of(images, "normal", "best")[0]
        name = Path(path).parent.name if Path(path).stem == "input" else Path(path).stem
        normal = None
        for effort in options.efforts:
            alphas, asked, spent = mattes_of(images, effort)
            found = score(alphas, truths)
            normal = normal or found
            changes = [f"{100 * (value / before - 1):+6.1f} %" for value, before in zip(found, normal, strict=True)]
            row = f"{found[0]:8.2f}{changes[0]:>9}{found[1]:8.2f}{changes[1]:>9}"
            print(f"{name:24}{effort:>8}{asked:8.0%}{spent:8.1f}{row}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
