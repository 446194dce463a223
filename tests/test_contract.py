"""The public face: what an old main.py relies on."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, Screen, StreamCamera, make_clip

from background_removal.engine import Engine
from background_removal.fps import FPSmetric
from background_removal.segmentation import MPSegmentation

ENGINE = {
    "image_path": "", "video_path": "", "webcam_id": 0, "show": False, "flip_view": False, "custom_objects": [],
    "output_extension": "out", "start_video_frame": 0, "end_video_frame": 0, "break_on_end": False,
}  # fmt: skip
SEGMENTATION = {
    "bg_blur_ratio": (35, 35), "bg_image": None, "threshold": 0.5, "model_selection": 1, "bg_images_path": None,
    "bg_color": None,
}  # fmt: skip
FPS = {
    "range_average": 30, "position": (7, 70), "fontFace": cv2.FONT_HERSHEY_SIMPLEX, "fontScale": 3,
    "color": (100, 255, 0), "thickness": 3, "lineType": cv2.LINE_AA,
}  # fmt: skip

# The program that users have today, word for word.
OLD_MAIN = """
from utils import FPSmetric
from selfieSegmentation import MPSegmentation
from engine import Engine

if __name__ == '__main__':
    fpsMetric = FPSmetric()
    segmentationModule = MPSegmentation(threshold=0.3, bg_images_path='', bg_blur_ratio=(45, 45))
    selfieSegmentation = Engine(webcam_id=0, show=True, custom_objects=[segmentationModule, fpsMetric])
    selfieSegmentation.run()
"""

# This machine has no camera: number 0 is taken from a stream instead, and nothing else is changed.
CAMERA_ZERO = """
import cv2
_real = cv2.VideoCapture
cv2.VideoCapture = lambda source, *more: _real({url!r}, cv2.CAP_FFMPEG) if source == 0 else _real(source, *more)
"""


@pytest.mark.parametrize(("item", "expected"), [(Engine, ENGINE), (MPSegmentation, SEGMENTATION), (FPSmetric, FPS)])
def test_parameters_keep_their_names_order_and_defaults(item: type, expected: dict[str, object]) -> None:
    parameters = inspect.signature(item).parameters.values()
    positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert list(positional.items()) == list(expected.items())
    assert all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)


def test_methods_of_the_contract_exist() -> None:
    for name in ("run", "process_image", "process_video", "process_webcam", "custom_processing", "flip", "display"):
        assert callable(getattr(Engine, name))
    assert list(inspect.signature(Engine.check_video_frames_range).parameters) == ["self", "fnum"]
    assert inspect.signature(Engine.display).parameters["webcam"].default is False
    assert inspect.signature(MPSegmentation.change_image).parameters["prevOrNext"].default is True
    for name in ("alpha", "reset", "__call__"):
        assert callable(getattr(MPSegmentation, name))


def test_the_old_main_runs_unchanged(screen: Screen, stream_camera: StreamCamera, start_main) -> None:
    process = start_main(program=CAMERA_ZERO.format(url=stream_camera.url) + OLD_MAIN, env=screen.env)
    screen.wait_for_window()
    screen.type("q")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_what_methods_return(tmp_path: Path, portrait: np.ndarray) -> None:
    """As the original: the processed picture of an image, and nothing that a caller could trip over."""
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    image = Engine(image_path=tmp_path / "photo.jpg", custom_objects=[lambda image: 255 - image])
    result = image.process_image()
    assert (result == 255 - portrait).all()
    assert image.run() is None
    clip = make_clip(tmp_path / "clip.mp4", [portrait] * 2).path
    assert Engine(video_path=clip).process_video() is None
    assert Engine(video_path=clip).run() is None


def test_run_prefers_the_video_then_the_image() -> None:
    engine = Engine(image_path="a.png", video_path="a.mp4")
    calls = []
    engine.process_video = lambda: calls.append("video")  # type: ignore[method-assign]
    engine.process_image = lambda: calls.append("image")  # type: ignore[method-assign]
    engine.process_webcam = lambda: calls.append("webcam")  # type: ignore[method-assign]
    engine.run()
    engine.video_path = ""
    engine.run()
    engine.image_path = ""
    engine.run()
    assert calls == ["video", "image", "webcam"]


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [(0, 0, [0, 1, 5, 9]), (5, 0, [5, 9]), (0, 5, [0, 1, 5]), (1, 5, [1, 5]), (5, 5, [5])],
)
def test_video_frames_range_is_inclusive_and_zero_is_unset(start: int, end: int, inside: list[int]) -> None:
    engine = Engine(start_video_frame=start, end_video_frame=end)
    # True is for frames to skip, as the original has it.
    assert [n for n in (0, 1, 5, 9) if not engine.check_video_frames_range(n)] == inside


def test_flip_mirrors_only_when_asked(portrait: np.ndarray) -> None:
    assert Engine().flip(portrait) is portrait
    assert (Engine(flip_view=True).flip(portrait) == portrait[:, ::-1]).all()


# What each room of the package may import; a file at the package's top is a room of its own. `cli` may import all.
ROOMS = {
    "errors": set(),
    "support": {"errors"},
    "pipeline": {"errors", "support"},
    "files": {"errors", "support", "pipeline"},
    "matting": {"errors", "support", "pipeline"},
    "compositing": {"errors", "support", "pipeline", "files", "matting"},
    "live": {"errors", "support", "pipeline", "files"},
    "engine": {"errors", "support", "pipeline", "files", "live"},
    "segmentation": {"errors", "support", "pipeline", "matting", "compositing", "look"},
    "fps": {"pipeline", "support"},
    "recipe": {
        "errors", "support", "pipeline", "files", "matting", "engine", "segmentation", "effects", "look",
    },
    "look": {"errors", "compositing"},
    "effects": {"errors", "support", "pipeline", "files", "matting", "compositing", "segmentation", "look"},
    "batch": {"errors", "support", "pipeline", "files", "engine", "segmentation", "effects", "look", "recipe"},
    "page": {
        "errors", "support", "pipeline", "files", "live", "engine", "compositing", "effects", "segmentation", "look",
    },
}  # fmt: skip
# Which rooms inside `matting` may import which.
MATTING = {
    "boxes": set(),
    "crop": {"boxes"},
    "pyramid": {"boxes"},
    "networks": {"boxes", "pyramid", "alpha"},
    "alpha": {"boxes", "pyramid"},
    "flow": set(),
    "effort": {"boxes", "flow", "networks", "alpha"},
    "tracking": {"boxes", "crop", "pyramid", "networks", "alpha", "flow", "effort"},
    "best": {"boxes", "crop", "pyramid", "networks", "alpha"},
    "guidance": {"boxes", "pyramid", "alpha"},
    "refined_network": {"boxes", "networks", "alpha", "effort"},
    "stream": {"pyramid", "alpha", "effort", "tracking", "best"},
    "loading": {"crop", "networks", "alpha", "effort", "tracking", "best", "refined_network", "stream"},
}
PACKAGE = ROOT / "background_removal"
DOORS = {
    "engine.py": "background_removal.engine",
    "selfieSegmentation.py": "background_removal.segmentation",
    "utils.py": "background_removal.fps",
    "main.py": "background_removal.cli.main",
}


def _imports(file: Path) -> set[str]:
    """Return the full names of the modules that a file imports, also those inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _rooms_imported(folder: Path, room: str, prefix: str) -> dict[str, set[str]]:
    place = folder / room
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    return {
        file.name: {name.removeprefix(prefix).split(".")[0] for name in _imports(file) if name.startswith(prefix)}
        for file in files
    }


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    everything = set(ROOMS) | {"cli", "__main__"}
    for file, imported in _rooms_imported(PACKAGE, room, "background_removal.").items():
        assert imported & everything - {room} <= ROOMS[room], file


