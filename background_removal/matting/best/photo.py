"""The matte of a still: merge several predictions, and solve the edge in the image's own pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from background_removal.matting.alpha.closed_form import solve_alpha
from background_removal.matting.alpha.doubling import double_alpha
from background_removal.matting.alpha.edge import weighted_mean
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.own_colors import MEAN_EPSILON, estimate_own_colors, part_of
from background_removal.matting.alpha.refine import MAX_RAMP_HALF_WIDTH, ramp_around, smooth_ramp
from background_removal.matting.best.prediction import Prediction
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid

# Half width of the unknown band around the network's edge, pixels of the network. On frames with a known alpha 3 and 4
# are best: less cuts hair, more includes background.
_BAND_PIXELS = 4.0
# The same where hair may be, which stands off further than the network sees; of 4, 6 and 8 the best of the choosing
# half of the photographs.
_HAIR_BAND_PIXELS = 8.0
# Additional weight of the network's alpha where it is certain, but for hair: an edge of the scene then does not carry
# the person away from their own. More frays edges.
_CERTAIN_PRIOR_WEIGHT = 0.1
# Power of the certainty in that weight.
_CERTAINTY_POWER = 8
# Weight of the network's alpha at the end of the band; it grows with the square of the distance from the edge.
_PRIOR_WEIGHT = 0.1
# Minimum of that weight.
_MIN_PRIOR_WEIGHT = 1e-6
# Difference of both sides' colours up to which they count as alike, of 255; as dark hair before a dark wall, where
# colour is noise.
_ALIKE_COLORS = 30.0
# Additional weight of the network's alpha where colours are alike.
_ALIKE_PRIOR_WEIGHT = 0.3
# Maximum iterations of the first solution.
_ITERATIONS = 100
# Half width of the ramp applied to the solved alpha when `edge_softness` is 0.5; it removes the haze that noise leaves
# in certain background.
_RAMP_HALF_WIDTH = 0.45
# Half width of the window for the colours of either side, pixels of the network.
_COLOR_PIXELS = 2 * _BAND_PIXELS


class Predictor(Protocol):
    """Predicts the probability of a person in a still."""

    def __call__(self, view: Pyramid, fast: Callable[[], Matte]) -> Prediction | None:
        """Return the prediction for a still; None without a person.

        Args:
            view: The still.
            fast: Returns its fast matte.
        """
        ...


class PhotoMatting:
    """Makes the matte of a still, more slowly and more finely than that of a video's frame.

    An image that comes again, because a key has changed the background, keeps its matte.

    Args:
        predict: Predicts the probability of a person.
        threshold: Probability at which background ends and person begins, 0 to 1; higher keeps less.
        edge_softness: 0 cuts hard, 0.5 keeps the solved alpha, 1 keeps the network's own gradient.
    """

    def __init__(self, predict: Predictor, threshold: float, edge_softness: float) -> None:
        self._predict = predict
        self.set_edge(threshold, edge_softness)
        self.reset()

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._threshold = threshold
        self._edge_softness = edge_softness
        self._matte: Matte | None = None

    def reset(self) -> None:
        """Forget the image."""
        self._digest = b""
        self._prediction: Prediction | None = None
        self._matte = None

    def __call__(self, view: Pyramid, fast: Callable[[], Matte]) -> Matte:
        """Return the matte of an image, at the image's own size.

        Args:
            view: The image.
            fast: Returns its fast matte.
        """
        digest = hashlib.blake2b(np.ascontiguousarray(view.image).data).digest()
        if digest != self._digest:
            self.reset()
            self._prediction = self._predict(view, fast)
            self._digest = digest
        if self._matte is None:
            prediction = self._prediction
            soft = self._edge_softness
            self._matte = solve_matte(view, prediction, self._threshold, soft) if prediction else _empty_matte(view)
        if self._matte.foreground is None:  # there is no person
            return self._matte
        # The image of the kept matte may have been drawn upon.
        return replace(self._matte, image=part_of(view.image, self._matte.box, 0))


def solve_matte(view: Pyramid, prediction: Prediction, threshold: float, edge_softness: float) -> Matte:
    """Return the matte of an image, at the image's own size, from the prediction of a person in it.

    Args:
        view: The image.
        prediction: Its level is one of the image's halvings.
        threshold, edge_softness: As for `PhotoMatting`.
    """
    # Certain background is never person, and certain person always.
    inside = _person_mask(prediction.probability, min(max(threshold, 1e-3), 1 - 1e-3))
    box = _box_around(inside, prediction, view.size)
    if box is None:
        return _empty_matte(view)
    alpha = _solve_edge(part_of(inside, box, prediction.level), prediction, view, box)
    foreground = estimate_own_colors(view, box, alpha, prediction.level, _color_window(prediction))
    alpha = smooth_ramp(alpha, *ramp_around(0.5, _RAMP_HALF_WIDTH * min(1, 2 * edge_softness)))
    if edge_softness > 0.5:
        gradient = prediction.probability if prediction.soft is None else prediction.soft
        gradient = part_of(gradient, box, prediction.level)
        soft = smooth_ramp(gradient, *ramp_around(threshold, MAX_RAMP_HALF_WIDTH * edge_softness))
        share = 2 * edge_softness - 1
        alpha = cv2.addWeighted(alpha, 1 - share, cv2.resize(soft, alpha.shape[::-1]), share, 0)
    return Matte(alpha, box, view.size, part_of(view.image, box, 0), foreground)


def _empty_matte(view: Pyramid) -> Matte:
    whole = (0, 0, *view.size)
    image = view.crop(whole, 64, 36)
    return Matte(np.zeros(image.shape[:2], np.float32), whole, view.size, image)


# -- the part with a person -------------------------------------------------------------------------


def _person_mask(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Return the mask of the person, 1 or 0 in uint8 (h, w), without islands that are nowhere certain."""
    inside = (probability > threshold).view(np.uint8)
    count, found = cv2.connectedComponents(inside)
    labels: np.ndarray = found
    certain = threshold + min(0.5, threshold) * (probability.max() - threshold)
    kept = np.zeros(count, np.uint8)
    kept[labels[probability >= certain]] = 1
    kept[0] = 0
    return kept[labels]


