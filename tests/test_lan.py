"""The page in the local network: its addresses, its own certificate, the QR code, and what a phone installs."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import socket
import ssl
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Outcome
from PIL import Image

pytest.importorskip("fastapi", reason="needs pip install -r requirements-page.txt")
pytest.importorskip("segno", reason="needs pip install -r requirements-page.txt")
pytest.importorskip("cryptography", reason="needs pip install -r requirements-page.txt")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from background_removal.cli import serve as command
from background_removal.errors import InputError
from background_removal.page import lan, own_certificate, server
from background_removal.page.own_certificate import OwnCertificate, provide_certificate
from background_removal.page.server import PageServer
from background_removal.page.settings import Settings


def adapters(**addresses: list[str]) -> list[SimpleNamespace]:
    """Return network adapters as ifaddr describes them: IPv6 with flow and scope."""
    return [
        SimpleNamespace(name=name, ips=[SimpleNamespace(ip=(ip, 0, 0) if ":" in ip else ip) for ip in each])
        for name, each in addresses.items()
    ]


def test_addresses_are_those_of_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = adapters(
        lo=["127.0.0.1", "::1"], docker0=["172.17.0.1"], br0=["10.0.0.2"], wlan0=["192.168.1.7", "2001:db8::7"],
        eth1=["169.254.3.4", "fe80::1"],
    )  # fmt: skip
    # docker0 connects a container alone, br0 the network card.
    for bridge, port in (("docker0", "veth1"), ("br0", "eth0")):
        (tmp_path / bridge / "bridge").mkdir(parents=True)
        (tmp_path / bridge / "brif" / port).mkdir(parents=True)
    (tmp_path / "eth0" / "device").mkdir(parents=True)
    monkeypatch.setattr(lan, "_INTERFACES", tmp_path)
    monkeypatch.setattr("ifaddr.get_adapters", lambda: there)
    monkeypatch.setattr(lan, "_outgoing_address", lambda: "192.168.1.7")
    assert lan.list_addresses() == ["192.168.1.7", "10.0.0.2"]
    there[:] = adapters(lo=["127.0.0.1"], wlan0=["fe80::1", "fd00::7"])
    assert lan.list_addresses() == ["fd00::7"]
    there[:] = adapters(lo=["127.0.0.1", "::1"], eth1=["169.254.3.4"])
    with pytest.raises(InputError, match="no address in a network"):
        lan.list_addresses()


def draw_terminal(text: str) -> np.ndarray:
    """Return a picture of lines of half blocks, black on white in colours of their own, on a black terminal."""
    pixels = {" ": (255, 255), "▀": (0, 255), "▄": (255, 0), "█": (0, 0)}
    lines = [re.fullmatch(r"\x1b\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\[0m", line) for line in text.splitlines()]
    rows = [np.array([pixels[each] for each in line[1]], np.uint8).T for line in lines if line]
    assert len(rows) == len(lines) < 24, "too high for a usual terminal"
    return cv2.copyMakeBorder(
        cv2.resize(np.vstack(rows), None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST), 20, 20, 20, 20,
        cv2.BORDER_CONSTANT, value=0,
    )  # fmt: skip


def test_another_program_reads_the_qr_code() -> None:
    address = "https://192.168.178.123:8765/?token=xI8jOZ-Wc9Gm8sD7_Oy2c1qQ4rVb0NwK"
    assert cv2.QRCodeDetector().detectAndDecode(draw_terminal(lan.draw_qr_code(address)))[0] == address


def test_a_certificate_is_kept_privately_and_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "page"
    names = ["192.168.1.7", "127.0.0.1", "laptop", "laptop.local"]
    first = provide_certificate([*names, "not a name", "größe"], folder)
    if sys.platform != "win32":
        assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["lan.pem"]
    assert len(first.token) == 32
    assert provide_certificate(names[:2], folder) == first
    found = [first]

    def renewed(more: list[str] = names) -> OwnCertificate:
        found.append(provide_certificate(more, folder))
        assert len({each.token for each in found}) == len({each.fingerprint for each in found}) == len(found)
        return found[-1]

    moved = renewed([*names, "10.0.0.2"])
    assert provide_certificate(["10.0.0.2"], folder) == moved
    if sys.platform != "win32":
        moved.path.chmod(0o640)  # as a copy may have it
        renewed()
        assert stat.S_IMODE(moved.path.stat().st_mode) == 0o600
    moved.path.write_bytes(moved.path.read_bytes()[:-200])
    renewed()
    assert provide_certificate(names, folder) == found[-1]
    monkeypatch.setattr(own_certificate, "_RENEWAL", timedelta(days=366))  # its end is near
    renewed()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--serve lan: .*lan\.pem"):
        provide_certificate(names, tmp_path / "file")


def start_lan(
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    ask: Callable[[list[str], Settings], None],
    **more: Any,
) -> list[str]:
    """Run `--serve TEXT` on a terminal, call `ask` with the printed addresses while it serves, and return the lines."""
    lines: list[str] = []

    def serve(settings: Settings, on_start: Callable[[list[str]], object]) -> None:
        with PageServer(settings) as served:
            on_start(served.addresses)
            thread = threading.Thread(target=served.run)
            thread.start()
            try:
                ask(served.addresses, settings)
            finally:
                served.stop()
                thread.join(20)

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(lan, "list_addresses", lambda: ["127.0.0.2", "127.0.0.1"])  # reached on every computer
    monkeypatch.setattr("background_removal.support.paths.user_folder", lambda: folder)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    command.serve_page(command.Request(serve=text, **more), lines.append)
    return lines


def get(address: str, trusted: ssl.SSLContext, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    host, port = address.split("/")[2].split(":")
    with closing(http.client.HTTPSConnection(host, int(port), context=trusted, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers


@pytest.mark.skipif(sys.platform == "darwin", reason="127.0.0.2 is no address there")
def test_a_phone_opens_the_page_and_can_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = hashlib.sha256()

    def ask(addresses: list[str], settings: Settings) -> None:
        assert settings.host == "0.0.0.0"
        first = addresses[0]
        trusted = ssl.create_default_context(cafile=settings.certificate)
        query = first.partition("/?")[2]
        port = first.split("/")[2].split(":")[1]
        with (
            socket.create_connection(("127.0.0.2", int(port)), 10) as plain,
            trusted.wrap_socket(plain, server_hostname="127.0.0.2") as connection,
        ):
            served.update(connection.getpeercert(binary_form=True) or b"")
        with pytest.raises(ssl.SSLCertVerificationError):
            get(first, ssl.create_default_context(), "/")
        # Its authority alone, which a phone installs, is enough.
        status, authority, headers = get(first, trusted, "/certificate.crt", Authorization=f"Bearer {query[6:]}")
        assert (status, headers["Content-Type"]) == (200, "application/x-x509-ca-cert")
        trusted = ssl.create_default_context(cadata=authority)
        for address in addresses:
            status, _, headers = get(address, trusted, f"/?{query}")
            assert status == 200
            cookie = "; ".join(each.split(";")[0] for each in headers.get_all("Set-Cookie", []))
            # Nothing without the token, and nothing under a name that is not this computer's.
            for path in ("/", "/manifest.webmanifest", "/certificate.crt", "/static/icon-192.png", "/api/start"):
                assert get(address, trusted, path)[0] == 401
                assert get(address, trusted, path, Cookie=cookie)[0] == 200
                assert get(address, trusted, path, Cookie=cookie, Host=f"evil.example:{port}")[0] == 403
        assert get(first, trusted, "/", Cookie=cookie, Host=f"{socket.gethostname()}:{port}")[0] == 200
        # The camera, from this page alone.
        frame = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
        url, origin = f"wss://{first.split('/')[2]}/api/camera", first.partition("/?")[0]
        with connect(url, ssl=trusted, origin=Origin(origin), additional_headers={"Cookie": cookie}) as camera:
            camera.send(b"\0\0\0\1" + frame)
            assert bytes(camera.recv(20))[:6] == b"\0\0\0\1\xff\xd8"
        for more in ({"origin": Origin("https://evil.example"), "additional_headers": {"Cookie": cookie}}, {}):
            with pytest.raises(InvalidStatus):
                connect(url, ssl=trusted, **more)
        status, content, headers = get(first, trusted, "/manifest.webmanifest", Cookie=cookie)
        manifest = json.loads(content)
        assert headers["Content-Type"] == "application/manifest+json"
        assert (manifest["name"], manifest["display"], manifest["scope"]) == ("Background Removal", "standalone", "/")
        assert get(first, trusted, manifest["start_url"])[0] == 200  # on a phone that has forgotten the cookie
        sizes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
        assert sizes >= {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
        for icon in manifest["icons"]:
            with Image.open(io.BytesIO(get(first, trusted, icon["src"], Cookie=cookie)[1])) as image:
                assert (image.format, f"{image.width}x{image.height}") == ("PNG", icon["sizes"])
                corner = image.convert("RGBA").getpixel((0, 0))
                assert isinstance(corner, tuple)
                assert corner[3] == (255 if icon["purpose"] == "maskable" else 0)

    addresses: list[str] = []
    lines = start_lan("lan:0", monkeypatch, tmp_path, lambda *given: (addresses.extend(given[0]), ask(*given))[1])
    assert lines[:2] == addresses
    assert all(re.fullmatch(r"https://127\.0\.0\.[12]:\d+/\?token=[\w-]{32}", each) for each in addresses)
    assert cv2.QRCodeDetector().detectAndDecode(draw_terminal(lines[2]))[0] == addresses[0]
    assert lines[3:] == [
        f"certificate {tmp_path / 'page' / 'lan.pem'}", f"SHA-256 {served.digest().hex(':').upper()}"
    ]  # fmt: skip
    # At the next start all of it is as it was, so that an installed page opens again.
    token = addresses[0].partition("?")[2]
    again = start_lan("lan:0", monkeypatch, tmp_path, lambda found, _: None)
    assert again[0].endswith(f"/?{token}")
    assert again[3:] == lines[3:]


def test_a_given_certificate_overrules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = provide_certificate(["127.0.0.2", "127.0.0.1"], tmp_path / "given")
    files = {"cert": str(given.path), "cert_key": str(given.path)}
    lines = start_lan("lan:0", monkeypatch, tmp_path, lambda addresses, settings: None, **files)
    assert len(lines) == 3  # two addresses and the QR code
    assert given.token not in lines[0]
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("missing", ["segno", "cryptography", "ifaddr"])
def test_a_missing_package_is_named_with_its_command(
    missing: str, run_main: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("background_removal.support.paths.user_folder", lambda: tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)  # type: ignore[arg-type]  # which Python takes for missing
    for name in ("lan", "own_certificate"):
        monkeypatch.delitem(sys.modules, f"background_removal.page.{name}")
    outcome = run_main("--serve", "lan:0")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome
    assert f"--serve lan needs extra packages ({missing} is missing)" in outcome.err
    assert "pip install -r requirements-page.txt" in outcome.err
