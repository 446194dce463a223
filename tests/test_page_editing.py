"""The page's editing by HTTP: crops, the person's place, the sample, and the ends of videos."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, difference, make_clip
from PIL import Image

pytest.importorskip("fastapi", reason="needs pip install -r requirements-page.txt")
pytest.importorskip("uvicorn", reason="needs pip install -r requirements-page.txt")

from test_page import SMALL, Visitor, decoded, serving

from background_removal.effects.portrait_crop import SHAPES, PortraitCropper
from background_removal.page.settings import Settings


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with serving(Settings(port=0, limits=SMALL, network={"quality": "fast"})) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def photo(visitor: Visitor) -> str:
    return visitor.told("POST", "/api/photos?name=me.jpg", PORTRAIT.read_bytes(), status=201)["id"]


@pytest.fixture(scope="module")
def cropper() -> PortraitCropper:
    return PortraitCropper()


def on_wall(portrait: np.ndarray, width: int, height: int, left: int, top: int) -> np.ndarray:
    """Return the portrait at half its size on a grey wall."""
    picture = np.full((height, width, 3), 180, np.uint8)
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    picture[top : top + 256, left : left + 256] = small[: height - top, : width - left]
    return picture


def middle(box: str) -> tuple[float, float]:
    """Return the middle column and the lower end of a box in a header."""
    left, _, right, bottom = (float(share) for share in box.split(","))
    return (left + right) / 2, bottom


@pytest.mark.parametrize("name", SHAPES)
def test_a_crop_lies_around_the_face(cropper: PortraitCropper, portrait: np.ndarray, name: str) -> None:
    """The portrait has its face at 0.435 of the width, its chin at 0.355 of the height, its crown at 0.035."""
    picture, shape = on_wall(portrait, 800, 600, 400, 250), SHAPES[name]
    crop = cropper.find(picture, None, shape)
    left, top, right, bottom = crop.box
    assert (crop.around, crop.fits) == ("face", True)
    assert abs((right - left) / (bottom - top) - shape.width / shape.height) < 0.02
    middle, crown, chin = 400 + 0.435 * 256, 250 + 0.035 * 256, 250 + 0.355 * 256
    assert top <= crown
    if shape.head:
        assert abs((left + right) / 2 - middle) < 6
        assert shape.least < (chin - crown) / (bottom - top) < shape.most
        assert shape.least < crop.head < shape.most
        eyes = (bottom - (crown + chin) / 2) / (bottom - top)
        assert 0.5 < eyes < 0.7, "ISO/IEC 19794-5; 0.56 to 0.69 for 2x2 inches"
    else:
        assert 0 in (left, top)
        assert left < middle < right


def test_a_crop_without_room_or_a_face_says_so(cropper: PortraitCropper, portrait: np.ndarray) -> None:
    close = cropper.find(portrait[:170, 150:300], None, SHAPES["35x45"])
    assert (close.around, close.fits) == ("face", False)
    assert close.head > 0.8
    matte = np.zeros((300, 600, 3), np.uint8)
    matte[100:, 400:500] = 255
    person = cropper.find(np.full_like(matte, 90), matte, SHAPES["35x45"])
    assert (person.around, person.fits, person.head) == ("person", False, 0.0)
    assert abs((person.box[0] + person.box[2]) / 2 - 450) < 40
    nothing = cropper.find(np.full_like(matte, 90), None, SHAPES["1:1"])
    assert (nothing.around, nothing.box) == ("middle", (150, 0, 450, 300))


def test_a_result_is_cropped_as_its_preview_is(visitor: Visitor, photo: str, portrait: np.ndarray) -> None:
    address = f"/api/photos/{photo}"
    query = {"background": "#00ff00", "crop": "35x45"}
    status, body, headers = visitor.ask("GET", f"{address}/result", **query)
    assert (status, headers["X-Crop-Around"], headers["X-Found-Person"]) == (200, "face", "yes")
    image = decoded(body)
    assert abs(image.shape[1] / image.shape[0] - 35 / 45) < 0.01
    box = [float(share) for share in headers["X-Crop"].split(",")]
    assert image.shape[:2] == (round((box[3] - box[1]) * 512), round((box[2] - box[0]) * 512))
    small = visitor.ask("GET", f"{address}/result", **query, longest=256)[2]["X-Crop"]
    assert np.abs(np.subtract([float(share) for share in small.split(",")], box)).max() < 0.01
    # Printed it is 45 mm high.
    for kind in ("png", "jpeg"):
        with Image.open(io.BytesIO(visitor.ask("GET", f"{address}/result", **query, format=kind)[1])) as picture:
            assert abs(picture.height / picture.info["dpi"][1] * 25.4 - 45) < 0.5
            assert picture.convert("RGB").size == (image.shape[1], image.shape[0])
    before = decoded(visitor.ask("GET", f"{address}/source", box=headers["X-Crop"])[1])
    assert before.shape[:2] == image.shape[:2]
    left, top = round(box[0] * 512), round(box[1] * 512)
    assert difference(before, portrait[top : top + image.shape[0], left : left + image.shape[1]]) < 3
    assert "shares from 0 to 1" in visitor.refused(400, "GET", f"{address}/source", box="0.5,0,0.2,1")
    assert "must be" in visitor.refused(400, "GET", f"{address}/result", crop="7:3")
    whole = visitor.ask("GET", f"{address}/result", background="#00ff00")
    assert "X-Crop" not in whole[2]
    # Their shadow lies on the new background.
    lit, shaded = (
        decoded(visitor.ask("GET", f"{address}/result", background="#ffffff", shadow=shadow, longest=256)[1])
        for shadow in (0, 0.9)
    )
    assert difference(lit, shaded) > 1
    assert (shaded <= lit).mean() > 0.99
    # The person, cut off by the lower edge, stands there, and goes where they are put, the crop with them.
    across, down = middle(whole[2]["X-Person"])
    assert 0.3 < across < 0.7
    assert down > 0.98
    moved = visitor.ask("GET", f"{address}/result", **query, place=f"{across + 0.2},1,0.5", longest=256)[2]
    assert abs(middle(moved["X-Person"])[0] - across - 0.2) < 0.02
    assert float(moved["X-Crop"].split(",")[1]) > 0.3


def test_what_cannot_be_trimmed_is_said(visitor: Visitor, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "grey.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 25).path
    sent = visitor.told("POST", "/api/videos?name=grey.mp4", clip.read_bytes(), status=201)
    assert (sent["start"], sent["end"]) == (0, 0)
    start = f"/api/videos/{sent['id']}/start"
    assert visitor.refused(400, "POST", start, {"start": 0.5, "end": 0.2}) == "end 0.2: must be after start 0.5, or 0"
    assert visitor.refused(400, "POST", start, {"start": -1}) == "start: must be a time from 0"
    assert visitor.refused(400, "POST", start, {"start": 9}) == "start 9: the video has 1 s"


def test_a_sample_is_there_to_try(visitor: Visitor) -> None:
    status, body, headers = visitor.ask("GET", "/api/sample")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert body == PORTRAIT.read_bytes()
    assert len(body) < 200 << 10
    assert "public\ndomain" in (ROOT / "samples" / "README.md").read_text(encoding="utf-8")
