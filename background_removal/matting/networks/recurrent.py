"""Recurrent matting: networks with RobustVideoMatting's interface, which carry a memory from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError, reason
from background_removal.matting.alpha.refine import ramp_around, smooth_ramp
from background_removal.matting.crop import Box, resampled
from background_removal.matting.networks.sessions import require_numbers

if TYPE_CHECKING:
    import onnxruntime

# The names of the interface (PeterL1n/RobustVideoMatting, documentation/inference.md).
_STATES_IN = ("r1i", "r2i", "r3i", "r4i")
_OUTPUTS = ("fgr", "pha", "r1o", "r2o", "r3o", "r4o")

# Height and width of what the network sees of a crop that follows the person. On our clips this is as good as
# twice the pixels, and on close faces better.
_CROP_SIZE = (192, 240)
# The longer side that the network reduces a whole frame to before its refiner brings it back to full size
# (the authors' own rule, inference.py: auto_downsample_ratio).
_WHOLE_PIXELS = 512
_MULTIPLE = 16


def is_recurrent(session: onnxruntime.InferenceSession) -> bool:
    """Tell whether a network has RobustVideoMatting's interface."""
    names = {item.name for item in session.get_inputs()}
    return {"src", "downsample_ratio", *_STATES_IN} <= names


class RecurrentMatting:
    """Draws the alpha and the person's own colours with a recurrent network.

    Args:
        session: The loaded network.
        name: What to call it in messages.
        threshold: Shifts where background ends; at 0.5 the network's alpha is taken as it is.
        edge_softness: Below 0.5 the network's edge is made harder.

    Raises:
        InputError: the network has the interface's inputs and not its outputs.

    Attributes:
        follows: Whether it is shown a small crop around the person, or else the whole frame in full size, which the
            network's own refiner then works on. To be changed between streams only.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, name: str, threshold: float, edge_softness: float
    ) -> None:
        self._session = session
        self._name = name
        self.set_edge(threshold, edge_softness)
        self.follows = True
        missing = sorted({*_OUTPUTS} - {item.name for item in session.get_outputs()})
        if missing:
            raise InputError(f"{name}: a recurrent model must answer {', '.join(_OUTPUTS)}; {missing[0]} is missing")
        shapes = {item.name: item.shape for item in session.get_inputs()}
        # Where the file leaves them free a single zero is spread out by the network, as the authors begin.
        free = [None, 1]
        self._channels = [count if isinstance(count := (shapes[state] or free)[1], int) else 1 for state in _STATES_IN]
        self.reset()

    def set_edge(self, threshold: float, edge_softness: float) -> None:
        """Set the threshold between background and person, and the softness of the edge, each 0 to 1."""
        self._step = ramp_around(threshold, min(0.5, edge_softness))

    def reset(self) -> None:
        """Forget the previous frames."""
        # The memory, and the crop that it is of.
        self.state: tuple[list[np.ndarray], Box] | None = None

    def close(self) -> None:
        """Nothing to do: the session is freed with this object."""

    def size_for(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of what the network wants to see of a frame of (width, height)."""
        if self.follows:
            return _CROP_SIZE
        width, height = (max(_MULTIPLE, round(side / _MULTIPLE) * _MULTIPLE) for side in frame_size)
        return height, width

    def __call__(self, image: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray | None]:
        """Return alpha and foreground of what `image` shows of the part `box` of the next frame.

        Args:
            image: uint8 (h, w, 3) BGR of the size that `size_for` gave.

        Returns:
            float32 (h, w) in [0, 1], and uint8 (h, w, 3) BGR.

        Raises:
            ProcessingError: the network failed, or answers with what is no number.
            InputError: it answers with something else than an alpha and a picture of the size of `image`.
        """
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.float32) * np.float32(1 / 255)
        ratio = 1.0 if self.follows else min(1.0, _WHOLE_PIXELS / max(image.shape[:2]))
        inputs = {
            "src": np.ascontiguousarray(rgb.transpose(2, 0, 1)[None]),
            "downsample_ratio": np.array([ratio], np.float32),
            **dict(zip(_STATES_IN, self._states_at(box), strict=True)),
        }
        try:
            foreground, alpha, *states = (np.asarray(item) for item in self._session.run(_OUTPUTS, inputs))
        except Exception as error:  # ONNX Runtime's errors have no common class of their own
            raise ProcessingError(f"{self._name}: the model failed: {reason(error, first_line=True)}") from error
        height, width = image.shape[:2]
        if (foreground.shape, alpha.shape) != ((1, 3, height, width), (1, 1, height, width)):
            raise InputError(
                f"{self._name}: the model's answers fgr {foreground.shape} and pha {alpha.shape} are not "
                f"the colours and the alpha of a picture of {width}x{height}"
            )
        require_numbers(self._name, foreground, alpha, *states)
        self.state = (states, box)
        colors = cv2.cvtColor(np.ascontiguousarray(foreground[0].transpose(1, 2, 0)), cv2.COLOR_RGB2BGR)
        return smooth_ramp(alpha[0, 0], *self._step), cv2.convertScaleAbs(colors, alpha=255)

    def _states_at(self, box: Box) -> list[np.ndarray]:
        """Return the memory, moved to where the crop now is; a new one before the first frame."""
        if self.state is None:
            return [np.zeros((1, channels, 1, 1), np.float32) for channels in self._channels]
        memory, before = self.state
        return memory if box == before else [_moved(part, before, box) for part in memory]


def _moved(state: np.ndarray, old: Box, new: Box) -> np.ndarray:
    planes = [resampled(plane, old, new) for plane in state[0]]
    return np.stack(planes)[None]
