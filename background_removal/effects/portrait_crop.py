"""Crop a finished picture to a shape around the person: square, upright, wide, or a passport's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.matting.boxes import Bounds, Box, find_bounds
from background_removal.matting.pyramid import Pyramid

if TYPE_CHECKING:
    from background_removal.matting.networks.faces import Face, FaceDetector

# Longer side at which faces are looked for, pixels; the network sees 192 of them, and the crop is then the same in a
# preview and in the whole photo.
_SEARCH_PIXELS = 640
# Side of the part of a picture in which a face is measured, in heights of the face; the network takes a face that fills
# its input for none.
_CLOSE_UP = 4
# Grey of the background while faces are looked for, so that a face in a picture behind the person is none.
_GREY = 127
# Row of the faces' middle in a crop that is lower than the picture, share of its height; the eyes then lie on the
# upper third.
_FACE_ROW = 0.38
# Distance by which a head may miss its place in a passport's crop: shares of its width, by which ISO/IEC 19794-5 lets
# faces be off the middle, and of its height, by which the eyes still are where both rules want them.
_MAX_ASIDE, _MAX_SHIFT = 0.05, 0.035
# Room above a person without a face, share of the crop's height.
_ROOM_ABOVE = 0.08


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a crop.

    Attributes:
        width, height: Its sides, as a ratio.
        head: Height of the head, crown to chin, as a share of the crop's height; 0 for a crop as large as possible.
        above: Room above the head, share of the crop's height.
        least, most: Range in which the rules allow `head`.
        printed: Height on paper, millimetres; 0 for none in particular.
    """

    width: float
    height: float
    head: float = 0.0
    above: float = 0.0
    least: float = 0.0
    most: float = 1.0
    printed: float = 0.0


# Shapes by name. 35x45 mm: the head has 32 to 36 mm of 45 (the photo table of the German Federal Ministry of the
# Interior, after ICAO Doc 9303), and the middle of the eyes lies 30 to 50 % below the upper edge (ISO/IEC 19794-5).
# 2x2 inches: the head has 1 to 1 3/8 inches, the eyes are 1 1/8 to 1 3/8 inches above the lower edge (U.S. Department
# of State); eyes are taken to be half-way down the head.
SHAPES = {
    "1:1": Shape(1, 1),
    "4:5": Shape(4, 5),
    "16:9": Shape(16, 9),
    "35x45": Shape(35, 45, head=0.75, above=0.09, least=0.7, most=0.8, printed=45),
    "2x2": Shape(1, 1, head=0.6, above=0.08, least=0.5, most=0.69, printed=50.8),
}


@dataclass(frozen=True, slots=True)
class Crop:
    """Where a picture is cropped.

    Attributes:
        box: Left, top, right, bottom in pixels, inside the picture.
        around: What it was placed by: "face", "person" (without a face), or "middle" (without a person).
        head: Height of the head as a share of the crop's; 0 if that was not asked for, or without a face.
        fits: Whether the picture has room for the crop as its shape wants it.
    """

    box: Box
    around: str
    head: float = 0.0
    fits: bool = True


class PortraitCropper:
    """Finds crops, with a face network of its own that takes 3 ms a picture and is loaded when it is first needed."""

    def __init__(self) -> None:
        self._detector: FaceDetector | None = None

    def find(self, image: np.ndarray, matte: np.ndarray | None, shape: Shape) -> Crop:
        """Return where to crop a picture.

        Args:
            image: uint8 (H, W, 3) or (H, W, 4).
            matte: Its matte, uint8 (H, W, 3); None for none.
            shape: The shape of the crop.
        """
        size = image.shape[1], image.shape[0]
        faces = self._detect(image, matte)
        person = None if matte is None else person_bounds(matte)
        if shape.head:
            face = _largest(faces)
            if face is not None:
                return _crop_to_head(_head(self._look_closer(face, image, matte), matte), size, shape)
        return _crop_around(faces, person, size, shape)

    def _look_closer(self, face: Face, image: np.ndarray, matte: np.ndarray | None) -> Face:
        """Return a face as it is found in a part of the picture around it, where it is large enough to be measured."""
        left, top, right, bottom = face.box
        side = _CLOSE_UP * (bottom - top)
        across, down = (left + right) / 2, (top + bottom) / 2
        first_row, first_column = max(0, round(down - side / 2)), max(0, round(across - side / 2))
        part = slice(first_row, round(down + side / 2)), slice(first_column, round(across + side / 2))
        closer = _largest(self._detect(image[part], None if matte is None else matte[part]))
        return face if closer is None else _move(closer, 1, 1, first_column, first_row)

    def _detect(self, image: np.ndarray, matte: np.ndarray | None) -> list[Face]:
        """Return the faces of the person in a picture, in its pixels."""
        from background_removal.matting.networks.faces import FaceDetector

        scale = min(1.0, _SEARCH_PIXELS / max(image.shape[:2]))
        small = _scale(np.ascontiguousarray(image[..., :3]), scale)
        if matte is not None:
            alpha = _scale(matte, scale).astype(np.float32) / 255
            small = cv2.convertScaleAbs(small * alpha + _GREY * (1 - alpha))
        if self._detector is None:
            self._detector = FaceDetector()
        across, down = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
        return [_move(face, across, down, 0, 0) for face in self._detector.detect(Pyramid(small))]


