"""Performer: the person who moves before others that look on, found by motion and by their body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from background_removal.matting.boxes import Box
from background_removal.matting.flow import find_flow
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyMask, BodyObserver, Square
from background_removal.matting.tracking.tracked_person import TrackedPerson

# Values without a source were found by trial on composed clips of a person who moves before others that stand, made of
# the first halves of the clips with known alpha (benchmarks/performers.py).

# Size of the picture in which motion is measured, width and height in pixels.
MOTION_SIZE = (160, 90)
# Distance between the points that the camera's motion is fitted to, pixels.
_GRID = 8
# Rounds of the fit, each with less weight for points that move otherwise.
_FIT_ROUNDS = 3
# Residual at which a point has half the weight, pixels.
_FIT_SCALE = 0.5
# Weight of each frame in the mean motion.
_RATE = 0.25
# Share of the strongest motion that belongs to the region of it.
_REGION_SHARE = 0.35
# Standard deviation of the preference for the middle, as a share of the frame's width and height.
_CENTRALITY = (0.25, 0.4)
# Minimum mean motion of a performer, pixels of MOTION_SIZE per frame.
_MIN_MOTION = 0.3
# Minimum ratio of a performer's motion to that of the main person.
_MIN_MOTION_RATIO = 2.0
# Minimum size of a performer's body, as a share of the main person's.
_MIN_SIZE_RATIO = 0.4
# Height of a standing person, in widths of their face.
_FACES_HIGH = 11.0
# Maximum distance of a performer from the middle column, as a share of the frame's width.
_MAX_ASIDE = 0.4
# Answers in a row that must find a performer.
_MIN_ANSWERS = 2
# Frames between two looks for a performer.
_LOOK_INTERVAL = 3
# Frames of a main person after which nobody else is looked for.
_CHOOSING_FRAMES = 60
# Minimum motion of the main person's face for a body to be theirs, as a share of the body's.
_MIN_FACE_MOTION = 0.4
# Overlap of a body with the main person's alpha, as intersection over union, from which it is theirs.
_SAME_PERSON = 0.4
# Knees and ankles that must be visible.
_MIN_VISIBLE_LEGS = 3
# Sides of the squares to look at in the first frame, as shares of the frame's shorter side.
_FIRST_SIDES = (1.0, 0.7)
# Side of the square around moving pixels, as a share of their larger extent, and its minimum as a share of the frame's
# shorter side.
_REGION_PADDING, _MIN_SIDE = 1.5, 0.4
# Turns of the square to try, two at a time, radians; dancers stand on their hands too.
_TURNS = ((0.0, np.pi), (0.0, np.pi), (-np.pi / 2, np.pi / 2))


class MotionField:
    """Measures how much each part of the picture moves, other than by the camera's motion.

    Attributes:
        mean: Mean motion over some frames, float32 (h, w) of MOTION_SIZE, pixels per frame; None before two frames.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self.mean: np.ndarray | None = None
        self._grey: np.ndarray | None = None

    def next_frame(self, grey: np.ndarray) -> None:
        """Take the next frame, uint8 (h, w) of MOTION_SIZE."""
        before, self._grey = self._grey, grey
        if before is None:
            return
        flow = find_flow(before, grey)
        motion = np.linalg.norm(flow - _camera_motion(flow), axis=2)
        self.mean = motion if self.mean is None else self.mean + np.float32(_RATE) * (motion - self.mean)

    def mean_in(self, mask: np.ndarray) -> float:
        """Return the mean motion in a mask, float32 (h, w) of MOTION_SIZE in [0, 1]; 0 without motion or mask."""
        total = float(mask.sum())
        return float((self.mean * mask).sum()) / total if self.mean is not None and total > 0 else 0.0

    def find_square(self, size: tuple[int, int]) -> Square | None:
        """Return a square around the strongest motion near the middle of a frame of `size`; None without one."""
        if self.mean is None:
            return None
        height, width = self.mean.shape
        across, down = (np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height - 0.5
        preference = np.exp(-((across / _CENTRALITY[0]) ** 2 + (down[:, None] / _CENTRALITY[1]) ** 2) / 2)
        motion = cv2.GaussianBlur(self.mean - float(np.median(self.mean)), (0, 0), 2) * preference
        if motion.max() < _MIN_MOTION / 2:
            return None
        _, labels, stats, _ = cv2.connectedComponentsWithStats((motion > _REGION_SHARE * motion.max()).view(np.uint8))
        sums = np.bincount(labels.ravel(), motion.ravel())
        x, y, columns, rows, _ = stats[1 + int(sums[1:].argmax())].tolist()
        scale = size[0] / width
        side = max(_REGION_PADDING * max(columns, rows) * scale, _MIN_SIDE * min(size))
        return Square((x + columns / 2) * scale, (y + rows / 2) * size[1] / height, side)


def _camera_motion(flow: np.ndarray) -> np.ndarray:
    """Return the flow, float32 (h, w, 2), of an affine map fitted to most of a flow of that shape."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    points = np.stack([columns, rows, np.ones_like(rows)], axis=2)
    samples, moves = (field[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID].reshape(-1, field.shape[2])
                      for field in (points, flow))  # fmt: skip
    fit = np.array([[0, 0], [0, 0], np.median(moves, axis=0)], np.float32)
    for _ in range(_FIT_ROUNDS):
        distances = np.linalg.norm(moves - samples @ fit, axis=1)
        weights = (1 / (1 + (distances / _FIT_SCALE) ** 2))[:, None]
        fit = np.linalg.lstsq(samples * weights, moves * weights, rcond=None)[0]
    return points @ fit


class PerformerFinder:
    """Finds a person who moves while the main person, who was chosen by size and place, stands and looks on."""

    def __init__(self) -> None:
        self.motion = MotionField()
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self.motion.reset()
        self._whole: Box = (0, 0, *MOTION_SIZE)
        self._is_first = True
        self._restart()

    def resume(self) -> None:
        """Look for a performer again, if that has ended."""
        if self._frames > _CHOOSING_FRAMES:
            self._restart()

    def _restart(self) -> None:
        self._frames = self._answers = self._tries = 0
        self._square: Square | None = None

    def next_frame(self, view: Pyramid) -> None:
        """Take the next frame."""
        self._whole = (0, 0, *view.size)
        if self._frames <= _CHOOSING_FRAMES:
            grey = cv2.cvtColor(view.crop((0, 0, *view.size), *MOTION_SIZE), cv2.COLOR_BGR2GRAY)
            self.motion.next_frame(grey)
        self._frames += 1

    def is_due(self) -> bool:
        """Return whether to look for a performer in this frame."""
        return self._frames <= _CHOOSING_FRAMES and (self._frames % _LOOK_INTERVAL == 1 or self._answers > 0)

    def find(self, view: Pyramid, observer: BodyObserver, main: TrackedPerson | None) -> BodyMask | None:
        """Return the body of a performer, once it is certain; None without one.

        Args:
            view: The frame.
            observer: Runs the pose network.
            main: The main person of the last frame.
        """
        if self._is_first:
            self._is_first = False
            return self._find_in_middle(view, observer, main)
        masks = [observer.observe(view, square) for square in self._squares(view.size)]
        seen = [mask for mask in masks if mask is not None and mask.visible_legs >= _MIN_VISIBLE_LEGS]
        self._tries += 1
        if not seen:
            self._square, self._answers = None, 0
            return None
        mask = max(seen, key=self._motion_in)
        if main is not None and self._is_body_of(mask, main):
            self._frames = _CHOOSING_FRAMES + 1
            return None
        is_performer = self._is_large(mask, main, view.size) and self._moves_more(mask, main, view.size)
        self._answers = self._answers + 1 if is_performer else 0
        self._square = mask.next_square if is_performer else None
        return mask if self._answers >= _MIN_ANSWERS else None

    def _find_in_middle(self, view: Pyramid, observer: BodyObserver, main: TrackedPerson | None) -> BodyMask | None:
        """Return the body in the middle of the first frame; None without one."""
        for side in _FIRST_SIDES:
            square = Square(view.size[0] / 2, view.size[1] / 2, side * min(view.size))
            mask = observer.observe(view, square)
            if mask is not None and mask.visible_legs >= _MIN_VISIBLE_LEGS and self._is_large(mask, main, view.size):
                return observer.observe(view, mask.next_square)
        return None

    def _squares(self, size: tuple[int, int]) -> list[Square]:
        """Return where to look: where a performer was found last, else where most moves, in two turns."""
        if self._square is not None:
            return [self._square]
        square = self.motion.find_square(size)
        return [] if square is None else [replace(square, turn=turn) for turn in _TURNS[self._tries % len(_TURNS)]]

    def _motion_in(self, mask: BodyMask) -> float:
        return self.motion.mean_in(mask.resample(self._whole, *MOTION_SIZE))

    def _is_body_of(self, mask: BodyMask, person: TrackedPerson) -> bool:
        """Return whether a mask is a person's: their face is in it and moves with it, or their own mask covers it."""
        if person.face is None or person.detections_without_face:
            return person.body.pays and shows_same(mask, person)
        left, top, right, bottom = person.face.box
        box = (int(left), int(top), max(int(right), int(left) + 1), max(int(bottom), int(top) + 1))
        if mask.resample(box, 8, 8).mean() <= 0.5:
            return False
        across, down = MOTION_SIZE[0] / person.size[0], MOTION_SIZE[1] / person.size[1]
        face = np.zeros(MOTION_SIZE[::-1], np.float32)
        face[int(max(0, top) * down) : int(bottom * down) + 1, int(max(0, left) * across) : int(right * across) + 1] = 1
        return self.motion.mean_in(face) >= _MIN_FACE_MOTION * self._motion_in(mask)

    def _is_large(self, mask: BodyMask, main: TrackedPerson | None, size: tuple[int, int]) -> bool:
        """Return whether a body is central, and large enough beside the main person, to be in front of them."""
        if abs(mask.next_square.x - size[0] / 2) > _MAX_ASIDE * size[0]:
            return False
        if main is None or main.bounds is None:
            return True
        face = main.face
        height = main.height if face is None else _FACES_HIGH * (face.box[2] - face.box[0])
        return mask.next_square.side >= _MIN_SIZE_RATIO * height

    def _moves_more(self, mask: BodyMask, main: TrackedPerson | None, size: tuple[int, int]) -> bool:
        body = mask.resample((0, 0, *size), *MOTION_SIZE)
        moved = self.motion.mean_in(body)
        if moved < _MIN_MOTION:
            return False
        if main is None or main.matte is None:
            return True
        theirs = main.matte.shrink(*MOTION_SIZE) * (1 - cv2.dilate(body, np.ones((5, 5))))
        return moved >= _MIN_MOTION_RATIO * self.motion.mean_in(theirs)


def shows_same(mask: BodyMask, person: TrackedPerson) -> bool:
    """Return whether a body's mask and a person's alpha are mostly the same."""
    if person.matte is None:
        return False
    body = mask.resample((0, 0, *person.size), *MOTION_SIZE) > 0.5
    alpha = person.matte.shrink(*MOTION_SIZE) > 0.5
    return bool((body & alpha).sum() >= _SAME_PERSON * max(1, (body | alpha).sum()))


def order_first(people: Sequence[TrackedPerson], person: TrackedPerson, most: int) -> list[TrackedPerson]:
    """Return at most `most` people, `person` first."""
    return [person, *(other for other in people if other is not person)][:most]
