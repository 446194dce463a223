"""Finding the person in frame after frame: look at the whole frame, follow with a crop, refine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError
from background_removal.matting.alpha.color_model import ColorModel
from background_removal.matting.alpha.matte import Matte, merge_mattes
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.crop import Box
from background_removal.matting.networks.light import brighten
from background_removal.matting.networks.segmenters import Segmenter
from background_removal.matting.photo import PhotoMatting
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.tracking.detector import GLANCE, PersonDetector, is_sharp
from background_removal.matting.tracking.main_person import MainPersonSelector
from background_removal.matting.tracking.matte_network import MatteNetwork
from background_removal.matting.tracking.tracked_person import TrackedPerson

log = logging.getLogger(__name__)

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# A change of the whole frame, on average, that is taken for a cut to another scene.
_CUT_CHANGE = 40
# So is one of this share of it by this much.
_CUT_SHARE, _CUT_PIXEL_CHANGE = 0.6, 24
# A frame whose brightness deviates less from its mean (of 255) shows nothing.
_MIN_CONTRAST = 3
# After so many frames in a row in which a network has failed it is no use to go on: two seconds of a camera.
_MAX_FAILURES = 60
# No pixel of a still scene, averaged over a small neighbourhood, differs by more from the last frame that the
# network saw.
_STILL_CHANGE = 3
# So many still frames are drawn all the same, for what is steadied over time to settle.
_SETTLING_FRAMES = 12
# Where frames have times, the crop is drawn anew this often, in seconds.
_CROP_SECONDS = 1
_BEST_KEEPS_ALL = "the best matte keeps everybody: leave `quality` best out, or give `people` main"


class RefinedNetwork:
    """A segmenting network whose probabilities a colour model corrects and a refiner turns into alphas."""

    follows = True

    def __init__(self, network: Segmenter, refiner: Refiner) -> None:
        self._network = network
        self._colors = ColorModel()
        self._refiner = refiner

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        return self._network.size

    def __call__(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        seen = brighten(image)
        probability = self._colors(self._network(seen), seen)
        return self._refiner(probability, cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY), box, seen), None

    @property
    def state(self) -> Any:
        return self._refiner.previous, self._colors.state

    @state.setter
    def state(self, value: Any) -> None:
        # None stands for somebody who is drawn for the first time.
        self._refiner.previous, self._colors.state = (None, None) if value is None else value

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        self._refiner.set_edge(threshold, edge_softness)

    def reset(self) -> None:
        self._colors.reset()
        self._refiner.reset()

    def close(self) -> None:
        self._network.close()


class StreamMatting:
    """Makes the matte of each frame of a stream.

    One network looks at the whole frame now and then to find the person; another draws him, in every frame,
    from a crop around him.

    Args:
        finder: What finds the people in the frame.
        drawer: What draws the person.
        quality: "fast" or "best"; None for the best of a still and fast of what moves.
        photo: What makes the best matte; None for a drawer that does so where it is shown the whole frame.
        reuse_still: Whether a frame that has hardly changed since it was drawn gets the same matte.
        people: "all", or "main" for the one who was there first and is nearest; the others go with the background.
    """

    def __init__(
        self,
        finder: PersonDetector,
        drawer: MatteNetwork,
        quality: str | None = None,
        photo: PhotoMatting | None = None,
        reuse_still: bool = False,
        people: str = "all",
    ) -> None:
        self._finder = finder
        self._drawer = drawer
        self._quality = quality
        self._photo = photo
        self.reuse_still = reuse_still
        self._people_kept = people
        self._turn = 0
        self._main = MainPersonSelector()
        self._live = False
        self._failures = 0
        self._told = False
        self._set_best(quality == "best")

    def begin(self, still: bool, live: bool = False) -> None:
        """A stream begins, of one picture or of many, or of a camera.

        Raises:
            InputError: the best is asked for, and can be had of one picture only, and of everybody only.
        """
        if self._quality == "best" and self._photo is not None and not still:
            raise InputError(
                "`quality` best takes seconds for each picture: it is for images, or for `model` rvm; leave it out"
            )
        if self._quality == "best" and self._people_kept == "main":
            raise InputError("`quality` best keeps everybody; leave it or `people` main out")
        self._live, self._failures, self._told = live, 0, False
        # The best matte knows no single people.
        still_best = self._quality is None and still and self._people_kept == "all"
        self._set_best(self._quality == "best" or still_best)

    def _set_best(self, best: bool) -> None:
        self._best = best
        if self._photo is None:
            self._drawer.follows = not best
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._finder.reset()
        self._people: list[TrackedPerson] = []
        self._main.reset()
        self._drawer.reset()
        if self._photo is not None:
            self._photo.reset()
        self._glance: np.ndarray | None = None
        self._last: Matte | None = None
        self._last_grey: np.ndarray | None = None
        self._still_frames = 0
        self._span: int | None = None
        self._crop_anew = False

    def at(self, seconds: float) -> None:
        """Say when in the stream the next frame is shown, so that the crop is drawn anew at certain times.

        A crop that stays while it fits depends on all that was before. Drawn anew, it depends on little but the frame:
        two processes that began at different frames soon agree, and no seam is seen between their parts.
        """
        before, self._span = self._span, int(seconds // _CROP_SECONDS)
        if before is not None and before != self._span:
            self._crop_anew = True

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._drawer.set_edge(threshold, edge_softness)
        if self._photo is not None:
            self._photo.set_edge(threshold, edge_softness)
        self._last_grey = None  # or a still frame would keep its matte

    @property
    def people(self) -> str:
        """Who is kept: "all", or "main" for the main person only; can be set while frames go by.

        Raises:
            InputError: it is set while the best matte is made, which keeps everyone.
        """
        return self._people_kept

    @people.setter
    def people(self, people: str) -> None:
        if people == self._people_kept:
            return
        if self._best:
            raise InputError(_BEST_KEEPS_ALL)
        self._last_grey = None
        self._people_kept = people
        if people == "main":
            self._turn = sum(person is not self._main.person for person in self._people)
            self._main.choose(None)

    def next_people(self) -> str:
        """Keep the main person alone, then each of the others, then all again; return what to say of it."""
        if self._best:
            return _BEST_KEEPS_ALL
        if self._people_kept == "all":
            self.people = "main"
            return "the main person alone"
        self._last_grey = None
        others = [person for person in self._people if person is not self._main.person]
        self._turn -= 1
        if self._turn < 1 or not others:
            self._people_kept = "all"
            return "everybody"
        self._main.choose(self._after_main())
        return "another person alone"

    def choose_at(self, x: float, y: float) -> bool | str:
        """Keep the person alone who is seen there, at these shares of the frame's width and height.

        Returns:
            What to say of it; False where nobody is.
        """
        if self._best:
            return False
        for person in self._people:
            if person.is_at(x, y):
                self._last_grey = None
                self._people_kept, self._turn = "main", len(self._people)
                self._main.choose(person)
                return "this person alone; p goes on to others and to everybody"
        return False

    def _after_main(self) -> TrackedPerson:
        """Return who stands to the right of the main person, the first on the left if there is nobody."""
        row = sorted(self._people, key=lambda person: person.centre)
        place = row.index(self._main.person) + 1 if self._main.person in row else 0
        return row[place % len(row)]

    def close(self) -> None:
        """Free the networks."""
        self._finder.close()
        self._drawer.close()

    def __call__(self, view: Pyramid) -> Matte:
        """Return the matte of the next frame."""
        if self._best and self._photo is not None:
            return self._photo(view)
        size = view.size
        if self._last is not None and self._last.size != size:
            self.reset()
        if self.reuse_still and self._is_still(view):
            assert self._last is not None
            return self._last
        self._glance, before = _glance(view), self._glance
        if before is not None and _is_cut(self._glance, before):
            glance, span = self._glance, self._span
            self.reset()
            self._glance, self._span = glance, span
        self._last = self._safe_matte(view)
        return self._last

    def _safe_matte(self, view: Pyramid) -> Matte:
        """Return a matte that shows no more of a camera's picture than people, also if a network fails."""
        try:
            matte = self._matte(view)
        except ProcessingError as error:
            self._failures += 1
            if not self._live or self._failures > _MAX_FAILURES:
                raise
            if not self._told:
                self._told = True
                log.warning("nobody is shown while this lasts: %s", error)
            self.reset()  # what it remembers may be what it fails on
            return self._nobody(view)
        self._failures = 0
        return matte

    def _matte(self, view: Pyramid) -> Matte:
        if not self._drawer.follows:
            return self._whole(view)
        assert self._glance is not None
        if self._glance.std() < _MIN_CONTRAST:  # the camera is covered
            self._people = []
            return self._nobody(view)
        self._finder.next_frame(self._glance)
        anew, self._crop_anew = self._crop_anew, False
        people = self._finder.find(view, self._people, anew)
        drawn = [person for person in people if self._draws(person, view, people)]
        if not drawn and (person := self._finder.moved(view.size)) is not None:
            drawn = [person] if self._draws(person, view, [person]) and is_sharp(person) else []
        drawn = [person for person in drawn if person.forget_lost_face(drawn)]
        self._people = drawn
        if self._people_kept == "main":
            person = self._main.among(drawn)
            return self._nobody(view) if person is None else person.alone(person.steadied(drawn), drawn)
        if not drawn:
            return self._nobody(view)
        return merge_mattes(
            view, [person.steadied(drawn) for person in drawn], [person.distances() for person in drawn]
        )

    def _draws(self, person: TrackedPerson, view: Pyramid, people: Sequence[TrackedPerson]) -> bool:
        """Draw a person; return whether he is there."""
        outside = person.draw(self._drawer, view, people)
        if not person.is_believed(lambda: self._finder.seen(view)):
            return False
        if outside:
            # Once more at once if he has outrun the crop.
            person.draw_again(self._drawer, view, self._finder.seen(view), people)
        if not person.drawn(people):
            return False
        person.settle(self._drawer, view)
        return person.trial is None or self._finder.is_where_moved(person)

    def _nobody(self, view: Pyramid) -> Matte:
        """Return a matte of nothing: what little a network sees of nobody would flash here and there."""
        whole = (0, 0, *view.size)
        image = view.crop(whole, *GLANCE)
        return Matte(np.zeros(image.shape[:2], np.float32), whole, view.size, image)

    def _whole(self, view: Pyramid) -> Matte:
        """Return the matte of a drawer that is shown the whole frame."""
        height, width = self._drawer.size_for(view.size)
        whole = (0, 0, *view.size)
        image = view.crop(whole, width, height)
        alpha, foreground = self._drawer(image, whole)
        return Matte(alpha, whole, view.size, image, foreground)

    def _is_still(self, view: Pyramid) -> bool:
        """Tell whether nothing but noise has changed for long enough to keep the last matte."""
        if self._last is None:
            return False
        grey = cv2.cvtColor(view.crop((0, 0, *view.size), 320, 180), cv2.COLOR_BGR2GRAY)
        if self._last_grey is None or cv2.blur(cv2.absdiff(grey, self._last_grey), (3, 3)).max() > _STILL_CHANGE:
            # The first still frame stays the measure, so that slow changes add up until they count.
            self._last_grey = grey
            self._still_frames = 0
            return False
        self._still_frames += 1
        return self._still_frames > _SETTLING_FRAMES


def _glance(view: Pyramid) -> np.ndarray:
    return cv2.cvtColor(view.crop((0, 0, *view.size), *GLANCE), cv2.COLOR_BGR2GRAY)


def _is_cut(now: np.ndarray, before: np.ndarray) -> bool:
    """Tell whether a glance shows another scene than the one before."""
    change = cv2.absdiff(now, before)
    return bool(change.mean() > _CUT_CHANGE or (change > _CUT_PIXEL_CHANGE).mean() > _CUT_SHARE)
