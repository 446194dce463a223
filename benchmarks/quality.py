#!/usr/bin/env python3
"""How good the mattes are: scores on clips with known alpha, and the contribution of each step.

    python benchmarks/quality.py CLIPS [CLIPS ...] REFEREE.py [--half choose|report|all] [--people main] [--model M]
                                 [--quality best] [--step N] [--json FILE] [--markdown] [--ablation]

Each of CLIPS is a folder with one folder per clip, which holds input.mp4 and the true alpha as alpha.mkv; REFEREE.py
has ``read_video(path)`` and ``score(pairs, video=True)`` and defines the figures MAD, Grad, dtSSD and IoU. measures.py
adds F (boundary F), Flow (dtSSD along the motion) and MESSDdt. halves.py says which frames constants may be chosen on.
A clip of which both halves have a part is listed as a whole as well.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from halves import HALVES, parts
from measures import backward_flow, boundary_f, flicker, messddt
from tables import Row, count_under, heading, line, markdown, summarize, write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.matting import refined_network  # noqa: E402
from background_removal.matting.alpha import color_model, refine  # noqa: E402
from background_removal.matting.networks import flip_ensemble  # noqa: E402
from background_removal.matting.networks.weights import MODELS  # noqa: E402
from background_removal.matting.tracking import crop_fade, detector, tracked_person  # noqa: E402
from background_removal.pipeline.frame import Frame, StreamInfo  # noqa: E402
from background_removal.pipeline.lookahead import look_ahead  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("MAD", "Grad", "dtSSD", "Flow", "MESSDdt", "IoU", "F")
# Scored beside the whole: someone far is not to be found in the first half second.
LATER = 15
# Frames a second, for the times of frames that are looked ahead at.
FRAME_RATE = 30
# The rows of a summary, by the half that they are of; None are whole clips.
GROUPS = {None: "all", **{half: half for half in HALVES}}

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
    "edge not fitted to colours": lambda: mock.patch.object(
        refine, "edge_changes", return_value=(np.empty(0, np.intp), np.empty(0, np.float32))
    ),
    "no step": lambda: mock.patch.object(refine, "ramp_around", return_value=(0.0, 1.0)),
}


@dataclass(frozen=True)
class Setting:
    """How the mattes are made, and which frames are scored."""

    model: str | None = None
    people: str = "all"
    quality: str | None = None
    half: str = "all"
    step: int = 1


@dataclass
class Scored:
    """A clip's scores: a row of figures for each scored frame, and the milliseconds of every frame."""

    folder: str
    name: str
    frames: int
    rows: dict[int, Row] = field(default_factory=dict[int, Row])
    spent: list[float] = field(default_factory=list[float])


