"""One of the people in the frame: the crop that follows him, what the drawer remembers of him, what is his."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from background_removal.matting.alpha.islands import remove_islands
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.crop import (
    Bounds,
    Box,
    CropPolicy,
    CropTracker,
    area,
    bounds,
    crop_around,
    meet,
    resampled,
)
from background_removal.matting.networks.faces import Face
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.matte_network import MatteNetwork

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# The part of the frame around a face that holds a person, in faces: to either side of its middle, above and below its
# top (benchmarks/faces.py, --crop 5 1 7: on average 99.7 % of a dancing person, arms included).
_FACES_ASIDE, _FACES_ABOVE, _FACES_BELOW = 2.5, 1.0, 7.0
# A face's body is this many faces wide to either side, for telling whose a pixel is.
_FACES_REACH = 1.5
# Of what is drawn in the box of a new face so much must be person.
_DRAWN_IN_FACE = 0.3
# Faces of one person, in two looks, are no farther apart than this, in their own widths.
_SAME_FACE = 1.2
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
# Whose face was missed in so many looks may have it elsewhere.
_LOOKS_WITHOUT_FACE = 2
# Whose face is known is drawn for so many frames more in which the network draws next to nothing.
_MAX_MISSED = 2
# A look that sees less than this share of what is drawn has seen a part of him.
_MIN_LOOKED = 0.5
# Between two people, of whom one is shown, the alpha ends over so many columns.
_SHARE_FADE = 9
# Where the crop moves, the answer of before is left behind over so many frames,
_FADE_FRAMES = 10
# of that share at first, and only where the picture has changed by less than so much brightness (of 255).
_FADE_SHARE = 0.9
_FADE_MOTION = 3.0


class TrackedPerson:
    """A person who is followed.

    Args:
        crop: The part of the frame in which to draw him first.
        size: Width and height of the frame.
        room: How much of the room the crop shows.
        face: His face, if that was seen.
    """

    def __init__(self, crop: Box, size: tuple[int, int], room: CropPolicy, face: Face | None = None) -> None:
        self.follower = CropTracker(room)
        self._remembers = room.remembers
        self.follower.box = crop
        self.size = size
        self.face = face
        self.matte: Matte | None = None
        self.bounds: Bounds | None = None
        self.looks_without_face = 0
        # In frames: since when he is there, and for how long he will be believed without having been seen otherwise.
        self.age = 0
        self.trial: int | None = None
        self._state: Any = None
        self._new = True
        self._missed = 0
        # The column of the frame in which his middle is.
        self.centre = _middle(face.box if face is not None else crop)
        self._reach = _reach(face, crop)
        self._mass: float | None = None
        self._faded: Matte | None = None
        self._fade_left = 0

    # -- whose is what -------------------------------------------------------------------------------

    def has_face_at(self, face: Face) -> bool:
        """Tell whether a face is where his was seen last."""
        if self.face is None:
            return False
        own, width = self.face.box[2] - self.face.box[0], face.box[2] - face.box[0]
        aside, below = abs(_middle(face.box) - self.centre), abs(face.box[1] - self.face.box[1])
        return max(aside, below) < _SAME_FACE * max(own, width) and 0.5 < width / own < 2

    def may_have(self, face: Face) -> bool:
        """Tell whether a face may be his whose own was not seen, or seen elsewhere a while ago."""
        if self.face is not None and self.looks_without_face < _LOOKS_WITHOUT_FACE:
            return False
        left, top, right, bottom = self.bounds or self.follower.box or face.box
        return left <= _middle(face.box) <= right and top < face.box[3] and face.box[1] < bottom

    def meet(self, face: Face) -> None:
        """His face was seen."""
        self.face = face
        self.looks_without_face = 0
        self.trial = None
        self.centre, self._reach = _middle(face.box), _reach(face, self.bounds)

    @property
    def height(self) -> float:
        """How tall he is drawn, in pixels of the frame: whoever is nearest is tallest."""
        return 0.0 if self.bounds is None else self.bounds[3] - self.bounds[1]

    def is_at(self, x: float, y: float) -> bool:
        """Tell whether he is drawn there, at these shares of the frame's width and height, 0 to 1."""
        if self.matte is None:
            return False
        left, top, right, bottom = self.matte.box
        column, row = (x * self.size[0] - left) / (right - left), (y * self.size[1] - top) / (bottom - top)
        height, width = self.matte.alpha.shape
        inside = 0 <= column < 1 and 0 <= row < 1
        return inside and bool(self.matte.alpha[int(row * height), int(column * width)] > 0.5)

    def distance(self, x: float) -> float:
        """Return how far a column of the frame is from him, in half widths of his."""
        return abs(x - self.centre) / self._reach

    def distances(self) -> np.ndarray:
        """Return how far each column of his matte is from him, in half widths of his."""
        assert self.matte is not None
        return self._distances(self.matte.box, self.matte.alpha.shape[1])

    def _distances(self, box: Box, width: int) -> np.ndarray:
        columns = box[0] + (np.arange(width) + 0.5) * ((box[2] - box[0]) / width)
        return np.abs(columns - self.centre) / self._reach

    def _share(self, others: Sequence[TrackedPerson], box: Box, width: int) -> np.ndarray | None:
        """Return which columns of `box`, at `width` pixels, are nearer to him than to others; None for all."""
        rivals = [
            other._distances(box, width)
            for other in others
            if other is not self and other.follower.box is not None and meet(other.follower.box, box)
        ]
        if not rivals:
            return None
        own = self._distances(box, width) <= np.min(rivals, axis=0)
        return None if own.all() else own.astype(np.float32)

    # -- drawing -------------------------------------------------------------------------------------

    def draw(self, drawer: MatteNetwork, view: Pyramid, others: Sequence[TrackedPerson]) -> bool:
        """Draw him in the next frame; return whether he has left the crop, and is to be drawn again."""
        box = self.follower.box
        assert box is not None
        self._before = self._state
        self._draw(drawer, view, box)
        assert self.matte is not None
        own = self.own(others)
        return self.follower.left_crop(own, box, self.size)

    def draw_again(
        self, drawer: MatteNetwork, view: Pyramid, seen: np.ndarray, others: Sequence[TrackedPerson]
    ) -> None:
        """Draw him once more in the same frame, whom the crop has cut off.

        The follower hears of both drawings: what the first one missed counts as motion, so that the next crop is wider
        on that side.

        Args:
            drawer, view, others: As for `draw`.
            seen: What a network sees in the whole frame, float32 (h, w) in [0, 1].
        """
        assert self.matte is not None
        box = self.matte.box
        self.follower.drawn(self.own(others), box, self.size)
        self.looked(seen, others)
        if self.follower.box is not None and self.follower.box != box:
            self._state = self._before
            self._draw(drawer, view, self.follower.box)

    def drawn(self, others: Sequence[TrackedPerson]) -> bool:
        """The drawing stands: move the crop for the next frame; return whether he is there."""
        if self.trial is not None:
            self.trial -= 1
        if self.follower.box is None or self.trial == 0:
            return False
        self.age += 1
        assert self.matte is not None
        matte, own = self.matte, self.own(others)
        self.bounds = bounds(own, matte.box, self.size)
        if not self.follower.drawn(own, matte.box, self.size) or self.bounds is None:
            self._missed += 1
            self.follower.box = matte.box
            return self.face is not None and self._missed <= _MAX_MISSED
        self._missed = 0
        if self._new:  # the first crop was drawn around a guess
            self._new = False
            if not self._remembers:
                self.follower.tighten(self.bounds, self.size)
        weights = own.sum(axis=0)
        mass = matte.box[0] + float((weights * np.arange(len(weights))).sum() / weights.sum()) * (
            (matte.box[2] - matte.box[0]) / len(weights)
        )
        if self._mass is not None:
            self.centre += mass - self._mass
        if self.face is None:
            self.centre, self._reach = mass, _reach(None, self.bounds)
        self._mass = mass
        return True

    def settle(self, drawer: MatteNetwork, view: Pyramid) -> None:
        """Draw who was found in this frame once more, in the crop that fits him: the first was a guess."""
        box = self.follower.box
        if self.age == 1 and not self._remembers and self.matte is not None and box not in (None, self.matte.box):
            self._state = None
            self._draw(drawer, view, box)

    def looked(self, seen: np.ndarray, others: Sequence[TrackedPerson], anew: bool = False) -> bool:
        """A network has looked at the whole frame: set the crop right, and return whether it has seen most of him.

        Args:
            seen: What it saw, float32 (h, w) in [0, 1].
            others: Who is there.
            anew: Whether to draw the crop anew even where the old one would still do.
        """
        share = self._share(others, (0, 0, *self.size), seen.shape[1])
        his = seen if share is None else seen * share
        found = bounds(his, (0, 0, *self.size), self.size)
        # Of someone far it may see no more than his head: what is drawn around a face tells more.
        much = bool(found and self.bounds and area(found) >= _MIN_LOOKED * area(self.bounds))
        if self.face is not None and self.bounds and not much:
            his = np.zeros_like(his)
        self.follower.looked(his, self.size, anew)
        return much

    def _draw(self, drawer: MatteNetwork, view: Pyramid, box: Box) -> None:
        height, width = drawer.size_for(view.size)
        image = view.crop(box, width, height)
        drawer.state = self._state
        alpha, foreground = drawer(image, box)
        self._state = drawer.state
        self.matte = Matte(alpha, box, view.size, image, foreground)

    def own(self, others: Sequence[TrackedPerson]) -> np.ndarray:
        """Return what is his of what was drawn, float32 (h, w)."""
        assert self.matte is not None
        share = self._share(others, self.matte.box, self.matte.alpha.shape[1])
        return self.matte.alpha if share is None else self.matte.alpha * share

    def is_believed(self, seen: Callable[[], np.ndarray]) -> bool:
        """Tell whether a face that is new is a person's: one is drawn there, or seen in the whole frame by `seen`."""
        if not self._new or self.face is None or self._drawn_in_face(self.face.box) >= _DRAWN_IN_FACE:
            return True
        whole = seen()
        scale = whole.shape[1] / self.size[0], whole.shape[0] / self.size[1]
        x, y = (int((self.face.box[n] + self.face.box[n + 2]) / 2 * scale[n]) for n in (0, 1))
        return bool(whole[min(max(y, 0), whole.shape[0] - 1), min(max(x, 0), whole.shape[1] - 1)] > 0.5)

    def _drawn_in_face(self, face: Bounds) -> float:
        """Return how much of what is drawn in the box of a face is person; 1 if the crop does not hold it."""
        assert self.matte is not None
        alpha, box = self.matte.alpha, self.matte.box
        across, down = alpha.shape[1] / (box[2] - box[0]), alpha.shape[0] / (box[3] - box[1])
        rows = slice(max(0, int((face[1] - box[1]) * down)), max(0, int((face[3] - box[1]) * down)))
        columns = slice(max(0, int((face[0] - box[0]) * across)), max(0, int((face[2] - box[0]) * across)))
        inside = alpha[rows, columns]
        return float(inside.mean()) if inside.size else 1.0

    def forget_lost_face(self, others: Sequence[TrackedPerson]) -> bool:
        """Forget a face that is no longer where he is; return whether he is still there without it.

        Who leaps is found a second time, where his face is now; what is left where it was is no other person.
        """
        if self.face is None or not self.looks_without_face:
            return True
        left, top, right, bottom = self.face.box
        half = (right - left) / 2
        if self._drawn_in_face((self.centre - half, top, self.centre + half, bottom)) >= _DRAWN_IN_FACE:
            return True
        self.face = None
        return not any(
            other is not self and other.follower.box and meet(other.follower.box, self.bounds or _NOWHERE)
            for other in others
        )

    # -- no jumps ------------------------------------------------------------------------------------

    def alone(self, matte: Matte, others: Sequence[TrackedPerson]) -> Matte:
        """Return a matte of his without what is somebody else's."""
        share = self._share(others, matte.box, matte.alpha.shape[1])
        return matte if share is None else replace(matte, alpha=matte.alpha * cv2.blur(share[None], (_SHARE_FADE, 1)))

    def steadied(self, others: Sequence[TrackedPerson]) -> Matte:
        """Return his matte of this frame: without islands, and what stands still does not leap if the crop moves."""
        assert self.matte is not None
        own = self._share(others, self.matte.box, self.matte.alpha.shape[1])
        now, before = replace(self.matte, alpha=remove_islands(self.matte.alpha, own)), self._faded
        if before is not None and before.box != now.box and not self._remembers:
            self._fade_left = _FADE_FRAMES
        if self._fade_left and before is not None:
            past, past_image = before.alpha, before.image
            if before.box != now.box:
                past = resampled(past, before.box, now.box)
                past_image = resampled(past_image, before.box, now.box)
            # Smoothed first, for what another crop shows more or less sharply has not moved.
            greys = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (now.image, past_image)]
            motion = cv2.absdiff(cv2.blur(greys[0], (7, 7)), cv2.blur(greys[1], (7, 7)))
            keep = np.clip(1 - motion.astype(np.float32) / _FADE_MOTION, 0, 1)
            if before.box != now.box:
                keep *= _inside(before.box, now.box, keep.shape)
            keep *= _FADE_SHARE * self._fade_left / _FADE_FRAMES
            now = replace(now, alpha=now.alpha + (past - now.alpha) * keep)
            self._fade_left -= 1
        self._faded = now
        return now


