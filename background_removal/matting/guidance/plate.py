"""The empty room: keep what differs from it and touches the person, and find the edge against it."""

from __future__ import annotations

import logging
from dataclasses import replace

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import Box, clip_box, union
from background_removal.matting.guidance.plate_alignment import Light, align_plate, fit_light
from background_removal.matting.guidance.plate_difference import envelope, find_changed, find_things
from background_removal.matting.guidance.plate_edge import refine_edge
from background_removal.matting.guidance.steps import MatteStep
from background_removal.matting.pyramid import Pyramid

log = logging.getLogger(__name__)

# Constants without a source were chosen on the choosing half of benchmarks/plates.py.

# Maximum width of the picture in which changes are found, pixels.
_MAX_WIDTH = 480
# Alpha above which a pixel may be the person's.
_PERSON_ALPHA = 0.02
# Distance from the person within which the room is not compared, pixels at reduced size.
_PERSON_MARGIN = 9
# Share of the room that differs above which a picture shows another room.
_MAX_CHANGED = 0.5
# Share of the room that differs above which the camera may have been nudged.
_NUDGED_CHANGED = 0.02
# Frames between two attempts to align the plate.
_ALIGN_INTERVAL = 30
# Frames after which the light is fitted again; exposure moves slowly.
_LIGHT_INTERVAL = 3
# Frames after which the plate is aligned in any case.
_ALIGN_ANYWAY = 150
# Error of an aligned plate, share of that before, below which it replaces it.
_BETTER = 0.97
# Error of a pixel that counts at most, of 255: what changed says nothing of the camera.
_MAX_ERROR = 40.0
# Frames that disagree before the plate is dropped.
_PATIENCE = 5
# Frames after which a dropped plate is compared again.
_RETRY_INTERVAL = 60
# Margin around a thing, share of the frame's width.
_MARGIN = 0.02
# Largest alpha with things, pixels.
_MAX_PIXELS = 4 * 320 * 256


