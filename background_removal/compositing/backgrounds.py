"""Backgrounds: a blur, a colour, pictures, transparency; a video is in `compositing.video_background`."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.compositing.background_blur import blur_at_reduced_size
from background_removal.compositing.blending import (
    apply_edge_correction,
    blend_layers,
    blend_onto,
    compute_edge_correction,
    crop_to_box,
    fill_planes,
    scale_to_cover,
    wrap_light,
)
from background_removal.compositing.blur import BlurStrength
from background_removal.compositing.recent_room import RecentRoom
from background_removal.errors import InputError
from background_removal.files.kinds import detect_kind
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import ColorDescription, Planes
from background_removal.support.buffers import Buffers

if TYPE_CHECKING:
    from background_removal.compositing.shadow import Shadow

log = logging.getLogger(__name__)


class Background(ABC):
    """Replaces the background of frames; subclasses define how.

    Attributes:
        light_wrap: Light of the new background over the person's edge, 0 to 1.
        shadow: The person's shadow on a new background; None for none. The stage sets it before each frame.
    """

    light_wrap = 0.0
    shadow: Shadow | None = None

    def __init__(self) -> None:
        self._buffers = Buffers()

    def begin(self, live: bool) -> None:
        """Begin a stream; a `live` one does not wait for slow frames."""

    def at(self, seconds: float) -> None:
        """Set the presentation time of the next frame in the stream."""

    def end(self) -> None:
        """End the stream and release its resources."""

    def change(self, forward: bool) -> bool:
        """Go to the next (or previous) picture; return whether there is another one."""
        return False

    @property
    def label(self) -> str:
        """The current picture's name for messages, "" if it has none."""
        return ""

    @abstractmethod
    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        """Return the frame with its background replaced.

        Returns:
            uint8 (H, W, 3), or (H, W, 4) with alpha; perhaps planes if the frame is in planes.
        """


class ImageBackground(Background):
    """A background with an image for every frame.

    Attributes:
        pictures_are_immutable: Whether an array that `picture` has returned never changes.
    """

    pictures_are_immutable = False
    _cached: tuple[np.ndarray, ColorDescription, Sequence[np.ndarray]] | None = None

    @abstractmethod
    def picture(self, width: int, height: int) -> np.ndarray:
        """Return the current background, uint8 (height, width, 3), not to be written to."""

    @property
    def original(self) -> np.ndarray | None:
        """The picture at its own size, uint8 (H, W, 3) BGR; None if it has none."""
        return None

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        behind = self.picture(*view.size)
        if self.light_wrap:  # light adds up in BGR only
            out = self._buffers.take(view.image.shape)
            np.copyto(out, behind)
            if self.shadow is not None:
                self.shadow.cast((out,), Pyramid(out), matte)
            front = apply_edge_correction(crop_to_box(view.image, matte.box), compute_edge_correction(matte))
            blend_onto(out, wrap_light(behind, front, matte, self.light_wrap), matte)
            return out
        layers = view.allocate_layers(self._buffers)
        for layer, filled in zip(layers, self._filled_layers(view, behind), strict=True):
            np.copyto(layer, filled)
        if self.shadow is not None:
            self.shadow.cast(layers, view, matte)
        blend_layers(layers, view, matte)
        return view.assemble(layers)

    def _filled_layers(self, view: Pyramid, behind: np.ndarray) -> Sequence[np.ndarray]:
        """Return a background as layers like the frame's, cached if it is immutable."""
        if view.color is None:
            return (behind,)
        cached = self._cached if self.pictures_are_immutable else None
        if cached is None or cached[0] is not behind or cached[1] != view.color:
            layers = view.allocate_layers(Buffers())
            fill_planes(view, behind, layers)
            self._cached = cached = behind, view.color, layers
        return cached[2]


# Alpha below which a pixel is background when the person's own colours are unknown; such a pixel of the edge shows the
# sharp background too. From 0.4 on the edge gets steps.
_MIN_EDGE_ALPHA = 0.25


class Blur(Background):
    """The frame's own background, blurred without the person."""

    def __init__(self, strength: BlurStrength) -> None:
        super().__init__()
        self._strength = strength
        self._recent: RecentRoom | None = None

    def begin(self, live: bool) -> None:
        self._recent = RecentRoom() if live else None

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        recent = self._recent
        if recent is not None and (result := recent.empty_result(matte)) is not None:
            return result
        result = self._compose(view, matte, recent)
        if recent is not None:
            recent.take_result(matte, result)
        return result

    def _compose(self, view: Pyramid, matte: Matte, recent: RecentRoom | None) -> np.ndarray | Planes:
        layers = view.allocate_layers(self._buffers)
        if recent is None:
            self._fill(layers, view, matte)
        elif not recent.copy_onto(layers, view, matte):
            self._fill(layers, view, matte)
            recent.keep(layers)
        if matte.foreground is not None:
            blend_layers(layers, view, matte)
            return view.assemble(layers)
        rest = 1 - _MIN_EDGE_ALPHA
        alpha = cv2.addWeighted(matte.alpha, 1 / rest, matte.alpha, 0, -_MIN_EDGE_ALPHA / rest)
        _, alpha = cv2.threshold(alpha, 0, 0, cv2.THRESH_TOZERO)
        blend_layers(layers, view, replace(matte, alpha=alpha), correct=False)
        return view.assemble(layers)

    def _fill(self, layers: Sequence[np.ndarray], view: Pyramid, matte: Matte) -> None:
        fill_planes(view, blur_at_reduced_size(view, matte, self._strength.sigmas(*view.size)), layers)


