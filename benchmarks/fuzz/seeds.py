"""Files that fuzzing begins with: small ones of every kind that the program reads, made on the spot."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

FRAMES = 30
_SIZE = (96, 64)
# Name, codec, pixel format, codec of the sound.
_VIDEOS = (
    ("h264.mp4", "libx264", "yuv420p", "aac"),
    ("h264.mkv", "libx264", "yuv420p", "libopus"),
    ("h264.ts", "libx264", "yuv420p", "aac"),
    ("mpeg4.avi", "mpeg4", "yuv420p", "mp3"),
    ("mjpeg.mov", "mjpeg", "yuvj420p", "pcm_s16le"),
    ("vp9.webm", "libvpx-vp9", "yuv420p", "libopus"),
    ("h265.mp4", "libx265", "yuv420p10le", None),
    ("flash.flv", "flv1", "yuv420p", "mp3"),
    ("moving.gif", "gif", "rgb8", None),
)
_SETTINGS = """# how I look
threshold = 0.5
background = "#204060"
blur = "medium"
edge_softness = 0.5
light_wrap = 0.2
flip = true
model = "general"
"""


@dataclass(frozen=True, slots=True)
class Seed:
    """A file in order; `frames` is 0 for what is not a video."""

    kind: str
    name: str
    data: bytes
    frames: int = 0


def make_seeds(folder: Path) -> list[Seed]:
    """Make all seeds; those whose encoder this computer lacks are left out."""
    seeds = []
    for name, codec, pix_fmt, sound in _VIDEOS:
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            _video(folder / name, codec, pix_fmt, sound)
            seeds.append(Seed("video", name, (folder / name).read_bytes(), FRAMES))
    seeds += [Seed("image", name, data) for name, data in _images().items()]
    seeds.append(Seed("settings", "look.toml", _SETTINGS.encode()))
    seeds += [Seed("model", name, data) for name, data in _models().items()]
    return seeds


def _scene(index: int) -> np.ndarray:
    y, x = np.mgrid[0 : _SIZE[1], 0 : _SIZE[0]]
    return np.stack([(5 * x + 3 * index) % 256, (2 * y + index) % 256, (x // 8 + y // 8) % 2 * 200], -1).astype(
        np.uint8
    )


def _video(path: Path, codec: str, pix_fmt: str, sound: str | None) -> None:
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        video.width, video.height = _SIZE
        video.pix_fmt = pix_fmt
        if codec == "libx265":
            video.options = {"x265-params": "log-level=none"}
        video.codec_context.gop_size = 10
        rate = 48000 if sound == "libopus" else 44100
        audio = container.add_stream(sound, rate=rate, layout="mono") if sound else None
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(_scene(index), format="bgr24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            tone = (0.3 * np.sin(np.arange(rate * FRAMES // 25) / 20)).astype(np.float32)[None]
            for start in range(0, tone.shape[1], 1024):
                part = np.ascontiguousarray(tone[:, start : start + 1024])
                chunk = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
                chunk.rate, chunk.pts, chunk.time_base = rate, start, Fraction(1, rate)
                container.mux(audio.encode(chunk))
            container.mux(audio.encode(None))


def _images() -> dict[str, bytes]:
    image = _scene(0)
    alpha = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    alpha[..., 3] = image[..., 0]
    tiff_lzw = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
    made = {
        "a.jpg": (".jpg", image, []),
        "progressive.jpg": (".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        "a.png": (".png", image, []),
        "alpha.png": (".png", alpha, []),
        "deep.png": (".png", image.astype(np.uint16) * 257, []),
        "grey.png": (".png", image[..., 0], []),
        "a.webp": (".webp", image, []),
        "a.bmp": (".bmp", image, []),
        "a.tiff": (".tiff", image, tiff_lzw),
        "plain.tiff": (".tiff", image, [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        "a.ppm": (".ppm", image, []),
        "a.avif": (".avif", image, []),
    }
    files = {}
    for name, (suffix, picture, options) in made.items():
        with contextlib.suppress(cv2.error):
            files[name] = cv2.imencode(suffix, picture, options)[1].tobytes()
    # EXIF with an orientation, as phones write it.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    jpeg = files["a.jpg"]
    files["turned.jpg"] = jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]
    return files


def _models() -> dict[str, bytes]:
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("zero", 0), ("one", 1), ("axis", 1))
    ]
    plain = [helper.make_node("Slice", ["image", "zero", "one", "axis"], ["result"])]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, 3, 3, 3], np.linspace(-1, 1, 27).tolist())
    folded = [
        helper.make_node("Conv", ["image", "weights"], ["sums"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Sigmoid", ["sums"], ["result"]),
    ]
    return {
        "free.onnx": _model(plain, constants, ["h", "w"]),
        "fixed.onnx": _model(folded, [weights], [64, 96]),
    }


def _model(nodes: list, constants: list, size: list) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 1, *size])
    graph = helper.make_graph(nodes, "seed", [image], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
