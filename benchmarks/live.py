#!/usr/bin/env python3
"""Live use, measured on an HTTP camera of this computer: how old a frame is when it is shown, what it costs, a soak.

    python benchmarks/live.py delay              the frame's age, beside the original's read-process-show loop
    python benchmarks/live.py cost               processor time of a blurred 30 pictures a second
    python benchmarks/live.py soak --minutes 20  memory, threads, file handles and rate; the camera restarts midway

The camera's pictures carry the time at which they were made as a code of black and white squares.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import socketserver
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]


from matte import moving_frames  # noqa: E402

from engine import Engine  # noqa: E402
from live.options import LiveOptions  # noqa: E402
from selfieSegmentation import MPSegmentation  # noqa: E402

_SQUARE, _BITS = 16, 32
_RATE = 30


class CodedCamera:
    """Serves pictures as MJPEG, each made when it is sent."""

    def __init__(self, frames: list[np.ndarray], rate: float = _RATE) -> None:
        self._frames = frames
        self._rate = rate
        self.up = threading.Event()
        self.up.set()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if not camera.up.is_set():
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                camera.serve(self.wfile.write)

        socketserver.TCPServer.request_queue_size = 5
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/video"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, write: Callable[[bytes], object]) -> None:
        number = 0
        due = time.monotonic()
        try:
            while self.up.is_set():
                picture = self._frames[number % len(self._frames)]
                draw_time(picture, time.monotonic())
                data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                write(head.encode() + data + b"\r\n")
                number += 1
                due += 1 / self._rate
                time.sleep(max(0.0, due - time.monotonic()))
        except OSError:  # whoever looked has gone
            pass

    def close(self) -> None:
        self.up.clear()
        self._server.shutdown()
        self._server.server_close()


def draw_time(picture: np.ndarray, seconds: float) -> None:
    """Draw a time, in milliseconds and modulo 2 ** 32, as a row of squares at the top left."""
    value = int(seconds * 1000) % (1 << _BITS)
    for bit in range(_BITS):
        picture[:_SQUARE, bit * _SQUARE : (bit + 1) * _SQUARE] = 255 * (value >> bit & 1)


def age_of(picture: np.ndarray) -> float:
    """Return how many milliseconds ago a picture's time was drawn."""
    now = int(time.monotonic() * 1000) % (1 << _BITS)
    centre = _SQUARE // 2
    bits = picture[centre, centre : centre + _BITS * _SQUARE : _SQUARE].mean(axis=1) > 127
    drawn = sum(1 << bit for bit in range(_BITS) if bits[bit])
    return (now - drawn) % (1 << _BITS)


class Ends:
    """The last object: notes each frame's age as it reaches the sinks, and ends the run after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.ages: list[float] = []
        self._seconds = seconds
        self._until = 0.0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        self._until = self._until or time.monotonic() + self._seconds
        self.ages.append(age_of(frame))
        if time.monotonic() > self._until:
            raise KeyboardInterrupt
        return frame


def ours(url: str, work: Callable[[np.ndarray], np.ndarray], seconds: float) -> list[float]:
    ends = Ends(seconds)
    with contextlib.suppress(KeyboardInterrupt):
        Engine(webcam_id=url, custom_objects=[work, ends]).process_webcam()
    return ends.ages


def original(url: str, work: Callable[[np.ndarray], np.ndarray], seconds: float) -> list[float]:
    ends = Ends(seconds)
    capture = cv2.VideoCapture(url)
    try:
        while True:
            done, frame = capture.read()
            if done:
                ends(work(frame))
    except KeyboardInterrupt:
        capture.release()
    return ends.ages


def delay(options: argparse.Namespace) -> None:
    print(f"age of a frame as it reaches the sinks, ms, camera {_RATE} pictures a second, {options.seconds:g} s each")
    print(f"{'an object takes':18}{'ours: median':>14}{'95 %':>8}{'shown/s':>9}{'original: median':>20}{'95 %':>8}")
    for milliseconds in (5, 30, 100):

        def work(frame: np.ndarray, pause: float = milliseconds / 1000) -> np.ndarray:
            time.sleep(pause)
            return frame

        row = f"{milliseconds:15} ms"
        for way in (ours, original):
            camera = CodedCamera(moving_frames(1280, 720))
            ages = way(camera.url, work, options.seconds)
            camera.close()
            half = ages[len(ages) // 2 :]  # a queue that grows has done so by then
            row += f"{statistics.median(half):{14 if way is ours else 20}.0f}{np.percentile(half, 95):8.0f}"
            row += f"{len(ages) / options.seconds:9.1f}" if way is ours else ""
        print(row, flush=True)


def cost(options: argparse.Namespace) -> None:
    """A camera process of its own, so that this one's processor time is that of the engine alone."""
    import subprocess

    print(f"{'':12}{'shown/s':>9}{'share of one core':>20}{'of it capture':>15}")
    for width, height in ((1280, 720), (1920, 1080)):
        command = [sys.executable, __file__, "camera", "--height", str(height)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as camera:
            assert camera.stdout is not None
            url = camera.stdout.readline().strip()
            shares = []
            for objects in ([], [MPSegmentation(bg_blur_ratio=(45, 45))]):
                before, start = time.process_time(), time.monotonic()
                ends = Ends(options.seconds)
                with contextlib.suppress(KeyboardInterrupt):
                    Engine(webcam_id=url, custom_objects=[*objects, ends]).process_webcam()
                shares.append((time.process_time() - before) / (time.monotonic() - start))
            rate = len(ends.ages) / options.seconds
            camera.terminate()
        print(f"{width}x{height:<7}{rate:9.1f}{shares[1]:19.0%}{shares[0]:15.0%}", flush=True)


def camera_process(options: argparse.Namespace) -> None:
    camera = CodedCamera(moving_frames(options.height * 16 // 9, options.height))
    print(camera.url, flush=True)
    threading.Event().wait()


def soak(options: argparse.Namespace) -> None:
    camera = CodedCamera(moving_frames(1280, 720))
    start = time.monotonic()
    count = 0
    memory: list[float] = []
    last = [start, 0]

    def note(frame: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        now = time.monotonic()
        if now - last[0] >= 60:
            rate = (count - last[1]) / (now - last[0])
            memory.append(resident_mebibytes())
            threads, handles = threading.active_count(), open_handles()
            told = f"{now - start:6.0f} s{memory[-1]:8.0f} MiB{threads:5} threads{handles:5} handles{rate:7.1f} shown/s"
            print(told, flush=True)
            last[:] = [now, count]
        if now - start > options.minutes * 60:
            raise KeyboardInterrupt
        return frame

    def restart() -> None:
        time.sleep(options.minutes * 30)
        camera.up.clear()
        print("the camera goes away for 5 s", flush=True)
        time.sleep(5)
        camera.up.set()

    threading.Thread(target=restart, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        Engine(
            webcam_id=camera.url, custom_objects=[MPSegmentation(), note], live=LiveOptions(reconnect=60)
        ).process_webcam()
    print(f"memory from {memory[0]:.0f} to {memory[-1]:.0f} MiB, at most {max(memory):.0f}; {count} frames")
    camera.close()


def resident_mebibytes() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20) if statm.exists() else 0.0


def open_handles() -> int:
    handles = Path("/proc/self/fd")
    return len(list(handles.iterdir())) if handles.exists() else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ways = {"delay": delay, "cost": cost, "soak": soak, "camera": camera_process}
    parser.add_argument("what", choices=ways)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--height", type=int, default=720)
    options = parser.parse_args()
    ways[options.what](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
