"""Finding faces: a face says where a person must be, how large he is, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from background_removal.errors import ProcessingError, reason
from background_removal.matting.crop import Box
from background_removal.matting.networks.sessions import load_session_file
from background_removal.matting.networks.weights import FACES, model_file
from background_removal.matting.pyramid import Pyramid

if TYPE_CHECKING:
    import onnxruntime

Point: TypeAlias = tuple[float, float]

# The network was trained at this size; letterboxed into less, it loses faces near the border (a frame of 3:2 at
# 192x128 lost two far faces of three that it finds at 192x192).
TRAINED_SIDE = 192
# It halves its input five times.
_MULTIPLE = 32
# One answer for each cell of so many pixels: `strides` in
# mediapipe/modules/face_detection/face_detection_full_range.pbtxt.
_CELL = 4
# `min_score_thresh` there; `min_suppression_threshold` in face_detection.pbtxt beside it.
MIN_SCORE = 0.6
_SAME_FACE = 0.3


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found.

    Attributes:
        box: Left, top, right, bottom in pixels; from above the brows to the chin, a square. May reach beyond the frame.
        score: How sure the network is, 0 to 1.
        keypoints: (x, y) in pixels of the right eye (on the left in the picture), the left eye, the tip of the nose,
            the mouth, the right ear, the left ear.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: tuple[Point, ...]


class FaceDetector:
    """Finds faces, near and far, with MediaPipe's full-range network.

    Anchors, decoding and the merging of answers follow MediaPipe's graph (face_detection.pbtxt and
    face_detection_full_range.pbtxt in mediapipe/modules/face_detection; SsdAnchorsCalculator,
    TensorsToDetectionsCalculator, NonMaxSuppressionCalculator): at the trained size its answers are MediaPipe's own.

    Args:
        least_score: What is less sure than this, 0 to 1, is no face.

    Raises:
        InputNotFoundError: the network's file is missing.
        InputError: it is damaged.
    """

    def __init__(self, *, least_score: float = MIN_SCORE) -> None:
        self._least_score = least_score
        # On the CPU, where it takes 3 ms, whatever runs the other networks.
        self._session: onnxruntime.InferenceSession | None = load_session_file(
            model_file(FACES, ".onnx"), "cpu", small=True
        )

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the network; calling it again does nothing."""
        self._session = None

    def find(self, view: Pyramid, box: Box | None = None, *, side: int = TRAINED_SIDE) -> list[Face]:
        """Return the faces in a frame, the surest first.

        Args:
            view: The frame.
            box: The part of it to look at (left, top, right, bottom); None for the whole.
            side: The longer side of that part in the network's input, in pixels. Faces under some 10 of these are
                missed. At 320 as many far ones are found as in two parts of the frame; some that fill it are not.

        Raises:
            ProcessingError: the network failed, or is closed.
        """
        left, top, right, bottom = box or (0, 0, *view.size)
        scale = side / max(right - left, bottom - top)
        width, height = (_input_side(n * scale) for n in (right - left, bottom - top))
        # Letterboxed as by ImageToTensorCalculator, from where the frame is not much larger: what MediaPipe takes from
        # single pixels of a large frame is full of their noise.
        number = 0
        while scale * 2 ** (number + 1) <= 1:
            number += 1
        first_row, first_column, zoom = top >> number, left >> number, scale * 2**number
        source = view.level(number)[first_row : -(-bottom >> number), first_column : -(-right >> number)]
        across, down = (width - (right - left) * scale) / 2, (height - (bottom - top) * scale) / 2
        matrix = np.array(
            [[zoom, 0, across + first_column * zoom - left * scale], [0, zoom, down + first_row * zoom - top * scale]]
        )
        small = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR)
        found = _merged(self._answers(small))
        found[:, :-1] = (found[:, :-1] - np.tile((across, down), 8)) / scale + np.tile((left, top), 8)
        return [_face(row) for row in found]

    def _answers(self, image: np.ndarray) -> np.ndarray:
        """Return what the network takes for faces in an image of its input's size, one row each: see `_face`."""
        tensor = cv2.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)  # RGB in [-1, 1]
        if self._session is None:
            raise ProcessingError("the face finder is closed; make another")
        try:
            boxes, logits = (
                np.asarray(output)[0] for output in self._session.run(["boxes", "scores"], {"image": tensor})
            )
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise ProcessingError(f"the face network failed: {reason(error, first_line=True)}") from error
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
        sure = np.flatnonzero(scores >= self._least_score)
        row, column = np.divmod(sure, image.shape[1] // _CELL)
        centres = (np.stack([column, row], axis=1) + 0.5) * _CELL
        points = boxes[sure].reshape(-1, 8, 2).astype(np.float64)  # centre, size, six keypoints
        centre, half = points[:, 0] + centres, points[:, 1] / 2
        points[:, 2:] += centres[:, None]
        points[:, 0], points[:, 1] = centre - half, centre + half
        return np.column_stack([points.reshape(-1, 16), scores[sure]])


def merged(faces: Iterable[Face]) -> list[Face]:
    """Return the faces of several looks at one frame, each once, the surest first."""
    rows = [[*face.box, *np.ravel(face.keypoints), face.score] for face in faces]
    return [_face(row) for row in _merged(np.array(rows, np.float64).reshape(-1, 17))]


def _face(row: np.ndarray) -> Face:
    """Return the face of a row: left, top, right, bottom, six keypoints (x, y), score."""
    left, top, right, bottom = row[:4].tolist()
    return Face((left, top, right, bottom), float(row[16]), tuple((x, y) for x, y in row[4:16].reshape(-1, 2).tolist()))


def _merged(rows: np.ndarray) -> np.ndarray:
    """Return one row for all that overlap: the mean, weighted by score; the score is that of the surest.

    As NonMaxSuppressionCalculator does with WEIGHTED and INTERSECTION_OVER_UNION.
    """
    rows = rows[np.argsort(-rows[:, 16], kind="stable")]
    result = []
    while len(rows):
        same = _overlap(rows, rows[0]) > _SAME_FACE
        same[0] = True  # also a box without area
        mean = np.average(rows[same], axis=0, weights=rows[same, 16])
        mean[16] = rows[0, 16]
        result.append(mean)
        rows = rows[~same]
    return np.array(result).reshape(-1, 17)


def _overlap(rows: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the intersection over the union of the box of each row with that of one."""
    sides = np.minimum(rows[:, 2:4], row[2:4]) - np.maximum(rows[:, :2], row[:2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (rows[:, 2:4] - rows[:, :2]).prod(axis=1) + (row[2:4] - row[:2]).prod()
    return shared / np.maximum(areas - shared, 1e-9)


def _input_side(pixels: float) -> int:
    return max(TRAINED_SIDE, -(-round(pixels) // _MULTIPLE) * _MULTIPLE)
