"""Segmenters: networks that map an image to the probability of a person at each pixel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from background_removal.errors import DeviceError, InputError, ProcessingError, reason
from background_removal.matting.networks.devices import check_device
from background_removal.matting.networks.network import INPUT_RANGES, RUNTIMES, Network
from background_removal.matting.networks.sessions import load_session, require_finite
from background_removal.matting.networks.weights import DOWNLOADS, MODELS
from background_removal.support import limits

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

# Input side of a user's own model that leaves it free, pixels.
_DEFAULT_SIDE = 256
# Side of ISNet's input and of its first output, pixels; inference.py of its authors (github.com/xuebinqin/DIS).
_ISNET_SIDE = 1024
# Probability that a map must reach to be stretched: where nothing is more person than background, nothing was found,
# and the stretched noise would be a person.
_MIN_STRETCHED = 0.5


class Segmenter(Protocol):
    """A loaded network that maps an image to a probability.

    Attributes:
        size: Height and width of the network's input.
        sizes: Heights and widths of the input at which the network is good, `size` first.
    """

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]: ...

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of a person for a BGR uint8 (h, w, 3) image of one of the network's sizes.

        Returns:
            float32 (h, w) in [0, 1].
        """
        ...

    def close(self) -> None:
        """Free the network."""
        ...


def make_segmenter(
    model: str, runtime: str = "onnx", device: str = "auto", options: Network | None = None
) -> Segmenter:
    """Load a segmenter.

    Args:
        model: "landscape", "general", "wide" (the general network with a wider input), "multiclass", a name of
            DOWNLOADS, or the path of an ONNX file.
        runtime: "onnx" or "mediapipe".
        device: One of DEVICES; "auto" is the one that is measured to be the quickest.
        options: Properties of a user's own model.

    Raises:
        InputNotFoundError: there is no such model.
        InputError: the runtime, the device or the file cannot be used.
        DeviceError: the device was asked for by name and did not load.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"`runtime` {runtime}: must be one of {', '.join(RUNTIMES)}")
    check_device(device)
    if runtime == "mediapipe":
        theirs = sorted(name for name, known in MODELS.items() if ".tflite" in known.files)
        if model not in theirs:
            raise InputError(f"`model` {model}: `runtime` mediapipe has {' and '.join(theirs)} only")
        if device not in ("auto", "cpu"):
            raise DeviceError(f"`device` {device}: `runtime` mediapipe uses the CPU only")
        from background_removal.matting.networks.mediapipe_segmenter import MediaPipeSegmenter

        return MediaPipeSegmenter(model)
    return OnnxSegmenter(model, load_session(model, device), options or Network())


# Values this far outside [0, 1] are rounding.
_TOLERANCE = 1e-3
# Largest difference of the sum of a pixel's probabilities from 1, in half precision or 8 bits.
_MAX_ROUNDING = 0.05
# Largest value of a probability that overshoots, as after a resize by cubic interpolation.
_MAX_OVERSHOOT = 2.0
# Number of the person, and largest number, among the classes of PASCAL VOC (host.robots.ox.ac.uk/pascal/VOC), with
# which most networks for classes of pixels are published.
_VOC_PERSON, _VOC_CLASSES = 15, 20
# Numbers of channels that an output may have: the person; background and person; scores of VOC's classes, with which
# DeepLab and others are published.
_CHANNELS = (1, 2, _VOC_CLASSES + 1)


class OnnxSegmenter:
    """A network run by ONNX Runtime.

    The shipped models, or any file with one image input, (1, 3, H, W) or (1, H, W, 3), float in [0, 1] or uint8, RGB,
    and one map as output: one channel (the person), two (background, person), as probabilities or logits, or the scores
    of the 21 classes of PASCAL VOC, of which the person is one. Of several outputs the first counts: ISNet and U2-Net
    give coarser maps too.
    """

    def __init__(self, model: str, session: onnxruntime.InferenceSession, options: Network) -> None:
        self._name = model
        self._session = session
        shipped, download = MODELS.get(model), DOWNLOADS.get(model)
        size, input_range, output = options.model_size, options.model_input, options.model_output
        if shipped is not None:
            size, input_range, output = (shipped.height, shipped.width), shipped.input_range, "probability"
        elif download is not None:
            size, input_range, output = download.size, download.input_range, download.output
        elif _is_isnet(session):
            input_range, output = input_range or "isnet", "minmax" if output == "auto" else output
        self._larger_size = shipped.larger_size if shipped is not None else None
        self._layout = _InputLayout(session, model, size, input_range or "unit")
        self._output = _choose_output(session, model, options.model_output_name)
        self._scale = OutputScale(model, output)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        tensor = self._layout.to_tensor(image)
        try:
            output = self._session.run([self._output], {self._layout.name: tensor})[0]
        except Exception as error:  # ONNX Runtime's errors share no class
            raise ProcessingError(f"{self._name}: the model failed: {reason(error, first_line=True)}") from error
        probability = self._probability(np.asarray(output))
        if probability.shape != image.shape[:2]:
            probability = cv2.resize(probability, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return probability

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self._layout.size

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Heights and widths of the input at which the network is good."""
        return (self.size,) if self._larger_size is None else (self.size, self._larger_size)

    def close(self) -> None:
        """Do nothing; the session is freed with this object."""

    def _probability(self, output: np.ndarray) -> np.ndarray:
        require_finite(self._name, output)
        if self._layout.batch > 1 and output.ndim and len(output) == self._layout.batch:
            output = output[:1]  # all pictures of the batch are the same
        is_integer = output.dtype.kind in "iub"
        maps = output.astype(np.float32, copy=False)
        while maps.ndim > 3 and len(maps) == 1:
            maps = maps[0]
        if (
            maps.ndim == 3
            and maps.shape[0] > 2
            and (maps.shape[2] <= 2 or (maps.shape[0] not in _CHANNELS and maps.shape[2] in _CHANNELS))
        ):
            maps = maps.transpose(2, 0, 1)
        if maps.ndim == 2:
            maps = maps[None]
        # A classifier answers with one number for the whole image, or a row of them.
        if maps.ndim != 3 or maps.shape[0] not in _CHANNELS or min(maps.shape[1:]) < 2:
            raise InputError(
                f"{self._name}: the model's output {output.shape} is not a map of the person; it may have 1 channel, "
                f"2 (background, person), or the {_VOC_CLASSES + 1} classes of PASCAL VOC"
            )
        return self._scale.to_probability(maps, "bytes" if output.dtype == np.uint8 else "numbers" * is_integer)


