"""Animated WebP, PNG, AVIF and GIF as videos: every frame, its time, its transparency, and how often it plays.

Inputs are written by Pillow with known pictures. What FFmpeg writes is read by Pillow, and PNGs by FFmpeg as well.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from conftest import difference
from PIL import Image, ImageCms

from background_removal.compositing.background_loader import BackgroundLoader
from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.kinds import is_video
from background_removal.files.video.animation_source import video_source
from background_removal.files.video.formats import Encoding
from background_removal.page.http_errors import PageError
from background_removal.page.probe import probe_video
from background_removal.page.settings import Limits
from background_removal.support import limits

UNTOUCHED = "--no-segmentation"
WIDTH, HEIGHT = 48, 32
# Different from each other, the last one long, milliseconds; a GIF's are hundredths of a second.
DURATIONS = [40, 70, 100, 250, 1500]
FORMATS = ("webp", "png", "avif", "gif")


def drawing(number: int, hidden: tuple[int, int, int] = (250, 10, 10)) -> np.ndarray:
    """Return one frame as RGBA: a bar that moves, part of it half transparent, before nothing with a hidden colour."""
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., :3] = hidden
    picture[4:28, 4 + 8 * number : 12 + 8 * number] = (40 * number, 220 - 40 * number, 60, 255)
    picture[20:28, 4 + 8 * number : 12 + 8 * number, 3] = 128
    return picture


def drawings(kind: str) -> list[np.ndarray]:
    """Return the frames of a file of this kind: a GIF knows no half transparency."""
    frames = [drawing(number) for number in range(len(DURATIONS))]
    if kind == "gif":
        for frame in frames:
            frame[..., 3] = np.where(frame[..., 3] > 127, 255, 0)
    return frames


def write(path: Path, frames: list[np.ndarray], plays: int = 0, durations: Any = DURATIONS, **options: Any) -> Path:
    """Write an animation in the format of the suffix that plays so often, 0 for endlessly."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    if path.suffix == ".webp":
        options = {"lossless": True, "exact": True, "loop": plays, **options}
    elif path.suffix == ".gif":
        options = {"disposal": 2, **({} if plays == 1 else {"loop": max(0, plays - 1)}), **options}
    elif path.suffix == ".avif":
        options = {"quality": 100, "subsampling": "4:4:4", **options}
    else:
        options = {"loop": plays, **options}
    first.save(path, save_all=True, append_images=others, duration=durations, **options)
    return path


def read(path: Path) -> tuple[list[np.ndarray], list[float], int]:
    """Return the frames as RGBA, their durations in milliseconds, and how often the file plays, as Pillow reads it."""
    frames, durations = [], []
    with Image.open(path) as picture:
        loop = picture.info.get("loop")
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            durations.append(picture.info["duration"])
            frames.append(np.asarray(picture.convert("RGBA")))
    plays = (1 if loop is None else loop and loop + 1) if path.suffix == ".gif" else loop or 0
    return frames, durations, plays


