"""Finding the person in frame after frame: look at the whole frame, follow with a crop, refine."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np

from matting.following import Box, Follower
from matting.matte import Matte
from matting.photo import Photo
from matting.pyramid import Pyramid
from matting.refine import Refiner
from matting.segmenters import Segmenter
from pipeline.errors import InputError

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on other people's clips.

# The whole frame is looked at this often, in frames, for someone whom no motion has announced,
_LOOK_EVERY = 30
# more often while this share of what the network draws is neither person nor background,
_UNSURE_SHARE = 0.12
_LOOK_WHEN_UNSURE = 4
# and at once when this share of what lies outside the crop has changed by so much brightness (of 255).
_NEWS_SHARE = 0.02
_NEWS_CHANGE = 24
# A change of the whole frame, on average, that is taken for a cut to another scene.
_CUT_CHANGE = 40
# Size at which frames are compared.
_GLANCE = (64, 36)
# No pixel of a still scene, averaged over a small neighbourhood, differs by more from the last frame that the
# network saw.
_STILL_CHANGE = 3
# So many still frames are drawn all the same, for what is steadied over time to settle.
_SETTLING_FRAMES = 12
# Where frames have times, the crop is drawn anew this often, in seconds.
_CROP_SECONDS = 2


class Drawer(Protocol):
    """What draws the alpha of the part of a frame that it is shown.

    Attributes:
        follows: Whether it is to be shown a crop around the person, or else the whole frame.
        state: What it remembers of the frames before; can be put back to draw a frame anew.
    """

    follows: bool
    state: Any

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the images that it takes for frames of (width, height)."""
        ...

    def __call__(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        """Return alpha, float32 (h, w) in [0, 1], and foreground, uint8 (h, w, 3) or None, of `image`."""
        ...

    def set_threshold(self, threshold: float) -> None:
        """Change where background ends and person begins, 0 to 1."""
        ...

    def reset(self) -> None:
        """Forget the previous frames."""
        ...

    def close(self) -> None:
        """Free the network."""
        ...


class RefinedNetwork:
    """A segmenting network whose probabilities a refiner turns into alphas."""

    follows = True

    def __init__(self, network: Segmenter, refiner: Refiner) -> None:
        self._network = network
        self._refiner = refiner

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        return self._network.size

    def __call__(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return self._refiner(self._network(image), grey, box), None

    @property
    def state(self) -> Any:
        return self._refiner.before

    @state.setter
    def state(self, value: Any) -> None:
        self._refiner.before = value

    def set_threshold(self, threshold: float) -> None:
        self._refiner.set_threshold(threshold)

    def reset(self) -> None:
        self._refiner.reset()

    def close(self) -> None:
        self._network.close()


class PersonMatte:
    """Makes the matte of each frame of a stream.

    One network looks at the whole frame now and then to find the person; another draws him, in every frame,
    from a crop around him.

    Args:
        looking: The network that looks at the whole frame.
        drawer: What draws the person.
        quality: "fast" or "best"; None for the best of a still and fast of what moves.
        photo: What makes the best matte; None for a drawer that does so where it is shown the whole frame.
        reuse_still: Whether a frame that has hardly changed since it was drawn gets the same matte.
    """

    def __init__(
        self,
        looking: Segmenter,
        drawer: Drawer,
        quality: str | None = None,
        photo: Photo | None = None,
        reuse_still: bool = False,
    ) -> None:
        self._looking = looking
        self._drawer = drawer
        self._quality = quality
        self._photo = photo
        self.reuse_still = reuse_still
        self._follower = Follower()
        self._set_best(quality == "best")

    def begin(self, still: bool) -> None:
        """A stream begins, of one picture or of many.

        Raises:
            InputError: the best is asked for, and can be had of one picture only.
        """
        if self._quality == "best" and self._photo is not None and not still:
            raise InputError(
                "`quality` best takes seconds for each picture: it is for images, or for `model` rvm; leave it out"
            )
        self._set_best(self._quality == "best" or (self._quality is None and still))

    def _set_best(self, best: bool) -> None:
        self._best = best
        if self._photo is None:
            self._drawer.follows = not best
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._follower.reset()
        self._drawer.reset()
        if self._photo is not None:
            self._photo.reset()
        self._since_look = 0
        self._glance: np.ndarray | None = None
        self._looked_glance: np.ndarray | None = None
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

    def set_threshold(self, threshold: float) -> None:
        """Change where background ends and person begins, 0 to 1."""
        self._drawer.set_threshold(threshold)
        if self._photo is not None:
            self._photo.set_threshold(threshold)
        self._last_grey = None  # or a still frame would keep its matte

    def close(self) -> None:
        """Free the networks."""
        self._looking.close()
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
        if before is not None and _difference(self._glance, before) > _CUT_CHANGE:
            glance, span = self._glance, self._span
            self.reset()
            self._glance, self._span = glance, span
        matte = self._matte(view)
        self._last = matte
        return matte

    def _matte(self, view: Pyramid) -> Matte:
        size = view.size
        whole: Box = (0, 0, *size)
        if not self._drawer.follows:
            return self._drawn(view, whole)
        anew, self._crop_anew = self._crop_anew, False
        if (anew or self._look_is_due(size)) and not self._look(view, whole, anew):
            return self._nobody(view, whole)
        box = self._follower.box or whole
        before = self._drawer.state
        matte = self._drawn(view, box)
        # Once more at once if he has outrun the crop. The follower hears of both drawings: what the first one
        # missed counts as motion, so that the next crop is wider on that side.
        if self._follower.left_crop(matte.alpha, box, size):
            self._follower.drawn(matte.alpha, box, size)
            self._look(view, whole)
            if self._follower.box is not None and self._follower.box != box:
                box = self._follower.box
                self._drawer.state = before
                matte = self._drawn(view, box)
        self._follower.drawn(matte.alpha, box, size)
        return matte

    def _nobody(self, view: Pyramid, whole: Box) -> Matte:
        """Return a matte of nothing: what little a network sees of nobody would flash here and there."""
        self._drawer.reset()
        image = view.crop(whole, *_GLANCE)
        return Matte(np.zeros(image.shape[:2], np.float32), whole, view.size, image)

    def _drawn(self, view: Pyramid, box: Box) -> Matte:
        height, width = self._drawer.size_for(view.size)
        image = view.crop(box, width, height)
        alpha, foreground = self._drawer(image, box)
        return Matte(alpha, box, view.size, image, foreground)

    def _look(self, view: Pyramid, whole: Box, anew: bool = False) -> bool:
        """Look at the whole frame; return whether there is a person, there or in the crop."""
        self._since_look = 0
        self._looked_glance = self._glance
        height, width = self._looking.size
        return self._follower.looked(self._looking(view.crop(whole, width, height)), view.size, anew)

    def _look_is_due(self, size: tuple[int, int]) -> bool:
        self._since_look += 1
        box = self._follower.box
        if box is None or self._since_look >= (_LOOK_WHEN_UNSURE if self._is_unsure() else _LOOK_EVERY):
            return True
        assert self._glance is not None
        if self._looked_glance is None:
            return True
        changed = cv2.absdiff(self._glance, self._looked_glance) > _NEWS_CHANGE
        across, down = _GLANCE[0] / size[0], _GLANCE[1] / size[1]
        changed[int(box[1] * down) : int(box[3] * down) + 1, int(box[0] * across) : int(box[2] * across) + 1] = False
        return bool(changed.mean() > _NEWS_SHARE)

    def _is_unsure(self) -> bool:
        """Tell whether much of what was drawn last is neither person nor background."""
        if self._last is None:
            return False
        alpha = self._last.alpha
        return bool(((alpha > 0.1) & (alpha < 0.9)).mean() > _UNSURE_SHARE)

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
    return cv2.cvtColor(view.crop((0, 0, *view.size), *_GLANCE), cv2.COLOR_BGR2GRAY)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(cv2.absdiff(a, b).mean())
