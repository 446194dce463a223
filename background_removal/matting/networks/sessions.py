"""ONNX Runtime sessions: load a model's file on a device."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from background_removal.errors import DeviceError, InputError, InputNotFoundError, ProcessingError, reason
from background_removal.matting.networks.weights import DOWNLOADS, MODELS, download_model, model_file
from background_removal.support import limits
from background_removal.support.cores import core_limit
from background_removal.support.wording import did_you_mean

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

# Values of the option `device`, with ONNX Runtime's provider and the package that has it.
_PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu"),
    "migraphx": ("MIGraphXExecutionProvider", "onnxruntime-migraphx"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}
# All values of the option `device`.
DEVICES = ("auto", *_PROVIDERS)
# Devices that "auto" tries, in this order; the others take longer to start than such small networks save.
_AUTO = ("cuda", "directml", "cpu")


def load_session(model: str, device: str) -> onnxruntime.InferenceSession:
    """Load a model by name or path on a device; see `make_segmenter`."""
    check_device(device)
    if model in MODELS:
        path = model_file(MODELS[model], ".onnx")
    elif model in DOWNLOADS:
        path = download_model(model)
    else:
        path = Path(model)
        if path.suffix.lower() != ".onnx":
            known = [*MODELS, *DOWNLOADS]
            raise InputError(f"`model` {model}: must be {', '.join(known)} or a .onnx file{did_you_mean(model, known)}")
        limits.check_regular_file(model, f"`model` {model}")
        if not path.is_file():
            raise InputNotFoundError(f"`model` {model}: no such file")
    return load_session_file(path, device, small=model in MODELS)


def load_session_file(path: Path, device: str, small: bool = False) -> onnxruntime.InferenceSession:
    """Load an ONNX file on a device; see `make_segmenter`.

    Args:
        path: The file.
        device: One of DEVICES.
        small: Whether to run the network in one thread, as it gains little from more: 4.9 instead of 4.4 ms for the
            general network at 256x320 on two cores, and the second core is free.
    """
    import onnxruntime

    # ONNX Runtime also prints errors to stderr; the exception is enough.
    onnxruntime.set_default_logger_severity(4)
    available = onnxruntime.get_available_providers()
    if device == "auto":
        candidates = [name for name in _AUTO if _PROVIDERS[name][0] in available]
    else:
        provider, package = _PROVIDERS[device]
        if provider not in available:
            raise DeviceError(
                f"`device` {device}: this ONNX Runtime has no {provider}; install it with: "
                f"pip uninstall -y onnxruntime && pip install {package}"
            )
        candidates = [device]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that spin after a run take the processor from the steps that follow.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    threads = 1 if small else core_limit()
    if threads is not None:
        options.intra_op_num_threads = threads
    for name in candidates:
        provider = _PROVIDERS[name][0]
        fallbacks = ["CPUExecutionProvider"] if name != "cpu" else []
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=[provider, *fallbacks])
        except Exception as error:  # a damaged model, or a provider that fails to start
            if name != "cpu" and device == "auto":
                log.debug("device %s did not load: %s", name, reason(error, first_line=True))
                continue
            if name != "cpu":
                raise DeviceError(f"`device` {device} did not load: {reason(error, first_line=True)}") from error
            raise InputError(f"{path}: not a usable ONNX model: {reason(error, first_line=True)}") from error
        # ONNX Runtime can fall back to the CPU silently: compare the loaded provider with the requested one.
        if session.get_providers()[0] == provider:
            log.debug("%s runs on %s", path.name, name)
            return session
        if device != "auto":
            raise DeviceError(
                f"`device` {device}: {provider} did not load (its driver or libraries are missing); "
                "use `device` auto or cpu"
            )
        log.warning("device %s did not load; using the next one", name)
    raise DeviceError("ONNX Runtime offers no processor to run on; install it again: pip install onnxruntime")


def check_device(device: str) -> None:
    """Raise InputError unless `device` is one of DEVICES."""
    if device not in DEVICES:
        raise InputError(f"`device` {device}: must be one of {', '.join(DEVICES)}")


def require_finite(model: str, *outputs: np.ndarray) -> None:
    """Raise ProcessingError unless all outputs of a network are finite numbers.

    Every comparison with NaN is False: it would silently become background, or show the whole scene.
    """
    for output in outputs:
        if output.dtype.kind not in "biuf":
            raise ProcessingError(f"{model}: the model answers with {output.dtype}; numbers are needed")
        if not np.isfinite(output).all():
            raise ProcessingError(f"{model}: the model failed: its answer holds NaN or infinite values")
