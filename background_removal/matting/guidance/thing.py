"""A thing in the picture: found around a click, and followed from frame to frame."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from background_removal.matting.boxes import Box

# All lengths are pixels of a picture whose longest side is about 480. Values without a source were chosen on synthetic
# clips of four things that move before three rooms; docs/corrections.md has the figures of others.

# Half sides of the windows in which a thing is looked for around a click.
_REACHES = (20, 24, 28, 33, 38, 44, 52, 72, 100)
# Half side from which a window is looked at in half the size, for speed.
_MIN_HALVED = 60
# Smallest and largest thing, shares of the picture's area.
_MIN_AREA, _MAX_AREA = 0.0008, 0.12
# Radius of what certainly belongs to the thing around a click.
_CERTAIN_RADIUS = 2
# Rounds of GrabCut for a click (Rother, Kolmogorov, Blake: "GrabCut", 2004).
_ROUNDS = 4
# Distance from the edge at which both sides are compared.
_SIDE = 3
# Change of colour in Lab across the edge that is visible.
_EDGE_CHANGE = 12.0
# Distance of a click from a thing's middle at which an answer counts a third, share of the square root of its area.
_MIDDLE_DISTANCE = 0.5
# Smallest score of an answer: the share of its edge with such a change, times how much it agrees with that of the next
# window, times how much it has the click in its middle. Below it the thing does not stand out.
_MIN_SCORE = 0.5
# Bits of each colour channel in a histogram.
_BITS = 4
# Share of each colour that nothing has; a colour that neither side has gives no evidence.
_PRIOR = 1e-3
# Limit of what one pixel's colour says, natural logarithm of odds.
_MAX_EVIDENCE = 2.5
# Weight of the colours against the place that the motion predicts.
_COLOR_WEIGHT = 0.7
# Standard deviation by which the predicted edge is softened: how far colours may move it in one frame.
_EDGE_SOFTNESS = 1.6
# Growth beyond the predicted edge in one frame.
_MAX_STEP = 3
# Largest and smallest area in proportion to what the motion explains since the click.
_MAX_GROWTH, _MIN_SHARE = 1.15, 0.5
# Rate at which the expected area follows what is found, and at which colours are learnt again.
_AREA_RATE, _COLOR_RATE = 0.02, 0.04
# Rate at which the colours of the surroundings are learnt.
_AROUND_RATE = 0.3
# Similarity of the colours to those at the click (Bhattacharyya's coefficient) below which a thing is in doubt.
_MIN_SIMILARITY = 0.6
# Frames in doubt, one after the other, after which a thing is lost.
_MAX_DOUBTS = 8
# Margin in which a thing is looked for in the next frame: share of its longer side, and least pixels.
_MARGIN_SHARE, _MIN_MARGIN = 0.4, 14
# Reach of the search for the whole thing: share of its longer side, and least pixels; and what a pixel further from
# where it was going costs, squared difference of colours for a squared pixel.
_SEARCH_SHARE, _MIN_SEARCH = 0.4, 12
_SEARCH_PENALTY = 1.0
# Most and fewest points from which the movement of the whole thing is fitted, and the distance at which one fits.
_MAX_POINTS, _MIN_POINTS, _FIT_PIXELS = 60, 6, 1.0
# Window in which the optical flow of a point is looked for (Lucas, Kanade).
_FLOW_WINDOW = (11, 11)


def find_thing(image: np.ndarray, blocked: np.ndarray, column: int, row: int) -> Thing | None:
    """Return the thing around a pixel; None if nothing stands out from its surroundings there.

    GrabCut is asked in windows of several sizes. The answer counts that hardly depends on the window, has a visible
    edge all around, and the click in its middle: a part of a thing, or a piece of the room with it, has not.

    Args:
        image: uint8 (h, w, 3).
        blocked: What is no part of it whatever its colour, bool (h, w).
        column, row: The pixel.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)
    masks = [_cut_out(image, blocked, column, row, reach) for reach in _REACHES]
    agreements = [0.0, *(_overlap(*pair) for pair in itertools.pairwise(masks)), 0.0]
    best, best_score = None, _MIN_SCORE
    for mask, agreement in zip(masks, map(max, itertools.pairwise(agreements)), strict=True):
        area = int(mask.sum())
        if not _MIN_AREA * mask.size <= area <= _MAX_AREA * mask.size:
            continue
        rows, columns = np.nonzero(mask)
        distance = np.hypot(columns.mean() - column, rows.mean() - row) / np.sqrt(area)
        score = _edge_share(lab, mask) * agreement * float(np.exp(-((distance / _MIDDLE_DISTANCE) ** 2)))
        if score > best_score:
            best, best_score = mask, score
    return None if best is None else Thing(image, best)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection of two masks over their union."""
    return np.count_nonzero(one & other) / max(1, np.count_nonzero(one | other))


def _cut_out(image: np.ndarray, blocked: np.ndarray, column: int, row: int, reach: int) -> np.ndarray:
    """Return what GrabCut takes for a thing around a pixel, uint8 (h, w), 1 inside; large windows at half the size."""
    if reach >= _MIN_HALVED:
        half = image.shape[1] // 2, image.shape[0] // 2
        small = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
        shut = cv2.resize(blocked.view(np.uint8), half, interpolation=cv2.INTER_NEAREST) > 0
        column, row = min(column // 2, half[0] - 1), min(row // 2, half[1] - 1)
        found = _cut_out_at_size(small, shut, column, row, reach // 2).astype(np.float32)
        return (cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.uint8)
    return _cut_out_at_size(image, blocked, column, row, reach)


def _cut_out_at_size(image: np.ndarray, blocked: np.ndarray, column: int, row: int, reach: int) -> np.ndarray:
    height, width = image.shape[:2]
    left, top = max(0, column - reach), max(0, row - reach)
    window = (slice(top, min(height, row + reach + 1)), slice(left, min(width, column + reach + 1)))
    labels = np.full(image[window].shape[:2], cv2.GC_PR_BGD, np.uint8)
    place = (column - left, row - top)
    cv2.circle(labels, place, round(0.6 * reach), cv2.GC_PR_FGD, -1)  # type: ignore[call-overload]
    frame = np.ones_like(labels)
    frame[2:-2, 2:-2] = 0
    labels[frame > 0] = cv2.GC_BGD
    labels[blocked[window]] = cv2.GC_BGD
    cv2.circle(labels, place, _CERTAIN_RADIUS, cv2.GC_FGD, -1)  # type: ignore[call-overload]
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(1)  # GrabCut begins with random clusters
    cv2.grabCut(np.ascontiguousarray(image[window]), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    inside[place[1], place[0]] = 1
    _, numbers = cv2.connectedComponents(inside)
    inside = (numbers == numbers[place[1], place[0]]).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[window] = _fill_holes(inside)
    return mask


def _edge_share(lab: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of a mask's edge across which the colour changes visibly."""
    square = np.ones((3, 3), np.uint8)
    left, top, right, bottom = _window(_bounds(mask.astype(np.float32)), mask.shape, 2 * _SIDE)
    mask, lab = mask[top:bottom, left:right], lab[top:bottom, left:right]
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    near, far = _mean_where(lab, (inside > 0) & (inside <= _SIDE)), _mean_where(lab, (outside > 0) & (outside <= _SIDE))
    edge = (cv2.dilate(mask, square) != mask) & (near[1] > 0) & (far[1] > 0)
    if not edge.any():
        return 0.0
    change = np.linalg.norm(near[0][edge] - far[0][edge], axis=1)
    return float((change > _EDGE_CHANGE).mean())


