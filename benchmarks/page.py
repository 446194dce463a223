"""What the page costs: a camera's round trip, photos, and memory after many of both. Linux tells the figures.

    python benchmarks/page.py [camera] [photo] [memory]

The server runs in a process of its own; its processor time and memory are what /proc says of that.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "samples" / "portrait.jpg"
# As a browser would send them.
_RATE, _IN_FLIGHT, _QUALITY = 30.0, 2, 85


class Server:
    """A page that is served, and what it has used."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self.host = address.split("/")[2]

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {content[:200]!r}")
        return content

    @property
    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


class _Asks(Protocol):
    def ask(self, method: str, path: str) -> object: ...


Asks = TypeVar("Asks", bound=_Asks)


@contextmanager
def serving(make: Callable[[subprocess.Popen[str], str], Asks], *arguments: str) -> Iterator[Asks]:
    """Serve the page in a process of its own; `make` gets that and the page's address."""
    command = [sys.executable, str(ROOT / "main.py"), "--no-browser", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        assert process.stdout is not None
        served = make(process, process.stdout.readline().split()[-1])
        while True:
            try:
                served.ask("GET", "/healthz")
                break
            except OSError:
                time.sleep(0.05)
        yield served
    finally:
        process.terminate()
        process.wait(20)


def _portrait() -> np.ndarray:
    image = cv2.imread(str(PORTRAIT))
    assert image is not None
    return image


def moving(width: int, height: int, count: int = 30) -> list[bytes]:
    """Return JPEG frames of a person who moves to and fro a little, before a wall with grain."""
    frame = np.full((height, width, 3), (60, 70, 80), np.uint8)
    side = height
    left = (width - side) // 2
    frame[:, left : left + side] = cv2.resize(_portrait(), (side, side))
    noise = np.random.default_rng(1)
    frames = []
    for number in range(count):
        shifted = np.roll(frame, round(8 * np.sin(2 * np.pi * number / count)), axis=1)
        grain = noise.normal(0, 2, shifted.shape[:2])[..., None]
        picture = np.clip(shifted + grain, 0, 255).astype(np.uint8)
        frames.append(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
    return frames


def camera(served: Server, frames: list[bytes], seconds: float, background: str) -> tuple[float, float, int]:
    """Send frames as a browser does, and return frames a second, the median delay in ms, and how many came back."""
    with connect(f"ws://{served.host}/api/camera", max_size=None, compression=None) as socket:
        socket.send(json.dumps({"look": {"background": background}}))
        sent: dict[int, float] = {}
        delays: list[float] = []
        number, begun, due = 0, 0.0, time.monotonic()
        while not begun or time.monotonic() - begun < seconds:
            now = time.monotonic()
            if len(sent) < _IN_FLIGHT and now >= due:
                number += 1
                sent[number] = now
                due = max(due + 1 / _RATE, now - 1 / _RATE)
                socket.send(struct.pack(">I", number) + frames[number % len(frames)])
                continue
            try:
                answer = socket.recv(max(0.0, due - now) if len(sent) < _IN_FLIGHT else 20)
            except TimeoutError:
                continue
            if isinstance(answer, str):
                raise RuntimeError(answer)
            shown = struct.unpack(">I", answer[:4])[0]
            if begun:
                delays.append(time.monotonic() - sent[shown])
            elif shown > 10:  # networks are loaded, the person is found
                begun = time.monotonic()
            sent = {each: at for each, at in sent.items() if each > shown}
        return len(delays) / (time.monotonic() - begun), 1000 * statistics.median(delays), len(delays)


def measure_camera() -> None:
    frames = moving(1280, 720)
    for background in ("blur", "sunset"):
        with serving(Server, "--serve", "127.0.0.1:0") as served:
            used = 0.0

            def spent(served: Server = served) -> float:
                return served.processor_seconds

            camera(served, frames, 2, background)  # warm
            used = spent()
            rate, delay, count = camera(served, frames, 10, background)
            # What came back before the clock began is counted as well.
            used = (spent() - used) / (count + 10)
        print(
            f"camera 1280x720, {background}: {rate:.1f} frames/s, median {delay:.0f} ms, {1000 * used:.0f} ms CPU/frame"
        )


def measure_photo() -> None:
    picture = _portrait()
    for side in (512, 2000, 3500):
        data = cv2.imencode(".jpg", cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC))[1].tobytes()
        with serving(Server, "--serve", "127.0.0.1:0") as served:
            warm = json.loads(served.ask("POST", "/api/photos", PORTRAIT.read_bytes()))["id"]
            served.ask("GET", f"/api/photos/{warm}/result")
            told = []
            used, begun = served.processor_seconds, time.monotonic()
            photo = json.loads(served.ask("POST", "/api/photos", data))["id"]
            told.append(("sent", begun, used))
            shown = "format=jpeg&longest=1600"
            for what, query in (
                ("first result", f"background=blur&{shown}"), ("blur strong", f"background=blur&blur=strong&{shown}"),
                ("sunset", f"background=sunset&{shown}"), ("threshold 0.4", f"background=sunset&threshold=0.4&{shown}"),
                ("edge 0.8", f"background=sunset&edge_softness=0.8&{shown}"),
                ("PNG in full", "background=transparent&format=png"),
                ("another", "background=sunset&format=jpeg"),
            ):  # fmt: skip
                used, begun = served.processor_seconds, time.monotonic()
                served.ask("GET", f"/api/photos/{photo}/result?{query}")
                told.append((what, time.monotonic() - begun, served.processor_seconds - used))
            first = ", ".join(f"{what} {seconds:.2f} s ({used:.2f} CPU)" for what, seconds, used in told[1:])
        print(f"photo {side}x{side}: {first}")


def measure_memory() -> None:
    small = cv2.imencode(".jpg", cv2.resize(_portrait(), (256, 256)))[1].tobytes()
    frames = moving(320, 240)
    with serving(Server, "--serve", "127.0.0.1:0") as served:
        print(f"memory at the start: {served.megabytes:.0f} MB")
        for number in range(1, 1001):
            photo = json.loads(served.ask("POST", "/api/photos", small))["id"]
            served.ask("GET", f"/api/photos/{photo}/result?background=sunset&format=jpeg")
            served.ask("DELETE", f"/api/photos/{photo}")
            if number in (10, 100, 250, 500, 750, 1000):
                print(f"after {number} photos: {served.megabytes:.0f} MB")
        for number in range(1, 101):
            camera(served, frames, 0.1, "sunset" if number % 2 else "blur")
            if number in (1, 10, 25, 50, 75, 100):
                print(f"after {number} camera sessions: {served.megabytes:.0f} MB")
        time.sleep(2)
        used = served.processor_seconds
        time.sleep(10)
        print(f"idle: {100 * (served.processor_seconds - used) / 10:.1f} % of a core, {served.megabytes:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", nargs="*", choices=["camera", "photo", "memory"], default=["camera", "photo", "memory"])
    for what in parser.parse_args().what:
        {"camera": measure_camera, "photo": measure_photo, "memory": measure_memory}[what]()


if __name__ == "__main__":
    main()
