"""ONNX Runtime sessions: load a model's file on a device."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from background_removal.errors import DeviceError, InputError, InputNotFoundError, ProcessingError, reason
from background_removal.matting.networks.ahead import take_ahead
from background_removal.matting.networks.device_choice import choose_device
from background_removal.matting.networks.devices import check_device, provider_name, session_providers
from background_removal.matting.networks.weights import DOWNLOADS, MODELS, Model, download_model, model_file
from background_removal.support import limits
from background_removal.support.cores import core_limit
from background_removal.support.wording import did_you_mean

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)


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
        small: Whether to run the network in one thread, as it gains nothing from more (2.4 ms for the general network
            at 256x320 with one and with two), and the second core is free.
    """
    if device != "auto":
        return _load_on(path, device, small)
    chosen = choose_device(path, lambda name: _load_on(path, name, small))
    try:
        return _load_on(path, chosen, small)
    except DeviceError as error:  # it loaded when it was measured
        log.warning("%s; using the CPU", error)
        return _load_on(path, "cpu", small)


def _load_on(path: Path, device: str, small: bool) -> onnxruntime.InferenceSession:
    """Load an ONNX file on one device.

    Raises:
        DeviceError: the device is not installed or does not load.
        InputError: the file is no usable model.
    """
    ahead = take_ahead(path) if device == "cpu" and small else None
    session = ahead or _create(path, device, small)
    log.debug("%s runs on %s", path.name, device)
    return session


def load_shipped(model: Model) -> onnxruntime.InferenceSession:
    """Load a small shipped network on the CPU, whether or not it has been loaded ahead; raises as `_load_on`."""
    return _create(model_file(model, ".onnx"), "cpu", small=True)


def _create(path: Path, device: str, small: bool) -> onnxruntime.InferenceSession:
    import onnxruntime

    # ONNX Runtime also prints errors to stderr; the exception is enough.
    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that spin after a run take the processor from the steps that follow.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    threads = 1 if small else core_limit()
    if threads is not None:
        options.intra_op_num_threads = threads
    providers = session_providers(device, options)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # a damaged model, or a provider that fails to start
        if device == "cpu":
            raise InputError(f"{path}: not a usable ONNX model: {reason(error, first_line=True)}") from error
        raise DeviceError(f"`device` {device} did not load: {reason(error, first_line=True)}") from error
    # ONNX Runtime can fall back to the CPU silently: compare the loaded provider with the requested one.
    if session.get_providers()[0] != provider_name(device):
        raise DeviceError(
            f"`device` {device}: {provider_name(device)} did not load (its driver or libraries are missing); "
            "use `device` auto or cpu"
        )
    return session


def require_finite(model: str, *outputs: np.ndarray) -> None:
    """Raise ProcessingError unless all outputs of a network are finite numbers.

    Every comparison with NaN is False: it would silently become background, or show the whole scene.
    """
    for output in outputs:
        if output.dtype.kind not in "biuf":
            raise ProcessingError(f"{model}: the model answers with {output.dtype}; numbers are needed")
        if not np.isfinite(output).all():
            raise ProcessingError(f"{model}: the model failed: its answer holds NaN or infinite values")