def _mean_where(lab: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means over the pixels `where` around each pixel, float32 (h, w, 3), and their share."""
    size = (2 * _SIDE + 1, 2 * _SIDE + 1)
    share = cv2.blur(where.astype(np.float32), size)
    total = cv2.blur(lab * where[..., None].astype(np.float32), size)
    return total / np.maximum(share, 1e-6)[..., None], share


def _fill_holes(mask: np.ndarray) -> np.ndarray:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(mask), contours, -1, 1, -1)  # type: ignore[call-overload]


class Thing:
    """Follows one thing.

    Args:
        image: The picture in which it was found, uint8 (h, w, 3).
        mask: The thing, uint8 (h, w), 1 inside.

    Attributes:
        box: Left, top, right, bottom around it in the picture.
        probability: The thing inside the box, float32 (h, w) in [0, 1].
    """

    def __init__(self, image: np.ndarray, mask: np.ndarray) -> None:
        self._last = image
        self._whole = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
        self._area = float(mask.sum())
        self._velocity = np.zeros(2)
        self._doubts = 0
        rows, columns = _slices(_window(_bounds(self._whole), mask.shape))
        inside, bins = mask[rows, columns] > 0, _bins(image[rows, columns])
        self._first = self._colors = _histogram(bins[inside])
        self._around = _histogram(bins[~inside])
        self._show()

    def covers(self, column: int, row: int) -> bool:
        """Return whether the thing is at a pixel, or just beside it."""
        return bool((self._whole[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] > 0.5).any())

    def follow(self, image: np.ndarray) -> bool:
        """Find the thing in the next picture, uint8 (h, w, 3); return False once it is lost."""
        if image.shape != self._last.shape:
            return False
        before = _bounds(self._whole)
        shift = self._find_shift(image, before)
        window = _window(_shift(before, shift), image.shape[:2])
        left, top, right, bottom = window
        if right - left < _MIN_MARGIN or bottom - top < _MIN_MARGIN:  # out of the picture
            return False
        picture = image[top:bottom, left:right]
        last = _cut(self._last, window, shift, cv2.BORDER_REPLICATE)
        mask = _cut(self._whole, window, shift, cv2.BORDER_CONSTANT)
        found = self._decide(picture, self._predict(last, picture, mask))
        if found is None:
            return False
        self._last = image
        self._whole = np.zeros_like(self._whole)
        self._whole[top:bottom, left:right] = found
        after = _bounds(self._whole)
        self._velocity = (self._velocity + _middle(after) - _middle(before)) / 2
        self._show()
        return True

    def _find_shift(self, image: np.ndarray, box: Box) -> np.ndarray:
        """Return how far the thing as a whole has moved, in whole pixels, by comparing its pixels."""
        guess = np.rint(self._velocity).astype(int)
        reach = max(_MIN_SEARCH, round(_SEARCH_SHARE * max(box[2] - box[0], box[3] - box[1])))
        rows, columns = _slices(box)
        template, weight = self._last[rows, columns], self._whole[rows, columns]
        area = box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach
        where = _cut(image, area, -guess, cv2.BORDER_REPLICATE)
        difference = cv2.matchTemplate(where, template, cv2.TM_SQDIFF, mask=cv2.merge([weight] * 3))
        difference /= max(float(weight.sum()), 1.0)
        steps = np.arange(difference.shape[0])[:, None] - reach, np.arange(difference.shape[1]) - reach
        difference += _SEARCH_PENALTY * (steps[0] ** 2 + steps[1] ** 2)
        row, column = np.unravel_index(int(difference.argmin()), difference.shape)
        return guess + np.array([column - reach, row - reach])

    def _show(self) -> None:
        self.box = _bounds(self._whole)
        rows, columns = _slices(self.box)
        self.probability = self._whole[rows, columns]

    def _predict(self, last: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return where the motion has taken the thing in a window, float32 (h, w).

        Args:
            last: The window in the last picture, moved as the whole thing has, uint8 (h, w, 3).
            picture: The window in this one.
            mask: The thing in the last one.
        """
        matrix = _find_move(cv2.cvtColor(last, cv2.COLOR_BGR2GRAY), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), mask)
        if matrix is None:
            return mask
        moved, moved_last = (cv2.warpAffine(each, matrix, mask.shape[::-1]) for each in (mask, last))
        if _difference(moved_last, picture, moved) > _difference(last, picture, mask):
            return mask
        self._area *= min(max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 0.9), 1.1) ** 2
        return moved

    def _decide(self, picture: np.ndarray, predicted: np.ndarray) -> np.ndarray | None:
        """Return the probability of the thing in a window, float32 (h, w), from its predicted place and the colours.

        Returns:
            None once it is lost.
        """
        bins = _bins(picture)
        evidence = np.log((self._colors[bins] + _PRIOR) / (self._around[bins] + _PRIOR))
        evidence = cv2.blur(np.clip(evidence, -_MAX_EVIDENCE, _MAX_EVIDENCE).astype(np.float32), (3, 3))
        prior = np.clip(cv2.GaussianBlur(predicted, (0, 0), _EDGE_SOFTNESS), 0.02, 0.98)
        found = 1 / (1 + (1 - prior) / prior * np.exp(-_COLOR_WEIGHT * evidence))
        core = (predicted > 0.5).astype(np.uint8)
        found[cv2.dilate(core, np.ones((2 * _MAX_STEP + 1, 2 * _MAX_STEP + 1), np.uint8)) == 0] = 0
        found = self._limit(_one_piece(found, core))
        inside = found > 0.5
        count = int(inside.sum())
        if count == 0:
            return None
        colors = _histogram(bins[inside])
        similarity = float(np.sqrt(colors * self._first).sum())
        if similarity < _MIN_SIMILARITY or count < _MIN_SHARE * self._area:
            self._doubts += 1
            return predicted if self._doubts <= _MAX_DOUBTS else None
        self._doubts = 0
        self._area += _AREA_RATE * (count - self._area)
        self._colors = self._colors + np.float32(_COLOR_RATE) * (colors - self._colors)
        outside = _histogram(bins[found < 0.1])
        self._around = self._around + np.float32(_AROUND_RATE) * (outside - self._around)
        return found

    def _limit(self, found: np.ndarray) -> np.ndarray:
        """Return a probability of at most the area that the motion explains: things do not grow over the room."""
        most = int(_MAX_GROWTH * self._area)
        if most >= found.size or np.count_nonzero(found > 0.5) <= most:
            return found
        level = float(np.partition(found.ravel(), found.size - most - 1)[found.size - most - 1])
        return np.clip(found - (level - 0.5), 0, 1) * (found > 0)


