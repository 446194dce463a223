"""Options in a TOML file, and the key that writes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from conftest import PORTRAIT, ROOT, difference

from background_removal.cli.settings_file import read_settings, write_settings
from background_removal.cli.settings_key import SettingsKey
from background_removal.effects.defocus import Defocus
from background_removal.engine import Engine
from background_removal.segmentation import MPSegmentation


def test_settings_come_from_a_file_and_options_win(tmp_path: Path, run_main) -> None:
    photo = ROOT / "samples" / "portrait.jpg"
    (tmp_path / "my.toml").write_text('# mine\nbackground = "#0000ff"\nflip = true\nobject = ["a.py:nothing"]\n')
    (tmp_path / "a.py").write_text("def nothing(image):\n    return image\n")
    pictures = []
    for arguments, expected in (
        ((), (255, 0, 0)),
        (("--background", "#00ff00"), (0, 255, 0)),
        (("--no-flip",), (255, 0, 0)),
    ):
        outcome = run_main(
            "--config", "my.toml", "--image", photo, "--output", "p.png", "--quality", "fast", *arguments
        )
        assert outcome.code == 0, outcome.err
        pictures.append(cv2.imread(str(tmp_path / "p.png")))
        assert (pictures[-1][3, 3] == expected).all()
    assert difference(pictures[0], pictures[2]) > 10, "mirrored and not"
    assert difference(pictures[0], pictures[2][:, ::-1]) < 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("backgruond = 'x'", "there is no option backgruond"),
        ("blur = 'much'", "my.toml: blur 'much' is no blur: use light"),
        ("flip = 1", "flip must be true or false"),
        ("quality = 'file'", "quality must be one of fast, best"),
        ("blur = = 3", "--config my.toml"),
        ("threshold = [1]", "threshold must be one value"),
        ("image = 'a.jpg'\nvideo = 'b.mp4'", "image and video cannot both be processed"),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, run_main, text: str, complaint: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    outcome = run_main("--config", "my.toml", "--list-cameras")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert complaint in outcome.err


def test_writing_settings_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('# mine\nblur = 5  # soft\nname = "Zoë"\n\nedge_softness = 0.2 # as it was\n', encoding="utf-8")
    look = {"blur": 65, "background": 'C:\\pictures\\"sea".jpg', "flip": True, "edge_softness": 0.3}
    write_settings(str(path), look)
    begins = '# mine\nblur = 65  # soft\nname = "Zoë"\n\nedge_softness = 0.3 # as it was\n'
    assert path.read_text(encoding="utf-8").startswith(begins)
    found = read_settings(str(path))
    assert found == {**look, "name": "Zoë"}


@pytest.mark.parametrize(
    ("text", "blur"), [("'light'", "light"), ("'2%'", "medium"), ("'3%'", "3%"), ("44", 45), ("'45'", 45)]
)
def test_the_blur_is_written_as_on_the_command_line(tmp_path: Path, text: str, blur: str | int) -> None:
    (tmp_path / "my.toml").write_text(f"blur = {text}\n")
    assert read_settings(str(tmp_path / "my.toml")) == {"blur": blur}
    write_settings(str(tmp_path / "my.toml"), {"blur": MPSegmentation(blur=blur).look.blur})
    assert read_settings(str(tmp_path / "my.toml"))["blur"] == blur


def test_the_source_of_the_command_line_wins(tmp_path: Path, run_main) -> None:
    (tmp_path / "my.toml").write_bytes(b'\xef\xbb\xbfvideo = ["missing.mp4"]\nmicrophone = true\nquiet = true\n')
    outcome = run_main("--config", "my.toml", "--image", ROOT / "samples" / "portrait.jpg", "--output", "p.png",
                       "--quality", "fast", "--microphone", "")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""


def test_a_missing_settings_file_is_told(tmp_path: Path, run_main) -> None:
    outcome = run_main("--config", "mistyped.toml", PORTRAIT, "--output", "p.png")
    assert (outcome.code, outcome.err) == (2, "error: --config mistyped.toml: no such file\n")
    assert not (tmp_path / "p.png").exists()
    # With a window the key w would write it; here there is no camera to go on with.
    outcome = run_main("--config", "new.toml", "--webcam", "http://127.0.0.1:9/none")
    assert "new.toml: there is no such file yet; the key w writes it" in outcome.err
    assert "camera http://127.0.0.1:9/none" in outcome.err


@pytest.mark.parametrize("objects", [[], [Defocus()], [MPSegmentation(), Defocus()], [MPSegmentation()]])
def test_the_key_w_writes_what_there_is(tmp_path: Path, objects: list) -> None:
    engine = Engine(custom_objects=objects, flip_view=True)
    path = str(tmp_path / "look.toml")
    key = SettingsKey(path, engine)
    assert key.on_key("x") is False
    assert key.on_key("w") == f"written to {path}"
    found = read_settings(path)
    segments = any(isinstance(item, MPSegmentation) for item in objects)
    defocuses = {"defocus": True} if any(isinstance(item, Defocus) for item in objects) else {}
    expected = {"flip": True} | defocuses | ({"blur": 35, "threshold": 0.5, "people": "all"} if segments else {})
    assert found == expected | ({"background": "blur"} if len(objects) == 1 and segments else {})
