"""A beech wood in the morning, with the sun behind it: trunks, leaves and ferns, and haze between them."""

from __future__ import annotations

import math

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np
from mathutils import Euler, Vector, noise  # pyright: ignore[reportMissingImports]

from tools.scenes import materials as m
from tools.scenes.shapes import Material, camera, mesh, place, sheet, sunlight

REACH = 75.0  # how far away the last tree stands
CLEAR = 5.0  # the haze begins behind the nearest trees, which keep their dark
SUN_SEEN = (0.40, 0.66, 0.0)  # where in the picture, from the lower left corner, the haze is brightest


def forest(rng: np.random.Generator) -> None:
    camera((0, 0, 1.5), 58, 1.6, 1.7, pitch=2.0)
    sky("#f4f1df", "#b9cfd8", 0.9)
    sunlight((0.42, -0.74, -0.52), 8.0, m.rgb("#ffdba0"), 1.0)
    bpy.context.scene.cycles.diffuse_bounces = 2  # what light the third would bring among so many leaves is not seen
    bpy.context.scene.view_settings.look = "AgX - High Contrast"
    leaves = [leafage("#5f7d2c", "#93a83c"), leafage("#4a6b28", "#7f9a38"), leafage("#7f8f2f", "#b3ae45")]
    ground(rng)
    undergrowth(rng, leaves)
    trees(rng, leaves)
    haze(42.0, "#b5c6b4", "#ffe7b4")


def sky(low: str, high: str, strength: float) -> None:
    world = bpy.context.scene.world
    world.use_nodes = True
    world.node_tree.nodes.clear()
    g = m.Graph(world.node_tree)
    height = g("SeparateXYZ", {0: g("TexCoord").outputs["Generated"]}).outputs[2]
    tint = g.ramp(height, [(0.0, m.rgb(low)), (0.5, m.rgb(high))])
    light = g("Background", {"Color": tint, "Strength": strength}).outputs[0]
    g("OutputWorld", {"Surface": light})


def leafage(color: str, other: str) -> Material:
    """Leaves that glow where the sun is behind them."""
    g = m.Graph()
    tint = g.mix(g("ObjectInfo").outputs["Random"], m.rgb(color), m.rgb(other))
    front = g("BsdfDiffuse", {"Color": tint}).outputs[0]
    through = g("BsdfTranslucent", {"Color": g.mix(0.4, tint, m.rgb("#c9c94a"))}).outputs[0]
    return g.done(g("MixShader", {0: 0.45, 1: front, 2: through}).outputs[0])


def bark() -> Material:
    g = m.Graph()
    where = g.where((1, 1, 0.28))
    tint = g.ramp(
        g.noise(where, 9, 6, 0.65), [(0.3, m.rgb("#2f2a22")), (0.55, m.rgb("#6a6152")), (0.8, m.rgb("#8f8672"))]
    )
    height = g("SeparateXYZ", {0: g("NewGeometry").outputs["Position"]}).outputs[2]
    moss = g.math(
        "MULTIPLY", g.ramp(g.noise(where, 3, 5), [(0.4, 0.0), (0.6, 1.0)]), g.ramp(height, [(0.3, 0.9), (1.0, 0.25)])
    )
    tint = g.mix(moss, tint, m.rgb("#56642a"))
    return g.done(g.surface(Base_Color=tint, Roughness=0.95, Normal=g.bump(g.noise(where, 26, 6, 0.7), 1.0, 0.03)))


def lie(x: float, y: float) -> float:
    """Return the height of the ground: a path in the middle, banks beside it."""
    bumps = 0.5 * noise.fractal(Vector((x * 0.16, y * 0.16, 3.0)), 1.0, 2.0, 3) + 0.05 * noise.noise(
        Vector((x * 1.3, y * 1.3, 0))
    )
    side = abs(x - bend(y))
    return bumps * min(1.0, side / 2.5) + 0.10 * min(side, 6.0) - 0.15


def bend(y: float) -> float:
    """Return where the path runs."""
    return 0.9 * math.sin(y / 11.0) + 0.02 * y


def ground(rng: np.random.Generator) -> None:
    g = m.Graph()
    where = g.where(shared=True)
    litter = g.ramp(
        g.noise(where, 24, 6, 0.7), [(0.3, m.rgb("#33241a")), (0.5, m.rgb("#6b4a2e")), (0.68, m.rgb("#a87a48"))]
    )
    green = g.ramp(g.noise(where, 0.8, 5, 0.6), [(0.46, 0.0), (0.62, 0.8)])
    tint = g.mix(green, litter, m.rgb("#4f6428"))
    earth = g.done(g.surface(Base_Color=tint, Roughness=1.0, Normal=g.bump(g.noise(where, 30, 6, 0.7), 1.0, 0.04)))

    def where_at(u: float, v: float) -> tuple[float, float, float]:
        x, y = (u - 0.5) * 110, -3 + 100 * v * v
        return (x, y, lie(x, y))

    sheet(where_at, 260, 200, earth)


