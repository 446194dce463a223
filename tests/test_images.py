"""Images in and out, checked with Pillow, which shares no code with OpenCV's decoders' callers."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, Screen, as_stored, difference, done, wait_until
from PIL import Image

from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.segmentation import MPSegmentation


def identity(frame: np.ndarray) -> np.ndarray:
    return frame


def save(path: Path, image: np.ndarray, **more: object) -> Path:
    Image.fromarray(image[..., ::-1]).save(path, **more)
    return path


def load(path: Path | str) -> np.ndarray:
    """Return an image file as Pillow sees it, (H, W, 3) BGR or (H, W, 4) BGRA."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    return pixels[..., [2, 1, 0, 3]] if pixels.shape[2] == 4 else pixels[..., ::-1]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tiff", ".tif"])
def test_each_format_goes_in_and_out(tmp_path: Path, portrait: np.ndarray, suffix: str) -> None:
    source = save(tmp_path / f"photo{suffix}", portrait)
    before = source.read_bytes()
    result = done(Engine(image_path=source, custom_objects=[identity]))
    assert result == str(tmp_path / f"photo_out{suffix}")
    assert difference(load(result), portrait) < 4
    assert source.read_bytes() == before


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30] = (0, 0, 255)  # one red corner tells all eight apart
    stored = as_stored(upright, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = save(tmp_path / f"photo{suffix}", stored, exif=exif, quality=95)
    result = done(Engine(image_path=source, custom_objects=[identity], output_path=tmp_path / "result.png"))
    assert load(result).shape == upright.shape
    assert difference(load(result), upright) < 3


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".PNG"])
def test_a_cut_out_has_real_alpha(tmp_path: Path, portrait: np.ndarray, suffix: str) -> None:
    output = tmp_path / f"cutout{suffix}"
    segmentation = MPSegmentation(background="transparent", quality="fast")
    Engine(image_path=PORTRAIT, custom_objects=[segmentation], output_path=output).run()
    with Image.open(output) as image:
        assert image.mode == "RGBA"
    pixels = load(output)
    segmentation.reset()
    expected = segmentation.alpha(portrait) * 255
    assert np.abs(pixels[..., 3] - expected).max() <= 1.5
    assert difference(pixels[..., :3][expected > 250], portrait[expected > 250]) < 2
    assert pixels[0, -1, 3] == 0
    assert pixels[160, 225, 3] == 255


@pytest.mark.parametrize("name", ["cutout.jpg", "cutout.bmp"])
def test_a_cut_out_in_a_format_without_alpha_is_refused(tmp_path: Path, run_main, name: str) -> None:
    outcome = run_main(
        "--image", PORTRAIT, "--background", "transparent", "--quality", "fast", "--output", tmp_path / name
    )
    assert outcome.code == 2
    assert "cannot store transparency" in outcome.err
    assert ".png" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1, 1), (321, 241), (2, 500), (1920, 1080), (7, 3)])
def test_any_size_goes_through_the_segmentation(tmp_path: Path, portrait: np.ndarray, width: int, height: int) -> None:
    source = save(tmp_path / "photo.png", cv2.resize(portrait, (width, height)))
    Engine(image_path=source, custom_objects=[MPSegmentation()]).run()
    assert load(tmp_path / "photo_out.png").shape == (height, width, 3)


def test_the_suffix_of_the_output_decides_the_format(tmp_path: Path) -> None:
    Engine(image_path=PORTRAIT, output_path=tmp_path / "result.webp").run()
    with Image.open(tmp_path / "result.webp") as image:
        assert image.format == "WEBP"


@pytest.mark.parametrize("name", ["my photo.jpg", "été ☀ 写真.jpg", "PHOTO.JPG", "a.jpg.JPG", "50% #1; a?.jpg"])
def test_names_with_spaces_unicode_and_doubled_suffixes(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    shutil.copy(PORTRAIT, source)
    result = Path(done(Engine(image_path=source, output_extension="new")))
    assert result == source.with_name(f"{source.stem}_new{source.suffix}")
    assert load(result).shape == (512, 512, 3)


def test_grey_alpha_and_16_bit_images_are_read_as_colour(tmp_path: Path) -> None:
    grey = np.full((20, 30), 120, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((20, 30, 3), 120 * 257, np.uint16))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((20, 30, 4), 120, np.uint8))
    for name in ("grey", "deep", "alpha"):
        Engine(image_path=tmp_path / f"{name}.png", custom_objects=[identity]).run()
        assert (load(tmp_path / f"{name}_out.png") == 120).all()


def test_an_object_that_raises_leaves_no_result_and_what_was_there(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    shutil.copy(PORTRAIT, source)
    earlier = tmp_path / "photo_out.jpg"
    earlier.write_bytes(b"an earlier result")

    def broken(frame: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("by design")

    with pytest.raises(ProcessingError, match=r"broken failed on frame 0 .*ZeroDivisionError: by design"):
        Engine(image_path=source, custom_objects=[broken]).run()
    assert earlier.read_bytes() == b"an earlier result"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.jpg", "photo_out.jpg"]


def test_an_output_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"result\.docx.*use \.jpg"):
        Engine(image_path=PORTRAIT, output_path=tmp_path / "result.docx").run()


@pytest.mark.slow
def test_a_shown_image_follows_the_keys_and_is_saved_as_shown(tmp_path: Path, screen: Screen, start_main) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, color in (("1.png", (255, 0, 0)), ("2.png", (0, 255, 0))):
        cv2.imwrite(str(folder / name), np.full((90, 160, 3), color, np.uint8))
    output = tmp_path / "result.png"
    process = start_main("--image", PORTRAIT, "--background", folder, "--output", output, "--show", env=screen.env)
    screen.wait_for_window()
    wait_until(lambda: screen.picture()[5, -5].tolist() == [255, 0, 0], "the first background")
    screen.type("a")
    wait_until(lambda: screen.picture()[5, -5].tolist() == [0, 255, 0], "the second background")
    screen.type("Escape")
    assert process.wait(timeout=30) == 0
    assert load(output)[5, -5].tolist() == [0, 255, 0]
