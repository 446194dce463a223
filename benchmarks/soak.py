#!/usr/bin/env python3
"""Whether a process that works for long stays as it was: memory, threads and file handles over many files.

    python benchmarks/soak.py [--images N] [--videos N] [--failing]

Half of the images and videos have the person in them; each is read, processed by the segmentation and written. With
--failing every fifth file is damaged, or its custom object fails. Printed are the figures at the start (when a tenth of
the first tenth is done, so that networks are loaded and buffers made), at a tenth, at each quarter, and at the end.
Memory is kept as main.py keeps it; MALLOC_ARENA_MAX=16 in the environment lets a system with two cores do as usual.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from matte import person_in_room  # noqa: E402

from background_removal.cli.os_process import limit_malloc_arenas  # noqa: E402
from background_removal.engine import Engine  # noqa: E402
from background_removal.errors import BackgroundRemovalError  # noqa: E402
from background_removal.files.video.video_sink import VideoSink  # noqa: E402
from background_removal.pipeline.frame import Frame, StreamInfo  # noqa: E402
from background_removal.pipeline.objects import CustomObject  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

FRAMES = 50


def fails(image: np.ndarray) -> np.ndarray:
    raise ValueError("by design")


def figures(what: str, done: int) -> None:
    gc.collect()
    print(
        f"{what:8} {done:5}: {resident_mebibytes():7.1f} MiB, {entries('task')} threads, of them "
        f"{threading.active_count()} of Python, {entries('fd')} handles, {entries_of_temporary()} temporary files",
        flush=True,
    )


def resident_mebibytes() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20) if statm.exists() else 0.0


def entries(kind: str) -> int:
    """Return how many threads ("task") or file handles ("fd") this process has; 0 where the system does not tell."""
    folder = Path("/proc/self", kind)
    return len(list(folder.iterdir())) if folder.exists() else 0


def entries_of_temporary() -> int:
    return len(list(Path(tempfile.gettempdir()).glob("background-removal-*")))


def repeat(what: str, count: int, sources: list[Path], failing: bool) -> int:
    """Process one source after the other, `count` in all; return how many have failed."""
    stops = {max(1, count // 100), max(1, count // 10), count // 4, count // 2, 3 * count // 4, count}
    segmentation, failed = MPSegmentation(), 0
    for number in range(count):
        source = sources[number % len(sources)]
        objects: list[CustomObject] = [segmentation]
        if failing and number % 5 == 4:
            objects = [segmentation, fails]
        result = source.with_name(f"out{source.suffix}")
        kind: dict[str, Any] = {"image_path": source} if what == "images" else {"video_path": source}
        try:
            with Engine(custom_objects=objects, output_path=result, progress=False, **kind) as engine:
                engine.run()
            result.unlink()
        except BackgroundRemovalError:
            failed += 1
        if number + 1 in stops:
            figures(what, number + 1)
    return failed


def make_sources(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Write images, videos and a damaged one of each."""
    rng = np.random.default_rng(1)
    images, videos = [], []
    for number, size in enumerate(((640, 480), (1280, 720), (480, 640), (801, 601))):
        picture = person_in_room(*size)(0.0) if number % 2 == 0 else rng.integers(0, 256, (*size[::-1], 3), np.uint8)
        images.append(folder / f"image{number}.{('jpg', 'png', 'webp', 'jpg')[number]}")
        cv2.imwrite(str(images[-1]), picture)
    for number, suffix in enumerate((".mp4", ".mkv", ".webm", ".mp4")):
        videos.append(folder / f"video{number}{suffix}")
        draw = person_in_room(320, 240)
        noise = rng.integers(0, 256, (240, 320, 3), np.uint8)
        info = StreamInfo("made", 320, 240)
        sink = VideoSink(str(videos[-1]))
        sink.open(info)
        for index in range(FRAMES):
            picture = draw(2.0 * index) if number % 2 == 0 else np.roll(noise, 2 * index, 1)
            sink.write(Frame(picture, index, 40 * index, duration=40))
        sink.close()
    damaged = []
    for path in (images[0], videos[0]):
        damaged.append(path.with_name(f"damaged{path.suffix}"))
        damaged[-1].write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return images, videos, damaged


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--failing", action="store_true", help="every fifth file fails")
    options = parser.parse_args()
    limit_malloc_arenas()
    with tempfile.TemporaryDirectory() as folder:
        images, videos, damaged = make_sources(Path(folder))
        if options.failing:
            images.append(damaged[0])
            videos.append(damaged[1])
        figures("start", 0)
        for what, count, sources in (("images", options.images, images), ("videos", options.videos, videos)):
            failed = repeat(what, count, sources, options.failing)
            print(f"{what:8} {failed} of {count} failed")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.0f} processor seconds, at most {used.ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
