"""Things that the user has clicked on, kept with the person and followed by their colours and shape while in sight."""

from __future__ import annotations

import logging

import cv2
import numpy as np

from background_removal.matting.alpha.edge import snap_to_edges
from background_removal.matting.alpha.matte import Matte, extend_matte
from background_removal.matting.boxes import Box, clip_box
from background_removal.matting.guidance.thing import Thing, find_thing
from background_removal.matting.pyramid import Pyramid

log = logging.getLogger(__name__)

LOST = "lost what was kept: Ctrl-click it again"
# Frames for which that is shown; about four seconds of a camera.
_NOTICE_FRAMES = 120
# Longest side of the picture in which things are followed, pixels; a mug at arm's length is about 30 wide in it.
_SIDE = 480
# Things kept at once; each takes its time in every frame.
_MAX_THINGS = 4
# Alpha from which a pixel belongs to the person, and to no thing.
_PERSON = 0.5
# Half width of the soft edge of a thing, in its probability.
_RAMP = 0.25
# Margin around a thing in the matte, pixels of the small picture.
_MARGIN = 3


class KeptThings:
    """Keeps things in the matte of each frame, as a `MatteStep`; without things it changes nothing."""

    def __init__(self) -> None:
        self._things: list[Thing] = []
        self._person: Matte | None = None
        self._notice_frames = 0

    @property
    def count(self) -> int:
        """Number of things that are kept now."""
        return len(self._things)

    @property
    def notice(self) -> str:
        """A text for the window for some seconds after a thing was lost, "" otherwise."""
        return LOST if self._notice_frames else ""

    def begin(self, still: bool, live: bool) -> None:
        """Begin a stream; forget the things of the one before."""
        self._things = []
        self._person = None
        self._notice_frames = 0

    def end(self) -> None:
        """End the stream."""
        self._things = []
        self._person = None

    def toggle_at(self, view: Pyramid, matte: Matte, x: float, y: float) -> str:
        """Keep the thing at a place of a frame, or let it go if it is kept already.

        Args:
            view: The frame.
            matte: The person's matte in it, if `KeptThings` has not been called with it.
            x, y: Shares of the frame's width and height, 0 to 1.

        Returns:
            The message to show.
        """
        image = _small(view)
        height, width = image.shape[:2]
        column, row = min(width - 1, int(x * width)), min(height - 1, int(y * height))
        for thing in self._things:
            if thing.covers(column, row):
                self._things.remove(thing)
                return "let go"
        if len(self._things) >= _MAX_THINGS:
            return f"{_MAX_THINGS} things are kept, and no more can be; Ctrl-click one to let it go"
        person = (self._person or matte).shrink(width, height)
        if person[row, column] > _PERSON:
            return "this is the person, who is kept anyway; Ctrl-click what is lost beside them"
        thing = find_thing(image, person > _PERSON, column, row)
        if thing is None:
            return "nothing stands out from the room there; Ctrl-click the middle of the thing"
        self._things.append(thing)
        return "kept while it is in sight; Ctrl-click it again to let it go"

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the matte with the things in it."""
        self._person = matte
        self._notice_frames = max(0, self._notice_frames - 1)
        if not self._things:
            return matte
        image = _small(view)
        followed = [thing for thing in self._things if thing.follow(image)]
        if len(followed) < len(self._things):
            self._notice_frames = _NOTICE_FRAMES
            log.warning("%s", LOST)
        self._things = followed
        for thing in followed:
            matte = _add(view, matte, thing, image)
        return matte


def _small(view: Pyramid) -> np.ndarray:
    """Return a frame at the size at which things are followed, uint8 (h, w, 3)."""
    scale = min(1.0, _SIDE / max(view.size))
    width, height = (max(1, round(side * scale)) for side in view.size)
    return view.crop((0, 0, *view.size), width, height)


def _add(view: Pyramid, matte: Matte, thing: Thing, image: np.ndarray) -> Matte:
    """Return a matte with a thing in it, whose place is in the small picture `image`."""
    height, width = image.shape[:2]
    part, (left, top, right, bottom) = thing.probability, thing.box
    left, top = left - _MARGIN, top - _MARGIN
    part = cv2.copyMakeBorder(part, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=(0,))
    right, bottom = right + _MARGIN, bottom + _MARGIN
    inside = max(0, left), max(0, top), min(width, right), min(height, bottom)
    part = part[inside[1] - top : inside[3] - top, inside[0] - left : inside[2] - left]
    alpha = np.clip((part - (0.5 - _RAMP)) / (2 * _RAMP), 0, 1)
    alpha = snap_to_edges(alpha, image[inside[1] : inside[3], inside[0] : inside[2]])
    across, down = view.size[0] / width, view.size[1] / height
    box = clip_box((inside[0] * across, inside[1] * down, inside[2] * across, inside[3] * down), view.size)
    return _merge(view, matte, alpha, box)


def _merge(view: Pyramid, matte: Matte, alpha: np.ndarray, box: Box) -> Matte:
    """Return a matte with the greater of its alpha and another one, float32 (h, w) of the part `box`."""
    if not matte.alpha.any():
        matte = Matte(np.zeros_like(alpha), box, view.size, view.crop(box, *alpha.shape[::-1]))
    matte = _widen(view, matte, box)
    left, top, right, bottom = matte.box
    across, down = matte.alpha.shape[1] / (right - left), matte.alpha.shape[0] / (bottom - top)
    place = clip_box(
        ((box[0] - left) * across, (box[1] - top) * down, (box[2] - left) * across, (box[3] - top) * down),
        (matte.alpha.shape[1], matte.alpha.shape[0]),
    )
    merged = matte.alpha.copy()
    part = merged[place[1] : place[3], place[0] : place[2]]
    np.maximum(part, cv2.resize(alpha, part.shape[::-1], interpolation=cv2.INTER_LINEAR), out=part)
    return Matte(merged, matte.box, matte.size, matte.image, matte.foreground)


def _widen(view: Pyramid, matte: Matte, box: Box) -> Matte:
    """Return a matte whose box also covers `box`, at its own resolution."""
    left, top, right, bottom = matte.box
    wide = min(left, box[0]), min(top, box[1]), max(right, box[2]), max(bottom, box[3])
    if wide == matte.box:
        return matte
    width = max(1, round((wide[2] - wide[0]) * matte.alpha.shape[1] / (right - left)))
    height = max(1, round((wide[3] - wide[1]) * matte.alpha.shape[0] / (bottom - top)))
    return extend_matte(view, matte, wide, (width, height))
