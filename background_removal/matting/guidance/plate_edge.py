"""Find the alpha of an edge where the colours behind it are known."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.guidance.plate_alignment import Light
from background_removal.matting.guidance.plate_difference import CROSS, channel_sum

# Constants without a source were chosen on the choosing half of benchmarks/plates.py.

# Window for the person's colours around a pixel, pixels at half the matte's size.
_FRONT_WINDOW = 5
# Window for the light of the room around a pixel, likewise.
_BACK_WINDOW = 5
# Width of the band around the edge in which the plate decides, pixels of the matte.
_BAND_PIXELS = 5
# Alpha, of 255, that is neither person nor background.
_UNDECIDED = 13, 242
# Distance of both colours at which the plate counts as much as the network, in deviations of the noise and of 255.
_HALF_WEIGHT_DEVIATIONS, _HALF_WEIGHT_FLOOR = 6.0, 12.0
# Difference from the room that is noise, in its deviations.
_NOISE_DEVIATIONS = 1.5
# Distance of a colour from the mixtures of the person's and the room's at which it is as likely another colour of the
# person, of 255.
_OTHER_COLOR = 6.0
# Window in which a frame and the plate are alike, pixels at half the matte's size.
_SAME_WINDOW = 3
# Mean difference in it up to which they are, of 765: a floor and deviations of the noise.
_SAME_FLOOR, _SAME_DEVIATIONS = 8.0, 3.0
# Detail of the room that no clothes repeat: its deviation, of 765, and the window in which it is measured, likewise.
_DETAIL, _DETAIL_WINDOW = 36.0, 11
# Larger windows: how much larger, and their weight.
_FAR, _FAR_WEIGHT = 5, 0.02
# Difference of a colour from the room's in another light, of 765.
_ROOM_COLOR = 16.0
# Added to brightness before a ratio, of 765.
_DARK = 20.0
# Bounds of the light of a place, share; a shadow's and a lamp's.
_LIGHT_BOUNDS = (0.4, 1.6)


def refine_edge(
    seed: np.ndarray, image: np.ndarray, plate: np.ndarray, light: Light, known: np.ndarray | None = None
) -> np.ndarray:
    """Return the alpha of a person whose background is known.

    In a band around the edge the alpha is how far a pixel's colour is from the room's, as a share of the distance of
    the person's colour nearby from it; the less, the closer the two are.

    Args:
        seed: The alpha so far, float32 (h, w) in [0, 1].
        image: The frame, uint8 (h, w, 3).
        plate: The room, uint8 (h, w, 3).
        light: The light of the frame.
        known: 1 where the room is known, float32 (h, w); None for everywhere.

    Returns:
        float32 (h, w) in [0, 1].
    """
    height, width = seed.shape
    noise = light.noise
    half = (max(1, width // 2), max(1, height // 2))
    small = light.undo(cv2.resize(image, half, interpolation=cv2.INTER_AREA))
    back = cv2.resize(plate, half, interpolation=cv2.INTER_AREA).astype(np.float32)
    sums = channel_sum(small), channel_sum(back)
    same = cv2.resize(_find_same(small, back, sums, noise), (width, height), interpolation=cv2.INTER_LINEAR)
    seed = cv2.multiply(seed, 1 - same if known is None else 1 - same * known)
    kernel = np.ones((_BAND_PIXELS, _BAND_PIXELS), np.uint8)
    bytes_ = cv2.convertScaleAbs(seed, alpha=255)
    inside, around = cv2.erode(bytes_, kernel), cv2.dilate(bytes_, kernel)
    near_edge = cv2.bitwise_and(cv2.inRange(inside, 0, 127), cv2.inRange(around, 128, 255))
    band = np.flatnonzero(cv2.bitwise_or(near_edge, cv2.inRange(bytes_, *_UNDECIDED)) > 0)
    if not len(band):
        return seed
    edge = cv2.resize(bytes_, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    sure = cv2.resize(inside, half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    front = _near_mean(small, sure + 1e-3 * np.clip(2 * edge - 1, 1e-3, 1), _FRONT_WINDOW)
    local = _local_light(small, back, sums, edge, noise)
    rows, columns = np.divmod(band, width)
    near = np.minimum(rows // 2, half[1] - 1) * half[0] + np.minimum(columns // 2, half[0] - 1)
    shade = local.ravel().take(near)[:, None]
    behind = plate.reshape(-1, 3).take(band, axis=0) * shade
    low = cv2.erode(plate, CROSS).reshape(-1, 3).take(band, axis=0) * shade
    high = cv2.dilate(plate, CROSS).reshape(-1, 3).take(band, axis=0) * shade
    pixels = light.undo(image.reshape(-1, 1, 3).take(band, axis=0)).reshape(-1, 3)
    step = np.maximum(pixels - high, 0) - np.maximum(low - pixels, 0)
    way = front.reshape(-1, 3).take(near, axis=0) - behind
    distance = np.sqrt(np.einsum("nc,nc->n", way, way)) + 1e-3
    along = np.einsum("nc,nc->n", step, way) / distance
    beside = np.sqrt(np.maximum(np.einsum("nc,nc->n", step, step) - along**2, 0))
    slack = np.float32(_NOISE_DEVIATIONS * noise + 1)
    reach = np.maximum(along, 0) + np.maximum(beside - slack, 0)
    share = np.clip((reach - slack) / np.maximum(distance - slack, 1), 0, 1)
    level = np.float32(_HALF_WEIGHT_FLOOR + _HALF_WEIGHT_DEVIATIONS * noise)
    weight = distance**2 / (distance**2 + level**2)
    out = seed.ravel()
    change = share - out.take(band)
    other = np.float32(_OTHER_COLOR + _NOISE_DEVIATIONS * noise)
    weight[change < 0] *= (other**2 / (other**2 + beside**2))[change < 0]
    out[band] += weight * change if known is None else weight * known.ravel().take(band) * change
    return out.reshape(height, width)


def _find_same(image: np.ndarray, plate: np.ndarray, sums: tuple[np.ndarray, np.ndarray], noise: float) -> np.ndarray:
    """Return where the room's own detail shows, float32 (h, w), 1 or 0: no person is there, whatever the network says.

    Plain places are left alone: clothes may have the colour of a wall, but not its pictures.
    """
    size = (_SAME_WINDOW, _SAME_WINDOW)
    ratio = (cv2.blur(sums[0], size) + _DARK) / (cv2.blur(sums[1], size) + _DARK)
    relit = cv2.multiply(plate, cv2.merge([np.clip(ratio, *_LIGHT_BOUNDS)] * 3))
    error = cv2.blur(channel_sum(cv2.absdiff(image, relit)), size)
    window = (_DETAIL_WINDOW, _DETAIL_WINDOW)
    mean, power = cv2.blur(sums[1], window), cv2.sqrBoxFilter(sums[1], cv2.CV_32F, window)
    same = (error < _SAME_FLOOR + _SAME_DEVIATIONS * noise) & (power - mean * mean > _DETAIL**2)
    return cv2.morphologyEx(same.view(np.uint8), cv2.MORPH_OPEN, np.ones(size, np.uint8)).astype(np.float32)


def _local_light(
    image: np.ndarray, plate: np.ndarray, sums: tuple[np.ndarray, np.ndarray], edge: np.ndarray, noise: float
) -> np.ndarray:
    """Return the light on the room around each pixel, float32 (h, w): below 1 in a soft shadow."""
    outside = cv2.dilate(edge, np.ones((3, 3), np.uint8)) < 0.05
    then = sums[1] + _DARK
    ratio = np.clip((sums[0] + _DARK) / then, *_LIGHT_BOUNDS)
    # What is not the room in another light says nothing of it.
    rest = channel_sum(cv2.absdiff(image, cv2.multiply(plate, cv2.merge([ratio] * 3))))
    weight = (outside & (rest < _ROOM_COLOR + 6 * noise)) * then
    # With a little weight for the room's own light, where nothing is known around.
    return _near_mean(ratio - 1, weight, _BACK_WINDOW) + 1


def _near_mean(values: np.ndarray, weight: np.ndarray, pixels: int) -> np.ndarray:
    """Return means over small windows, and over larger ones where the small ones have hardly any weight."""
    size, far = (pixels, pixels), (_FAR * pixels, _FAR * pixels)
    weighted = values * weight if values.ndim == 2 else cv2.multiply(values, cv2.merge([weight] * 3))
    total = cv2.addWeighted(cv2.blur(weight, size), 1, cv2.blur(weight, far), _FAR_WEIGHT, 1e-9)
    summed = cv2.addWeighted(cv2.blur(weighted, size), 1, cv2.blur(weighted, far), _FAR_WEIGHT, 0)
    return cv2.divide(summed, total if values.ndim == 2 else cv2.merge([total] * 3))
