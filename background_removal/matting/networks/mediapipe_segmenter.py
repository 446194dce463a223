"""The shipped networks run by MediaPipe Tasks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

import cv2
import numpy as np

from background_removal.errors import InputError, reason
from background_removal.matting.networks.weights import MODELS, model_file
from background_removal.support.installing import install_command
from background_removal.support.stderr import silence_stderr

log = logging.getLogger(__name__)

# First release that sends usage statistics to Google, on macOS and Windows; on Linux it is 0.10.35.
_FIRST_WITH_TELEMETRY = (0, 10, 33)


class MediaPipeSegmenter:
    """A shipped network run by MediaPipe Tasks' ImageSegmenter."""

    def __init__(self, model: str) -> None:
        known = MODELS[model]
        path = model_file(known, ".tflite")
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ModuleNotFoundError as error:
            raise InputError(
                "`runtime` mediapipe: MediaPipe is not installed (or leave the option out): "
                f"{install_command('mediapipe')}"
            ) from error
        except (ImportError, OSError) as error:  # OSError: a system library is missing
            raise InputError(
                f"`runtime` mediapipe: {reason(error, first_line=True)}; install it or use `runtime` onnx"
            ) from error
        installed = metadata.version("mediapipe")
        if tuple(int(part) for part in re.findall(r"\d+", installed)[:3]) >= _FIRST_WITH_TELEMETRY:
            raise InputError(
                f"`runtime` mediapipe: MediaPipe {installed} sends usage statistics, which cannot be turned off; "
                "install an older one: python -m pip install 'mediapipe<0.10.33'"
            )
        options = vision.ImageSegmenterOptions(
            # The bytes, not the path: MediaPipe cannot open every Unicode path on Windows.
            base_options=BaseOptions(model_asset_buffer=path.read_bytes()),
            output_confidence_masks=True,
            output_category_mask=False,
        )
        self.size = (known.height, known.width)
        self.sizes = (self.size,)
        self._image = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        with _silent_stderr():
            self._segmenter = vision.ImageSegmenter.create_from_options(options)
            self(np.zeros((known.height, known.width, 3), np.uint8))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        result = self._segmenter.segment(self._image(image_format=self._format, data=rgb))
        mask = result.confidence_masks[0].numpy_view()
        return mask.reshape(mask.shape[:2]).copy()  # the view dies with the result

    def close(self) -> None:
        """Free the graph."""
        self._segmenter.close()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silence stderr while a graph starts; no setting turns off MediaPipe's C++ log."""
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    with silence_stderr():
        yield
