"""GreenScreen: the matte of a person before a screen of one colour."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Box, resample_box
from background_removal.matting.guidance.cells import Cells
from background_removal.matting.guidance.garbage_matte import (
    PersonShape,
    Regions,
    find_inside,
    find_regions,
    measure_person,
)
from background_removal.matting.guidance.keying import cut_noise, solve_weights
from background_removal.matting.guidance.region_means import halve, mean_colors, weigh
from background_removal.matting.guidance.screen_model import Screen, ScreenModel, to_ycc
from background_removal.matting.guidance.screen_shadow import find_shadow, lay_behind
from background_removal.matting.pyramid import Pyramid

log = logging.getLogger(__name__)

# Constants without a source were chosen on the choosing half of benchmarks/green_screens.py; each lies in a flat range.

# Longest side at which the screen and the regions are found, pixels; with 160 the error is a twelfth higher.
_SMALL_SIDE = 320
# Largest part of a frame that is keyed at full size, pixels. Of larger ones half the size is as good: a codec's chroma
# has no more, and there is less noise.
_MAX_PIXELS = 300_000
# Largest part that is keyed at half its size, pixels: all of 1920x1080.
_MAX_HALVED_PIXELS = 2_500_000
# Times that a still may be halved; a large frame of a video may be more often.
_MAX_STILL_LEVEL = 1
# Distance of both sides, standard deviations, at which the network's alpha has the weight of the key's.
_ALIKE = 3.5
# Frames of a video in which the screen may be missing at the start, two seconds: a title, or a fade.
_PATIENCE = 50
# Interval at which a screen is looked for that was not found by then, frames.
_LOOK_AGAIN = 25
# Windows for the person's colour around a pixel, shares of the picture's width.
_WINDOWS = (0.018, 0.05, 0.15)
# Depth inside the network's matte at which a pixel that does not look like the screen is the person's, pixels.
_SURE_DEPTH = 4.5
# Maximum share of the screen's colour in a pixel that has none of the screen in it.
_MAX_OWN_SHARE = 0.12
# Depth at which a pixel shows the person's colour at its best, share of their size; at the rim is light of the screen.
_BEST_DEPTH = 0.07
# Weight of a pixel at the very rim.
_RIM_WEIGHT = 0.01
# Shares of person in a region between which it has no edge, and no light of the screen that shows.
_NO_EDGE = (0.05, 0.95)


class GreenScreen:
    """Keys a screen, with the network's matte as garbage matte.

    Args:
        name: The key as the user named it, for messages.
        hue: Direction of the screen's colour, as `screen_model.hue_of` returns it; None to look for a screen.
        keeps_shadows: Whether shadows on the screen are kept.

    Attributes:
        source: The stream's name for messages; "" for none.
    """

    source = ""

    def __init__(self, name: str, hue: float | None, keeps_shadows: bool = False) -> None:
        self._name = name
        self._is_auto = hue is None
        self._keeps_shadows = keeps_shadows
        self._model = ScreenModel(hue)
        self.begin(still=False, live=False)

    def begin(self, still: bool, live: bool) -> None:
        """Begin a stream."""
        self._still, self._live = still, live
        self._model.begin()
        self._frames = 0
        self._has_found = self._has_reported = False
        self._last: tuple[Matte, Matte] | None = None

    def end(self) -> None:
        """End the stream; a video that was too short to miss the screen is reported now."""
        if self._frames and not self._has_found and not self._has_reported:
            self._report_missing()
        self._last = None
        self._frames = 0
        self._model.begin()

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the keyed matte of the next frame.

        Raises:
            InputError: the colour is nowhere in an image.
        """
        if self._last is not None and self._last[0] is matte:
            return self._last[1]
        self._frames += 1
        if self._frames > _PATIENCE and not self._has_found and self._frames % _LOOK_AGAIN:
            return matte
        level = _level_of(view.size, _SMALL_SIDE)
        small = to_ycc(view.level(level))
        alpha = matte.shrink(small.shape[1], small.shape[0])
        screen = self._model.find(small, alpha)
        self._report(screen)
        keyed = matte if screen is None else self._key(view, matte, level, small, alpha, screen)
        self._last = (matte, keyed)
        return keyed

    def _report(self, screen: Screen | None) -> None:
        """Say once whether the screen was found."""
        self._has_found = self._has_found or screen is not None
        if self._has_reported:
            return
        if self._has_found:
            self._has_reported = True
            if self._is_auto:
                log.info("%s`key` auto: a %s screen was found", self._place, self._model.name)
        elif self._still or self._frames >= _PATIENCE:
            self._has_reported = True
            if self._still and not (self._is_auto or self._live):
                raise InputError(f"`key` {self._name}: no such colour in the picture; leave it out, or use auto")
            self._report_missing()

    @property
    def _place(self) -> str:
        return f"{self.source}: " if self.source else ""

    def _report_missing(self) -> None:
        if self._is_auto:
            log.info("%s`key` auto: no screen was found; the network alone finds the person", self._place)
        else:
            where = "picture" if self._still else "video"
            where = where if self._frames < _PATIENCE else f"first {_PATIENCE} frames"
            problem = f"`key` {self._name}: no such colour in the {where}"
            log.warning("%s%s; the network alone finds the person", self._place, problem)

    def _key(
        self, view: Pyramid, matte: Matte, level: int, small: np.ndarray, alpha: np.ndarray, screen: Screen
    ) -> Matte:
        """Return the keyed matte of a frame.

        Args:
            view: The frame.
            matte: The network's matte.
            level: The level of the frame at which the screen was found.
            small: The frame there, float32 (h, w, 3): luma, Cr and Cb.
            alpha: The network's alpha there, float32 (h, w).
            screen: The screen.
        """
        person = measure_person(alpha)
        inside = find_inside(screen.mask, person)
        front = _person_colors(small, alpha, screen, person, inside)
        if front is None:
            return matte
        weights, distance = solve_weights(screen.colors, screen.light, front)
        share = _apply(cv2.split(_double(weights, small.shape)), cv2.split(small))
        key = cut_noise(share, _double(distance, small.shape))
        regions = find_regions(key, screen.mask, person, inside)
        shadow = None
        if self._keeps_shadows:
            luma = _double(cv2.extractChannel(screen.colors, 0), small.shape)
            shadow = find_shadow(luma, screen.mask, person)
        work = _Work(view, level, regions, shadow, min(level, _MAX_STILL_LEVEL) if self._still else level)
        fields = cv2.merge([*cv2.split(weights), distance, *cv2.split(screen.colors), *cv2.split(front)])
        return work.key(matte, share, key, fields)


