"""An office by day. The camera sits at a desk at the origin; the wall behind the person is 4 m away."""

from __future__ import annotations

import math

import numpy as np

from tools.scenes import materials as m
from tools.scenes import plants
from tools.scenes import things as t
from tools.scenes.room import DAY, outside, shell
from tools.scenes.shapes import Material, box, camera, panel_light, sunlight, tube, turned


def office(rng: np.random.Generator) -> None:
    """A small office by day: slatted oak and a grey-green wall, a sideboard, a shelf, a fig by the window."""
    camera((0, 0, 1.25), 60, 1.4, 2.6)
    shell(-2.1, 2.5, 4.0, 2.75, m.plaster("#b9bdb0"), (1.2, 3.75, 0.5, 2.6))
    t.window((-2.1, 2.475, 0.5), (2.55, 2.1), (3, 1), m.plain("#2a2a2a", 0.4))
    outside((-7.5, 3, -2.5), m.outdoors(5.0, edge=3.5))
    sunlight((0.8, 0.55, -0.45), 3.5, m.rgb("#ffdcae"), 1.2)
    panel_light((2.5, 2.0), (-2.25, 2.4, 1.6), (0.6, 2.7, 1.0), 150, DAY)
    panel_light((3.0, 1.8), (1.2, -1.9, 2.0), (0.2, 4.0, 1.1), 40, m.rgb("#fff0dd"))
    oak, walnut, black = (
        m.wood("#8a6848", "#b39270", 2, 0.5),
        m.wood("#4a2e1c", "#7a5233", 0, 0.38),
        m.plain("#1b1b1c", 0.45),
    )
    box((1.42, 0.012, 2.75), (-1.39, 3.994, 0), m.cloth("#141413"), bevel=0)
    for k in range(34):
        box((0.027, 0.022, 2.75), (-2.06 + 0.0415 * k, 3.977, 0), oak, bevel=0.002)
    sideboard(0.42, 3.72, 1.9, walnut, black)
    books = t.Books(rng, t.QUIET)
    top = 0.721
    high = books.pile((-0.22, 3.68, top), 3)
    t.vase((-0.2, 3.66, high), 0.13, m.stoneware("#d9cfbf", "#efe8da"), 0.5, 0.3, 0.34)
    t.table_lamp((1.08, 3.72, top), m.stoneware("#3f4a48", "#55625d"), 9, 0.52)
    t.vase((0.1, 3.72, top), 0.27, m.stoneware("#8d8a7f", "#b5b0a2"), 0.42, 0.2, 0.24)
    twigs((0.1, 3.72, top + 0.2), rng)
    pot_top = plants.pot((0.72, 3.7, top), 0.075, 0.13, m.plain("#d8d3c8", 0.6))
    plants.vines((0.72, 3.7, pot_top), rng, 0.12, 8)
    black_rim, oak_rim = m.plain("#171717", 0.4), m.wood("#9b7447", "#c19a68", 0)
    t.frame(
        (0.18, 3.995, 1.28),
        (0.5, 0.7),
        m.painting(["#e8dfcf", "#c98f66", "#445a5c", "#d8c3a0", "#27373d"], 3.4, 3),
        black_rim,
        0.07,
    )
    t.frame(
        (0.86, 3.995, 1.28),
        (0.5, 0.7),
        m.painting(["#dfd6c4", "#8a9a86", "#efe9dc", "#b4633f", "#2f3b38"], 3.0, 11),
        oak_rim,
        0.07,
    )
    open_shelf(1.86, 3.78, 1.05, 2.25, oak, black, books, rng)
    earth = plants.pot((-1.62, 3.3, 0), 0.2, 0.36, m.stoneware("#cfc8ba", "#e4ded2"))
    plants.bush((-1.62, 3.3, earth), rng, 1.55, 3, (0.27, 0.17), lean=0.12, spacing=0.075, bare=0.32)


