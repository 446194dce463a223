"""NamePlate and Logo: a name at the lower left, a logo at the upper right."""

from __future__ import annotations

import getpass
import os

import cv2
import numpy as np

from background_removal.effects.effect import SwitchedEffect
from background_removal.errors import InputNotFoundError
from background_removal.pipeline import actions
from background_removal.pipeline.planes import Planes
from background_removal.support import limits
from background_removal.support.lettering import draw_label, measure_label

# Height of the name's letters, share of the frame's height.
_NAME_SIZE = 0.045
# Height of the logo, share of the frame's height.
_LOGO_SIZE = 0.12
# Margin to the frame's sides, share of its height.
_MARGIN = 0.04


class NamePlate(SwitchedEffect):
    """Writes a name at the lower left, on a darkened ground.

    Args:
        text: The name; None for the user's name on this computer. The key n switches it.
    """

    action = actions.NAME

    def __init__(self, text: str | None = None) -> None:
        super().__init__()
        self._text = getpass.getuser() if text is None else text

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), with the name on it."""
        if self.on:
            size, left, bottom = self._place(frame.shape[0])
            draw_label(frame, self._text, left, bottom, size)
        return frame

    def on_planes(self, planes: Planes) -> Planes:
        """Return `planes` with the name on them; only the label is converted."""
        if not self.on:
            return planes
        size, left, bottom = self._place(planes.shape[0])
        width, height = measure_label(self._text, size)
        box = (left, bottom - height, left + width, bottom)
        return planes.with_drawing(box, lambda part, x, y: draw_label(part, self._text, left - x, bottom - y, size))

    @staticmethod
    def _place(height: int) -> tuple[int, int, int]:
        """Return the size of the letters and the label's lower left corner, in pixels, for a frame of that height."""
        margin = round(_MARGIN * height)
        return max(8, round(_NAME_SIZE * height)), margin, height - margin


class Logo(SwitchedEffect):
    """Draws a picture over the upper right corner; the frame shows through where it is transparent.

    It is an eighth of the frame high, or less if it is wide, so that the left half stays free.

    Args:
        path: The picture, best a PNG with an alpha channel. The key o switches it.

    Raises:
        InputNotFoundError, InputError: there is no such file, or it is not a picture.
    """

    action = actions.LOGO

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        path = os.fspath(path)
        limits.check_regular_file(path, f"`logo` {path}")
        if not os.path.isfile(path):
            raise InputNotFoundError(f"`logo` {path}: no such file")
        from background_removal.files.image_decoding import read_picture

        picture = read_picture(path, f"`logo` {path}").image
        self._picture = picture if picture.shape[2] == 4 else cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
        self._fitted = np.empty((0, 0, 4), np.float32)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) or (H, W, 4), with the logo on it."""
        if self.on:
            left, top, right, bottom = self._fit(*frame.shape[:2])
            self._draw_on(frame[top:bottom, left:right])
        return frame

    def on_planes(self, planes: Planes) -> Planes:
        """Return `planes` with the logo on them; only the part under it is converted."""
        if not self.on:
            return planes
        left, top, right, bottom = box = self._fit(*planes.shape[:2])
        return planes.with_drawing(
            box, lambda part, x, y: self._draw_on(part[top - y : bottom - y, left - x : right - x])
        )

    def _fit(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Scale the logo to a frame of that size; return its left, top, right and bottom there."""
        margin = round(_MARGIN * height)
        scale = min(_LOGO_SIZE * height / self._picture.shape[0], (width // 2 - margin) / self._picture.shape[1])
        high, across = (max(1, round(scale * side)) for side in self._picture.shape[:2])
        if self._fitted.shape[:2] != (high, across):
            self._fitted = _premultiply(self._picture, across, high)
        return max(0, width - margin - across), margin, max(1, width - margin), min(height, margin + high)

    def _draw_on(self, part: np.ndarray) -> None:
        logo = self._fitted[: part.shape[0], : part.shape[1]]
        rest = 1 - logo[..., 3:]
        part[..., :3] = np.rint(logo[..., :3] + rest * part[..., :3])
        if part.shape[2] == 4:
            part[..., 3:] = np.rint(255 * logo[..., 3:] + rest * part[..., 3:])


def _premultiply(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a BGRA picture scaled to that size, float32: colours times alpha in [0, 255], alpha in [0, 1]."""
    values = picture.astype(np.float32)
    values[..., 3] /= 255
    values[..., :3] *= values[..., 3:]
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
