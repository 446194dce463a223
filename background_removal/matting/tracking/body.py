"""Body: where a person's whole body shows, the pose network guides their matte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from background_removal.matting.boxes import Bounds, Box, resample_crop
from background_removal.matting.flow import find_flow, move_along
from background_removal.matting.networks.pose import PoseNetwork
from background_removal.matting.pyramid import Pyramid

# Values without a source were chosen on the first halves of two clips of DAVIS 2016 (parkour, dance-twirl) and on
# composed clips with known alpha; docs/networks.md shows the scores of the others.

# Landmarks of the knees and the ankles; the list is in mediapipe/modules/pose_landmark/pose_landmark_cpu.pbtxt.
_LEGS = slice(25, 29)
# Landmarks between the hips, and on the circle around them that holds the person.
_CENTRE, _RIM = 33, 34
# Side of the square as a share of that circle's diameter; `scale_x` in pose_landmarks_to_roi.pbtxt.
_SQUARE_SCALE = 1.25
# Turn of the body from which the square turns with it, radians; below it that made no difference.
_MIN_TURN = np.pi / 4
# Minimum number of visible knees and ankles for a body to show at first; the mask of a body that the frame cuts off
# above the knees is worse than the matte.
_MIN_VISIBLE_LEGS = 3
# Minimum number inside the frame, visible or not, for it to go on showing.
_MIN_LEGS = 2
# Minimum visibility of a landmark that counts, 0 to 1.
_MIN_VISIBILITY = 0.5
# Minimum presence of the person, 0 to 1; composed dancers whose legs are cut off have 0.7.
_MIN_PRESENCE = 0.9
# Frames between two answers of the network about all people together; it takes about four times as long as the network
# that draws the matte.
_INTERVAL = 2
# Answers in a row that may miss a body that is followed.
_MAX_MISSES = 2
# Frames from an answer that a body does not show to the next try; doubled with each further one, up to the second.
_RETRY_FRAMES, _MAX_RETRY_FRAMES = 15, 120
# Frames over which a mask is moved along with the picture; later it lies beside the person.
_MAX_AGE = 6
# Share of the evidence that is left after each move; flow is inexact.
_AGEING = 0.8
# Standard deviation of the blur of the mask's edge, as a share of the square.
_BLUR = 2 / 256
# Evidence of a mask's inside and outside, log odds.
_EVIDENCE = 3.0
# Maximum evidence against what may be another person, log odds; the network's certain answers outweigh it.
_MAX_DOUBT = 1.4
# Evidence against what lies away from a mask that parts the person from others, log odds.
_FAR_EVIDENCE = 5.0
# Distance from such a mask within which things may still be the person's, as a share of the square.
_REACH = 12 / 256


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the frame for the pose network; may reach beyond the frame.

    Attributes:
        x, y: Column and row of its middle, pixels of the frame.
        side: Its side, pixels of the frame.
        turn: Angle by which it is turned clockwise, radians.
    """

    x: float
    y: float
    side: float
    turn: float = 0.0

    def to_frame(self, pixels: int) -> np.ndarray:
        """Return the map, float64 (2, 3), from the square at `pixels` x `pixels` to the frame."""
        scale = self.side / pixels
        cosine, sine = scale * np.cos(self.turn), scale * np.sin(self.turn)
        half = pixels / 2
        # Pixel centres lie half a pixel inside, both here and there.
        shift_x = self.x - half * (cosine - sine) + (cosine - sine - 1) / 2
        shift_y = self.y - half * (sine + cosine) + (sine + cosine - 1) / 2
        return np.array([[cosine, -sine, shift_x], [sine, cosine, shift_y]])


