"""The empty room: keep what differs from it and touches the person, and find the edge against it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte, extend_matte
from background_removal.matting.boxes import clip_box, resample_box, union
from background_removal.matting.guidance.plate_alignment import Light, fit_light
from background_removal.matting.guidance.plate_difference import find_changed, find_things
from background_removal.matting.guidance.plate_edge import refine_edge
from background_removal.matting.guidance.plate_room import Plate, Room
from background_removal.matting.guidance.plate_stillness import Stillness
from background_removal.matting.guidance.steps import MatteStep
from background_removal.matting.pyramid import Pyramid

log = logging.getLogger(__name__)

# Constants without a source were chosen on the choosing half of benchmarks/plates.py.

# Alpha above which a pixel may be the person's.
_PERSON_ALPHA = 0.02
# Distance from the person within which the room is not compared, pixels at reduced size.
_PERSON_MARGIN = 9
# Share of the room that differs above which a picture shows another room.
_MAX_CHANGED = 0.5
# Share of the frame in which the room must show for it to be told from another one.
_MIN_OUTSIDE = 0.05
# Share of the room that differs above which the camera may have been nudged.
_NUDGED_CHANGED = 0.02
# Frames between two attempts to align the plate.
_ALIGN_INTERVAL = 30
# Frames after which the light is fitted again; exposure moves slowly.
_LIGHT_INTERVAL = 6
# Error above that of the frame before, share, at which the light is fitted at once: a lamp was switched on.
_LIGHT_JUMP = 1.3
# Frames after which the plate is aligned in any case.
_ALIGN_ANYWAY = 150
# Error of an aligned plate, share of that before, below which it replaces it.
_BETTER = 0.97
# Error of a pixel that counts at most, of 255: what changed says nothing of the camera.
_MAX_ERROR = np.float32(40.0)
# Consecutive frames that disagree before a plate is dropped, and that agree before a kept one is believed.
_PATIENCE = 5
# Frames after which a dropped plate is compared again.
_RETRY_INTERVAL = 60
# Difference of alpha above which a network had not seen a pixel.
_SEEN = 0.3
# Margin around a thing, share of the frame's width.
_MARGIN = 0.02
# Largest alpha with things, pixels.
_MAX_PIXELS = 4 * 320 * 256


@dataclass(slots=True)
class _Comparison:
    """A frame beside the room.

    Attributes:
        changed: 1 where the frame is not the room, uint8 (h, w) at reduced size.
        light: The light of the frame; None if none explains it.
        error: Mean difference outside people, of 255.
        relit: The frame in the light of the plate, float32 (h, w, 3); None as for `light`.
    """

    changed: np.ndarray
    light: Light | None
    error: float
    relit: np.ndarray | None = None


class PlateStep(MatteStep):
    """Corrects mattes by a picture of the empty room.

    Args:
        plate: The picture, of any size.
        keep_chair: Whether what differs from the plate stays though it does not move; otherwise what stood still for
            some seconds of a camera becomes the room.
        is_offered: Whether the plate is of an earlier day, and not believed before it agrees with some frames.
        on_believed: Called when such a plate is believed.
    """

    def __init__(
        self,
        plate: Plate,
        keep_chair: bool = True,
        is_offered: bool = False,
        on_believed: Callable[[], object] = lambda: None,
    ) -> None:
        self._plate = plate
        self._keep_chair = keep_chair
        self._is_offered = is_offered
        self._on_believed = on_believed
        self._has_warned = False
        self.begin(False, False)

    @property
    def image(self) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        return self._plate.image

    @property
    def is_dropped(self) -> bool:
        """Whether it shows another room than the last frames."""
        return self._is_dropped

    def begin(self, still: bool, live: bool) -> None:
        self._still = still
        self._stillness = Stillness() if live and not self._keep_chair else None
        self._room: Room | None = None
        self._light: Light | None = None
        self._error = 255.0
        self._frames = self._strikes = self._agreements = 0
        self._aligned_at = -_ALIGN_ANYWAY
        self._is_dropped = False
        self._last: tuple[Matte, Matte] | None = None

    def end(self) -> None:
        self._room = self._last = None

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the matte with what belongs to the person, and with an edge found against the room."""
        if self._last is not None and self._last[0] is matte:
            return self._last[1]
        self._frames += 1
        if self._is_dropped and self._frames % _RETRY_INTERVAL:
            return matte
        room = self._room
        if room is None or room.size != view.size:
            room = self._room = Room(self._plate, view.size)
        result = self._correct(view, matte, room)
        self._last = (matte, result)
        return result

    def _correct(self, view: Pyramid, matte: Matte, room: Room) -> Matte:
        small = view.level(room.level)
        alpha = _shrink(matte, small.shape[1], small.shape[0])
        person = (alpha > _PERSON_ALPHA).view(np.uint8)
        outside = 1 - cv2.dilate(person, np.ones((_PERSON_MARGIN, _PERSON_MARGIN), np.uint8))
        found = self._compare(small, room, outside, person)
        share = _share(found.changed, outside, room)
        waited = self._frames - self._aligned_at
        if waited >= _ALIGN_INTERVAL and (share > _NUDGED_CHANGED or waited >= _ALIGN_ANYWAY):
            self._aligned_at = self._frames
            for mirrored in (False, True):
                moved = room.aligned(view, outside, mirrored) if not mirrored or share > _MAX_CHANGED else None
                again = None if moved is None else self._compare(small, moved, outside, person)
                if moved is not None and again is not None and again.error < _BETTER * found.error:
                    self._room, room, found = moved, moved, again
                    share = _share(found.changed, outside, room)
        self._light, self._error = found.light, found.error
        if not self._agrees(found, share, outside):
            return matte
        assert found.light is not None
        things = find_things(found.changed, alpha, room.level)
        if self._stillness is not None and found.relit is not None:
            things = self._learn(view, room, found, things, person)
        return _refine(view, matte, room, found.light, things)

    def _compare(self, small: np.ndarray, room: Room, outside: np.ndarray, person: np.ndarray) -> _Comparison:
        free = _known(outside, room)
        is_due = self._light is None or not self._frames % _LIGHT_INTERVAL
        light = fit_light(small, room.small, free, self._light) if is_due else self._light
        relit, error = _relight(small, room, free, light)
        if not is_due and error > _LIGHT_JUMP * self._error:
            light = fit_light(small, room.small, free)
            relit, error = _relight(small, room, free, light)
        if light is None or relit is None:
            return _Comparison(np.ones_like(outside), None, error)
        changed = find_changed(relit, room.reduced, light.noise, person)
        return _Comparison(_known(changed, room), light, error, relit)

    def _agrees(self, found: _Comparison, share: float, outside: np.ndarray) -> bool:
        """Return whether the plate is believed in this frame; report once that it is, or is not any more."""
        if found.light is None or share > _MAX_CHANGED:
            self._strikes, self._agreements, self._light = self._strikes + 1, 0, None
            if not self._is_dropped and (self._strikes >= _PATIENCE or self._still):
                self._drop()
            return False
        self._strikes = 0
        if not self._is_offered:
            self._is_dropped = False
            return True
        if outside.mean() > _MIN_OUTSIDE:
            self._agreements += 1
        if self._agreements < _PATIENCE:
            return False
        self._is_offered = self._is_dropped = False
        self._on_believed()
        return True

    def _drop(self) -> None:
        self._is_dropped = True
        if self._is_offered:
            log.info("the kept picture of the empty room shows another room, and is not used")
        elif not self._has_warned:
            self._has_warned = True
            log.warning("the picture of the empty room (--plate) shows another room, and is not used")

    def _learn(
        self, view: Pyramid, room: Room, found: _Comparison, things: np.ndarray, person: np.ndarray
    ) -> np.ndarray:
        """Let what has stood still become the room; return the things that are left."""
        assert self._stillness is not None
        assert found.relit is not None
        assert found.light is not None
        stood = self._stillness(found.relit, found.changed, person)
        if stood is None:
            return things
        frame = cv2.convertScaleAbs(np.maximum(found.light.undo(view.image), 0))
        self._room = room.learned(frame, stood)
        return things & (1 - stood)