def crop_of_face(face: Face, size: tuple[int, int]) -> Box:
    """Return the part of a frame of `size` (width, height) that holds the person whose face that is."""
    left, top, right, _ = face.box
    middle, width = (left + right) / 2, right - left
    body = (
        middle - _FACES_ASIDE * width,
        top - _FACES_ABOVE * width,
        middle + _FACES_ASIDE * width,
        top + _FACES_BELOW * width,
    )
    return crop_around(body, size, CropPolicy(0))


def _reach(face: Face | None, body: Bounds | None) -> float:
    """Return how wide a person is, to either side of his middle."""
    if face is not None:
        return _FACES_REACH * (face.box[2] - face.box[0])
    return max(1.0, (body[2] - body[0]) / 2) if body is not None else 1.0


def _middle(box: Bounds) -> float:
    return (box[0] + box[2]) / 2


def _inside(old: Box, new: Box, shape: tuple[int, ...]) -> np.ndarray:
    """Return 1 for each pixel of `new`, at `shape` (h, w), that lies in `old`, else 0."""
    across = new[0] + (np.arange(shape[1]) + 0.5) * ((new[2] - new[0]) / shape[1])
    down = new[1] + (np.arange(shape[0]) + 0.5) * ((new[3] - new[1]) / shape[0])
    columns, rows = (across > old[0]) & (across < old[2]), (down > old[1]) & (down < old[3])
    return (rows[:, None] & columns).astype(np.float32)