class _InputLayout:
    """The input of a model: name, layout, size and range, read from the file."""

    def __init__(
        self, session: onnxruntime.InferenceSession, model: str, size: tuple[int, int] | None, input_range: str
    ) -> None:
        inputs = session.get_inputs()
        shape = inputs[0].shape if inputs else ()
        if len(inputs) != 1 or len(shape) != 4 or 3 not in (shape[1], shape[3]):
            found = ", ".join(f"{i.name} {i.shape}" for i in inputs) or "nothing"
            raise InputError(f"{model}: the model must take one image (1, 3, H, W) or (1, H, W, 3), not {found}")
        if not session.get_outputs():
            raise InputError(f"{model}: the model has no output")
        self.name = inputs[0].name
        self._planar = shape[1] == 3
        self.batch = max(1, shape[0]) if isinstance(shape[0], int) else 1
        height, width = shape[2:4] if self._planar else shape[1:3]
        free = size or (_DEFAULT_SIDE, _DEFAULT_SIDE)
        self.size = (
            height if isinstance(height, int) else free[0],
            width if isinstance(width, int) else free[1],
        )
        if min(self.size) < 1 or self.size[0] * self.size[1] > limits.MAX_NETWORK_PIXELS:
            raise InputError(
                f"{model}: the model's input of {self.size[0]}x{self.size[1]} cannot be; from 1 to "
                f"{limits.MAX_NETWORK_PIXELS / 1e6:.0f} million pixels can"
            )
        dtypes = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
        if inputs[0].type not in dtypes:
            raise InputError(f"{model}: the model's input is {inputs[0].type}; float or uint8 is needed")
        self._dtype = dtypes[inputs[0].type]
        mean, deviation = (np.array(values, np.float32) for values in INPUT_RANGES[input_range])
        # (v / 255 - mean) / deviation as one multiplication and one addition.
        self._scale, self._shift = 1 / (255 * deviation), -mean / deviation

    def to_tensor(self, image: np.ndarray) -> np.ndarray:
        """Convert BGR uint8 (h, w, 3) to the model's input, RGB."""
        height, width = image.shape[:2]
        tensor = np.empty(
            (self.batch, 3, height, width) if self._planar else (self.batch, height, width, 3), self._dtype
        )
        # Plane by plane, written in place: a tenth of the time of converting, scaling and transposing the whole image.
        for number, plane in enumerate(reversed(cv2.split(image))):
            values = tensor[:, number] if self._planar else tensor[..., number]
            if self._dtype == np.uint8:
                values[:] = plane
            else:
                np.multiply(plane, self._scale[number], out=values, casting="same_kind")
                values += self._shift[number]
        return tensor


def _choose_output(session: onnxruntime.InferenceSession, model: str, name: str) -> str:
    """Return the name of the output to use, the first one if `name` is ""; raises InputError if there is no such."""
    outputs = session.get_outputs()
    if name in ("", *(output.name for output in outputs)):
        return name or outputs[0].name
    there = ", ".join(f"{output.name} {output.shape}" for output in outputs)
    raise InputError(f"`model_output_name` {name}: {model} has the outputs {there}")


