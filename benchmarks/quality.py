#!/usr/bin/env python3
"""How good the mattes are: scores on clips whose true alpha is known, and what each step contributes.

    python benchmarks/quality.py CLIPS [CLIPS ...] REFEREE.py [--model M] [--ablation]

Each of CLIPS is a folder with one folder per clip, which holds input.mp4 and the true alpha as alpha.mkv; REFEREE.py
has ``read_video(path)`` and ``score(pairs, video=True)`` and defines the figures.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.matting import refined_network  # noqa: E402
from background_removal.matting.alpha import color_model, refine  # noqa: E402
from background_removal.matting.networks import flip_ensemble  # noqa: E402
from background_removal.matting.networks.weights import MODELS  # noqa: E402
from background_removal.matting.tracking import crop_fade, detector, tracked_person  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("MAD", "Grad", "dtSSD", "IoU")
# Scored beside the whole: someone far is not to be found in the first half second.
LATER = 15

# Each step of the default, and how to do without it.
STEPS: dict[str, Callable[[], Any]] = {
    "all steps": nullcontext,
    "no crops": lambda: mock.patch.object(refined_network.RefinedNetwork, "uses_crops", False),
    "no faces": lambda: mock.patch.object(detector.PersonDetector, "_detect_faces", return_value=[]),
    "no close-up of a new face": lambda: mock.patch.object(detector.PersonDetector, "_confirm_face", return_value=True),
    "one crop": lambda: mock.patch.object(detector, "MAX_PEOPLE", 1),
    "no trial of what moves": lambda: mock.patch.object(
        detector.PersonDetector, "find_moving_person", return_value=None
    ),
    "islands": lambda: mock.patch.object(tracked_person, "remove_islands", lambda alpha, own: alpha),
    "crop leaps": lambda: mock.patch.object(crop_fade, "_FADE_SHARE", 0),
    "trained input size": lambda: mock.patch.dict(MODELS, {"wide": MODELS["general"]}),
    "no flip ensemble": lambda: mock.patch.object(flip_ensemble, "_MIN_UNDECIDED", 1.0),
    "no lifting of dim scenes": lambda: mock.patch.object(refined_network, "brighten", lambda image: image),
    "no colour model": lambda: mock.patch.object(color_model, "_STRENGTH", 0.0),
    "half the colour model": lambda: mock.patch.object(color_model, "_STRENGTH", 0.5 * color_model._STRENGTH),
    "twice the colour model": lambda: mock.patch.object(color_model, "_STRENGTH", 2 * color_model._STRENGTH),
    "no guided filter": lambda: mock.patch.object(refine, "guided_filter", lambda value, grey: value),
    "no smoothing in time": lambda: mock.patch.object(refine, "_PREVIOUS_WEIGHTS", np.zeros(256, np.float32)),
    "smoothing without motion gate": lambda: mock.patch.object(
        refine, "_PREVIOUS_WEIGHTS", np.full(256, 0.7, np.float32)
    ),
    "edge not fitted to colours": lambda: mock.patch.object(refine, "snap_to_edges", lambda alpha, image: alpha),
    "no step": lambda: mock.patch.object(refine, "ramp_around", return_value=(0.0, 1.0)),
}


def frames_of(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        done, frame = capture.read()
        if not done:
            return frames
        frames.append(frame)


def scores(clips: dict[str, tuple[list[np.ndarray], list[np.ndarray]]], referee: Any, model: str | None) -> list[dict]:
    results = []
    for name, (frames, truth) in clips.items():
        segmentation = MPSegmentation(model=model)
        segmentation.reset()
        alphas, spent = [], []
        for frame in frames:
            start = time.perf_counter()
            alphas.append(segmentation.alpha(frame).astype(np.float64))
            spent.append((time.perf_counter() - start) * 1e3)
        pairs = list(zip(alphas, truth, strict=True))
        row = {"name": name, "ms": statistics.median(spent), **referee.score(pairs, video=True)}
        results.append({**row, "later": referee.score(pairs[LATER - 1 :], video=True)})
    return results


def line(name: str, row: dict[str, float]) -> str:
    return f"{name:32}" + "".join(f"{row[figure]:9.2f}" for figure in FIGURES)


def mean(rows: list[dict], figures: Iterable[str] = FIGURES) -> dict[str, float]:
    return {figure: float(np.mean([row[figure] for row in rows])) for figure in figures}


def load_referee(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("referee", path)
    assert spec is not None
    assert spec.loader is not None
    referee = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(referee)
    return referee


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("referee", type=Path)
    parser.add_argument("--model", help="as for main.py (default: what MPSegmentation does by default)")
    parser.add_argument("--ablation", action="store_true", help="also without each step in turn")
    options = parser.parse_args()
    referee = load_referee(options.referee)
    sets: list[list[str]] = []
    clips = {}
    for folder in options.clips:
        paths = sorted(folder.glob("*/input.mp4"))
        sets.append([path.parent.name for path in paths])
        clips |= {path.parent.name: (frames_of(path), referee.read_video(path.parent / "alpha.mkv")) for path in paths}
    print(f"{'':32}" + "".join(f"{figure:>9}" for figure in FIGURES))
    rows = scores(clips, referee, options.model)
    for row in rows:
        print(line(f"{row['name']} ({row['ms']:.1f} ms)", row))
        print(line(f"  from frame {LATER} on", row["later"]))
    for folder, names in zip(options.clips, sets, strict=True):
        print(line(f"mean of {folder.name}", mean([row for row in rows if row["name"] in names])))
    if options.ablation:
        print()
        for name, without in STEPS.items():
            with without():
                changed = scores(clips, referee, options.model)
            for folder, names in zip(options.clips, sets, strict=True):
                print(
                    line(f"{name}: {folder.name}", mean([row for row in changed if row["name"] in names])), flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
