#!/usr/bin/env python3
"""Green screens: how good `--key` is where the true alpha is known, beside the default and a plain chroma key.

    python benchmarks/green_screens.py GROUNDTRUTH [GROUNDTRUTH ...] REFEREE.py [--half choose|report|all] [--step N]
                                       [--only TEXT] [--ways key,default,plain] [--write DIR] [--json FILE] [--cost]

Each GROUNDTRUTH is a folder as for stills.py. The people in it are composed before uneven screens, green and blue in
turn: the light falls off to one side and has a bright spot, the cloth has wrinkles, the person throws a soft shadow on
it, light of the screen spills onto their rim, the sensor adds noise, the screen ends before the frame does, and a stand
with a lamp is in the picture. Then the scene is encoded with 4:2:0: clips as H.264, photos as JPEG.

Under their half-transparent edge people get the colours of the pixels nearest to it that are theirs alone. So the true
colours of the edge are known as well, and with them "spill": the person is put before grey with the alpha and the
colours of the result, and with the true ones; spill is how much more of the screen's colour the first has in pixels at
the edge, in percent of their brightness. --cost measures the processor's time for a frame of 1920x1080 instead.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from halves import HALVES, Half, half_of
from quality import load_referee, read_frames
from tables import Row, summarize, write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.pipeline.frame import StreamInfo  # noqa: E402
from background_removal.pipeline.planes import ColorDescription, Planes  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402

FIGURES = ("MAD", "Grad", "IoU", "spill")
WAYS = ("key", "default", "plain")
# Colours of the cloth, blue green red.
SCREENS = {"green": (70, 168, 52), "blue": (178, 82, 34)}
# Hues of OpenCV (0 to 179) that the plain chroma key removes, with its lowest saturation and value.
PLAIN_RANGES = {"green": ((35, 60, 40), (85, 255, 255)), "blue": ((90, 60, 40), (130, 255, 255))}
# Standard deviation of the sensor's noise, of 255.
NOISE = 3.0
# Share of the screen's light on the very rim of the person.
SPILL = 0.12
# Darkest part of the person's soft shadow, share of the light.
SHADOW = 0.3
# Colour description of the encoded clips: BT.709, limited range.
COLOR = ColorDescription(1, 1, 1, 1)
Compose = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scene:
    """A person before a screen, some frames of one clip, or a photo.

    Attributes:
        name: Set and clip or photo.
        half: The half that it belongs to.
        screen: A name of SCREENS.
        frames: What the camera gives: planes of a clip, uint8 (H, W, 3) BGR of a photo.
        alphas: The true alphas, float32 (H, W) in [0, 1].
        colors: The person's true colours, float32 (H, W, 3) BGR, 0 to 255.
    """

    name: str
    half: Half
    screen: str
    frames: list[Planes | np.ndarray]
    alphas: list[np.ndarray]
    colors: list[np.ndarray]


# -- scenes --------------------------------------------------------------------------------------------------------


def smooth_noise(generator: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return smooth noise about 0 with that many cells across and down, float32 of (width, height) `size`."""
    coarse = generator.standard_normal((cells[1], cells[0])).astype(np.float32)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)


