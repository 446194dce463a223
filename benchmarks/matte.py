#!/usr/bin/env python3
"""What a frame costs: MPSegmentation, its steps, the bare network, and the original's way, in one run.

    python benchmarks/matte.py [--rounds N] [--model FILE.onnx]
    python benchmarks/matte.py --blurs [--rounds N]      the blur alone, by its strength and the frame's size
    python benchmarks/matte.py --profile CLIP720 CLIP1080    processor time of every step of a live and a file's frame
    python benchmarks/matte.py --copies CLIP             the copies of full-size pixels that a frame needs

Every round times every entry once, in turn, so that a machine whose speed drifts does so for all of them; the medians
are printed, and the ratios are medians of the ratios of each round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import background_removal  # noqa: E402, F401, I001 - first: it lets OpenCV's threads wait without spinning
import cv2  # noqa: E402
import numpy as np  # noqa: E402

from background_removal.compositing import background_blur, blending  # noqa: E402
from background_removal.compositing.backgrounds import Blur  # noqa: E402
from background_removal.compositing.blur import parse_blur  # noqa: E402
from background_removal.matting.alpha.refine import Refiner  # noqa: E402
from background_removal.matting.networks.segmenters import make_segmenter  # noqa: E402
from background_removal.matting.pyramid import Pyramid  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

SIZES = {"640x360": (640, 360), "1280x720": (1280, 720), "1920x1080": (1920, 1080), "3840x2160": (3840, 2160)}
LOOKS: dict[str, dict[str, Any]] = {
    "blur": {"blur": "medium"},
    "image": {"bg_image": str(ROOT / "backgrounds" / "4_sunset.jpg")},
    "colour": {"bg_color": (64, 177, 0)},
}
MOMENTS = 8
STRENGTHS = (45, "light", "medium", "strong")


def person_in_room(width: int, height: int) -> Callable[[float], np.ndarray]:
    """Return what draws a room with the sample portrait's person, moved right by pixels of a portrait 512 high."""
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    assert portrait is not None
    alpha = MPSegmentation().alpha(portrait)
    room = cv2.imread(str(ROOT / "backgrounds" / "1_studio.jpg"))
    assert room is not None
    room = cv2.resize(room, (width, height))
    scale = height / 512

    def draw(moved: float) -> np.ndarray:
        shift = np.array([[scale, 0, width / 2 - 256 * scale + scale * moved], [0, scale, 0]], np.float32)
        person = cv2.warpAffine(portrait, shift, (width, height))
        matte = cv2.warpAffine(alpha, shift, (width, height))
        return cv2.blendLinear(person, room, matte, 1 - matte)

    return draw


def moving_frames(width: int, height: int) -> list[np.ndarray]:
    """Return a few frames of the sample portrait's person moving before a noisy room; never twice the same."""
    rng = np.random.default_rng(1)
    draw = person_in_room(width, height)
    frames = [draw(6 * moment) for moment in range(MOMENTS)]
    return [cv2.add(frame, rng.integers(0, 12, frame.shape, np.uint8)) for frame in frames]


class Original:
    """The way that this project replaces: a hard mask, a full-size Gaussian, np.where on three planes.

    It gives the network BGR for RGB.
    """

    def __init__(self) -> None:
        self._network = make_segmenter("landscape")
        self._mask = np.zeros((0, 0), np.float32)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        mask = self._network(cv2.cvtColor(cv2.resize(frame, (256, 144)), cv2.COLOR_BGR2RGB))
        self._mask = mask = cv2.resize(mask, (frame.shape[1], frame.shape[0]))
        condition = np.stack((mask,) * 3, axis=-1) > 0.5
        return np.where(condition, frame, cv2.GaussianBlur(frame, (45, 45), 0))

    def alpha(self) -> np.ndarray:
        """Return the last frame's alpha, float32 (H, W), 0 or 1."""
        return (self._mask > 0.5).astype(np.float32)


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def rounds_of(entries: dict[str, Callable[[int], object]], count: int) -> dict[str, list[float]]:
    """Time every entry once per round, after three rounds that do not count."""
    times: dict[str, list[float]] = {name: [] for name in entries}
    for number in range(-3, count):
        for name, action in entries.items():
            spent = timed(lambda action=action, number=number: action(number % MOMENTS))
            if number >= 0:
                times[name].append(spent)
    return times


def ratio(times: dict[str, list[float]], above: str, below: str) -> float:
    return statistics.median(a / b for a, b in zip(times[above], times[below], strict=True))