def shown(picture: np.ndarray) -> np.ndarray:
    """Return RGBA as browsers show it, on white: RGB."""
    alpha = picture[..., 3:] / 255
    return picture[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_frame_is_read_with_its_time_and_its_transparency(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"a.{kind}", drawings(kind), plays=3)
    assert is_video(str(path))
    with video_source(str(path), keep_alpha=True) as source:
        info, frames = source.info, list(source)
    assert (info.width, info.height, info.frames, info.alpha) == (WIDTH, HEIGHT, 5, True)
    assert info.plays == (0 if kind == "avif" else 3)  # Pillow cannot say it in an AVIF
    times = [(frame.pts * frame.time_base, frame.duration * frame.time_base) for frame in frames]
    starts = [Fraction(sum(DURATIONS[:number]), 1000) for number in range(5)]
    assert times == [(start, Fraction(each, 1000)) for start, each in zip(starts, DURATIONS, strict=True)]
    assert source.missing == ""
    for frame, wanted in zip(frames, drawings(kind), strict=True):
        assert frame.image.shape == wanted.shape
        assert difference(frame.image[..., 3], wanted[..., 3]) < 1
        visible = wanted[..., 3] > 0
        assert difference(frame.image[visible][:, 2::-1], wanted[visible][:, :3]) < 3
        assert frame.image[frame.image[..., 3] == 0].min(initial=255, where=[True, True, True, False]) == 255


@pytest.mark.parametrize("kind", FORMATS)
def test_results_have_the_times_the_transparency_and_the_plays(run_main, tmp_path: Path, kind: str) -> None:
    write(tmp_path / f"a.{kind}", drawings(kind), plays=3)
    plays = 0 if kind == "avif" else 3
    for suffix in ("webp", "png", "gif", "mp4"):
        name = f"r.{suffix}"
        outcome = run_main(f"a.{kind}", UNTOUCHED, "--output", name)
        assert (outcome.code, outcome.out, outcome.err) == (0, f"{name}\n", "")
        if suffix == "mp4":
            frames, starts, end = decode(tmp_path / name)
            assert starts == pytest.approx([sum(DURATIONS[:number]) / 1000 for number in range(5)])
            assert end == pytest.approx(sum(DURATIONS) / 1000)
        else:
            frames, durations, found = read(tmp_path / name)
            assert (durations, found) == (DURATIONS, plays), name
        assert len(frames) == 5
        for frame, wanted in zip(frames, drawings(kind), strict=True):
            if suffix == "gif":
                wanted[..., 3] = np.where(wanted[..., 3] > 127, 255, 0)
            if suffix != "mp4":
                assert difference(frame[..., 3], wanted[..., 3]) < 3, name
            assert difference(shown(frame), shown(wanted)) < (2 if suffix in ("png", "gif") else 9), name
    if kind != "gif":
        frames, starts, _ = decode(tmp_path / "r.png")
        assert starts == pytest.approx([sum(DURATIONS[:number]) / 1000 for number in range(5)])
        assert difference(shown(frames[2]), shown(drawing(2))) < 2


def decode(path: Path) -> tuple[list[np.ndarray], list[float], float]:
    """Return the frames as RGBA, their times, and the end of the file in seconds, as FFmpeg reads them."""
    with av.open(str(path)) as container:
        end = (container.duration or 0) / av.time_base
        decoded = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgba") for frame in decoded], [frame.time for frame in decoded], end


def test_the_format_stays_where_it_can_be_written(run_main, tmp_path: Path) -> None:
    names = {"a.webp": "a_out.webp", "b.png": "b_out.png", "c.avif": "c_out.webp", "d.gif": "d_out.mp4"}
    for name in names:
        write(tmp_path / name, [np.full((16, 16, 3), 20 * number, np.uint8) for number in range(3)], durations=50)
    (tmp_path / "b.png").rename(tmp_path / "e.apng")
    names["e.apng"] = "e_out.apng"
    del names["b.png"]
    outcome = run_main(*names, UNTOUCHED)
    assert (outcome.code, outcome.out.split()) == (0, list(names.values()))
    for result in ("a_out.webp", "e_out.apng", "c_out.webp"):
        assert len(read(tmp_path / result)[0]) == 3
    assert run_main("a.webp", UNTOUCHED, "--codec", "h264").out == "a_out.mp4\n"
    assert run_main("a.webp", UNTOUCHED, "--frames").out == "a_out\n"
    assert len(list((tmp_path / "a_out").iterdir())) == 3
    outcome = run_main("a.webp", UNTOUCHED, "--jobs", 2)
    assert (outcome.code, outcome.out) == (0, "a_out.webp\n")
    assert "one process does it" in outcome.err
    assert run_main("a.webp", UNTOUCHED, "--output", "r.png", "--end-frame", 1, "--break-on-end").code == 0
    assert len(read(tmp_path / "r.png")[0]) == 2


@pytest.mark.parametrize("kind", ["webp", "png", "gif"])
def test_a_person_is_cut_out_into_animations(run_main, tmp_path: Path, portrait: np.ndarray, kind: str) -> None:
    pictures = [np.roll(portrait[::4, ::4, ::-1], 2 * number, axis=1) for number in range(2)]
    write(tmp_path / "a.webp", pictures, durations=100)
    more = ("--background", "transparent", "--quality", "fast", "--matte", f"m.{kind}")
    assert run_main("a.webp", *more, "--output", f"r.{kind}").code == 0
    cut, mattes = read(tmp_path / f"r.{kind}")[0], read(tmp_path / f"m.{kind}")[0]
    assert (len(cut), len(mattes)) == (2, 2)
    for picture, matte, frame in zip(cut, mattes, pictures, strict=True):
        alpha = matte[..., 0] if kind != "gif" else np.where(matte[..., 0] > 127, 255, 0)
        assert difference(picture[..., 3], alpha) < 4
        assert 0.1 < (picture[..., 3] > 127).mean() < 0.9
        assert set(np.unique(picture[..., 3])) <= {0, 255} or kind != "gif"
        assert difference(picture[alpha > 250][:, :3], frame[alpha > 250]) < 9


@dataclass
class Layer:
    """A frame of a PNG as it is stored: RGBA, its place, and what is done before and after it."""

    pixels: np.ndarray
    left: int
    top: int
    disposal: int
    blend: int


def random_layers(seed: int) -> list[Layer]:
    """Return frames of all kinds; the first one covers the whole canvas, as it has to."""
    random = np.random.default_rng(seed)
    layers = []
    for number in range(9):
        width, height = (random.integers(4, WIDTH), random.integers(4, HEIGHT)) if number else (WIDTH, HEIGHT)
        pixels = np.zeros((height, width, 4), np.uint8)
        pixels[:] = [*random.integers(0, 256, 3), random.choice([0, 90, 255])]
        pixels[: height // 2, :, 3] = 255
        place = random.integers(0, WIDTH - width + 1), random.integers(0, HEIGHT - height + 1)
        layers.append(Layer(pixels, *place, random.integers(0, 3), random.integers(0, 2)))
    return layers


def png_of(layers: list[Layer]) -> bytes:
    """Return an animated PNG of these layers, a tenth of a second each (PNG 3, 11.3.7)."""
    order = itertools.count()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">II5B", WIDTH, HEIGHT, 8, 6, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", len(layers), 0)))
    for layer in layers:
        height, width = layer.pixels.shape[:2]
        first = len(parts) == 3
        place = struct.pack(">5I", next(order), width, height, layer.left, layer.top)
        parts.append(chunk(b"fcTL", place + struct.pack(">HHBB", 1, 10, layer.disposal, layer.blend)))
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in layer.pixels))
        parts.append(chunk(b"IDAT", data) if first else chunk(b"fdAT", struct.pack(">I", next(order)) + data))
    return b"".join([*parts, chunk(b"IEND", b"")])


