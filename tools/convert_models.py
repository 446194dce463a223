#!/usr/bin/env python3
"""Derive the ONNX models from MediaPipe's TensorFlow Lite files.

The ``.tflite`` files are the ones inside the MediaPipe 0.10.21 wheel, under ``mediapipe/modules/``. This script takes
them from such a wheel (or from the copies already in ``models/``), checks their SHA-256 and writes the same networks,
operator by operator, as ONNX:

    pip download --no-deps mediapipe==0.10.21
    python tools/convert_models.py mediapipe-0.10.21-*.whl

All take planar RGB, float32 (N, 3, H, W), where H and W are free: the networks are fully convolutional.

- The selfie networks take values in [0, 1] and multiples of 32 pixels (they were trained at 144x256 and 256x256), and
  return the probability of a person, float32 (N, 1, H, W) in [0, 1].
- The face network takes values in [-1, 1] and multiples of 32 pixels (trained at 192x192), and returns, for each cell
  of 4x4 pixels, row by row, ``boxes``, float32 (N, H/4 x W/4, 16), and ``scores``, float32 (N, H/4 x W/4, 1), logits:
  see ``matting/networks/faces.py``.

Needs the packages of requirements-dev.txt (tflite, onnx).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.tflite_files import resized  # noqa: E402
from tools.tflite_to_onnx import Interface, Translator  # noqa: E402

MODELS = ROOT / "models"


@dataclass(frozen=True, slots=True)
class Source:
    """A ``.tflite`` file.

    Attributes:
        path: Its path in the wheel, under mediapipe/modules/.
        checksum: Its SHA-256.
        interface: How the ONNX network presents itself.
    """

    path: str
    checksum: str
    interface: Interface


_PERSON = Interface({"probability": ["N", 1, "height", "width"]})

# name in models/ -> where it comes from
SOURCES = {
    "selfie_general": Source(
        "selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        _PERSON,
    ),
    "selfie_landscape": Source(
        "selfie_segmentation/selfie_segmentation_landscape.tflite",
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
        _PERSON,
    ),
    "face_full_range": Source(
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        Interface({"boxes": ["N", "cells", 16], "scores": ["N", "cells", 1]}, half=True),
    ),
}

# The general network is run at this height and width too, see matting/networks/weights.py.
WIDE = (256, 320)


def convert(data: bytes, name: str) -> bytes:
    """Return the ONNX file (bytes) for the bytes of the ``.tflite`` file that is known by `name`."""
    return Translator(data, SOURCES[name].interface).translate(name).SerializeToString(deterministic=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "wheel",
        type=Path,
        nargs="?",
        help="the MediaPipe 0.10.21 wheel (default: the .tflite files in models/)",
    )
    options = parser.parse_args(argv)
    for name, source in SOURCES.items():
        target = MODELS / f"{name}.tflite"
        if options.wheel:
            with zipfile.ZipFile(options.wheel) as wheel:
                data = wheel.read(f"mediapipe/modules/{source.path}")
        else:
            data = target.read_bytes()
        if hashlib.sha256(data).hexdigest() != source.checksum:
            print(f"{source.path}: not the file of MediaPipe 0.10.21", file=sys.stderr)
            return 1
        converted = convert(data, name)
        written = {target: data, target.with_suffix(".onnx"): converted}
        if name == "selfie_general":
            written[MODELS / "selfie_wide.tflite"] = resized(data, *WIDE)
        for path, content in written.items():
            path.write_bytes(content)
            print(f"{path.name:24} {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