class _Work:
    """Keys the part of a frame where the person may be.

    Args:
        view: The frame.
        level: The level of the regions.
        regions: Where person and background are certain.
        shadow: A shadow to keep, float32 (h, w); None for none.
        max_level: Highest level of the frame at which it may be keyed.
    """

    def __init__(self, view: Pyramid, level: int, regions: Regions, shadow: np.ndarray | None, max_level: int) -> None:
        covered = np.maximum(regions.outer, regions.inner)
        if shadow is not None:
            covered = np.maximum(covered, shadow)
        left, top, width, height = cv2.boundingRect((covered > 0).view(np.uint8))
        # In whole squares of two by two small pixels, which the fields have.
        self.left, self.top = left // 2, top // 2
        self.right, self.bottom = (left + max(1, width) + 1) // 2, (top + max(1, height) + 1) // 2
        square = 2 << level
        self.box: Box = (
            self.left * square,
            self.top * square,
            min(view.size[0], self.right * square),
            min(view.size[1], self.bottom * square),
        )
        self.level = 0
        pixels = (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])
        limit = _MAX_PIXELS
        while self.level < max_level and pixels > limit:
            self.level += 1
            limit = _MAX_HALVED_PIXELS << (2 * self.level - 2)
        self.side = square >> self.level
        self._view, self._regions, self._shadow = view, regions, shadow

    def key(self, matte: Matte, share: np.ndarray, key: np.ndarray, fields: np.ndarray) -> Matte:
        """Return the keyed matte.

        Args:
            matte: The network's matte.
            share: Share of person of each small pixel, float32 (h, w).
            key: The alpha of that.
            fields: What varies from region to region, float32 (h / 2, w / 2, 11): weights, distance, and the colours of
                screen and person.
        """
        size = -(-(self.box[2] - self.box[0]) >> self.level), -(-(self.box[3] - self.box[1]) >> self.level)
        image = self._view.crop(self.box, *size)
        known = _squares(np.maximum((key > 0.5) * (self._regions.outer > 0.5), self._regions.inner))
        active = _squares(self._find_active(share, key))
        known, active = (each[self.top : self.bottom, self.left : self.right] for each in (known, active))
        alpha = np.repeat(np.repeat((known > 0.5).astype(np.float32), self.side, axis=0), self.side, axis=1)
        padded = _pad(image, alpha.shape)
        foreground = padded.copy()
        if active.any():
            cells = Cells(active > 0, self.side)
            self._key_cells(cells, matte, padded, fields, alpha, foreground)
        alpha = np.ascontiguousarray(alpha[: size[1], : size[0]])
        foreground = foreground[: size[1], : size[0]]
        if self._shadow is not None:
            alpha, foreground = lay_behind(alpha, foreground, self._enlarge(self._shadow)[: size[1], : size[0]])
        return Matte(alpha, self.box, self._view.size, image, np.ascontiguousarray(foreground), keyed=True)

    def _find_active(self, share: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Return the small pixels that may have an edge, or light of the screen, bool (h, w)."""
        regions = self._regions
        square = np.ones((3, 3), np.uint8)
        is_open = (regions.outer > 0) & ((regions.inner < 1) | (regions.rim > 0))
        mixed = (share > _NO_EDGE[0]) & (share < _NO_EDGE[1]) & is_open
        final = np.maximum(np.minimum(key, regions.outer), regions.inner)
        solid = (final > 0.5).view(np.uint8)
        # One step from background to person, without a mixed pixel.
        mixed |= cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, square) > 0
        mixed |= (regions.clutter > 0) & is_open
        # The edge in a mixed pixel may reach into the next one.
        return cv2.dilate(mixed.view(np.uint8), square)

    def _key_cells(
        self, cells: Cells, matte: Matte, image: np.ndarray, fields: np.ndarray, alpha: np.ndarray, out: np.ndarray
    ) -> None:
        """Put alpha and the person's colours into the squares around the edge, in place."""
        inside = fields[self.top : self.bottom, self.left : self.right]
        values = cells.interpolate(np.ascontiguousarray(inside))
        colors = self._gather_colors(cells, image)
        share = _apply([*values[:4]], colors)
        found = cut_noise(share, values[4])
        regions = self._regions
        stacked = cv2.merge([regions.inner, regions.outer, regions.rim, regions.clutter])
        around = cells.gather(self._enlarge(cv2.convertScaleAbs(stacked, alpha=255)))
        inner, outer, rim, clutter = (each * np.float32(1 / 255) for each in cv2.split(around))
        network = cells.gather(_resample(matte.alpha, matte.box, self.box, 1 << self.level, image.shape))
        alike = values[4] * np.float32(1 / _ALIKE)
        alike *= alike
        trust = np.maximum(1 / (1 + alike * alike), clutter)
        found += trust * (network - found)
        found = np.maximum(np.minimum(found, outer), inner)
        cells.scatter(found, alpha)
        cells.scatter(_remove_screen(colors, found, share, rim, [*values[5:8]], [*values[8:11]]), out)

    def _gather_colors(self, cells: Cells, image: np.ndarray) -> list[np.ndarray]:
        """Return luma, Cr and Cb of the squares, float32 each; chroma without the steps of a codec's halved one."""
        if self.level:
            pixels = cv2.cvtColor(cells.gather(image), cv2.COLOR_BGR2YCrCb)
        else:
            luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
            size = image.shape[1::-1]
            half = size[0] // 2, size[1] // 2
            chroma = [cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in chroma]
            smooth = [cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in chroma]
            pixels = cells.gather(cv2.merge([luma, *smooth]))
        luma, cr, cb = cv2.split(pixels.astype(np.float32))
        return [luma, cr - 128, cb - 128]

    def _enlarge(self, field: np.ndarray) -> np.ndarray:
        """Return the part of a small field inside the squares, at the size of the work."""
        field = _pad(field, (2 * self.bottom, 2 * self.right))
        part = field[2 * self.top : 2 * self.bottom, 2 * self.left : 2 * self.right]
        size = (self.right - self.left) * self.side, (self.bottom - self.top) * self.side
        return cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)


