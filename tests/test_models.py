"""The models that ship: the files are the ones that their README and code say, and can be made again."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from background_removal.matting.networks.weights import FACES, MODELS, MODELS_FOLDER, Model
from tools.convert_models import SOURCES, convert
from tools.tflite_files import resized


@pytest.mark.parametrize("model", [*MODELS.values(), FACES], ids=[*MODELS, "faces"])
def test_checksums_of_code_readme_and_files_agree(model: Model) -> None:
    readme = (MODELS_FOLDER / "README.md").read_text(encoding="utf-8")
    for file, checksum in model.files.values():
        assert hashlib.sha256((MODELS_FOLDER / file).read_bytes()).hexdigest() == checksum
        assert checksum in readme
    assert "Apache License" in (MODELS_FOLDER / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("stem", sorted(SOURCES))
def test_the_script_derives_the_onnx_file_from_the_tflite_file(stem: str) -> None:
    derived = onnx.load_from_string(convert((MODELS_FOLDER / f"{stem}.tflite").read_bytes(), stem))
    shipped = onnx.load(str(MODELS_FOLDER / f"{stem}.onnx"))
    assert [n.op_type for n in derived.graph.node] == [n.op_type for n in shipped.graph.node]
    for ours, theirs in zip(derived.graph.initializer, shipped.graph.initializer, strict=True):
        assert ours.name == theirs.name
        assert (numpy_helper.to_array(ours) == numpy_helper.to_array(theirs)).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_networks_run_at_other_sizes(name: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODELS_FOLDER / MODELS[name].files[".onnx"][0]))
    for height, width in ((96, 96), (160, 288), (256, 256)):
        [out] = session.run(None, {"image": np.zeros((1, 3, height, width), np.float32)})
        assert out.shape == (1, 1, height, width)


def test_the_wide_network_is_the_general_one_at_another_size() -> None:
    general = (MODELS_FOLDER / "selfie_general.tflite").read_bytes()
    wide = resized(general, MODELS["wide"].height, MODELS["wide"].width)
    assert wide == (MODELS_FOLDER / "selfie_wide.tflite").read_bytes()
    assert resized(general, 256, 256) == general
