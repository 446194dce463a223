"""Plants in pots: leaves are bent sheets, placed many times around stems."""

from __future__ import annotations

import math

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np

from tools.scenes import materials as m
from tools.scenes.shapes import Material, Point, mesh, place, tube, turned

GOLDEN = 2.39996  # radians between one leaf and the next on most stems (137.5°)


def leaf(
    length: float, width: float, material: Material, droop: float = 0.9, fold: float = 0.25, tip: float = 1.0
) -> bpy.types.Mesh:
    """A leaf that grows along +y from the origin, its upper side to +z. `tip` moves the widest place to the base."""
    rows, half, points = 12, 4, []
    y = z = 0.0
    for j in range(rows + 1):
        u = j / rows
        wide = width / 2 * max(0.02, math.sin(math.pi * u ** (1 / (1 + 0.35 * tip)) * 0.985 + 0.015)) ** 0.85
        slope = 0.25 - droop * u * u
        if j:
            y, z = y + length / rows * math.cos(slope), z + length / rows * math.sin(slope)
        for i in range(-half, half + 1):
            v = i / half
            wave = 0.05 * width * math.sin(11 * u + 2 * (v > 0)) * abs(v) ** 2
            points.append((wide * v, y, z + fold * abs(wide * v) ** 1.1 + wave))
    step = 2 * half + 1
    faces = [
        (j * step + i, j * step + i + 1, (j + 1) * step + i + 1, (j + 1) * step + i)
        for j in range(rows)
        for i in range(step - 1)
    ]
    return mesh(points, faces, material, smooth=True)


def pot(at: Point, radius: float, height: float, material: Material) -> float:
    """A pot with earth in it; returns the height of the earth above the floor."""
    wall = 0.012
    outside = [(0.0, 0.0), (radius * 0.78, 0.0), (radius * 0.82, 0.01), (radius, height - 0.005)]
    turned([*outside, (radius - 0.004, height), (radius - wall, height)], at, material)
    earth = m.mortar("#3a2c22")
    turned([(radius - wall, height - 0.04), (radius * 0.5, height - 0.025), (0.0, height - 0.02)], at, earth)
    return at[2] + height - 0.03


def bush(
    at: Point,
    rng: np.random.Generator,
    height: float = 1.1,
    stems: int = 3,
    size: tuple[float, float] = (0.26, 0.13),
    colors: tuple[str, str] = ("#35502f", "#4f6b3c"),
    lean: float = 0.16,
    spacing: float = 0.07,
    bare: float = 0.25,
    droop: float = 0.9,
) -> None:
    """Stems with broad leaves in a spiral, upright at the top and hanging lower down: a rubber plant, a fig."""
    green, bark = m.leaf(*colors), m.plain("#6b5a43", 0.8)
    shapes = [
        leaf(size[0] * s, size[1] * s, green, droop * d, tip=t)
        for s, d, t in ((1, 1, 1), (0.9, 1.3, 0.4), (1.1, 0.7, 0.7))
    ]
    for k in range(stems):
        turn = GOLDEN * k + rng.uniform(0, 1)
        tall = height * rng.uniform(0.75, 1.0)
        out, points = lean * rng.uniform(0.6, 1.4), []
        for j in range(9):
            u = j / 8
            away = 0.03 + out * u**1.4 * tall
            points.append((at[0] + away * math.cos(turn), at[1] + away * math.sin(turn), at[2] + tall * u))
        tube(points, 0.011, bark, [1 - 0.6 * j / 8 for j in range(9)])
        count = int(tall * (1 - bare) / spacing)
        for j in range(count + 1):
            u = bare + (1 - bare) * j / count
            azimuth, rise = GOLDEN * j + turn, -0.35 + 1.35 * u**2 + rng.uniform(-0.15, 0.15)
            base = np.array(points[0]) * (1 - u) + np.array(points[-1]) * u
            base[2] = at[2] + tall * u
            away = 0.03 + out * u**1.4 * tall
            base[:2] = at[0] + away * math.cos(turn), at[1] + away * math.sin(turn)
            big = (0.7 + 0.45 * math.sin(math.pi * min(1, u * 0.9))) * rng.uniform(0.85, 1.1)
            place(shapes[int(rng.integers(3))], tuple(base), (rise, rng.uniform(-0.3, 0.3), azimuth), big)


def vines(at: Point, rng: np.random.Generator, length: float = 0.5, count: int = 9, radius: float = 0.07) -> None:
    """A trailing plant: heart-shaped leaves over the rim of its pot, some on long runners."""
    green, stalk = m.leaf("#4a6838", "#7d9650", 0.4, 0.3), m.plain("#6f8a4a", 0.6)
    shapes = [leaf(s, s * 0.85, green, d, 0.2, 1.6) for s, d in ((0.085, 0.8), (0.07, 1.2), (0.1, 0.5))]
    for k in range(count):
        turn, long = GOLDEN * k, length * rng.uniform(0.25, 1.0)
        points = []
        for j in range(12):
            u = j / 11
            away = 0.02 + (radius + 0.05) * min(1.0, 2.4 * u) + 0.02 * math.sin(5 * u + k)
            up = 0.05 * math.sin(math.pi * min(1, 2.2 * u)) - long * max(0.0, u - 0.3) / 0.7
            points.append((at[0] + away * math.cos(turn), at[1] + away * math.sin(turn), at[2] + up))
        tube(points, 0.002, stalk)
        for j in range(max(4, int(long / 0.035))):
            spot = points[min(11, 1 + int(11 * rng.random()))]
            place(
                shapes[j % 3],
                spot,
                (rng.uniform(-0.7, 0.5), rng.uniform(-0.4, 0.4), turn - math.pi / 2 + rng.uniform(-1.2, 1.2)),
                rng.uniform(0.7, 1.1),
            )
    for k in range(14):
        turn = GOLDEN * k
        place(shapes[k % 3], (at[0], at[1], at[2] + 0.01), (rng.uniform(0.2, 1.0), 0, turn), rng.uniform(0.7, 1.1))