def compose(layers: list[Layer]) -> list[np.ndarray]:
    """Return what is shown after each layer, RGBA, by the definition."""
    canvas, pictures = np.zeros((HEIGHT, WIDTH, 4)), []
    for number, layer in enumerate(layers):
        height, width = layer.pixels.shape[:2]
        before, area = canvas.copy(), canvas[layer.top : layer.top + height, layer.left : layer.left + width]
        new = layer.pixels.astype(float)
        if layer.blend:
            share, rest = new[..., 3:] / 255, area[..., 3:] / 255 * (1 - new[..., 3:] / 255)
            new[..., :3] = (new[..., :3] * share + area[..., :3] * rest) / np.maximum(share + rest, 1e-9)
            new[..., 3:] = 255 * (share + rest)
        area[:] = new
        pictures.append(canvas.copy())
        if layer.disposal == 1 or (layer.disposal == 2 and not number):
            area[:] = 0
        elif layer.disposal == 2:
            canvas = before
    return pictures


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_frames_of_a_png_are_laid_over_each_other(tmp_path: Path, seed: int) -> None:
    layers = random_layers(seed)
    (tmp_path / "a.png").write_bytes(png_of(layers))
    with video_source(str(tmp_path / "a.png"), keep_alpha=True) as source:
        frames = [frame.image[..., [2, 1, 0, 3]] for frame in source]
    for frame, wanted in zip(frames, compose(layers), strict=True):
        assert abs(frame[..., 3] - wanted[..., 3]).max() <= 1
        assert abs(shown(frame) - shown(wanted)).max() <= 2