def trees(rng: np.random.Generator, leaves: list[Material]) -> None:
    wood, stems = bark(), []
    for k in range(7):
        stems.append(trunk(rng, wood, 9.0 * k))
    spray = [branch(rng, material, 0.9) for material in leaves for _ in range(3)]
    fixed = [
        (-2.3, 5.2, 0.21),
        (2.75, 6.3, 0.26),
        (-3.9, 8.0, 0.3),
        (4.6, 9.6, 0.24),
        (-1.9, 12.5, 0.2),
        (2.4, 15.0, 0.25),
    ]
    spots = list(fixed)
    while len(spots) < 170:
        y = 8 + (REACH - 8) * rng.random() ** 0.8
        x = rng.uniform(-0.75, 0.75) * (y + 6)
        if abs(x - bend(y)) > 1.7 and all((x - a) ** 2 + (y - b) ** 2 > 2.2 for a, b, _ in spots):
            spots.append((x, y, rng.uniform(0.1, 0.27)))
    for x, y, radius in spots:
        lean = (*rng.normal(0, 0.03, 2), rng.uniform(0, 6.28))
        place(stems[int(rng.integers(7))], (x, y, lie(x, y) - 0.1), lean, (radius, radius, rng.uniform(0.85, 1.15)))
        low = rng.uniform(1.9, 3.4)
        for _ in range(int(rng.integers(26, 40))):
            away, turn = rng.uniform(0.3, 2.6), rng.uniform(0, 6.28)
            z = low + (8.0 + 0.12 * y) * rng.random() ** 1.3
            spot = (x + away * math.cos(turn), y + away * math.sin(turn), z)
            if spot[1] > 3.0:
                place(
                    spray[int(rng.integers(9))],
                    spot,
                    (rng.normal(-0.15, 0.3), rng.normal(0, 0.25), turn),
                    rng.uniform(0.9, 1.9),
                )
    for _ in range(26):  # twigs of trees beside the camera hang into the upper corners
        side = -1 if rng.random() < 0.5 else 1
        spot = (side * rng.uniform(1.1, 2.6), rng.uniform(3.0, 4.5), rng.uniform(2.35, 3.1))
        place(
            spray[int(rng.integers(9))], spot, (rng.normal(-0.4, 0.2), 0, rng.uniform(0, 6.28)), rng.uniform(0.5, 0.8)
        )


def trunk(rng: np.random.Generator, wood: Material, seed: float) -> bpy.types.Mesh:
    """A stem of radius 1 at its foot and 20 m high, to be scaled in width."""
    around, rows, points = 20, 60, []
    for j in range(rows + 1):
        z = 20 * (j / rows) ** 1.6
        middle = (
            Vector((noise.noise(Vector((seed, z * 0.16, 0))), noise.noise(Vector((seed + 9, z * 0.16, 0))), 0)) * 0.9
        )
        flare = 0.55 * math.exp(-z / 0.35) + 0.95 - 0.022 * z
        for k in range(around):
            a = 2 * math.pi * k / around
            side = Vector((math.cos(a), math.sin(a), 0))
            uneven = (
                1
                + 0.16 * noise.noise(side * 1.5 + Vector((seed, 0, z * 0.5)))
                + 0.05 * noise.noise(side * 5 + Vector((0, seed, z * 2)))
            )
            spot = middle + side * flare * uneven
            points.append((spot.x, spot.y, z))
    faces = [
        (j * around + k, j * around + (k + 1) % around, (j + 1) * around + (k + 1) % around, (j + 1) * around + k)
        for j in range(rows)
        for k in range(around)
    ]
    return mesh(points, faces, wood, smooth=True)


LEAF = np.array(
    [
        (0, 0, 0),
        (0.3, 0.35, 0.05),
        (0, 0.5, 0),
        (-0.3, 0.35, 0.05),
        (0.22, 0.72, 0.0),
        (0, 1, -0.12),
        (-0.22, 0.72, 0.0),
    ]
)
LEAF_FACES = [(0, 1, 2), (0, 2, 3), (1, 4, 2), (2, 4, 5), (2, 5, 6), (2, 6, 3)]


def many(spots: list[tuple[np.ndarray, Euler, float]], material: Material, narrow: float = 1.0) -> bpy.types.Mesh:
    """Return one mesh of many leaves, each a place, a turn and a length."""
    points, faces = [], []
    for spot, turn, long in spots:
        matrix = np.array(turn.to_matrix())
        first = len(points)
        points.extend((LEAF * (narrow, 1, 1) * long) @ matrix.T + spot)
        faces.extend(tuple(first + k for k in face) for face in LEAF_FACES)
    return mesh(points, faces, material, smooth=True)