class SolidColor(ImageBackground):
    """One colour, (B, G, R) from 0 to 255."""

    pictures_are_immutable = True

    def __init__(self, bgr: Sequence[int]) -> None:
        super().__init__()
        if len(bgr) != 3 or any(not 0 <= value <= 255 for value in bgr):
            raise InputError(f"`bg_color` {bgr}: must be three numbers from 0 to 255 in the order blue, green, red")
        blue, green, red = (int(value) for value in bgr)
        self.bgr = (blue, green, red)
        self._filled = np.empty((0, 0, 3), np.uint8)

    @property
    def label(self) -> str:
        return "#{2:02x}{1:02x}{0:02x}".format(*self.bgr)

    def picture(self, width: int, height: int) -> np.ndarray:
        if self._filled.shape[:2] != (height, width):
            self._filled = np.empty((height, width, 3), np.uint8)
            self._filled[:] = self.bgr
        return self._filled


class Picture(ImageBackground):
    """One picture, scaled to cover the frame."""

    pictures_are_immutable = True

    def __init__(self, image: np.ndarray) -> None:
        super().__init__()
        known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
        if image.dtype != np.uint8 or not known or 0 in image.shape:
            raise InputError(f"background image: must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        self._image = np.ascontiguousarray(image[..., :3])
        self._fitted = np.empty((0, 0, 3), np.uint8)

    @property
    def original(self) -> np.ndarray | None:
        return self._image

    def picture(self, width: int, height: int) -> np.ndarray:
        if self._fitted.shape[:2] != (height, width):
            self._fitted = scale_to_cover(self._image, width, height)
        return self._fitted


class Folder(ImageBackground):
    """Pictures and videos that a key goes through; an unreadable file is skipped with a warning.

    Args:
        paths: Local files, in order.
        load: Makes the background of a file; raises InputError if it is neither a picture nor a video.
        name: The folder's name in messages.

    Raises:
        InputError: none of the files is readable.
    """

    pictures_are_immutable = True

    def __init__(self, paths: Sequence[str], load: Callable[[str], ImageBackground], name: str) -> None:
        super().__init__()
        self._load = load
        self.name = name
        self._live = True
        # A picture's header is enough for now; it is decoded when its turn comes.
        self._paths = [path for path in paths if _is_image(path) or self._read(path) is not None]
        self._position = 0
        self._current = self._read_current()

    @property
    def original(self) -> np.ndarray | None:
        return self._current.original

    def originals(self) -> list[np.ndarray]:
        """Return all pictures at their own size, uint8 (H, W, 3) BGR, from the current one on, without videos."""
        later = [*self._paths[self._position + 1 :], *self._paths[: self._position]]
        loaded = [self._current, *(self._read(path) for path in later)]
        return [item.original for item in loaded if item is not None and item.original is not None]

    @property
    def label(self) -> str:
        return f"{os.path.basename(self._paths[self._position])} ({self._position + 1} of {len(self._paths)})"

    def begin(self, live: bool) -> None:
        self._live = live
        self._current.begin(live)

    def at(self, seconds: float) -> None:
        self._current.at(seconds)

    def end(self) -> None:
        self._current.end()

    def change(self, forward: bool) -> bool:
        if len(self._paths) < 2:
            return False
        self._position = (self._position + (1 if forward else -1)) % len(self._paths)
        self._current.end()
        self._current = self._read_current(forward)
        self._current.begin(self._live)
        return True

    def picture(self, width: int, height: int) -> np.ndarray:
        return self._current.picture(width, height)

    def _read(self, path: str) -> ImageBackground | None:
        try:
            return self._load(path)
        except InputError as error:
            log.warning("%s; skipped", error)
            return None

    def _read_current(self, forward: bool = True) -> ImageBackground:
        """Read the file at the current position, and remove unreadable ones from the list."""
        while self._paths:
            self._position %= len(self._paths)
            background = self._read(self._paths[self._position])
            if background is not None:
                return background
            del self._paths[self._position]
            self._position -= 0 if forward else 1
        raise InputError(f"{self.name}: there is no readable picture or video in this folder")


def _is_image(path: str) -> bool:
    return detect_kind(path) == "image"


class Transparent(Background):
    """No background: the result has an alpha channel."""

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray:
        """Return BGRA, uint8 (H, W, 4): the person's own colours, not multiplied by alpha."""
        front = crop_to_box(view.image, matte.box)
        alpha = matte.resize_to_box(cv2.convertScaleAbs(matte.alpha, alpha=255))
        out = np.zeros((*view.image.shape[:2], 4), np.uint8)
        # Black where alpha is 0, so that nothing of the old background stays in the colours.
        person = cv2.copyTo(apply_edge_correction(front, compute_edge_correction(matte)), alpha)
        cv2.merge([person, alpha], dst=crop_to_box(out, matte.box))
        if self.shadow is not None:
            self.shadow.cast_behind(out, matte)
        return out
