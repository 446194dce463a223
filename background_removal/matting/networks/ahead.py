"""What every first frame needs, made in a thread before it is asked for.

The sessions of the default's networks take some 60 ms, OpenCV's tables for Lab 70 ms. Neither holds the interpreter's
lock, so that other things can be imported and opened meanwhile.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.matting.networks import weights
from background_removal.matting.networks.network import MODELS_BY_NUMBER, Network
from background_removal.matting.networks.weights import FACES, MODELS

if TYPE_CHECKING:
    import onnxruntime

# Sessions under way or ready, by the networks' files.
_ahead: dict[Path, Future[onnxruntime.InferenceSession]] = {}


def load_ahead(options: Network) -> None:
    """Begin to load what every first frame needs, and return at once.

    Of the networks only those of the default, on the CPU. What fails is loaded again when it is asked for, and raises
    its error then.

    Args:
        options: The networks that will be asked for.
    """
    # One thread, so that a core is left for what goes on meanwhile. The interpreter waits for it at its end, as OpenCV
    # must not end during the call.
    thread = ThreadPoolExecutor(1, "ahead")
    if options.model is None and options.runtime == "onnx" and options.device in ("auto", "cpu"):
        # Imported here, not in the thread: two threads that import one library at once can fail.
        import onnxruntime  # noqa: F401

        from background_removal.matting.networks.sessions import load_shipped

        for model in (MODELS["wide"], MODELS[MODELS_BY_NUMBER[options.model_selection]], FACES):
            path = weights.MODELS_FOLDER / model.files[".onnx"][0]
            if path not in _ahead:
                _ahead[path] = thread.submit(load_shipped, model)
    thread.submit(_make_tables)
    thread.shutdown(wait=False)


def take_ahead(path: Path) -> onnxruntime.InferenceSession | None:
    """Return the session of a network's file, once it is ready; None if it has to be loaded."""
    future = _ahead.pop(path, None)
    return None if future is None or future.exception() else future.result()


def _make_tables() -> None:
    """Let OpenCV make its tables for the Lab colour space, if it has not yet."""
    cv2.cvtColor(np.zeros((1, 1, 3), np.uint8), cv2.COLOR_BGR2LAB)
