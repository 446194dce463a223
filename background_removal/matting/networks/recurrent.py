"""Recurrent matting: networks with RobustVideoMatting's interface, which carry a state from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.matting.alpha.refine import ramp_around, smooth_ramp
from background_removal.matting.boxes import Box, resample_crop
from background_removal.matting.networks.sessions import require_finite

if TYPE_CHECKING:
    import onnxruntime

# Names of the recurrent states among the inputs (PeterL1n/RobustVideoMatting, documentation/inference.md).
_STATES_IN = ("r1i", "r2i", "r3i", "r4i")
# Names of the outputs (likewise).
_OUTPUTS = ("fgr", "pha", "r1o", "r2o", "r3o", "r4o")

# Height and width of the input for a crop, pixels; on the clips as good as twice the pixels, on close faces better.
_CROP_SIZE = (192, 240)
# Longer side to which the network reduces a whole frame before its refiner works at full size, pixels
# (the authors' own rule, inference.py: auto_downsample_ratio).
_WHOLE_PIXELS = 512
# Multiple that the sides of a whole frame's input must be of, pixels.
_SIDE_MULTIPLE = 16


def is_recurrent(session: onnxruntime.InferenceSession) -> bool:
    """Return whether a network has RobustVideoMatting's interface."""
    names = {item.name for item in session.get_inputs()}
    return {"src", "downsample_ratio", *_STATES_IN} <= names


class RecurrentMatting:
    """Predicts alpha and foreground with a recurrent network.

    Args:
        session: The loaded network.
        name: Name of the network in messages.
        threshold: Alpha at which background ends, 0 to 1; 0.5 leaves the network's alpha as it is.
        edge_softness: Softness of the edge, 0 to 1; below 0.5 it is harder than the network's.

    Raises:
        InputError: the network has the interface's inputs but not its outputs.

    Attributes:
        uses_crops: Whether `predict` takes a small crop around the person, or else the whole frame in full size, for
            the network's own refiner. Change it between streams only.
        state: Recurrent states and the crop that they belong to; None before the first frame.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, name: str, threshold: float, edge_softness: float
    ) -> None:
        self._session = session
        self._name = name
        self.set_edge(threshold, edge_softness)
        self.uses_crops = True
        self.is_calm = False
        missing = sorted({*_OUTPUTS} - {item.name for item in session.get_outputs()})
        if missing:
            raise InputError(f"{name}: a recurrent model must answer {', '.join(_OUTPUTS)}; {missing[0]} is missing")
        shapes = {item.name: item.shape for item in session.get_inputs()}
        half = [item.name for item in session.get_inputs() if item.type == "tensor(float16)"]
        self._types = {name: np.float16 if name in half else np.float32 for name in shapes}
        # If the file leaves the channels free, the network broadcasts a single zero, as the authors begin.
        free = [None, 1]
        self._channels = [count if isinstance(count := (shapes[state] or free)[1], int) else 1 for state in _STATES_IN]
        self.reset()

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._ramp = ramp_around(threshold, min(0.5, edge_softness))

    def reset(self) -> None:
        """Forget the previous frames."""
        self.state: tuple[list[np.ndarray], Box] | None = None

    def close(self) -> None:
        """Do nothing; the session is freed with this object."""

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the input for a frame of (width, height)."""
        if self.uses_crops:
            return _CROP_SIZE
        width, height = (max(_SIDE_MULTIPLE, round(side / _SIDE_MULTIPLE) * _SIDE_MULTIPLE) for side in frame_size)
        return height, width

    def predict(
        self, image: np.ndarray, box: Box, evidence: np.ndarray | None = None, carry: object = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return alpha and foreground of `image`, the part `box` of the next frame.

        Args:
            image: uint8 (h, w, 3) BGR of the size that `size_for` returns.
            box: The part of the frame that it shows.
            evidence, carry: Unused; the network keeps its own state.

        Returns:
            float32 (h, w) in [0, 1], and uint8 (h, w, 3) BGR.

        Raises:
            ProcessingError: the network failed, or its output is not finite.
            InputError: the outputs are not an alpha and an image of the size of `image`.
        """
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.float32) * np.float32(1 / 255)
        ratio = 1.0 if self.uses_crops else min(1.0, _WHOLE_PIXELS / max(image.shape[:2]))
        inputs = {
            "src": np.ascontiguousarray(rgb.transpose(2, 0, 1)[None]),
            "downsample_ratio": np.array([ratio], np.float32),
            **dict(zip(_STATES_IN, self._states_at(box), strict=True)),
        }
        try:
            inputs = {name: value.astype(self._types[name], copy=False) for name, value in inputs.items()}
            answers = (np.asarray(item) for item in self._session.run(_OUTPUTS, inputs))
            foreground, alpha, *states = (item.astype(np.float32, copy=False) for item in answers)
        except Exception as error:  # ONNX Runtime's errors share no class
            raise ProcessingError(f"{self._name}: the model failed: {reason(error, first_line=True)}") from error
        height, width = image.shape[:2]
        if (foreground.shape, alpha.shape) != ((1, 3, height, width), (1, 1, height, width)):
            raise InputError(
                f"{self._name}: the model's answers fgr {foreground.shape} and pha {alpha.shape} are not "
                f"the colours and the alpha of a picture of {width}x{height}"
            )
        require_finite(self._name, foreground, alpha, *states)
        self.state = (states, box)
        colors = cv2.cvtColor(np.ascontiguousarray(foreground[0].transpose(1, 2, 0)), cv2.COLOR_RGB2BGR)
        return smooth_ramp(alpha[0, 0], *self._ramp), cv2.convertScaleAbs(colors, alpha=255)

    def _states_at(self, box: Box) -> list[np.ndarray]:
        """Return the recurrent states, resampled to the crop `box`; zeros before the first frame."""
        if self.state is None:
            return [np.zeros((1, channels, 1, 1), np.float32) for channels in self._channels]
        states, before = self.state
        return states if box == before else [_resample_state(state, before, box) for state in states]


def _resample_state(state: np.ndarray, old: Box, new: Box) -> np.ndarray:
    planes = [resample_crop(plane, old, new) for plane in state[0]]
    return np.stack(planes)[None]
