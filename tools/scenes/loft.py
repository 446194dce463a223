"""A loft in the morning: a brick wall with the sun on it, a steel window, shelves of pipe and planks."""

from __future__ import annotations

import numpy as np

from tools.scenes import materials as m
from tools.scenes import plants
from tools.scenes import things as t
from tools.scenes.room import DAY, outside, shell
from tools.scenes.shapes import (
    BOX_FACES,
    Material,
    box,
    box_points,
    camera,
    cushion,
    mesh,
    padded,
    panel_light,
    place,
    rough,
    round_edges,
    sunlight,
    tube,
    turned,
)

BACK = 4.1


def loft(rng: np.random.Generator) -> None:
    camera((0, 0, 1.3), 60, 1.4, 2.6)
    shell(-2.2, 2.7, BACK + 0.07, 3.1, m.mortar(), (1.0, 3.7, 0.7, 3.0))
    t.window((-2.2, 2.35, 0.7), (2.7, 2.3), (5, 4), m.plain("#1c1d1e", 0.4), 0.025, 0.05)
    outside((-8.5, 3, -3.0), m.outdoors(5.0, "#8c8a86", edge=4.6))
    sunlight((0.74, 0.62, -0.40), 5.5, m.rgb("#ffd9a8"), 0.9)
    panel_light((2.6, 2.2), (-2.35, 2.35, 1.8), (0.8, 3.2, 1.0), 120, DAY)
    panel_light((3.2, 1.8), (1.0, -1.9, 2.3), (0.2, 4.0, 1.0), 40, m.rgb("#ffedd6"))
    bricks(rng)
    black, plank = m.plain("#1d1d1e", 0.45, 0.7), m.wood("#5d3c22", "#94683f", 0, 0.45)
    books = t.Books(rng)
    shelf(black, plank, books, rng)
    sofa(-0.35, 3.45)
    pot_y = 3.2
    earth = plants.pot((-1.75, pot_y, 0), 0.2, 0.38, m.plain("#3a3c3c", 0.6))
    plants.bush((-1.75, pot_y, earth), rng, 1.45, 4, (0.3, 0.13), ("#274c29", "#43703a"), 0.13, 0.07, 0.25)
    for x, y, z in ((-0.85, 3.0, 2.12), (0.1, 3.1, 1.98)):
        t.pendant((x, y, z), 3.1, m.plain("#20282a", 0.35, 0.3), 0.17, 0.15, 9)


def bricks(rng: np.random.Generator) -> None:
    """A wall of single bricks in stretcher bond, none quite in its place."""
    fired, shapes = m.brick(), []
    for k in range(8):
        dent = rough(0.004, 22, 5.0 * k)
        points = [np.array(p) for p in box_points((0.212, 0.1, 0.064))]
        chipped = [tuple(p + dent(tuple(p)) * rng.uniform(-1, 1, 3)) for p in points]
        shapes.append(mesh(chipped, BOX_FACES, fired))
    for row in range(40):
        for column in range(24):
            x = -2.6 + 0.2235 * column + (0.112 if row % 2 else 0)
            spot = (x + rng.normal(0, 0.0015), BACK + 0.05 + rng.normal(0, 0.0022), 0.0755 * row + rng.normal(0, 0.001))
            turn = tuple(rng.normal(0, 0.006, 3))
            round_edges(place(shapes[int(rng.integers(8))], spot, turn), 0.006)


def shelf(black: Material, plank: Material, books: t.Books, rng: np.random.Generator) -> None:
    """Planks on black pipe, on the right of the wall."""
    left, right, y = 0.95, 2.45, BACK - 0.16
    for x in (left + 0.12, right - 0.12):
        tube([(x, y + 0.1, 0.0), (x, y + 0.1, 2.9)], 0.014, black)
        tube([(x, y - 0.11, 0.0), (x, y - 0.11, 2.35)], 0.014, black)
        for z in (0.55, 0.98, 1.40, 1.82, 2.24):
            tube([(x, y - 0.11, z - 0.016), (x, y + 0.15, z - 0.016)], 0.014, black)
            turned([(0.022, -0.03), (0.022, 0.03)], (x, y - 0.11, z - 0.016), black)
    for z in (0.55, 0.98, 1.40, 1.82, 2.24):
        box((right - left, 0.27, 0.036), ((left + right) / 2, y, z), plank, bevel=0.004)
    line, lift = y - 0.09, 0.037
    books.row(left + 0.16, 1.75, line, 0.98 + lift, 0.32, 0.9)
    t.vase((1.98, y, 0.98 + lift), 0.25, m.stoneware("#8b9aa0", "#c3ccce"), 0.4, 0.2, 0.24)
    books.row(left + 0.45, 1.95, line, 1.40 + lift, 0.33, 0.92)
    box((0.22, 0.17, 0.18), (left + 0.28, y, 1.40 + lift), m.wood("#3d2718", "#63422a", 0))
    books.row(1.5, right - 0.16, line, 1.82 + lift, 0.31, 0.92)
    earth = plants.pot((1.15, y - 0.02, 1.82 + lift), 0.085, 0.14, m.plain("#b5643f", 0.8))
    plants.vines((1.15, y - 0.03, earth), rng, 0.75, 13)
    t.frame(
        (2.2, y + 0.06, 1.40 + lift),
        (0.24, 0.3),
        m.painting(["#e4dccb", "#4a5c62", "#c48b5e", "#2c3336"], 5, 9),
        black,
        0.03,
    )
    books.pile((1.4, y, 2.24 + lift), 4)
    t.vase((2.0, y, 2.24 + lift), 0.28, m.plain("#2c2d2e", 0.6), 0.36, 0.15, 0.18)
    books.row(left + 0.16, right - 0.2, line, 0.55 + lift, 0.33, 0.93)


def sofa(x: float, y: float) -> None:
    """A low leather sofa along the wall."""
    hide, wide = m.leather("#4e3325"), 1.9
    padded((wide - 0.08, 0.83, 0.24), (x, y, 0.14), hide, 0.03)
    padded((wide - 0.05, 0.2, 0.58), (x, y + 0.35, 0.18), hide, 0.06)
    for side in (-1, 1):
        padded((0.14, 0.88, 0.42), (x + side * (wide / 2 - 0.07), y, 0.18), hide, 0.045)
    for k in (-1, 1):
        cushion((0.8, 0.68, 0.19), (x + k * 0.4, y - 0.08, 0.36), hide, seed=k * 2.3, puff=0.22)
        cushion((0.8, 0.42, 0.2), (x + k * 0.4, y + 0.22, 0.6), hide, (1.32, 0, 0.02 * k), 7 + k, 0.3)
    cushion(
        (0.44, 0.44, 0.16), (x + 0.62, y + 0.02, 0.74), m.cloth("#d9cdb6", 240, 0.4, "#b7a685"), (1.08, 0.08, -0.2), 21
    )
    cushion(
        (0.4, 0.4, 0.15), (x - 0.64, y + 0.02, 0.73), m.cloth("#3f5560", 240, 0.4, "#2f414a"), (1.08, -0.08, 0.2), 22
    )
