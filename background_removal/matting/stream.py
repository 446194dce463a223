"""Stream matting: detect people, track each with a crop, and merge their alphas into the matte of the frame."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError
from background_removal.matting.alpha.matte import Matte, merge_mattes
from background_removal.matting.best.film import LOOKAHEAD, FilmMatting
from background_removal.matting.best.photo import PhotoMatting
from background_removal.matting.effort.level import Effort
from background_removal.matting.effort.still_edge import StillEdge
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.body import BodyObserver
from background_removal.matting.tracking.detector import MAX_PEOPLE, PersonDetector
from background_removal.matting.tracking.main_person import MainPersonSelector, find_nearest
from background_removal.matting.tracking.matte_network import MatteNetwork
from background_removal.matting.tracking.motion import THUMBNAIL_SIZE
from background_removal.matting.tracking.performer import PerformerFinder, order_first, shows_same
from background_removal.matting.tracking.track_state import TrackState
from background_removal.matting.tracking.tracked_person import TrackedPerson, TrackingFrame

log = logging.getLogger(__name__)

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Mean change of the thumbnail, of 255, above which a frame begins another scene.
_CUT_CHANGE = 40
# Share of the thumbnail that changed above which it does so too.
_CUT_SHARE = 0.6
# Minimum change of a pixel counted in that share, of 255.
_CUT_PIXEL_CHANGE = 24
# Minimum standard deviation of a thumbnail's brightness, of 255; below it the camera is covered.
_MIN_CONTRAST = 3
# Maximum number of consecutive frames in which a network may fail; two seconds of a camera.
_MAX_FAILURES = 60
# Size of the picture by which a still scene is recognised, width and height in pixels.
_STILL_SIZE = (320, 180)
# Maximum change of a still scene since the last prediction, of 255, averaged over 3x3 pixels.
_STILL_CHANGE = 3
# Still frames that are predicted all the same, so that temporal smoothing settles.
_SETTLING_FRAMES = 12
# Interval at which people are predicted who are not kept, frames, while the one who is is followed by their body.
_IDLE_INTERVAL = 4
# Interval at which crops are fitted again if frames have times, seconds.
_REFIT_SECONDS = 1

_BEST_KEEPS_ALL = "the best matte keeps everybody: leave `quality` best out, or give `people` main"


class StreamMatting:
    """Makes the matte of each frame of a stream.

    A detector finds the people in the whole frame now and then; a matte network predicts the alpha of each of them in
    every frame, from a crop.

    Args:
        detector: Finds the people in the frame.
        network: Predicts the alpha of a crop.
        quality: "fast" or "best"; None for best of a still and fast of a stream.
        photo: Makes the best matte of a still; None for a network that makes it of the whole frame.
        film: Makes the best matte of a video file; None as for `photo`.
        reuse_still: Whether a frame that has hardly changed gets the last matte.
        people: "all", or "main" for the main person alone.
        bodies: Looks at people whose whole body shows; None to do without.
        effort: Decides for how many frames the network is asked; None for each.
    """

    def __init__(
        self,
        detector: PersonDetector,
        network: MatteNetwork,
        quality: str | None = None,
        photo: PhotoMatting | None = None,
        reuse_still: bool = False,
        people: str = "all",
        film: FilmMatting | None = None,
        bodies: BodyObserver | None = None,
        effort: Effort | None = None,
    ) -> None:
        self._bodies = bodies
        self._detector = detector
        self._network = network
        self._quality = quality
        self._photo = photo
        self._film = film
        self._is_film = False
        self._still_edge = StillEdge()
        self.reuse_still = reuse_still
        self.effort = effort or Effort("normal")
        self._people_kept = people
        self._turns_left = 0
        self._main = MainPersonSelector()
        self._performer = PerformerFinder()
        self._is_live = False
        self._failures = 0
        self._has_warned = False
        self._set_best(quality == "best")

    def begin(self, still: bool, live: bool = False) -> None:
        """Begin a stream: one image, a video, or a camera.

        Raises:
            InputError: best is asked for of a camera, or of the main person alone in an image.
        """
        if self._quality == "best" and self._photo is not None and live:
            raise InputError(
                "`quality` best takes too long for a camera: it is for images and video files, or for `model` rvm; "
                "leave it out"
            )
        self._is_film = self._quality == "best" and self._film is not None and not still
        if self._quality == "best" and self._people_kept == "main" and not self._is_film:
            raise InputError("`quality` best keeps everybody in an image; leave it or `people` main out")
        self._is_live, self._failures, self._has_warned = live, 0, False
        self.effort.begin(live)
        # The best matte does not separate people.
        is_best_still = self._quality is None and still and self._people_kept == "all"
        self._set_best((self._quality == "best" and not self._is_film) or is_best_still)

    def _set_best(self, best: bool) -> None:
        self._is_best = best
        if self._photo is None:
            self._network.uses_crops = not best
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._begin_shot()
        if self._film is not None:
            self._film.reset()

    def _begin_shot(self) -> None:
        """Forget the people in the previous frames."""
        self._detector.reset()
        if self._bodies is not None:
            self._bodies.reset()
        self._people: list[TrackedPerson] = []
        self._main.reset()
        self._performer.reset()
        self._network.reset()
        if self._photo is not None:
            self._photo.reset()
        self._frames = 0
        self._thumbnail: np.ndarray | None = None
        self._last_matte: Matte | None = None
        self._still_edge.reset()
        self._still_grey: np.ndarray | None = None
        self._still_frames = 0
        self._refit_period: int | None = None
        self._is_refit_due = False

    def at(self, seconds: float) -> None:
        """Set the next frame's time in the stream; at certain times the crops are fitted again.

        A crop that stays while it fits depends on all frames before. Fitted again, it depends on little but the frame:
        two processes that began at different frames soon agree, and their parts join without a seam.
        """
        before, self._refit_period = self._refit_period, int(seconds // _REFIT_SECONDS)
        if before is not None and before != self._refit_period:
            self._is_refit_due = True

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._network.set_edge(threshold, edge_softness)
        for best in (self._photo, self._film):
            if best is not None:
                best.set_edge(threshold, edge_softness)
        self._forget_still()  # or a still frame would keep its matte

    def _forget_still(self) -> None:
        """Let the next frame get a matte of its own, however still it is."""
        self._still_grey = None
        self._still_edge.reset()

    # -- choice of people ----------------------------------------------------------------------------

    @property
    def people(self) -> str:
        """The people kept: "all", or "main" for the main person alone; can be set while frames go by.

        Raises:
            InputError: set while the best matte is made, which keeps everyone.
        """
        return self._people_kept

    @people.setter
    def people(self, people: str) -> None:
        if people == self._people_kept:
            return
        if self._is_best:
            raise InputError(_BEST_KEEPS_ALL)
        self._forget_still()
        self._people_kept = people
        if people == "main":
            self._turns_left = sum(person is not self._main.person for person in self._people)
            self._main.choose(None)

    def next_people(self) -> str:
        """Keep the main person alone, then each of the others, then all again; return the message to show."""
        if self._is_best:
            return _BEST_KEEPS_ALL
        if self._people_kept == "all":
            self.people = "main"
            return "the main person alone"
        self._forget_still()
        others = [person for person in self._people if person is not self._main.person]
        self._turns_left -= 1
        if self._turns_left < 1 or not others:
            self._people_kept = "all"
            return "everybody"
        self._main.choose(self._right_of_main())
        return "another person alone"

    def choose_at(self, x: float, y: float) -> bool | str:
        """Keep alone the person at shares x, y of the frame's width and height.

        Returns:
            The message to show; False without a person there.
        """
        if self._is_best:
            return False
        for person in self._people:
            if person.is_at(x, y):
                self._forget_still()
                self._people_kept, self._turns_left = "main", len(self._people)
                self._main.choose(person)
                return "this person alone; p goes on to others and to everybody"
        return False

    def _right_of_main(self) -> TrackedPerson:
        """Return the next person to the right of the main one; from the last, the first on the left."""
        row = sorted(self._people, key=lambda person: person.centre)
        place = row.index(self._main.person) + 1 if self._main.person in row else 0
        return row[place % len(row)]

    @property
    def head_height(self) -> float | None:
        """Height of the largest head of the people kept, pixels of the frame; None if no face is known."""
        kept = [self._main.person] if self._people_kept == "main" and self._main.person else self._people
        faces = [person.face for person in kept if person.face is not None]
        return max((face.head_height for face in faces), default=None)

    def end(self) -> None:
        """End the stream; the networks stay loaded."""
        if self._film is not None:
            self._film.reset()

    def close(self) -> None:
        """Free the networks."""
        self._detector.close()
        self._network.close()
        if self._film is not None:
            self._film.close()
        if self._bodies is not None:
            self._bodies.close()

    # -- mattes --------------------------------------------------------------------------------------

    def __call__(self, view: Pyramid) -> Matte:
        """Return the matte of the next frame."""
        if self._is_film and self._film is not None:
            return self._film.matte(view) or self._film_unforeseen(view)
        if self._is_best and self._photo is not None:
            return self._photo(view, lambda: self._predict_still(view))
        return self._fast_matte(view)[0]

    def glance(self, view: Pyramid) -> Matte:
        """Return the fast matte of everyone in a frame by itself; the frames before are forgotten."""
        self._begin_shot()
        self._thumbnail = _grey_thumbnail(view, THUMBNAIL_SIZE)
        kept, self._people_kept = self._people_kept, "all"
        try:
            return self._predict(view)
        finally:
            self._people_kept = kept
            self._begin_shot()

    @property
    def lookahead(self) -> int:
        """Number of later frames of a video file that `foresee` is to get before a frame's matte is made."""
        return LOOKAHEAD if self._quality == "best" and self._film is not None else 0

    def foresee(self, view: Pyramid) -> None:
        """Take a frame of a video file that will be asked for later."""
        if not self._is_film or self._film is None:
            return
        fast, is_cut = self._fast_matte(view)
        shown = [each for each in self._people if self._people_kept == "all" or each is self._main.person]
        self._film.add(view, fast, [each.bounds for each in shown if each.bounds is not None], is_cut)

    def _film_unforeseen(self, view: Pyramid) -> Matte:
        """Return the matte of a frame from it and those before."""
        assert self._film is not None
        self.foresee(view)
        matte = self._film.matte(view)
        assert matte is not None
        return matte

    def _fast_matte(self, view: Pyramid) -> tuple[Matte, bool]:
        """Return the fast matte of the next frame, and whether it begins another shot."""
        if self._last_matte is not None and self._last_matte.size != view.size:
            self.reset()
        small = view.crop((0, 0, *view.size), *_STILL_SIZE) if self.reuse_still else None
        if small is not None and self._last_matte is not None:
            if self._is_still(small):
                return self._last_matte, False
            if self._may_keep_edge and not self._is_refit_due and self._still_edge.holds(small):
                self._detector.pass_frame()
                return self._last_matte, False
        before, self._thumbnail = self._thumbnail, _grey_thumbnail(view, THUMBNAIL_SIZE)
        is_cut = before is not None and _is_cut(self._thumbnail, before)
        if is_cut:
            thumbnail, period = self._thumbnail, self._refit_period
            self._begin_shot()
            self._thumbnail, self._refit_period = thumbnail, period
        self._last_matte = self._predict_or_hide(view)
        if small is not None and self._may_keep_edge and not self._failures:
            self._still_edge.take(self._last_matte, small)
        return self._last_matte, is_cut

    def _predict_still(self, view: Pyramid) -> Matte:
        """Return the fast matte of a still."""
        self._detector.reset()
        self._network.reset()
        self._people = []
        self._thumbnail = _grey_thumbnail(view, THUMBNAIL_SIZE)
        return self._predict(view)

    def _predict_or_hide(self, view: Pyramid) -> Matte:
        """Return the frame's matte; of a camera an empty one if a network fails, so that no background is shown."""
        try:
            matte = self._predict(view)
        except ProcessingError as error:
            self._failures += 1
            if not self._is_live or self._failures > _MAX_FAILURES:
                raise
            if not self._has_warned:
                self._has_warned = True
                log.warning("no person is shown while this lasts: %s", error)
            self.reset()  # the network's state may be the cause
            return _empty_matte(view)
        self._failures = 0
        return matte

    def _predict(self, view: Pyramid) -> Matte:
        if not self._network.uses_crops:
            return self._predict_whole_frame(view)
        assert self._thumbnail is not None
        if self._thumbnail.std() < _MIN_CONTRAST:
            self._people = []
            return _empty_matte(view)
        self._people = people = self._track(view, self._thumbnail)
        if self._people_kept == "main":
            main = self._main.select(people)
            return _empty_matte(view) if main is None else main.isolate(main.steady_matte(people), people)
        if not people:
            return _empty_matte(view)
        mattes = [person.steady_matte(people) for person in people]
        return merge_mattes(view, mattes, [person.column_distances() for person in people])

    def _track(self, view: Pyramid, thumbnail: np.ndarray) -> list[TrackedPerson]:
        """Return the people in the next frame, each with a matte."""
        detector = self._detector
        detector.next_frame(thumbnail)
        self._frames += 1
        refit, self._is_refit_due = self._is_refit_due, False
        keeps_one = self._people_kept == "main"
        carry = None if self._is_best or self._is_film or not self.reuse_still else self.effort.next_frame()
        if carry is not None and refit:  # so that parts agree
            carry = replace(carry, frames=0)
        frame = TrackingFrame(
            view, self._network, lambda: detector.detect(view), detector.find_motion, keeps_one, carry
        )
        found = detector.find_people(view, self._people, refit)
        found = self._look_at_body(view, found, refit)
        people = [
            person for person in found if self._is_idle(person) or person.step(frame, found) is not TrackState.LOST
        ]
        if not people and (person := detector.find_moving_person(view.size)) is not None:
            people = [person] if person.step(frame, [person]) is not TrackState.LOST else []
        return [person for person in people if person.drop_stale_face(people) is not TrackState.LOST]

    def _is_idle(self, person: TrackedPerson) -> bool:
        """Return whether a person need not be predicted in this frame: another one alone is kept, and followed well."""
        main = self._main.person
        if self._people_kept == "all" or main is None or not main.body.pays or person is main or person.matte is None:
            return False
        return self._frames % _IDLE_INTERVAL != 0

    def _look_at_body(self, view: Pyramid, people: list[TrackedPerson], refit: bool) -> list[TrackedPerson]:
        """Let the pose network look at one person, at whom it has not looked for longest, or for a performer.

        Returns:
            The people, with a performer who was found.
        """
        if self._bodies is None:
            return people
        self._bodies.next_frame()
        if refit:
            self._bodies.reset()
            for person in people:
                person.body.refit()
        if self._people_kept == "all":
            self._look_at_longest(view, self._bodies, people)
            return people
        main = self._main.person
        if main is not None and main.body.is_lost:
            self._performer.resume()
        self._performer.next_frame(view)
        if self._bodies.is_free and self._performer.is_due():
            body = self._performer.find(view, self._bodies, main or find_nearest(people))
            if body is not None and main is not None and main in people and shows_same(body, main):
                main.body.take(body)
            elif body is not None and (person := self._detector.person_with(body, view.size)) is not None:
                self._main.choose(person)
                return order_first(people, person, MAX_PEOPLE)
        self._look_at_longest(view, self._bodies, [person for person in people if person is main])
        return people

    def _look_at_longest(self, view: Pyramid, bodies: BodyObserver, people: Sequence[TrackedPerson]) -> None:
        waiting = [person for person in people if person.is_body_due()]
        if waiting and bodies.is_free:
            max(waiting, key=lambda person: person.body.age).look_at_body(view, bodies)

    def _predict_whole_frame(self, view: Pyramid) -> Matte:
        """Return the matte of a network that takes the whole frame."""
        height, width = self._network.size_for(view.size)
        whole = (0, 0, *view.size)
        image = view.crop(whole, width, height)
        alpha, foreground = self._network.predict(image, whole)
        return Matte(alpha, whole, view.size, image, foreground)

    @property
    def _may_keep_edge(self) -> bool:
        return self.effort.level == "low" and not self._is_film

    def _is_still(self, small: np.ndarray) -> bool:
        """Return whether only noise has changed in a small picture for long enough to keep the last matte."""
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        if self._still_grey is None or cv2.blur(cv2.absdiff(grey, self._still_grey), (3, 3)).max() > _STILL_CHANGE:
            # Compared with the first still frame, so that slow changes add up until they count.
            self._still_grey = grey
            self._still_frames = 0
            return False
        self._still_frames += 1
        return self._still_frames > _SETTLING_FRAMES


def _empty_matte(view: Pyramid) -> Matte:
    """Return a matte without people; a network's faint alpha of an empty scene would flicker."""
    whole = (0, 0, *view.size)
    image = view.crop(whole, *THUMBNAIL_SIZE)
    return Matte(np.zeros(image.shape[:2], np.float32), whole, view.size, image)


def _grey_thumbnail(view: Pyramid, size: tuple[int, int]) -> np.ndarray:
    return cv2.cvtColor(view.crop((0, 0, *view.size), *size), cv2.COLOR_BGR2GRAY)


def _is_cut(now: np.ndarray, before: np.ndarray) -> bool:
    """Return whether a thumbnail shows another scene than the one before."""
    change = cv2.absdiff(now, before)
    return bool(change.mean() > _CUT_CHANGE or (change > _CUT_PIXEL_CHANGE).mean() > _CUT_SHARE)
