"""A library in the evening: dark green shelves from wall to wall, brass lamps, a leather chair."""

from __future__ import annotations

import numpy as np

from tools.scenes import materials as m
from tools.scenes import plants
from tools.scenes import things as t
from tools.scenes.room import DAY, shell
from tools.scenes.shapes import Material, box, camera, cushion, padded, panel_light, tube, turned

BACK, LEFT, BAY, BAYS = 3.75, -2.52, 0.84, 6
LEVELS = (0.80, 1.17, 1.54, 1.90, 2.24)


def library(rng: np.random.Generator) -> None:
    camera((0, 0, 1.28), 60, 1.4, 2.6)
    shell(-2.6, 2.6, BACK, 2.75, m.plaster("#2c3a35"), (0.5, 2.4, 0.6, 2.4))
    panel_light((1.9, 1.8), (-2.75, 1.45, 1.6), (1.0, 3.2, 1.0), 70, DAY)
    panel_light((3.0, 1.6), (1.0, -1.9, 2.2), (0.0, 3.8, 1.2), 48, m.rgb("#ffdcb4"))
    paint, brass = m.plain("#2b3d36", 0.42, coat=0.1), m.plain("#b0874a", 0.28, 1.0)
    shelves(paint, brass)
    books = t.Books(rng)
    line = BACK - 0.29
    for bay in range(BAYS):
        left, right = LEFT + bay * BAY + 0.025, LEFT + (bay + 1) * BAY - 0.025
        for level, z in enumerate(LEVELS):
            ornaments(bay, level, left, right, line, z, books, rng, brass)
    chair(-1.72, 2.75)
    lamp_table(1.55, 2.95, brass, books)


def shelves(paint: Material, brass: Material) -> None:
    """Cupboards below, boards above, a cornice, and a brass lamp over every bay."""
    deep, wide = 0.34, BAY * BAYS
    box((wide, 0.02, 2.75), (LEFT + wide / 2, BACK - 0.015, 0), paint, bevel=0)
    box((wide, deep + 0.12, 0.03), (LEFT + wide / 2, BACK - (deep + 0.12) / 2, 0.77), paint)
    box((wide, deep + 0.08, 0.1), (LEFT + wide / 2, BACK - (deep + 0.08) / 2, 0), paint)
    box((wide, deep + 0.09, 0.66), (LEFT + wide / 2, BACK - (deep + 0.09) / 2, 0.105), paint)
    for k in range(BAYS + 1):
        x = LEFT + k * BAY
        box((0.045, deep, 1.9), (x, BACK - deep / 2, 0.8), paint)
        box((0.07, 0.018, 1.9), (x, BACK - deep - 0.004, 0.8), paint, bevel=0.005)
    for k in range(BAYS):
        x = LEFT + (k + 0.5) * BAY
        for z in LEVELS[1:]:
            box((BAY - 0.045, deep - 0.02, 0.028), (x, BACK - deep / 2, z - 0.029), paint)
        for side in (-1, 1):
            door(x + side * BAY / 4, BACK - deep - 0.1, BAY / 2 - 0.02, paint, brass, side)
        y = BACK - deep - 0.16
        tube([(x, BACK - deep, 2.66), (x, BACK - deep - 0.1, 2.7), (x, y, 2.66)], 0.006, brass)
        turned([(0.022, -0.16), (0.024, 0.16)], (x, y, 2.645), brass, (0, 1.5708, 0), 20)
        lamp = panel_light((0.3, 0.04), (x, y, 2.61), (x, BACK - 0.1, 1.5), 7.0, m.rgb("#ffba78"))
        lamp.visible_glossy = True
    box((wide, deep + 0.03, 0.12), (LEFT + wide / 2, BACK - (deep + 0.03) / 2, 2.6), paint, bevel=0.01)


def door(x: float, y: float, wide: float, paint: Material, brass: Material, side: int) -> None:
    box((wide, 0.02, 0.64), (x, y, 0.115), paint)
    for dx, w, z, h in (
        (0, wide, 0.115, 0.07),
        (0, wide, 0.685, 0.07),
        (-wide / 2 + 0.035, 0.07, 0.186, 0.498),
        (wide / 2 - 0.035, 0.07, 0.186, 0.498),
    ):
        box((w, 0.012, h), (x + dx, y - 0.014, z), paint, bevel=0.004)
    turned(
        [(0.006, 0), (0.007, 0.014), (0.015, 0.02), (0.013, 0.03), (0, 0.034)],
        (x - side * (wide / 2 - 0.035), y - 0.02, 0.48),
        brass,
        (1.5708, 0, 0),
        20,
    )


