"""The matte of a still: several answers merged, and the edge found in the picture's own pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from background_removal.matting.alpha.closed_form import solve_alpha
from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.refine import MAX_RAMP_HALF_WIDTH, ramp_around, smooth_ramp
from background_removal.matting.crop import Box, CropPolicy, bounds, crop_around
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid

# Room around the person in the crops that the network is shown, as shares of his own width and height. With two
# input sizes that is ten answers; on frames with a known alpha six err a twentieth more, and mirrored ones are no help.
_MARGINS = (0.0, 0.05, 0.1, 0.15, 0.25)
_ROOM = CropPolicy(margin=0.15, least_aspect=0.8)
# Along a side that is not the frame's, a crop's answer counts less over this share of it, down to nothing: nothing
# ends where a crop does.
_FADE = 0.08
# How much the look at the whole frame counts beside one crop: it is all there is outside them.
_LOOK_WEIGHT = 0.05

# The edge is first searched for in the halving of the picture where a pixel of the network's is at most so many
# of its own; then in its doublings.
_COARSEST = 2.5
# How far to either side of the network's edge the true one is searched for, in pixels of the network's. On frames
# with a known alpha 3 and 4 are best: less cuts hair, more takes in the room.
_REACH = 4.0
# What the network says pulls by the square of the distance from its edge, this much at the end of the reach.
_TRUST = 0.1
_MIN_TRUST = 1e-6
# Where the colours of both sides differ by no more than this (of 255), as dark hair before a dark wall, colour tells
# nothing but noise, and what the network says pulls by so much more.
_ALIKE = 30.0
_TRUST_ALIKE = 0.3
_ITERATIONS = 100
# In a doubling, what is not yet 0 or 1 to within this is found anew, and what is this near to it in pixels.
_SURE = 0.02
_NEAR = 2
_TRUST_FINE = 1e-3
_ITERATIONS_FINE = 12
# Half the width of the step that the alpha found goes through where `edge_softness` is 0.5: what is left of the haze
# that noise makes of certain background goes.
_STEP = 0.45
# Rows that are worked on at a time, so that a large picture takes no more memory for it than a small one.
_STRIP_ROWS = 256
# The colours of either side are averages over this many pixels of the network's.
_COLOR_REACH = 2 * _REACH


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the network says of a picture.

    Attributes:
        probability: Of a person, float32 (h, w) in [0, 1], of the whole picture.
        level: How often the picture is halved to be of that size.
        pixel: How many of its pixels one of the network's is.
    """

    probability: np.ndarray
    level: int
    pixel: float


class PhotoMatting:
    """Makes the matte of a still: it has time that a frame of a video has not.

    A picture that comes again, because a key has changed what is behind the person, gets the matte that it had.

    Args:
        looking: The network that looks at the whole picture.
        network: The network that draws the person.
        threshold: Where background ends and person begins, 0 to 1; higher keeps less.
        edge_softness: 0 cuts hard, 0.5 takes the alpha as it is found, 1 leaves the network's own gradient.
    """

    def __init__(self, looking: Segmenter, network: Segmenter, threshold: float, edge_softness: float) -> None:
        self._looking = looking
        self._network = network
        self.set_edge(threshold, edge_softness)
        self.reset()

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._threshold = threshold
        self._edge_softness = edge_softness
        self._matte: Matte | None = None

    def reset(self) -> None:
        """Forget the picture."""
        self._digest = b""
        self._answer: _Answer | None = None
        self._matte = None

    def __call__(self, view: Pyramid) -> Matte:
        """Return the matte of a picture, at the picture's own size."""
        digest = hashlib.blake2b(np.ascontiguousarray(view.image).data).digest()
        if digest != self._digest:
            self.reset()
            self._answer = _ask(self._looking, self._network, view)
            self._digest = digest
        if self._matte is None:
            self._matte = self._found(view)
        if self._matte.foreground is None:  # nobody is there
            return self._matte
        # The array that it was found in may have been drawn upon since.
        return replace(self._matte, image=_part(view.image, self._matte.box, 0))

    def _found(self, view: Pyramid) -> Matte:
        answer = self._answer
        if answer is None:
            return _nobody(view)
        # Certain background is never person, and certain person always.
        threshold = min(max(self._threshold, 1e-3), 1 - 1e-3)
        inside = _without_islands(answer.probability, threshold)
        box = _reach_of(inside, answer, view.size)
        if box is None:
            return _nobody(view)
        probability = _part(answer.probability, box, answer.level)
        alpha = _edge(_part(inside, box, answer.level), answer, view, box)
        foreground = _own_colors(view, box, alpha, answer)
        alpha = smooth_ramp(alpha, *ramp_around(0.5, _STEP * min(1, 2 * self._edge_softness)))
        if self._edge_softness > 0.5:
            soft = smooth_ramp(probability, *ramp_around(self._threshold, MAX_RAMP_HALF_WIDTH * self._edge_softness))
            share = 2 * self._edge_softness - 1
            alpha = cv2.addWeighted(alpha, 1 - share, cv2.resize(soft, alpha.shape[::-1]), share, 0)
        return Matte(alpha, box, view.size, _part(view.image, box, 0), foreground)