@pytest.mark.parametrize("room", MATTING)
def test_imports_inside_matting_point_one_way(room: str) -> None:
    for file, imported in _rooms_imported(PACKAGE / "matting", room, "background_removal.matting.").items():
        assert imported & set(MATTING) - {room} <= MATTING[room], file


def test_every_room_has_its_rule() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"__init__", "__main__", "cli"} == set(ROOMS)


def test_the_root_holds_four_doors() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == set(DOORS)
    for name, module in DOORS.items():
        imported = {found for found in _imports(ROOT / name) if found.count(".") <= module.count(".")}
        assert imported == {module}


def test_the_scripts_of_the_page_are_short() -> None:
    long = {path.name for path in PACKAGE.glob("page/static/*.js") if len(path.read_bytes().splitlines()) > 250}
    assert long == set()


def test_the_scripts_of_the_page_are_all_there() -> None:
    """Each that is imported is a file, and each file but the first and the worker is imported."""
    scripts = {path.name: path.read_text(encoding="utf-8") for path in PACKAGE.glob("page/static/*.js")}
    imported = {name for text in scripts.values() for name in re.findall(r"""(?:from|import) "\./([^"]+)";""", text)}
    assert imported | {"main.js", "encode.js"} == set(scripts)


def test_the_tools_for_scripts_come_from_no_particular_registry() -> None:
    assert '"resolved"' not in (ROOT / "tools" / "javascript" / "package-lock.json").read_text(encoding="utf-8")


def test_importing_the_engine_loads_no_model_runtime() -> None:
    check = "import sys, engine; sys.exit(any(m in sys.modules for m in ('mediapipe', 'onnxruntime', 'stow')))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT).returncode == 0


def test_cv2_is_one_version_with_a_window_system() -> None:
    from importlib.metadata import version

    assert version("opencv-python") == version("opencv-contrib-python")
    assert version("opencv-python").startswith(cv2.__version__)
    assert cv2.currentUIFramework()
