"""What an attacker tries at the page, and its answers, as a table.

    python benchmarks/page_attacks.py

It serves a page on this computer, without a token and, as for other computers, with one; exit code 1 if an answer is
another than it should be. Linux tells memory and threads.
"""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from page import ROOT, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PORTRAIT = (ROOT / "samples" / "portrait.jpg").read_bytes()
_NESTED = b"[" * 30_000
_MANY_CONNECTIONS = 200
_SERVERS_LIMIT_SECONDS = 10  # for the head of a request, and for a silent body


class Target:
    """A served page, as an attacker sees it."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._pid = process.pid
        self.token = address.partition("token=")[2]
        self.port = int(address.split("/")[2].rsplit(":", 1)[1])
        self.host = f"127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        """Return the status and the message of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            content = answer.read()
        with suppress(ValueError):
            told = json.loads(content)
            return answer.status, str(told.get("error", told)) if isinstance(told, dict) else str(told)
        return answer.status, f"{len(content)} bytes"

    def send_raw(self, *parts: bytes, timeout: float = 40) -> bytes:
        """Return the first line of the answer to raw bytes; empty if the connection is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as raw:
            with suppress(OSError):
                for part in parts:
                    raw.sendall(part)
            try:
                return raw.recv(4000).split(b"\r\n")[0]
            except ConnectionError:
                return b""

    def camera(self, **how: Any) -> Any:
        return connect(f"ws://{self.host}/api/camera", max_size=None, compression=None, **how)

    def refuse_camera(self, **how: Any) -> tuple[int, str]:
        try:
            with self.camera(**how):
                return 101, "accepted"
        except InvalidStatus as error:
            return error.response.status_code, json.loads(error.response.body or b"{}").get("error", "")

    @property
    def state(self) -> str:
        status = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        handles = len(os.listdir(f"/proc/{self._pid}/fd"))
        megabytes = int(fields["VmRSS"].split()[0]) / 1024
        return f"{megabytes:.0f} MB, {fields['Threads']} threads, {handles} files and sockets"


def attacked(host: str) -> AbstractContextManager[Target]:
    return serving(Target, "--serve", f"{host}:0", "--quality", "fast")


Attack = tuple[str, "set[int] | int", Callable[[], tuple[int, str]]]


def attacks_on_access(page: Target, guarded: Target) -> list[Attack]:
    """Return attacks by other names, other pages, and without the token."""
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + PORTRAIT + b"\r\n--x--\r\n"
    kind = {"Content_Type": "multipart/form-data; boundary=x"}
    wrong, evil = {"Authorization": "Bearer wrong"}, {"Origin": "https://evil.example"}
    return [
        ("rebound name (Host: evil.example)", 403, lambda: page.ask("GET", "/", Host=f"evil.example:{page.port}")),
        ("two Host headers", {400, 403}, lambda: _status(page.send_raw(
            b"GET / HTTP/1.1\r\nHost: evil\r\nHost: " + page.host.encode() + b"\r\n\r\n"))),
        ("form of another page (Origin)", 403,
            lambda: page.ask("POST", "/api/remove", form, **evil, **kind)),
        ("form of a sandboxed frame (Origin: null)", 403,
            lambda: page.ask("POST", "/api/image", form, Origin="null", **kind)),
        ("the same without Origin (Sec-Fetch-Site)", 403,
            lambda: page.ask("POST", "/api/photos", PORTRAIT, Sec_Fetch_Site="cross-site")),
        ("removal by another page", 403, lambda: page.ask("DELETE", "/api/photos/x", **evil)),
        ("WebSocket of another page", 403, lambda: page.refuse_camera(origin="https://evil.example")),
        ("the page without the token", 401, lambda: guarded.ask("GET", "/")),
        ("a script without the token", 401, lambda: guarded.ask("GET", "/static/main.js")),
        ("figures without the token", 401, lambda: guarded.ask("GET", "/metrics")),
        ("rembg's address, wrong token", 401, lambda: guarded.ask("POST", "/api/remove?token=wrong", form, **kind)),
        ("wrong bearer token", 401, lambda: guarded.ask("GET", "/api/start", **wrong)),
        ("WebSocket without the token", 401, lambda: guarded.refuse_camera()),
        ("what /healthz says without it", 200, lambda: guarded.ask("GET", "/healthz")),
        ("token from another page", 403,
            lambda: guarded.ask("POST", f"/api/remove?token={guarded.token}", form, **evil, **kind)),
        ("photos of other visitors", 200, lambda: page.ask("GET", "/api/photos")),
        ("a guessed id", 404, lambda: page.ask("GET", "/api/photos/AAAAAAAAAAAAAAAAAAAAAA/source")),
    ]  # fmt: skip


def attacks_on_files(page: Target, canary: str) -> list[Attack]:
    """Return attacks that want files or addresses of this computer; `canary` is an address that none may ask."""

    def traverse() -> tuple[int, str]:
        paths = ("/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py", "/static//etc/passwd",
                 "/static/..%5cserver.py", "/api/backgrounds/..%2f..%2fsamples%2fportrait.jpg")  # fmt: skip
        found = [page.ask("GET", path)[0] for path in paths]
        return max(found, key=lambda status: status != 404), f"{len(paths)} spellings"

    return [
        ("path traversal", 404, traverse),
        ("background=/etc/passwd", 400, lambda: page.ask("POST", "/api/image?background=/etc/passwd", PORTRAIT)),
        ("background=http://…", 400, lambda: page.ask("POST", f"/api/image?background={canary}", PORTRAIT)),
        ("GET /api/remove?url=http://…", 403, lambda: page.ask("GET", f"/api/remove?url={canary}")),
        ("model=../../x.onnx", 400, lambda: page.ask("POST", "/api/remove?model=../../x.onnx", PORTRAIT)),
        ("a playlist that names a file", 415, lambda: page.ask(
            "POST", "/api/videos?name=a.m3u8", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")),
        ("an SVG with a script", 415, lambda: page.ask("POST", "/api/photos", b"<svg onload='alert(1)'/>")),
        ("name with folders and line breaks", 201, lambda: page.ask(
            "POST", "/api/photos?name=..%2f..%2fa%0d%0aSet-Cookie:x.jpg", PORTRAIT)),
    ]  # fmt: skip


def attacks_on_resources(page: Target) -> list[Attack]:
    """Return attacks that want to exhaust memory, time or places."""
    head = f"POST /api/photos HTTP/1.1\r\nHost: {page.host}\r\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(100 << 20))

    def nest_by_socket() -> tuple[int, str]:
        with page.camera() as camera:
            camera.send(_NESTED.decode())
            return 400, json.loads(camera.recv(20))["error"]

    def send_huge_frame() -> tuple[int, str]:
        with page.camera() as camera:
            try:
                camera.send(bytes(32 << 20))
                camera.recv(20)
            except ConnectionClosed:
                return 0, "the connection is closed"
        return 101, "accepted"

    def take_all_cameras() -> tuple[int, str]:
        with ExitStack() as held:
            for _ in range(4):
                held.enter_context(page.camera())
            with page.camera() as fifth:
                told = json.loads(fifth.recv(20))
                with suppress(ConnectionClosed):
                    fifth.recv(20)
                return fifth.close_code or 0, told["error"]

    return [
        ("60 MB, announced", 413, lambda: page.ask("POST", "/api/photos", bytes(60 << 20))),
        ("60 MB, chunked", 413, lambda: page.ask("POST", "/api/remove", iter([bytes(1 << 20)] * 60))),
        ("JSON of 100 KB", 413, lambda: page.ask("POST", "/api/zip", b" " * 100_000)),
        ("pixel bomb, 30000×30000 in 110 KB", 413, lambda: page.ask("POST", "/api/remove", _bomb(30_000))),
        ("zip bomb as a photo", 415, lambda: page.ask("POST", "/api/photos", packed.getvalue())),
        ("gzip bomb as Content-Encoding", 415, lambda: page.ask(
            "POST", "/api/photos", zlib.compress(bytes(100 << 20)), Content_Encoding="deflate")),
        ("30,000 nested brackets, JSON", 400, lambda: page.ask("PUT", "/api/look", _NESTED)),
        ("30,000 nested brackets, WebSocket", 400, nest_by_socket),
        ("1000 fields in a form", 400, lambda: page.ask("POST", "/api/remove", b"".join(
            b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n' % n for n in range(1000)) + b"--x--\r\n",
            Content_Type="multipart/form-data; boundary=x")),
        ("head of 200 KB", {0, 400, 431}, lambda: _status(page.send_raw(
            b"GET / HTTP/1.1\r\nHost: " + page.host.encode() + b"\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"))),
        ("Content-Length and chunked at once", {0, 400}, lambda: _status(page.send_raw(
            head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"))),
        ("two lengths", {0, 400}, lambda: _status(page.send_raw(
            head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"))),
        ("a body that stops", 408, lambda: _status(page.send_raw(head + b"Content-Length: 1000\r\n\r\n\xff\xd8"))),
        ("frame of 32 MB", 0, send_huge_frame),
        ("a fifth camera", 1013, take_all_cameras),
    ]  # fmt: skip


def hold_connections(page: Target) -> tuple[int, str]:
    """Hold many connections with half a head each (slow loris); return the status of another visitor's request."""
    with ExitStack() as held:
        for _ in range(_MANY_CONNECTIONS):
            each = held.enter_context(socket.create_connection(("127.0.0.1", page.port), 30))
            with suppress(OSError):
                each.sendall(f"GET / HTTP/1.1\r\nHost: {page.host}\r\nX: ".encode())
        start = time.monotonic()
        while time.monotonic() - start < 4 * _SERVERS_LIMIT_SECONDS:
            with suppress(OSError, http.client.HTTPException):
                if page.ask("GET", "/api/start")[0] == 200:
                    return 200, f"others are answered again after {time.monotonic() - start:.0f} s"
            time.sleep(0.5)
    return 0, "others are not answered"