def branch(rng: np.random.Generator, material: Material, size: float) -> bpy.types.Mesh:
    """A fan of twigs with leaves in one layer, as beeches hold them to the light."""
    spots = []
    for _ in range(9):
        turn = rng.uniform(-1.1, 1.1)
        long = size * rng.uniform(0.5, 1.1)
        for u in np.linspace(0.15, 1, 12):
            away = long * u
            spot = np.array([away * math.sin(turn), away * math.cos(turn), -0.16 * away**2 + rng.normal(0, 0.05)])
            leaf_turn = Euler(
                (rng.normal(-0.3, 0.35), rng.normal(0, 0.35), -turn + rng.choice([-0.8, 0.8]) + rng.normal(0, 0.3))
            )
            spots.append((spot, leaf_turn, rng.uniform(0.07, 0.12)))
    return many(spots, material)


def undergrowth(rng: np.random.Generator, leaves: list[Material]) -> None:
    """Ferns, grass and seedlings on the banks, and fallen leaves on the path."""
    ferns = [fern(rng, leaves[k % 2]) for k in range(4)]
    tufts = [grass(rng, leaves[k % 3]) for k in range(4)]
    dry = m.plain("#9c6a3a", 0.9)
    fallen = [
        many(
            [
                (
                    np.array([*rng.normal(0, 0.25, 2), 0.02]),
                    Euler((*rng.normal(0, 0.4, 2), rng.uniform(0, 6.28))),
                    0.07,
                )
                for _ in range(24)
            ],
            dry,
        )
        for _ in range(3)
    ]
    for shapes, count, gap, size in ((ferns, 420, 1.1, 1.0), (tufts, 2600, 0.75, 1.0), (fallen, 500, 0.0, 1.0)):
        for _ in range(count):
            y = 2.5 + 45 * rng.random() ** 1.7
            x = bend(y) + rng.choice([-1, 1]) * (gap + rng.exponential(0.18 * y + 1.5) if gap else rng.uniform(0, 4))
            if abs(x) < 0.75 * y + 2:
                place(
                    shapes[int(rng.integers(len(shapes)))],
                    (x, y, lie(x, y)),
                    (0, 0, rng.uniform(0, 6.28)),
                    size * rng.uniform(0.6, 1.25),
                )


def fern(rng: np.random.Generator, material: Material) -> bpy.types.Mesh:
    spots = []
    for k in range(10):
        turn, long, arch = 0.63 * k + rng.uniform(-0.2, 0.2), rng.uniform(0.5, 0.8), rng.uniform(0.8, 1.3)
        for u in np.linspace(0.15, 1, 22):
            away, up = long * 0.85 * u, long * (arch * u - 0.95 * u * u)
            spot = np.array([away * math.cos(turn), away * math.sin(turn), up])
            for side in (-1, 1):
                wide = 0.2 * long * math.sin(math.pi * min(1.0, 0.12 + u)) + 0.02
                spots.append((spot, Euler((-0.25, 0, turn - math.pi / 2 + side * 1.25)), wide))
    return many(spots, material, 0.45)


def grass(rng: np.random.Generator, material: Material) -> bpy.types.Mesh:
    spots = []
    for _ in range(40):
        spot = np.array([*rng.normal(0, 0.09, 2), 0.0])
        spots.append((spot, Euler((rng.uniform(0.7, 1.4), 0, rng.uniform(0, 6.28))), rng.uniform(0.12, 0.34)))
    return many(spots, material, 0.06)


def haze(distance: float, color: str, sunny: str) -> None:
    """Put haze before everything: it thickens with the distance, and is brighter where the sun comes from.

    Source: exponential extinction (Beer-Lambert), `distance` in metres being where a part 1/e is still seen.
    """
    for material in bpy.data.materials:
        material.cycles.emission_sampling = "NONE"  # or every leaf would be a lamp, and the search for lamps long
        g = m.Graph(material.node_tree)
        out = next(node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
        surface = out.inputs["Surface"].links[0].from_socket
        behind = g.math("MAXIMUM", g.math("SUBTRACT", g("CameraData").outputs["View Distance"], CLEAR), 0.0)
        seen = g.math("EXPONENT", g.math("DIVIDE", behind, -distance))
        from_sun = g("VectorMath", {0: g("TexCoord").outputs["Window"], 1: SUN_SEEN}, operation="DISTANCE")
        tint = g.ramp(from_sun.outputs["Value"], [(0.0, m.rgb(sunny)), (0.6, m.rgb(color))])
        glow = g("Emission", {"Color": tint, "Strength": 0.95}).outputs[0]
        mixed = g("MixShader", {0: seen, 1: glow, 2: surface}).outputs[0]
        material.node_tree.links.new(mixed, out.inputs["Surface"])
