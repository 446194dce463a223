"""A living room by day: a window behind sheer curtains, a linen sofa, prints, a palm, a lamp."""

from __future__ import annotations

import math

import numpy as np

from tools.scenes import materials as m
from tools.scenes import plants
from tools.scenes import things as t
from tools.scenes.room import DAY, outside, shell
from tools.scenes.shapes import Material, bulb, camera, cushion, padded, panel_light, sunlight, tube, turned

BACK = 4.1


def livingroom(rng: np.random.Generator) -> None:
    camera((0, 0, 1.22), 60, 1.4, 2.6)
    shell(-2.25, 2.7, BACK, 2.75, m.plaster("#d9cfc0"), (1.5, 3.75, 0.25, 2.5))
    t.window((-2.25, 2.62, 0.25), (2.25, 2.25), (3, 1), m.plain("#f1eee8", 0.4))
    outside((-7.5, 3, -2.5), m.outdoors(6.0, edge=3.0))
    sunlight((0.8, 0.62, -0.52), 4.0, m.rgb("#ffe2bd"), 1.5)
    panel_light((2.2, 2.2), (-2.4, 2.62, 1.4), (0.8, 2.9, 0.9), 120, DAY)
    panel_light((3.2, 1.8), (1.0, -1.9, 2.1), (0.2, 4.0, 1.0), 38, m.rgb("#fff0dd"))
    linen, sheer = m.cloth("#cfc6b5", 200, 0.3), m.sheer("#f3efe6", 0.6, 0.25)
    t.curtain(1.35, 2.3, -2.1, (0.02, 2.62), sheer, 8, 0.04, 1.0)
    t.curtain(3.1, 3.98, -2.1, (0.02, 2.62), sheer, 8, 0.05, 2.0)
    tube([(-2.1, 1.2, 2.64), (-2.1, 4.08, 2.64)], 0.012, m.plain("#6b5137", 0.4))
    sofa(0.45, 3.5, linen)
    prints()
    earth = plants.pot((-1.62, 3.55, 0), 0.19, 0.34, m.cloth("#b99d72", 90, 0.1, "#8e7247"))
    plants.bush((-1.62, 3.55, earth), rng, 1.35, 7, (0.2, 0.075), ("#3d5a3a", "#60794a"), 0.3, 0.035, 0.28, 1.2)
    side_table(1.92, 3.5, rng)


def sofa(x: float, y: float, linen: Material) -> None:
    """A three-seater with loose cushions; its back is at `y` + 0.5."""
    wide = 2.1
    padded((wide - 0.1, 0.86, 0.26), (x, y, 0.12), linen, 0.04)
    padded((wide - 0.06, 0.22, 0.62), (x, y + 0.35, 0.14), linen, 0.08)
    for side in (-1, 1):
        padded((0.2, 0.92, 0.46), (x + side * (wide / 2 - 0.1), y, 0.14), linen, 0.07)
    for k in range(3):
        spot = x + (k - 1) * 0.57
        cushion((0.58, 0.7, 0.2), (spot, y - 0.1, 0.36), linen, seed=k * 2.3, puff=0.25)
        cushion((0.58, 0.46, 0.22), (spot, y + 0.22, 0.62), linen, (1.32, 0, 0.02 * (k - 1)), 7 + k, 0.35)
    pillows = [
        (-0.70, 0.46, "#9a6248", "#84523c", -0.25, 0.2),
        (-0.42, 0.40, "#d8c7a6", "#bfa980", 0.2, 0.12),
        (0.72, 0.46, "#5f6f63", "#4d5b50", 0.22, -0.25),
        (0.44, 0.38, "#e3ddd0", "#c9c0ae", -0.12, -0.15),
    ]
    for k, (dx, size, one, two, roll, turn) in enumerate(pillows):
        material = m.cloth(one, 240, 0.4, two)
        forward = 0.14 if k % 2 else 0.06
        cushion((size, size, 0.17), (x + dx, y - forward, 0.53 + size / 2), material, (1.08, 0.5 * roll, turn), 20 + k)
    for sx in (-1, 1):
        for sy in (-0.38, 0.38):
            turned([(0.014, 0), (0.022, 0.12)], (x + sx * (wide / 2 - 0.1), y + sy, 0), m.wood("#5a3b22", "#83603c", 2))


def prints() -> None:
    oak, black = m.wood("#9b7447", "#c19a68", 0), m.plain("#1a1918", 0.4)
    art = [
        (-0.35, 1.32, 0.52, 0.72, ["#e9dfcd", "#c99a74", "#a5543a", "#e2cdb0", "#6b4a3a"], 2.6, 4, oak),
        (0.55, 1.32, 0.9, 0.72, ["#e6e0d3", "#a9b2a4", "#5f6f63", "#d9c8a8", "#37453f"], 1.9, 31, black),
        (1.42, 1.32, 0.52, 0.72, ["#ece4d6", "#d3b48c", "#7a8b83", "#c07a54", "#efe8dc"], 2.9, 15, oak),
    ]
    for x, z, wide, tall, colors, scale, seed, rim in art:
        t.frame((x, BACK - 0.005, z), (wide, tall), m.painting(colors, scale, seed, tall - 0.2), rim, 0.075)


def side_table(x: float, y: float, rng: np.random.Generator) -> None:
    """A round table with books and a vase, and a floor lamp behind it."""
    wood, brass = m.wood("#6b4a2c", "#96704a", 0, 0.35), m.plain("#a9834b", 0.3, 1.0)
    turned([(0.0, 0.5), (0.26, 0.5), (0.265, 0.515), (0.26, 0.53), (0.0, 0.53)], (x, y - 0.15, 0), wood)
    for k in range(3):
        turn = 2.1 * k + 0.4
        foot = (x + 0.2 * math.cos(turn), y - 0.15 + 0.2 * math.sin(turn))
        tube([(x + 0.1 * math.cos(turn), y - 0.15 + 0.1 * math.sin(turn), 0.5), (*foot, 0.0)], 0.016, wood)
    books = t.Books(rng, t.QUIET)
    high = books.pile((x - 0.05, y - 0.2, 0.53), 3)
    turned(
        [(0.03, 0), (0.038, 0.002), (0.042, 0.08), (0.039, 0.08), (0.036, 0.01), (0.0, 0.01)],
        (x - 0.05, y - 0.2, high),
        m.stoneware("#dcd3c2", "#efe9dc"),
    )
    t.vase((x + 0.12, y - 0.08, 0.53), 0.3, m.stoneware("#9aa39b", "#c7cbbf"), 0.34, 0.17, 0.2)
    plants.bush((x + 0.12, y - 0.08, 0.78), rng, 0.5, 5, (0.06, 0.04), ("#7d8f6d", "#a3b08c"), 0.35, 0.03, 0.25, 0.4)
    lx, ly = x - 0.04, y + 0.38
    turned([(0.0, 0), (0.14, 0.0), (0.14, 0.02), (0.012, 0.03), (0.011, 1.5), (0.0, 1.5)], (lx, ly, 0), brass)
    turned([(0.24, 1.42), (0.17, 1.76)], (lx, ly, 0), m.sheer("#f2e4ca", 0.5, 0.0))
    bulb((lx, ly, 1.58), 11, m.rgb("#ffb873"), 0.05)
