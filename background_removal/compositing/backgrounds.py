"""What stands behind the person: a blur, a colour, pictures, nothing; a video is in `compositing.video_background`."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from background_removal.compositing.blending import (
    apply_edge_correction,
    blend_layers,
    blend_onto,
    blur_at_reduced_size,
    compute_edge_correction,
    crop_to_box,
    fill_planes,
    scale_to_cover,
    wrap_light,
)
from background_removal.compositing.blur import BlurStrength
from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.planes import ColorDescription, Planes
from background_removal.support.buffers import Buffers

log = logging.getLogger(__name__)


class Background(ABC):
    """What stands behind the person: a subclass says how the frame is composed with it."""

    # Light of the new background over the person's edge, 0 to 1.
    light_wrap = 0.0

    def __init__(self) -> None:
        self._buffers = Buffers()

    def begin(self, live: bool) -> None:
        """A stream begins; `live` is one whose frames do not wait."""

    def at(self, seconds: float) -> None:
        """Say when in the stream the next frame is shown."""

    def end(self) -> None:
        """The stream has ended: let go of what was opened for it."""

    def change(self, forward: bool) -> bool:
        """Go to the next (or previous) picture; return whether there was one to go to."""
        return False

    @property
    def label(self) -> str:
        """What to call the picture at hand, "" if there is nothing to say."""
        return ""

    @abstractmethod
    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        """Return the frame with its background replaced.

        Returns:
            uint8 (H, W, 3), or (H, W, 4) with alpha; planes if the frame is in planes, but need not be.
        """


class ImageBackground(Background):
    """A background that is a picture at every moment.

    Attributes:
        pictures_are_immutable: Whether an array that `picture` has returned never changes.
    """

    pictures_are_immutable = False
    _made: tuple[np.ndarray, ColorDescription, Sequence[np.ndarray]] | None = None

    @abstractmethod
    def picture(self, width: int, height: int) -> np.ndarray:
        """Return what is behind: uint8 (height, width, 3), not to be written to."""

    @property
    def original(self) -> np.ndarray | None:
        """The picture in its own size, uint8 (H, W, 3) BGR; None if it has none."""
        return None

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        behind = self.picture(*view.size)
        if self.light_wrap:  # light adds up in BGR only
            out = self._buffers.take(view.image.shape)
            np.copyto(out, behind)
            front = apply_edge_correction(crop_to_box(view.image, matte.box), compute_edge_correction(matte))
            blend_onto(out, wrap_light(behind, front, matte, self.light_wrap), matte)
            return out
        layers = view.allocate_layers(self._buffers)
        for layer, filled in zip(layers, self._filled_layers(view, behind), strict=True):
            np.copyto(layer, filled)
        blend_layers(layers, view, matte)
        return view.assemble(layers)

    def _filled_layers(self, view: Pyramid, behind: np.ndarray) -> Sequence[np.ndarray]:
        """Return a picture in layers like the frame's; of one that stays they are made once."""
        if view.color is None:
            return (behind,)
        if not (self._made and self.pictures_are_immutable and self._made[0] is behind and self._made[1] == view.color):
            layers = view.allocate_layers(Buffers())
            fill_planes(view, behind, layers)
            self._made = behind, view.color, layers
        return self._made[2]


# Where the person's own colours are not known, what is him by less than that is left to the blur: a pixel of the edge
# shows the room as well, and sharp. From 0.4 on the edge gets steps.
_MIN_PERSON = 0.25


class Blur(Background):
    """The frame itself, blurred, without the person in the blur."""

    def __init__(self, strength: BlurStrength) -> None:
        super().__init__()
        self._strength = strength

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray | Planes:
        layers = view.allocate_layers(self._buffers)
        fill_planes(view, blur_at_reduced_size(view, matte, self._strength.sigmas(*view.size)), layers)
        if matte.foreground is not None:
            blend_layers(layers, view, matte)
            return view.assemble(layers)
        rest = 1 - _MIN_PERSON
        alpha = cv2.addWeighted(matte.alpha, 1 / rest, matte.alpha, 0, -_MIN_PERSON / rest)
        _, alpha = cv2.threshold(alpha, 0, 0, cv2.THRESH_TOZERO)
        blend_layers(layers, view, replace(matte, alpha=alpha), correct=False)
        return view.assemble(layers)


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
    """Pictures and videos to go through one by one; what cannot be read is named in a warning and left out.

    Args:
        paths: Local files, in order.
        load: Makes the background of a file; raises InputError if it is neither a picture nor a video.
        name: What to call the folder in messages.

    Raises:
        InputError: none of the files is readable.
    """

    pictures_are_immutable = True

    def __init__(self, paths: Sequence[str], load: Callable[[str], ImageBackground], name: str) -> None:
        super().__init__()
        self._load = load
        self.name = name
        self._live = True
        # What a file's header tells is enough for now; what lies behind it shows when its turn comes.
        self._paths = [path for path in paths if _is_image(path) or self._read(path) is not None]
        self._position = 0
        self._current = self._read_current()

    @property
    def original(self) -> np.ndarray | None:
        return self._current.original

    def originals(self) -> list[np.ndarray]:
        """Return all pictures in their own size, uint8 (H, W, 3) BGR, from the one at hand on; videos are left out."""
        later = [*self._paths[self._position + 1 :], *self._paths[: self._position]]
        found = [self._current, *(self._read(path) for path in later)]
        return [item.original for item in found if item is not None and item.original is not None]

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
        """Read the file at the current position, dropping those that turn out to be unreadable."""
        while self._paths:
            self._position %= len(self._paths)
            background = self._read(self._paths[self._position])
            if background is not None:
                return background
            del self._paths[self._position]
            self._position -= 0 if forward else 1
        raise InputError(f"{self.name}: there is no readable picture or video in this folder")


def _is_image(path: str) -> bool:
    return os.path.isfile(path) and cv2.haveImageReader(path)  # OpenCV complains of what is no file


class Transparent(Background):
    """No background: the result has an alpha channel."""

    def compose(self, view: Pyramid, matte: Matte) -> np.ndarray:
        """Return BGRA, uint8 (H, W, 4): the person's own colours, not multiplied by alpha."""
        front = crop_to_box(view.image, matte.box)
        alpha = matte.resize_to_box(cv2.convertScaleAbs(matte.alpha, alpha=255))
        out = np.zeros((*view.image.shape[:2], 4), np.uint8)
        # Nothing of the room is left in the colours where nothing of them shows.
        person = cv2.copyTo(apply_edge_correction(front, compute_edge_correction(matte)), alpha)
        cv2.merge([person, alpha], dst=crop_to_box(out, matte.box))
        return out