def sideboard(x: float, y: float, wide: float, wood: Material, metal: Material) -> None:
    """A low cabinet on steel legs, 0.72 m high."""
    box((wide, 0.44, 0.025), (x, y, 0.695), wood)
    box((wide, 0.43, 0.02), (x, y, 0.2), wood)
    doors = 4
    for k in range(doors):
        box(
            (wide / doors - 0.006, 0.02, 0.466),
            (x + wide * ((k + 0.5) / doors - 0.5), y - 0.21, 0.224),
            wood,
            bevel=0.002,
        )
        box(
            (0.012, 0.02, 0.12), (x + wide * ((k + (0.9 if k % 2 == 0 else 0.1)) / doors - 0.5), y - 0.228, 0.44), metal
        )
    box((wide - 0.02, 0.4, 0.47), (x, y, 0.222), metal)
    for side in (-1, 1):
        for front in (-0.17, 0.17):
            box((0.025, 0.025, 0.2), (x + side * (wide / 2 - 0.1), y + front, 0), metal)


def twigs(at: tuple[float, float, float], rng: np.random.Generator, count: int = 9) -> None:
    """Dried stems with seeds, as they stand in a vase."""
    stalk, seed = m.plain("#8b7351", 0.8), m.plain("#c8ad82", 0.9)
    for _ in range(count):
        turn, out, tall = rng.uniform(0, 6.28), rng.uniform(0.04, 0.2), rng.uniform(0.22, 0.48)
        points = [
            (at[0] + out * u**1.6 * math.cos(turn), at[1] + 0.5 * out * u**1.6 * math.sin(turn), at[2] + tall * u)
            for u in np.linspace(0, 1, 9)
        ]
        tube(points, 0.0018, stalk)
        for j in range(26):
            a = np.array(points[4]) + (np.array(points[8]) - np.array(points[4])) * (j / 25)
            spot = tuple(a + rng.normal(0, 0.009, 3))
            turned(
                [(0, 0), (0.0045, 0.006), (0.003, 0.016), (0, 0.02)],
                spot,
                seed,
                (rng.uniform(-1, 1), rng.uniform(-1, 1), 0),
                8,
            )


def open_shelf(
    x: float,
    y: float,
    wide: float,
    tall: float,
    wood: Material,
    metal: Material,
    books: t.Books,
    rng: np.random.Generator,
) -> None:
    """A shelf of boards in a steel frame, with books and other things on it."""
    deep, left, right = 0.32, x - wide / 2, x + wide / 2
    for side in (left, right):
        for front in (-deep / 2, deep / 2):
            box((0.022, 0.022, tall), (side, y + front, 0), metal)
    boards = [0.12, 0.55, 0.95, 1.35, 1.75, 2.15]
    for z in boards:
        box((wide - 0.02, deep, 0.026), (x, y, z), wood)
    top = [z + 0.027 for z in boards]
    line = y - deep / 2 + 0.05
    end = books.row(left + 0.02, x + 0.12, line, top[2], 0.3, 0.9)
    t.vase((min(end + 0.16, right - 0.16), y, top[2]), 0.2, m.stoneware("#b65f3c", "#c9805a"), 0.5, 0.25, 0.3)
    books.pile((x - 0.28, y - 0.02, top[3]), 4)
    t.frame(
        (x + 0.2, y + 0.1, top[3]),
        (0.26, 0.33),
        m.painting(["#e9e2d4", "#6f8487", "#cfb18a", "#33474c"], 5, 20),
        metal,
        0.03,
    )
    books.row(x - 0.05, right - 0.03, line, top[4], 0.29, 0.92)
    earth = plants.pot((left + 0.2, y - 0.02, top[4]), 0.085, 0.14, m.plain("#e9e4da", 0.5))
    plants.vines((left + 0.2, y - 0.02, earth), rng, 0.6, 11)
    books.row(left + 0.02, right - 0.1, line, top[1], 0.31, 0.95)
    box((0.4, 0.28, 0.26), (x - 0.25, y, top[0]), m.cloth("#8c8474"), bevel=0.01)
    box((0.4, 0.28, 0.26), (x + 0.24, y, top[0]), m.cloth("#6f6a5f"), bevel=0.01)
    t.vase((x + 0.3, y, top[5]), 0.24, m.plain("#2b2d2d", 0.5), 0.36, 0.16, 0.2)
    books.pile((x - 0.2, y - 0.02, top[5]), 3)