def test_transparency_that_only_comes_later_is_kept(run_main, tmp_path: Path) -> None:
    opaque = drawing(0)
    opaque[..., 3] = 255
    for name in ("a.webp", "a.png"):
        write(tmp_path / name, [opaque, drawing(2)], durations=100)
    # One of the colours of this GIF is transparent, which the first frame does not have.
    indexes = [np.full((HEIGHT, WIDTH), number, np.uint8) for number in (1, 2)]
    indexes[1][:, :20] = 0
    plain, holed = (Image.fromarray(each, "P") for each in indexes)
    for picture in (plain, holed):
        picture.putpalette([250, 10, 10, 10, 200, 10, 10, 10, 200])
    plain.save(tmp_path / "a.gif", save_all=True, append_images=[holed], duration=100, transparency=0, disposal=2)
    data = (tmp_path / "a.gif").read_bytes()
    assert data.count(b"\x21\xf9\x04\x08\x0a\0\0\0") == 1
    (tmp_path / "a.gif").write_bytes(data.replace(b"\x21\xf9\x04\x08\x0a\0\0\0", b"\x21\xf9\x04\x09\x0a\0\3\0"))
    for name in ("a.webp", "a.png", "a.gif"):
        assert run_main(name, UNTOUCHED, "--output", "r.png").code == 0
        first, second = read(tmp_path / "r.png")[0]
        assert (first[..., 3].min(), second[0, 0].tolist()) == (255, [255, 255, 255, 0]), name
    opaque[2, 2] = (1, 2, 3, 255)
    write(tmp_path / "b.png", [opaque, opaque[::-1]], durations=100)
    with video_source(str(tmp_path / "b.png"), keep_alpha=True) as source:
        assert not source.info.alpha  # an alpha channel that is opaque throughout


def test_equal_frames_at_the_end_keep_their_time(run_main, tmp_path: Path) -> None:
    write(tmp_path / "a.png", [drawing(0), drawing(1), drawing(1), drawing(1)], durations=[100, 200, 300, 1400])
    for name in ("r.webp", "r.png", "r.gif"):
        assert run_main("a.png", UNTOUCHED, "--output", name).code == 0
        assert sum(read(tmp_path / name)[1]) == 2000, name


def test_delays_of_a_png_are_exact(run_main, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", drawings("png"), durations=10)
    delays = [(1, 30), (1001, 30000), (0, 7), (3, 0), (2, 15)]
    data, at = bytearray(path.read_bytes()), 0
    for delay in delays:
        at = data.index(b"fcTL", at + 4)
        struct.pack_into(">HH", data, at + 24, *delay)
        struct.pack_into(">I", data, at + 30, zlib.crc32(data[at : at + 30]))
    path.write_bytes(data)
    assert run_main("a.png", UNTOUCHED, "--output", "r.png").code == 0
    # No delay counts as a tenth of a second, as in browsers, and the denominator 0 as 100.
    assert png_delays(tmp_path / "r.png") == [
        Fraction(1, 30), Fraction(1001, 30000), Fraction(1, 10), Fraction(3, 100), Fraction(2, 15),
    ]  # fmt: skip


def png_delays(path: Path) -> list[Fraction]:
    parts = path.read_bytes().split(b"fcTL")[1:]
    return [Fraction(*struct.unpack_from(">HH", part, 20)) for part in parts]


def test_a_picture_for_programs_without_animations_is_no_frame(run_main, tmp_path: Path) -> None:
    write(tmp_path / "a.png", [drawing(4), drawing(0), drawing(2)], default_image=True, durations=[100, 200])
    assert run_main("a.png", UNTOUCHED, "--output", "r.webp").code == 0
    frames, durations, _ = read(tmp_path / "r.webp")
    assert durations == [100, 200]
    assert difference(shown(frames[0]), shown(drawing(0))) < 9
    write(tmp_path / "one.png", [drawing(4), drawing(0)], default_image=True, durations=[100])
    write(tmp_path / "one.webp", [drawing(0)], durations=[100])
    for name in ("one.png", "one.webp"):
        assert not is_video(str(tmp_path / name))


@pytest.mark.parametrize("kind", ["webp", "png", "avif"])
def test_what_is_there_of_a_file_that_is_cut_off_is_used(run_main, tmp_path: Path, kind: str) -> None:
    whole = write(tmp_path / f"a.{kind}", drawings(kind))
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) - 25])  # within the fifth frame
    outcome = run_main(whole.name, UNTOUCHED, "--output", "r.png")
    said = {"webp": "its end is missing; only 4 frames could be read"}.get(kind, "only 4 of 5 frames could be read")
    assert (outcome.code, outcome.err) == (1, f"warning: {whole.name}: {said}\n")
    frames, durations, _ = read(tmp_path / "r.png")
    assert durations == DURATIONS[:4]
    assert difference(shown(frames[3]), shown(drawing(3))) < 3
    for length in (40, 100, 300):
        whole.write_bytes(data[:length])
        outcome = run_main("--video", whole.name, UNTOUCHED, "--output", "r.png")
        assert outcome.code in (1, 2)
        assert outcome.err.startswith(("error: ", "warning: ")), outcome.err


