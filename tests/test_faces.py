"""Faces are found as MediaPipe finds them, near and far, and not where nobody is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT

from background_removal.errors import ProcessingError
from background_removal.matting.networks.faces import Face, FaceDetector, merge_faces
from background_removal.matting.networks.weights import MODELS_FOLDER
from background_removal.matting.pyramid import Pyramid

# Of a frame of 1280x720; they overlap.
PARTS = ((0, 0, 768, 720), (512, 0, 1280, 720))


@pytest.fixture(scope="module")
def finder():
    with FaceDetector() as finder:
        yield finder


def in_room(portrait: np.ndarray, side: int, left: int, top: int) -> np.ndarray:
    """Return a room, 1280x720, in which the portrait hangs, `side` pixels wide."""
    room = cv2.resize(cv2.imread(str(ROOT / "backgrounds" / "2_office.jpg")), (1280, 720))
    room[top : top + side, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    return room


# -- as MediaPipe ------------------------------------------------------------------------------------------


def with_detector_options(data: bytes) -> bytes:
    """Return the .tflite file with the options of MediaPipe's graph in its metadata.

    MediaPipe Tasks reads them there; what it assumes without them is, before 0.10.33, the short-range detector's.
    The slots of the tables are those of face_detector_metadata_schema.fbs in mediapipe/tasks/metadata.
    """
    flatbuffers = pytest.importorskip("flatbuffers")
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as model_schema

    builder = flatbuffers.Builder(0)

    def table(*values: Any, references: tuple[int, ...] = ()) -> int:
        builder.StartObject(len(values))
        for slot, value in enumerate(values):
            if slot in references:
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            elif isinstance(value, bool):
                builder.PrependBoolSlot(slot, value, False)
            elif isinstance(value, int):
                builder.PrependInt32Slot(slot, value, 0)
            elif isinstance(value, float):
                builder.PrependFloat32Slot(slot, value, 0.0)
        return builder.EndObject()

    strides = builder.CreateNumpyVector(np.array([4], np.int32))
    ratios = builder.CreateNumpyVector(np.array([1], np.float32))
    anchors = table(1, None, 0.1484375, 0.75, 0.5, 0.5, strides, ratios, True, 0.0, references=(6, 7))
    decoding = table(1, 2304, 16, 0, 4, 6, 2, 192.0, 192.0, 192.0, 192.0, 100.0, True, True)
    builder.Finish(table(None, anchors, decoding, references=(1, 2)), b"FD01")

    model = model_schema.ModelT.InitFromObj(model_schema.Model.GetRootAs(data, 0))
    [place] = [entry.buffer for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    packed = bytes(bytearray(model.buffers[place].data))
    metadata = metadata_schema.ModelMetadataT.InitFromObj(metadata_schema.ModelMetadata.GetRootAs(packed, 0))
    options = metadata_schema.CustomMetadataT()
    options.name, options.data = "FACE_DETECTOR_METADATA", list(builder.Output())
    metadata.subgraphMetadata[0].customMetadata = [options]
    outer = flatbuffers.Builder(0)
    outer.Finish(metadata.Pack(outer), b"M001")
    model.buffers[place].data = list(outer.Output())
    whole = flatbuffers.Builder(0)
    whole.Finish(model.Pack(whole), b"TFL3")
    return bytes(whole.Output())


@pytest.fixture(scope="module")
def mediapipe_detector():
    mediapipe = pytest.importorskip("mediapipe", reason="MediaPipe, the witness, has no files for this system")
    vision = mediapipe.tasks.vision
    model = with_detector_options((MODELS_FOLDER / "face_full_range.tflite").read_bytes())
    options = vision.FaceDetectorOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_buffer=model),
        min_detection_confidence=0.6,
        min_suppression_threshold=0.3,
    )
    with vision.FaceDetector.create_from_options(options) as detector:
        yield (
            lambda image: (
                detector.detect(
                    mediapipe.Image(
                        image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image[..., ::-1])
                    )
                ).detections
            )
        )


def assert_agree(image: np.ndarray, finder: FaceDetector, detector: Any, count: int | None = None) -> None:
    # At less than twice the network's size there is nothing to average, and MediaPipe's samples are ours.
    scale = min(1, 380 / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    faces = finder.detect(Pyramid(image))
    theirs = sorted(detector(image), key=lambda found: -found.categories[0].score)
    assert len(faces) == len(theirs)
    assert count is None or len(faces) == count
    for face, found in zip(faces, theirs, strict=True):
        room = 0.02 * (face.box[2] - face.box[0])
        assert abs(face.score - found.categories[0].score) < 0.02
        box = found.bounding_box
        corners = (box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height)
        # MediaPipe Tasks cuts the fractions off the corner and off the size.
        assert all(-room <= ours - pixel <= 2 + room for ours, pixel in zip(face.box, corners, strict=True))
        points = [(point.x * width, point.y * height) for point in found.keypoints]
        assert np.abs(np.array(face.keypoints) - points).max() < room


def test_a_portrait_has_the_face_that_mediapipe_finds(portrait: np.ndarray, finder, mediapipe_detector) -> None:
    assert_agree(portrait, finder, mediapipe_detector, count=1)
    assert_agree(in_room(portrait, 700, 580, 0), finder, mediapipe_detector, count=1)


def test_two_faces_are_the_two_that_mediapipe_finds(portrait: np.ndarray, finder, mediapipe_detector) -> None:
    both = in_room(portrait, 600, 40, 100)
    both[200:700, 700:1200] = cv2.resize(portrait[:, ::-1], (500, 500))
    assert_agree(both, finder, mediapipe_detector, count=2)


@pytest.mark.parametrize(
    "name",
    [
        "media/people/portrait_doctor.jpg",
        "media/people/portrait_lake.jpg",
        "media/people/doctor_540p.mp4",
        "media/people/thoughtful_360p.mp4",
        "media/people/signing_man.mkv",
        "media/people/signing_woman.mkv",
        "groundtruth/portrait_porch/input.mp4",
        "groundtruth/dancer_office/input.mp4",
        "groundtruth_harder/two_dancers/input.mp4",
    ],
)
def test_real_people_have_the_faces_that_mediapipe_finds(shared: Path, name: str, finder, mediapipe_detector) -> None:
    if not (shared / name).is_file():
        pytest.skip(f"needs ../shared/{name}")
    taken, image = cv2.VideoCapture(str(shared / name)).read()
    assert taken
    assert_agree(image, finder, mediapipe_detector)


# -- where faces are, and where none is ----------------------------------------------------------------------


# The fifth, round lights out of focus, has faces for MediaPipe as well.
@pytest.mark.parametrize("name", ["1_studio", "2_office", "4_sunset", "5_stage"])
def test_an_empty_room_has_no_face(name: str, finder: FaceDetector) -> None:
    view = Pyramid(cv2.imread(str(ROOT / "backgrounds" / f"{name}.jpg")))
    assert finder.detect(view) == []
    assert finder.detect(view, side=320) == []


def test_where_the_face_is(portrait: np.ndarray, finder: FaceDetector) -> None:
    [face] = finder.detect(Pyramid(portrait))
    left, top, right, bottom = face.box
    assert right - left == pytest.approx(bottom - top, rel=0.05)
    right_eye, left_eye, nose, mouth, _, _ = face.keypoints
    assert left < right_eye[0] < left_eye[0] < right
    assert top < right_eye[1] < nose[1] < mouth[1] < bottom
    # The same in a frame whose halvings it is taken from, beside something else.
    [shown] = finder.detect(Pyramid(in_room(portrait, 640, 605, 35)))
    assert shown.box == pytest.approx(
        [n * 640 / 512 + shift for n, shift in zip(face.box, (605, 35) * 2, strict=True)], abs=12
    )


def test_a_far_face_is_found_in_a_part_and_in_a_larger_look(portrait: np.ndarray, finder: FaceDetector) -> None:
    [near] = finder.detect(Pyramid(portrait))
    view = Pyramid(in_room(portrait, 240, 1011, 480))
    assert finder.detect(view) == []
    expected = [n * 240 / 512 + shift for n, shift in zip(near.box, (1011, 480) * 2, strict=True)]
    left, right = PARTS
    assert finder.detect(view, left) == []
    [far] = finder.detect(view, right)
    [larger] = finder.detect(view, side=320)
    # A quarter of his width: the network sees him some twelve pixels wide.
    assert far.box == pytest.approx(expected, abs=12)
    assert larger.box == pytest.approx(expected, abs=12)


def test_a_face_seen_twice_is_one(portrait: np.ndarray, finder: FaceDetector) -> None:
    view = Pyramid(in_room(portrait, 480, 400, 200))
    looks = [finder.detect(view), *(finder.detect(view, part) for part in PARTS)]
    assert [len(faces) for faces in looks] == [1, 1, 1]
    everything = [face for faces in looks for face in faces]
    [one] = merge_faces(everything)
    assert one.score == max(face.score for face in everything)
    for corner, side in enumerate(one.box):
        assert min(f.box[corner] for f in everything) <= side <= max(f.box[corner] for f in everything)
    elsewhere = Face((0, 0, 50, 50), 0.99, one.keypoints)
    assert [face.score for face in merge_faces([one, elsewhere])] == [0.99, one.score]
    assert merge_faces([]) == []


def test_a_closed_finder_says_so(portrait: np.ndarray) -> None:
    finder = FaceDetector()
    finder.close()
    finder.close()
    with pytest.raises(ProcessingError, match="closed"):
        finder.detect(Pyramid(portrait))
