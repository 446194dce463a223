#!/usr/bin/env python3
"""An HTTP camera of this computer for benchmarks/live.py: its pictures may carry the time at which they were made.

python benchmarks/live_camera.py 720 [CLIP]    serves pictures 720 pixels high, of a clip perhaps, and says where
"""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from matte import moving_frames

RATE = 30
_SQUARE, _BITS = 16, 32


class CodedCamera:
    """Serves pictures as MJPEG, each made when it is sent."""

    def __init__(self, frames: list[np.ndarray], rate: float = RATE, coded: bool = True) -> None:
        self._frames = frames
        # Without the time there is nothing to be drawn: compressed once, they cost next to nothing to send.
        self._data = [] if coded else [jpeg(frame) for frame in frames]
        self._rate = rate
        self.up = threading.Event()
        self.up.set()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
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
                if self._data:
                    data = self._data[number % len(self._data)]
                else:
                    picture = self._frames[number % len(self._frames)]
                    draw_time(picture, time.monotonic())
                    data = jpeg(picture)
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


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


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


def clip_frames(clip: str, height: int, count: int = 150) -> list[np.ndarray]:
    """Return the first frames of a clip at a height, and then the same backwards."""
    capture, frames = cv2.VideoCapture(clip), []
    while len(frames) < count and (read := capture.read())[0]:
        width = round(read[1].shape[1] * height / read[1].shape[0] / 2) * 2
        frames.append(cv2.resize(read[1], (width, height), interpolation=cv2.INTER_AREA))
    capture.release()
    return frames + frames[-2:0:-1]


@contextlib.contextmanager
def camera_of(height: int, clip: str = "") -> Iterator[str]:
    """Give the URL of a camera that runs in a process of its own, and shows a clip forwards and backwards."""
    command = [sys.executable, __file__, str(height), *([clip] if clip else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as camera:
        assert camera.stdout is not None
        try:
            yield camera.stdout.readline().strip()
        finally:
            camera.terminate()


def main() -> int:
    height = int(sys.argv[1])
    frames = clip_frames(sys.argv[2], height) if len(sys.argv) > 2 else moving_frames(height * 16 // 9, height)
    camera = CodedCamera(frames, coded=False)
    print(camera.url, flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