def _level_of(size: tuple[int, int], longest: int) -> int:
    """Return the level of a pyramid at which no side is longer than `longest`."""
    level = 0
    while max(size) >> level > longest:
        level += 1
    return level


def _person_colors(
    colors: np.ndarray, alpha: np.ndarray, screen: Screen, person: PersonShape, inside: np.ndarray
) -> np.ndarray | None:
    """Return the person's colour around each pixel, of the size of the screen's colours; None if it is nowhere sure.

    Args:
        colors: The frame, float32 (h, w, 3): luma, Cr and Cb.
        alpha: The network's alpha.
        screen: The screen.
        person: What the network sees.
        inside: Where everything is theirs.
    """
    _, hue_cr, hue_cb = cv2.split(_double(screen.colors, colors.shape))
    _, cr, cb = cv2.split(colors)
    # Both times the length of the screen's chroma.
    along, across = cr * hue_cr + cb * hue_cb, np.abs(cr * hue_cb - cb * hue_cr)
    limit = (hue_cr * hue_cr + hue_cb * hue_cb) * np.float32(_MAX_OWN_SHARE)
    has_no_screen = ((along - across < limit) & (alpha > 0.5)).view(np.uint8)
    # The outermost of these are mixed.
    sure = cv2.erode(has_no_screen, np.ones((3, 3), np.uint8), borderValue=1) > 0
    sure |= ((person.depth > _SURE_DEPTH) & ~screen.mask) | inside
    if not sure.any():
        return None
    known = np.clip(person.depth * np.float32(1 / (_BEST_DEPTH * person.size)), _RIM_WEIGHT**0.5, 1)
    return mean_colors(halve(weigh(colors, sure * known * known)), _WINDOWS)


