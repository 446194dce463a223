"""The models that ship: the files are the ones that their README and code say, and can be made again."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from background_removal.errors import ProcessingError
from background_removal.matting.networks.multiclass import MulticlassNetwork
from background_removal.matting.networks.pose import MIN_PRESENCE, load_pose_network
from background_removal.matting.networks.weights import FACES, MODELS, MODELS_FOLDER, POSE, Model
from tools.convert_models import SOURCES, convert
from tools.tflite_files import resized
from tools.tflite_to_onnx import Translator


@pytest.mark.parametrize("model", [*MODELS.values(), FACES, POSE], ids=[*MODELS, "faces", "pose"])
def test_checksums_of_code_readme_and_files_agree(model: Model) -> None:
    readme = (MODELS_FOLDER / "README.md").read_text(encoding="utf-8")
    for file, checksum in model.files.values():
        assert hashlib.sha256((MODELS_FOLDER / file).read_bytes()).hexdigest() == checksum
        assert checksum in readme
    assert "Apache License" in (MODELS_FOLDER / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("stem", sorted(stem for stem in SOURCES if SOURCES[stem].kept))
def test_the_script_derives_the_onnx_file_from_the_tflite_file(stem: str) -> None:
    derived = onnx.load_from_string(convert((MODELS_FOLDER / f"{stem}.tflite").read_bytes(), stem))
    shipped = onnx.load(str(MODELS_FOLDER / f"{stem}.onnx"))
    assert [n.op_type for n in derived.graph.node] == [n.op_type for n in shipped.graph.node]
    for ours, theirs in zip(derived.graph.initializer, shipped.graph.initializer, strict=True):
        assert ours.name == theirs.name
        assert (numpy_helper.to_array(ours) == numpy_helper.to_array(theirs)).all()


@pytest.mark.parametrize("stem", ["selfie_general", "selfie_landscape"])
@pytest.mark.parametrize("size", [(256, 320), (128, 96)])
def test_linear_steps_in_another_order_change_rounding_only(
    portrait: np.ndarray, stem: str, size: tuple[int, int]
) -> None:
    import onnxruntime

    data = (MODELS_FOLDER / f"{stem}.tflite").read_bytes()
    as_translated = Translator(data, SOURCES[stem].interface).translate(stem)
    kinds = [
        [node.op_type for node in model.graph.node]
        for model in (as_translated, onnx.load_from_string(convert(data, stem)))
    ]
    assert kinds[0] != kinds[1]
    image = cv2.resize(portrait, size[::-1], interpolation=cv2.INTER_AREA)[:, :, ::-1].transpose(2, 0, 1)[None]
    answers = [
        onnxruntime.InferenceSession(model).run(None, {"image": np.ascontiguousarray(image, np.float32) / 255})[0]
        for model in (as_translated.SerializeToString(), convert(data, stem))
    ]
    assert np.ptp(answers[0]) > 0.05
    assert np.abs(answers[0] - answers[1]).max() < 2e-4


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_networks_run_at_other_sizes(name: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODELS_FOLDER / MODELS[name].files[".onnx"][0]))
    for height, width in ((64, 64), (128, 192), (256, 256)):
        for out in session.run(None, {"image": np.zeros((1, 3, height, width), np.float32)}):
            assert out.shape == (1, 1, height, width)


def test_the_models_are_small_enough_for_a_repository() -> None:
    assert sum(path.stat().st_size for path in MODELS_FOLDER.iterdir()) < 15e6


# -- networks with an original that is not kept: compared with LiteRT's answers for it on the sample portrait ----------


def cells(probability: np.ndarray) -> np.ndarray:
    """Return the mean of each of 4x4 parts of a map."""
    return cv2.resize(probability, (4, 4), interpolation=cv2.INTER_AREA)


def test_the_pose_network_answers_as_the_original(portrait: np.ndarray) -> None:
    network = load_pose_network()
    image = cv2.resize(portrait, network.size[::-1], interpolation=cv2.INTER_AREA)
    pose = network.run(image)
    assert pose.probability.dtype == np.float32
    assert pose.probability.shape == image.shape[:2]
    original = [
        [0.0, 0.609, 0.233, 0.0],
        [0.231, 0.919, 0.246, 0.0],
        [0.857, 1.0, 0.718, 0.0],
        [0.956, 0.81, 0.227, 0.0],
    ]
    assert np.abs(cells(pose.probability) - original).max() < 0.001
    assert abs(pose.presence - 0.9073) < 0.001
    nose, left_shoulder, hips, circle = (pose.landmarks[n, :2] * 256 for n in (0, 11, 33, 34))
    found = np.concatenate([nose, left_shoulder, hips, circle])
    assert np.abs(found - [117.1, 58.8, 138.7, 96.2, 98.7, 151.4, 110.3, 33.5]).max() < 0.2
    assert pose.landmarks[0, 3] > 0.99
    probability, presence = network(image)
    assert (probability == pose.probability).all()
    assert presence == pose.presence
    assert network(np.full_like(image, 90))[1] < MIN_PRESENCE
    network.close()
    with pytest.raises(ProcessingError, match="closed"):
        network(image)


def test_the_multiclass_network_answers_as_the_original(portrait: np.ndarray) -> None:
    network = MulticlassNetwork()
    image = cv2.resize(portrait, network.size[::-1], interpolation=cv2.INTER_AREA)
    probability, hair = network.run(image)
    assert probability.dtype == np.float32
    assert probability.shape == image.shape[:2]
    original = [
        [0.082, 0.594, 0.231, 0.001],
        [0.159, 0.913, 0.22, 0.001],
        [0.728, 0.982, 0.699, 0.001],
        [0.818, 0.964, 0.191, 0.001],
    ]
    assert np.abs(cells(probability) - original).max() < 0.005
    assert probability.min() == 0
    assert probability.max() == 1
    assert (network(image) == probability).all()
    # The hair of the portrait covers some 4 % of the picture, none of it below the middle.
    assert 0.02 < (hair > 0.5).mean() < 0.06
    assert hair[len(hair) // 2 :].max() < 0.5


def test_the_wide_network_is_the_general_one_at_another_size() -> None:
    general = (MODELS_FOLDER / "selfie_general.tflite").read_bytes()
    wide = resized(general, MODELS["wide"].height, MODELS["wide"].width)
    assert wide == (MODELS_FOLDER / "selfie_wide.tflite").read_bytes()
    assert resized(general, 256, 256) == general
