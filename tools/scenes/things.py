"""What stands in rooms: books, shelves full of them, lamps, frames, vases, curtains, windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np

from tools.scenes import materials as m
from tools.scenes.shapes import BOX_FACES, Material, Point, box, box_points, bulb, mesh, place, sheet, tube, turned

COVERS = (
    "#7a2e2a", "#2f4057", "#3d4f3f", "#c9b79a", "#8a6a44", "#1f2733", "#a34e34", "#5c3a4a", "#d8cdb8", "#4d6470",
    "#2c2a28", "#b08a4a", "#6e7a68", "#8f3b3b", "#34516a", "#e4dccb", "#59432f", "#22383a", "#a79a86", "#46302a",
)  # fmt: skip
QUIET = ("#d9d2c5", "#c8beae", "#b7ab98", "#8b9390", "#5f6b70", "#e6e1d7", "#a98f72", "#3f474d", "#c7b49a", "#7d8577")


class Books:
    """Makes books; their spines carry bands and dashes, as titles look from afar, and no letters."""

    def __init__(self, rng: np.random.Generator, covers: Sequence[str] = COVERS) -> None:
        self._rng, self._covers = rng, [m.rgb(color) for color in covers]
        self._cover = m.tinted(0.62)
        self._paper = m.plain("#d9ccb0", 0.9)
        self._prints = [m.plain("#b8924a", 0.35, 0.8), m.plain("#e7dfcd", 0.7), m.plain("#1d1b1a", 0.7)]

    def book(self, thickness: float, depth: float, height: float) -> bpy.types.Mesh:
        """A book that stands with its spine to -y; its middle underside is the origin."""
        rng, points, faces, slots = self._rng, [], [], []
        arc = [(math.sin(a) * thickness / 2, -math.cos(a) * thickness * 0.22) for a in np.linspace(-1.57, 1.57, 7)]
        outline = [*arc, (thickness / 2, depth), (-thickness / 2, depth)]
        n = len(outline)
        points += [(x, y, z) for z in (0, height) for x, y in outline]
        faces += [(k, (k + 1) % n, n + (k + 1) % n, n + k) for k in range(n)] + [tuple(range(n, 2 * n))]
        slots += [0] * (n + 1)
        first = len(points)
        points += box_points((thickness - 0.006, depth - 0.006, height + 0.0006), (0, depth / 2 + 0.002, 0))
        faces += [tuple(first + k for k in face) for face in BOX_FACES]
        slots += [1] * 6

        def strip(low: float, high: float, part: float, slot: int) -> None:
            start = len(points)
            ring = [
                (math.sin(a) * thickness / 2 * 1.01, -math.cos(a) * thickness * 0.22 - 0.0007)
                for a in np.linspace(-1.5 * part, 1.5 * part, 6)
            ]
            points.extend((x, y, z) for z in (low, high) for x, y in ring)
            faces.extend((start + k, start + k + 1, start + 7 + k, start + 6 + k) for k in range(5))
            slots.extend([slot] * 5)

        ink = 2 + int(rng.integers(2) if rng.random() < 0.85 else 2)
        style = rng.random()
        if style < 0.35:
            for z in (0.06, 0.1, 0.86, 0.9) if rng.random() < 0.5 else (0.12, 0.3, 0.5, 0.7, 0.88):
                strip(height * z, height * z + 0.0025, 1, ink)
        elif style < 0.55:
            strip(height * 0.68, height * 0.86, 1, ink)
        z = height * rng.uniform(0.18, 0.3)
        end = height * (0.62 if style < 0.55 else rng.uniform(0.6, 0.85))
        while z < end and rng.random() < 0.97:
            dash = rng.uniform(0.004, 0.02)
            strip(z, z + dash, 0.22, ink)
            z += dash + rng.uniform(0.003, 0.007)
        return mesh(points, faces, [self._cover, self._paper, *self._prints], slots)

    def row(self, left: float, right: float, y: float, z: float, tallest: float, full: float = 0.97) -> float:
        """Fill a board from `left` to `right` with books whose spines stand about `y`; returns where they end."""
        rng, x = self._rng, left
        while x < right - 0.05:
            count = int(rng.integers(1, 7)) if rng.random() < 0.4 else 1
            tall = tallest * rng.uniform(0.62, 0.97)
            thick, deep = rng.uniform(0.014, 0.05), rng.uniform(0.13, 0.2)
            color = self._covers[int(rng.integers(len(self._covers)))]
            for _ in range(count):  # a set of volumes, or a single book
                if x + thick > right:
                    return x
                data = self.book(thick, deep, tall)
                spot = (x + thick / 2, y + rng.uniform(0, 0.018), z)
                place(data, spot, (0, rng.uniform(-0.008, 0.008), rng.uniform(-0.02, 0.02)), color=color)
                x += thick + 0.0012
            if rng.random() > full:
                lean = rng.uniform(0.12, 0.25)
                thick, tall = rng.uniform(0.018, 0.035), tallest * rng.uniform(0.65, 0.85)
                wide = tall * math.sin(lean) + thick
                if x + wide < right:
                    color = self._covers[int(rng.integers(len(self._covers)))]
                    place(
                        self.book(thick, 0.16, tall),
                        (x + wide - thick / 2 + 0.004, y + 0.01, z + thick / 2 * math.sin(lean)),
                        (0, -lean, 0),
                        color=color,
                    )
                    x += wide + rng.uniform(0.02, 0.08)
        return x

    def pile(self, at: Point, count: int, turn: float = 0.0) -> float:
        """Books lying on one another with their spines to the camera; returns the height of the topmost."""
        rng, z = self._rng, at[2]
        for k in range(count):
            thick, long = rng.uniform(0.018, 0.04), (0.27 - 0.018 * k) * rng.uniform(0.92, 1.05)
            color = self._covers[int(rng.integers(len(self._covers)))]
            spot = (at[0] - long / 2 + rng.uniform(-0.01, 0.01), at[1] - 0.09, z + thick / 2)
            place(self.book(thick, 0.19, long), spot, (0, math.pi / 2, turn + rng.uniform(-0.05, 0.05)), color=color)
            z += thick + 0.001
        return z


def frame(at: Point, size: tuple[float, float], picture: Material, rim: Material, mat: float = 0.06) -> None:
    """A framed print whose back is at `at`, the middle of its lower edge; it looks to -y."""
    wide, tall, bar, deep = *size, 0.018, 0.026
    holder = bpy.data.objects.new("frame", None)
    bpy.context.collection.objects.link(holder)
    holder.location = at
    inner = (wide - 2 * (bar + mat), 0.002, tall - 2 * (bar + mat))
    parts = [
        box((wide, deep, bar), (0, -deep / 2, 0), rim),
        box((wide, deep, bar), (0, -deep / 2, tall - bar), rim),
        box((bar, deep, tall - 2 * bar), (-wide / 2 + bar / 2, -deep / 2, bar), rim),
        box((bar, deep, tall - 2 * bar), (wide / 2 - bar / 2, -deep / 2, bar), rim),
        box((wide - bar, 0.004, tall - bar), (0, -0.008, bar / 2), m.plain("#f1ede4", 0.9), bevel=0),
        box(inner, (0, -0.0115, bar + mat), picture, bevel=0),
        box((wide - bar, 0.001, tall - bar), (0, -0.019, bar / 2), m.glass(), bevel=0),
    ]
    for part in parts:
        part.parent = holder


def vase(
    at: Point, height: float, material: Material, belly: float = 0.4, neck: float = 0.35, mouth: float = 0.45
) -> None:
    """A turned vase; the radii are parts of its height."""
    profile = [(0.0, 0.0), (0.24, 0.0), (0.26, 0.01)]
    for k in range(1, 16):
        u = k / 16
        bulge = math.sin(math.pi * min(1, u * 1.25)) ** 1.2
        profile.append((0.26 + (belly - 0.26) * bulge + (neck - 0.26) * max(0, (u - 0.55) / 0.45) ** 1.5, u))
    profile += [(mouth, 1.0), (mouth - 0.03, 1.0), (neck - 0.04, 0.9), (neck - 0.06, 0.5)]
    turned([(r * height, z * height) for r, z in profile], at, material)


def table_lamp(
    at: Point, base: Material, watts: float = 14, size: float = 0.5, shade: str = "#f0dfc2", warm: str = "#ffb46b"
) -> None:
    """A table lamp with a cloth shade, lit."""
    foot = [(0.0, 0.0), (0.16, 0.0), (0.165, 0.03), (0.06, 0.07), (0.1, 0.16)]
    foot += [(0.17, 0.3), (0.14, 0.42), (0.05, 0.5), (0.025, 0.54), (0.02, 0.62)]
    turned([(r * size, z * size) for r, z in foot], at, base)
    low, high = at[2] + 0.56 * size, at[2] + 1.02 * size
    cloth = m.sheer(shade, 0.5, 0.0)
    turned([(0.34 * size, low), (0.25 * size, high)], (at[0], at[1], 0), cloth)
    trim = m.plain(shade, 0.8)
    turned([(0.342 * size, low), (0.344 * size, low + 0.006), (0.340 * size, low + 0.006)], (at[0], at[1], 0), trim)
    turned([(0.252 * size, high - 0.006), (0.254 * size, high), (0.25 * size, high)], (at[0], at[1], 0), trim)
    bulb((at[0], at[1], (low + high) / 2), watts, m.rgb(warm), 0.05)


def pendant(
    at: Point, ceiling: float, shade: Material, radius: float, height: float, watts: float, warm: str = "#ffbf80"
) -> None:
    """A dome that hangs from the ceiling; `at` is the middle of its rim."""
    steps = [(radius * math.cos(a), height * math.sin(a)) for a in np.linspace(0, 1.5, 14)]
    turned([*steps, (0.02, height)], at, shade)
    turned([(r - 0.004 if r > 0.01 else r, z - 0.004) for r, z in steps], at, m.plain("#f4efe4", 0.6))
    tube([(at[0], at[1], at[2] + height), (at[0], at[1], ceiling)], 0.004, m.plain("#161616", 0.6))
    turned(
        [(0.0, 0.0), (0.035, 0.01), (0.045, 0.045), (0.03, 0.085), (0.0, 0.095)],
        (at[0], at[1], at[2] + height * 0.25),
        m.glow(warm, 9),
    )
    bulb((at[0], at[1], at[2] + 0.02), watts, m.rgb(warm), 0.05)


def curtain(
    near: float,
    far: float,
    x: float,
    height: tuple[float, float],
    material: Material,
    folds: int = 9,
    depth: float = 0.05,
    seed: float = 0.0,
) -> None:
    """A curtain along a side wall, from `near` to `far`, in folds that open a little towards the floor."""

    def where(u: float, v: float) -> Point:
        phase = 2 * math.pi * folds * (u + 0.012 * math.sin(9 * u + seed) + 0.006 * math.sin(23 * u + 2 * seed))
        wave = depth * math.sin(phase) * (0.75 + 0.25 * math.sin(5 * u + seed)) * (1.1 - 0.3 * v)
        wave += 0.35 * depth * math.sin(2.3 * phase + 3 * v + seed) * (1 - v)
        along = near + (far - near) * u + 0.012 * math.sin(phase + 1.5)
        return (x + wave, along, height[0] + (height[1] - height[0]) * v)

    sheet(where, folds * 18, 24, material)


def window(
    at: Point,
    size: tuple[float, float],
    panes: tuple[int, int],
    bar: Material,
    bars: float = 0.03,
    rim: float = 0.06,
    deep: float = 0.06,
) -> None:
    """The bars of a window in a side wall; `at` is the middle of the sill."""
    wide, tall = size

    def rod(width: float, height: float, across: float, up: float, thick: float) -> None:
        box((thick, width, height), (at[0], at[1] + across, at[2] + up), bar, bevel=0.004)

    for side in (-1, 1):
        rod(rim, tall, side * (wide - rim) / 2, 0, deep)
    rod(wide, rim, 0, 0, deep * 0.97)
    rod(wide, rim, 0, tall - rim, deep * 0.97)
    for k in range(1, panes[0]):
        rod(bars, tall, wide * (k / panes[0] - 0.5), 0, deep * 0.7)
    for k in range(1, panes[1]):
        rod(wide, bars, 0, tall * k / panes[1] - bars / 2, deep * 0.66)


def wall_with_hole(
    x: float, near: float, far: float, ceiling: float, hole: tuple[float, float, float, float], material: Material
) -> None:
    """A side wall at `x` from `near` to `far` with a hole (from y, to y, from z, to z)."""
    y0, y1, z0, z1 = hole
    for a, b, low, high in ((near, y0, 0, ceiling), (y1, far, 0, ceiling), (y0, y1, 0, z0), (y0, y1, z1, ceiling)):
        box((0.2, b - a, high - low), (x, (a + b) / 2, low), material, bevel=0)
