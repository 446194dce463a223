"""MediaPipe's multiclass selfie network: a slower second opinion of where a person is, and where their hair is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.errors import ProcessingError, reason
from background_removal.matting.networks.sessions import load_session_file, require_finite
from background_removal.matting.networks.weights import MODELS, model_file

if TYPE_CHECKING:
    import onnxruntime

_MODEL = MODELS["multiclass"]
# Names of the network's outputs.
_OUTPUTS = ("probability", "hair")


class MulticlassNetwork:
    """Draws the mask of the people in a crop, and of their hair; a `Segmenter`.

    It is slower and mostly better than the selfie networks. On some people with the light behind them it fails, so
    check that another network agrees. It runs on all cores that it may use: it takes a tenth of a second on one.

    Args:
        device: One of DEVICES.

    Raises:
        InputNotFoundError: the network's file is missing.
        InputError: the file is damaged.
        DeviceError: the device was asked for by name and did not load.
    """

    size = (_MODEL.height, _MODEL.width)
    sizes = (size,)

    def __init__(self, device: str = "cpu") -> None:
        self._session: onnxruntime.InferenceSession | None = load_session_file(model_file(_MODEL, ".onnx"), device)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person, float32 (h, w) in [0, 1]; see `run`."""
        return self.run(image)[0]

    def run(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of a person, and of hair, float32 (h, w) in [0, 1] each.

        Args:
            image: uint8 (h, w, 3) BGR, of the network's size (multiples of 64 pixels will do too).

        Raises:
            ProcessingError: the network failed, or is closed.
        """
        if self._session is None:
            raise ProcessingError("the multiclass network is closed; make another")
        tensor = cv2.dnn.blobFromImage(image, 1 / 127.5, mean=(127.5, 127.5, 127.5), swapRB=True)  # RGB in [-1, 1]
        try:
            answers = self._session.run(_OUTPUTS, {"image": tensor})
        except Exception as error:  # ONNX Runtime's errors share no class
            raise ProcessingError(f"the multiclass network failed: {reason(error, first_line=True)}") from error
        person, hair = (np.asarray(answer)[0, 0] for answer in answers)
        require_finite("the multiclass network", person, hair)
        return person, hair

    def close(self) -> None:
        """Free the network; calling it again does nothing."""
        self._session = None
