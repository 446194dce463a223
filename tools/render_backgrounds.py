#!/usr/bin/env python3
"""Render the rooms and landscapes in backgrounds/ that look like photographs, with Blender's path tracer.

Blender is needed for this tool alone, and comes as a Python package of its own, for Python 3.11:

    python3.11 -m venv render && render/bin/python -m pip install bpy==4.2.0 opencv-python-headless
    render/bin/python tools/render_backgrounds.py                       all of them, 1920x1080; minutes each
    render/bin/python tools/render_backgrounds.py 2_office --preview    one, small and coarse, to look at

The same seed gives the same scene on every run; more samples only take grain out of it. Of those that are shipped,
2_office had the 40 that are the default, the others 18.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy  # pyright: ignore[reportMissingImports]
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.scenes.forest import forest  # noqa: E402
from tools.scenes.library import library  # noqa: E402
from tools.scenes.livingroom import livingroom  # noqa: E402
from tools.scenes.loft import loft  # noqa: E402
from tools.scenes.office import office  # noqa: E402

FOLDER = ROOT / "backgrounds"
WIDTH, HEIGHT = 1920, 1080
RENDERED = 1280  # wide: all is out of focus by more than a pixel of this size, and the time goes with the square
SCENES: dict[str, tuple[Callable[[np.random.Generator], None], float]] = {  # and how far to open the exposure, in stops
    "2_office": (office, 0.3),
    "6_library": (library, 0.35),
    "7_livingroom": (livingroom, 0.25),
    "8_loft": (loft, 0.4),
    "9_forest": (forest, 0.5),
}


def prepare(samples: int, width: int, height: int, exposure: float) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling, cycles.seed = "CPU", samples, True, 7
    cycles.adaptive_threshold = 0.04
    cycles.use_denoising, cycles.denoiser, cycles.denoising_prefilter = True, "OPENIMAGEDENOISE", "ACCURATE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 3, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces = 4, 8
    cycles.sample_clamp_indirect, cycles.caustics_reflective, cycles.caustics_refractive = 6.0, False, False
    scene.view_settings.view_transform, scene.view_settings.exposure = "AgX", exposure
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.world = bpy.data.worlds.new("world")


def render(build: Callable[[np.random.Generator], None], exposure: float, samples: int, width: int) -> np.ndarray:
    """Return the picture as uint8 (H, W, 3) BGR."""
    prepare(samples, width, width * 9 // 16, exposure)
    build(np.random.default_rng(7))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        bpy.context.scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        picture = cv2.imread(str(path))
    assert picture is not None
    return picture


def as_photographed(picture: np.ndarray) -> np.ndarray:
    """Add what a camera adds: darker corners, a little light spread around what is bright, and grain."""
    height, width = picture.shape[:2]
    light = (picture.astype(np.float32) / 255) ** 2.2
    spread = cv2.GaussianBlur(np.maximum(light - 0.6, 0), (0, 0), width / 60)
    light += 0.12 * spread
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    light *= (1 - 0.16 * (0.7 * x**2 + 0.3 * y**2))[..., None]
    shown = np.clip(light, 0, 1) ** (1 / 2.2) * 255
    grain = cv2.GaussianBlur(np.random.default_rng(7).normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.7)
    return np.clip(shown + 2.2 * grain[..., None], 0, 255).astype(np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENES)}; all if left out")
    parser.add_argument("--preview", action="store_true", help="640x360 with few samples, as PNG")
    parser.add_argument("--samples", type=int, default=None, help="light paths for every pixel (40; 16 with --preview)")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SCENES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(SCENES)}")
    for name in arguments.names or SCENES:
        build, exposure = SCENES[name]
        started = time.monotonic()
        samples = arguments.samples or (16 if arguments.preview else 40)
        picture = render(build, exposure, samples, 640 if arguments.preview else RENDERED)
        if not arguments.preview:
            picture = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_LANCZOS4)
        picture = as_photographed(picture)
        path = arguments.folder / f"{name}.{'png' if arguments.preview else 'jpg'}"
        _, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 88] if path.suffix == ".jpg" else [])
        path.write_bytes(data.tobytes())
        print(f"{path.name}  {len(data) // 1024} KB  {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