def person_bounds(matte: np.ndarray) -> Bounds | None:
    """Return left, top, right, bottom of the person in a matte, uint8 (H, W, 3), in pixels; None without one."""
    scale = min(1.0, _SEARCH_PIXELS / max(matte.shape[:2]))
    alpha = _scale(matte[..., 0], scale).astype(np.float32) / 255
    height, width = matte.shape[:2]
    return find_bounds(alpha, (0, 0, width, height), (width, height))


def _scale(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _move(face: Face, across: float, down: float, left: int, top: int) -> Face:
    """Return a face in a picture that is larger by two factors, and begins further to the left and the top."""
    (x, y, right, bottom), points = face.box, face.keypoints
    return replace(
        face,
        box=(x * across + left, y * down + top, right * across + left, bottom * down + top),
        keypoints=tuple((x * across + left, y * down + top) for x, y in points),
    )


def _largest(faces: list[Face]) -> Face | None:
    return max(faces, key=lambda face: face.box[3] - face.box[1], default=None)


def _head(face: Face, matte: np.ndarray | None) -> Bounds:
    """Return left, top (crown), right and bottom (chin) of a face's head, in pixels."""
    left, top, right, chin = face.box
    crown = chin - face.head_height  # hair and raised arms above that are not the head
    if matte is not None:
        columns = matte[: max(1, round(chin)), max(0, round(left)) : max(1, round(right)), 0]
        rows = np.flatnonzero((columns > 127).any(axis=1))
        if rows.size:
            crown = max(crown, float(rows[0]))
    return left, min(crown, top), right, chin


def _crop_to_head(head: Bounds, size: tuple[int, int], shape: Shape) -> Crop:
    """Return the crop in which a head has the wanted height, or as near to that as the picture allows."""
    left, crown, right, chin = head
    wanted = (chin - crown) / shape.head
    height = min(wanted, size[1], size[0] * shape.height / shape.width)
    width = height * shape.width / shape.height
    ideal = (left + right - width) / 2, crown - shape.above * height
    corner = (_limit(ideal[0], size[0] - width), _limit(ideal[1], size[1] - height))
    across, down = abs(ideal[0] - corner[0]) / width, abs(ideal[1] - corner[1]) / height
    share = (chin - crown) / height
    fits = across <= _MAX_ASIDE and down <= _MAX_SHIFT and shape.least <= share <= shape.most
    return Crop(_to_box(corner, (width, height), size), "face", round(share, 3), fits)


def _crop_around(faces: list[Face], person: Bounds | None, size: tuple[int, int], shape: Shape) -> Crop:
    """Return the largest crop of a shape, around all faces, or the person, or in the middle."""
    width = min(size[0], size[1] * shape.width / shape.height)
    height = width * shape.height / shape.width
    if faces:
        boxes = [face.box for face in faces]
        centre = (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2
        row = (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
        around, top = "face", row - _FACE_ROW * height
    elif person is not None:
        around, centre, top = "person", (person[0] + person[2]) / 2, person[1] - _ROOM_ABOVE * height
    else:
        around, centre, top = "middle", size[0] / 2, (size[1] - height) / 2
    corner = _limit(centre - width / 2, size[0] - width), _limit(top, size[1] - height)
    # A shape that wants a head did not get one.
    return Crop(_to_box(corner, (width, height), size), around, fits=not shape.head)


def _limit(at: float, most: float) -> float:
    return min(max(at, 0.0), max(most, 0.0))


def _to_box(corner: tuple[float, float], sides: tuple[float, float], size: tuple[int, int]) -> Box:
    """Return a rectangle in whole pixels inside a picture of (width, height), with sides rounded once."""
    width, height = min(size[0], max(1, round(sides[0]))), min(size[1], max(1, round(sides[1])))
    left, top = min(round(corner[0]), size[0] - width), min(round(corner[1]), size[1] - height)
    return left, top, left + width, top + height