def ornaments(
    bay: int,
    level: int,
    left: float,
    right: float,
    line: float,
    z: float,
    books: t.Books,
    rng: np.random.Generator,
    brass: Material,
) -> None:
    """Fill one board: books for the most part, and here and there something else beside them."""
    tallest = (LEVELS[level + 1] - z if level + 1 < len(LEVELS) else 0.37) - 0.05
    kind = {
        (1, 2): "vase",
        (4, 1): "frame",
        (2, 3): "pile",
        (0, 3): "plant",
        (4, 3): "globe",
        (3, 1): "pile",
        (5, 2): "vase",
        (1, 0): "pile",
        (3, 4): "vase",
        (4, 4): "pile",
        (1, 4): "frame",
    }.get((bay, level))
    if kind is None:
        books.row(left, right, line, z, tallest, 0.93)
        return
    first = rng.random() < 0.5
    a, b = (left, right - 0.32) if first else (left + 0.32, right)
    books.row(a, b, line, z, tallest, 0.93)
    x, y = (right - 0.16 if first else left + 0.15), line + 0.1
    if kind == "vase":
        t.vase((x, y, z), 0.22, m.stoneware("#c9bda6", "#8d7f68"), 0.44, 0.22, 0.28)
    elif kind == "frame":
        t.frame(
            (x, y + 0.08, z),
            (0.2, 0.25),
            m.painting(["#d8c9ad", "#75644c", "#b99c72", "#3b3a33"], 6, bay),
            brass,
            0.025,
        )
    elif kind == "plant":
        earth = plants.pot((x, y, z), 0.075, 0.12, m.plain("#cbb79a", 0.5))
        plants.vines((x, y - 0.03, earth), rng, 0.4, 10)
    elif kind == "globe":
        turned([(0.06, 0), (0.06, 0.012), (0.012, 0.03), (0.01, 0.07), (0.0, 0.07)], (x, y, z), brass)
        ball = [(0.09 * float(np.cos(a)), 0.16 + 0.09 * float(np.sin(a))) for a in np.linspace(-1.57, 1.57, 18)]
        turned(ball, (x, y, z), m.painting(["#35525c", "#3b5a63", "#b89b6a", "#a98a58"], 7, 2))
    else:
        high = books.pile((x, y, z), 4)
        turned([(0.0, 0), (0.05, 0.0), (0.055, 0.02), (0.04, 0.05), (0.0, 0.055)], (x, y - 0.02, high), brass)


def chair(x: float, y: float) -> None:
    """A leather club chair, turned towards the middle of the room."""
    hide = m.leather("#5a2f1a")
    padded((0.82, 0.74, 0.34), (x, y, 0.1), hide, 0.05)
    cushion((0.6, 0.66, 0.2), (x, y - 0.06, 0.38), hide, seed=3, puff=0.3)
    padded((0.86, 0.24, 0.88), (x, y + 0.36, 0.12), hide, 0.11, (-0.14, 0, 0))
    cushion((0.6, 0.56, 0.2), (x, y + 0.2, 0.5), hide, (1.35, 0, 0), 5, 0.3)
    for side in (-1, 1):
        padded((0.2, 0.82, 0.58), (x + side * 0.38, y - 0.02, 0.1), hide, 0.095)
    throw = m.cloth("#a8977b", 300, 0.5, "#c9b99b")
    cushion((0.42, 0.42, 0.15), (x + 0.04, y + 0.02, 0.62), throw, (1.25, 0.25, 0.1), 8)


def lamp_table(x: float, y: float, brass: Material, books: t.Books) -> None:
    top = m.wood("#3d2416", "#6b4426", 0, 0.3)
    turned([(0.0, 0.7), (0.3, 0.7), (0.305, 0.715), (0.3, 0.73), (0.0, 0.73)], (x, y, 0), top)
    turned([(0.2, 0.0), (0.2, 0.02), (0.03, 0.05), (0.022, 0.6), (0.05, 0.7)], (x, y, 0), top)
    t.table_lamp((x + 0.03, y + 0.06, 0.73), brass, 13, 0.56, "#efd9b4")
    high = books.pile((x - 0.16, y - 0.08, 0.73), 2)
    turned(
        [(0.03, 0), (0.038, 0.002), (0.042, 0.08), (0.039, 0.08), (0.036, 0.01), (0.0, 0.01)],
        (x - 0.17, y - 0.1, high),
        m.stoneware("#dcd3c2", "#efe9dc"),
    )
