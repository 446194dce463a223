"""The models that ship with the project: their files, sizes and checksums (origin in models/README.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from errors import InputError, InputNotFoundError

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True, slots=True)
class Model:
    """A network that ships with the project.

    Attributes:
        height, width: The size of its input.
        files: The name in models/ and the SHA-256 of the file for each suffix.
    """

    height: int
    width: int
    files: dict[str, tuple[str, str]]


_GENERAL_ONNX = ("selfie_general.onnx", "51081a74caa85cff11ca33b37c4454b0d63f623fd261de2fbf05fadc24ea282d")

MODELS = {
    "general": Model(
        256,
        256,
        {
            ".tflite": ("selfie_general.tflite", "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"),
            ".onnx": _GENERAL_ONNX,
        },
    ),
    # The general network with an input a quarter wider: on crops of people it errs a third less than at the
    # size that it was trained at, and at larger sizes it errs more again.
    "wide": Model(
        256,
        320,
        {
            ".tflite": ("selfie_wide.tflite", "528e422660c88728c4705341c50fdaf2dcddff5e6856751add59b9ac0973fa0f"),
            ".onnx": _GENERAL_ONNX,
        },
    ),
    "landscape": Model(
        144,
        256,
        {
            ".tflite": ("selfie_landscape.tflite", "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd"),
            ".onnx": ("selfie_landscape.onnx", "980d74414d8a42773dacb1b806343e68628cb04b36b91b6f307aa76d35eec344"),
        },
    ),
}


def model_file(model: Model, suffix: str) -> Path:
    """Return the path of a shipped model's file, verified.

    Raises:
        InputNotFoundError: the file is missing.
        InputError: its content is not what was shipped.
    """
    name, checksum = model.files[suffix]
    path = MODELS_FOLDER / name
    if not path.is_file():
        raise InputNotFoundError(f"{path}: the model is missing; clone or unpack the project again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise InputError(f"{path}: the model is damaged (wrong SHA-256); clone or unpack the project again")
    return path
