#!/usr/bin/env python3
"""What a video costs: the engine against a bare transcode and against the original's loop, in one run.

    python benchmarks/video.py [--rounds N] [--seconds S] [--height P]

A clip of a moving person before a noisy room, with sound, is made for it. Every round runs every entry once, in
turn, each in a process of its own; the ratios are medians of the ratios of each round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

from matte import MOMENTS, Original, moving_frames  # noqa: E402

from engine import Engine  # noqa: E402
from files.formats import Encoding, encoder_options  # noqa: E402
from selfieSegmentation import MPSegmentation  # noqa: E402

RATE = 30


def make_clip(path: Path, width: int, height: int, seconds: float) -> None:
    """Write the clip: back and forth through the frames of `moving_frames`, fresh noise on each, a tone."""
    frames = moving_frames(width, height)
    order = [*range(MOMENTS), *range(MOMENTS - 2, 0, -1)]
    rng = np.random.default_rng(2)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "16", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=48000)
        for index in range(round(seconds * RATE)):
            frame = frames[order[index % len(order)]]
            noise = rng.integers(0, 9, (height // 2, width // 2, 3), np.uint8)
            noisy = np.empty_like(frame)
            cv2.add(frame, cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST), dst=noisy)
            container.mux(video.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(round(seconds * 48000)) * 2 * np.pi * 440 / 48000).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            part = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, start : start + 1024]), format="fltp", layout="mono"
            )
            part.rate, part.pts, part.time_base = 48000, start, Fraction(1, 48000)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))


def transcode(source: str, output: str) -> None:
    """Decode and encode, nothing between, the sound's packets copied."""
    options = encoder_options("libx264", Encoding(), alpha=False)
    with av.open(source) as reading, av.open(output, "w", options={"movflags": "+faststart"}) as writing:
        video, audio = reading.streams.video[0], reading.streams.audio[0]
        video.thread_type = "AUTO"
        encoder = writing.add_stream("libx264", rate=video.average_rate, options=options)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
        encoder.codec_context.time_base = video.time_base
        copied = writing.add_stream_from_template(audio)
        for packet in reading.demux(video, audio):
            if packet.stream is audio:
                if packet.size:
                    packet.stream = copied
                    writing.mux(packet)
                continue
            for frame in packet.decode():
                frame.pict_type = 0
                writing.mux(encoder.encode(frame))
        writing.mux(encoder.encode(None))


def identity(source: str, output: str) -> None:
    Engine(video_path=source, output_path=output, custom_objects=[lambda image: image]).run()


def blur(source: str, output: str) -> None:
    Engine(video_path=source, output_path=output, custom_objects=[MPSegmentation(bg_blur_ratio=(45, 45))]).run()


def original(source: str, output: str) -> None:
    """OpenCV reads and writes MPEG-4 Part 2, without sound; the mask and the blur are the original's."""
    capture = cv2.VideoCapture(source)
    size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(output, cv2.VideoWriter.fourcc(*"mp4v"), int(capture.get(cv2.CAP_PROP_FPS)), size)
    process = Original()
    while True:
        done, frame = capture.read()
        if not done:
            break
        writer.write(process(frame))
    writer.release()


WAYS = {
    "(a) bare transcode": transcode,
    "(b) engine, identity": identity,
    "(c) engine, blur": blur,
    "(d) original's loop": original,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)  # one entry, in a process of its own
    options = parser.parse_args()
    if options.run:
        way, source, output = options.run
        start = time.perf_counter()
        WAYS[way](source, output)
        print(time.perf_counter() - start, peak_mebibytes())
        return 0
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    peaks = dict.fromkeys(WAYS, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "clip.mp4"
        make_clip(source, options.height * 16 // 9, options.height, options.seconds)
        for _ in range(options.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--run", way, str(source), str(Path(folder) / "result.mp4")]
                spent, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                times[way].append(float(spent))
                peaks[way] = max(peaks[way], float(peak))
    print(f"{options.height}p, {options.seconds:g} s{'':15}{'seconds':>10}{'peak MiB':>10}")
    for way, values in times.items():
        print(f"{way:30}{statistics.median(values):10.2f}{peaks[way]:10.0f}")
    print()
    for above, below in (("(b)", "(a)"), ("(c)", "(a)"), ("(d)", "(c)")):
        first, second = (next(values for way, values in times.items() if way.startswith(key)) for key in (above, below))
        quotient = statistics.median(a / b for a, b in zip(first, second, strict=True))
        print(f"{above} / {below}{quotient:28.2f}")
    return 0


def peak_mebibytes() -> float:
    """Return the most memory that this process has held, where the system tells (not on Windows)."""
    status = Path("/proc/self/status")
    if status.exists():  # the resource module would also count what the parent held before it started us
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    if sys.platform == "win32":
        return float("nan")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