def read_frames(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video, uint8 (H, W, 3) BGR."""
    capture = cv2.VideoCapture(str(path))
    while True:
        done, frame = capture.read()
        if not done:
            return
        yield frame


def frames_of(path: Path) -> list[np.ndarray]:
    return list(read_frames(path))


def score_frame(
    now: tuple[np.ndarray, np.ndarray, np.ndarray],
    before: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    referee: Any,
) -> Row:
    """Return the figures of a frame; the change since the one before it is left out of a clip's first frame.

    Args:
        now: The frame, uint8 (H, W, 3); the found and the true alpha, float64 (H, W).
        before: The same of the frame before it.
        referee: The module that defines MAD, Grad, dtSSD and IoU.
    """
    image, alpha, truth = now
    row = {**referee.score([(alpha, truth)]), "F": boundary_f(alpha, truth)}
    if before is not None:
        row["dtSSD"] = referee.score([before[1:], now[1:]], video=True)["dtSSD"]
        flow, errors = backward_flow(image, before[0]), (alpha - truth, before[1] - before[2])
        row |= {"Flow": flicker(*errors, flow), "MESSDdt": messddt(*errors, flow)}
    return row


def sample(frames: Sequence[int], step: int) -> list[int]:
    """Return one of every `step` frames, at random but always the same.

    Every N-th exactly would flatter: in clips that were brought to another frame rate, every fifth repeats the one
    before it, where nothing can flicker.

    >>> sample(range(50, 60), 5), sample(range(3), 1)
    ([54, 57], [0, 1, 2])
    """
    choice = random.Random(step)
    return [choice.choice(frames[n : n + step]) for n in range(0, len(frames), step)]


def make_mattes(segmentation: MPSegmentation, path: Path) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield the frames of a video file, their alphas as `Engine` gets them, and the milliseconds spent since the last.

    Args:
        segmentation: Looks ahead if its quality asks for it.
        path: The file.
    """
    images = read_frames(path)
    first = next(images)
    segmentation.open(StreamInfo(str(path), first.shape[1], first.shape[0]))
    spent = 0.0

    def foresee(frame: Frame) -> Frame:
        nonlocal spent
        start = time.perf_counter()
        if segmentation.lookahead:
            segmentation.foresee(frame.image, frame.seconds)
        spent += (time.perf_counter() - start) * 1e3
        return frame

    frames = (Frame(image, n, round(n * 1000 / FRAME_RATE)) for n, image in enumerate(itertools.chain([first], images)))
    for frame in look_ahead(frames, segmentation.lookahead, foresee):
        assert frame is not None
        start = time.perf_counter()
        alpha = segmentation.alpha(frame.image)
        yield frame.image, alpha, spent + (time.perf_counter() - start) * 1e3
        spent = 0.0


def score_clip(folder: Path, referee: Any, setting: Setting) -> Scored:
    """Make the mattes of a clip, of every frame in turn, and score those that are asked for."""
    truths = referee.read_video(folder / "alpha.mkv")
    scored = Scored(folder.parent.name, folder.name, len(truths))
    halves = parts(f"{scored.folder}/{scored.name}", len(truths))
    asked = range(len(truths)) if setting.half == "all" else {**halves}.get(setting.half, range(0))
    wanted = sample(asked, setting.step)
    segmentation = MPSegmentation(model=setting.model, people=setting.people, quality=setting.quality)
    before = None
    for n, (frame, found, spent) in enumerate(make_mattes(segmentation, folder / "input.mp4")):
        if not wanted or n > wanted[-1]:
            break
        scored.spent.append(spent)
        alpha = found.astype(np.float64)
        now = frame, alpha, truths[n]
        if n in wanted:
            scored.rows[n] = score_frame(now, before, referee)
        before = now
    segmentation.close()
    return scored


def summarize_clip(clip: Scored, half: str | None, frames: range) -> Row | None:
    """Return the means over the scored ones of some frames, the worst frame, and how many are bad; None without any."""
    rows = [row for n, row in clip.rows.items() if n in frames]
    if not rows:
        return None
    overlaps = [row["IoU"] for row in rows]
    part = "" if len(frames) == clip.frames else f" {frames[0]}-{frames[-1]}"
    return {
        **{"set": clip.folder, "name": clip.name + part, "half": half, "scored": len(rows)},
        **{"ms": statistics.median(clip.spent), "worst IoU": min(overlaps), "bad": count_under(overlaps)},
        **summarize(rows, FIGURES)["mean"],
    }


def rows_of(clip: Scored, half: str = "all") -> list[Row]:
    """Return the rows of a clip: its parts by half, and, unless one half was asked for, the whole with half None."""
    found = [
        summarize_clip(clip, which, part) for which, part in parts(f"{clip.folder}/{clip.name}", clip.frames).items()
    ]
    if half == "all":
        found.append(summarize_clip(clip, None, range(clip.frames)))
    return [row for row in found if row is not None]


def print_clip(clip: Scored, rows: list[Row]) -> None:
    for row in rows:
        if row["half"] is None and row["scored"] == rows[0]["scored"]:
            continue  # the only part is the whole
        name = f"{row['name']}: {GROUPS[row['half']]}" + (f" ({row['ms']:.0f} ms)" if row is rows[0] else "")
        more = f"{row['worst IoU']:11.2f}{row['bad'][0]:6}{row['bad'][1]:5}{row['scored']:6}"
        print(line(name, row, FIGURES, more=more), flush=True)
    later = [row for n, row in clip.rows.items() if n >= LATER - 1]
    if 0 in clip.rows and later:
        print(line(f"  from frame {LATER} on", summarize(later, FIGURES)["mean"], FIGURES))


def print_summaries(rows: list[Row]) -> list[Row]:
    """Print and return mean, median and worst of the clips, by set and half, with the bad clips and frames."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    found: list[Row] = []
    for name in [*sets, *(["all sets"] if len(sets) > 1 else [])]:
        for half, label in GROUPS.items():
            chosen = [row for row in rows if row["half"] == half and name in (row["set"], "all sets")]
            if not chosen:
                continue
            frames = [sum(row["bad"][n] for row in chosen) for n in (0, 1)]
            under = count_under(row["IoU"] for row in chosen)
            print(
                f"\n{name}, {label}: {len(chosen)} clips, IoU under 90 in {under[0]}, under 75 in {under[1]}; of "
                f"{sum(row['scored'] for row in chosen)} frames in {frames[0]} and {frames[1]}"
            )
            summary = summarize(chosen, FIGURES)
            for kind, row in summary.items():
                print(line(f"  {kind}", row, FIGURES))
            found.append({"set": name, "half": half, **summary, "clips under": under, "frames under": frames})
    return found


def as_markdown(rows: list[Row]) -> str:
    """Return the parts of the clips as a table, those of the reporting half first."""
    titles = ["clip, frames", "half", *FIGURES, "worst IoU", "frames under 90 / 75"]
    cells: list[list[str]] = []
    for row in sorted((row for row in rows if row["half"]), key=lambda row: HALVES.index(row["half"]), reverse=True):
        figures = (f"{row[figure]:.1f}" for figure in FIGURES)
        bad = f"{row['bad'][0]} / {row['bad'][1]} of {row['scored']}"
        cells.append([row["name"], row["half"], *figures, f"{row['worst IoU']:.0f}", bad])
    return markdown(titles, cells)


def mean(rows: list[Row], figures: Iterable[str] = FIGURES) -> Row:
    return summarize(rows, figures)["mean"]


def load_referee(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("referee", path)
    assert spec is not None
    assert spec.loader is not None
    referee = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(referee)
    return referee


def print_ablation(folders: list[Path], referee: Any, setting: Setting) -> None:
    for name, without in STEPS.items():
        with without():
            for folder in folders:
                clips = [score_clip(path.parent, referee, setting) for path in sorted(folder.glob("*/input.mp4"))]
                rows = [row for clip in clips for row in rows_of(clip, setting.half)]
                means = mean([row for row in rows if row["half"] == (None if setting.half == "all" else setting.half)])
                print(line(f"{name}: {folder.name}", means, FIGURES), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("referee", type=Path)
    parser.add_argument("--model", help="as for main.py (default: what MPSegmentation does by default)")
    parser.add_argument("--people", choices=("all", "main"), default="all", help="as for main.py")
    parser.add_argument("--quality", choices=("fast", "best"), help="as for main.py")
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all", help="which frames are scored (halves.py)")
    parser.add_argument(
        "--step", type=int, default=1, help="score one of every N frames and its change; all are segmented (default 1)"
    )
    parser.add_argument(
        "--json", type=Path, help="write the rows, the summaries and the scores of each frame to this file"
    )
    parser.add_argument("--markdown", action="store_true", help="print the parts as a Markdown table as well")
    parser.add_argument("--ablation", action="store_true", help="also without each step in turn")
    options = parser.parse_args()
    referee = load_referee(options.referee)
    setting = Setting(options.model, options.people, options.quality, options.half, max(1, options.step))
    print(heading("", FIGURES, more=f"{'worst IoU':>11}{'<90':>6}{'<75':>5}{'of':>6}"))
    rows: list[Row] = []
    frames: dict[str, dict[int, Row]] = {}
    for folder in options.clips:
        for path in sorted(folder.resolve().glob("*/input.mp4")):
            clip = score_clip(path.parent, referee, setting)
            if clip.rows:
                found = rows_of(clip, setting.half)
                print_clip(clip, found)
                rows += found
                frames[f"{clip.folder}/{clip.name}"] = clip.rows
    summaries = print_summaries(rows)
    write_json(options.json, setting=vars(setting), rows=rows, summaries=summaries, frames=frames)
    if options.markdown:
        print(f"\n{as_markdown(rows)}")
    if options.ablation:
        print()
        print_ablation(options.clips, referee, setting)
    return 0


if __name__ == "__main__":
    sys.exit(main())
