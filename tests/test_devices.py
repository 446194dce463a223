"""The devices that networks run on: the list, what each needs, and the choice that auto makes."""

from __future__ import annotations

import importlib.util
import itertools
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import NOT_POSSIBLE_HERE, PORTRAIT, ROOT
from onnx import TensorProto, helper

from background_removal.errors import DeviceError
from background_removal.matting.networks import device_choice, devices
from background_removal.matting.networks.devices import DEVICES
from background_removal.segmentation import MPSegmentation


def network(path: Path, steps: int, added: float = 0.0) -> onnxruntime.InferenceSession:
    """Return a network of so many additions that sum up to `added`."""
    names = ["image", *(f"step{number}" for number in range(1, steps)), "answer"]
    nodes = [helper.make_node("Add", [before, "part"], [after]) for before, after in itertools.pairwise(names)]
    shape = [1, 3, 256, 256]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "answer")]
    part = helper.make_tensor("part", TensorProto.FLOAT, [1], [added / steps])
    model = helper.make_model(
        helper.make_graph(nodes, "sum", ends[:1], ends[1:], [part]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, str(path))
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what requirements-dev.txt installs beside ONNX Runtime."""
    monkeypatch.setattr(devices, "_has_plugin", lambda device: False)


@pytest.mark.usefixtures("no_plugins")
def test_the_list_says_what_is_here_and_what_each_needs(run_main) -> None:
    outcome = run_main("--list-devices")
    rows = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert outcome.code == 0
    assert set(rows) == {name for name in DEVICES if name != "auto" and ":" not in name}
    assert rows["cpu"].endswith("here")
    for name, package in (("webgpu", "onnxruntime-ep-webgpu"), ("openvino", "onnxruntime-ep-openvino")):
        assert rows[name].endswith(f"needs: python -m pip install {package}")
    assert run_main("--devices").out == outcome.out


@pytest.mark.usefixtures("no_plugins")
@pytest.mark.parametrize("device", ["webgpu", "openvino:gpu"])
def test_a_plugin_that_is_not_there_is_an_error_with_the_line_that_installs_it(run_main, device: str) -> None:
    outcome = run_main("photo.jpg", "--device", device)
    package = f"onnxruntime-ep-{device.partition(':')[0]}"
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert f"python -m pip install {package}" in outcome.err, outcome.err


def test_a_plugin_that_does_not_load_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnxruntime_ep_webgpu.py").write_text(
        "def get_ep_name():\n    return 'WebGpuExecutionProvider'\n"
        f"def get_library_path():\n    return {str(tmp_path / 'library.so')!r}\n"
    )
    (tmp_path / "library.so").write_bytes(b"no library")
    monkeypatch.syspath_prepend(tmp_path)
    # Another test may have registered the real one.
    monkeypatch.setattr(devices, "_register_plugin", devices._register_plugin.__wrapped__)
    installed = sys.modules.pop("onnxruntime_ep_webgpu", None)
    try:
        with pytest.raises(DeviceError, match="onnxruntime-ep-webgpu: does not load"):
            MPSegmentation(device="webgpu")
    finally:
        sys.modules.pop("onnxruntime_ep_webgpu", None)
        if installed is not None:
            sys.modules["onnxruntime_ep_webgpu"] = installed


# Vulkan on the CPU: Mesa's, and the one that Chromium and Chrome bring.
_SOFTWARE_CARDS = (
    "/usr/share/vulkan/icd.d/lvp_icd*.json",
    "/usr/lib/chromium/vk_swiftshader_icd.json",
    "/opt/google/chrome/vk_swiftshader_icd.json",
)


@pytest.fixture
def with_software_card(tmp_path: Path) -> Callable[[str], None]:
    """Run a program on a computer with a graphics card, which is Vulkan on the CPU.

    ONNX Runtime offers WebGPU only where /sys/bus/pci lists a graphics card. A folder of the test takes its place, in a
    mount namespace of the program's own.
    """
    if importlib.util.find_spec("onnxruntime_ep_webgpu") is None:
        wheel = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info >= (3, 11)
        pytest.skip("needs onnxruntime-ep-webgpu" if wheel else f"{NOT_POSSIBLE_HERE}onnxruntime-ep-webgpu")
    drivers = [str(path) for pattern in _SOFTWARE_CARDS for path in Path("/").glob(pattern[1:])]
    if not drivers:
        pytest.skip("needs a Vulkan driver without a card (Debian: apt-get install chromium mesa-vulkan-drivers)")
    card = tmp_path / "pci" / "devices" / "0000:00:02.0"
    card.mkdir(parents=True)
    # Class 0x03 is a display controller (PCI Code and ID Assignment Specification); the numbers are SwiftShader's.
    for name, number in (("class", "0x030000"), ("vendor", "0x1ae0"), ("device", "0xc0de")):
        (card / name).write_text(f"{number}\n")
    script = f'mount --bind {tmp_path}/pci /sys/bus/pci && exec "$@"'
    inside = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", script, "sh"]
    try:
        trial = subprocess.run([*inside, "true"], capture_output=True, encoding="utf-8", timeout=30)
    except OSError as error:
        pytest.skip(f"{NOT_POSSIBLE_HERE}mounting a folder: {error}")
    if trial.returncode:
        pytest.skip(f"{NOT_POSSIBLE_HERE}mounting a folder in a namespace of one's own: {trial.stderr.strip()}")

    def run(program: str) -> None:
        env = {
            **os.environ,
            "VK_DRIVER_FILES": ":".join(drivers),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        }
        done = subprocess.run(
            [*inside, sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=120, env=env
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return run


@pytest.mark.slow
def test_webgpu_gives_the_alpha_of_the_processor(
    tmp_path: Path, portrait: np.ndarray, with_software_card: Callable[[str], None]
) -> None:
    """The network's input is small, since a card of software needs a second for one of the usual size."""
    options = {"model": str(ROOT / "models" / "selfie_landscape.onnx"), "model_size": (96, 96)}
    with_software_card(
        "import cv2, numpy\n"
        "from background_removal.segmentation import MPSegmentation\n"
        f"alpha = MPSegmentation(device='webgpu', **{options!r}).alpha(cv2.imread({str(PORTRAIT)!r}))\n"
        f"numpy.save({str(tmp_path / 'alpha.npy')!r}, alpha)\n"
    )
    expected = MPSegmentation(device="cpu", **options).alpha(portrait)
    assert 0.3 < expected.mean() < 0.9, "the person fills the portrait"
    assert np.abs(np.load(tmp_path / "alpha.npy") - expected).max() < 1e-2


class Clock:
    """The time that sessions take: so much for each addition, however busy the computer is."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)

    def session(self, path: Path, steps: int, added: float = 0.0) -> onnxruntime.InferenceSession:
        session = network(path, steps, added)
        run = session.run

        def timed(names: list[str] | None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            self.now += 0.001 * steps
            return run(names, feed)

        session.run = timed
        return session


@pytest.mark.parametrize(
    ("steps", "added", "chosen"),
    [
        pytest.param(1, 0.0, "cuda", id="quicker"),
        pytest.param(1, 5.0, "cpu", id="quicker but wrong"),
        pytest.param(9, 0.0, "cpu", id="hardly quicker"),
        pytest.param(30, 0.0, "cpu", id="slower"),
        pytest.param(0, 0.0, "cpu", id="does not load"),
    ],
)
def test_auto_takes_a_device_that_is_quicker_and_right_and_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, added: float, chosen: str
) -> None:
    """No machine of the tests has a graphics card, so a network of less work stands for one."""
    clock = Clock()
    monkeypatch.setattr(device_choice, "time", clock)
    monkeypatch.setattr(device_choice, "is_installed", lambda name: name == "cuda")
    monkeypatch.setattr(device_choice, "cache_folder", lambda: tmp_path / "cache")
    path = tmp_path / "cpu.onnx"
    cpu = clock.session(path, 10)
    loaded = []

    def load(name: str) -> onnxruntime.InferenceSession:
        loaded.append(name)
        if name == "cpu":
            return cpu
        if not steps:
            raise DeviceError("no driver")
        return clock.session(tmp_path / "other.onnx", steps, added)

    assert device_choice.choose_device(path, load) == chosen
    assert loaded == ["cpu", "cuda"]
    assert device_choice.choose_device(path, load) == chosen
    assert loaded == ["cpu", "cuda"], "measured again"
    network(path, 11)  # another network of the same name
    device_choice.choose_device(path, load)
    assert loaded == ["cpu", "cuda"] * 2


def test_where_only_the_processor_is_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_choice, "is_installed", lambda name: False)
    assert device_choice.choose_device(tmp_path / "none.onnx", lambda name: pytest.fail("loaded")) == "cpu"
