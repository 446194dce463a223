"""Clips of people with things in their hands in rooms that are known empty, made of clips with known alpha.

People are cut from clips with known alpha and set into photographs of rooms, with drawn things that move with them: a
guitar, a mug, a phone, or a chair behind them that stays. Each room is given as its camera saw it before (the plate);
during the clip the exposure drifts, a screen far away changes, the person casts a soft shadow, and the camera may have
been nudged. Every frame has sensor noise and passes through JPEG.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from halves import half_of

ROOT = Path(__file__).resolve().parent.parent

# Size of the frames, width and height in pixels.
SIZE = (1280, 720)
# Drift of the exposure of each channel, share; that of a webcam whose automatic exposure settles.
DRIFT = 0.05
# Deviation of the sensor's noise at black and at white, of 255; about that of a webcam in a lit room.
NOISE = (1.5, 3.5)
# Quality of JPEG, of 100.
JPEG_QUALITY = 85
# Nudge of the camera: pixels across and down, degrees.
NUDGE = (3.4, -2.2, 0.15)
# Brightness of the person's shadow on the room, share.
SHADOW = 0.8
THINGS = ("guitar", "mug", "phone", "chair", "nothing")

# People by half: the folder and the name of the clip, its first and last frame, its height as a share of the frame's,
# and the row in which things are held, as a share of the person.
_PEOPLE = {
    "choose": (
        ("groundtruth/dancer_park", 8, 60, 1.0, 0.5),
        ("groundtruth/portrait_porch", 4, 44, 0.9, 0.82),
        ("groundtruth_harder/two_dancers", 10, 58, 1.0, 0.5),
    ),
    "report": (
        ("groundtruth/dancer_office", 4, 58, 1.0, 0.5),
        ("groundtruth/portrait_porch", 46, 76, 0.95, 0.82),
        ("groundtruth_harder/far_dancer", 4, 58, 1.0, 0.5),
    ),
}
_ROOMS = {
    "choose": ("1_studio", "7_livingroom", "6_library", "wall", "shelf"),
    "report": ("2_office", "8_loft", "5_stage", "plaster", "tiles"),
}
# Rows at the end of a clip that are not used.
_BLACK_ROWS = 14
# Colours of drawn walls, BGR.
_WALLS = {"wall": (185, 195, 200), "shelf": (150, 170, 190), "plaster": (205, 200, 190), "tiles": (170, 160, 150)}


@dataclass(frozen=True)
class SceneFrame:
    """One frame and its truth.

    Attributes:
        image: uint8 (H, W, 3).
        alpha: The person and the thing, float32 (H, W).
        person: The person alone.
        thing: The thing, without what the person covers of it.
    """

    image: np.ndarray
    alpha: np.ndarray
    person: np.ndarray
    thing: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A person with a thing in a room.

    Attributes:
        name: The person, the thing and the room.
        plate: The room before, uint8 (H, W, 3).
        folder: The clip of the person.
        first, last: Its frames.
        height: The height of the clip in the frame, share.
        hands: The row in which the thing is held, share of the person.
        thing: One of THINGS.
        room: The room as a picture, uint8 (H, W, 3).
        nudged: Whether the camera stands otherwise than before.
        seed: Of the noise and of the movement.
    """

    name: str
    plate: np.ndarray
    folder: Path
    first: int
    last: int
    height: float
    hands: float
    thing: str
    room: np.ndarray
    nudged: bool
    seed: int

    def frames(self, step: int = 1) -> Iterator[SceneFrame]:
        """Yield every `step`-th frame."""
        random = np.random.default_rng(self.seed)
        for number, (color, person) in enumerate(_people(self.folder, self.first, self.last, self.height)):
            if not number % step:
                yield _compose(self, color, person, number, random)


