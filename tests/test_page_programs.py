"""What other programs ask of the page: rembg's clients, and those who watch over it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, wait_until

pytest.importorskip("fastapi", reason="needs pip install -r requirements-page.txt")
pytest.importorskip("uvicorn", reason="needs pip install -r requirements-page.txt")

import requests
from test_page import Visitor, corner, decoded, serving

from background_removal.matting.networks.weights import FOLDER_VARIABLE, MODELS, download_path, models_here
from background_removal.page.photo_service import PhotoService
from background_removal.page.settings import Limits, Settings

SIDE = 160


@pytest.fixture(scope="module")
def picture() -> bytes:
    small = cv2.resize(cv2.imread(str(PORTRAIT)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small)[1].tobytes()


@pytest.fixture(scope="module")
def limits() -> Limits:
    return Limits()


@pytest.fixture(scope="module")
def page(limits: Limits) -> Iterator[Visitor]:
    settings = Settings(port=0, network={"quality": "fast"}, models=lambda: ("landscape",), limits=limits)
    with serving(settings) as page:
        yield page


def remove(page: Visitor, picture: bytes, /, query: str = "", **fields: str) -> Any:
    """Ask as rembg's clients do."""
    return requests.post(
        f"http://{page.host}/api/remove{query}", files={"file": ("me.jpg", picture, "image/jpeg")}, data=fields
    )


def image_of(answer: Any) -> np.ndarray:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
    return decoded(answer.content)


