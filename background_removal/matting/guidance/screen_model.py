"""The screen behind a person: its colour, learnt region by region and kept from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.matting.guidance.region_means import halve, mean_colors, weigh

# Constants without a source were chosen on the choosing half of benchmarks/green_screens.py; each lies in a flat range.

# Directions of the usual screens in the plane of (Cr, Cb), degrees from Cr: midway between paints and pure colours.
USUAL_HUES = {"green": 210.0, "blue": 115.0}
# Added to luma where chroma is divided by it, of 255: dark pixels have no reliable hue.
_LUMA_OFFSET = 16.0
# Minimum chroma of a screen along the key's hue, in shares of luma; faded cloth has 0.25.
_MIN_SATURATION = 0.15
# Maximum chroma across the key's hue, in shares of that along it: 30 degrees.
_MAX_ACROSS = 0.58
# Maximum distance of a screen's pixel from the screen's mean, in shares of the mean's saturation.
_MAX_DISTANCE = 0.4
# Minimum luma of a screen's pixel, of 255.
_MIN_LUMA = 24
# Minimum share of the picture outside the person that a screen has.
_MIN_SHARE = 0.03
# The same for a screen that is to be noticed by itself.
_MIN_AUTO_SHARE = 0.3
# Minimum saturation of a screen that is to be noticed by itself; skies have 0.25.
_MIN_AUTO_SATURATION = 0.3
# Maximum mean difference of neighbours in such a screen, in shares of luma: cloth is smooth, leaves and lawns are not.
_MAX_AUTO_ROUGHNESS = 0.06
# Pixels of which the median colour is taken, at most; it is as steady with more.
_MEDIAN_PIXELS = 2000
# Alpha of the network below which a pixel may be screen.
_MAX_PERSON = 0.5
# Weight of the past in the mean colour of a region; 0.8 is about five frames.
_MEMORY = 0.8
# Windows over which a region's colour is averaged, shares of the picture's width; a wider one fills places hidden in
# the narrower.
_WINDOWS = (0.05, 0.15, 0.5)
# Window over which the unevenness of light is measured, share of the picture's width.
_LIGHT_WINDOW = 0.06
# Weight of the unevenness in the whole picture, where a window shows little of the screen.
_LIGHT_PRIOR = 0.05
# Factor on it: beside the person there are shadows too.
_LIGHT_FACTOR = 2.0
# Limits of the result: shadows that are not seen yet, and a screen that would be hardly known.
_LIGHT_LIMITS = (0.08, 0.2)


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen of one frame.

    Attributes:
        mask: Where it shows, bool (h, w).
        colors: Its colour at half that size, also where it is hidden, float32 (h / 2, w / 2, 3): luma, Cr and Cb about
            0.
        light: Standard deviation of the light within each region, as a share of it, float32 (h / 2, w / 2).
    """

    mask: np.ndarray
    colors: np.ndarray
    light: np.ndarray


def hue_of(bgr: tuple[int, int, int]) -> float | None:
    """Return the direction of a colour in the plane of (Cr, Cb), degrees; None if it is too grey to be a key.

    >>> round(hue_of((0, 255, 0)) or 0), hue_of((128, 128, 128))
    (218, None)
    """
    luma, cr, cb = to_ycc(np.array([[bgr]], np.uint8))[0, 0]
    if math.hypot(cr, cb) < _MIN_SATURATION * (luma + _LUMA_OFFSET):
        return None
    return math.degrees(math.atan2(cb, cr)) % 360


def to_ycc(bgr: np.ndarray) -> np.ndarray:
    """Return uint8 (h, w, 3) BGR as float32 (h, w, 3): luma 0 to 255, Cr and Cb about 0."""
    middle = np.array((0, 128, 128, 0), np.float64)
    return cv2.subtract(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb), middle, dtype=cv2.CV_32F)