def _status(line: bytes) -> tuple[int, str]:
    """Return the status of an answer's first line, 0 for a closed connection."""
    fields = line.split(b" ")
    return (int(fields[1]), "") if len(fields) > 1 else (0, "the connection is closed")


def _bomb(side: int) -> bytes:
    """Return a PNG of one colour, small as a file and huge when it is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side // 8 + 1)) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def main() -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # of connections that the page closes
    failures = 0
    with attacked("127.0.0.1") as page, attacked("0.0.0.0") as guarded, socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        page.ask("POST", "/api/image", PORTRAIT)  # loads the networks
        before = page.state
        attacks = [
            *attacks_on_access(page, guarded),
            *attacks_on_files(page, f"http://127.0.0.1:{trap.getsockname()[1]}/"),
            *attacks_on_resources(page),
            (f"{_MANY_CONNECTIONS} half requests (slow loris)", 200, lambda: hold_connections(page)),
        ]
        for name, wanted, attack in attacks:
            status, told = attack()
            fails = status not in (wanted if isinstance(wanted, set) else {wanted})
            failures += fails
            print(f"{name:42}  {status:4}  {'FAILS: ' if fails else ''}{told[:100]}", flush=True)
        with suppress(BlockingIOError):
            trap.accept()
            failures += 1
            print("FAILS: an address was asked")
        after = page.state
        print(f"\nbefore: {before}\nafter:  {after}; {'still answers' if page.ask('GET', '/')[0] == 200 else 'FAILS'}")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
