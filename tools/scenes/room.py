"""What all rooms have: floor, ceiling and walls, one with a hole for the window."""

from __future__ import annotations

from tools.scenes import materials as m
from tools.scenes import things as t
from tools.scenes.shapes import Material, Point, box

DAY = m.rgb("#e3edff")  # the light of the sky


def shell(
    left: float, right: float, back: float, ceiling: float, wall: Material, hole: tuple[float, float, float, float]
) -> None:
    """Floor, ceiling and four walls, the left one with a window in it."""
    floor, white, near = m.wood("#7a5a3c", "#a98560", 1, 0.35, 0.7), m.plaster("#f3f1ec", 0.05), -2.2
    for k in range(int((right - left) / 0.16) + 1):
        box((0.158, back - near, 0.02), (left + 0.08 + 0.16 * k, (back + near) / 2, -0.02), floor, bevel=0.001)
    middle, wide, deep = (left + right) / 2, right - left, back - near
    box((wide, deep, 0.1), (middle, (back + near) / 2, ceiling), white, bevel=0)
    box((wide + 0.5, 0.1, ceiling), (middle, back + 0.05, 0), wall, bevel=0)
    box((wide + 0.5, 0.1, ceiling), (middle, near - 0.05, 0), white, bevel=0)
    box((0.1, deep, ceiling), (right + 0.05, (back + near) / 2, 0), wall, bevel=0)
    t.wall_with_hole(left - 0.1, near, back, ceiling, hole, wall)
    box((wide, 0.016, 0.09), (middle, back - 0.008, 0), m.plain("#efece6", 0.5))


def outside(at: Point, material: Material) -> None:
    """What is seen through the window. It casts no shadow: the sun comes from behind it."""
    thing = box((0.1, 14, 10), at, material, bevel=0)
    thing.visible_shadow = thing.visible_diffuse = False