def _find_move(last: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Return the rotation, scale and shift of a thing between two windows in grey; None if it shows too few points."""
    inside = (mask > 0.5).astype(np.uint8)
    points = cv2.goodFeaturesToTrack(last, _MAX_POINTS, 0.01, 2, mask=inside)
    if points is None or len(points) < _MIN_POINTS:
        return None
    there, found, _ = cv2.calcOpticalFlowPyrLK(last, picture, points, None, winSize=_FLOW_WINDOW, maxLevel=2)  # type: ignore[call-overload]
    back, again, _ = cv2.calcOpticalFlowPyrLK(picture, last, there, None, winSize=_FLOW_WINDOW, maxLevel=2)  # type: ignore[call-overload]
    good = (found.ravel() > 0) & (again.ravel() > 0) & (np.abs(back - points).max(axis=(1, 2)) < 1)
    if np.count_nonzero(good) < _MIN_POINTS:
        return None
    matrix, fits = cv2.estimateAffinePartial2D(
        points[good], there[good], ransacReprojThreshold=_FIT_PIXELS, maxIters=200
    )
    return matrix if matrix is not None and np.count_nonzero(fits) >= _MIN_POINTS else None


def _difference(last: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean difference of two windows, uint8 (h, w, 3), inside a mask, 0 to 255."""
    return cv2.mean(cv2.absdiff(last, picture), (mask > 0.8).view(np.uint8))[1]


def _one_piece(found: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Return a probability with its largest piece alone, and without holes where the thing was predicted."""
    inside = (found > 0.5).astype(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(inside)
    if count < 2:
        return found
    piece = (numbers == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    holes = (_fill_holes(piece) > 0) & (piece == 0) & (core > 0)
    near = cv2.dilate(piece, np.ones((5, 5), np.uint8)) > 0
    return np.where(holes, np.float32(0.9), found) * near


def _bounds(mask: np.ndarray) -> Box:
    left, top, width, height = cv2.boundingRect((mask > 0.05).astype(np.uint8))
    return left, top, left + width, top + height


def _shift(box: Box, shift: np.ndarray) -> Box:
    across, down = int(shift[0]), int(shift[1])
    return box[0] + across, box[1] + down, box[2] + across, box[3] + down


def _window(box: Box, shape: tuple[int, ...], margin: int = 0) -> Box:
    """Return a box with a margin, by default that of the next frame, inside a picture of (height, width)."""
    margin = margin or max(_MIN_MARGIN, round(_MARGIN_SHARE * max(box[2] - box[0], box[3] - box[1])))
    left, top, right, bottom = box
    return max(0, left - margin), max(0, top - margin), min(shape[1], right + margin), min(shape[0], bottom + margin)


def _middle(box: Box) -> np.ndarray:
    return np.array([box[0] + box[2], box[1] + box[3]]) / 2


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box[1], box[3]), slice(box[0], box[2])


def _cut(image: np.ndarray, window: Box, shift: np.ndarray, border: int) -> np.ndarray:
    """Return the part of an image that is in `window` after a shift by whole pixels."""
    matrix = np.array([[1.0, 0, window[0] - shift[0]], [0, 1, window[1] - shift[1]]])
    size = (window[2] - window[0], window[3] - window[1])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border)


def _bins(image: np.ndarray) -> np.ndarray:
    """Return the bin of each pixel's colour, int32 (h, w), for uint8 (h, w, 3)."""
    blue, green, red = (plane.astype(np.int32) >> (8 - _BITS) for plane in cv2.split(image))
    return (blue << 2 * _BITS) | (green << _BITS) | red


def _histogram(bins: np.ndarray) -> np.ndarray:
    """Return the shares of colours, float32 (4096,), each spread over its neighbours; 0 for no pixels."""
    side = 1 << _BITS
    counts = np.bincount(bins.ravel(), minlength=side**3).astype(np.float32).reshape(side, side * side)
    kernel = np.array([0.25, 0.5, 0.25], np.float32)
    for _ in range(3):  # along one axis after the other
        counts = cv2.filter2D(counts, -1, kernel[:, None], borderType=cv2.BORDER_REPLICATE)
        counts = np.ascontiguousarray(counts.reshape(side, side, side).transpose(1, 2, 0)).reshape(side, side * side)
    return counts.ravel() / max(1.0, float(counts.sum()))
