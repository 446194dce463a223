#!/usr/bin/env python3
"""Draw the plain pictures in backgrounds/: 1920x1080 JPEG, the same on every run.

The rooms and the wood beside them come from tools/render_backgrounds.py.

python tools/make_backgrounds.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "backgrounds"
WIDTH, HEIGHT = 1920, 1080

# x and y run over the picture from 0 to 1.
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / np.array([[[HEIGHT - 1]], [[WIDTH - 1]]], np.float32)
ASPECT = WIDTH / HEIGHT


def rgb(text: str) -> np.ndarray:
    """Return #RRGGBB as float32 (3,) BGR."""
    return np.array([int(text[i : i + 2], 16) for i in (5, 3, 1)], np.float32)


def gradient(position: np.ndarray, stops: list[tuple[float, str]]) -> np.ndarray:
    """Return (H, W, 3) colours interpolated between `stops` at `position` (H, W)."""
    places = [place for place, _ in stops]
    colors = np.array([rgb(color) for _, color in stops])
    return np.stack([np.interp(position, places, colors[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def glow(x: float, y: float, radius: float) -> np.ndarray:
    """Return a round light (H, W), 1 in the middle; `radius` in picture heights."""
    return np.exp(-(((X - x) * ASPECT) ** 2 + (Y - y) ** 2) / (2 * radius**2))


def mix(picture: np.ndarray, color: str, amount: np.ndarray) -> np.ndarray:
    return picture + (rgb(color) - picture) * amount[..., None]


def soft_noise(rng: np.random.Generator, cells: int, seed_shape: float = ASPECT) -> np.ndarray:
    """Return smooth noise (H, W) in [0, 1] with about `cells` bumps from top to bottom."""
    small = rng.random((cells, round(cells * seed_shape))).astype(np.float32)
    return np.clip(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), 0, 1)


def studio(rng: np.random.Generator) -> np.ndarray:
    """A photographer's backdrop: mottled grey-blue cloth, lit from behind the head."""
    picture = gradient(Y, [(0, "#5b6670"), (0.7, "#4a535c"), (1, "#353c44")])
    mottle = 0.6 * soft_noise(rng, 5) + 0.3 * soft_noise(rng, 11) + 0.1 * soft_noise(rng, 23)
    picture *= (0.9 + 0.2 * mottle)[..., None]
    picture = mix(picture, "#b9c3c9", 0.75 * glow(0.5, 0.42, 0.36))
    return picture * (1 - 0.45 * np.clip(((X - 0.5) * 1.6) ** 2 + ((Y - 0.5) * 1.5) ** 2, 0, 1))[..., None]


def bokeh(rng: np.random.Generator) -> np.ndarray:
    """City lights at night, far out of focus."""
    picture = gradient(Y, [(0, "#0b0e1c"), (0.55, "#1c1a2e"), (1, "#120f18")])
    picture = mix(picture, "#5a3220", 0.55 * np.exp(-(((Y - 0.58) / 0.22) ** 2)))
    colors = ["#ffcf7a", "#ffb14e", "#ff8a4a", "#ffe2b0", "#8fc7ff", "#ff6b6b", "#fff2d8"]
    layers = [(0.014, 150, 0.50, 2.0), (0.030, 70, 0.38, 3.0), (0.055, 34, 0.28, 5.0), (0.085, 14, 0.20, 9.0)]
    for radius, count, strength, softness in layers:
        layer = np.zeros_like(picture)
        for _ in range(count):
            center = (int(rng.uniform(0, WIDTH)), int(np.clip(rng.normal(0.56, 0.17), 0.05, 0.98) * HEIGHT))
            size = int(radius * HEIGHT * rng.uniform(0.75, 1.25))
            color = rgb(colors[rng.integers(len(colors))]) * rng.uniform(0.45, 1.0)
            disc = np.zeros((2 * size + 9, 2 * size + 9), np.float32)
            middle = (size + 4, size + 4)
            cv2.circle(disc, middle, size, 0.8, -1, cv2.LINE_AA)
            cv2.circle(disc, middle, size - 2, 1.0, 3, cv2.LINE_AA)  # lenses draw discs brighter at the rim
            left, top = center[0] - middle[0], center[1] - middle[1]
            x0, y0 = max(left, 0), max(top, 0)
            x1, y1 = min(left + disc.shape[1], WIDTH), min(top + disc.shape[0], HEIGHT)
            if x1 > x0 and y1 > y0:
                part = disc[y0 - top : y1 - top, x0 - left : x1 - left, None]
                layer[y0:y1, x0:x1] += strength * part * color
        picture += cv2.GaussianBlur(layer, (0, 0), softness)
    return 255 * (1 - np.exp(-picture / 170))


def sunset(rng: np.random.Generator) -> np.ndarray:
    """The sun going down behind hills and over water."""
    sky = [(0, "#28406f"), (0.22, "#6d6a94"), (0.40, "#d98c7a"), (0.55, "#ffc27a"), (0.62, "#ffe0a3"), (1, "#ffe0a3")]
    picture = gradient(Y, sky)
    stretched = cv2.resize(soft_noise(rng, 9)[:, : WIDTH // 4], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    clouds = np.clip((stretched - 0.52) * 3.2, 0, 1) * np.exp(-(((Y - 0.33) / 0.15) ** 2))
    picture = mix(picture, "#ffb199", 0.55 * clouds)
    picture = mix(picture, "#fff1cf", np.clip(1.1 * glow(0.66, 0.60, 0.10), 0, 1))
    picture = mix(picture, "#ffd894", 0.65 * glow(0.66, 0.60, 0.30))
    shore = 0.68
    for depth, color, height, seed in (
        (0, "#b9788a", 0.075, 1.0),
        (1, "#8a5a78", 0.05, 4.2),
        (2, "#553d60", 0.03, 8.1),
    ):
        x = X[0]
        ridge = shore - height * (
            0.55 + 0.30 * np.sin(3.1 * x + seed) + 0.17 * np.sin(7.7 * x + 2.3 * seed) + 0.06 * np.sin(19 * x + seed)
        )
        edge = np.clip((Y - ridge[None]) * HEIGHT / 1.5, 0, 1)
        haze = 0.45 * glow(0.66, 0.62, 0.35) * (1 - 0.25 * depth)
        picture = (
            picture + (mix(np.broadcast_to(rgb(color), picture.shape), "#ffc98a", haze) - picture) * edge[..., None]
        )
    water = np.clip((Y - shore) * HEIGHT / 2, 0, 1)
    mirrored = picture[np.clip((2 * shore - Y[:, 0]) * (HEIGHT - 1), 0, HEIGHT - 1).astype(int)]
    depth = np.clip((Y - shore) / (1 - shore), 0, 1)
    ripples = cv2.resize(rng.random((220, 48)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    surface = cv2.GaussianBlur(mirrored, (0, 0), 14) * (0.80 - 0.40 * depth)[..., None]
    surface = surface * (0.92 + 0.16 * (ripples - 0.5) * (0.3 + depth))[..., None]
    path = np.exp(-(((X - 0.66) / (0.025 + 0.09 * depth)) ** 2)) * np.clip((ripples - 0.35) * 2, 0, 1)
    surface = mix(surface, "#ffe2a8", 0.5 * path * (1 - 0.6 * depth))
    return picture + (surface - picture) * water[..., None]


def stage(rng: np.random.Generator) -> np.ndarray:
    """A dark stage: two beams through haze, and the light that they leave on the floor."""
    picture = gradient(Y, [(0, "#07080d"), (0.72, "#10131d"), (0.76, "#0b0c12"), (1, "#1a1714")])
    haze = 0.65 + 0.35 * soft_noise(rng, 7)
    for x, foot, color in ((0.16, 0.36, "#6f8cff"), (0.84, 0.64, "#ff9d5c"), (0.5, 0.5, "#cfd6ff")):
        axis = x + (foot - x) * Y / 0.84
        spread = 0.012 + 0.085 * Y
        beam = np.exp(-(((X - axis) / spread) ** 2)) * np.clip((0.86 - Y) * 12, 0, 1) * (1 - 0.55 * Y)
        strength = 0.55 if x != 0.5 else 0.30
        picture = picture + strength * (beam * haze)[..., None] * rgb(color)
        lamp = np.exp(-((((X - x) * ASPECT) ** 2 + (Y + 0.005) ** 2) / 0.0009))
        picture = picture + lamp[..., None] * rgb("#ffffff")
        pool = np.exp(-(((X - foot) / 0.13) ** 2 + ((Y - 0.86) / 0.045) ** 2))
        picture = picture + 0.62 * strength * pool[..., None] * rgb(color) * 1.6
    return 255 * (1 - np.exp(-picture / 190))


PICTURES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "1_studio": studio,
    "3_bokeh": bokeh,
    "4_sunset": sunset,
    "5_stage": stage,
}


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        rng = np.random.default_rng(7)
        picture = draw(rng)
        # A little noise keeps soft gradients from showing steps.
        picture = picture + rng.normal(0, 0.8, picture.shape[:2])[..., None]
        path = FOLDER / f"{name}.jpg"
        _, data = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 88])
        path.write_bytes(data.tobytes())
        print(f"{path.name}  {len(data) // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
