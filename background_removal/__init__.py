"""Replace or blur what is behind a person, in images, videos and from cameras.

The names below are the public API. Each is imported when it is first used, so that ``import background_removal`` and
the command line's ``--help`` stay fast.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from background_removal.engine import Engine
    from background_removal.errors import (
        BackgroundRemovalError,
        CameraError,
        DeviceError,
        InputError,
        InputNotFoundError,
        ProcessingError,
    )
    from background_removal.files.video.cut import Cut
    from background_removal.files.video.formats import Encoding
    from background_removal.fps import FPSmetric
    from background_removal.live.options import LiveOptions
    from background_removal.look import Look
    from background_removal.pipeline.actions import Action
    from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
    from background_removal.pipeline.objects import FrameObject
    from background_removal.segmentation import MPSegmentation

__version__ = "0.3.0"

# ONNX Runtime's Linux wheels send telemetry from 1.29 on unless this is set before they are imported. Every import of
# this package passes through here first; users who want the telemetry set it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# OpenCV's threads spin while they wait for one another, which costs a sixth of a frame's processor time and gains no
# time (benchmarks/live.py cost). It reads this when it is loaded; where it was imported before, it keeps its own way.
for _waiting in ("WORKER", "MAIN"):
    os.environ.setdefault(f"OPENCV_THREAD_POOL_ACTIVE_WAIT_{_waiting}", "0")
# Those of NumPy's OpenBLAS spin for a tenth of a second and more when NumPy is imported, and after each product of
# large matrices. This is the shortest time that it takes; on two cores a start needs 0.18 s less of the processor.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

_MODULES = {
    "Action": "pipeline.actions",
    "BackgroundRemovalError": "errors",
    "CameraError": "errors",
    "Cut": "files.video.cut",
    "DeviceError": "errors",
    "Encoding": "files.video.formats",
    "Engine": "engine",
    "FPSmetric": "fps",
    "Frame": "pipeline.frame",
    "FrameObject": "pipeline.objects",
    "InputError": "errors",
    "InputNotFoundError": "errors",
    "LiveOptions": "live.options",
    "Look": "look",
    "MPSegmentation": "segmentation",
    "ProcessingError": "errors",
    "Sink": "pipeline.frame",
    "Source": "pipeline.frame",
    "StreamInfo": "pipeline.frame",
}

__all__ = [
    "Action",
    "BackgroundRemovalError",
    "CameraError",
    "Cut",
    "DeviceError",
    "Encoding",
    "Engine",
    "FPSmetric",
    "Frame",
    "FrameObject",
    "InputError",
    "InputNotFoundError",
    "LiveOptions",
    "Look",
    "MPSegmentation",
    "ProcessingError",
    "Sink",
    "Source",
    "StreamInfo",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
