"""Face detection: faces give the place, size and number of the people in a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from background_removal.errors import ProcessingError, reason
from background_removal.matting.boxes import Box
from background_removal.matting.networks.sessions import load_session_file
from background_removal.matting.networks.weights import FACES, model_file
from background_removal.matting.pyramid import Pyramid

if TYPE_CHECKING:
    import onnxruntime

Point: TypeAlias = tuple[float, float]

# Side of the input that the network was trained at, pixels; letterboxed into less, it loses faces near the border (a
# frame of 3:2 at 192x128 lost two far faces of three that it finds at 192x192).
TRAINED_SIDE = 192
# Multiple that the input's sides must be of, pixels; the network halves its input five times.
_SIDE_MULTIPLE = 32
# Side of an output cell, pixels; `strides` in mediapipe/modules/face_detection/face_detection_full_range.pbtxt.
_CELL_PIXELS = 4
# Minimum score of a face, 0 to 1; `min_score_thresh` there.
MIN_SCORE = 0.6
# Minimum intersection over union of two answers for one face; `min_suppression_threshold` in face_detection.pbtxt.
_MIN_IOU = 0.3


# Height of a head per height of its face; the box of a face reaches from above the brows to the chin.
_HEAD_PER_FACE = 1.5


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face.

    Attributes:
        box: Left, top, right, bottom in pixels; from above the brows to the chin, a square. May reach beyond the frame.
        score: Score given by the network, 0 to 1.
        keypoints: (x, y) in pixels of the right eye (on the left in the picture), the left eye, the tip of the nose,
            the mouth, the right ear, the left ear.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: tuple[Point, ...]

    @property
    def head_height(self) -> float:
        """Height of the head, with what is above the brows, in pixels."""
        return _HEAD_PER_FACE * (self.box[3] - self.box[1])


class FaceDetector:
    """Detects faces, near and far, with MediaPipe's full-range network.

    Anchors, decoding and the merging of answers follow MediaPipe's graph (face_detection.pbtxt and
    face_detection_full_range.pbtxt in mediapipe/modules/face_detection; SsdAnchorsCalculator,
    TensorsToDetectionsCalculator, NonMaxSuppressionCalculator): at the trained size its answers are MediaPipe's own.

    Args:
        min_score: Minimum score of a face, 0 to 1.

    Raises:
        InputNotFoundError: the network's file is missing.
        InputError: the file is damaged.
    """

    def __init__(self, *, min_score: float = MIN_SCORE) -> None:
        self._min_score = min_score
        # On the CPU, where it takes 3 ms, whichever device runs the other networks.
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

    def detect(self, view: Pyramid, box: Box | None = None, *, side: int = TRAINED_SIDE) -> list[Face]:
        """Return the faces in a frame, highest score first.

        Args:
            view: The frame.
            box: The part of the frame to search; None for the whole.
            side: The longer side of that part in the network's input, in pixels. Faces under some 10 of these are
                missed. At 320 as many far faces are found as in two parts of the frame, but some that fill it are not.

        Raises:
            ProcessingError: the network failed, or is closed.
        """
        left, top, right, bottom = box or (0, 0, *view.size)
        scale = side / max(right - left, bottom - top)
        width, height = (_input_side(n * scale) for n in (right - left, bottom - top))
        # Letterboxed as by ImageToTensorCalculator, but from a halved frame not much larger than the input: single
        # pixels of a large frame, as MediaPipe takes them, are noisy.
        level = 0
        while scale * 2 ** (level + 1) <= 1:
            level += 1
        first_row, first_column, zoom = top >> level, left >> level, scale * 2**level
        source = view.level(level)[first_row : -(-bottom >> level), first_column : -(-right >> level)]
        across, down = (width - (right - left) * scale) / 2, (height - (bottom - top) * scale) / 2
        matrix = np.array(
            [[zoom, 0, across + first_column * zoom - left * scale], [0, zoom, down + first_row * zoom - top * scale]]
        )
        small = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR)
        found = _suppress_overlaps(self._run(small))
        found[:, :-1] = (found[:, :-1] - np.tile((across, down), 8)) / scale + np.tile((left, top), 8)
        return [_face_of(row) for row in found]

    def _run(self, image: np.ndarray) -> np.ndarray:
        """Run the network on an image of its input's size; return one row per face, as for `_face_of`."""
        tensor = cv2.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)  # RGB in [-1, 1]
        if self._session is None:
            raise ProcessingError("the face detector is closed; make another")
        try:
            boxes, logits = (
                np.asarray(output)[0] for output in self._session.run(["boxes", "scores"], {"image": tensor})
            )
        except Exception as error:  # ONNX Runtime's errors share no class
            raise ProcessingError(f"the face network failed: {reason(error, first_line=True)}") from error
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
        confident = np.flatnonzero(scores >= self._min_score)
        row, column = np.divmod(confident, image.shape[1] // _CELL_PIXELS)
        centres = (np.stack([column, row], axis=1) + 0.5) * _CELL_PIXELS
        points = boxes[confident].reshape(-1, 8, 2).astype(np.float64)  # centre, size, six keypoints
        centre, half = points[:, 0] + centres, points[:, 1] / 2
        points[:, 2:] += centres[:, None]
        points[:, 0], points[:, 1] = centre - half, centre + half
        return np.column_stack([points.reshape(-1, 16), scores[confident]])


def merge_faces(faces: Iterable[Face]) -> list[Face]:
    """Merge the faces of several detections in one frame; return each once, highest score first."""
    rows = [[*face.box, *np.ravel(face.keypoints), face.score] for face in faces]
    return [_face_of(row) for row in _suppress_overlaps(np.array(rows, np.float64).reshape(-1, 17))]


def _face_of(row: np.ndarray) -> Face:
    """Return the face of a row: left, top, right, bottom, six keypoints (x, y), score."""
    left, top, right, bottom = row[:4].tolist()
    return Face((left, top, right, bottom), float(row[16]), tuple((x, y) for x, y in row[4:16].reshape(-1, 2).tolist()))


def _suppress_overlaps(rows: np.ndarray) -> np.ndarray:
    """Merge overlapping rows into their mean, weighted by score, with the highest score.

    As NonMaxSuppressionCalculator with WEIGHTED and INTERSECTION_OVER_UNION.
    """
    rows = rows[np.argsort(-rows[:, 16], kind="stable")]
    result = []
    while len(rows):
        same = _iou(rows, rows[0]) > _MIN_IOU
        same[0] = True  # also a box without area
        mean = np.average(rows[same], axis=0, weights=rows[same, 16])
        mean[16] = rows[0, 16]
        result.append(mean)
        rows = rows[~same]
    return np.array(result).reshape(-1, 17)


def _iou(rows: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the intersection over union of the box of each row with that of one row."""
    sides = np.minimum(rows[:, 2:4], row[2:4]) - np.maximum(rows[:, :2], row[:2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = (rows[:, 2:4] - rows[:, :2]).prod(axis=1) + (row[2:4] - row[:2]).prod()
    return shared / np.maximum(areas - shared, 1e-9)


def _input_side(pixels: float) -> int:
    return max(TRAINED_SIDE, -(-round(pixels) // _SIDE_MULTIPLE) * _SIDE_MULTIPLE)
