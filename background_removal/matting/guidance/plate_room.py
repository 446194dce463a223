"""A picture of the empty room at the sizes at which frames are compared with it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from background_removal.matting.boxes import Box
from background_removal.matting.guidance.plate_alignment import align_plate
from background_removal.matting.guidance.plate_difference import Reduced
from background_removal.matting.pyramid import Pyramid

# Maximum width of the picture in which changes are found, pixels; a mug is still a dozen of them.
_MAX_WIDTH = 480


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture of a room without people.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        known: 255 where the room is known, uint8 (H, W); None for everywhere.
    """

    image: np.ndarray
    known: np.ndarray | None = None


class Room:
    """A plate as the camera sees it now.

    Args:
        plate: The picture.
        size: Width and height of the frames.

    Attributes:
        level: Number of halvings of a frame to the reduced size.
        small: The plate at reduced size, uint8 (h, w, 3).
        reduced: The same, as frames are compared with it.
        known: 1 where the room is known, uint8 (h, w) at reduced size; None for everywhere.
    """

    def __init__(self, plate: Plate, size: tuple[int, int]) -> None:
        self.size = size
        self.level = 0
        while size[0] >> self.level > _MAX_WIDTH:
            self.level += 1
        self._plate = Plate(fit_size(plate.image, size), None if plate.known is None else fit_size(plate.known, size))
        self._show(self._plate)

    @property
    def image(self) -> np.ndarray:
        """The plate at the frame's size, uint8 (H, W, 3)."""
        return self._pyramid.image

    def _show(self, plate: Plate) -> None:
        self._pyramid = Pyramid(plate.image)
        self._known = plate.known
        self.small = self._pyramid.level(self.level)
        self.reduced = Reduced.of(self.small)
        self.known = None if plate.known is None else _shrink_known(plate.known, self.small.shape[1::-1])

    def crop(self, box: Box, width: int, height: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return a part of the plate at `width` x `height`, uint8 (h, w, 3), and where it is known, 0 to 1 or None."""
        image = self._pyramid.crop(box, width, height)
        if self._known is None:
            return image, None
        left, top, right, bottom = box
        known = cv2.resize(self._known[top:bottom, left:right], (width, height), interpolation=cv2.INTER_NEAREST)
        return image, known.astype(np.float32) / 255

    def aligned(self, view: Pyramid, outside: np.ndarray, mirrored: bool = False) -> Room | None:
        """Return the room as a nudged camera sees it; None if no movement of the camera is found.

        Args:
            view: A frame.
            outside: 1 where no person is, uint8 (h, w) at reduced size.
            mirrored: Whether the plate is mirrored first.
        """
        plate = self._plate
        if mirrored:
            plate = Plate(cv2.flip(plate.image, 1), None if plate.known is None else cv2.flip(plate.known, 1))
        level = max(0, self.level - 1)  # finer, for a fraction of a pixel
        frame, picture = view.level(level), Pyramid(plate.image).level(level)
        free = cv2.resize(outside, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        matrix = align_plate(frame, picture, free)
        if matrix is None:
            if not mirrored:
                return None
            matrix = np.eye(2, 3)
        scale = 1 << level
        # Pixel centres lie half a pixel inside.
        half = np.full(2, (scale - 1) / 2)
        matrix[:, 2] = scale * matrix[:, 2] + half - matrix[:, :2] @ half
        other = object.__new__(Room)
        other.size, other.level, other._plate = self.size, self.level, plate
        moved = cv2.warpAffine(plate.image, matrix, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        # Beyond the picture's border nothing is known.
        known = np.full(plate.image.shape[:2], 255, np.uint8) if plate.known is None else plate.known
        known = cv2.warpAffine(known, matrix, self.size, flags=cv2.INTER_NEAREST)
        other._show(Plate(moved, known))
        return other

    def learned(self, frame: np.ndarray, places: np.ndarray) -> Room:
        """Return the room with a part of a frame in it.

        Args:
            frame: uint8 (H, W, 3) in the light of the plate.
            places: 1 where the frame is the room, uint8 (h, w) at reduced size.
        """
        mask = cv2.resize(places, self.size, interpolation=cv2.INTER_NEAREST)
        image = self.image.copy()
        cv2.copyTo(frame, mask, dst=image)
        other = object.__new__(Room)
        other.size, other.level = self.size, self.level
        other._plate = Plate(image, self._known)
        other._show(other._plate)
        return other


def fit_size(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a picture in another size."""
    if picture.shape[1::-1] == size:
        return picture
    is_larger = picture.shape[1] > size[0]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if is_larger else cv2.INTER_LINEAR)


def _shrink_known(known: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return (cv2.resize(known, size, interpolation=cv2.INTER_AREA) > 250).view(np.uint8)
