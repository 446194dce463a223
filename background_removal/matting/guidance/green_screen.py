"""GreenScreen: the matte of a person before a screen of one colour."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Box
from background_removal.matting.guidance.keying import CEILING, cut_noise, nearby_colors, solve_weights
from background_removal.matting.guidance.screen_model import Screen, ScreenModel, find_shadow, to_ycc
from background_removal.matting.pyramid import Pyramid

log = logging.getLogger(__name__)

# Longest side at which the screen and the regions are found, pixels.
_SMALL_SIDE = 320
# Largest part of a frame that is keyed at full size, pixels; chroma has half of it anyway.
_MAX_PIXELS = 1_000_000
# Frames of a video in which the screen may be missing at the start, two seconds: a title, or a fade.
_PATIENCE = 50
# Width of the band around the person's matte in which the key decides, shares of the person's size: inside it, and
# outside it.
_INNER_BAND = 0.06
_OUTER_BAND = 0.1
# Farthest that something the person holds reaches from their matte, share of the person's size.
_HELD_REACH = 0.5
# Farthest that a shadow is kept from the person's matte, share of the person's size; it fades from half of it.
_SHADOW_REACH = 1.5
# Width of the rim on which light of the screen falls, share of the person's size.
_RIM = 0.05
# Depth inside the network's matte at which a pixel that does not look like the screen is the person's, pixels.
_SURE_DEPTH = 4.5
_IN2 = 5
_DW = 0.07
_DMIN = 0.1
_FE = 3
# Maximum share of the screen's colour in a pixel that has none of the screen in it.
_MAX_OWN_SHARE = 0.12


@dataclass(frozen=True, slots=True)
class _Regions:
    """Regions of a frame at reduced size, uint8 (h, w) each.

    Attributes:
        inner: 255 where the person is certain.
        outer: 255 where the key decides; 0 where the background is certain.
        clutter: 255 where no screen is behind, so that the network decides.
        rim: 255 at the person's edge, falling to 0 inside.
    """

    inner: np.ndarray
    outer: np.ndarray
    clutter: np.ndarray
    rim: np.ndarray


class GreenScreen:
    """Keys a screen, with the network's matte as garbage matte.

    Args:
        name: The key as the user named it, for messages.
        hue: Direction of the screen's colour, as `screen_model.hue_of` returns it; None to look for a screen.
        keeps_shadows: Whether shadows on the screen are kept.
    """

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
        """End the stream."""
        self._last = None
        self._model.begin()

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the keyed matte of the next frame.

        Raises:
            InputError: the colour is nowhere in an image, or nowhere at the beginning of a video.
        """
        if self._last is not None and self._last[0] is matte:
            return self._last[1]
        self._frames += 1
        level = _level_of(max(view.size), _SMALL_SIDE)
        small = to_ycc(view.level(level))
        person = matte.shrink(small.shape[1], small.shape[0])
        screen = self._model.find(small, person)
        self._report(screen)
        keyed = matte if screen is None else self._key(view, matte, small, person, screen)
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
                log.info("key auto: a %s screen was found", self._model.name)
        elif self._still or self._frames >= _PATIENCE:
            self._has_reported = True
            if self._is_auto:
                log.info("key auto: no screen was found; the network alone finds the person")
            elif self._live:
                log.warning("key %s: no such colour in the picture; the network alone finds the person", self._name)
            else:
                where = "picture" if self._still else f"first {_PATIENCE} frames"
                raise InputError(f"`key` {self._name}: no such colour in the {where}; leave it out, or use auto")

    def _key(self, view: Pyramid, matte: Matte, small: np.ndarray, person: np.ndarray, screen: Screen) -> Matte:
        depth, reach, person_size = _measure(person)
        sure = _surely_person(small, screen, person, depth, depth > _INNER_BAND * person_size)
        if not sure.any():
            return matte
        front = nearby_colors(small, sure * np.clip(depth / (_DW * person_size), _DMIN, 1) ** 2)
        weights, distance = solve_weights(screen.colors, screen.deviation, front)
        key = cut_noise(_apply(weights, small), distance)
        regions = _find_regions(key, screen.mask, depth, reach, person_size)
        covered = cv2.max(regions.outer, regions.inner)
        shadow = None
        if self._keeps_shadows:
            shadow = find_shadow(screen.colors[..., 0]) * np.clip(2 - 2 * reach / (_SHADOW_REACH * person_size), 0, 1)
            shadow *= cv2.blur((screen.mask | (reach < 3)).astype(np.float32), (3, 3))
            covered = cv2.max(covered, cv2.convertScaleAbs(shadow, alpha=255))
        x, y, width, height = cv2.boundingRect(covered)
        if not width or not height:
            return matte
        rows, columns = small.shape[:2]
        across, down = view.size[0] / columns, view.size[1] / rows
        box = (
            int(x * across), int(y * down),
            min(view.size[0], round((x + width) * across)), min(view.size[1], round((y + height) * down)),
        )  # fmt: skip
        level = 0
        while (box[2] - box[0]) * (box[3] - box[1]) >> (2 * level) > _MAX_PIXELS:
            level += 1
        size = -(-(box[2] - box[0]) >> level), -(-(box[3] - box[1]) >> level)
        image = view.crop(box, *size)
        colors = to_ycc(image)
        colors[..., 1:] = _smooth_chroma(colors[..., 1:], level)

        def enlarge(field: np.ndarray) -> np.ndarray:
            return _resample(field, (0, 0, *view.size), box, size)

        raw = _apply(enlarge(weights), colors)
        alpha = cut_noise(raw, enlarge(distance))
        clutter = enlarge(regions.clutter) / np.float32(255)
        if regions.clutter.any():
            alpha += clutter * (_resample(matte.alpha, matte.box, box, size) - alpha)
        np.minimum(alpha, enlarge(regions.outer) / np.float32(255), out=alpha)
        np.maximum(alpha, enlarge(regions.inner) / np.float32(255), out=alpha)
        rim = enlarge(regions.rim) / np.float32(255) * (1 - clutter)
        foreground = _remove_screen(colors, alpha, raw, rim, enlarge(screen.colors), enlarge(front))
        if shadow is not None:
            alpha, foreground = _add_shadow(alpha, foreground, enlarge(shadow))
        return Matte(alpha, box, view.size, image, foreground, keyed=True)


