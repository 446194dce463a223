"""Materials: plaster, wood, brick, cloth, leather, leaves and the rest, all from noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import bpy  # pyright: ignore[reportMissingImports]

Material: TypeAlias = bpy.types.Material


def rgb(text: str) -> tuple[float, float, float, float]:
    """Return #RRGGBB as linear light, with an alpha of 1.

    Source: the sRGB transfer function, IEC 61966-2-1.
    """
    values = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return (red, green, blue, 1.0)


class Graph:
    """A material in the making. Call it to add a node; an input may be a value or another node's output."""

    def __init__(self, tree: Any = None) -> None:
        """Begin a material, or go on with the node tree of one."""
        self.material = None
        if tree is None:
            self.material = bpy.data.materials.new("material")
            self.material.use_nodes = True
            tree = self.material.node_tree
            tree.nodes.clear()
        self._tree = tree

    def __call__(self, kind: str, inputs: Mapping[Any, Any] | None = None, **settings: Any) -> Any:
        node = self._tree.nodes.new("ShaderNode" + kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self._tree.links.new(value, node.inputs[name])
            else:
                node.inputs[name].default_value = value
        return node

    def mix(self, amount: Any, a: Any, b: Any, how: str = "MIX") -> Any:
        return self("Mix", {0: amount, 6: a, 7: b}, data_type="RGBA", blend_type=how).outputs[2]

    def math(self, how: str, a: Any, b: Any = 0.0) -> Any:
        return self("Math", {0: a, 1: b}, operation=how).outputs[0]

    def ramp(self, value: Any, stops: Sequence[tuple[float, Any]]) -> Any:
        node = self("ValToRGB", {"Fac": value})
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position = position
            element.color = color if isinstance(color, tuple) else (color, color, color, 1)
        return node.outputs["Color"]

    def where(self, stretch: Sequence[float] = (1, 1, 1), shared: bool = False) -> Any:
        """Return coordinates: each thing's own, moved by chance so that no two have the same grain."""
        source = self("TexCoord").outputs["Object"]
        if not shared:
            chance = self.math("MULTIPLY", self("ObjectInfo").outputs["Random"], 37.0)
            source = self("VectorMath", {0: source, 1: chance}, operation="ADD").outputs[0]
        return self("Mapping", {"Vector": source, "Scale": stretch}).outputs[0]

    def noise(self, where: Any, scale: float, detail: float = 4, roughness: float = 0.55, distortion: float = 0) -> Any:
        inputs = {"Vector": where, "Scale": scale, "Detail": detail, "Roughness": roughness, "Distortion": distortion}
        return self("TexNoise", inputs).outputs["Fac"]

    def bump(self, height: Any, strength: float, distance: float = 0.01) -> Any:
        return self("Bump", {"Height": height, "Strength": strength, "Distance": distance}).outputs[0]

    def surface(self, **inputs: Any) -> Any:
        named = {name.replace("_", " "): value for name, value in inputs.items() if value is not None}
        return self("BsdfPrincipled", named).outputs[0]

    def done(self, shader: Any) -> Material:
        self("OutputMaterial", {"Surface": shader})
        return self.material


def plaster(color: str, relief: float = 0.12) -> Material:
    """A painted wall: flat, with the orange peel that a roller leaves and clouds too faint to see as such."""
    g = Graph()
    where = g.where(shared=True)
    tint = g.mix(
        g.ramp(g.noise(where, 0.9, 3), [(0.3, 0.0), (0.7, 1.0)]), rgb(color), (*[0.93 * c for c in rgb(color)[:3]], 1)
    )
    height = g.noise(where, 160, 3)
    return g.done(g.surface(Base_Color=tint, Roughness=0.85, Normal=g.bump(height, relief, 0.002)))


def wood(dark: str, light: str, along: int = 0, gloss: float = 0.42, coarse: float = 1.0) -> Material:
    """Sawn wood; `along` is the axis of the grain."""
    g = Graph()
    stretch, fine = [9.0 * coarse] * 3, [90.0] * 3
    stretch[along], fine[along] = 0.55 * coarse, 2.2
    rings = g.noise(g.where(tuple(stretch)), 1.0, 5, 0.6, 1.1)
    fibre = g.noise(g.where(tuple(fine)), 1.0, 3, 0.6)
    own = g.math("MULTIPLY", g("ObjectInfo").outputs["Random"], 0.22)
    amount = g.math("ADD", g.math("MULTIPLY", rings, 0.9), g.math("SUBTRACT", own, 0.06))
    body = g.ramp(amount, [(0.28, rgb(dark)), (0.5, rgb(light)), (0.58, rgb(dark)), (0.75, rgb(light))])
    body = g.mix(g.ramp(fibre, [(0.35, 0.35), (0.6, 0.0)]), body, rgb(dark))
    shine = g.math("ADD", g.math("MULTIPLY", fibre, 0.25), gloss - 0.12)
    return g.done(g.surface(Base_Color=body, Roughness=shine, Normal=g.bump(fibre, 0.15, 0.002)))


def cloth(color: str, weave: float = 420, fuzz: float = 0.25, second: str | None = None) -> Material:
    g = Graph()
    where = g.where()
    threads = g.noise(where, weave, 2, 0.7)
    other = rgb(second) if second else (*[0.72 * c for c in rgb(color)[:3]], 1)
    tint = g.mix(g.ramp(threads, [(0.35, 0.0), (0.65, 1.0)]), rgb(color), other)
    worn = g.ramp(g.noise(where, 5, 4), [(0.3, 0.86), (0.7, 1.06)])
    tint = g.mix(1.0, tint, worn, "MULTIPLY")
    shader = g.surface(
        Base_Color=tint, Roughness=0.9, Sheen_Weight=fuzz, Sheen_Roughness=0.5, Normal=g.bump(threads, 0.5, 0.003)
    )
    return g.done(shader)


def leather(color: str) -> Material:
    g = Graph()
    where = g.where()
    worn = g.ramp(g.noise(where, 3.5, 5), [(0.3, rgb(color)), (0.75, (*[min(1, 1.7 * c) for c in rgb(color)[:3]], 1))])
    cells = g("TexVoronoi", {"Vector": where, "Scale": 190.0}, feature="F1").outputs["Distance"]
    crease = g.noise(where, 14, 6, 0.65, 0.8)
    height = g.math("ADD", cells, g.math("MULTIPLY", crease, 1.6))
    return g.done(g.surface(Base_Color=worn, Roughness=0.42, Normal=g.bump(height, 0.35, 0.003)))


def tinted(roughness: float = 0.6, coat: float = 0.0) -> Material:
    """What has the colour of the thing it is on: the covers of books."""
    g = Graph()
    base = g("ObjectInfo").outputs["Color"]
    where = g.where()
    rubbed = g.ramp(g.noise(where, 30, 5), [(0.3, 0.75), (0.7, 1.1)])
    tint = g.mix(1.0, base, rubbed, "MULTIPLY")
    height = g.noise(where, 700, 2)
    return g.done(g.surface(Base_Color=tint, Roughness=roughness, Coat_Weight=coat, Normal=g.bump(height, 0.2, 0.001)))


def plain(color: str, roughness: float = 0.5, metal: float = 0.0, coat: float = 0.0) -> Material:
    """Paint, ceramics, metal, paper: one colour, a little uneven in its shine."""
    g = Graph()
    shine = g.math("ADD", g.math("MULTIPLY", g.noise(g.where(), 25, 4), 0.2), roughness - 0.1)
    return g.done(g.surface(Base_Color=rgb(color), Roughness=shine, Metallic=metal, Coat_Weight=coat))


def stoneware(color: str, glaze: str) -> Material:
    g = Graph()
    where = g.where()
    flecks = g.ramp(g.noise(where, 120, 2, 0.7), [(0.62, 0.0), (0.7, 1.0)])
    clouds = g.ramp(g.noise(where, 6, 4), [(0.35, rgb(color)), (0.65, rgb(glaze))])
    tint = g.mix(flecks, clouds, rgb("#5a4a3a"))
    return g.done(g.surface(Base_Color=tint, Roughness=0.45, Coat_Weight=0.15))


def brick() -> Material:
    """One brick of a wall: fired red to brown, its hue by chance."""
    g = Graph()
    where = g.where()
    own = g("ObjectInfo").outputs["Random"]
    stops = [(0, "#6b4234"), (0.25, "#85513f"), (0.5, "#976450"), (0.72, "#774a3c"), (0.9, "#a67c64"), (1, "#57392f")]
    tint = g.ramp(own, [(p, rgb(c)) for p, c in stops])
    clouds = g.ramp(g.noise(where, 14, 5, 0.65), [(0.3, 0.66), (0.7, 1.2)])
    tint = g.mix(1.0, tint, clouds, "MULTIPLY")
    lime = g.ramp(g.noise(where, 22, 6, 0.7), [(0.52, 0.0), (0.75, 0.6)])
    tint = g.mix(lime, tint, rgb("#c9b8a6"))
    pits = g.noise(where, 70, 6, 0.7)
    return g.done(g.surface(Base_Color=tint, Roughness=0.92, Normal=g.bump(pits, 0.8, 0.006)))


def mortar(color: str = "#a79c8f") -> Material:
    g = Graph()
    where = g.where(shared=True)
    tint = g.mix(
        g.ramp(g.noise(where, 9, 6), [(0.3, 0.0), (0.7, 1.0)]), rgb(color), (*[0.6 * c for c in rgb(color)[:3]], 1)
    )
    return g.done(g.surface(Base_Color=tint, Roughness=0.95, Normal=g.bump(g.noise(where, 90, 5), 0.9, 0.006)))


def leaf(color: str, back: str, gloss: float = 0.38, through: float = 0.18) -> Material:
    """A leaf, through which some light comes."""
    g = Graph()
    own = g("ObjectInfo").outputs["Random"]
    tint = g.mix(own, rgb(color), rgb(back))
    tint = g.mix(
        g.ramp(g.noise(g.where(), 12, 3), [(0.3, 0.0), (0.7, 0.5)]), tint, (*[0.6 * c for c in rgb(color)[:3]], 1)
    )
    front = g.surface(Base_Color=tint, Roughness=gloss, Specular_IOR_Level=0.4)
    light = g("BsdfTranslucent", {"Color": g.mix(0.35, tint, rgb("#a9b050"))}).outputs[0]
    return g.done(g("MixShader", {0: through, 1: front, 2: light}).outputs[0])


def sheer(color: str, through: float = 0.55, clear: float = 0.12) -> Material:
    """Curtain or lampshade cloth that lets the light through."""
    g = Graph()
    threads = g.ramp(g.noise(g.where((1, 1, 0.25)), 260, 2, 0.7), [(0.3, 0.88), (0.7, 1.0)])
    tint = g.mix(1.0, rgb(color), threads, "MULTIPLY")
    front = g("BsdfDiffuse", {"Color": tint}).outputs[0]
    back = g("BsdfTranslucent", {"Color": tint}).outputs[0]
    both = g("MixShader", {0: through, 1: front, 2: back}).outputs[0]
    hole = g("BsdfTransparent").outputs[0]
    return g.done(g("MixShader", {0: clear, 1: both, 2: hole}).outputs[0])


def glow(color: str, strength: float) -> Material:
    g = Graph()
    return g.done(g("Emission", {"Color": rgb(color), "Strength": strength}).outputs[0])


def glass() -> Material:
    """A thin pane: mirrors a little, and lets light and shadows through."""
    g = Graph()
    mirror = g("BsdfGlossy", {"Roughness": 0.02}).outputs[0]
    amount = g("Fresnel", {"IOR": 1.35}).outputs[0]
    return g.done(g("MixShader", {0: amount, 1: g("BsdfTransparent").outputs[0], 2: mirror}).outputs[0])


def painting(colors: Sequence[str], scale: float = 2.0, seed: float = 0.0, hills: float = 0.0) -> Material:
    """An abstract print: fields of colour with hand-cut edges, or layers of them as of a landscape `hills` m high."""
    g = Graph()
    moved = g("VectorMath", {0: g.where((1, 1, 1.6), shared=True), 1: (seed, seed, seed)}, operation="ADD").outputs[0]
    value = g.noise(moved, scale, 1.5, 0.45, 0.6)
    if hills:
        height = g("SeparateXYZ", {0: g.where(shared=True)}).outputs[2]
        level = g.math("ADD", g.math("MULTIPLY", height, -0.36 / hills), 0.68)
        value = g.math("ADD", level, g.math("MULTIPLY", g.math("SUBTRACT", value, 0.5), 0.42))
    step = 0.36 / len(colors)
    stops = []
    for k, color in enumerate(colors):
        stops += [(0.32 + k * step, rgb(color)), (0.32 + (k + 0.9) * step, rgb(color))]
    paper = g.ramp(g.noise(moved, 220, 2), [(0.3, 0.93), (0.7, 1.0)])
    return g.done(g.surface(Base_Color=g.mix(1.0, g.ramp(value, stops), paper, "MULTIPLY"), Roughness=0.8))


def outdoors(strength: float, low: str = "#5f7a4a", high: str = "#dfeaf2", edge: float = 0.0) -> Material:
    """What stands before a window, overexposed as it is in a photograph: trees, and the sky above `edge`."""
    g = Graph()
    where = g.where(shared=True)
    height = g("SeparateXYZ", {0: where}).outputs[2]
    clumps = g.noise(where, 0.9, 5, 0.6)
    line = g.math("ADD", g.math("SUBTRACT", height, edge), g.math("MULTIPLY", g.math("SUBTRACT", clumps, 0.5), 4.0))
    leaves = g.ramp(g.noise(where, 3.0, 5, 0.65), [(0.35, (*[0.45 * c for c in rgb(low)[:3]], 1)), (0.65, rgb(low))])
    tint = g.mix(g.ramp(line, [(0.35, 0.0), (0.65, 1.0)]), leaves, rgb(high))
    return g.done(g("Emission", {"Color": tint, "Strength": strength}).outputs[0])
