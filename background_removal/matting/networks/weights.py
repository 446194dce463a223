"""Models known by name: shipped ones (origin in models/README.md) and ones to download."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from background_removal.errors import InputError, InputNotFoundError, reason
from background_removal.support.paths import cache_folder, data_folder

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
        good_for: What it is good at, in a few words; "" for those that are no choice.
    """

    height: int
    width: int
    files: dict[str, tuple[str, str]]
    larger_size: tuple[int, int] | None = None
    input_range: str = "unit"
    good_for: str = ""


# File of the general network, also used at another size.
_GENERAL_ONNX = ("selfie_general.onnx", "4f65f274f2855028bfe68452dfa767197390744f4b0cb5d4cb3ade8da1be7c50")

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
        good_for="people near the camera",
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
        good_for="the same, with a wider input: draws the default's edge",
    ),
    "landscape": Model(
        144,
        256,
        {
            ".tflite": ("selfie_landscape.tflite", "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd"),
            ".onnx": ("selfie_landscape.onnx", "b2eadf924e26633f79dec7c56b6139971e61a99ba987e8aa574d044b755a0b00"),
        },
        good_for="speed; the whole frame",
    ),
    # Hair, skin, clothes and what a person wears, as one person. It takes twenty times as long as the general network.
    "multiclass": Model(
        256,
        256,
        {".onnx": ("selfie_multiclass.onnx", "90bb8c24b8789f923a252117e0432e40241c1b5c32fba25b75424334f439e36b")},
        input_range="symmetric",
        good_for="photos of people; slow",
    ),
}
# Licence of the shipped networks.
SHIPPED_LICENCE = "Apache-2.0"

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
        url: Address of the file.
        checksum: Its hash as "sha256:..." or, where its publisher states that one only, "md5:...".
        megabytes: Its size, millions of bytes.
        licence: Licence given by its authors.
        good_for: What it is good at, in a few words.
        size: Height and width of the input; None if the interface defines it.
        input_range: See `matting.networks.network.INPUT_RANGES`.
        output: See `matting.networks.network.OUTPUTS`.
        people_only: Whether it was trained to find people; else it finds whatever the picture is of.
    """

    url: str
    checksum: str
    megabytes: int
    licence: str
    good_for: str
    size: tuple[int, int] | None = None
    input_range: str = "unit"
    output: str = "auto"
    people_only: bool = True


# Where rembg, a program for cut-outs, publishes networks as ONNX files. Of the last three its sources (rembg/sessions)
# state the MD5 alone.
_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"

# Networks to download, by name.
DOWNLOADS = {
    "rvm": Download(
        "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/rvm_mobilenetv3_fp32.onnx",
        "sha256:88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
        15,
        "GPL-3.0",
        "people in videos: the best edge",
    ),
    "u2net_human_seg": Download(
        f"{_REMBG}/u2net_human_seg.onnx",
        "sha256:01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
        176,
        "Apache-2.0",
        "photos of people",
        (320, 320),
        "imagenet",
    ),
    "modnet": Download(
        "https://github.com/Zeyi-Lin/HivisionIDPhotos/releases/download/pretrained-model/"
        "modnet_photographic_portrait_matting.onnx",
        "sha256:07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        26,
        "Apache-2.0",
        "portraits",
        (512, 512),
        "symmetric",
    ),
    "isnet-general-use": Download(
        f"{_REMBG}/isnet-general-use.onnx",
        "md5:fc16ebd8b0c10d971d3513d564d01e29",
        179,
        "Apache-2.0",
        "photos of people and things",
        (1024, 1024),
        "isnet",
        "minmax",
        people_only=False,
    ),
    "birefnet-portrait": Download(
        f"{_REMBG}/BiRefNet-portrait-epoch_150.onnx",
        "md5:c3a64a6abf20250d090cd055f12a3b67",
        973,
        "MIT",
        "portraits: fine hair; very slow, much memory",
        (1024, 1024),
        "imagenet",
        "logits",
    ),
    "birefnet-general-lite": Download(
        f"{_REMBG}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        "md5:4fab47adc4ff364be1713e97b7e66334",
        224,
        "MIT",
        "photos of people and things; slow, much memory",
        (1024, 1024),
        "imagenet",
        "logits",
        people_only=False,
    ),
}

# Environment variable with the folder of downloads, in place of the system's cache folder.
FOLDER_VARIABLE = "BACKGROUND_REMOVAL_MODELS"


def download_path(name: str) -> Path:
    """Return where the file of a model of DOWNLOADS is, or will be."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or cache_folder())
    return folder / DOWNLOADS[name].url.rsplit("/", 1)[1]


def models_here() -> list[str]:
    """Return the names of the models that are on this computer, shipped or downloaded."""
    shipped = [name for name, known in MODELS.items() if (MODELS_FOLDER / known.files[".onnx"][0]).is_file()]
    return [*shipped, *(name for name in DOWNLOADS if download_path(name).is_file())]


def model_lines() -> list[str]:
    """Return a table of the models known by name: name, size, licence, whether the file is here, what it is good at."""
    rows = [("NAME", "SIZE", "LICENCE", "HERE", "GOOD AT")]
    for name, known in MODELS.items():
        path = MODELS_FOLDER / known.files[".onnx"][0]
        there = path.is_file()
        size = f"{path.stat().st_size / 1e6:.1f} MB" if there else ""
        rows.append((name, size, SHIPPED_LICENCE, "yes" if there else "missing", known.good_for))
    for name, known in DOWNLOADS.items():
        here = "yes" if download_path(name).is_file() else "download"
        rows.append((name, f"{known.megabytes} MB", known.licence, here, known.good_for))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def download_model(name: str) -> Path:
    """Return the path of a model of DOWNLOADS; download and verify it the first time.

    Raises:
        InputError: the download failed, or the checksum is wrong.
    """
    import pooch

    known = DOWNLOADS[name]
    path = download_path(name)
    if not path.exists():
        log.warning("model %s (%s) is being downloaded from %s", name, known.licence, known.url)
    pooch.get_logger().setLevel("ERROR")
    bar = sys.stderr.isatty()
    try:
        pooch.retrieve(known.url, known.checksum, path.name, path.parent, progressbar=bar)
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
