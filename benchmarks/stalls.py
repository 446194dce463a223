#!/usr/bin/env python3
"""How soon a camera in trouble is noticed, and how soon the program ends then: a table for docs/live.md.

    python benchmarks/stalls.py [kind …]

A network camera on loopback gives pictures for two seconds and then goes wrong in one way after another; the program
runs without a window. Noticed is its warning after that; ended is its process after an interrupt (Ctrl-C), three
seconds later. In the kinds that begin with "open" it goes wrong before the first picture.
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = (ROOT / "samples" / "portrait.jpg").read_bytes()
PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
KINDS = {
    "silent": "sends nothing any more, and keeps the connection",
    "half": "stops in the middle of a picture",
    "slow": "sends a byte a tenth of a second",
    "garbage": "sends bytes without sense",
    "closed": "closes the connection, and takes no other",
    "deaf": "closes the connection, takes others and says nothing",
    "refusing": "closes the connection, and answers 503",
    "open deaf": "never answers",
    "open silent": "answers, and sends no picture",
}


class Camera:
    """Sends pictures until it goes wrong in the way that is told.

    Args:
        kind: One of `KINDS`.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind.removeprefix("open ")
        self._wrong = threading.Event()
        if kind.startswith("open"):
            self._wrong.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/video"
        threading.Thread(target=self._serve, daemon=True).start()

    def go_wrong(self) -> None:
        self._wrong.set()
        if self._kind == "closed":
            self._server.close()

    def _serve(self) -> None:
        held = []
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            held.append(connection)
            threading.Thread(target=self._feed, args=[connection], daemon=True).start()

    def _feed(self, connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            if self._wrong.is_set() and self._kind == "refusing":
                connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                connection.close()
            if self._wrong.is_set() and self._kind in ("deaf", "refusing"):
                return
            connection.sendall(HEAD)
            while not self._wrong.is_set():
                connection.sendall(PART + PICTURE + b"\r\n")
                time.sleep(1 / 30)
            if self._kind == "half":
                connection.sendall(PART + PICTURE[: len(PICTURE) // 2])
            elif self._kind == "slow":
                for byte in PART + PICTURE:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.1)
            elif self._kind == "garbage":
                while True:
                    connection.sendall(bytes(range(256)) * 16)
                    time.sleep(0.05)
            elif self._kind in ("closed", "deaf", "refusing"):
                connection.shutdown(socket.SHUT_RDWR)
                connection.close()
        except OSError:
            pass


def measure(kind: str) -> str:
    """Return a row of the table."""
    camera = Camera(kind)
    command = [sys.executable, str(ROOT / "main.py"), "--webcam", camera.url, "--no-show", "--no-segmentation"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    heard: list[tuple[float, str]] = []

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            heard.append((time.monotonic(), line.rstrip()))

    threading.Thread(target=listen, daemon=True).start()
    time.sleep(3.0)
    went_wrong = time.monotonic()
    camera.go_wrong()
    time.sleep(3.0)
    noticed = next((f"{at - went_wrong:.2f}" for at, _ in heard if at > went_wrong), "-")
    asked = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        process.wait(15)
        ended = f"{time.monotonic() - asked:.2f}"
    except subprocess.TimeoutExpired:
        process.kill()
        ended = "over 15"
    foreign = [line for _, line in heard if not line.startswith(("warning: camera", "stopped", "error: camera"))]
    return f"| {KINDS[kind]} | {noticed} | {ended} | {process.returncode} | {len(foreign)} |" + "".join(foreign[:1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="*", choices=[[], *KINDS], help="which of them (default: all)")
    print("| the camera | noticed after, s | ended after, s | exit code | lines that are not ours |")
    print("|---|---|---|---|---|")
    for kind in parser.parse_args().kind or KINDS:
        print(measure(kind), flush=True)


if __name__ == "__main__":
    main()