def _is_isnet(session: onnxruntime.InferenceSession) -> bool:
    """Return whether a network has ISNet's shape: a picture of 1024x1024, and several maps, the first one as large.

    Nothing else in such a file says what it expects of the picture, and what its maps mean.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    return (
        len(inputs) == 1
        and len(outputs) > 1
        and inputs[0].shape[1:] == [3, _ISNET_SIDE, _ISNET_SIDE]
        and outputs[0].shape[1:] == [1, _ISNET_SIDE, _ISNET_SIDE]
    )


class OutputScale:
    """Turns a network's values into probabilities, by what they are or, if nobody says it, by their type and range.

    A file does not record what its values are. What was once seen to be no probability stays so: values that look like
    one in a later picture, with nobody in it, are not taken for certainty.

    Args:
        model: Name of the network in messages.
        output: One of `matting.networks.network.OUTPUTS`.
    """

    def __init__(self, model: str, output: str) -> None:
        self._name = model
        self._is_automatic = output == "auto"
        self._kind = "probability" if output == "auto" else output
        self._has_classes = False  # class numbers above 1 were seen: 1 is another class than the person

    def to_probability(self, maps: np.ndarray, numbers: str = "") -> np.ndarray:
        """Return the probability of a person, float32 (H, W) in [0, 1].

        Args:
            maps: The values, float32 (1, H, W), (2, H, W) for background and person, or (21, H, W) for PASCAL VOC.
            numbers: "" for fractions, "bytes" for 8-bit numbers, "numbers" for larger ones.

        Raises:
            InputError: they are numbers of classes, and which of them is the person is not known.
        """
        if len(maps) > _VOC_CLASSES:
            return self._choose_person(maps)
        if self._is_automatic:
            self._kind = self._recognise(maps, numbers)
        if self._kind == "bytes":
            maps = maps / 255
        elif self._kind == "logits":
            return _sigmoid(maps[1] - maps[0] if len(maps) == 2 else maps[0])
        elif self._kind == "classes":
            person = _VOC_PERSON if maps.max() > 1 or self._has_classes else 1
            self._has_classes |= maps.max() > 1
            return (np.rint(maps[-1]) == person).astype(np.float32)
        elif self._kind == "minmax" and len(maps) == 1:
            return _stretch(maps[0])
        return np.clip(maps[-1], 0, 1)

    def _choose_person(self, maps: np.ndarray) -> np.ndarray:
        """Return the probability of the person among the scores of PASCAL VOC's classes, float32 (21, H, W).

        Probabilities add up to 1. What is neither that nor a logit counts where it is the highest.
        """
        person = maps[_VOC_PERSON]
        is_shared = bool(np.abs(maps.sum(axis=0) - 1).max() < _MAX_ROUNDING) and maps.min() >= -_TOLERANCE
        if self._kind == "probability" and is_shared:
            return np.clip(person, 0, 1)
        is_logit = maps.min() < -_TOLERANCE or maps.max() > _MAX_OVERSHOOT
        if self._kind == "logits" or (self._is_automatic and is_logit):
            powers = np.exp(maps - maps.max(axis=0))
            return powers[_VOC_PERSON] / powers.sum(axis=0)
        others = np.delete(maps, _VOC_PERSON, axis=0).max(axis=0)
        return (person > others).astype(np.float32)

    def _recognise(self, maps: np.ndarray, numbers: str) -> str:
        """Return what the values are; `self._kind` is what those of earlier pictures were."""
        low, high = float(maps.min()), float(maps.max())
        if self._kind in ("logits", "bytes"):
            return self._kind
        if low < -_TOLERANCE:
            return "logits"
        if high <= 1 + _TOLERANCE:
            return self._kind if self._kind == "classes" or not numbers else "classes"
        if len(maps) == 2:
            is_shared = bool(np.abs(maps.sum(axis=0) - 255).max() < 3)  # shares of 255, rounded
            return "bytes" if numbers == "bytes" or is_shared else "logits"
        is_whole = bool((maps == np.rint(maps)).all())
        if is_whole and high <= _VOC_CLASSES:
            return "classes"
        if high > 255:
            raise InputError(
                f"{self._name}: the model's output {maps.shape} holds values from {low:g} to {high:g}; "
                "what they mean is not known (say `model_output`)"
            )
        # Logits would be below 0 somewhere, unless the person filled the picture.
        return "bytes" if high > _MAX_OVERSHOOT else "probability"


def _stretch(probability: np.ndarray) -> np.ndarray:
    """Return a map stretched from its lowest and highest value to 0 and 1, if it finds somebody."""
    low, high = float(probability.min()), float(probability.max())
    if high < _MIN_STRETCHED or high <= low:
        return np.clip(probability, 0, 1)
    return (probability - low) / (high - low)


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-np.clip(value, -60, 60)))).astype(np.float32)
