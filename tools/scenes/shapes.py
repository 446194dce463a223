"""Shapes to build a scene of: boxes, turned bodies, tubes, sheets, cushions, and the camera and lamps.

Lengths in metres; x to the right, y away from the camera, z up. `at` is the middle of a thing's underside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import bpy  # pyright: ignore[reportMissingImports]
from mathutils import Vector, noise  # pyright: ignore[reportMissingImports]

Point = tuple[float, float, float]
Shape: TypeAlias = bpy.types.Object
Material: TypeAlias = bpy.types.Material


def place(
    data: bpy.types.ID,
    at: Point,
    rotation: Point = (0, 0, 0),
    scale: float | Point = 1.0,
    color: Sequence[float] = (1, 1, 1, 1),
) -> Shape:
    """Put a mesh, curve or lamp into the scene; the same mesh may be placed many times."""
    thing = bpy.data.objects.new(data.name, data)
    thing.location, thing.rotation_euler, thing.color = at, rotation, color
    thing.scale = (scale, scale, scale) if isinstance(scale, int | float) else scale
    bpy.context.collection.objects.link(thing)
    return thing


def mesh(
    points: Sequence[Sequence[float]],
    faces: Sequence[Sequence[int]],
    materials: Material | Sequence[Material],
    slots: Sequence[int] | None = None,
    smooth: bool = False,
) -> bpy.types.Mesh:
    """Return a mesh; `slots` says for every face which of the materials it has."""
    data = bpy.data.meshes.new("mesh")
    data.from_pydata([tuple(point) for point in points], [], [tuple(face) for face in faces])
    for material in materials if isinstance(materials, Sequence) else [materials]:
        data.materials.append(material)
    if slots is not None:
        data.polygons.foreach_set("material_index", list(slots))
    if smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(faces))
    data.update()
    return data


BOX_FACES = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]


def box_points(size: Point, at: Point = (0, 0, 0)) -> list[Point]:
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    flat = [(-x, -y), (x, -y), (x, y), (-x, y)]
    return [(at[0] + px, at[1] + py, at[2] + pz) for pz in (0.0, z) for px, py in flat]


def box(
    size: Point,
    at: Point,
    material: Material,
    rotation: Point = (0, 0, 0),
    bevel: float = 0.003,
    color: Sequence[float] = (1, 1, 1, 1),
) -> Shape:
    """A box with edges rounded by `bevel`: no real edge is sharp, and the rounding is what catches the light."""
    thing = place(mesh(box_points(size), BOX_FACES, material), at, rotation, color=color)
    if bevel:
        round_edges(thing, bevel, 3 if bevel > 0.01 else 2)
    return thing


def round_edges(thing: Shape, width: float, segments: int = 2) -> None:
    modifier = thing.modifiers.new("bevel", "BEVEL")
    modifier.width, modifier.segments, modifier.limit_method = width, segments, "ANGLE"
    modifier.harden_normals = False
    thing.data.polygons.foreach_set("use_smooth", [True] * len(thing.data.polygons))
    weighted = thing.modifiers.new("normals", "WEIGHTED_NORMAL")
    weighted.keep_sharp = False


def turned(
    profile: Sequence[tuple[float, float]],
    at: Point,
    material: Material,
    rotation: Point = (0, 0, 0),
    segments: int = 56,
) -> Shape:
    """A body turned on a lathe: `profile` is (radius, height), from bottom to top."""
    points, faces = [], []
    for radius, height in profile:
        for k in range(segments):
            angle = 2 * math.pi * k / segments
            points.append((radius * math.cos(angle), radius * math.sin(angle), height))
    for ring in range(len(profile) - 1):
        for k in range(segments):
            a, b = ring * segments + k, ring * segments + (k + 1) % segments
            faces.append((a, b, b + segments, a + segments))
    return place(mesh(points, faces, material, smooth=True), at, rotation)


def tube(points: Sequence[Point], radius: float, material: Material, taper: Sequence[float] | None = None) -> Shape:
    """A round bar along `points`; `taper` scales the radius at each."""
    curve = bpy.data.curves.new("tube", "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 4, True
    line = curve.splines.new("POLY")
    line.points.add(len(points) - 1)
    for k, point in enumerate(points):
        line.points[k].co = (*point, 1)
        line.points[k].radius = taper[k] if taper else 1.0
    line.use_smooth = True
    curve.materials.append(material)
    return place(curve, (0, 0, 0))


def sheet(
    where: Callable[[float, float], Point],
    columns: int,
    rows: int,
    material: Material,
    at: Point = (0, 0, 0),
    rotation: Point = (0, 0, 0),
) -> Shape:
    """A surface: `where(u, v)`, both from 0 to 1, says where its points lie."""
    points = [where(i / columns, j / rows) for j in range(rows + 1) for i in range(columns + 1)]
    step = columns + 1
    faces = [
        (j * step + i, j * step + i + 1, (j + 1) * step + i + 1, (j + 1) * step + i)
        for j in range(rows)
        for i in range(columns)
    ]
    return place(mesh(points, faces, material, smooth=True), at, rotation)


def cushion(
    size: Point, at: Point, material: Material, rotation: Point = (0, 0, 0), seed: float = 0, puff: float = 0.5
) -> Shape:
    """An upholstered block: full in the middle, drawn in at the seams, never quite even. `at` is its underside."""
    n, points, faces = 22, [], []
    for side in (1, -1):
        first = len(points)
        for j in range(n + 1):
            for i in range(n + 1):
                u, v = 2 * i / n - 1, 2 * j / n - 1
                u, v = math.sin(u * math.pi / 2), math.sin(v * math.pi / 2)
                full = ((1 - abs(u) ** 2.6) * (1 - abs(v) ** 2.6)) ** puff
                pull = 1 - 0.05 * (1 - u * u) * v * v - 0.05 * (1 - v * v) * u * u
                x, y, z = u * size[0] / 2 * pull, v * size[1] / 2 * pull, side * full * size[2] / 2
                wrinkle = noise.noise(Vector((x * 7 + seed, y * 7 + seed, side * 3.1))) * 0.09 * size[2] * full
                points.append((x, y, z + side * wrinkle + size[2] / 2))
        for j in range(n):
            for i in range(n):
                a = first + j * (n + 1) + i
                face = (a, a + 1, a + n + 2, a + n + 1)
                faces.append(face if side == 1 else face[::-1])
    return place(mesh(points, faces, material, smooth=True), at, rotation)


def padded(size: Point, at: Point, material: Material, radius: float = 0.06, rotation: Point = (0, 0, 0)) -> Shape:
    """A firm padded block, as the frame of a sofa."""
    thing = place(mesh(box_points(size), BOX_FACES, material), at, rotation)
    round_edges(thing, radius, 6)
    return thing


def camera(
    at: Point = (0, 0, 1.25),
    view_degrees: float = 62,
    focus: float = 1.3,
    stop: float = 2.4,
    rise: float = 0.0,
    pitch: float = 0.0,
) -> None:
    """Look along +y with upright verticals; `rise` moves the picture up as a shift lens does. Focus in metres."""
    lens = bpy.data.cameras.new("camera")
    lens.sensor_width, lens.angle, lens.shift_y = 36, math.radians(view_degrees), rise
    lens.clip_end = 5000
    lens.dof.use_dof, lens.dof.focus_distance, lens.dof.aperture_fstop = True, focus, stop
    lens.dof.aperture_blades = 0
    bpy.context.scene.camera = place(lens, at, (math.pi / 2 + math.radians(pitch), 0, 0))


def panel_light(size: tuple[float, float], at: Point, toward: Point, watts: float, color: Sequence[float]) -> Shape:
    """A large soft light that the camera does not see, as the sky through a window is."""
    lamp = bpy.data.lights.new("panel", "AREA")
    lamp.shape, lamp.size, lamp.size_y, lamp.energy, lamp.color = "RECTANGLE", *size, watts, color[:3]
    aim = (Vector(toward) - Vector(at)).to_track_quat("-Z", "Y").to_euler()
    thing = place(lamp, at, aim)
    thing.visible_camera = thing.visible_glossy = False
    return thing


def bulb(at: Point, watts: float, color: Sequence[float], radius: float = 0.03) -> Shape:
    lamp = bpy.data.lights.new("bulb", "POINT")
    lamp.energy, lamp.color, lamp.shadow_soft_size = watts, color[:3], radius
    return place(lamp, at)


def sunlight(toward: Point, strength: float, color: Sequence[float], degrees: float = 0.6) -> Shape:
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.color, lamp.angle = strength, color[:3], math.radians(degrees)
    return place(lamp, (0, 0, 10), Vector(toward).to_track_quat("-Z", "Y").to_euler())


def rough(amount: float, scale: float, seed: float) -> Callable[[Point], float]:
    """Return a height in [-amount, amount] about, for a point: several octaves of noise."""

    def height(point: Point) -> float:
        place_ = Vector(point) * scale + Vector((seed, seed * 1.7, seed * 0.3))
        return amount * noise.fractal(place_, 1.0, 2.0, 5)

    return height
