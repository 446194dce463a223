"""Film matting: the best matte of each frame of a video file, from several networks and the frames around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.best.people_search import NEAR, WIDE, ask_pose, crop_for, side_of, square_around
from background_removal.matting.best.photo import solve_matte
from background_removal.matting.best.prediction import Prediction, choose_level
from background_removal.matting.best.votes import Votes
from background_removal.matting.boxes import Bounds, Box, find_bounds
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.multiclass import MulticlassNetwork
from background_removal.matting.networks.pose import MIN_PRESENCE, PoseNetwork
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.pyramid import Pyramid

# Constants without a source were chosen on one half of the clips with known alpha that benchmarks/quality.py scores;
# docs/networks.md reports on the other.

# Frames before and after a frame that have a part in its averaged prediction.
_PREDICTION_REACH = 2
# The same for alphas.
_ALPHA_REACH = 1
# Later frames that must be known before a frame's matte: both reaches, and one so that its edge can be solved in a
# thread while the networks run on the next frame.
LOOKAHEAD = _PREDICTION_REACH + _ALPHA_REACH + 1
# Frames that are kept, from the neighbours of the one that is asked for to the last one added.
_KEPT_FRAMES = LOOKAHEAD + 1 + _PREDICTION_REACH + _ALPHA_REACH
# Weight of a neighbour beside a frame's own, where nothing moves.
_NEIGHBOUR_WEIGHT = 0.7
# Change of brightness from which a neighbour's prediction has no weight, of 255.
_PREDICTION_MOTION = 12.0
# The same for a neighbour's alpha, which is finer.
_ALPHA_MOTION = 6.0
# Window over which changes of brightness are averaged, pixels of the network.
_MOTION_WINDOW = (5, 5)

# Weight of each answer.
_FAST_WEIGHT = 2.0
_MULTICLASS_WEIGHT = 2.0
_POSE_WEIGHT = 1.5
_NETWORK_WEIGHT = 0.5  # of a network that was asked for by name, at each of its sizes
# Factor of the multiclass network's log-odds.
_MULTICLASS_SCALE = 2.0
# Alpha of the fast matte that leans towards a person.
_LEANING = 0.2
# Distance from such pixels up to which a pixel can be person, pixels of the network.
_LEANING_PIXELS = 20


@dataclass(frozen=True, slots=True)
class FilmNetworks:
    """The networks that answer beside the fast matte.

    Attributes:
        multiclass, pose: The two of the default.
        network: A network that was asked for by name, in place of both.
    """

    multiclass: MulticlassNetwork | None = None
    pose: PoseNetwork | None = None
    network: Segmenter | None = None


@dataclass(slots=True)
class _FilmFrame:
    """A frame and what is known of it so far.

    Attributes:
        view: The frame.
        fast: Its fast matte.
        shot: Number of its shot.
        probability: Of a person by all networks, float32 (h, w) in [0, 1]; None without a person.
        soft: As in `Prediction`; None if it is not needed.
        hair: Where hair may be, bool (h, w); None if that is not known.
        near_fast: 1 near the pixels that the fast matte counts as person, else 0, uint8 (h, w); None without a person.
        grey: The level of that size in grey, uint8 (h, w).
        level, pixel: As in `Prediction`.
        solved: The matte from the predictions of the frame and of its neighbours, once it is under way.
        motion: Change of brightness since other frames, by their place in the list, float32 (h, w), of 255.
    """

    view: Pyramid
    fast: Matte
    shot: int
    probability: np.ndarray | None
    soft: np.ndarray | None
    hair: np.ndarray | None
    near_fast: np.ndarray | None
    grey: np.ndarray
    level: int
    pixel: float
    solved: Future[Matte] | None = None
    motion: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])


class FilmMatting:
    """Makes the mattes of consecutive frames, more slowly and more finely than `StreamMatting` alone.

    The fast matte of a frame says who is there and where. Further networks answer for a crop around each person; the
    answers, added up, are averaged with those of the frames before and after where nothing moves, and the edge is
    solved in the frame's own pixels, as in a photo. Everything depends on nearby frames only, so that the parts of a
    video, processed apart, fit together.

    Args:
        load_networks: Loads the networks at the first use.
        threshold: Probability at which background ends and person begins, 0 to 1.
        edge_softness: As for `PhotoMatting`.
    """

    def __init__(self, load_networks: Callable[[], FilmNetworks], threshold: float, edge_softness: float) -> None:
        self._load_networks = load_networks
        self._networks: FilmNetworks | None = None
        self._threshold, self._edge_softness = threshold, edge_softness
        self._worker: ThreadPoolExecutor | None = None
        self._frames: deque[_FilmFrame] = deque()
        self._first = 0  # number of the first frame kept
        self._colors = ColorModel()
        self._shot = 0

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._threshold, self._edge_softness = threshold, edge_softness

    def reset(self) -> None:
        """Forget the frames."""
        self.close()
        self._frames.clear()
        self._colors = ColorModel()

    def close(self) -> None:
        """End the thread; the next frame starts another."""
        if self._worker is not None:
            self._worker.shutdown(cancel_futures=True)
            self._worker = None

    def add(self, view: Pyramid, fast: Matte, people: Sequence[Bounds], new_shot: bool) -> None:
        """Add the next frame.

        Args:
            view: The frame.
            fast: Its fast matte.
            people: Bounds of the people in it.
            new_shot: Whether it begins another shot.
        """
        self._shot += new_shot
        number = self._first + len(self._frames)
        self._frames.append(self._predict(view, fast, people))
        if len(self._frames) > _KEPT_FRAMES:
            self._frames.popleft()
            self._first += 1
        self._solve_up_to(number - _PREDICTION_REACH)

    def matte(self, view: Pyramid) -> Matte | None:
        """Return the matte of a frame that was added not long ago; None for others."""
        place = next((n for n, frame in enumerate(self._frames) if frame.view is view), None)
        if place is None:
            return None
        number = self._first + place
        self._solve_up_to(min(number + _ALPHA_REACH, self._first + len(self._frames) - 1))
        return self._average_alphas(number)

    # -- predictions ---------------------------------------------------------------------------------

    def _predict(self, view: Pyramid, fast: Matte, people: Sequence[Bounds]) -> _FilmFrame:
        """Ask the networks about each person."""
        if self._networks is None:
            self._networks = self._load_networks()
        networks = self._networks
        if not people and (shown := find_bounds(fast.alpha, fast.box, view.size)):
            people = [shown]  # blended in from the frame before
        side = max((side_of(square_around(each, NEAR)) for each in people), default=1)
        asked = networks.multiclass or networks.network
        assert asked is not None
        level, pixel = choose_level(side / asked.size[0])
        image = view.level(level)
        height, width = image.shape[:2]
        probability = soft = hair = near_fast = None
        if people:
            _ = view.image  # converted here, not in the other thread
            votes, lean = Votes(view.size, (height, width), level, pixel), fast.shrink(width, height)
            votes.add(lean, (0, 0, *view.size), _FAST_WEIGHT, places_edge=True)
            for bounds in people:
                _ask(networks, view, bounds, votes)
            probability = votes.probability()
            hair = votes.hair if networks.multiclass is not None else None
            soft = votes.mean() if self._edge_softness > 0.5 else None
            near_fast = _find_near(lean, pixel)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return _FilmFrame(view, fast, self._shot, probability, soft, hair, near_fast, grey, level, pixel)

    # -- neighbours ----------------------------------------------------------------------------------

    def _neighbours(self, number: int, reach: int) -> list[tuple[_FilmFrame, np.ndarray]]:
        """Return the frames around one in the same shot, each with the change of brightness between the two."""
        frame = self._frames[number - self._first]
        found: list[tuple[_FilmFrame, np.ndarray]] = []
        for other in range(max(self._first, number - reach), min(number + reach + 1, self._first + len(self._frames))):
            near = self._frames[other - self._first]
            if other == number or near.shot != frame.shot:
                continue
            if other not in frame.motion:
                frame.motion[other] = _motion(frame, near)
            found.append((near, frame.motion[other]))
        return found

    def _solve_up_to(self, number: int) -> None:
        """Start solving the frames up to `number` that are not under way, with the neighbours there are now."""
        for each in range(self._first, number + 1):
            frame = self._frames[each - self._first]
            if frame.solved is not None:
                continue
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, "edge")
            if each and self._is_new_shot(each):
                self._colors = ColorModel()
            near = self._neighbours(each, _PREDICTION_REACH)
            frame.solved = self._worker.submit(self._solve, frame, near, self._colors)

    def _is_new_shot(self, number: int) -> bool:
        place = number - self._first
        return place > 0 and self._frames[place].shot != self._frames[place - 1].shot

    def _solve(self, frame: _FilmFrame, near: Sequence[tuple[_FilmFrame, np.ndarray]], colors: ColorModel) -> Matte:
        """Average the predictions around a frame, and solve its edge."""
        if frame.probability is None or frame.near_fast is None:
            return frame.fast
        total, weights = frame.probability.copy(), np.ones_like(frame.probability)
        for other, motion in near:
            weight = _weight(motion, _PREDICTION_MOTION)
            if other.probability is not None:
                total += weight * _resize(other.probability, total.shape)
            weights += weight
        # The colours first, as pixels that are left out are no examples of the background's.
        probability = colors(total / weights, frame.view.level(frame.level)) * frame.near_fast
        prediction = Prediction(probability, frame.level, frame.pixel, frame.soft, frame.hair)
        return solve_matte(frame.view, prediction, self._threshold, self._edge_softness)

    def _average_alphas(self, number: int) -> Matte:
        """Return the matte of a frame, averaged with its neighbours' where nothing moves."""
        frame = self._frames[number - self._first]
        assert frame.solved is not None
        matte = frame.solved.result()
        if frame.probability is None or matte.foreground is None:
            return matte
        total, weights = matte.alpha.copy(), np.ones_like(matte.alpha)
        for other, motion in self._neighbours(number, _ALPHA_REACH):
            if other.solved is None:
                continue
            weight = _part(_weight(motion, _ALPHA_MOTION), matte)
            total += weight * _alpha_in(other.solved.result(), matte.box)
            weights += weight
        return replace(matte, alpha=total / weights)