class PlateStep(MatteStep):
    """Corrects mattes by a picture of the empty room.

    Args:
        plate: uint8 (H, W, 3) BGR of the frame's size.
    """

    def __init__(self, plate: np.ndarray) -> None:
        self._plate = plate
        self._forget()

    def begin(self, still: bool, live: bool) -> None:
        self._forget()

    def end(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._room: _Room | None = None
        self._light: Light | None = None
        self._frames = self._strikes = 0
        self._aligned_at = -_ALIGN_ANYWAY
        self._dropped_at: int | None = None

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        """Return the matte with what belongs to the person, and with an edge found against the room."""
        self._frames += 1
        if self._dropped_at is not None and (self._frames - self._dropped_at) % _RETRY_INTERVAL:
            return matte
        room = self._room
        if room is None or room.size != view.size:
            room = self._room = _Room(self._plate, view.size)
        found = self._compare(view, matte, room)
        return matte if found is None else found

    def _compare(self, view: Pyramid, matte: Matte, room: _Room) -> Matte | None:
        small = view.level(room.level)
        height, width = small.shape[:2]
        alpha = matte.shrink(width, height)
        person = (alpha > _PERSON_ALPHA).view(np.uint8)
        outside = 1 - cv2.dilate(person, np.ones((_PERSON_MARGIN, _PERSON_MARGIN), np.uint8))
        changed, light, error = self._find_changed(small, room, outside, person)
        share = _share(changed, outside)
        waited = self._frames - self._aligned_at
        if waited >= _ALIGN_INTERVAL and (share > _NUDGED_CHANGED or waited >= _ALIGN_ANYWAY):
            self._aligned_at = self._frames
            moved = room.aligned(view, outside)
            if moved is not None:
                again, relight, remaining = self._find_changed(small, moved, outside, person)
                if remaining < _BETTER * error:
                    self._room = room = moved
                    changed, light, share = again, relight, _share(again, outside)
        self._light = light
        if light is None or share > _MAX_CHANGED:
            return None
        things = find_things(changed, alpha)
        return self._refine(view, matte, room, light, things)

    def _find_changed(self, small: np.ndarray, room: _Room, outside: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, Light | None, float]:
        light = self._light
        if light is None or not self._frames % _LIGHT_INTERVAL:
            light = fit_light(small, room.small, outside, light)
        if light is None:
            return np.ones_like(outside), None, 255.0
        relit = light.undo(small, local=True)
        changed = find_changed(relit, room.small_float, room.low, room.high, light.noise, person)
        error = cv2.absdiff(relit[..., 1], room.small_float[..., 1])
        return changed, light, cv2.mean(cv2.min(error, _MAX_ERROR), outside)[0]

    def _refine(self, view: Pyramid, matte: Matte, room: _Room, light: Light, things: np.ndarray) -> Matte:
        matte = _cover(view, matte, things)
        height, width = matte.alpha.shape
        seed = matte.alpha
        if things.any():
            left, top, right, bottom = matte.box
            scale = things.shape[1] / view.size[0], things.shape[0] / view.size[1]
            across, down = (right - left) / width * scale[0], (bottom - top) / height * scale[1]
            matrix = np.array([[across, 0, left * scale[0] - 0.5 + across / 2], [0, down, top * scale[1] - 0.5 + down / 2]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            soft = cv2.warpAffine(things.astype(np.float32), matrix, (width, height), flags=flags)
            seed = np.maximum(seed, np.clip(2 * soft - 0.5, 0, 1))
        relit = light.undo(matte.image)
        behind = room.pyramid.crop(matte.box, width, height)
        return replace(matte, alpha=refine_edge(seed, relit, behind, light.noise))


class _Room:
    """The plate at the sizes at which frames are compared with it.

    Args:
        plate: uint8 (H, W, 3).
        size: Width and height of the frames.
    """

    def __init__(self, plate: np.ndarray, size: tuple[int, int]) -> None:
        self.size = size
        self.level = 0
        while size[0] >> self.level > _MAX_WIDTH:
            self.level += 1
        self._plate = plate
        if plate.shape[1::-1] != size:
            self._plate = cv2.resize(plate, size, interpolation=cv2.INTER_AREA)
        self._show(self._plate)

    def _show(self, plate: np.ndarray) -> None:
        self.pyramid = Pyramid(plate)
        self.small = self.pyramid.level(self.level)
        self.small_float = self.small.astype(np.float32)
        self.low, self.high = envelope(self.small)

    def aligned(self, view: Pyramid, outside: np.ndarray) -> _Room | None:
        """Return the room as a nudged camera sees it; None if no movement of the camera is found.

        Args:
            view: A frame.
            outside: 1 where no person is, uint8 (h, w) at reduced size.
        """
        level = max(0, self.level - 1)  # finer, for a fraction of a pixel
        frame, plate = view.level(level), Pyramid(self._plate).level(level)
        free = cv2.resize(outside, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        matrix = align_plate(frame, plate, free)
        if matrix is None:
            return None
        scale = 1 << level
        # Pixel centres lie half a pixel inside.
        half = np.full(2, (scale - 1) / 2)
        matrix[:, 2] = scale * matrix[:, 2] + half - matrix[:, :2] @ half
        other = object.__new__(_Room)
        other.size, other.level, other._plate = self.size, self.level, self._plate
        other._show(
            cv2.warpAffine(self._plate, matrix, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        )
        return other


def _share(changed: np.ndarray, outside: np.ndarray) -> float:
    return cv2.countNonZero(changed & outside) / max(1, cv2.countNonZero(outside))


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
    left, top, right, bottom = matte.box
    density = matte.alpha.shape[1] / (right - left)
    wide, tall = box[2] - box[0], box[3] - box[1]
    density = min(density, 1.0, (_MAX_PIXELS / (wide * tall)) ** 0.5)
    # Even sizes are halved fast.
    width, height = 2 * max(1, round(wide * density / 2)), 2 * max(1, round(tall * density / 2))
    across, down = width / wide, height / tall
    zoom = (right - left) * across / matte.alpha.shape[1], (bottom - top) * down / matte.alpha.shape[0]
    shift = (left - box[0]) * across + (zoom[0] - 1) / 2, (top - box[1]) * down + (zoom[1] - 1) / 2
    matrix = np.array([[zoom[0], 0, shift[0]], [0, zoom[1], shift[1]]])
    alpha = cv2.warpAffine(matte.alpha, matrix, (width, height))
    image = view.crop(box, width, height)
    foreground = None
    if matte.foreground is not None:
        foreground = image.copy()
        cv2.warpAffine(matte.foreground, matrix, (width, height), dst=foreground, borderMode=cv2.BORDER_TRANSPARENT)
    return Matte(alpha, box, view.size, image, foreground)

