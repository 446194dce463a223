"""The screen behind a person: its colour, learnt region by region and kept from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

# Constants without a source were chosen on the choosing half of benchmarks/green_screens.py, and hardly matter there.

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
# Alpha of the network below which a pixel may be screen.
_MAX_PERSON = 0.5
# Weight of the past in the mean colour of a region; 0.8 is about five frames.
_MEMORY = 0.8
# Windows over which a region's colour is averaged, shares of the picture's width; a wider one fills what is hidden in
# the narrower.
_WINDOWS = (0.05, 0.15, 0.5)
# Widest shadow that is kept as one, share of the picture's width.
_SHADOW_WINDOW = 0.4
# Darkest unevenness that is no shadow, share of the light: folds.
_MIN_SHADOW = 0.08


@dataclass(frozen=True, slots=True)
class Screen:
    """The screen of one frame, at reduced size.

    Attributes:
        colors: Its colour at each pixel, also where it is hidden, float32 (h, w, 3): luma, Cr and Cb about 0.
        mask: Where it shows, bool (h, w).
    """

    colors: np.ndarray
    mask: np.ndarray
    deviation: np.ndarray


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
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb).astype(np.float32) - np.array((0, 128, 128), np.float32)


_LW = 0.06
_PRIOR = np.float32(0.05)
_LF = 2.0
_LMIN = 0.08
_LMAX = 0.2
_ERODE = 3


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
        if self._hue is not None:
            mask = _find_hue(colors, person, self._hue, _MIN_SHARE)
        else:
            mask = self._look_for_usual(colors, person)
        if mask is None:
            return None
        pure = mask & (person < _MAX_PERSON)
        means = self._average(colors, pure)
        return Screen(means, mask, _light_deviation(colors, means, pure))

    def _look_for_usual(self, colors: np.ndarray, person: np.ndarray) -> np.ndarray | None:
        for name, hue in USUAL_HUES.items():
            mask = _find_hue(colors, person, hue, _MIN_AUTO_SHARE)
            if mask is not None and _is_cloth(colors, mask):
                self.name, self._hue = name, hue
                return mask
        return None

    def _average(self, colors: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the screen's colour in each region, from this frame and those before."""
        # Pixels at the screen's border are mixed with something else.
        sure = cv2.erode(mask.view(np.uint8), np.ones((_ERODE, _ERODE), np.uint8), borderValue=1).astype(np.float32)
        now = np.dstack([colors * sure[..., None], sure])
        if self._sums is None or self._sums.shape != now.shape:
            self._sums = now
        else:
            self._sums = self._sums * np.float32(_MEMORY) + now
        filled = np.broadcast_to(
            self._sums.sum(axis=(0, 1), dtype=np.float64).astype(np.float32) + np.float32(1e-6), now.shape
        )
        result = filled[..., :3] / filled[..., 3:]
        for window in reversed(_WINDOWS):
            pixels = max(3, round(window * now.shape[1]) | 1)
            means = cv2.blur(self._sums, (pixels, pixels), borderType=cv2.BORDER_REPLICATE)
            # A tenth of the window is enough to know its colour.
            weight = np.minimum(1, 10 * means[..., 3:])
            result = result + weight * (means[..., :3] / (means[..., 3:] + np.float32(1e-6)) - result)
        return result


def find_shadow(luma: np.ndarray) -> np.ndarray:
    """Return how much darker a screen is than around, float32 (h, w) in [0, 1]; its own unevenness does not count.

    Args:
        luma: The screen's luma in each region, float32 (h, w).
    """
    pixels = max(3, round(_SHADOW_WINDOW * luma.shape[1]) | 1)
    # Closing fills what is darker than all around, and keeps light that falls off to one side.
    lit = cv2.morphologyEx(luma, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pixels, pixels)))
    share = 1 - luma / np.maximum(lit, 1)
    return np.clip((share - _MIN_SHADOW) / (1 - _MIN_SHADOW), 0, 1)


def _light_deviation(colors: np.ndarray, means: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the light within each region, as a share of it, float32 (h, w)."""
    sure = cv2.erode(mask.view(np.uint8), np.ones((_ERODE, _ERODE), np.uint8), borderValue=1).astype(np.float32)
    share = (colors[..., 0] / np.maximum(means[..., 0], 1) - 1) * sure
    pixels = (max(3, round(_LW * mask.shape[1]) | 1),) * 2
    total = cv2.blur(sure, pixels)
    everywhere = float((share * share).sum() / max(1.0, float(sure.sum())))
    variance = (cv2.blur(share * share, pixels) + _PRIOR * everywhere) / (total + _PRIOR)
    return np.clip(np.sqrt(variance) * _LF, _LMIN, _LMAX)


def _find_hue(colors: np.ndarray, person: np.ndarray, hue: float, min_share: float) -> np.ndarray | None:
    """Return where a screen of a hue shows outside the person; None if it has less than that share of the rest."""
    ratio = colors[..., 1:] / (colors[..., :1] + np.float32(_LUMA_OFFSET))
    cosine, sine = math.cos(math.radians(hue)), math.sin(math.radians(hue))
    along = ratio[..., 0] * np.float32(cosine) + ratio[..., 1] * np.float32(sine)
    across = np.abs(ratio[..., 1] * np.float32(cosine) - ratio[..., 0] * np.float32(sine))
    outside = person < _MAX_PERSON
    fits = (along > _MIN_SATURATION) & (across < _MAX_ACROSS * along) & (colors[..., 0] > _MIN_LUMA)
    found = ratio[fits & outside]
    if len(found) < max(16, min_share * np.count_nonzero(outside)):
        return None
    mean = np.median(found, axis=0)
    distance = np.hypot(ratio[..., 0] - mean[0], ratio[..., 1] - mean[1])
    mask = fits & (distance < _MAX_DISTANCE * math.hypot(*mean))
    shown = np.count_nonzero(mask & outside)
    return mask if shown >= max(16, min_share * np.count_nonzero(outside)) else None


def _is_cloth(colors: np.ndarray, mask: np.ndarray) -> bool:
    """Return whether the pixels of a mask are saturated and smooth enough for a screen."""
    luma, cr, cb = (float(each) for each in np.median(colors[mask], axis=0))
    if math.hypot(cr, cb) < _MIN_AUTO_SATURATION * (luma + _LUMA_OFFSET):
        return False
    both = mask[:, 1:] & mask[:, :-1]
    steps = np.abs(np.diff(colors[..., 0], axis=1))[both]
    return bool(steps.size) and float(steps.mean()) < _MAX_AUTO_ROUGHNESS * (luma + _LUMA_OFFSET)