def scenes(shared: Path, half: str) -> Iterator[Scene]:
    """Yield the scenes of a half: every person with every thing, in rooms in turn, every other one nudged."""
    rooms, count = _ROOMS[half], 0
    for (clip, first, last, height, hands), thing in itertools.product(_PEOPLE[half], THINGS):
        assert half_of(clip, first) == half
        # A step that differs from person to person, or each thing would always be in the same room.
        name, count = rooms[(count + count // len(THINGS) * 2) % len(rooms)], count + 1
        room = _room(name)
        random = np.random.default_rng(count)
        # A plate is the mean of some frames.
        plate = _photograph(np.mean([_add_noise(room, random) for _ in range(8)], axis=0), 95)
        label = f"{clip.split('/')[1]} {thing} {name}{' nudged' if count % 2 else ''}"
        yield Scene(label, plate, shared / clip, first, last, height, hands, thing, room, bool(count % 2), count)


def _people(folder: Path, first: int, last: int, height: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the colours and the alpha of the people of a clip in a frame's size, float32."""
    pictures, mattes = cv2.VideoCapture(str(folder / "input.mp4")), cv2.VideoCapture(str(folder / "alpha.mkv"))
    for number in itertools.count():
        is_there, picture = pictures.read()
        if not is_there or number > last:
            return
        matte = mattes.read()[1]
        if number >= first:
            alpha = matte[..., 0].astype(np.float32) / 255
            # The last rows of some clips are black; the person goes on beyond the frame.
            picture, alpha = (
                cv2.copyMakeBorder(each[:-_BLACK_ROWS], 0, _BLACK_ROWS, 0, 0, cv2.BORDER_REPLICATE)
                for each in (picture, alpha)
            )
            yield _place(_own_colors(picture.astype(np.float32), alpha), height), _place(alpha, height)


def _own_colors(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the person's colours, continued beyond the edge from where nothing else shows."""
    sure = (alpha > 0.97).astype(np.float32)
    out, known = picture * sure[..., None], sure.copy()
    for size in (5, 9, 17, 33, 65):
        total = cv2.blur(known, (size, size))
        mean = cv2.blur(out, (size, size)) / (total[..., None] + 1e-6)
        fill = (known == 0) & (total > 1e-3)
        out[fill], known[fill] = mean[fill], 1
    return out


def _place(picture: np.ndarray, height: float) -> np.ndarray:
    """Return a picture at the bottom in the middle of a frame."""
    scale = SIZE[1] * height / picture.shape[0]
    matrix = np.array([[scale, 0, (SIZE[0] - scale * picture.shape[1]) / 2], [0, scale, SIZE[1] * (1 - height)]])
    return cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_CUBIC)


def _compose(
    scene: Scene, color: np.ndarray, person: np.ndarray, number: int, random: np.random.Generator
) -> SceneFrame:
    person = np.clip(person, 0, 1)
    room = _change_screen(scene.room.astype(np.float32), number)
    room = _cast_shadow(room, person)
    layer, thing = _draw_thing(scene, person, number)
    if scene.thing == "chair":
        picture = _blend(_blend(room, layer, thing), color, person)
        thing = thing * (1 - person)
    else:
        picture = _blend(_blend(room, color, person), layer, thing)
    alpha = 1 - (1 - person) * (1 - thing)
    own = person * (1 - thing) if scene.thing != "chair" else person
    if scene.nudged:
        across, down, degrees = NUDGE
        matrix = cv2.getRotationMatrix2D((SIZE[0] / 2, SIZE[1] / 2), degrees, 1)
        matrix[:, 2] += across, down
        picture = cv2.warpAffine(picture, matrix, SIZE, borderMode=cv2.BORDER_REFLECT_101)
        alpha, own, thing = (cv2.warpAffine(each, matrix, SIZE) for each in (alpha, own, thing))
    gain = 1 + DRIFT * np.sin(number / 15 + np.array([0.0, 0.7, 1.4]) + scene.seed)
    image = _photograph(_add_noise(picture * gain, random), JPEG_QUALITY)
    return SceneFrame(image, alpha, own, thing)


def _blend(behind: np.ndarray, front: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return behind + alpha[..., None] * (front - behind)


def _photograph(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture as a camera's JPEG gives it."""
    image = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert read is not None
    return read


def _add_noise(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    deviation = NOISE[0] + (NOISE[1] - NOISE[0]) * np.sqrt(np.clip(picture, 0, 255) / 255)
    # Cameras smooth their noise: it is a little coarser than a pixel.
    noise = cv2.GaussianBlur(random.standard_normal(picture.shape, np.float32), (0, 0), 0.6) * 2.1
    return picture + deviation * noise


def _change_screen(room: np.ndarray, number: int) -> np.ndarray:
    """Let a screen at the upper left change, and a door at the right open."""
    height, width = room.shape[:2]
    left, top, right, bottom = (
        round(s * n) for s, n in zip((0.03, 0.06, 0.17, 0.22), (width, height) * 2, strict=True)
    )
    shade = 60 + 50 * np.sin(number / 4 + np.array([0.0, 2.0, 4.0]))
    out = room.copy()
    out[top:bottom, left:right] = shade
    gap = round(width * 0.05 * min(1.0, number / 20))
    out[round(0.2 * height) :, width - gap :] = 35
    return out


def _cast_shadow(room: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Darken the room softly beside the person."""
    moved = cv2.warpAffine(person, np.array([[1, 0, 0.045 * SIZE[0]], [0, 1, 0.02 * SIZE[1]]], np.float32), SIZE)
    soft = cv2.GaussianBlur(moved, (0, 0), SIZE[1] / 45)
    return room * (1 - (1 - SHADOW) * soft[..., None])


def _draw_thing(scene: Scene, person: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours, float32 (H, W, 3), and the alpha of a thing that a person holds or sits on."""
    alpha = np.zeros(SIZE[::-1], np.float32)
    layer = np.zeros((*SIZE[::-1], 3), np.float32)
    rows, columns = np.nonzero(person > 0.5)
    if scene.thing == "nothing" or not len(rows):
        return layer, alpha
    top, bottom = int(rows.min()), int(rows.max())
    unit = (bottom - top) / 100
    row = top + scene.hands * (bottom - top)

    def across(row: float) -> np.ndarray:
        return np.quantile(columns[np.abs(rows - row) < 2 * unit], (0.02, 0.5, 0.98))

    swing = np.sin(number / 6 + scene.seed)
    if scene.thing == "guitar":
        shapes = _guitar((across(row)[1], row + 5 * unit), unit, 0.35 + 0.08 * swing)
    elif scene.thing == "mug":
        row -= 6 * unit * swing
        shapes = _mug((across(row)[2] + 1.5 * unit, row), unit)
    elif scene.thing == "phone":
        row += (4 * swing - 8) * unit
        shapes = _phone((across(row)[0] - 1.2 * unit, row), unit, 0.25 * swing)
    else:
        left, middle, right = across(row)
        shapes = _chair(middle, row, right - left, unit)
    for points, shade in shapes:
        mask = np.zeros((2 * SIZE[1], 2 * SIZE[0]), np.uint8)  # at twice the size, for a smooth edge
        cv2.fillPoly(mask, [np.round(2 * points).astype(np.int32)], (255,))
        part = cv2.resize(mask, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        layer = _blend(layer, np.broadcast_to(np.array(shade, np.float32), layer.shape), (part > 0).astype(np.float32))
        alpha = 1 - (1 - alpha) * (1 - part)
    return layer * _grain(scene.seed)[..., None], alpha


def _grain(seed: int) -> np.ndarray:
    """Return streaks like those of wood, float32 (H, W) around 1."""
    noise = np.random.default_rng(seed).standard_normal(SIZE[::-1], np.float32)
    return 1 + 0.8 * cv2.GaussianBlur(noise, (0, 0), 9, sigmaY=1.2)


def _ellipse(centre: Sequence[float] | np.ndarray, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 60)
    points = np.stack([across * np.cos(angle), down * np.sin(angle)], axis=1)
    return points @ _rotation(turn).T + np.asarray(centre)


def _bar(centre: Sequence[float] | np.ndarray, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (across, down)
    return corners @ _rotation(turn).T + np.asarray(centre)


def _rotation(turn: float) -> np.ndarray:
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _guitar(centre: tuple[float, float], unit: float, turn: float) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    way = _rotation(turn) @ (1, 0)
    place = np.asarray(centre)
    return [
        (_bar(place + way * 26 * unit, 18 * unit, 1.4 * unit, turn), (30, 45, 70)),
        (_bar(place + way * 46 * unit, 3.5 * unit, 2.2 * unit, turn), (25, 35, 50)),
        (_ellipse(place - way * 8 * unit, 12 * unit, 11 * unit, turn), (55, 110, 190)),
        (_ellipse(place + way * 6 * unit, 8.5 * unit, 8 * unit, turn), (60, 115, 195)),
        (_ellipse(place, 3.2 * unit, 3.2 * unit), (20, 25, 35)),
    ]


def _mug(centre: tuple[float, float], unit: float) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    x, y = centre
    return [
        (_bar((x + 4 * unit, y), 1.8 * unit, 2.2 * unit), (200, 205, 210)),
        (_bar(centre, 3.2 * unit, 4 * unit), (225, 228, 230)),
        (_bar((x, y + 0.5 * unit), 3.2 * unit, 1 * unit), (140, 70, 40)),
    ]


def _phone(centre: tuple[float, float], unit: float, turn: float) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    return [(_bar(centre, 2.2 * unit, 4.4 * unit, turn), (35, 32, 30))]


def _chair(middle: float, belly: float, wide: float, unit: float) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    # It stands: it does not follow the person from frame to frame by less than a fifth of the frame.
    step = SIZE[0] / 5
    place = round(middle / step) * step
    half = min(max(18 * unit, 0.7 * wide), 0.9 * SIZE[0] - place)
    return [
        (_bar((place, belly + 4 * unit), half, 16 * unit), (70, 60, 50)),
        (_bar((place, belly + 30 * unit), 3 * unit, 14 * unit), (50, 50, 50)),
        (_bar((place, belly - 3 * unit), half * 0.9, 2 * unit), (105, 90, 80)),
    ]


def _room(name: str) -> np.ndarray:
    """Return a room, uint8 (H, W, 3): a shipped picture, or one that is drawn."""
    path = ROOT / "backgrounds" / f"{name}.jpg"
    if path.is_file():
        picture = cv2.imread(str(path))
        assert picture is not None
        scale = max(SIZE[0] / picture.shape[1], SIZE[1] / picture.shape[0])
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return picture[: SIZE[1], : SIZE[0]].copy()
    return _drawn_room(name)


def _drawn_room(name: str) -> np.ndarray:
    width, height = SIZE
    random = np.random.default_rng(len(name))
    base = {"wall": (185, 195, 200), "shelf": (150, 170, 190), "plaster": (205, 200, 190), "tiles": (170, 160, 150)}[
        name
    ]
    light = np.linspace(1.05, 0.75, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 1), np.float32)
    rough = cv2.GaussianBlur(random.standard_normal((height, width), np.float32), (0, 0), 3) * 12
    out = np.array(base, np.float32) * light + rough[..., None]
    if name == "shelf":
        for row in range(3):
            bottom = round(height * (0.25 + 0.28 * row))
            out[bottom : bottom + 10] *= 0.5
            left = 20
            while left < width - 60:
                wide, tall = int(random.integers(14, 46)), int(random.integers(90, 150))
                out[bottom - tall : bottom, left : left + wide] = random.integers(30, 220, 3) * light[0, left]
                left += wide + int(random.integers(0, 8))
    elif name == "tiles":
        out[::80] = out[1::80] = out[2::80] = 110
        out[:, ::120] = out[:, 1::120] = out[:, 2::120] = 110
    elif name == "wall":
        out[: height // 2, 800:1050] = (120, 90, 70)
        out[20 : height // 2 - 20, 820:1030] = (200, 210, 180)
    return np.clip(out, 0, 255).astype(np.uint8)