def _apply(weights: Sequence[np.ndarray], colors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of person of colours, both channel by channel, by weights of `solve_weights`."""
    share = weights[0] * colors[0]
    share += weights[1] * colors[1]
    share += weights[2] * colors[2]
    share += weights[3]
    return share


def _double(field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a field at twice its size, cut to (h, w) of `shape`."""
    size = field.shape[1] * 2, field.shape[0] * 2
    return cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]


def _squares(values: np.ndarray) -> np.ndarray:
    """Return the greatest value of each square of two by two pixels; sides are rounded up."""
    height, width = values.shape
    padded = cv2.copyMakeBorder(values, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.maximum(
        np.maximum(padded[::2, ::2], padded[1::2, ::2]), np.maximum(padded[::2, 1::2], padded[1::2, 1::2])
    )


def _pad(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an image with its last row and column repeated up to (h, w) of `shape`."""
    down, across = max(0, shape[0] - image.shape[0]), max(0, shape[1] - image.shape[1])
    return cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE) if down or across else image


def _resample(field: np.ndarray, source: Box, box: Box, pixels: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return a field of one part of a frame in another part.

    Args:
        field: float32 (h, w).
        source: The part that it covers; outside, its border is repeated.
        box: The other part, of which left and top are used.
        pixels: Pixels of the frame in one of the result, across.
        shape: Height and width of the result.
    """
    right, bottom = box[0] + pixels * shape[1], box[1] + pixels * shape[0]
    return resample_box(field, source, (box[0], box[1], right, bottom), (shape[1], shape[0]))


def _remove_screen(
    colors: Sequence[np.ndarray],
    alpha: np.ndarray,
    share: np.ndarray,
    rim: np.ndarray,
    screen: Sequence[np.ndarray],
    person: Sequence[np.ndarray],
) -> np.ndarray:
    """Return the person's own colours, without the screen behind and without its light on them.

    Args:
        colors: Luma, Cr and Cb of pixels, float32 (h, w) each.
        alpha: Their final alpha.
        share: The share of person in them, beyond 0 and 1 too.
        rim: Where light of the screen falls on the person, 1 at the edge to 0 well inside.
        screen, person: Luma, Cr and Cb of both sides around each pixel.

    Returns:
        uint8 (h, w, 3) BGR.
    """
    # At the rim all that is not the person's is the screen's, whether it is behind them or its light.
    removed = np.clip(rim * (1 - share), 0, 1)
    gain = 1 / np.maximum(1 - removed, np.float32(0.1))
    # Of hardly visible pixels the colours are noise.
    visible = np.minimum(alpha * 2, 1)
    out: list[np.ndarray] = []
    for own, behind, front, middle in zip(colors, screen, person, (0, 128, 128), strict=True):
        left = (own - removed * behind) * gain
        if not middle:
            np.maximum(left, 0, out=left)
        out.append(np.clip(front + visible * (left - front) + np.float32(middle + 0.5), 0, 255).astype(np.uint8))
    return cv2.cvtColor(cv2.merge(out), cv2.COLOR_YCrCb2BGR)