def _ask(networks: FilmNetworks, view: Pyramid, bounds: Bounds, votes: Votes) -> None:
    """Add the networks' answers for the crops around a person."""
    near, wide = square_around(bounds, NEAR), square_around(bounds, WIDE)
    if networks.network is not None:
        for size in networks.network.sizes:
            votes.add(networks.network(brighten(view.crop_padded(near, *size[::-1]))), near, _NETWORK_WEIGHT)
    if networks.multiclass is not None:
        person, hair = networks.multiclass.run(crop_for(networks.multiclass, view, near))
        votes.add(person, near, _MULTICLASS_WEIGHT, _MULTICLASS_SCALE)
        votes.add_hair(hair, near)
    if networks.pose is not None:
        mask, presence = ask_pose(networks.pose, view, wide)
        if presence >= MIN_PRESENCE:
            votes.add(mask, wide, _POSE_WEIGHT)


def _find_near(fast: np.ndarray, pixel: float) -> np.ndarray:
    """Return 1 near the pixels of a fast alpha, float32 (h, w), that lean towards a person, else 0, uint8.

    What else a network takes for a person, such as a bystander or a poster, stays out.
    """
    leans = (fast > _LEANING).view(np.uint8)
    if not leans.any():
        return leans
    # The distance takes 8 ms for a megapixel, dilation by so much 40.
    distance = cv2.distanceTransform(1 - leans, cv2.DIST_L2, 3)
    return (distance <= _LEANING_PIXELS * pixel).view(np.uint8)


