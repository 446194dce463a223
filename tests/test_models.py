"""The models that ship: the files are the ones that their README and code say, and can be made again."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from conftest import ROOT
from onnx import numpy_helper

from matting.weights import MODELS, MODELS_FOLDER
from tools import convert_selfie_models


@pytest.mark.parametrize("name", sorted(MODELS))
def test_checksums_of_code_readme_and_files_agree(name: str) -> None:
    readme = (MODELS_FOLDER / "README.md").read_text(encoding="utf-8")
    for suffix, checksum in MODELS[name].checksums.items():
        file = MODELS_FOLDER / f"{MODELS[name].stem}{suffix}"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == checksum
        assert checksum in readme
    assert "Apache License" in (MODELS_FOLDER / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_script_derives_the_onnx_file_from_the_tflite_file(name: str) -> None:
    stem = MODELS[name].stem
    derived = onnx.load_from_string(
        convert_selfie_models.convert((MODELS_FOLDER / f"{stem}.tflite").read_bytes(), stem)
    )
    shipped = onnx.load(str(MODELS_FOLDER / f"{stem}.onnx"))
    assert [n.op_type for n in derived.graph.node] == [n.op_type for n in shipped.graph.node]
    for ours, theirs in zip(derived.graph.initializer, shipped.graph.initializer, strict=True):
        assert ours.name == theirs.name
        assert (numpy_helper.to_array(ours) == numpy_helper.to_array(theirs)).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_networks_run_at_other_sizes(name: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODELS_FOLDER / f"{MODELS[name].stem}.onnx"))
    for height, width in ((96, 96), (160, 288), (256, 256)):
        [out] = session.run(None, {"image": np.zeros((1, 3, height, width), np.float32)})
        assert out.shape == (1, 1, height, width)


def test_the_script_runs_from_the_root() -> None:
    assert (ROOT / "tools" / "convert_selfie_models.py").is_file()
    assert set(convert_selfie_models.SOURCES) == {model.stem for model in MODELS.values()}
