"""The processors that networks run on: what each needs, and what this computer has."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from background_removal.errors import DeviceError, InputError, reason


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of processor.

    Attributes:
        provider: ONNX Runtime's provider for it.
        hardware: What it is, for the list.
        package: The package that replaces ONNX Runtime's plain one and has the provider; "" for none.
        plugin: The package that adds the provider to the plain one; "" for none.
    """

    provider: str
    hardware: str
    package: str = ""
    plugin: str = ""

    @property
    def install_line(self) -> str:
        """The command that installs the provider."""
        if self.plugin:
            return f"python -m pip install {self.plugin}"
        if self.package:
            return f"python -m pip uninstall -y onnxruntime && python -m pip install {self.package}"
        return "python -m pip install onnxruntime"


# Values of the option `device` but "auto".
_DEVICES = {
    "cpu": Device("CPUExecutionProvider", "the processor"),
    "cuda": Device("CUDAExecutionProvider", "NVIDIA graphics", "onnxruntime-gpu"),
    "tensorrt": Device("TensorrtExecutionProvider", "NVIDIA graphics, with TensorRT", "onnxruntime-gpu"),
    "migraphx": Device("MIGraphXExecutionProvider", "AMD graphics on Linux, with ROCm", "onnxruntime-migraphx"),
    "directml": Device("DmlExecutionProvider", "any graphics on Windows", "onnxruntime-directml"),
    "coreml": Device("CoreMLExecutionProvider", "Apple's processors"),
    "webgpu": Device("WebGpuExecutionProvider", "any graphics, by Vulkan, Metal or D3D12", "", "onnxruntime-ep-webgpu"),
    "openvino": Device(
        "OpenVINOExecutionProvider", "Intel's processors, graphics and NPUs", "", "onnxruntime-ep-openvino"
    ),
}
# Parts of an Intel computer, as in "openvino:gpu".
_OPENVINO_PARTS = ("cpu", "gpu", "npu")
# All values of the option `device`.
DEVICES = ("auto", *_DEVICES, *(f"openvino:{part}" for part in _OPENVINO_PARTS))
# Devices that "auto" measures, besides the CPU; the others take longer to start than they save.
AUTO = ("cuda", "directml", "webgpu", "openvino:gpu")


def check_device(device: str) -> None:
    """Raise InputError unless `device` is one of DEVICES."""
    if device not in DEVICES:
        raise InputError(f"`device` {device}: must be one of {', '.join(DEVICES)}")


def is_installed(name: str) -> bool:
    """Return whether ONNX Runtime has the provider of a device, or a plugin for it is installed."""
    import onnxruntime

    device = _find(name)
    return device.provider in onnxruntime.get_available_providers() or _has_plugin(device)


def session_providers(name: str, options: Any) -> list[Any] | None:
    """Return the `providers` of a session on a device; None where `options` name them.

    Args:
        name: One of DEVICES but "auto".
        options: The session's `onnxruntime.SessionOptions`, to which a plugin's device is added.

    Raises:
        DeviceError: the provider is not installed, or finds no such device.
    """
    import onnxruntime

    device = _find(name)
    if _has_plugin(device):
        found = _plugin_devices(name)
        if not found:
            raise DeviceError(f"`device` {name}: {device.plugin} finds no such device on this computer")
        options.add_provider_for_devices(found[:1], {})
        return None
    if device.provider not in onnxruntime.get_available_providers():
        raise DeviceError(
            f"`device` {name}: this ONNX Runtime has no {device.provider}; install it with: {device.install_line}"
        )
    part = name.partition(":")[2].upper()
    provider = (device.provider, {"device_type": part}) if part else device.provider
    return [provider] if name == "cpu" else [provider, "CPUExecutionProvider"]


def provider_name(name: str) -> str:
    """Return the name of a device's provider."""
    return _find(name).provider


def device_identity(name: str) -> str:
    """Return text that changes with a device, its driver or its provider, as far as they are known."""
    import onnxruntime

    parts = [onnxruntime.__version__]
    if _has_plugin(_find(name)):
        parts += [f"{dict(each.ep_metadata)} {dict(each.device.metadata)}" for each in _plugin_devices(name)]
    for path in (Path("/proc/driver/nvidia/version"), Path("/proc/version")):
        with contextlib.suppress(OSError):
            parts.append(path.read_text(encoding="utf-8", errors="replace"))
    return "; ".join(parts)


def device_lines() -> Iterator[str]:
    """Yield a table of the devices: name, what it is, and whether it is here or what it needs."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    rows = [(name, device.hardware, _state(name)) for name, device in _DEVICES.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, hardware, state in rows:
        yield f"{name:{widths[0]}}  {hardware:{widths[1]}}  {state}"


def _state(name: str) -> str:
    device = _find(name)
    if not is_installed(name):
        return f"needs: {device.install_line}" if device.package or device.plugin else "not on this system"
    if not _has_plugin(device):
        return "here" if name == "cpu" else "installed; --device tells whether it loads"
    try:
        found = _plugin_devices(name)
    except DeviceError as error:
        return str(error).partition(": ")[2]
    if not found:
        return "installed; finds no such device"
    return "here: " + ", ".join(str(each.device.type).rpartition(".")[2] for each in found)


def _find(name: str) -> Device:
    return _DEVICES[name.partition(":")[0]]


def _has_plugin(device: Device) -> bool:
    return bool(device.plugin) and importlib.util.find_spec(device.plugin.replace("-", "_")) is not None


def _plugin_devices(name: str) -> list[Any]:
    """Return ONNX Runtime's descriptions of the devices that a plugin finds."""
    import onnxruntime

    device = _find(name)
    _register_plugin(device)
    part = name.partition(":")[2].upper()
    return [
        each
        for each in onnxruntime.get_ep_devices()
        if each.ep_name == device.provider and (not part or str(each.device.type).endswith(f".{part}"))
    ]


@cache
def _register_plugin(device: Device) -> None:
    import onnxruntime

    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise DeviceError(f"{device.plugin}: needs a later ONNX Runtime: python -m pip install -U onnxruntime")
    plugin = importlib.import_module(device.plugin.replace("-", "_"))
    try:
        onnxruntime.register_execution_provider_library(plugin.get_ep_name(), plugin.get_library_path())
    except Exception as error:  # a library that lacks another, or is for another ONNX Runtime: the runtime's own types
        raise DeviceError(f"{device.plugin}: does not load: {reason(error, first_line=True)}") from error
