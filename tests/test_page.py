"""The page's HTTP interface over real sockets: what it does, and whom and what it refuses."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import statistics
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, MemoryBackend, Program, StreamCamera, difference, make_clip, probe, wait_until

pytest.importorskip("fastapi", reason="needs pip install -r requirements-page.txt")
pytest.importorskip("uvicorn", reason="needs pip install -r requirements-page.txt")

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from background_removal.live.options import LiveOptions
from background_removal.look import Look
from background_removal.page.connections import HEAD_SECONDS
from background_removal.page.look_renderer import LookRenderer
from background_removal.page.photo_service import PhotoService, Rendered
from background_removal.page.server import Page, PageServer
from background_removal.page.settings import Limits, Settings
from background_removal.page.store import Upload
from background_removal.pipeline.frame import StreamInfo

SMALL = Limits(photo_bytes=2 << 20, pixels=2_000_000, video_bytes=4 << 20, connections=24)


class Visitor:
    """Asks a page by HTTP, as curl does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.host = address.split("/")[2]
        self.cookie = ""
        self.folder = Path()
        self.page: Page | None = None

    def ask(
        self, method: str, path: str, body: Any = None, /, headers: dict[str, str] | None = None, **query: object
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.host.rsplit(":", 1)[1]), timeout=30)
        sent = json.dumps(body) if isinstance(body, dict) else body
        more = {"Cookie": self.cookie} if self.cookie else {}
        with closing(connection):
            address = path + (f"?{urlencode(query)}" if query else "")
            connection.request(method, address, sent, {**more, **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        return answer.status, content, answer.headers

    def told(self, method: str, path: str, body: Any = None, /, status: int = 200, **query: object) -> dict[str, Any]:
        code, content, _ = self.ask(method, path, body, **query)
        assert code == status, content
        return json.loads(content)

    def refused(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> str:
        code, content, _ = self.ask(method, path, body, **query)
        assert code == status, content[:200]
        return json.loads(content)["error"]

    def enter(self) -> None:
        """Open the address with its token, which comes back as a cookie."""
        status, _, headers = self.ask("GET", "/?" + self.address.partition("?")[2])
        assert status == 200
        self.cookie = "; ".join(each.split(";")[0] for each in headers.get_all("Set-Cookie", []))

    def camera(self, source: str = "visitor", **more: Any) -> ClientConnection:
        if self.cookie:
            more["additional_headers"] = {"Cookie": self.cookie}
        return connect(f"ws://{self.host}/api/camera?source={source}", max_size=None, compression=None, **more)


@contextmanager
def serving(settings: Settings) -> Iterator[Visitor]:
    with PageServer(settings) as served:
        thread = threading.Thread(target=served.run)
        thread.start()
        try:
            visitor = Visitor(served.addresses[0])
            visitor.folder = served.page.store.folder
            visitor.page = served.page
            yield visitor
        finally:
            served.stop()
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with serving(Settings(port=0, limits=SMALL)) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def quick() -> Iterator[Visitor]:
    """A page whose photos get the fast matte, for what does not depend on it."""
    with serving(Settings(port=0, limits=SMALL, network={"quality": "fast"})) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    return PORTRAIT.read_bytes()


def test_too_many_connections_are_refused_in_words() -> None:
    with serving(Settings(port=0, limits=Limits(connections=2))) as visitor, ExitStack() as kept:
        for _ in range(2):
            connection = http.client.HTTPConnection("127.0.0.1", int(visitor.host.rsplit(":", 1)[1]), timeout=30)
            kept.enter_context(closing(connection))
            connection.request("GET", "/api/actions")
            assert connection.getresponse().read()
        status, body, headers = visitor.ask("GET", "/api/actions")
        assert (status, headers["Retry-After"]) == (503, "10")
        assert "no more can be" in json.loads(body)["error"]


def test_scripts_and_styles_come_compressed_and_are_kept(visitor: Visitor) -> None:
    for path in ("/static/style.css", "/static/words/de.json"):
        status, body, headers = visitor.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert gzip.decompress(body) == visitor.ask("GET", path)[1]
        again = visitor.ask("GET", path, headers={"If-None-Match": headers["ETag"]})
        assert (again[0], again[1]) == (304, b"")


@pytest.mark.parametrize("blur", ["45", "odd", "-3%", "x%", "200%"])
def test_a_refused_blur_offers_what_the_page_takes(visitor: Visitor, jpeg: bytes, blur: str) -> None:
    error = visitor.refused(400, "POST", "/api/image", jpeg, blur=blur)
    assert "N%" in error
    assert "kernel" not in error
    assert "pixels" not in error


def test_a_kept_connection_is_as_quick_as_a_new_one(visitor: Visitor) -> None:
    """With Nagle's algorithm on, every answer after the first waits 40 ms for the client's acknowledgement."""
    port = int(visitor.host.rsplit(":", 1)[1])

    def take(connection: http.client.HTTPConnection) -> float:
        start = time.perf_counter()
        connection.request("GET", "/api/actions")
        assert connection.getresponse().read()
        return time.perf_counter() - start

    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(kept):
        take(kept)
        again = [take(kept) for _ in range(9)]
    first = []
    for _ in range(9):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as new:
            first.append(take(new))
    assert statistics.median(again) < 5 * statistics.median(first)


def decoded(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def corner(image: np.ndarray) -> list[int]:
    return image[4, 4].tolist()


# -- pictures ------------------------------------------------------------------------------------------


def test_what_comes_in_transparent_counts_as_background(quick: Visitor, portrait: np.ndarray) -> None:
    alpha = np.full(portrait.shape[:2], 255, np.uint8)
    alpha[320:] = 0  # all but the head
    cut = np.dstack([portrait, alpha])
    body = cv2.imencode(".png", cut)[1].tobytes()
    middle = np.s_[200:300, 220:290]  # the face
    for form in ("png", "jpeg"):
        shown = decoded(quick.ask("POST", "/api/image", body, background="#0000ff", format=form)[1])
        assert shown.shape == portrait.shape
        assert difference(shown[330:], np.uint8([255, 0, 0])) < 3
        assert difference(shown[middle], portrait[middle]) < 6
    cutout = decoded(quick.ask("POST", "/api/image", body, background="transparent")[1])
    assert (cutout[330:, :, 3].max(), cutout[middle][..., 3].mean() > 245) == (0, True)
    whole = decoded(quick.ask("POST", "/api/image", body, background="none")[1])
    assert (whole[..., 3] == alpha).all()
    assert decoded(quick.ask("POST", "/api/image", body, background="none", format="jpeg")[1])[330:].min() > 245


def test_a_picture_gets_its_background_by_one_request(visitor: Visitor, jpeg: bytes, portrait: np.ndarray) -> None:
    status, body, headers = visitor.ask("POST", "/api/image", jpeg, background="#0000ff")
    result = decoded(body)
    assert (status, headers["Content-Type"], result.shape) == (200, "image/png", portrait.shape)
    assert corner(result) == [255, 0, 0]
    middle = np.s_[200:300, 220:290]  # his face
    assert difference(result[middle], portrait[middle]) < 6
    form = b"\r\n".join(
        [
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n', jpeg,
            b'--x\r\nContent-Disposition: form-data; name="background"\r\n\r\ntransparent', b"--x--\r\n",
        ]
    )  # fmt: skip
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, body, headers = visitor.ask("POST", "/api/image", form, headers=kind, format="webp")
    cutout = decoded(body)
    assert (status, headers["Content-Type"], cutout.shape) == (200, "image/webp", (512, 512, 4))
    assert cutout[4, 4, 3] == 0
    assert cutout[260, 256, 3] == 255


@pytest.mark.slow
def test_a_photo_is_sent_once_and_shown_in_many_looks(quick: Visitor, jpeg: bytes, portrait: np.ndarray) -> None:
    photo = quick.told("POST", "/api/photos", jpeg, status=201, name="../me at home.jpg")
    assert (photo["name"], photo["width"], photo["height"]) == ("me at home.jpg", 512, 512)
    result = f"/api/photos/{photo['id']}/result"
    status, body, headers = quick.ask("GET", result, background="navy", format="jpeg")
    assert (status, headers["X-Found-Person"]) == (200, "yes")
    assert difference(np.full((9, 9, 3), (128, 0, 0), np.uint8), decoded(body)[:9, :9]) < 3
    blurred = decoded(quick.ask("GET", result, blur="strong")[1])
    lightly = decoded(quick.ask("GET", result, blur="0.5%")[1])
    assert difference(blurred, portrait) > difference(lightly, portrait) > 0.3
    hard = decoded(quick.ask("GET", result, background="transparent", edge_softness=0, threshold=0.9)[1])[..., 3]
    soft = decoded(quick.ask("GET", result, background="transparent", edge_softness=1, threshold=0.1)[1])[..., 3]
    assert int(soft.sum()) > int(hard.sum()) > 0
    assert decoded(quick.ask("GET", result, effects="auto-frame,low-light", longest=100)[1]).shape == (100, 100, 3)
    assert difference(decoded(quick.ask("GET", f"/api/photos/{photo['id']}/source")[1]), portrait) < 2
    saved = quick.ask("GET", result, download=1)[2]["Content-Disposition"]
    assert saved == "attachment; filename*=utf-8''me%20at%20home_out.png"
    assert quick.ask("DELETE", f"/api/photos/{photo['id']}")[0] == 204
    assert "is not here" in quick.refused(404, "GET", result)


def strokes(*lines: tuple[int, tuple[int, int], tuple[int, int]], side: int = 512) -> bytes:
    """Return a PNG with strokes: each a grey, its start and its end in pixels of 512."""
    picture = np.full((512, 512), 128, np.uint8)
    for grey, start, end in lines:
        cv2.line(picture, start, end, grey, 14)
    return cv2.imencode(".png", cv2.resize(picture, (side, side)))[1].tobytes()


def test_strokes_correct_a_photo_at_every_size(quick: Visitor, jpeg: bytes) -> None:
    photo = quick.told("POST", "/api/photos?name=me.jpg", jpeg, status=201)
    hints, result = f"/api/photos/{photo['id']}/hints", f"/api/photos/{photo['id']}/result"

    def alpha(**more: object) -> np.ndarray:
        return decoded(quick.ask("GET", result, background="transparent", **more)[1])[..., 3]

    before = alpha()
    assert (
        quick.ask("POST", hints, strokes((255, (30, 60), (30, 110)), (0, (256, 380), (256, 420)), side=256))[0] == 204
    )
    small = alpha(longest=256)
    assert small[30:55, 15].min() > 250
    assert small[195:205, 128].max() < 5
    after = alpha()
    assert after[62:108, 30].min() > 250, "strokes on a preview are strokes on the photo"
    status, content, _ = quick.ask("POST", "/api/zip", {"ids": [photo["id"]], "look": {"background": "transparent"}})
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(content)) as pictures:
        assert (decoded(pictures.read("me_out.png"))[..., 3] == after).all()
    # In another look they are still there, and others replace them.
    green = decoded(quick.ask("GET", result, background="#00ff00")[1])
    assert corner(green[400:, 256:]) == [0, 255, 0]
    assert quick.ask("POST", hints, strokes((255, (30, 60), (30, 110))))[0] == 204
    assert alpha()[400, 256] == 255
    assert quick.ask("DELETE", hints)[0] == 204
    assert (alpha() == before).all()
    wide = cv2.imencode(".png", np.full((100, 200), 128, np.uint8))[1].tobytes()
    assert quick.refused(400, "POST", hints, wide) == "hints: is 200x100, another shape than the photo, 512x512"
    assert "is not a picture" in quick.refused(415, "POST", hints, b"no picture at all")
    assert "not here" in quick.refused(404, "POST", "/api/photos/nothing/hints", wide)


def test_the_edge_moves_and_the_matte_turns_round(quick: Visitor, jpeg: bytes) -> None:
    photo = quick.told("POST", "/api/photos?name=me.jpg", jpeg, status=201)
    result = f"/api/photos/{photo['id']}/result"

    def alpha(**more: object) -> float:
        return float(decoded(quick.ask("GET", result, background="transparent", **more)[1])[..., 3].mean())

    plain = alpha()
    assert alpha(shrink="4%") + 4 < plain < alpha(grow="4%") - 4
    assert abs(255 - alpha(invert="true") - plain) < 1
    assert quick.refused(400, "GET", result, grow="3") == "grow 3: must be N%"
    assert "shrink wide: must be N%" in quick.refused(400, "GET", result, shrink="wide")
    assert "give one of them" in quick.refused(400, "GET", result, shrink="1%", grow="2%")
    assert quick.refused(400, "GET", result, invert="perhaps") == "invert: must be true or false"


def test_strokes_come_with_a_picture_in_a_form(quick: Visitor, jpeg: bytes) -> None:
    parts = [("file", "me.jpg", jpeg), ("hints", "strokes.png", strokes((0, (256, 380), (256, 420))))]
    body = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, file, data in parts
    )
    body += b'--x\r\nContent-Disposition: form-data; name="background"\r\n\r\ntransparent\r\n--x--\r\n'
    status, content, _ = quick.ask("POST", "/api/image", body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert status == 200, content
    assert decoded(content)[400, 256, 3] == 0


def test_a_visitors_person_stands_elsewhere_behind_their_desk(quick: Visitor, portrait: np.ndarray) -> None:
    jpeg = cv2.imencode(".jpg", cv2.resize(portrait, (160, 160), interpolation=cv2.INTER_AREA))[1].tobytes()
    desk = np.zeros((20, 40, 4), np.uint8)
    desk[10:] = (200, 20, 10, 255)
    sent = quick.told("POST", "/api/backgrounds", cv2.imencode(".png", desk)[1].tobytes(), status=201)
    query = {"background": "#ffffff", "foreground": f"upload:{sent['id']}"}
    status, body, _ = quick.ask("POST", "/api/image", jpeg, **query, place="0.5,1,0.3", shadow=0.5)
    image = decoded(body)
    assert (status, image[-1, 4].tolist(), image[4, 4].tolist()) == (200, [200, 20, 10], [255, 255, 255])
    middle = image.shape[1] // 2
    assert image[: image.shape[0] // 2, middle].min() == 255, "the person is small"
    assert "upload:ID" in quick.refused(400, "POST", "/api/image", jpeg, foreground="desk.png")
    # Before the room itself the place does not count, and is no error: the panel keeps it.
    assert quick.ask("POST", "/api/image", jpeg, background="blur", place="left", shadow=0.5)[0] == 200


def test_a_picture_of_his_own_stands_behind_the_visitor(quick: Visitor, jpeg: bytes) -> None:
    green = cv2.imencode(".png", np.full((40, 60, 3), (20, 200, 30), np.uint8))[1].tobytes()
    sent = quick.told("POST", "/api/backgrounds", green, status=201, name="green.png")
    assert decoded(quick.ask("GET", f"/api/uploads/{sent['id']}")[1]).shape == (40, 60, 3)
    result = decoded(quick.ask("POST", "/api/image", jpeg, background=f"upload:{sent['id']}")[1])
    assert corner(result) == [20, 200, 30]
    start = quick.told("GET", "/api/start")
    names = [each["name"] for each in start["backgrounds"]]
    assert "sunset" in names
    assert start["look"] == Look().to_dict()
    small = decoded(quick.ask("GET", f"/api/backgrounds/{names[0]}.jpg")[1])
    assert small.shape[1] == 320


def test_the_work_of_a_dropped_request_is_dropped(
    visitor: Visitor, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (visitor.told("POST", "/api/photos", jpeg, status=201)["id"] for _ in range(2))
    made, goes_on = list[str](), threading.Event()

    def render(self: PhotoService, photo: Upload, *more: object, crop: str) -> Rendered:
        made.append(photo.id)
        assert goes_on.wait(20)
        return Rendered(np.zeros((4, 4, 3), np.uint8), True, None, (4, 4), None)

    monkeypatch.setattr(PhotoService, "render", render)
    asking = threading.Thread(target=visitor.ask, args=("GET", f"/api/photos/{first}/result"))
    asking.start()
    wait_until(lambda: made == [first], "the first")
    host, port = visitor.host.split(":")
    with socket.create_connection((host, int(port)), 30) as gone:
        gone.sendall(f"GET /api/photos/{second}/result HTTP/1.1\r\nHost: {visitor.host}\r\n\r\n".encode())
        time.sleep(0.2)  # it waits behind the first
    time.sleep(0.1)
    goes_on.set()
    asking.join(20)
    assert visitor.ask("GET", f"/api/photos/{first}/result")[0] == 200
    assert made == [first, first]


def test_many_photos_come_as_one_zip(quick: Visitor, jpeg: bytes) -> None:
    ids = [quick.told("POST", "/api/photos", jpeg, status=201, name="a.jpg")["id"] for _ in range(2)]
    status, body, headers = quick.ask("POST", "/api/zip", {"ids": ids, "look": {"background": "#ffffff"}})
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(body)) as file:
        assert file.testzip() is None
        assert file.namelist() == ["a_out.png", "a_out_2.png"]
        assert corner(decoded(file.read("a_out.png"))) == [255, 255, 255]
    assert "list of photos" in quick.refused(400, "POST", "/api/zip", {"ids": "all"})


def test_what_cannot_be_done_is_said_in_one_sentence(visitor: Visitor, jpeg: bytes) -> None:
    def refused(**query: object) -> str:
        return visitor.refused(400, "POST", "/api/image", jpeg, **query)

    assert refused(background="transparent", format="jpeg").startswith("format jpeg: cannot store transparency")
    assert "must be png, jpeg, webp" in refused(format="exe")
    assert refused(threshold=2) == "threshold: must be a number from 0 to 1"
    assert refused(threshold="nan") == "threshold: must be a number from 0 to 1"
    assert "there is no such setting" in refused(model="/etc/passwd")
    assert "must be one of auto-frame" in refused(effects="explode")
    assert "must be light" in refused(blur="35")
    assert "all or main" in refused(people="me")
    assert "must be left, right, center, or X,Y,SCALE" in refused(place="up")
    assert "must be upload:ID" in refused(foreground="/etc/passwd")
    assert refused(shadow=2) == "shadow: must be a number from 0 to 1"
    assert "nothing was sent" in visitor.refused(400, "POST", "/api/photos", b"")
    for body in (b"[" * 30_000, b"{", b"no JSON"):
        assert visitor.refused(400, "PUT", "/api/look", body) == "the body must be a JSON object"
    assert "method not allowed" in visitor.refused(405, "PUT", "/api/photos", jpeg)


def test_what_a_visitor_has_sent_is_listed_for_them_alone(jpeg: bytes) -> None:
    with serving(Settings(port=0, look=Look(background="sunset"))) as visitor:
        visitor.enter()
        photo = visitor.told("POST", "/api/photos", jpeg, status=201, name="me.jpg")
        wall = visitor.told("POST", "/api/backgrounds", jpeg, status=201, name="wall.jpg")
        assert visitor.told("GET", "/api/look")["background"] == "sunset"
        look = {"background": f"upload:{wall['id']}", "threshold": 0.4}
        kept = visitor.told("PUT", "/api/look", look)
        assert "there is no such setting" in visitor.refused(400, "PUT", "/api/look", {"model": "x"})
        assert visitor.told("GET", "/api/photos") == {"photos": [photo]}
        assert visitor.told("GET", "/api/backgrounds") == {"backgrounds": [wall]}
        assert (photo["name"], wall["name"]) == ("me.jpg", "wall.jpg")
        assert visitor.told("GET", "/api/look") == kept
        assert (kept["threshold"], kept["background"]) == (0.4, look["background"])
        cookie, visitor.cookie = visitor.cookie, ""
        assert visitor.told("GET", "/api/photos") == {"photos": []}
        assert visitor.told("GET", "/api/backgrounds") == {"backgrounds": []}
        assert visitor.told("GET", "/api/look")["background"] == "sunset"
        visitor.cookie = cookie
        assert visitor.page is not None
        visitor.page.store.remove(wall["id"])
        assert visitor.told("GET", "/api/look") == {**kept, "background": "sunset"}


OPERATIONS = """
    GET /healthz 200, GET /metrics 200, POST /api/remove 200, GET /api/start 200,
    GET /api/actions 200, GET /api/options 200,
    GET /api/camera 426, POST /api/image 200, POST /api/zip 200,
    GET /api/look 200, PUT /api/look 200, GET /api/sample 200,
    POST /api/backgrounds 201, GET /api/backgrounds 200, GET /api/backgrounds/{name} 200, GET /api/uploads/{id} 200,
    POST /api/photos 201, GET /api/photos 200, DELETE /api/photos/{id} 204,
    GET /api/photos/{id}/source 200, GET /api/photos/{id}/result 200,
    POST /api/photos/{id}/hints 204, DELETE /api/photos/{id}/hints 204,
    POST /api/videos 201, GET /api/videos 200, GET /api/videos/{id} 200, DELETE /api/videos/{id} 204,
    POST /api/videos/{id}/start 200, POST /api/videos/{id}/cancel 200, GET /api/videos/{id}/frame 200,
    GET /api/videos/{id}/still 200,
    GET /api/videos/{id}/source 200, GET /api/videos/{id}/result 200, GET /api/videos/{id}/matte 200"""


def test_the_interface_is_described(visitor: Visitor) -> None:
    document = visitor.told("GET", "/api/openapi.json")
    assert document["openapi"].startswith("3.1")
    described = {
        f"{method.upper()} {path} {status}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }
    errors = {status.rsplit(" ", 1)[1] for status in described} - {"200", "201", "204", "426"}
    assert errors == {"400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "503", "507"}
    wanted = {operation.strip() for operation in OPERATIONS.split(",")}
    assert {each for each in described if each.rsplit(" ", 1)[1] not in errors} == wanted
    # Each address is answered, and not by "there is nothing here".
    for path, operations in document["paths"].items():
        for method in operations:
            answer = visitor.ask(method.upper(), path.replace("{id}", "none").replace("{name}", "none"))
            assert b"there is nothing here" not in answer[1], path
            assert answer[0] != 405, path
    assert set(document["components"]["schemas"]["Look"]["properties"]) == set(Look().to_dict())
    assert visitor.ask("HEAD", "/")[:2] == (200, b"")


def test_actions_are_those_of_the_program_and_of_the_page(visitor: Visitor) -> None:
    listed = visitor.told("GET", "/api/actions")["actions"]
    names = [action["name"] for action in listed]
    assert {"next-background", "people", "auto-frame", "freeze", "matte", "threshold"} <= set(names)
    for tab in ("camera", "photo", "video"):  # no key does two things
        keys = [key for action in listed if action["tab"] in ("", tab) for key in action["keys"] + action["aliases"]]
        assert len(keys) == len(set(keys))
    by_name = {action["name"]: action for action in listed}
    assert by_name["more-blur"]["choices"] == ["0.5%", "light", "1.5%", "medium", "3%", "strong", "6%", "8%"]
    assert (by_name["threshold"]["limits"], by_name["keep-less"]["aliases"]) == ([0, 1], ["="])


# -- videos --------------------------------------------------------------------------------------------


def sent_clip(visitor: Visitor, path: Path, images: list[np.ndarray], **more: Any) -> dict[str, Any]:
    make_clip(path, images, **more)
    return visitor.told("POST", "/api/videos", path.read_bytes(), status=201, name=path.name)


def test_a_video_is_processed_and_fetched_in_pieces(visitor: Visitor, portrait: np.ndarray, tmp_path: Path) -> None:
    small = cv2.resize(portrait, (160, 160))
    clip = sent_clip(visitor, tmp_path / "me.mp4", [small] * 10, sound="aac")
    assert clip["state"] == "uploaded"
    assert (clip["width"], clip["height"], clip["frames"], clip["sound"]) == (160, 160, 10, True)
    visitor.cookie = visitor.ask("GET", "/api/start")[2]["Set-Cookie"].split(";")[0]
    mine = sent_clip(visitor, tmp_path / "mine.mp4", [small] * 10)
    video = f"/api/videos/{clip['id']}"
    assert "no result yet" in visitor.refused(404, "GET", f"{video}/result")
    told = visitor.told("POST", f"{video}/start", {"look": {"background": "#00ff00"}, "matte": True})
    assert told["state"] in ("queued", "working")
    wait_until(lambda: visitor.told("GET", video)["state"] != "queued", "its turn")
    queued = visitor.told("POST", f"/api/videos/{mine['id']}/start", {"format": "webm", "start": 0.12, "end": 0.32})
    assert (queued["state"], queued["place"], queued["frames"]) == ("queued", 1, 5)
    assert "cancel that first" in visitor.refused(409, "POST", f"{video}/start", {})
    wait_until(lambda: visitor.told("GET", video)["state"] not in ("queued", "working"), "the video")
    told = visitor.told("GET", video)
    assert (told["state"], told["done"], told["error"], told["warnings"]) == ("done", 10, "", [])
    status, body, headers = visitor.ask("GET", f"{video}/result", download=1)
    assert (status, headers["Content-Type"]) == (200, "video/mp4")
    assert headers["Content-Disposition"] == "attachment; filename*=utf-8''me_out.mp4"
    (tmp_path / "result.mp4").write_bytes(body)
    result = probe(tmp_path / "result.mp4", images=True)
    assert (len(result.images), result.sound[0][0]) == (10, "aac")
    assert difference(result.images[5][:8, :8], np.full((8, 8, 3), (0, 255, 0), np.uint8)) < 12
    status, part, headers = visitor.ask("GET", f"{video}/result", headers={"Range": "bytes=100-199"})
    assert (status, part, headers["Content-Range"]) == (206, body[100:200], f"bytes 100-199/{len(body)}")
    (tmp_path / "matte.mp4").write_bytes(visitor.ask("GET", f"{video}/matte")[1])
    matte = probe(tmp_path / "matte.mp4", images=True).images[5]
    assert matte[4, 4].max() < 20
    assert matte[80, 80].min() > 235
    assert decoded(visitor.ask("GET", f"{video}/frame")[1]).shape == (160, 160, 3)
    still = decoded(visitor.ask("GET", f"{video}/still", of="result", seconds=0.2)[1])
    assert difference(still[:8, :8], np.full((8, 8, 3), (0, 255, 0), np.uint8)) < 12
    assert [each["id"] for each in visitor.told("GET", "/api/videos")["videos"]] == [mine["id"]]
    # The other one is trimmed.
    wait_until(lambda: visitor.told("GET", f"/api/videos/{mine['id']}")["state"] == "done", "the other video")
    (tmp_path / "mine.webm").write_bytes(visitor.ask("GET", f"/api/videos/{mine['id']}/result")[1])
    assert len(probe(tmp_path / "mine.webm").times) == 5
    assert visitor.ask("DELETE", video)[0] == 204
    assert "is not here" in visitor.refused(404, "GET", video)


def test_a_frame_of_a_video_is_shown_that_no_browser_decodes(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greys = [np.full((120, 160, 3), level, np.uint8) for level in range(20, 220, 10)]  # 0.8 seconds
    clip = sent_clip(visitor, tmp_path / "old.mp4", greys, codec="mpeg4", gop=5, sound="aac")
    still = f"/api/videos/{clip['id']}/still"

    def level(seconds: float) -> float:
        status, body, headers = visitor.ask("GET", still, of="source", seconds=seconds)
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        return float(decoded(body).mean())

    assert [round(level(seconds) / 10) * 10 for seconds in (0.0, 0.21, 0.5, 0.79, 600)] == [20, 70, 140, 210, 210]
    look = {"background": "#ff0000", "seconds": 0.5, "longest": 80}
    result = decoded(visitor.ask("GET", still, **look)[1])
    assert (result.shape[:2], difference(result[:8, :8], np.full((8, 8, 3), (0, 0, 255), np.uint8)) < 12) == (
        (60, 80),
        True,
    )
    assert "no result yet" in visitor.refused(404, "GET", still, of="result")
    assert visitor.refused(400, "GET", still, seconds=-1) == "seconds: must be a time from 0"
    monkeypatch.setattr("background_removal.files.video.still.MAX_SECONDS", 0.0)
    assert visitor.refused(422, "GET", still, of="source", seconds=0.3) == "old.mp4: that frame takes too long to reach"
    assert visitor.ask("DELETE", f"/api/videos/{clip['id']}")[0] == 204


def test_a_video_that_works_or_waits_is_cancelled(visitor: Visitor, portrait: np.ndarray, tmp_path: Path) -> None:
    images = [cv2.resize(portrait, (640, 480))] * 120
    first = sent_clip(visitor, tmp_path / "first.mp4", images)
    second = sent_clip(visitor, tmp_path / "second.mp4", images[:2])
    for clip in (first, second):
        visitor.told("POST", f"/api/videos/{clip['id']}/start", {})
    wait_until(lambda: visitor.told("GET", f"/api/videos/{first['id']}")["done"] > 0, "its first frame")
    assert visitor.told("POST", f"/api/videos/{second['id']}/cancel")["state"] == "cancelled"
    visitor.told("POST", f"/api/videos/{first['id']}/cancel")
    wait_until(lambda: visitor.told("GET", f"/api/videos/{first['id']}")["state"] == "cancelled", "its end")
    assert "no result yet" in visitor.refused(404, "GET", f"/api/videos/{first['id']}/result")
    # Another look, from the beginning.
    visitor.told("POST", f"/api/videos/{second['id']}/start", {"look": {"background": "transparent"}, "format": "mov"})
    wait_until(lambda: visitor.told("GET", f"/api/videos/{second['id']}")["state"] == "done", "the second")
    (tmp_path / "result.mov").write_bytes(visitor.ask("GET", f"/api/videos/{second['id']}/result")[1])
    assert probe(tmp_path / "result.mov").pix_fmt.startswith("yuva")
    refused = visitor.refused(400, "POST", f"/api/videos/{first['id']}/start", {"look": {"background": "transparent"}})
    assert refused == "format mp4: cannot store transparency; choose webm or mov"


# -- cameras -------------------------------------------------------------------------------------------


def message(number: int, image: np.ndarray) -> bytes:
    return struct.pack(">I", number) + cv2.imencode(".jpg", image)[1].tobytes()


def picture(socket: ClientConnection) -> tuple[int, np.ndarray]:
    """Return the next picture and its number; texts before it are passed over."""
    while isinstance(data := socket.recv(20), str):
        assert "error" not in json.loads(data), data
    return struct.unpack(">I", data[:4])[0], decoded(data[4:])


def text(socket: ClientConnection) -> dict[str, Any]:
    while not isinstance(data := socket.recv(20), str):
        pass
    return json.loads(data)


def test_a_visitors_camera_comes_back_in_a_look_that_changes(visitor: Visitor, portrait: np.ndarray) -> None:
    with visitor.camera() as camera:
        numbers = iter(range(1, 1000))

        def shown(change: dict[str, Any] | None, wanted: Callable[[np.ndarray], bool]) -> None:
            """Say something, and send frames until what comes back looks so."""
            if change is not None:
                camera.send(json.dumps(change))
            for _ in range(20):
                number = next(numbers)
                camera.send(message(number, portrait))
                told, image = picture(camera)
                assert told == number
                if wanted(image):
                    return
            pytest.fail(f"{change} is not seen")

        def is_color(*bgr: int) -> Callable[[np.ndarray], bool]:
            return lambda image: difference(image[:8, :8], np.full((8, 8, 3), bgr, np.uint8)) < 10

        shown({"look": {"background": "#ff0000"}}, is_color(0, 0, 255))
        shown({"look": {"background": "transparent"}}, is_color(102, 102, 102))
        camera.send(json.dumps({"snapshot": True}))
        _, cutout = picture(camera)
        assert (cutout.shape, cutout[4, 4, 3], cutout[260, 256, 3]) == ((512, 512, 4), 0, 255)
        camera.send(json.dumps({"alpha": True}))
        camera.send(message(next(numbers), portrait))
        answer = camera.recv(20)
        assert isinstance(answer, bytes)
        assert answer[4:8] == b"ALPH"
        end = 12 + struct.unpack(">I", answer[8:12])[0]
        colors, alpha = decoded(answer[12:end]), decoded(answer[end:])
        assert (colors.shape, alpha.shape) == ((512, 512, 3), (512, 512, 4))
        assert difference(alpha[..., 3], cutout[..., 3]) < 2
        assert difference(colors[200:300, 220:290], portrait[200:300, 220:290]) < 6
        camera.send(json.dumps({"alpha": False}))
        shown(
            {"look": {"edge_softness": 0.9, "background": "#ffffff", "effects": ["auto-frame"]}},
            is_color(255, 255, 255),
        )
        shown({"action": "matte"}, is_color(0, 0, 0))
        camera.send(json.dumps({"action": "threshold"}))  # a value is set by the look
        camera.send(message(next(numbers), portrait))
        while "error" not in (told := text(camera)):
            pass
        assert told["error"].startswith("threshold: must be followed by")
        for sent, key, answer in (
            ({"action": "keep-at", "argument": "0.5,0.3"}, "said", "this is the person"),
            ({"action": "keep-at", "argument": "9,9"}, "error", "keep-at 9,9: must be X,Y"),
            ({"action": "foreground", "argument": "/etc/passwd"}, "error", "foreground: nothing can be said after it"),
            ({"look": {"key": "/etc/passwd"}}, "error", "key /etc/passwd: must be green"),
        ):
            camera.send(json.dumps(sent))
            camera.send(message(next(numbers), portrait))
            while key not in (told := text(camera)):
                pass
            assert told[key].startswith(answer)
        camera.send(json.dumps({"key": "a"}))
        camera.send(message(next(numbers), portrait))
        said = text(camera)
        assert said["said"].startswith("the") or said["look"]["background"] == "studio"
        camera.send(json.dumps({"look": {"background": "/etc/passwd"}}))
        while "error" not in (told := text(camera)):
            pass
        assert "background: must be" in told["error"]


def test_a_screen_is_keyed_while_the_look_wants_it() -> None:
    renderer = LookRenderer(Look(), str, {})
    renderer.open(StreamInfo("camera", 512, 512, live=True))
    first = renderer._segmentation
    renderer.change_look(Look(key="green"))
    assert renderer._segmentation is first
    renderer.change_look(Look(key="green", effects=("defocus",)))
    assert renderer._segmentation is not first
    assert renderer._segmentation.status()["screen"] == "green"
    renderer.change_look(Look())
    assert renderer._segmentation.status()["screen"] == "off"


def test_a_broken_frame_does_not_end_the_camera(visitor: Visitor, portrait: np.ndarray) -> None:
    with visitor.camera() as camera:
        for number, data in enumerate((message(1, portrait), struct.pack(">I", 2) + b"no picture"), 1):
            camera.send(data)
            assert picture(camera)[0] == number
        camera.send(message(3, portrait))
        assert picture(camera)[0] == 3
    with visitor.camera() as camera:
        with suppress(ConnectionClosed):
            for number in range(1, 200):
                camera.send(struct.pack(">I", number) + b"no picture")
                time.sleep(0.02)  # only the newest counts
        assert "no JPEG pictures" in text(camera)["error"]


def test_of_frames_that_come_too_fast_the_newest_counts(visitor: Visitor, portrait: np.ndarray) -> None:
    with visitor.camera() as camera:
        for number in range(1, 31):
            camera.send(message(number, portrait))
        numbers = [picture(camera)[0]]
        while numbers[-1] != 30:
            numbers.append(picture(camera)[0])
    assert numbers == sorted(numbers)
    assert len(numbers) < 30


def test_this_computers_camera_is_shown_if_its_owner_says_so(
    visitor: Visitor, stream_camera: StreamCamera, portrait: np.ndarray
) -> None:
    with visitor.camera("webcam") as camera:
        assert "--webcam" in text(camera)["error"]
    with serving(Settings(port=0, webcam=stream_camera.url, look=Look(background="#00ff00"))) as owner:
        # Other users of this computer reach the page as well.
        assert "token" in owner.refused(401, "GET", "/api/start")
        status, page, headers = owner.ask("GET", "/", headers={"Accept": "text/html,*/*"})
        assert (status, headers["Content-Type"]) == (401, "text/html; charset=utf-8")
        assert b"open the address with the token" in page
        with pytest.raises(Exception, match="401"):
            owner.camera("webcam").close()
        owner.enter()
        assert owner.told("GET", "/api/start")["webcam"] is True
        with owner.camera("webcam") as camera:
            assert [picture(camera)[0], picture(camera)[0]] == [1, 2]
            with pytest.raises(TimeoutError):  # two are on their way, and no more are sent
                camera.recv(0.5)
            camera.send(json.dumps({"shown": 2}))
            number, image = picture(camera)
            assert (number, image.shape) == (3, portrait.shape)
            assert difference(image[:8, :8], np.full((8, 8, 3), (0, 255, 0), np.uint8)) < 10
            with owner.camera("webcam") as other:
                assert "elsewhere" in text(other)["error"]
        wait_until(lambda: not stream_camera.viewers, "the camera's being let go")


def test_a_phones_camera_is_a_camera_of_this_computer(portrait: np.ndarray, backend: type[MemoryBackend]) -> None:
    card = np.full((720, 1280, 3), (9, 99, 199), np.uint8)
    programs = LiveOptions(virtual_camera="", card=card)
    with serving(Settings(look=Look(background="#00b140"), port=0, virtual_camera=programs)) as visitor:
        assert (backend.opened["width"], backend.opened["height"]) == (1280, 720)
        upright = np.ascontiguousarray(portrait[:, 112:400])
        with visitor.camera() as phone, visitor.camera() as other:
            phone.send(message(1, upright))
            assert text(phone) == {"programs": "memory"}
            assert picture(phone)[0] == 1
            shown = backend.frames[-1]
            # Fitted in; JPEG and the codec's planes change colours a little.
            assert (shown.shape, shown[:, :400].max(), shown[:, -400:].max()) == ((720, 1280, 3), 0, 0)
            assert difference(shown[20:40, 460:480], np.full((20, 20, 3), (64, 177, 0), np.uint8)) < 12
            other.send(message(1, np.full((48, 64, 3), 255, np.uint8)))  # which is not shown there
            assert struct.unpack(">I", other.recv(20)[:4])[0] == 1
            phone.send(message(2, portrait[:288]))  # turned
            assert picture(phone)[0] == 2
            wide = backend.frames[-1]
            assert (wide.shape, wide[360, :20].max() > 100) == ((720, 1280, 3), True)
            phone.close()
            other.send(message(2, np.full((48, 64, 3), 255, np.uint8)))  # nor when the phone has gone
            assert picture(other)[0] == 2
        wait_until(lambda: difference(backend.frames[-1], card) < 6, "the card")
    assert backend.opened == {}


def test_cameras_are_bounded_and_free_again(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(cameras=1, frame_pixels=600 * 600)
    with serving(Settings(port=0, limits=limits)) as visitor:
        with visitor.camera() as camera:
            camera.send(message(1, portrait))
            assert picture(camera)[0] == 1
            with visitor.camera() as other:
                assert "no more can be" in text(other)["error"]
            # A camera that sends nothing any more gives way.
            monkeypatch.setattr("background_removal.page.cameras._IDLE_SECONDS", 0.0)
            with visitor.camera() as other:
                other.send(message(2, portrait))
                assert picture(other)[0] == 2
            assert "needed the place" in text(camera)["error"]
            monkeypatch.undo()
        # The place is free again as soon as the networks are.
        wait_until(lambda: isinstance(_answer(visitor, portrait), bytes), "a free place")
        large = np.zeros((601, 600, 3), np.uint8)
        wait_until(lambda: "601 pixels" in str(_answer(visitor, large)), "a refusal of what is too large")


def _answer(visitor: Visitor, image: np.ndarray) -> bytes | str | None:
    with visitor.camera() as camera, suppress(ConnectionClosed):
        camera.send(message(7, image))
        return camera.recv(20)
    return None


# -- who may ask ---------------------------------------------------------------------------------------


def test_another_host_or_page_is_refused(visitor: Visitor, jpeg: bytes) -> None:
    port = visitor.host.rsplit(":", 1)[1]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", f"127.0.0.1.evil.example:{port}", ""):
        assert visitor.ask("GET", "/", headers={"Host": host})[0] == 403, host
    assert visitor.ask("GET", "/api/start", headers={"Host": f"localhost:{port}"})[0] == 200
    origins = ("https://evil.example", "null", f"http://127.0.0.1:{int(port) + 1}", f"https://{visitor.host}")
    for origin in origins:
        assert "Origin" in visitor.refused(403, "POST", "/api/photos", jpeg, headers={"Origin": origin})
        assert visitor.ask("DELETE", "/api/photos/x", headers={"Origin": origin})[0] == 403
        with pytest.raises(Exception, match="403"):
            visitor.camera(origin=origin).close()
    crossing = {"Sec-Fetch-Site": "cross-site"}
    assert "Sec-Fetch-Site" in visitor.refused(403, "POST", "/api/photos", jpeg, headers=crossing)
    own = {"Origin": f"http://{visitor.host}", "Sec-Fetch-Site": "same-origin"}
    assert visitor.ask("POST", "/api/photos", jpeg, headers=own)[0] == 201


def test_a_browser_is_told_what_the_page_may_do(visitor: Visitor) -> None:
    for path in ("/", "/api/start", "/api/nothing", "/static/nothing"):
        headers = visitor.ask("GET", path)[2]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Server"] is None
    cookie = visitor.ask("GET", "/", headers={"Cookie": "a=b"})[2]["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_named_host_needs_the_token(jpeg: bytes) -> None:
    with serving(Settings(host="0.0.0.0", port=0)) as visitor:
        token = visitor.address.split("token=")[1]
        assert len(token) >= 32
        port = visitor.host.rsplit(":", 1)[1]
        here = {"Host": f"127.0.0.1:{port}"}
        for path in ("/", "/static/index.html", "/api/start", "/api/openapi.json", "/?token=wrong", "/?token=%C3%A4"):
            assert visitor.ask("GET", path, headers=here)[0] == 401, path
        assert visitor.ask("POST", "/api/image", jpeg, headers=here)[0] == 401
        assert visitor.ask("GET", f"/api/start?token={token}", headers=here)[0] == 401
        visitor.host = here["Host"]
        with pytest.raises(Exception, match="401"):
            visitor.camera().close()
        status, _, headers = visitor.ask("GET", f"/?token={token}", headers=here)
        assert status == 200
        cookies = headers.get_all("Set-Cookie")
        cookie = next(each for each in cookies if token in each)
        assert "HttpOnly; SameSite=Strict" in cookie
        kept = {"Cookie": cookie.split(";")[0]}
        assert visitor.ask("GET", "/api/start", headers={**here, **kept})[0] == 200
        assert visitor.ask("GET", "/api/start", headers={**here, "Authorization": f"Bearer {token}"})[0] == 200
        with visitor.camera(additional_headers=kept) as camera:
            camera.ping()
        # A name that somebody has pointed at this computer is refused even with it.
        assert visitor.ask("GET", "/api/start", headers={"Host": f"evil.example:{port}", **kept})[0] == 403


def test_no_path_and_no_address_is_taken_from_a_visitor(visitor: Visitor, jpeg: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg)
    wishes = (str(secret), f"file://{secret}", "http://127.0.0.1:9/x.jpg", "../samples/portrait.jpg", "upload:../../x")
    for wish in (*wishes, "s3://bucket/key", "-", "", "backgrounds", "upload:", "C:\\x.jpg", "sunset/../../x"):
        status, body, _ = visitor.ask("POST", "/api/image", jpeg, background=wish)
        assert status in (400, 404), wish
        assert b"background: " in body
    for path in (
        "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py", "/static//etc/passwd",
        "/static/..%5cserver.py", "/api/backgrounds/..%2f..%2fsamples%2fportrait.jpg", "/api/photos/../../x/source",
        "/api/uploads/..%2f..", "/api/videos/..%2f../source", "/../main.py",
    ):  # fmt: skip
        assert visitor.ask("GET", path)[0] == 404, path


def test_what_is_no_picture_or_video_is_told_by_its_content(visitor: Visitor, jpeg: bytes, tmp_path: Path) -> None:
    def refused(status: int, data: bytes, path: str = "/api/photos", name: str = "a.jpg") -> str:
        return visitor.refused(status, "POST", path, data, name=name)

    assert "a.jpg: is not a picture" in refused(415, b"just a text\n" * 50)
    assert "is not a picture" in refused(415, b"<svg xmlns='http://www.w3.org/2000/svg'/>", name="a.svg")
    assert "not a readable image" in refused(422, jpeg[:400])
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    assert "clip.mp4: is not a video" in refused(415, playlist, "/api/videos", "clip.mp4")
    assert "is not a video" in refused(415, b"ffconcat version 1.0\nfile /etc/passwd\n", "/api/videos", "a.mkv")
    assert "is not a video" in refused(415, jpeg, "/api/videos", "a.mp4")
    assert "not a readable video" in refused(422, b"\0\0\0\x18ftypisom" + bytes(500), "/api/videos", "b.mp4")
    page = tmp_path / "page.html"
    status, body, headers = visitor.ask("POST", "/api/image", jpeg, name="<script>.jpg")
    assert (status, headers["Content-Type"]) == (200, "image/png"), page
    assert body.startswith(b"\x89PNG")


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of one colour, small as a file and huge when it is decoded (PNG, 11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed = zlib.compressobj(9)
    rows = b"".join(packed.compress(bytes(width // 8 + 1)) for _ in range(height)) + packed.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_too_much_is_refused_and_said(visitor: Visitor, jpeg: bytes) -> None:
    for path in ("/api/photos", "/api/backgrounds", "/api/image", "/api/remove"):
        assert "2 MB at most" in visitor.refused(413, "POST", path, jpeg + bytes(2 << 20))
    assert "4 MB at most" in visitor.refused(413, "POST", "/api/videos", bytes((4 << 20) + 1))
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        + bytes(3 << 20)
        + b"\r\n--x--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert "2 MB at most" in visitor.refused(413, "POST", "/api/image", form, headers=kind)
    assert "2 MB at most" in visitor.refused(413, "POST", "/api/image", iter([form]), headers=kind)
    assert "form" in visitor.refused(400, "POST", "/api/image", b"--x no form", headers=kind)
    # One whose length is not announced.
    pieces = iter([bytes(1 << 20)] * 3)
    assert "2 MB at most" in visitor.refused(413, "POST", "/api/photos", pieces)
    assert "64 KB at most" in visitor.refused(413, "POST", "/api/zip", b" " * (65 << 10))
    packed = bomb(30000, 30000)
    assert len(packed) < 1 << 20
    assert "30000x30000 pixels" in visitor.refused(413, "POST", "/api/photos", packed)
    assert "30000x30000 pixels" in visitor.refused(413, "POST", "/api/image", packed)
    assert "30000x30000 pixels" in visitor.refused(413, "POST", "/api/remove", packed)
    with serving(Settings(port=0, limits=Limits(photos=1, videos=0))) as other:
        other.told("POST", "/api/photos", jpeg, status=201)
        assert "delete some" in other.refused(429, "POST", "/api/photos", jpeg)
        assert "delete some" in other.refused(429, "POST", "/api/videos", jpeg)
    with serving(Settings(port=0, limits=Limits(stored_bytes=len(jpeg) + 9))) as other:
        other.told("POST", "/api/photos", jpeg, status=201)
        assert "no room for it" in other.refused(429, "POST", "/api/photos", jpeg)


def test_a_slow_sender_is_given_up(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background_removal.page.uploads.SILENCE_SECONDS", 0.3)
    monkeypatch.setattr("background_removal.page.uploads.GRACE_SECONDS", 0.5)
    host, port = visitor.host.split(":")
    head = f"POST /api/photos HTTP/1.1\r\nHost: {visitor.host}\r\nContent-Length: 1000\r\n\r\n".encode()
    with socket.create_connection((host, int(port)), 30) as silent:
        silent.sendall(head + b"\xff\xd8")
        assert silent.recv(100).startswith(b"HTTP/1.1 408")
    with socket.create_connection((host, int(port)), 30) as slow:
        slow.sendall(head)
        slow.settimeout(0.1)
        answer = b""
        for _ in range(100):
            slow.sendall(b"x")
            try:
                answer = slow.recv(100)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def test_200_connections_that_ask_for_nothing_go_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HEAD_SECONDS <= 15
    monkeypatch.setattr("background_removal.page.connections.HEAD_SECONDS", 0.7)
    with serving(Settings(port=0, limits=SMALL)) as visitor:
        host, port = visitor.host.split(":")
        held = [socket.create_connection((host, int(port)), 30) for _ in range(200)]
        for number, each in enumerate(held):
            if number % 2:
                with suppress(OSError):  # it was too much, and is closed
                    each.sendall(b"GET / HTTP/1.1\r\nHost: x")
        threads = threading.active_count()

        def served() -> bool:
            try:
                return visitor.ask("GET", "/api/start")[0] == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_until(served, "an answer", 20)
        assert threading.active_count() <= threads + 8
        for each in held:
            each.close()


# -- what is kept --------------------------------------------------------------------------------------


def test_what_visitors_send_is_private_and_removed(jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background_removal.page.server.SWEEP_SECONDS", 0.1)
    limits = Limits()
    with serving(Settings(port=0, limits=limits)) as visitor:
        folder = visitor.folder
        sent = visitor.told("POST", "/api/photos", jpeg, status=201)
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        visitor.ask("POST", "/api/image", jpeg)
        assert [each.name for each in folder.iterdir()] == [sent["id"]]
        object.__setattr__(limits, "keep_seconds", 0)  # time passes
        wait_until(lambda: not list(folder.iterdir()), "its removal", 20)
        assert visitor.ask("GET", f"/api/photos/{sent['id']}/source")[0] == 404
        object.__setattr__(limits, "keep_seconds", 3600)
        visitor.told("POST", "/api/photos", jpeg, status=201)
    assert not folder.exists()


def certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for this computer, as people make one for their studio; return it and its key."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    paths = str(folder / "cert.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


def test_https_is_served_with_a_certificate(tmp_path: Path, portrait: np.ndarray) -> None:
    cert, key = certificate(tmp_path)
    with serving(Settings(port=0, certificate=cert, key=key)) as visitor:
        assert visitor.address.startswith("https://127.0.0.1:")
        port = int(visitor.host.rsplit(":", 1)[1])
        trusted = ssl.create_default_context(cafile=cert)
        with closing(http.client.HTTPSConnection("localhost", port, context=trusted, timeout=30)) as connection:
            connection.request("GET", "/api/start")
            answer = connection.getresponse()
            assert answer.status == 200
            assert "; Secure" in answer.headers["Set-Cookie"]
        with connect(f"wss://localhost:{port}/api/camera", ssl=trusted, origin=f"https://localhost:{port}") as camera:
            camera.send(message(1, portrait))
            assert picture(camera)[0] == 1
        with pytest.raises((OSError, http.client.HTTPException)):
            visitor.ask("GET", "/api/start")  # without it


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_what_a_killed_program_has_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, running, other = (tmp_path / name for name in ("background-removal-page-a", "background-removal-page-b", "c"))
    for folder in (left, running, other):
        (folder / "photo").mkdir(parents=True)
    for folder in (left, other):
        os.utime(folder, (1, 1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.utime(elsewhere, (1, 1))
    with suppress(OSError):  # Windows may not let us
        (tmp_path / "background-removal-page-link").symlink_to(elsewhere)
    with PageServer(Settings(port=0)):
        assert (left.exists(), running.exists(), other.exists(), elsewhere.exists()) == (False, True, True, True)


# -- the command line ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_the_page_starts_with_the_look_of_the_options_and_leaves_nothing(
    start_main: Callable[..., Program], tmp_path: Path, stack: ExitStack
) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((40, 60, 3), (9, 99, 199), np.uint8))
    options = ("--background", "wall.png", "--threshold", "0.4", "--low-light", "--people", "main", "--quality", "fast")
    process = start_main("--serve", "0", *options, "--no-browser", env={"TMPDIR": str(tmp_path)})
    visitor = Visitor(process.line().strip())
    wait_until(lambda: _answers(visitor), "the page")
    look = visitor.told("GET", "/api/start")["look"]
    assert (look["threshold"], look["effects"], look["people"]) == (0.4, ["low-light"], "main")
    assert look["background"] == "upload:yours"
    assert corner(decoded(visitor.ask("POST", "/api/image", PORTRAIT.read_bytes())[1])) == [9, 99, 199]
    assert len(list(tmp_path.glob("background-removal-page-*"))) == 1
    # Ctrl-C while a camera is shown and a video is worked on.
    make_clip(tmp_path / "long.mp4", [cv2.resize(cv2.imread(str(PORTRAIT)), (320, 240))] * 250)
    video = visitor.told("POST", "/api/videos", (tmp_path / "long.mp4").read_bytes(), status=201)["id"]
    visitor.told("POST", f"/api/videos/{video}/start", {})
    camera = stack.enter_context(visitor.camera())
    camera.send(message(1, cv2.imread(str(PORTRAIT))))
    assert picture(camera)[0] == 1
    wait_until(lambda: visitor.told("GET", f"/api/videos/{video}")["done"], "its first frame")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
    assert not list(tmp_path.glob("background-removal-page-*"))


def _answers(visitor: Visitor) -> bool:
    try:
        return visitor.ask("GET", "/")[0] == 200
    except OSError:
        return False


def test_options_that_do_not_go_with_a_page_are_refused(run_main, backend, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        outcome = run_main(*arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome
        return outcome.err

    assert "goes without files" in refused("--serve", "8000", PORTRAIT)
    assert "--no-browser goes with --serve" in refused("--no-browser")
    assert "--output goes without --serve" in refused("--serve", "--output", "x.png")
    assert "--record goes without --serve" in refused("--serve", "--record", "x.mp4")
    assert "--cert and --cert-key go together" in refused("--serve", "--cert", "x.pem")
    assert "must be HOST:PORT" in refused("--serve", "localhost:high")
    assert "must be HOST:PORT" in refused("--serve", "http://localhost:80")
    assert "--camera-fps goes with --webcam" in refused("--serve", "--camera-fps", "30")
    assert "no virtual camera /dev/missing" in refused("--serve", "0", "--virtual-camera", "/dev/missing")
    assert "--card goes with --virtual-camera" in refused("--serve", "0", "--card", PORTRAIT)
    assert "nowhere.png" in refused("--serve", "--background", "nowhere.png")
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    assert "must be PEM files" in refused("--serve", "0", "--cert", nothing, "--cert-key", nothing)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--serve 127.0.0.1:{port}: " in refused("--serve", port, "--no-browser")


def test_what_is_missing_is_named_with_its_command(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None; sys.modules['uvicorn'] = None; "
        f"sys.path.insert(0, {str(ROOT)!r}); import main; sys.exit(main.main(['--serve', '0', '--no-browser']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "pip install -r requirements-page.txt" in done.stderr