def blurs(count: int) -> int:
    """Print what it costs to put the person before the blur, without finding him."""
    print(f"{'milliseconds per frame':28}{'median':>8}{'min':>8}{'/ 45':>8}")
    for size_name, size in {**SIZES, "5120x3412": (5120, 3412)}.items():
        frames = moving_frames(*size)
        person = MPSegmentation()
        mattes = [person._matte(Pyramid(frame)) for frame in frames]
        everything: dict[str, Callable[[int], object]] = {}
        for strength in STRENGTHS:
            blur = Blur(parse_blur(strength))
            everything[f"{size_name} {strength}"] = lambda i, b=blur, f=frames, m=mattes: b.compose(Pyramid(f[i]), m[i])
        times = rounds_of(everything, count)
        for name, values in times.items():
            share = ratio(times, name, f"{size_name} {STRENGTHS[0]}")
            print(f"{name:28}{statistics.median(values):8.2f}{min(values):8.2f}{share:8.2f}", flush=True)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--blurs", action="store_true", help="time the blur alone")
    parser.add_argument("--model", help="another network, rvm for instance, to time at 1280x720 as well")
    parser.add_argument("--profile", nargs="+", metavar="CLIP", help="videos of a person, one for each height")
    parser.add_argument("--copies", metavar="CLIP", help="list the copies of full-size pixels that a frame needs")
    parser.add_argument("--frames", type=int, default=200, help="frames that count for --profile")
    options = parser.parse_args()
    if options.profile:
        from frame_steps import print_profile

        print_profile(options.profile, options.frames)
        return 0
    if options.copies:
        from frame_steps import print_copies

        print_copies(options.copies)
        return 0
    count = options.rounds
    if options.blurs:
        return blurs(count)
    network = make_segmenter("wide")
    inputs = [cv2.resize(frame, network.size[::-1]) for frame in moving_frames(640, 360)]

    everything: dict[str, Callable[[int], object]] = {"network": lambda i: network(inputs[i])}
    for size_name, size in SIZES.items():
        frames = moving_frames(*size)
        for look, arguments in LOOKS.items():
            segmentation = MPSegmentation(**arguments)
            everything[f"{size_name} {look}"] = lambda i, s=segmentation, f=frames: s(f[i])
        if size_name == "1280x720" and options.model:
            other = MPSegmentation(blur="medium", model=options.model)
            everything[f"{size_name} blur, other model"] = lambda i, s=other, f=frames: s(f[i])
        if size_name == "1920x1080":
            original = Original()
            everything["original 1920x1080"] = lambda i, o=original, f=frames: o(f[i])
    times = rounds_of(everything, count)
    print(f"{'milliseconds per frame':28}{'median':>8}{'min':>8}")
    for name, values in times.items():
        print(f"{name:28}{statistics.median(values):8.2f}{min(values):8.2f}")
    print()
    print(f"original / 1080p blur       {ratio(times, 'original 1920x1080', '1920x1080 blur'):8.1f}")
    print(f"1080p blur / network        {ratio(times, '1920x1080 blur', 'network'):8.2f}")
    print(f"2160p blur / 1080p blur     {ratio(times, '3840x2160 blur', '1920x1080 blur'):8.2f}")

    frames = moving_frames(1920, 1080)
    person = MPSegmentation()
    mattes = [person._matte(Pyramid(frame)) for frame in frames]
    refiner = Refiner(0.5)
    greys = [cv2.cvtColor(matte.image, cv2.COLOR_BGR2GRAY) for matte in mattes]
    strength = parse_blur("medium")
    blur = Blur(strength)
    out = np.empty_like(frames[0])
    steps: dict[str, Callable[[int], object]] = {
        "shrink to the network's input": lambda i: Pyramid(frames[i]).crop(mattes[i].box, 320, 256),
        "network": lambda i: network(mattes[i].image),
        "refine": lambda i: refiner(mattes[i].alpha, greys[i], mattes[0].box),
        "enlarge alpha": lambda i: mattes[i].resize_to_box(cv2.convertScaleAbs(mattes[i].alpha, alpha=255)),
        "blur behind": lambda i: background_blur.blur_background(
            Pyramid(frames[i]), mattes[i], strength.sigmas(1920, 1080)
        ),
        "blend": lambda i: blending.blend_onto(out, blending.crop_to_box(frames[i], mattes[i].box), mattes[i]),
        "compose with the blur": lambda i: blur.compose(Pyramid(frames[i]), mattes[i]),
    }
    print("\nsteps at 1920x1080, milliseconds (each shrinks the frame for itself)")
    for name, values in rounds_of(steps, count).items():
        print(f"{name:32}{statistics.median(values):8.2f}{min(values):8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