def refused(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


# -- rembg ---------------------------------------------------------------------------------------------


def test_a_client_of_rembg_gets_its_cut_out(page: Visitor, picture: bytes) -> None:
    cutout = image_of(remove(page, picture))
    assert cutout.shape == (SIDE, SIDE, 4)
    assert (corner(cutout)[3], cutout[80, 80, 3]) == (0, 255)
    # The mask, soft and hard; a colour, from the form or, as rembg has it, the query. Unknown fields are ignored.
    mask = image_of(remove(page, picture, om="true", model="u2net", bgc="1,2,3,4", size="full"))
    assert (mask.shape, mask.tolist()) == ((SIDE, SIDE), cutout[..., 3].tolist())
    hard = image_of(remove(page, picture, om="1", ppm="on", a="true", af="240", ab="10", ae="5"))
    assert (hard == np.where(mask > 127, 255, 0)).all()
    colored = image_of(remove(page, picture, query="?bgc=0,128,255,255"))
    assert corner(colored) == [255, 128, 0, 255]
    assert colored[..., 3].min() == 255
    assert (colored[80, 80] == cutout[80, 80]).all()
    assert corner(image_of(remove(page, picture, bgc="navy", model="landscape"))) == [128, 0, 0, 255]
    # As the whole body, without a form.
    assert image_of(requests.post(f"http://{page.host}/api/remove?om=true", data=picture)).ndim == 2


def test_what_rembg_can_and_this_page_cannot_is_said(page: Visitor, picture: bytes) -> None:
    error = refused(remove(page, picture, model="isnet-general-use"))
    assert (
        "is not on this computer, and is not downloaded; there are u2net (the page's own network), landscape" in error
    )
    assert "is not on this computer" in refused(remove(page, picture, model="../../etc/passwd"))
    assert "bgc red!: must be R,G,B" in refused(remove(page, picture, bgc="red!"))
    for color in ("1,2", "1,2,3,256", "1,2,3,-4", "²,1,1"):
        assert "must be R,G,B" in refused(remove(page, picture, bgc=color)), color
    assert refused(remove(page, picture, om="maybe")) == "om: must be true or false"
    assert refused(remove(page, picture, af="300")) == "af: must be a whole number from 0 to 255"
    assert refused(remove(page, picture, ae="-1")) == "ae: must be a whole number from 0"
    for extras in ('{"sam_prompt": []}', "[" * 30_000, "null"):
        assert refused(remove(page, picture, extras=extras)).startswith("extras: must be empty")
    assert image_of(remove(page, picture, extras="{}", om="", model="")).shape[2] == 4
    assert 'in the field "file"' in refused(requests.post(f"http://{page.host}/api/remove", files={"image": picture}))
    assert "is not a picture" in refused(remove(page, b"not a picture at all"), 415)
    # No address is fetched, of this computer's network or any other.
    address = f"http://{page.host}/api/remove"
    for url in ("http://127.0.0.1:22/", "file:///etc/passwd", ""):
        error = refused(requests.get(address, params={"url": url}), 403)
        assert "fetches nothing by address" in error
    # Where rembg has its description, by which clients find out whether a server is there.
    assert requests.get(f"http://{page.host}/api").json()["openapi"]


def test_networks_on_this_computer_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert models_here() == [*MODELS]
    download_path("isnet-general-use").touch()
    assert models_here() == [*MODELS, "isnet-general-use"]


def test_pages_of_others_cannot_use_it(page: Visitor, picture: bytes) -> None:
    """A form needs no permission of the browser (CORS) to be sent anywhere; what sends it is said by the browser."""
    address = f"http://{page.host}/api/remove"
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = requests.post(address, files={"file": picture}, headers=headers)
        assert "another page" in refused(answer, 403)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert refused(requests.post(address, files={"file": picture}, headers={"Host": "evil.example"}), 403)
    # The browser's question whether it may send more.
    asked = requests.options(
        address, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert "Access-Control-Allow-Origin" not in asked.headers


def test_a_full_queue_and_a_sender_who_has_gone(
    page: Visitor, picture: bytes, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, goes_on = list[str](), threading.Event()

    def render_once(self: PhotoService, image: np.ndarray, name: str, *more: object, **named: object) -> np.ndarray:
        made.append(name)
        assert goes_on.wait(20)
        return np.zeros((4, 4, 4), np.uint8)

    monkeypatch.setattr(PhotoService, "render_once", render_once)
    first = threading.Thread(target=remove, args=(page, picture))
    first.start()
    wait_until(lambda: made == ["me.jpg"], "the first")
    host, port = page.host.split(":")
    head = f"POST /api/remove HTTP/1.1\r\nHost: {page.host}\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
    assert page.page is not None
    with socket.create_connection((host, int(port)), 30) as gone:
        gone.sendall(head + picture)
        wait_until(lambda: b'queue="pictures"} 1.0' in page.ask("GET", "/metrics")[1], "the second, which waits")
        object.__setattr__(limits, "waiting", 1)
        answer = remove(page, picture)
        object.__setattr__(limits, "waiting", 32)
        assert "waiting already" in refused(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    time.sleep(0.1)
    goes_on.set()
    first.join(20)
    assert image_of(remove(page, picture)).shape == (4, 4, 4)
    assert made == ["me.jpg", "me.jpg"], "nothing is done for the one who has gone"
    assert page.page.store.count("photo") == 0


def test_a_token_reaches_the_page_in_the_address_too(picture: bytes) -> None:
    with serving(Settings(host="0.0.0.0", port=0)) as page:
        token = page.address.split("token=")[1]
        here = f"127.0.0.1:{page.host.rsplit(':', 1)[1]}"
        files = {"file": b"not a picture"}  # for which no network is loaded
        for allowed in (f"http://any:{token}@{here}/api/remove", f"http://{here}/api/remove?token={token}"):
            assert requests.post(allowed, files=files).status_code == 415
        plain, bearer = f"http://{here}/api/remove", {"Authorization": f"Bearer {token}"}
        assert requests.post(plain, files=files, headers=bearer).status_code == 415
        for wrong in (
            plain,
            f"http://any:x@{here}/api/remove",
            f"{plain}?token=x",
            f"http://{token}:@{here}/api/remove",
        ):
            assert requests.post(wrong, files=files).status_code == 401
        for odd in ("Basic", "Basic ä", "Basic =", "basic eA=="):
            assert requests.post(plain, files=files, headers={"Authorization": odd.encode()}).status_code == 401
        # A page elsewhere does not get through with it either, nor is it kept as a cookie.
        answer = requests.post(f"{plain}?token={token}", files=files, headers={"Origin": "https://evil.example"})
        assert (answer.status_code, token in answer.headers.get("Set-Cookie", "")) == (403, False)
        assert token not in requests.post(f"{plain}?token={token}", files=files).headers["Set-Cookie"]
        # Whether the page works, everybody may know; its figures are for those with the token.
        health = requests.get(f"http://{here}/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert requests.get(f"http://{here}/healthz", headers={"Host": "evil.example"}).status_code == 403
        assert requests.get(f"http://{here}/metrics").status_code == 401
        assert requests.get(f"http://{here}/metrics", headers=bearer).status_code == 200
        assert page.page is not None
        page.page.store.close()
        assert requests.get(f"http://{here}/healthz").status_code == 503


# -- figures -------------------------------------------------------------------------------------------


def test_figures_for_prometheus(page: Visitor, picture: bytes) -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="needs pip install -r requirements-dev.txt")

    def figures() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        status, body, headers = page.ask("GET", "/metrics")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        families = list(parser.text_string_to_metric_families(body.decode()))
        assert all(family.documentation and family.type != "unknown" for family in families)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def requests_of(route: str, status: int, method: str = "GET") -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return after.get(("background_removal_requests_total", labels), 0) - before.get(
            ("background_removal_requests_total", labels), 0
        )

    page.ask("POST", "/api/image", picture, background="navy")
    before = figures()
    photo = page.told("POST", "/api/photos", picture, status=201)["id"]
    page.ask("GET", f"/api/photos/{photo}/result", background="navy")
    page.ask("GET", f"/api/photos/{photo}/result", threshold=7)
    page.ask("HEAD", "/api/start")
    page.ask("GET", "/static/main.js")
    page.ask("GET", "/api/private-words?of=me")
    page.ask("BREW", "/api/start", headers={"Host": "evil.example"})
    with page.camera() as camera:
        camera.send('{"look": {"background": "navy"}}')
        camera.send(b"\0\0\0\1" + picture)
        assert camera.recv(20)
        after = figures()
    assert (requests_of("/api/photos", 201, "POST"), requests_of("/api/photos/{id}/result", 200)) == (1, 1)
    assert (requests_of("/api/photos/{id}/result", 400), requests_of("/api/start", 200, "HEAD")) == (1, 1)
    assert (requests_of("/static", 200), requests_of("other", 404), requests_of("other", 403, "other")) == (1, 1, 1)
    assert (requests_of("/api/camera", 101), requests_of("/metrics", 200)) == (1, 1)
    assert not any("private" in str(key) or photo in str(key) for key in after)

    def frames(kind: str) -> float:
        key = ("background_removal_frames_total", (("kind", kind),))
        return after[key] - before.get(key, 0)

    assert (frames("photo"), frames("camera")) == (1, 1)
    buckets = {dict(labels)["le"]: value for (name, labels), value in after.items()
               if name == "background_removal_frame_seconds_bucket" and ("kind", "photo") in labels}  # fmt: skip
    assert list(buckets.values()) == sorted(buckets.values())
    photos = (("kind", "photo"),)
    assert buckets["+Inf"] == after["background_removal_frame_seconds_count", photos]
    assert 0 < after["background_removal_frame_seconds_sum", photos] < 60
    assert after["background_removal_cameras", ()] == 1
    assert after["background_removal_camera_places", ()] == 4
    assert after["background_removal_uploads", photos] == before["background_removal_uploads", photos] + 1
    assert after["background_removal_upload_bytes", ()] >= len(picture)
    assert {after["background_removal_queue_length", (("queue", name),)] for name in ("pictures", "videos")} == {0}
    assert after["process_cpu_seconds_total", ()] > 0
    if ("process_resident_memory_bytes", ()) in after:
        assert after["process_resident_memory_bytes", ()] > 50e6