class ScreenModel:
    """Learns the colour of a screen.

    Args:
        hue: Direction of its colour in the plane of (Cr, Cb), degrees; None to look for a green or blue one.

    Attributes:
        name: "green" or "blue" for a screen that was looked for and found, "" before.
    """

    def __init__(self, hue: float | None) -> None:
        self._given_hue = hue
        self.begin()

    def begin(self) -> None:
        """Forget the screen."""
        self.name = ""
        self._hue = self._given_hue
        self._sums: np.ndarray | None = None

    def find(self, colors: np.ndarray, person: np.ndarray) -> Screen | None:
        """Return the screen of the next frame; None if there is none.

        Args:
            colors: The frame at reduced size, float32 (h, w, 3) as `to_ycc` makes it.
            person: The network's alpha at that size, float32 (h, w).
        """
        outside = person < _MAX_PERSON
        if self._hue is not None:
            mask = _find_hue(colors, outside, self._hue, _MIN_SHARE)
        else:
            mask = self._look_for_usual(colors, outside)
        if mask is None:
            return None
        # Pixels at the screen's border are mixed with something else.
        pure = cv2.erode((mask & outside).view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(np.float32)
        now = halve(weigh(colors, pure))
        if self._sums is None or self._sums.shape != now.shape:
            self._sums = now
        else:
            cv2.addWeighted(self._sums, _MEMORY, now, 1, 0, dst=self._sums)
        means = mean_colors(self._sums, _WINDOWS)
        return Screen(mask, means, _measure_light(colors, means, pure))

    def _look_for_usual(self, colors: np.ndarray, outside: np.ndarray) -> np.ndarray | None:
        for name, hue in USUAL_HUES.items():
            mask = _find_hue(colors, outside, hue, _MIN_AUTO_SHARE)
            if mask is not None and _is_cloth(colors, mask):
                self.name, self._hue = name, hue
                return mask
        return None


def _measure_light(colors: np.ndarray, means: np.ndarray, pure: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the light within each region, as a share of it, float32 of the size of `means`.

    Args:
        colors: float32 (h, w, 3).
        means: The screen's colour in each region, at half the size.
        pure: Weight of each pixel of the screen, float32 (h, w).
    """
    height, width = pure.shape
    expected = cv2.resize(cv2.extractChannel(means, 0), (means.shape[1] * 2, means.shape[0] * 2))[:height, :width]
    share = (cv2.extractChannel(colors, 0) / np.maximum(expected, 1) - 1) * pure
    squares = halve(cv2.merge([share * share, pure]))
    everywhere = squares.sum(axis=(0, 1))
    pixels = max(3, round(_LIGHT_WINDOW * squares.shape[1]) | 1)
    near = cv2.blur(squares, (pixels, pixels))
    prior = _LIGHT_PRIOR * float(everywhere[0]) / max(1.0, float(everywhere[1]))
    variance = (near[..., 0] + np.float32(prior)) / (near[..., 1] + np.float32(_LIGHT_PRIOR))
    return np.clip(np.sqrt(variance) * np.float32(_LIGHT_FACTOR), *_LIGHT_LIMITS)


def _find_hue(colors: np.ndarray, outside: np.ndarray, hue: float, min_share: float) -> np.ndarray | None:
    """Return where a screen of a hue shows, bool (h, w); None if it has less than that share of the outside."""
    luma, cr, cb = cv2.split(colors)
    light = luma + np.float32(_LUMA_OFFSET)
    cosine, sine = math.cos(math.radians(hue)), math.sin(math.radians(hue))
    along = cv2.addWeighted(cr, cosine, cb, sine, 0)
    across = np.abs(cv2.addWeighted(cb, cosine, cr, -sine, 0))
    fits = (along > light * np.float32(_MIN_SATURATION)) & (across < along * np.float32(_MAX_ACROSS))
    fits &= luma > _MIN_LUMA
    enough = max(16, min_share * np.count_nonzero(outside))
    found = np.flatnonzero(fits & outside)
    if len(found) < enough:
        return None
    some = found[:: max(1, len(found) // _MEDIAN_PIXELS)]
    mean_cr, mean_cb = (float(np.median(each.ravel()[some] / light.ravel()[some])) for each in (cr, cb))
    limit = light * np.float32(_MAX_DISTANCE * math.hypot(mean_cr, mean_cb))
    cr -= light * np.float32(mean_cr)
    cb -= light * np.float32(mean_cb)
    mask = fits & (cr * cr + cb * cb < limit * limit)
    return mask if np.count_nonzero(mask & outside) >= enough else None


def _is_cloth(colors: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether the pixels of a mask are saturated and smooth enough for a screen."""
    luma, cr, cb = (float(each) for each in np.median(colors[mask], axis=0))
    if math.hypot(cr, cb) < _MIN_AUTO_SATURATION * (luma + _LUMA_OFFSET):
        return False
    both = mask[:, 1:] & mask[:, :-1]
    steps = np.abs(np.diff(colors[..., 0], axis=1))[both]
    return bool(steps.size) and float(steps.mean()) < _MAX_AUTO_ROUGHNESS * (luma + _LUMA_OFFSET)
