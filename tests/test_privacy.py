"""Nothing leaves the computer: no run asks a name server, and no library keeps a diary."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import PORTRAIT, ROOT, make_clip, scene

# ONNX Runtime keeps still where one of these tells it that nobody looks: here it must not be for that.
SPARED = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY")

needs_strace = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("strace"),
    reason="needs strace, which is for Linux (Debian: apt-get install strace)",
)


def sockets(home: Path, *command: object) -> list[str]:
    """Run a command under strace; return its network calls that are not of this computer alone."""
    trace = home / "trace.txt"
    env = {name: value for name, value in os.environ.items() if name not in SPARED}
    env |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    strace = ["strace", "-f", "-e", "trace=network", "-o", str(trace)]
    done = subprocess.run([*strace, *map(str, command)], capture_output=True, encoding="utf-8", env=env, timeout=240)
    if "ptrace" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert done.returncode == 0, done.stderr
    return [line for line in trace.read_text(encoding="utf-8").splitlines() if "AF_INET" in line]


@needs_strace
def test_the_trace_would_show_it(tmp_path: Path) -> None:
    asks = "import socket, contextlib\nwith contextlib.suppress(OSError): socket.getaddrinfo('example.invalid', 80)"
    assert sockets(tmp_path, sys.executable, "-c", asks)


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize(
    "arguments",
    [
        ("--image", PORTRAIT, "--output", "r.png", "--quality", "fast"),
        ("--image", PORTRAIT, "--output", "r.png", "--quality", "fast", "--runtime", "mediapipe"),
        ("--video", "clip.mp4", "--output", "r.mp4"),
        ("--video", "clip.mp4", "--output", "r.mp4", "--jobs", "2"),
    ],
    ids=["image", "mediapipe", "video", "jobs"],
)
def test_no_run_asks_a_name_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(44)], rate=Fraction(10), gop=10)
    assert sockets(tmp_path, sys.executable, ROOT / "main.py", *arguments) == []
    assert list(tmp_path.glob("r.*"))
    assert not list(tmp_path.rglob("*onnxruntime*")), "a database of events"


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_whatever_of_ours_comes_first_turns_telemetry_off(before: str | None, after: str) -> None:
    """Before ONNX Runtime can be imported, and unless the user has said otherwise."""
    env = {name: value for name, value in os.environ.items() if name not in SPARED}
    env |= {"ORT_DISABLE_TELEMETRY": before} if before else {}
    for module in (
        "main",
        "engine",
        "selfieSegmentation",
        "background_removal.matting.networks.segmenters",
        "background_removal.effects.subject",
        "background_removal.cli.run",
    ):
        names = "'ORT_DISABLE_TELEMETRY'", "'OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER'"  # its threads are not to spin
        code = f"import {module}, os; print(*map(os.environ.get, ({', '.join(names)})))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.stdout == f"{after} 0\n", done.stderr


def test_a_mediapipe_that_phones_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    from background_removal.errors import InputError
    from background_removal.segmentation import MPSegmentation

    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.10.35" if name == "mediapipe" else version(name))
    with pytest.raises(
        InputError, match=r"MediaPipe 0\.10\.35 sends usage statistics.*pip install 'mediapipe<0\.10\.33'"
    ):
        MPSegmentation(runtime="mediapipe")