def _add_shadow(alpha: np.ndarray, foreground: np.ndarray, shadow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return alpha and colours of a person with a shadow, a black layer behind them, float32 and uint8."""
    both = alpha + shadow * (1 - alpha)
    share = alpha / np.maximum(both, 1e-3)
    return both, cv2.convertScaleAbs(foreground * share[..., None])


def _level_of(side: int, longest: int) -> int:
    """Return the level of a pyramid at which a side is no longer than `longest`."""
    level = 0
    while side >> level > longest:
        level += 1
    return level


def _apply(weights: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Return the alpha of colours, float32 (h, w), by weights of `solve_weights`."""
    return np.einsum("hwc,hwc->hw", weights[..., :3], colors) + weights[..., 3]


def _smooth_chroma(chroma: np.ndarray, level: int) -> np.ndarray:
    """Return chroma, float32 (h, w, 2), without the blocks of a codec's halved chroma."""
    if level:
        return chroma
    height, width = chroma.shape[:2]
    half = cv2.resize(chroma, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)


def _resample(field: np.ndarray, source: Box, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Return a field of one part of a frame, `source`, in another part, `box`, at another size, float32.

    Outside `source` its border is repeated.
    """
    rows, columns = field.shape[:2]
    across, down = (source[2] - source[0]) / columns, (source[3] - source[1]) / rows
    zoom_x, zoom_y = (box[2] - box[0]) / size[0] / across, (box[3] - box[1]) / size[1] / down
    # From pixels of the result to pixels of the field; their centres lie half a pixel inside.
    matrix = np.array(
        [
            [zoom_x, 0, (box[0] - source[0]) / across + (zoom_x - 1) / 2],
            [0, zoom_y, (box[1] - source[1]) / down + (zoom_y - 1) / 2],
        ],
        np.float32,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(field.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _measure(person: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return depth inside a person and distance from them, float32 (h, w) each, and their size, all in pixels."""
    inside = (person > 0.5).astype(np.uint8)
    # The picture's border is no edge of the person.
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    reach = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    return depth, reach, max(1.0, float(np.sqrt(np.count_nonzero(inside))))


def _surely_person(
    colors: np.ndarray, screen: Screen, person: np.ndarray, depth: np.ndarray, inner: np.ndarray
) -> np.ndarray:
    """Return where a pixel's colour is the person's own, bool (h, w)."""
    direction = screen.colors[..., 1:]
    length = np.maximum(np.sqrt(np.einsum("hwc,hwc->hw", direction, direction)), 1)
    along = np.einsum("hwc,hwc->hw", colors[..., 1:], direction) / length
    across = np.abs(colors[..., 1] * direction[..., 1] - colors[..., 2] * direction[..., 0]) / length
    has_no_screen = (along - across < _MAX_OWN_SHARE * length) & (person > 0.5)
    has_no_screen = cv2.erode(has_no_screen.astype(np.uint8), np.ones((_FE, _FE), np.uint8), borderValue=1) > 0
    return has_no_screen | ((depth > _SURE_DEPTH) & ~screen.mask) | inner


def _find_regions(key: np.ndarray, screen: np.ndarray, depth: np.ndarray, reach: np.ndarray, size: float) -> _Regions:
    """Return where the person, the background and the key are certain.

    Args:
        key: Alpha of the key, float32 (h, w).
        screen: Where the screen shows, bool.
        depth, reach, size: As `_measure` returns them.
    """
    inner = np.clip((depth - _INNER_BAND * size) / 2, 0, 1)
    if _IN2:
        inside = cv2.erode(((depth > 0) & ~screen).astype(np.uint8), np.ones((_IN2, _IN2), np.uint8), borderValue=1)
        inner = np.maximum(inner, cv2.blur(inside.astype(np.float32), (3, 3)) ** 2)
    near = reach < max(2.0, _OUTER_BAND * size)
    solid = (key > 0.5) & ~screen
    clutter = np.zeros(key.shape, bool)
    outer = near.copy()
    # Apart from the person, with the pixel at their edge, that is half theirs.
    apart = (solid & (reach > 1.5)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(apart, connectivity=8)
    touching = set(np.unique(labels[reach < 3]))
    rows, columns = key.shape
    for label in range(1, count):
        x, y, width, height, _area = stats[label]
        at_border = x == 0 or y == 0 or x + width == columns or y + height == rows
        part = labels == label
        # What reaches the picture's border is a wall or a stand, unless all of it is close: a leg, a shoulder.
        farthest = (_OUTER_BAND if at_border else _HELD_REACH) * size
        if label in touching and reach[part].max() < farthest:
            outer |= cv2.dilate(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        else:
            clutter |= part
    behind = np.zeros(key.shape, np.float32)
    if clutter.any():
        to_clutter = cv2.distanceTransform((~clutter).astype(np.uint8), cv2.DIST_L2, 3)
        to_screen = cv2.distanceTransform((~(screen & (depth == 0))).astype(np.uint8), cv2.DIST_L2, 3)
        behind = np.clip((to_screen - to_clutter + 3) / 2, 0, 1)
    soft = cv2.blur(outer.astype(np.float32), (3, 3))
    rim = np.clip(2 - depth / (_RIM * size), 0, 1)
    return _Regions(*(cv2.convertScaleAbs(each, alpha=255) for each in (inner, soft, behind, rim)))


def _remove_screen(
    colors: np.ndarray, alpha: np.ndarray, raw: np.ndarray, rim: np.ndarray, screen: np.ndarray, person: np.ndarray
) -> np.ndarray:
    """Return the person's own colours, without the screen behind and without its light on them.

    Args:
        colors: float32 (h, w, 3), luma, Cr and Cb.
        alpha: The final alpha.
        raw: Alpha as the key gives it, beyond 0 and 1 too.
        rim: Where light of the screen falls on the person, 1 at the edge to 0 well inside.
        screen, person: Colours of both sides around each pixel.

    Returns:
        uint8 (h, w, 3) BGR.
    """
    # At the rim the key says how much of the screen is in a pixel, whether it is behind the person or its light.
    share = rim * np.maximum(1 - raw * np.float32(CEILING), 0)
    np.minimum(share, 1, out=share)
    left = colors - share[..., None] * screen
    left[..., 0] = np.maximum(left[..., 0], 0)
    left /= np.maximum(1 - share, 0.1)[..., None]
    # Of hardly visible pixels the colours are noise.
    weight = np.clip(alpha * 2, 0, 1)[..., None]
    left = person + weight * (left - person)
    left += np.array((0, 128, 128), np.float32)
    return cv2.cvtColor(np.clip(np.rint(left), 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2BGR)
