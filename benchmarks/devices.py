#!/usr/bin/env python3
"""What a network takes on each device of this computer, and whether its answer is the CPU's.

    python benchmarks/devices.py [MODEL ...] [--device NAME ...] [--runs N]

MODEL is a name of --list-models or a .onnx file; without one the networks of the default are measured. Every round
runs each device once, in turn, so that a machine whose speed drifts does so for all of them; the medians are printed,
and their ratios to the CPU's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.errors import BackgroundRemovalError  # noqa: E402
from background_removal.matting.networks.devices import DEVICES, is_installed  # noqa: E402
from background_removal.matting.networks.sessions import load_session  # noqa: E402

# Height and width of a network's input where it leaves them free, pixels.
FREE_SIZE = 256


def measure(model: str, devices: list[str], runs: int) -> None:
    """Print a line for each device."""
    sessions = {}
    for device in devices:
        try:
            sessions[device] = load_session(model, device)
        except BackgroundRemovalError as error:
            print(f"{model:12}  {device:12}  {error}")
    rng = np.random.default_rng(0)
    feed = {
        each.name: rng.random(
            [size if isinstance(size, int) else FREE_SIZE if place else 1 for place, size in enumerate(each.shape)],
            dtype=np.float32,
        )
        for each in sessions["cpu"].get_inputs()
    }
    times: dict[str, list[float]] = {device: [] for device in sessions}
    answers = {device: session.run(None, feed)[0] for device, session in sessions.items()}
    for _ in range(runs):
        for device, session in sessions.items():
            start = time.perf_counter()
            session.run(None, feed)
            times[device].append(1e3 * (time.perf_counter() - start))
    cpu = statistics.median(times["cpu"])
    for device, taken in times.items():
        middle = statistics.median(taken)
        apart = np.abs(answers[device].astype(float) - answers["cpu"]).max()
        print(f"{model:12}  {device:12}  {middle:9.2f} ms  {middle / cpu:6.2f} of the CPU  difference {apart:.1e}")


def main() -> None:
    """Measure the networks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["landscape", "general", "wide"], metavar="MODEL")
    parser.add_argument("--device", nargs="+", choices=DEVICES[1:], default=[])
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    here = [name for name in DEVICES if name not in ("auto", "cpu") and ":" not in name and is_installed(name)]
    for model in options.models:
        measure(model, ["cpu", *(options.device or here)], options.runs)


if __name__ == "__main__":
    main()
