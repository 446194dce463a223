"""What makes the program start soon: networks loaded ahead, libraries that wait until they are needed."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, make_clip, scene
from tqdm import tqdm

from background_removal.cli.messages import set_up_messages
from background_removal.cli.request import Request
from background_removal.errors import InputError
from background_removal.matting.networks import ahead, sessions, weights
from background_removal.matting.networks.network import Network
from background_removal.pipeline.frame import StreamInfo
from background_removal.pipeline.progress import Progress
from background_removal.recipe import Recipe


@pytest.fixture(autouse=True)
def _nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_ahead", {})


@pytest.mark.parametrize("given", [None, "9"])
def test_threads_of_libraries_do_not_spin_unless_the_user_wants_it(given: str | None) -> None:
    names = ["OPENBLAS_THREAD_TIMEOUT", "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER", "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN"]
    clean = {name: value for name, value in os.environ.items() if name not in names}
    program = f"import os, background_removal, sys; print('numpy' in sys.modules, *[os.environ[n] for n in {names}])"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**clean, **{name: given for name in names if given}}, cwd=ROOT,
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    # NumPy reads it when it is imported, so this package must not import it first.
    assert done.stdout.split() == ["False", *([given] * 3 if given else ["4", "0", "0"])]


def test_a_network_that_was_loaded_ahead_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[str] = []
    create = sessions._create
    monkeypatch.setattr(sessions, "_create", lambda path, *a, **k: created.append(path.name) or create(path, *a, **k))
    ahead.load_ahead(Network())
    ahead.load_ahead(Network())  # they are under way
    for session in list(ahead._ahead.values()):
        session.result()
    first = sessions.load_session("landscape", "auto")
    assert sorted(created) == ["face_full_range.onnx", "selfie_general.onnx", "selfie_landscape.onnx"]
    assert sessions.load_session("landscape", "auto") is not first
    assert len(created) == 4
    for other in (Network(model="general"), Network(device="cuda"), Network(runtime="mediapipe")):
        ahead._ahead.clear()
        ahead.load_ahead(other)
        assert not ahead._ahead


def test_what_fails_ahead_is_an_error_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "selfie_landscape.onnx").write_bytes(b"damaged")
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    ahead.load_ahead(Network())
    with pytest.raises(InputError, match="damaged"):
        sessions.load_session("landscape", "cpu")


def test_networks_are_loaded_ahead_for_what_needs_them_here(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.touch()
    paths = (str(file),)
    assert Request().segments_at_once
    assert Request(paths=paths).segments_at_once
    for other in (
        Request(paths=("missing.mp4",)), Request(paths=paths * 2), Request(paths=paths, jobs=2), Request(serve=""),
        Request(paths=paths, dry_run=True), Request(recipe=Recipe(no_segmentation=True)),
    ):  # fmt: skip
        assert not other.segments_at_once


def test_a_message_is_printed_above_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_messages(debug=False, quiet=False)
        with tqdm(total=2, desc="clip.mp4", ncols=40, file=printed):
            logging.getLogger("background_removal.any").warning("the sound is missing")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    bar, line, *_ = printed.getvalue().split("the sound is missing")[0].rpartition("\r")
    assert line == "\r", "the bar is taken away first"
    assert printed.getvalue().rpartition("\r")[2].startswith("clip.mp4"), "and drawn again below"
    assert "warning: the sound is missing\n" in printed.getvalue()
    assert "clip.mp4" in bar


@pytest.mark.slow
def test_a_video_needs_no_pillow_and_no_bar_that_is_not_shown(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(0)]).path
    command = [sys.executable, "-X", "importtime", str(ROOT / "main.py"), str(clip), "--no-segmentation"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert imported >= {"cv2", "av"}
    assert not imported & {"PIL", "tqdm", "asyncio", "tomlkit", "importlib.metadata", "onnxruntime"}


def test_a_bar_that_would_not_be_shown_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr("background_removal.pipeline.progress.progress_bar", lambda *_: pytest.fail("made"))
    progress = Progress(True)
    progress.open(StreamInfo("clip.mp4", 64, 48, frames=3))
    progress.close()