@pytest.mark.parametrize("kind", ["webp", "png", "avif"])
def test_frames_are_not_larger_than_allowed(run_main, tmp_path: Path, monkeypatch: Any, kind: str) -> None:
    monkeypatch.setattr(limits, "_max_pixels", limits.MAX_PIXELS)  # so that it is that again afterwards
    write(tmp_path / f"a.{kind}", drawings(kind))
    outcome = run_main(f"a.{kind}", UNTOUCHED, "--max-pixels", WIDTH * HEIGHT - 1)
    assert (outcome.code, f"{WIDTH}x{HEIGHT} are 1,536 pixels, more than" in outcome.err) == (2, True)


def test_only_the_first_picture_is_used_where_an_image_is_asked_for(run_main, tmp_path: Path) -> None:
    write(tmp_path / "a.webp", drawings("webp"))
    outcome = run_main("--image", "a.webp", UNTOUCHED, "--output", "r.png")
    assert (outcome.code, outcome.err) == (0, "note: a.webp: it has 5 pictures; only the first is used\n")
    assert not is_video(str(tmp_path / "r.png"))


def test_an_animation_plays_behind_the_person(tmp_path: Path) -> None:
    write(tmp_path / "a.webp", drawings("webp"), durations=100)
    background = BackgroundLoader().file(tmp_path / "a.webp")
    background.begin(live=False)
    for number in (0, 2, 4, 5):
        background.at(0.1 * number)
        picture = background.picture(WIDTH, HEIGHT)
        assert difference(picture[..., ::-1], shown(drawing(number % 5))) < 1
    background.end()


def test_a_colour_profile_is_converted(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = np.full((16, 16, 3), (200, 30, 90), np.uint8)
    write(tmp_path / "a.webp", [picture, picture[::-1] // 2], durations=100, icc_profile=lab)
    with video_source(str(tmp_path / "a.webp")) as source:
        assert difference(next(iter(source)).image[..., ::-1], picture) < 2


def test_a_gif_of_an_animation_keeps_every_frame_and_the_size(tmp_path: Path) -> None:
    frames = [np.full((20, 700, 3), 12 * number, np.uint8) for number in range(20)]
    source = write(tmp_path / "a.webp", frames, durations=20)
    for encoding, size, count in ((Encoding(), (700, 20), 20), (Encoding(gif_width=70, gif_fps=10), (70, 2), 5)):
        Engine(video_path=source, output_path=tmp_path / "r.gif", encoding=encoding, progress=False).run()
        with Image.open(tmp_path / "r.gif") as picture:
            assert (picture.size, picture.n_frames) == (size, count)


def test_the_page_takes_animations_as_videos(tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.webp", drawings("webp")))
    info = probe_video(path, "a.webp", Limits())
    assert (info.width, info.height, info.frames, info.seconds, info.sound) == (WIDTH, HEIGHT, 5, 1.96, False)
    assert info.media_type == "image/webp"
    with pytest.raises(PageError, match="more than"):
        probe_video(path, "a.webp", Limits(video_pixels=1000))
    with pytest.raises(InputError):
        video_source(str(tmp_path / "none.webp")).open()
