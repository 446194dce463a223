"""Slips at the command line: misspelt words, a result without its option, files of other kinds, None for an image."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT

from background_removal.batch import find
from background_removal.cli.checks import check
from background_removal.cli.options import build_request, parse_options
from background_removal.errors import InputError
from background_removal.segmentation import MPSegmentation


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return Path(shutil.copy(PORTRAIT, tmp_path / "photo.jpg"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backgroud", "navy"], "--backgroud: there is no such option; did you mean --background? (see --help)"),
        (["--treshold=0.4"], "--treshold: there is no such option; did you mean --threshold? (see --help)"),
        (["-output", "x.png"], "-output: there is no such option; did you mean --output? (see --help)"),
        (["--background", "nayv"], "or use blur, none, transparent, a colour; did you mean navy?"),
        (["--background", "Blurr"], "or use blur, none, transparent, a colour; did you mean blur?"),
        (["--background", "sunst"], "or use blur, none, transparent, a colour; did you mean sunset?"),
        (["--blur", "stong"], "or a kernel in pixels (up to 99999); did you mean strong? (see --help)"),
        (["--model", "landscpe"], "or a .onnx file; did you mean landscape?"),
        (["--threshold", "0,5"], "argument --threshold: '0,5': a number is written with a dot: 0.5 (see --help)"),
        (["--threshold", "half"], "argument --threshold: 'half' is no number (see --help)"),
        (
            ["--blur", "strong", "--background", "navy"],
            "--blur is the strength of the blurred background; leave it out, or --background navy",
        ),
        (["out.png"], "out.png: no such file; did you mean --output out.png?"),
        (["--flip", "new folder/"], "new folder/: no such file; did you mean --output 'new folder/'?"),
    ],
)
def test_a_slip_is_named_before_anything_is_written(run_main, photo: Path, arguments: list[str], said: str) -> None:
    outcome = run_main(photo.name, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert outcome.err.endswith(f"{said}\n")
    assert outcome.err.count("\n") == 1
    assert list(photo.parent.iterdir()) == [photo]


def test_a_word_like_no_other_gets_the_list(run_main, photo: Path) -> None:
    assert "did you mean" not in run_main(photo, "--background", "garden").err
    assert run_main(photo, "--zzz").err == "error: --zzz: there is no such option (see --help)\n"


def test_the_blur_may_be_chosen_where_keys_or_the_page_can_change_to_it() -> None:
    for arguments in (["--background", "navy"], ["a.jpg", "--show", "--background", "navy"], ["--serve"], ["a.jpg"]):
        check(build_request(parse_options([*arguments, "--blur", "strong"])))
    for arguments in (["a.jpg", "--background", "none"], ["--no-show", "--background", "navy"]):
        with pytest.raises(InputError, match="--blur is the strength"):
            check(build_request(parse_options([*arguments, "--blur", "strong"])))


def test_short_options_and_files_among_options(run_main, photo: Path, tmp_path: Path) -> None:
    short = build_request(parse_options(["-i", "a.jpg", "b.jpg", "-o", "out", "-b", "navy"]))
    assert (short.files, short.recipe.output, short.recipe.look.background) == (("a.jpg", "b.jpg"), "out", "navy")
    assert build_request(parse_options(["a.jpg", "--flip", "b.jpg", "-b", "navy", "-"])).files == (
        "a.jpg",
        "b.jpg",
        "-",
    )
    outcome = run_main("-i", photo, "-b", "navy", "-o", "r.png", "--quality", "fast")
    assert (outcome.code, outcome.err, outcome.out) == (0, "", "r.png\n")
    assert cv2.imread(str(tmp_path / "r.png"))[60, 480].tolist() == [128, 0, 0]


def test_earlier_results_that_a_shell_lists_are_left_out(
    photo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "background_removal")
    for name in ("photo_out.jpg", "photo_out.png", "way_out.jpg"):
        shutil.copy(photo, tmp_path / name)
    listed = sorted(str(path) for path in tmp_path.glob("*.*"))
    found = [Path(path).name for path, _ in find.find_files(listed, find.SUFFIXES, False)]
    assert found == ["photo.jpg", "way_out.jpg"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / name}: left out, it is named as a result" for name in ("photo_out.jpg", "photo_out.png")
    ]
    alone = str(tmp_path / "photo_out.jpg")
    assert find.find_files([alone], find.SUFFIXES, False) == [(alone, "")]


# The first bytes of each kind of file, by its specification.
FOREIGN = {
    "scan.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document; convert the page to PNG"),
    "scan.jpg": (b"%PDF-1.4\n", "pdftoppm -png -r 150 scan.jpg page"),
    "canon.cr2": (b"II*\0\x10\0\0\0CR\2\0", "is the raw data of a camera; develop it"),
    "canon.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "is the raw data of a camera; develop it"),
    "nikon.NEF": (b"MM\0*\0\0\0\x08", "is the raw data of a camera; develop it"),
    "phone.dng": (b"II*\0\x08\0\0\0", "is the raw data of a camera; develop it"),
    "fuji.raf": (b"FUJIFILMCCD-RAW 0201", "is the raw data of a camera; develop it"),
    "logo.svg": (b'<?xml version="1.0"?>\n<!-- a logo -->\n<svg xmlns="">', "is an SVG drawing; export it as PNG"),
    "page.jpg": (b"\n<!DOCTYPE html><html><svg></svg>", "is a web page, not the picture"),
    "layers.psd": (b"8BPS\0\1", "is a Photoshop document; export it"),
    "letter.docx": (b"PK\3\4\x14\0", "is a ZIP archive or an office document"),
    "notes.txt": ("Grüße\n".encode() * 900, "it is a text file"),
    "notes.mp4": (b"no video\n" * 50, "it is a text file"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_named_as_what_it_is(run_main, tmp_path: Path, name: str) -> None:
    content, said = FOREIGN[name]
    (tmp_path / name).write_bytes(content + bytes(0 if content.isascii() or "txt" in name else 5000))
    outcome = run_main(name, "--no-segmentation")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert outcome.err.startswith(f"error: {name}: ")
    assert said in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_none_and_an_empty_array_are_one_clear_error(tmp_path: Path) -> None:
    segmentation = MPSegmentation()
    missing = cv2.imread(str(tmp_path / "missing.jpg"))
    for method in (segmentation.alpha, segmentation):
        with pytest.raises(InputError, match=r"not None: cv2\.imread gives it for a file that is missing"):
            method(missing)
        with pytest.raises(InputError, match=r"not uint8 \(0, 4, 3\), which is empty"):
            method(np.zeros((0, 4, 3), np.uint8))
        with pytest.raises(InputError, match="not list"):
            method([[1, 2, 3]])


def test_a_file_of_another_kind_is_named_before_its_result_and_as_a_background(run_main, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(FOREIGN["scan.pdf"][0])
    for arguments in (
        ("scan.pdf", "--output", "r.png"),
        ("scan.pdf", "--crf", 9),
        (PORTRAIT, "--background", "scan.pdf"),
    ):
        outcome = run_main(*arguments, "--quality", "fast")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert "scan.pdf: is a PDF document; convert the page to PNG" in outcome.err