def _refine(view: Pyramid, matte: Matte, room: Room, light: Light, things: np.ndarray) -> Matte:
    """Return a matte with the things, and with an edge found against the room."""
    matte = _cover(view, matte, things)
    height, width = matte.alpha.shape
    seed = matte.alpha
    if things.any():
        whole = (0, 0, *view.size)
        soft = resample_box(things.astype(np.float32), whole, matte.box, (width, height), cv2.BORDER_CONSTANT)
        seed = cv2.max(seed, np.clip(2 * soft - 0.5, 0, 1))
    behind, known = room.crop(matte.box, width, height)
    alpha = refine_edge(seed, matte.image, behind, light, known)
    foreground = matte.foreground
    if foreground is not None:  # of what a network did not see it does not know the colours
        foreground = cv2.copyTo(matte.image, (alpha > matte.alpha + _SEEN).view(np.uint8), foreground.copy())
    return replace(matte, alpha=alpha, foreground=foreground)


def _shrink(matte: Matte, width: int, height: int) -> np.ndarray:
    """Return the alpha of the whole frame at reduced size, float32 (height, width).

    Interpolation does where the sizes are close, in a tenth of the time of averaging.
    """
    if matte.alpha.shape[1] * matte.size[0] >= 2 * (matte.box[2] - matte.box[0]) * width:
        return matte.shrink(width, height)
    return resample_box(matte.alpha, matte.box, (0, 0, *matte.size), (width, height), cv2.BORDER_CONSTANT)


