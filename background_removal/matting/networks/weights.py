"""Models known by name: shipped ones (origin in models/README.md) and ones to download."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from background_removal.errors import InputError, InputNotFoundError, reason
from background_removal.support.paths import data_folder

log = logging.getLogger(__name__)

# Folder of the shipped models.
MODELS_FOLDER = data_folder("models")


@dataclass(frozen=True, slots=True)
class Model:
    """A shipped network.

    Attributes:
        height, width: Size of the input.
        files: For each suffix, name in models/ and SHA-256 of the file.
        larger_size: Another height and width at which the ONNX file is as good.
        input_range: See `matting.networks.network.INPUT_RANGES`.
    """

    height: int
    width: int
    files: dict[str, tuple[str, str]]
    larger_size: tuple[int, int] | None = None
    input_range: str = "unit"


# File of the general network, also used at another size.
_GENERAL_ONNX = ("selfie_general.onnx", "51081a74caa85cff11ca33b37c4454b0d63f623fd261de2fbf05fadc24ea282d")

# Shipped segmenters, by name.
MODELS = {
    "general": Model(
        256,
        256,
        {
            ".tflite": ("selfie_general.tflite", "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"),
            ".onnx": _GENERAL_ONNX,
        },
        (320, 320),
    ),
    # The general network with an input a quarter wider: on crops of people the error is a third less than at the
    # trained size, and at larger sizes it grows again.
    "wide": Model(
        256,
        320,
        {
            ".tflite": ("selfie_wide.tflite", "528e422660c88728c4705341c50fdaf2dcddff5e6856751add59b9ac0973fa0f"),
            ".onnx": _GENERAL_ONNX,
        },
        (320, 384),
    ),
    "landscape": Model(
        144,
        256,
        {
            ".tflite": ("selfie_landscape.tflite", "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd"),
            ".onnx": ("selfie_landscape.onnx", "980d74414d8a42773dacb1b806343e68628cb04b36b91b6f307aa76d35eec344"),
        },
    ),
    # Hair, skin, clothes and what a person wears, as one person. It takes twenty times as long as the general network.
    "multiclass": Model(
        256,
        256,
        {".onnx": ("selfie_multiclass.onnx", "a031ecaeda2c8301f2fe24611e886a11b815caa8d454d98c94c59387966a2686")},
        input_range="symmetric",
    ),
}

# Shipped face detector; no choice for the option `model`.
FACES = Model(
    192,
    192,
    {
        ".tflite": ("face_full_range.tflite", "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"),
        ".onnx": ("face_full_range.onnx", "371ecbdb23e7298f45d89794135e6e72b2e192f77a3f91b00261a64de68a388a"),
    },
)

# Shipped pose network; no choice for the option `model`, as it needs a crop around each person.
POSE = Model(
    256,
    256,
    {".onnx": ("pose_full.onnx", "5712389d114cea7f02f07f730fe2505f02b9325a7cb355333f178932323401d7")},
)


@dataclass(frozen=True, slots=True)
class Download:
    """A network that is downloaded at its first use.

    Attributes:
        url, sha256: Address and checksum of the file.
        licence: Licence given by its authors.
        size: Height and width of the input; None if the interface defines it.
        input_range: See `matting.networks.segmenters.INPUT_RANGES`.
    """

    url: str
    sha256: str
    licence: str
    size: tuple[int, int] | None = None
    input_range: str = "unit"


# Networks to download, by name.
DOWNLOADS = {
    "rvm": Download(
        "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/rvm_mobilenetv3_fp32.onnx",
        "88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
        "GPL-3.0",
    ),
    "u2net_human_seg": Download(
        "https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2net_human_seg.onnx",
        "01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
        "Apache-2.0",
        (320, 320),
        "imagenet",
    ),
    "modnet": Download(
        "https://github.com/Zeyi-Lin/HivisionIDPhotos/releases/download/pretrained-model/"
        "modnet_photographic_portrait_matting.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        "Apache-2.0",
        (512, 512),
        "symmetric",
    ),
}

# Environment variable with the folder of downloads, in place of the system's cache folder.
FOLDER_VARIABLE = "BACKGROUND_REMOVAL_MODELS"


def download_model(name: str) -> Path:
    """Return the path of a model of DOWNLOADS; download and verify it the first time.

    Raises:
        InputError: the download failed, or the checksum is wrong.
    """
    import pooch

    known = DOWNLOADS[name]
    folder = os.environ.get(FOLDER_VARIABLE) or pooch.os_cache("background-removal")
    path = Path(folder) / known.url.rsplit("/", 1)[1]
    if not path.exists():
        log.warning("model %s (%s) is being downloaded from %s", name, known.licence, known.url)
    pooch.get_logger().setLevel("ERROR")
    bar = sys.stderr.isatty()
    try:
        pooch.retrieve(known.url, f"sha256:{known.sha256}", path.name, folder, progressbar=bar)
    except Exception as error:  # no network, no such server, disk full, other content: classes of several libraries
        log.debug("", exc_info=True)  # the chain of errors is long, and adds little to the message
        if "hash" in str(error):
            raise InputError(f"`model` {name}: {known.url} gives another file than it did; choose another") from None
        there = ", in place of the other file there" if path.exists() else ""
        raise InputError(
            f"get {known.url} by other means and put it at {path}{there}: "
            f"`model` {name} cannot be downloaded ({_reason(error)})"
        ) from None
    return path


def _reason(error: Exception) -> str:
    """Return why a download failed, in plain words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code}"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return reason(error)


def model_file(model: Model, suffix: str) -> Path:
    """Return the path of a shipped model's file after verifying it.

    Raises:
        InputNotFoundError: the file is missing.
        InputError: the checksum is wrong.
    """
    name, checksum = model.files[suffix]
    path = MODELS_FOLDER / name
    if not path.is_file():
        raise InputNotFoundError(f"{path}: the model is missing; clone or unpack the project again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise InputError(f"{path}: the model is damaged (wrong SHA-256); clone or unpack the project again")
    return path