def _nobody(view: Pyramid) -> Matte:
    whole = (0, 0, *view.size)
    image = view.crop(whole, 64, 36)
    return Matte(np.zeros(image.shape[:2], np.float32), whole, view.size, image)


def _part(image: np.ndarray, box: Box, level: int) -> np.ndarray:
    """Return the view of `image`, a picture halved `level` times, inside `box` of the picture."""
    left, top, right, bottom = box
    return image[top >> level : -(-bottom >> level), left >> level : -(-right >> level)]


# -- what the network says -------------------------------------------------------------------------


def _ask(looking: Segmenter, network: Segmenter, view: Pyramid) -> _Answer | None:
    """Return the merged answers of a network; None if nobody is there."""
    whole: Box = (0, 0, *view.size)
    look = looking(view.crop(whole, *looking.size[::-1]))
    person = bounds(look, whole, view.size)
    if person is None:
        return None
    # The first crop tells better than the look what belongs to the person.
    middle = crop_around(person, view.size, _ROOM)
    drawn = network(view.crop(middle, *network.size[::-1]))
    person = bounds(drawn, middle, view.size) or person
    crop = crop_around(person, view.size, _ROOM)
    pixel = max((crop[3] - crop[1]) / network.size[0], (crop[2] - crop[0]) / network.size[1])
    level = 0
    while pixel > _COARSEST * (1 << level):
        level += 1
    height, width = view.level(level).shape[:2]
    total = np.full((height, width), _LOOK_WEIGHT, np.float32)
    merged = cv2.resize(look, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(_LOOK_WEIGHT)
    for margin in _MARGINS:
        box = crop_around(person, view.size, replace(_ROOM, margin=margin))
        weight = _fading(box, view.size, _part(total, box, level).shape)
        for size in network.sizes:
            answer = network(view.crop(box, *size[::-1]))
            _part(merged, box, level)[:] += weight * cv2.resize(answer, weight.shape[::-1])
            _part(total, box, level)[:] += weight
    return _Answer(ColorModel()(merged / total, view.level(level)), level, max(1.0, pixel / (1 << level)))


def _fading(box: Box, size: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """Return how much each pixel of a crop counts, float32 of `shape`: less towards sides that are not the frame's."""
    left, top, right, bottom = box

    def ramp(count: int, fades_in: bool, fades_out: bool) -> np.ndarray:
        place = np.minimum((np.arange(count, dtype=np.float32) + 0.5) / (_FADE * count), 1)
        return np.minimum(place if fades_in else 1, place[::-1] if fades_out else np.ones_like(place))

    across = ramp(shape[1], left > 0, right < size[0])
    down = ramp(shape[0], top > 0, bottom < size[1])
    return np.minimum.outer(down, across).astype(np.float32)


def _without_islands(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Return where a person is, 1 or 0 in uint8 (h, w): without islands in which the network is nowhere sure."""
    inside = (probability > threshold).view(np.uint8)
    count, found = cv2.connectedComponents(inside)
    labels: np.ndarray = found
    sure = threshold + min(0.5, threshold) * (probability.max() - threshold)
    kept = np.zeros(count, np.uint8)
    kept[labels[probability >= sure]] = 1
    kept[0] = 0
    return kept[labels]


def _reach_of(inside: np.ndarray, answer: _Answer, size: tuple[int, int]) -> Box | None:
    """Return the part of the picture in which alpha may be above 0; None if there is none."""
    x, y, width, height = cv2.boundingRect(inside)
    if not width:
        return None
    around, level = int(np.ceil((_REACH + 1) * answer.pixel)), answer.level
    return (
        max(0, x - around) << level,
        max(0, y - around) << level,
        min(size[0], (x + width + around) << level),
        min(size[1], (y + height + around) << level),
    )


# -- the edge --------------------------------------------------------------------------------------


def _edge(inside: np.ndarray, answer: _Answer, view: Pyramid, box: Box) -> np.ndarray:
    """Return the alpha of the part `box` of a picture at full size, float32 (h, w) in [0, 1].

    Args:
        inside: Where the network sees the person in that part, 1 or 0 in uint8.
    """
    far = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    far = (far - np.copysign(np.float32(0.5), far)) / np.float32(answer.pixel)
    far = np.clip(far, -2 * _REACH, 2 * _REACH)  # without an edge it is endless
    # One that is inside a pixel and one that is outside are a step apart.
    prior = np.clip(far / 2 + 0.5, 0, 1)
    band = np.abs(far) < _REACH
    prior[~band] = inside[~band]
    image = _part(view.level(answer.level), box, answer.level)
    trust = np.float32(_TRUST) * np.minimum(np.square(far / np.float32(_REACH)), 1) + np.float32(_MIN_TRUST)
    trust += np.float32(_TRUST_ALIKE) * _likeness(image, far, answer)
    alpha = solve_alpha(image, prior, band, prior, trust, _ITERATIONS)
    for level in range(answer.level - 1, -1, -1):
        alpha = _doubled(alpha, _part(view.level(level), box, level))
    return alpha


def _likeness(image: np.ndarray, far: np.ndarray, answer: _Answer) -> np.ndarray:
    """Return how much alike the colours of both sides are around each pixel, float32 (h, w): 1 where they are the same.

    Args:
        image: uint8 (h, w, 3).
        far: How far inside the person a pixel is, float32 (h, w), in pixels of the network's.
    """
    size = _neighbourhood(answer)
    front = _local_mean(image, np.clip(far - 0.5, 1e-4, 1), size)
    back = _local_mean(image, np.clip(-far - 0.5, 1e-4, 1), size)
    return np.exp(np.square(front - back).sum(axis=2) * np.float32(-1 / _ALIKE**2))


def _doubled(alpha: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return an alpha at twice its size, or a pixel less where that is uneven, fitted to `image` of that size."""
    height, width = image.shape[:2]
    large = cv2.resize(alpha, (2 * alpha.shape[1], 2 * alpha.shape[0]), interpolation=cv2.INTER_LINEAR)
    large = np.ascontiguousarray(large[:height, :width])
    large[large < _SURE / 4] = 0
    large[large > 1 - _SURE / 4] = 1
    square = np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8)
    band = cv2.dilate(cv2.inRange(large, _SURE, 1 - _SURE), square).view(bool)
    for rows, columns in _strips(band):
        # What is next to the strip is given.
        around = slice(max(0, rows.start - 2), min(height, rows.stop + 2))
        here = band[around, columns].copy()
        here[: rows.start - around.start] = False
        here[rows.stop - around.start :] = False
        place = np.s_[around, columns]
        trust = np.full(here.shape, _TRUST_FINE, np.float32)
        large[place] = solve_alpha(image[place], large[place], here, large[place], trust, _ITERATIONS_FINE)
    return large


def _strips(wanted: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Yield rectangles of a few rows each that hold all of `wanted`, bool (h, w), and two columns more at its sides."""
    height, width = wanted.shape
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(top + _STRIP_ROWS, height)
        columns = np.flatnonzero(wanted[top:bottom].any(axis=0))
        if len(columns):
            yield slice(top, bottom), slice(max(0, columns[0] - 2), min(width, columns[-1] + 3))


# -- the person's own colours ----------------------------------------------------------------------


def _own_colors(view: Pyramid, box: Box, alpha: np.ndarray, answer: _Answer) -> np.ndarray:
    """Return the person's own colours where alpha is above 0, uint8 (h, w, 3) of the size of the box.

    The colours of both sides are estimated as averages; what these do not explain of a pixel is shared between them
    by how much of it is either's, with the least change of both (after Forte: Approximate Fast Foreground Colour
    Estimation, ICIP 2021). So a strand of hair keeps its own shade and loses that of the sky.
    """
    image = _part(view.image, box, 0)
    height, width = alpha.shape
    small = _part(view.level(answer.level), box, answer.level)
    person = cv2.resize(alpha, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    size = _neighbourhood(answer)
    # What is mostly of one side counts for it; the rest only where nothing better is near.
    front = _local_mean(small, np.clip(2 * person - 1, 1e-3, 1) * person, size)
    back = _local_mean(small, np.clip(1 - 2 * person, 1e-3, 1) * (1 - person), size)
    large = (small.shape[1] << answer.level, small.shape[0] << answer.level)
    front, back = (cv2.resize(cv2.convertScaleAbs(colors), large) for colors in (front, back))
    out = image.copy()
    edge = (alpha > 0) & (alpha < 1)
    for place in _strips(edge):
        here = edge[place]
        share = alpha[place][here][:, None]
        own, behind = (colors[:height, :width][place][here].astype(np.float32) for colors in (front, back))
        unexplained = image[place][here] - share * own - (1 - share) * behind
        own += share / (share**2 + (1 - share) ** 2) * unexplained
        out[place][here] = np.clip(own + 0.5, 0, 255).astype(np.uint8)
    return out


def _neighbourhood(answer: _Answer) -> int:
    return 2 * round(_COLOR_REACH * answer.pixel) + 1


def _local_mean(image: np.ndarray, weight: np.ndarray, size: int) -> np.ndarray:
    """Return the weighted averages of `image`, uint8 (h, w, 3), over squares of `size` pixels, float32."""
    total = cv2.blur(weight, (size, size)) + np.float32(1e-9)
    return cv2.blur(image * weight[..., None], (size, size)) / total[..., None]