def _share(changed: np.ndarray, outside: np.ndarray, room: Room) -> float:
    free = _known(outside, room)
    return cv2.countNonZero(cv2.bitwise_and(changed, free)) / max(1, cv2.countNonZero(free))


def _known(mask: np.ndarray, room: Room) -> np.ndarray:
    """Return a mask, 0 or 1, without the places where the room is not known."""
    return mask if room.known is None else cv2.bitwise_and(mask, room.known)


def _relight(small: np.ndarray, room: Room, free: np.ndarray, light: Light | None) -> tuple[np.ndarray | None, float]:
    """Return a frame in the light of the plate, float32 (h, w, 3), and its mean error on `free` pixels, of 255."""
    if light is None:
        return None, 255.0
    relit = light.undo(small, local=True)
    error = cv2.absdiff(cv2.extractChannel(relit, 1), cv2.extractChannel(room.reduced.plate, 1))
    return relit, cv2.mean(np.minimum(error, _MAX_ERROR), free)[0]


def _cover(view: Pyramid, matte: Matte, things: np.ndarray) -> Matte:
    """Return a matte whose box covers the things as well."""
    if not things.any():
        return matte
    x, y, w, h = cv2.boundingRect(things)
    scale, margin = view.size[0] / things.shape[1], _MARGIN * view.size[0]
    bounds = (x * scale - margin, y * scale - margin, (x + w) * scale + margin, (y + h) * scale + margin)
    box = clip_box(union(bounds, matte.box), view.size)
    if box == matte.box:
        return matte
    wide, tall = box[2] - box[0], box[3] - box[1]
    density = min(matte.alpha.shape[1] / (matte.box[2] - matte.box[0]), 1.0, (_MAX_PIXELS / (wide * tall)) ** 0.5)
    # Even sizes are halved fast.
    width, height = 2 * max(1, round(wide * density / 2)), 2 * max(1, round(tall * density / 2))
    return extend_matte(view, matte, box, (width, height))