@dataclass(frozen=True, slots=True)
class BodyMask:
    """The pose network's answer for a square of a frame.

    Attributes:
        probability: Probability of the person, float32 (h, w) in [0, 1], in `square`.
        square: The part of the frame that the network was given.
        next_square: The square around the person, by the landmarks.
        legs: Number of knees and ankles inside the frame, 0 to 4.
        visible_legs: Number of these that are visible.
    """

    probability: np.ndarray
    square: Square
    next_square: Square
    legs: int
    visible_legs: int

    def resample(self, box: Box, width: int, height: int) -> np.ndarray:
        """Return a soft mask of `box` of the frame, float32 (height, width) in [0, 1]; 0 outside the square."""
        side = self.probability.shape[0]
        soft = cv2.GaussianBlur((self.probability > 0.5).astype(np.float32), (0, 0), _BLUR * side)
        zoom_x, zoom_y = (box[2] - box[0]) / width, (box[3] - box[1]) / height
        # Pixel centres lie half a pixel inside.
        shift = [box[0] + (zoom_x - 1) / 2, box[1] + (zoom_y - 1) / 2]
        to_square = _inverse(self.square.to_frame(side))
        matrix = np.column_stack([to_square[:, :2] * (zoom_x, zoom_y), to_square[:, :2] @ shift + to_square[:, 2]])
        return cv2.warpAffine(soft, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)

    def evidence(self, box: Box, width: int, height: int, parts: bool) -> np.ndarray:
        """Return the log odds of the person in `box` of the frame, float32 (height, width).

        Args:
            box, width, height: As for `resample`.
            parts: Whether what lies away from the mask is somebody else, however certain the matte's network is.
        """
        evidence = (self.resample(box, width, height) - np.float32(0.5)) * np.float32(2 * _EVIDENCE)
        if parts:
            reach = round(_REACH * self.probability.shape[0])
            near = cv2.dilate((self.probability > 0.5).astype(np.float32), np.ones((2 * reach + 1, 2 * reach + 1)))
            evidence -= (1 - replace(self, probability=near).resample(box, width, height)) * np.float32(_FAR_EVIDENCE)
        return evidence

    def bounds(self) -> Bounds | None:
        """Return the bounds of the person in the frame; None if the mask is empty."""
        rows, columns = np.nonzero(self.probability > 0.5)
        if not len(rows):
            return None
        points = self.square.to_frame(self.probability.shape[0]) @ np.stack([columns, rows, np.ones(len(rows))])
        (left, top), (right, bottom) = points.min(axis=1).tolist(), points.max(axis=1).tolist()
        return left, top, right + 1, bottom + 1


def _inverse(matrix: np.ndarray) -> np.ndarray:
    return cv2.invertAffineTransform(matrix)


