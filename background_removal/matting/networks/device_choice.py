"""The choice that `device` auto makes: measure a network on each processor once, and keep the answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from background_removal.errors import BackgroundRemovalError
from background_removal.matting.networks.devices import AUTO, device_identity, is_installed
from background_removal.support.paths import cache_folder

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

# Time for which a device is measured beside the CPU, seconds.
_MEASURED_SECONDS = 1.0
# Time of a run, as a share of the CPU's, up to which another device is taken; less would hardly be felt, and the CPU
# starts at once.
_QUICKER = 0.8
# Largest difference from the CPU's answer, as a share of its range, which is 1 at least.
_MAX_DIFFERENCE = 0.01
# Height and width of a network's input where it leaves them free, pixels.
_FREE_SIZE = 256


def choose_device(path: Path, load: Callable[[str], onnxruntime.InferenceSession]) -> str:
    """Return the name of the device on which a network is quickest.

    Where only the CPU is installed nothing is measured. Otherwise the answer is kept in the cache folder until the
    network, the device or ONNX Runtime changes.

    Args:
        path: The network's file.
        load: Loads it on a device; raises BackgroundRemovalError where it cannot.
    """
    names = [name for name in AUTO if is_installed(name)]
    if not names:
        return "cpu"
    key = _cache_key(path, names)
    file = cache_folder() / "devices.json"
    kept = _read(file)
    if kept.get(key) in ("cpu", *names):
        return kept[key]
    chosen = _measure(names, load)
    log.debug("%s: device %s is the quickest of cpu, %s", path.name, chosen, ", ".join(names))
    _write(file, {**kept, key: chosen})
    return chosen


def _measure(names: list[str], load: Callable[[str], onnxruntime.InferenceSession]) -> str:
    cpu = load("cpu")
    chosen, best = "cpu", _QUICKER
    for name in names:
        try:
            session = load(name)
            share = _time_share(session, cpu)
        except BackgroundRemovalError as error:
            log.debug("%s", error)
            continue
        if share is not None and share < best:
            chosen, best = name, share
    return chosen


def _time_share(session: onnxruntime.InferenceSession, cpu: onnxruntime.InferenceSession) -> float | None:
    """Return the time of a run as a share of the CPU's; None where it fails or answers otherwise."""
    feed = {
        each.name: np.random.default_rng(0).random(
            [
                size if isinstance(size, int) else (_FREE_SIZE if place > 0 else 1)
                for place, size in enumerate(each.shape)
            ],
            dtype=np.float32,
        )
        for each in cpu.get_inputs()
    }
    times: tuple[list[float], list[float]] = [], []
    try:
        # The first run prepares a device.
        expected, found = (np.asarray(each.run(None, feed)[0]) for each in (cpu, session))
        if not np.abs(found - expected).max() <= _MAX_DIFFERENCE * max(float(np.ptp(expected)), 1.0):
            log.warning("%s gives another answer than the CPU: it is not used", session.get_providers()[0])
            return None
        end = time.perf_counter() + _MEASURED_SECONDS
        while time.perf_counter() < end:
            for each, taken in zip((session, cpu), times, strict=True):
                start = time.perf_counter()
                each.run(None, feed)
                taken.append(time.perf_counter() - start)
    except Exception as error:  # inputs of other kinds, memory: ONNX Runtime's own types
        log.debug("not measured: %s", error)
        return None
    return statistics.median(times[0]) / statistics.median(times[1])


def _cache_key(path: Path, names: list[str]) -> str:
    stat = path.stat()
    identities = [device_identity(name) for name in names]
    return hashlib.sha256(repr((path.name, stat.st_size, names, identities)).encode()).hexdigest()


def _read(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(file: Path, kept: dict[str, str]) -> None:
    with contextlib.suppress(OSError):  # a folder that cannot be written to costs a second at the next start
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{time.monotonic_ns()}.tmp")
        unfinished.write_text(json.dumps(kept), encoding="utf-8")
        unfinished.replace(file)