def _box_around(inside: np.ndarray, prediction: Prediction, size: tuple[int, int]) -> Box | None:
    """Return the part of the image in which alpha may be above 0; None if there is none."""
    x, y, width, height = cv2.boundingRect(inside)
    if not width:
        return None
    around, level = int(np.ceil((_BAND_PIXELS + 1) * prediction.pixel)), prediction.level
    return (
        max(0, x - around) << level,
        max(0, y - around) << level,
        min(size[0], (x + width + around) << level),
        min(size[1], (y + height + around) << level),
    )


# -- the edge --------------------------------------------------------------------------------------


def _solve_edge(inside: np.ndarray, prediction: Prediction, view: Pyramid, box: Box) -> np.ndarray:
    """Return the alpha of the part `box` of an image at full size, float32 (h, w) in [0, 1].

    Args:
        inside: The network's mask of the person in that part, 1 or 0 in uint8.
    """
    # Signed distance from the edge, positive inside the person, pixels of the network.
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    depth = (depth - np.copysign(np.float32(0.5), depth)) / np.float32(prediction.pixel)
    half_width = _band_width(prediction, box)
    depth = np.clip(depth, -2 * _HAIR_BAND_PIXELS, 2 * _HAIR_BAND_PIXELS)  # without an edge it is infinite
    # The ramp from 0 to 1 is two pixels wide: one inside, one outside.
    prior = np.clip(depth / 2 + 0.5, 0, 1)
    band = np.abs(depth) < half_width
    prior[~band] = inside[~band]
    image = part_of(view.level(prediction.level), box, prediction.level)
    trust = np.float32(_PRIOR_WEIGHT) * np.minimum(np.square(depth / half_width), 1)
    trust += np.float32(_MIN_PRIOR_WEIGHT)
    trust += np.float32(_ALIKE_PRIOR_WEIGHT) * _color_likeness(image, depth, prediction)
    if prediction.hair is not None:
        trust += _certainty(prediction, box)
    alpha = solve_alpha(image, prior, band, prior, trust, _ITERATIONS)
    for level in range(prediction.level - 1, -1, -1):
        alpha = double_alpha(alpha, part_of(view.level(level), box, level))
    return alpha


def _band_width(prediction: Prediction, box: Box) -> np.ndarray | np.float32:
    """Return half the width of the unknown band, pixels of the network; of each pixel, float32 (h, w), or of all."""
    if prediction.hair is None:
        return np.float32(_BAND_PIXELS)
    hair = part_of(prediction.hair, box, prediction.level)
    return np.where(hair, np.float32(_HAIR_BAND_PIXELS), np.float32(_BAND_PIXELS))


def _certainty(prediction: Prediction, box: Box) -> np.ndarray:
    """Return the additional weight of the network's alpha where it is certain and there is no hair, float32 (h, w)."""
    probability = part_of(prediction.probability, box, prediction.level)
    certain = np.abs(2 * probability - 1) ** _CERTAINTY_POWER
    assert prediction.hair is not None
    certain[part_of(prediction.hair, box, prediction.level)] = 0
    return np.float32(_CERTAIN_PRIOR_WEIGHT) * certain


def _color_likeness(image: np.ndarray, depth: np.ndarray, prediction: Prediction) -> np.ndarray:
    """Return the likeness of both sides' colours around each pixel, float32 (h, w); 1 where they are the same.

    Args:
        image: uint8 (h, w, 3).
        depth: Distance inside the person, float32 (h, w), in pixels of the network.
    """
    size = _color_window(prediction)
    front = weighted_mean(image, np.clip(depth - 0.5, 1e-4, 1), size, MEAN_EPSILON)
    back = weighted_mean(image, np.clip(-depth - 0.5, 1e-4, 1), size, MEAN_EPSILON)
    return np.exp(np.square(front - back).sum(axis=2) * np.float32(-1 / _ALIKE_COLORS**2))


def _color_window(prediction: Prediction) -> int:
    """Return the width of the window for the colours of either side, in pixels of the prediction's level."""
    return 2 * round(_COLOR_PIXELS * prediction.pixel) + 1
