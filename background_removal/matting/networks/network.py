"""Settings of the networks: models, runtime, device and quality."""

from __future__ import annotations

from dataclasses import dataclass

from background_removal.errors import InputError

# Values of the option `model_selection`.
MODELS_BY_NUMBER = {0: "general", 1: "landscape"}
# Values of the option `runtime`.
RUNTIMES = ("onnx", "mediapipe")
# Values of the option `quality`.
QUALITIES = ("fast", "best")
# Values of the option `effort`.
EFFORTS = ("auto", "low", "normal", "high")
# Values of the option `model_output`.
OUTPUTS = ("auto", "probability", "logits", "minmax", "bytes", "classes")
# Values of the option `model_input`, with mean and deviation of R, G and B in [0, 1].
INPUT_RANGES = {
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "isnet": ((0.485, 0.456, 0.406), (1.0, 1.0, 1.0)),  # as rembg runs ISNet; its authors subtract 0.5
}


@dataclass(frozen=True, slots=True)
class Network:
    """Settings of the networks; the fields are named as the parameters of `MPSegmentation`.

    Attributes:
        model: Network that predicts the alpha; None for the general network at its wider size. See `MPSegmentation`.
        model_selection: Detector network for the whole frame: 0 the general model, 1 the landscape model.
        runtime: "onnx" or "mediapipe".
        device: "auto" for the quickest here, or one of `matting.networks.devices.DEVICES`.
        quality: "fast", "best", or None for best of stills and fast of streams. See `MPSegmentation`.
        effort: For how many frames of a stream the network is asked: "low", "normal", "high" or "auto". See
            `MPSegmentation`.
        model_size: Height and width of the input of a user's own ONNX file, if the file leaves them free.
        model_input: Input range of that file: "unit" for RGB in [0, 1], "symmetric" for [-1, 1], "imagenet" for
            mean 0 and deviation 1 over ImageNet, "isnet" for mean 0 over ImageNet; None for "unit", or for the range
            of a known model or of ISNet's shape.
        model_output: Output of that file: "probability", "logits" (before a sigmoid or softmax), "minmax" (a
            probability, stretched to [0, 1] where it finds somebody), "bytes" (0 to 255), "classes" (numbers of
            classes: 15 is the person of PASCAL VOC, 1 that of masks of 0 and 1), or "auto": "minmax" of a file of
            ISNet's shape, else by the type and the range of the values.
        model_output_name: Name of the output to use, where that file has several; "" for the first.

    Raises:
        InputError: a setting is out of range.
    """

    model: str | None = None
    model_selection: int = 1
    runtime: str = "onnx"
    device: str = "auto"
    quality: str | None = None
    model_size: tuple[int, int] | None = None
    model_input: str | None = None
    model_output: str = "auto"
    model_output_name: str = ""
    effort: str = "auto"

    def __post_init__(self) -> None:
        if self.model_input is not None and self.model_input not in INPUT_RANGES:
            raise InputError(f"`model_input` {self.model_input}: must be one of {', '.join(INPUT_RANGES)}")
        if self.model_output not in OUTPUTS:
            raise InputError(f"`model_output` {self.model_output}: must be one of {', '.join(OUTPUTS)}")
        if self.model_size is not None and (len(self.model_size) != 2 or min(self.model_size) < 1):
            raise InputError(f"`model_size` {self.model_size}: must be a height and a width in pixels")
        if self.quality is not None and self.quality not in QUALITIES:
            raise InputError(f"`quality` {self.quality}: must be one of {', '.join(QUALITIES)}")
        if self.effort not in EFFORTS:
            raise InputError(f"`effort` {self.effort}: must be one of {', '.join(EFFORTS)}")
        if self.model_selection not in MODELS_BY_NUMBER:
            raise InputError(f"`model_selection` {self.model_selection}: must be 0 (general) or 1 (landscape)")