def _motion(frame: _FilmFrame, other: _FilmFrame) -> np.ndarray:
    """Return the change of brightness between two frames, of 255, averaged, at the size of the first."""
    grey = other.grey
    if grey.shape != frame.grey.shape:
        grey = cv2.resize(grey, frame.grey.shape[::-1], interpolation=cv2.INTER_AREA)
    return cv2.blur(cv2.absdiff(frame.grey, grey), _MOTION_WINDOW).astype(np.float32)


def _weight(motion: np.ndarray, limit: float) -> np.ndarray:
    """Return the weight of a neighbour at each pixel, float32 of the shape of `motion`."""
    return np.float32(_NEIGHBOUR_WEIGHT) * np.clip(1 - motion * np.float32(1 / limit), 0, 1)


def _resize(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return image if image.shape == shape else cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR)


def _part(weight: np.ndarray, matte: Matte) -> np.ndarray:
    """Return the part of a whole frame's `weight`, (h, w), inside a matte's box, at the size of its alpha."""
    across, down = weight.shape[1] / matte.size[0], weight.shape[0] / matte.size[1]
    left, right = (int(side * across) for side in matte.box[::2])
    top, bottom = (int(side * down) for side in matte.box[1::2])
    inside = weight[top : max(top + 1, bottom), left : max(left + 1, right)]
    return _resize(inside, matte.alpha.shape)


def _alpha_in(matte: Matte, box: Box) -> np.ndarray:
    """Return the alpha of a matte at full size inside `box`, float32 (h, w); 0 outside its own box."""
    left, top, right, bottom = box
    out = np.zeros((bottom - top, right - left), np.float32)
    own = matte.box
    inner = (max(left, own[0]), max(top, own[1]), min(right, own[2]), min(bottom, own[3]))
    if inner[0] < inner[2] and inner[1] < inner[3]:
        alpha = _resize(matte.alpha, (own[3] - own[1], own[2] - own[0]))
        part = alpha[inner[1] - own[1] : inner[3] - own[1], inner[0] - own[0] : inner[2] - own[0]]
        out[inner[1] - top : inner[3] - top, inner[0] - left : inner[2] - left] = part
    return out
