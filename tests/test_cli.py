"""The command line: help that answers at once, one-line errors, exit codes, custom objects from files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, make_clip, probe, scene

from background_removal.cli.options import build_parser

EFFECTS = """
import cv2
import helper_next_door

def negative(image):
    return 255 - image

class Red:
    def __init__(self, strength=helper_next_door.FULL):
        self.strength = strength
    def __call__(self, image):
        image[..., 2] = self.strength
        return image

def make_blue():
    def blue(image):
        image[..., 0] = 255
        return image
    return blue

made = Red(77)
number = 3
def takes_two(image, other):
    return image
def fails(image):
    return image[5000]
"""


@pytest.fixture
def effects(tmp_path: Path) -> Path:
    (tmp_path / "helper_next_door.py").write_text("FULL = 255\n")
    (tmp_path / "effects_of_test.py").write_text(EFFECTS)
    return tmp_path / "effects_of_test.py"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_help_and_version_import_nothing_heavy(tmp_path: Path) -> None:
    for option in ("--help", "--version"):
        command = [sys.executable, "-X", "importtime", str(ROOT / "main.py"), option]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
        heavy = ("numpy", "cv2", "av", "stow", "tqdm", "mediapipe", "onnxruntime")
        assert not imported & set(heavy)
        assert "Background Removal" in done.stdout or "webcam" in done.stdout


def test_an_image_takes_what_an_image_needs(photo: Path, tmp_path: Path) -> None:
    """What videos, progress bars and remote files need takes half as long again to import."""
    command = [sys.executable, "-X", "importtime", str(ROOT / "main.py"), "--image", photo, "--output", "r.png"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path)
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert imported >= {"cv2", "onnxruntime"}
    assert not imported & {"av", "stow", "pkg_resources", "tqdm", "asyncio", "multiprocessing", "mediapipe"}


def test_help_names_every_option_of_the_design() -> None:
    text = build_parser().format_help()
    for option in (
        "--webcam", "--image", "--video", "--output", "--background", "--blur", "--threshold", "--model", "--runtime",
        "--device", "--object", "--no-segmentation", "--flip", "--show", "--no-show", "--fps", "--no-fps",
        "--start-frame", "--end-frame", "--break-on-end", "--crf", "--preset", "--quiet", "--debug", "--version",
    ):  # fmt: skip
        assert option in text


def test_a_program_of_its_own(run_program, photo: Path, tmp_path: Path) -> None:
    """The one run of an image through a process: what other tests do without."""
    outcome = run_program("--image", photo, "--background", "#00b140", "--output", "r.png")
    assert (outcome.code, outcome.err, outcome.out) == (0, "", "r.png\n")
    assert cv2.imread(str(tmp_path / "r.png"))[60, 480].tolist() == [0x40, 0xB1, 0x00]


@pytest.mark.slow
def test_an_image_with_every_kind_of_background(run_main, photo: Path, tmp_path: Path) -> None:
    video = make_clip(tmp_path / "behind.mp4", [scene(i) for i in range(4)]).path
    for name, spec in (
        ("blur", "blur"), ("none", "none"), ("colour", "#00b140"), ("image", ROOT / "backgrounds" / "3_bokeh.jpg"),
        ("folder", ROOT / "backgrounds"), ("video", video),
    ):  # fmt: skip
        outcome = run_main(
            "--image", photo, "--background", spec, "--output", tmp_path / f"{name}.png", "--quality", "fast"
        )
        assert (outcome.code, outcome.err, outcome.out) == (0, "", f"{tmp_path / name}.png\n")
    images = {p.stem: cv2.imread(str(p)) for p in tmp_path.glob("*.png")}
    assert images["colour"][60, 480].tolist() == [0x40, 0xB1, 0x00]
    assert (images["none"] == cv2.imread(str(photo))).all()
    assert len({image.tobytes() for image in images.values()}) == 6


def test_quiet_says_nothing(run_main, photo: Path) -> None:
    outcome = run_main("--image", photo, "--quiet", "--quality", "fast")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_a_video_with_all_its_options(run_main, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "my clip.mp4", [scene(i) for i in range(30)], sound="aac").path
    outcome = run_main(
        "--video", source, "--background", "#102030", "--start-frame", 5, "--end-frame", 9, "--break-on-end",
        "--crf", 30, "--preset", "ultrafast", "--flip", "--no-show", "--output", tmp_path / "result.mov",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, f"warning: no person was found in {source}\n")
    found = probe(tmp_path / "result.mov")
    assert (len(found.times), found.codec, len(found.sound)) == (10, "h264", 1)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("negative", lambda image: image[60, 480].max() < 120),
        ("Red", lambda image: (image[..., 2] > 250).all()),
        ("make_blue", lambda image: (image[..., 0] > 250).all()),
        ("made", lambda image: (abs(image[..., 2].astype(int) - 77) < 4).all()),
    ],
)
def test_objects_from_a_file(run_main, photo: Path, effects: Path, tmp_path: Path, name: str, check) -> None:
    output = tmp_path / "result.png"
    outcome = run_main("--image", photo, "--no-segmentation", "--object", f"{effects}:{name}", "--output", output)
    assert (outcome.code, outcome.err) == (0, "")
    assert check(cv2.imread(str(output)))


def test_objects_from_a_module_and_in_order(run_main, photo: Path, effects: Path, tmp_path: Path) -> None:
    output = tmp_path / "result.png"
    both = ("--object", "effects_of_test:make_blue", "--object", "effects_of_test:negative")
    outcome = run_main("--image", photo, "--background", "#ffffff", *both, "--output", output)
    assert (outcome.code, outcome.err) == (0, "")
    assert (cv2.imread(str(output))[..., 0] == 0).all()


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("effects_of_test.py", "must be FILE.py:NAME"),
        ("missing.py:negative", "no such file: missing.py"),
        ("effects_of_test.py:absent", "there is no absent"),
        ("effects_of_test.py:number", "not callable"),
        ("effects_of_test.py:takes_two", "TypeError"),
        ("no.such.module:x", "ModuleNotFoundError"),
        ("broken.py:x", "SyntaxError"),
    ],
)
def test_bad_objects_are_one_line_and_exit_2(run_main, photo: Path, effects: Path, spec: str, complaint: str) -> None:
    (photo.parent / "broken.py").write_text("def x(:\n")
    outcome = run_main("--image", photo, "--object", spec)
    assert outcome.code == 2
    assert complaint in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_object_that_fails_is_exit_1_and_debug_shows_where(run_program, photo: Path, effects: Path) -> None:
    arguments = ("--image", photo, "--no-segmentation", "--object", "effects_of_test.py:fails")
    outcome = run_program(*arguments)
    assert outcome.code == 1
    assert "custom object fails failed on frame 0" in outcome.err
    assert "IndexError" in outcome.err
    assert outcome.err.count("\n") == 1
    outcome = run_program(*arguments, "--debug")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert 'effects_of_test.py", line' in outcome.err
    assert not photo.with_name("photo_out.jpg").exists()


BAD_INPUTS = {
    "missing": ("missing{suffix}", None, "no such file"),
    "a folder": ("folder", "folder", "is a folder"),
    "text": ("text{suffix}", b"this is no media file\n" * 20, "not a readable"),
    "empty": ("empty{suffix}", b"", "the file is empty"),
    "zeros": ("zeros{suffix}", bytes(5000), "not a readable"),
}


@pytest.mark.parametrize(("option", "suffix"), [("--image", ".jpg"), ("--video", ".mp4")])
@pytest.mark.parametrize("kind", BAD_INPUTS)
def test_bad_inputs_are_one_line_and_exit_2(run_main, tmp_path: Path, option: str, suffix: str, kind: str) -> None:
    name, content, complaint = BAD_INPUTS[kind]
    path = tmp_path / name.format(suffix=suffix)
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    outcome = run_main(option, path)
    assert outcome.code == 2
    assert complaint in outcome.err
    assert str(path) in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("error: ")
    assert sorted(tmp_path.rglob("*")) == before
    if isinstance(content, bytes):
        assert path.read_bytes() == content


@pytest.mark.parametrize("option", ["--image", "--video"])
def test_bad_outputs_are_one_line_and_exit_2(run_main, tmp_path: Path, photo: Path, option: str) -> None:
    source = photo
    if option == "--video":
        source = make_clip(tmp_path / "clip.mp4", [scene(0), scene(1)]).path
    content = source.read_bytes()
    (tmp_path / "file").write_text("a file without a suffix")
    suffix = source.suffix
    link = tmp_path / f"link{suffix}"
    link.symlink_to(source)
    for output, complaint in (
        (source, "the output is the input"),
        (tmp_path / "." / source.name, "the output is the input"),
        (link, "the output is the input"),
        (tmp_path / "file" / f"result{suffix}", "is not a folder"),
        (tmp_path / "result.xyz", "cannot write"),
        (tmp_path / "file", "cannot write"),
    ):
        outcome = run_main(option, source, "--output", output)
        assert outcome.code == 2, output
        assert complaint in outcome.err
        assert outcome.err.count("\n") == 1
        assert source.read_bytes() == content
    assert (tmp_path / "file").read_text() == "a file without a suffix"


@pytest.mark.parametrize("option", ["--image", "--video"])
@pytest.mark.parametrize("name", ["new/", "new", "there", "there.mp4", "deep/er/"])
def test_a_folder_as_output_takes_results_under_their_usual_names(
    run_main, tmp_path: Path, photo: Path, option: str, name: str
) -> None:
    source = photo if option == "--image" else make_clip(tmp_path / "clip.mp4", [scene(0), scene(1)]).path
    for there in ("there", "there.mp4"):
        (tmp_path / there).mkdir()
        (tmp_path / there / "mine.txt").write_text("mine")
    outcome = run_main(option, source, "--output", name, "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    result = tmp_path / name / source.name
    assert outcome.out == f"{os.path.join(name.rstrip('/'), source.name)}\n"
    assert result.is_file()
    assert not result.is_dir()
    for there in ("there", "there.mp4"):
        assert (tmp_path / there / "mine.txt").read_text() == "mine"


def test_a_file_in_new_folders_is_written_and_a_failure_leaves_none(run_main, tmp_path: Path, photo: Path) -> None:
    (tmp_path / "bad.py").write_text("def bad(image):\n    raise ValueError\n")
    arguments = ("--image", photo, "--output", "new/er/r.png", "--no-segmentation")
    assert run_main(*arguments, "--object", "bad.py:bad").code == 1
    assert not (tmp_path / "new").exists()
    assert run_main(*arguments).code == 0
    assert (tmp_path / "new" / "er" / "r.png").is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--blur", "much"], ["--blur", "999999999"],
        ["--threshold", "2"], ["--background", "missing.jpg"], ["--model", "missing.onnx"],
        ["--runtime", "torch"], ["--device", "abacus"], ["--start-frame", "-1"],
        ["--start-frame", "9", "--end-frame", "3"], ["--video", "also.mp4"], ["--no-such-option"],
    ],
)  # fmt: skip
def test_bad_options_exit_2_without_a_traceback(run_main, photo: Path, arguments: list[str]) -> None:
    outcome = run_main("--image", photo, *arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert "error: " in outcome.err
    assert not photo.with_name("photo_out.jpg").exists()


@pytest.mark.parametrize("arguments", [["--crf", "99"], ["--preset", "warp"]])
def test_bad_encoder_options_exit_2(run_main, tmp_path: Path, arguments: list[str]) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(0), scene(1)]).path
    outcome = run_main("--video", source, *arguments)
    assert outcome.code == 2
    assert arguments[0] in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_progress_bar_on_a_terminal_only(tmp_path: Path, run_program) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(8)]).path
    assert run_program("--video", source, "--no-segmentation").err == ""
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals to look at")
    import fcntl
    import os
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "main.py"), "--video", str(source), "--no-segmentation"]
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    subprocess.run(command, stderr=theirs, stdout=subprocess.DEVNULL, check=True)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "8/8" in shown
    assert "frame/s" in shown
    assert "clip.mp4" in shown


@pytest.mark.parametrize(
    "spec", ["sketch.py:PencilSketch", "brighten.py:Brighten", "mirror.py:mirror", "timestamp.py:FrameNumber"]
)
def test_the_examples_run_and_are_short(run_main, photo: Path, tmp_path: Path, spec: str) -> None:
    output = tmp_path / "result.png"
    example = ("--object", ROOT / "examples" / spec)
    outcome = run_main("--image", photo, *example, "--quality", "fast", "--output", output)
    assert (outcome.code, outcome.err) == (0, "")
    result = cv2.imread(str(output))
    assert result.shape[0] == 512
    assert not np.array_equal(result, cv2.imread(str(photo)))
    file = ROOT / "examples" / spec.split(":")[0]
    assert len(file.read_text(encoding="utf-8").splitlines()) < 40


def test_every_example_is_tested() -> None:
    listed = {"sketch.py", "brighten.py", "mirror.py", "timestamp.py"}
    assert {p.name for p in (ROOT / "examples").glob("*.py")} == listed


def test_a_character_set_without_the_name_does_not_matter(run_program, photo: Path, tmp_path: Path) -> None:
    source = photo.rename(tmp_path / "照片.jpg")
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    assert run_program("--help", env=env).code == 0
    outcome = run_program("--image", source, "--no-segmentation", env=env)
    assert (outcome.code, outcome.err) == (0, "")
    assert "_out.jpg" in outcome.out


def test_an_output_that_would_replace_the_background_is_refused(run_main, photo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    shutil.copy(PORTRAIT, picture)
    before = picture.read_bytes()
    outcome = run_main("--image", photo, "--background", picture, "--output", picture)
    assert outcome.code == 2
    assert "the output is the background" in outcome.err
    assert picture.read_bytes() == before


@pytest.mark.parametrize("arguments", [["--output", "live.mp4"], ["--image", ""], ["--video", ""]])
def test_requests_that_mean_nothing_do_not_open_the_camera(run_main, arguments: list[str]) -> None:
    outcome = run_main(*arguments)
    assert outcome.code == 2
    assert "camera 0" not in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_range_outside_the_video_is_said(run_main, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path
    outcome = run_main("--video", source, "--no-segmentation", "--start-frame", "99")
    assert outcome.code == 2
    assert "it has 4 frames; --start-frame 99 is behind" in outcome.err
    assert not (tmp_path / "clip_out.mp4").exists()


def test_a_video_named_after_a_time_is_no_protocol(run_main, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no colons in names")
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)]).path.rename(tmp_path / "12:30:00.mp4")
    outcome = run_main("--video", "12:30:00.mp4", "--no-segmentation")
    assert (outcome.code, outcome.err, outcome.out) == (0, "", "12:30:00_out.mp4\n")


def test_a_text_file_is_no_video_even_if_ffmpeg_can_draw_it(run_main, tmp_path: Path) -> None:
    shutil.copy(ROOT / "LICENSE", tmp_path / "notes.txt")
    outcome = run_main("--video", "notes.txt")
    assert outcome.code == 2
    assert "there is no video in it" in outcome.err


@pytest.mark.slow
def test_an_object_gets_its_own_neighbours_and_we_keep_ours(run_program, tmp_path: Path) -> None:
    """A folder of the user's with modules of names that are ours too."""
    mine = tmp_path / "mine"
    (mine / "files").mkdir(parents=True)
    (mine / "files" / "__init__.py").write_text("")
    for name in ("config", "utils", "pipeline", "files/colours"):
        (mine / f"{name}.py").write_text("BLUE = 77\n")
    names = ("config", "utils", "pipeline", "files.colours")
    imports = "".join(f"from {name} import BLUE as BLUE{number}\n" for number, name in enumerate(names))
    (mine / "mine.py").write_text(f"{imports}BLUE = max(BLUE0, BLUE1, BLUE2, BLUE3)\n{NEIGHBOUR}")
    clip = make_clip(tmp_path / "clip.mp4", [scene(i, 160, 120) for i in range(110)], gop=25).path
    for arguments in (("--image", PORTRAIT, "--output", "r.png"), ("--video", clip, "--jobs", 2)):
        outcome = run_program(*arguments, "--object", "mine/mine.py:Mine", "--no-segmentation")
        assert (outcome.code, outcome.err) == (0, "")
    assert (cv2.imread(str(tmp_path / "r.png"))[..., 0] == 77).all()


@pytest.mark.parametrize("spec", ["mine.py:Mine", "mine:Mine"])
def test_an_object_gets_its_own_neighbours_also_while_it_is_made(run_program, tmp_path: Path, spec: str) -> None:
    (tmp_path / "utils.py").write_text("BLUE = 77\n")
    (tmp_path / "files").mkdir()  # a folder of documents is no package
    (tmp_path / "mine.py").write_text(NEIGHBOUR_LATE)
    outcome = run_program("--image", PORTRAIT, "--output", "r.png", "--object", spec, "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    assert (cv2.imread(str(tmp_path / "r.png"))[..., 0] == 77).all()


NEIGHBOUR_LATE = """
class Mine:
    def __init__(self):
        from utils import BLUE
        self.blue = BLUE

    def __call__(self, image):
        image[..., 0] = self.blue
        return image
"""

NEIGHBOUR = """
class Mine:
    def __call__(self, image):
        image[..., 0] = BLUE
        return image
"""
