"""The package: what the wheel holds, and that it runs from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import PORTRAIT, ROOT

import background_removal

build = pytest.importorskip("build", reason="needs pip install -r requirements-dev.txt")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_code_models_backgrounds_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"background_removal-{background_removal.__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    for folder, pattern in (("models", "*.onnx"), ("models", "*.tflite"), ("backgrounds", "*.jpg"), ("samples", "*")):
        shipped = {f"background_removal/{folder}/{path.name}" for path in (ROOT / folder).glob(pattern)}
        assert shipped
        assert shipped <= set(names)
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "background_removal").rglob("*.py")}
    assert code | {"background_removal/py.typed", "background_removal/page/static/index.html"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"background_removal"}


def test_the_installed_wheel_runs_in_a_folder_with_modules_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    """A user's utils.py, files.py and engine.py are theirs; ours are not even looked for."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    folder = tmp_path / "user"
    folder.mkdir()
    shutil.copy(PORTRAIT, folder / "photo.jpg")
    for name in ("utils", "files", "engine", "pipeline"):
        (folder / f"{name}.py").write_text(f"NAME = 'the user\\'s {name}'\n")
    (folder / "mine.py").write_text(
        "import engine, files, pipeline, utils\n"
        "def invert(image):\n"
        "    assert [m.NAME for m in (utils, files, engine, pipeline)] == "
        "[f'the user\\'s {name}' for name in ('utils', 'files', 'engine', 'pipeline')]\n"
        "    return 255 - image\n"
    )
    command = [sys.executable, "-m", "background_removal", "photo.jpg", "--background", "sunset"]
    done = subprocess.run(
        [*command, "--object", "mine.py:invert"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo_out.jpg\n", "")
    assert (folder / "photo_out.jpg").stat().st_size > 10_000


def test_every_public_name_can_be_imported() -> None:
    for name in background_removal.__all__:
        assert getattr(background_removal, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = background_removal.nonsense


def test_importing_the_package_imports_nothing_heavy() -> None:
    check = "import sys, background_removal; sys.exit(any(m in sys.modules for m in ('numpy', 'cv2', 'onnxruntime')))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT).returncode == 0