class BodyObserver:
    """Runs the pose network, at most once in some frames for all people.

    Args:
        load: Loads the network at its first use.
    """

    def __init__(self, load: Callable[[], PoseNetwork]) -> None:
        self._load = load
        self._network: PoseNetwork | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._frames_since = _INTERVAL

    def next_frame(self) -> None:
        """Count a frame."""
        self._frames_since += 1

    @property
    def is_free(self) -> bool:
        """Whether the network may run in this frame."""
        return self._frames_since >= _INTERVAL

    def close(self) -> None:
        """Free the network."""
        if self._network is not None:
            self._network.close()

    def observe(self, view: Pyramid, square: Square) -> BodyMask | None:
        """Return the mask of the person in the middle of a square of the frame; None if there is no person."""
        if self._network is None:
            self._network = self._load()
        self._frames_since = 0
        size = self._network.size[0]
        to_frame = square.to_frame(size)
        level = 0
        while square.side / size >= 2 ** (level + 1):
            level += 1
        zoom = 1 / 2**level
        to_level = to_frame * zoom
        to_level[:, 2] += (zoom - 1) / 2  # pixel centres lie half a pixel inside
        image = cv2.warpAffine(view.level(level), to_level, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        pose = self._network.run(image)
        if pose.presence < _MIN_PRESENCE:
            return None
        points = pose.landmarks[:, :2].astype(np.float64) * size @ to_frame[:, :2].T + to_frame[:, 2]
        (x, y), (rim_x, rim_y) = points[_CENTRE].tolist(), points[_RIM].tolist()
        side = _SQUARE_SCALE * 2 * float(np.hypot(rim_x - x, rim_y - y))
        turn = float(np.arctan2(rim_x - x, y - rim_y))
        columns, rows = points[_LEGS].T
        inside = (columns > 0) & (columns < view.size[0]) & (rows > 0) & (rows < view.size[1])
        visible = inside & (pose.landmarks[_LEGS, 3] >= _MIN_VISIBILITY)
        next_square = Square(x, y, side, turn if abs(turn) > _MIN_TURN else 0.0)
        return BodyMask(pose.probability, square, next_square, int(inside.sum()), int(visible.sum()))


@dataclass(frozen=True, slots=True)
class _Seen:
    """Evidence, crop and picture of one frame."""

    evidence: np.ndarray
    box: Box
    grey: np.ndarray


class BodyGuide:
    """Guides the matte of one person by the mask of their body.

    The network runs in every other frame or more rarely; between its answers the mask is moved along with the picture,
    by optical flow.

    Attributes:
        age: Frames since the network's last answer.
        pays: Whether the whole body shows.
        is_lost: Whether it showed until the last answers, which did not find it.
    """

    def __init__(self) -> None:
        self._fresh: BodyMask | None = None  # of the next frame
        self._mask: BodyMask | None = None  # of this frame; None between answers
        self._square: Square | None = None  # to look at next
        self._before: _Seen | None = None
        self._now: _Seen | None = None
        self._retry_frames = _RETRY_FRAMES
        self._frames_to_retry = 0
        self._misses = 0
        self.is_lost = False
        self.age = 0
        self.pays = False

    def is_due(self) -> bool:
        """Return whether the network should look at the next frame."""
        return self.pays or self._frames_to_retry <= 0

    def look(self, observer: BodyObserver, view: Pyramid, bounds: Bounds) -> None:
        """Look at the next frame.

        Args:
            observer: Runs the network.
            view: The frame.
            bounds: Bounds of the person in the last frame.
        """
        square = self._square if self.pays and self._square is not None else square_around(bounds)
        mask = observer.observe(view, square)
        min_visible = 0 if self.pays else _MIN_VISIBLE_LEGS
        if mask is not None and mask.legs >= _MIN_LEGS and mask.visible_legs >= min_visible:
            self.take(mask)
            return
        self._misses += 1
        if self.pays and self._misses <= _MAX_MISSES:
            self._square = square_around(bounds)
            return
        self.is_lost = self.is_lost or self.pays
        self.age, self.pays = 0, False
        self._frames_to_retry = self._retry_frames
        self._retry_frames = min(2 * self._retry_frames, _MAX_RETRY_FRAMES)

    def take(self, mask: BodyMask) -> None:
        """Take a mask of the next frame."""
        self.age, self.pays, self.is_lost, self._misses, self._retry_frames = 0, True, False, 0, _RETRY_FRAMES
        self._fresh, self._square = mask, mask.next_square

    @property
    def parts(self) -> bool:
        """Whether the mask parts the person from others; while it is missed for a moment, too."""
        return self.pays or (self.is_lost and self.age <= _MAX_AGE)

    def refit(self) -> None:
        """Let the network look at the next frame, however long ago it saw that the body does not show."""
        self._frames_to_retry = 0

    def next_frame(self) -> None:
        """Go to the next frame."""
        self._before, self._now = self._now, None
        self._mask, self._fresh = self._fresh, None
        self.age += self._mask is None
        self._frames_to_retry -= 1

    def evidence(self, box: Box, image: np.ndarray, parts: bool = False) -> np.ndarray | None:
        """Return the log odds of the person in this frame, float32 (h, w); None if the body does not show.

        Args:
            box: The part of the frame.
            image: This part, uint8 (h, w, 3) BGR.
            parts: Whether to part the person from others. Else what the network is sure of outweighs the mask: it may
                be another person, as not all of them are known.
        """
        if not self.pays or self.age > _MAX_AGE:
            self._now = None
            return None
        height, width = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if self._mask is not None:
            evidence = self._mask.evidence(box, width, height, parts)
        elif self._before is not None:
            evidence = _move_along(self._before, box, grey) * np.float32(_AGEING)
        else:
            return None
        self._now = _Seen(evidence, box, grey)
        return evidence if parts else np.maximum(evidence, np.float32(-_MAX_DOUBT))


def square_around(person: Bounds) -> Square:
    """Return the square around the bounds of a person, with the room that the network is used to."""
    side = _SQUARE_SCALE * max(person[2] - person[0], person[3] - person[1])
    return Square((person[0] + person[2]) / 2, (person[1] + person[3]) / 2, side)


def _move_along(before: _Seen, box: Box, grey: np.ndarray) -> np.ndarray:
    """Return the evidence of the last frame, moved along with the picture to `grey`, uint8 (h, w), of part `box`."""
    evidence, then = before.evidence, before.grey
    if before.box != box:
        evidence, then = resample_crop(evidence, before.box, box), resample_crop(then, before.box, box)
    return move_along(find_flow(grey, then), evidence, border=cv2.BORDER_REPLICATE)[0]