def light_on_screen(generator: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return the light of a screen: falling off to one side, with a bright spot and wrinkles, float32 (H, W)."""
    x, y = np.meshgrid(np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32))
    angle = generator.uniform(0, 2 * np.pi)
    light = 0.85 + 0.2 * (np.cos(angle) * x + np.sin(angle) * y)
    spot = generator.uniform(-0.7, 0.7, 2)
    light += 0.25 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 0.3)
    # Folds run down the cloth, bright on one side and dark on the other.
    folds = smooth_noise(generator, (width, height), (14, 3)) + 0.5 * smooth_noise(generator, (width, height), (40, 5))
    return np.clip(light * (1 + 0.05 * folds), 0.3, 1.4)


def render_screen(
    generator: np.random.Generator, color: tuple[int, ...], width: int, height: int, hangs: tuple[bool, bool]
) -> np.ndarray:
    """Return a screen that ends before the frame does, with a stand and a lamp, float32 (H, W, 3) BGR.

    Args:
        generator: Of the chance in it.
        color: Of the cloth, blue green red.
        width, height: Of the picture.
        hangs: Whether the lamp is to hang from above, on the left side and on the right side.
    """
    light = light_on_screen(generator, width, height)
    picture = light[..., None] * np.array(color, np.float32)
    wall = 120 + 12 * smooth_noise(generator, (width, height), (9, 7))[..., None] + np.array((-8, 0, 10), np.float32)
    side = generator.integers(2)
    top = round(height * generator.uniform(0.03, 0.08))
    edge = round(width * generator.uniform(0.05, 0.09))
    behind = np.zeros((height, width), np.uint8)
    corner = np.array([(0, 0), (width, 0), (width, top), (edge, top * 2), (edge // 2, height), (0, height)], np.int32)
    cv2.fillPoly(behind, [corner], (255,), cv2.LINE_AA)
    stand = round(width * 0.93)
    foot = 0 if hangs[0 if side else 1] else height
    thick = max(2, width // 120)
    picture_of_wall = np.broadcast_to(wall, picture.shape).astype(np.float32).copy()
    mask = (cv2.GaussianBlur(behind, (3, 3), 0) / np.float32(255))[..., None]
    picture = picture * (1 - mask) + picture_of_wall * mask
    things = np.zeros((height, width, 3), np.uint8)
    cover = np.zeros((height, width), np.uint8)
    for layer, dark, bright in ((things, (45, 42, 40), (250, 250, 255)), (cover, (255,), (255,))):
        cv2.line(layer, (stand, round(height * 0.24)), (stand, foot), dark, thick, cv2.LINE_AA)
        cv2.circle(layer, (stand, round(height * 0.24)), round(height * 0.06), bright, -1, cv2.LINE_AA)
    share = (cover / np.float32(255))[..., None]
    picture = picture * (1 - share) + things * share
    return picture[:, ::-1].copy() if side else picture


def true_colors(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the person's colours, under their edge those of the nearest pixels that are theirs alone, float32."""
    sure = cv2.erode((alpha > 0.98).astype(np.float32), np.ones((5, 5), np.uint8))
    filled, known = np.zeros(image.shape, np.float32), np.zeros(alpha.shape, np.float32)
    for sigma in (1.5, 4, 12, 40):
        weight = cv2.GaussianBlur(sure, (0, 0), sigma)
        colors = cv2.GaussianBlur(image * sure[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)[..., None]
        share = np.clip(weight * 50, 0, 1) * (1 - known)
        filled += colors * share[..., None]
        known += share
    filled /= np.maximum(known, 1e-6)[..., None]
    own = cv2.GaussianBlur(sure, (0, 0), 1)[..., None]
    return image * own + filled * (1 - own)


def compose(
    generator: np.random.Generator, image: np.ndarray, alpha: np.ndarray, screen: np.ndarray, color: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a camera's picture of a person before a screen, uint8 (H, W, 3), and the person's true colours."""
    height, width = alpha.shape
    person = true_colors(image, alpha)
    size = max(height, width)
    shift = np.array([[1, 0, size * 0.03], [0, 1, size * 0.015]], np.float32)
    shadow = cv2.warpAffine(cv2.GaussianBlur(alpha, (0, 0), size * 0.02), shift, (width, height))
    lit = screen * (1 - SHADOW * shadow[..., None])
    rim = np.clip(1 - cv2.GaussianBlur(alpha, (0, 0), size * 0.008), 0, 1)
    shown = person + SPILL * rim[..., None] * np.array(color, np.float32)
    picture = shown * alpha[..., None] + lit * (1 - alpha[..., None])
    picture += NOISE * generator.standard_normal(picture.shape).astype(np.float32)
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8), person


def encode(frames: list[np.ndarray]) -> list[Planes]:
    """Return frames as a decoder gives them after H.264 with 4:2:0."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, "bgr24")
            yuv = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            container.mux(stream.encode(yuv))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [Planes(_layers(frame), COLOR) for frame in container.decode(video=0)]


def _through_jpeg(image: np.ndarray) -> np.ndarray:
    decoded = cv2.imdecode(cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 92))[1], cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def _layers(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height = frame.height
    whole = frame.to_ndarray()
    y, rest = whole[:height], whole[height:]
    u, v = rest.reshape(2, height // 2, frame.width // 2)
    return y, u, v


def scenes(folder: Path, referee: Any, half: str, step: int, only: str) -> Iterator[Scene]:
    """Yield the scenes of a set: its photos, and its clips at every `step`-th frame."""
    count = 0
    for kind, paths in (("stills/", folder.glob("stills/input/*")), ("", folder.glob("*/input.mp4"))):
        for path in sorted(paths):
            name = f"{folder.name}/{kind}{path.stem if kind else path.parent.name}"
            count += 1
            pairs: dict[Half, list[tuple[np.ndarray, np.ndarray]]] = {each: [] for each in HALVES}
            if only not in name:
                continue
            if kind:
                image = cv2.imread(str(path))
                assert image is not None
                truth = referee.read_matte(folder / "stills" / "alpha" / f"{path.stem}.png")
                pairs[half_of(name)].append((image, truth))
            else:
                truths = referee.read_video(path.parent / "alpha.mkv")
                for n, frame in enumerate(read_frames(path)):
                    if n % step == 0:
                        pairs[half_of(name, n)].append((frame, truths[n]))
            for part, found in pairs.items():
                if found and half in (part, "all"):
                    yield make_scene(name, part, list(SCREENS)[count % 2], found, is_photo=bool(kind))


def make_scene(name: str, half: Half, screen: str, pairs: list[tuple[np.ndarray, np.ndarray]], is_photo: bool) -> Scene:
    """Return people before a screen, encoded; masks with a hard edge get a soft one."""
    generator = np.random.default_rng(sum(name.encode()))
    height, width = (side // 2 * 2 for side in pairs[0][1].shape)
    color = SCREENS[screen]
    # A stand with its foot behind the person could as well be a stick that they hold.
    where = np.any([truth > 0.1 for _, truth in pairs], axis=0)[height // 2 :].any(axis=0)
    hangs = bool(where[: round(0.15 * width)].any()), bool(where[-round(0.15 * width) :].any())
    behind = render_screen(generator, color, width, height, hangs)
    pictures: list[np.ndarray] = []
    alphas: list[np.ndarray] = []
    colors: list[np.ndarray] = []
    for image, truth in pairs:
        alpha = truth[:height, :width].astype(np.float32)
        if np.isin(alpha, (0, 1)).mean() > 0.9995:
            alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)
        picture, person = compose(generator, image[:height, :width].astype(np.float32), alpha, behind, color)
        pictures.append(picture)
        alphas.append(alpha)
        colors.append(person)
    frames: list[Planes | np.ndarray]
    if is_photo:
        frames = [_through_jpeg(each) for each in pictures]
    else:
        frames = list(encode(pictures))
    return Scene(name, half, screen, frames, alphas, colors)


# -- scores --------------------------------------------------------------------------------------------------------


def cut_out(scene: Scene, key: str | None) -> Iterator[np.ndarray]:
    """Yield the cut-outs of a scene's frames, uint8 (H, W, 4) BGRA."""
    arguments: dict[str, Any] = {"key": key} if key else {}
    still = not isinstance(scene.frames[0], Planes)
    segmentation = MPSegmentation(background="transparent", **arguments)
    height, width = scene.alphas[0].shape
    segmentation.open(StreamInfo(scene.name, width, height, rate=Fraction(25), still=still))
    for n, frame in enumerate(scene.frames):
        segmentation.at(n / 5)
        result = segmentation.on_planes(frame) if isinstance(frame, Planes) else segmentation(frame)
        assert isinstance(result, np.ndarray)
        yield result
    segmentation.close()


def cut_out_plainly(scene: Scene) -> Iterator[np.ndarray]:
    """Yield what a plain chroma key makes of a scene: a range of hues, a blurred mask, and a limit on the colour."""
    lowest, highest = PLAIN_RANGES[scene.screen]
    channel = 1 if scene.screen == "green" else 0
    for frame in scene.frames:
        image = frame.image if isinstance(frame, Planes) else frame
        mask = cv2.inRange(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), np.array(lowest), np.array(highest))
        alpha = cv2.GaussianBlur(cv2.bitwise_not(cv2.medianBlur(mask, 3)), (3, 3), 0)
        person = image.copy()
        others = [person[..., n] for n in range(3) if n != channel]
        person[..., channel] = np.minimum(person[..., channel], np.maximum(*others))
        yield np.dstack([person, alpha])


def excess(image: np.ndarray, screen: str) -> np.ndarray:
    """Return how much stronger the screen's channel is than the mean of the others, float32 (H, W)."""
    channel = 1 if screen == "green" else 0
    return image[..., channel] * np.float32(1.5) - image.sum(axis=2) / 2


def spill(result: np.ndarray, alpha: np.ndarray, colors: np.ndarray, screen: str) -> float:
    """Return how much more of the screen's colour a cut-out has at its edge than the truth, percent of brightness."""
    edge = cv2.dilate(((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    found, true = (result[..., 3:] / np.float32(255)), alpha[..., None]
    ours = found * result[..., :3] + (1 - found) * 128
    theirs = true * colors + (1 - true) * 128
    # Averaged first over neighbours, as noise is no spill.
    more = cv2.GaussianBlur(excess(ours, screen) - excess(theirs, screen), (0, 0), 2)
    return 100 * float(np.maximum(more, 0)[edge].mean()) / float(theirs.max(axis=2)[edge].mean())


def score(scene: Scene, way: str, referee: Any, write: Path | None) -> Row:
    """Return the figures of one way to cut out a scene; the first frame of a clip is left out."""
    results = cut_out_plainly(scene) if way == "plain" else cut_out(scene, scene.screen if way == "key" else None)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    spills: list[float] = []
    for n, result in enumerate(results):
        if n == 0 and len(scene.frames) > 1:
            continue
        alpha = result[..., 3] / np.float64(255)
        pairs.append((alpha, scene.alphas[n].astype(np.float64)))
        spills.append(spill(result, scene.alphas[n], scene.colors[n], scene.screen))
        if write is not None and n == len(scene.frames) - 1:
            write_pictures(write, f"{scene.name} {scene.half} {way}".replace("/", "_"), scene, n, result)
    return {**referee.score(pairs), "spill": float(np.mean(spills))}


def write_pictures(folder: Path, name: str, scene: Scene, n: int, result: np.ndarray) -> None:
    """Write a frame, the result before magenta, and the difference of the alphas, one above the other."""
    folder.mkdir(parents=True, exist_ok=True)
    alpha = result[..., 3:] / np.float32(255)
    frame = scene.frames[n]
    before = alpha * result[..., :3] + (1 - alpha) * np.array((200, 60, 200), np.float32)
    difference = cv2.cvtColor(np.abs(alpha[..., 0] - scene.alphas[n]) * np.float32(255), cv2.COLOR_GRAY2BGR)
    image = frame.image if isinstance(frame, Planes) else frame
    cv2.imwrite(str(folder / f"{name}.png"), np.hstack([image, before.astype(np.uint8), difference.astype(np.uint8)]))


# -- cost ----------------------------------------------------------------------------------------------------------


def measure_cost(found: list[Scene], frames: int = 30, runs: int = 5) -> None:
    """Print the processor's time for a frame at 1920x1080 with and without the key, the least of several runs."""
    scene = max(found, key=lambda each: len(each.frames))
    planes = [_enlarge(each, 1920, 1080) for each in scene.frames if isinstance(each, Planes)]
    best: dict[str | None, float] = {}
    for _ in range(runs):
        for key in (None, scene.screen):
            arguments: dict[str, Any] = {"key": key} if key else {}
            segmentation = MPSegmentation(background="#404040", **arguments)
            segmentation.open(StreamInfo(scene.name, 1920, 1080, rate=Fraction(25)))
            for n in range(5):
                segmentation.on_planes(planes[n % len(planes)])
            before = time.process_time()
            for n in range(frames):
                segmentation.on_planes(planes[n % len(planes)])
            cost = (time.process_time() - before) / frames * 1e3
            segmentation.close()
            best[key] = min(cost, best.get(key, cost))
    default, keyed = best[None], best[scene.screen]
    print(f"{scene.name}, 1920x1080, ms of processor a frame: default {default:.1f}, with the key {keyed:.1f}")


def _enlarge(planes: Planes, width: int, height: int) -> Planes:
    y, u, v = planes.layers
    half = (width // 2, height // 2)
    return Planes((cv2.resize(y, (width, height)), cv2.resize(u, half), cv2.resize(v, half)), planes.color)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groundtruth", nargs="+", type=Path)
    parser.add_argument("referee", type=Path)
    parser.add_argument("--half", choices=[*HALVES, "all"], default="report")
    parser.add_argument("--step", type=int, default=6, help="take every N-th frame of the clips")
    parser.add_argument("--only", default="", help="only items with this in their name")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--write", type=Path, help="write pictures of the last frames to this folder")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cost", action="store_true")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    referee = load_referee(options.referee)
    found = (
        scene
        for folder in options.groundtruth
        for scene in scenes(folder, referee, options.half, options.step, options.only)
    )
    if options.cost:
        measure_cost(list(found))
        return 0
    ways = options.ways.split(",")
    print(f"{'':48}" + "".join(f"{f'{figure} {way}':>15}" for way in ways for figure in FIGURES))
    rows: list[Row] = []
    for scene in found:
        row: Row = {"name": scene.name, "half": scene.half, "screen": scene.screen}
        row |= {way: score(scene, way, referee, options.write) for way in ways}
        rows.append(row)
        print_row(f"{scene.name} ({scene.half}, {scene.screen})", [row[way] for way in ways])
    summaries = {way: summarize([row[way] for row in rows], FIGURES) for way in ways}
    for kind in ("mean", "median", "worst"):
        print_row(kind, [summaries[way][kind] for way in ways])
    if options.json:
        write_json(options.json, items=rows, summaries=summaries)
    return 0


def print_row(name: str, figures: list[Row]) -> None:
    print(f"{name:48}" + "".join(f"{row[figure]:15.2f}" for row in figures for figure in FIGURES), flush=True)


if __name__ == "__main__":
    sys.exit(main())
