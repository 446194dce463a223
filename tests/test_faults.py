"""Damaged and hostile files, absurd requests: as much as can be had is kept, what is missing is told, in one line."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import struct
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, Clip, difference, done, make_clip, probe, scene
from PIL import Image

from background_removal.compositing.background_loader import BackgroundLoader
from background_removal.engine import Engine
from background_removal.files.images import read_image
from background_removal.segmentation import MPSegmentation
from background_removal.support import limits

UNTOUCHED = "--no-segmentation"


@pytest.fixture(autouse=True)
def _limits_as_they_were():
    yield
    limits.set_limits()


def halved(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def long_clip(path: Path, **more) -> Path:
    """Return a clip of 60 frames whose index, if it has one, stands in front of them."""
    return make_clip(path, [scene(i) for i in range(60)], options={"movflags": "+faststart"}, gop=15, **more).path


# -- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_lost_packet_of_the_sound_of_a_broadcast_costs_a_moment_of_it(tmp_path: Path, run_main, suffix: str) -> None:
    clip = make_clip(tmp_path / "clip.ts", [scene(i) for i in range(50)], sound="aac").path
    whole = probe(clip)
    with av.open(str(clip)) as container:
        sound = container.streams.audio[0].id
    data = clip.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    of_sound = [i for i, packet in enumerate(packets) if (packet[1] & 0x1F) << 8 | packet[2] == sound]
    lost = next(i for i in of_sound[len(of_sound) // 2 :] if not packets[i][1] & 0x40)  # in the midst of some frames
    clip.write_bytes(b"".join(packets[:lost] + packets[lost + 1 :]))
    outcome = run_main("clip.ts", UNTOUCHED, "--output", f"r.{suffix}")
    assert (outcome.code, outcome.err) == (0, "warning: clip.ts: 1 damaged parts of the sound were left out\n")
    result = probe(tmp_path / f"r.{suffix}")
    assert len(result.times) == 50
    assert 0.9 * whole.sound[0][1] < result.sound[0][1] < whole.sound[0][1]


def test_a_clock_that_leaps_by_days_does_not_end_the_process(tmp_path: Path, run_main) -> None:
    """FFmpeg's MP4 muxer takes so long a moment of sound for a mistake of the program's, and aborts."""
    whole = make_clip(tmp_path / "whole.flv", [scene(i) for i in range(25)], sound="aac").path
    with av.open(str(whole)) as source, av.open(str(tmp_path / "clip.flv"), "w") as clip:
        streams = {stream.index: clip.add_stream_from_template(stream) for stream in source.streams}
        for packet in list(source.demux()):
            if packet.dts is None or packet.pts is None:
                continue
            leaps = packet.stream.type == "video" or packet.pts * packet.time_base > 0.5
            packet.pts, packet.dts = (at + round(90_000 / packet.time_base) * leaps for at in (packet.pts, packet.dts))
            packet.stream = streams[packet.stream.index]
            clip.mux(packet)
    outcome = run_main("--video", "clip.flv", UNTOUCHED, "--output", "r.mp4")
    assert outcome.code == 0
    assert outcome.err.startswith("warning: clip.flv: ")
    assert outcome.err.endswith(" damaged parts of the sound were left out\n")
    assert len(probe(tmp_path / "r.mp4").times) == 25


@pytest.mark.parametrize("suffix", ["avi", "mov"])
def test_a_video_of_photos_with_exif_stands_as_players_show_it(tmp_path: Path, run_main, suffix: str) -> None:
    upright = cv2.imread(str(PORTRAIT))[:320, :480]
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = 6  # stored turned a quarter to the left
    Image.fromarray(np.rot90(upright, 1)[..., ::-1]).save(file, "JPEG", exif=exif)
    clip = tmp_path / f"clip.{suffix}"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 480, "yuvj420p"
        for number in range(3):
            packet = av.Packet(file.getvalue())
            packet.pts = packet.dts = number
            packet.time_base, packet.duration, packet.is_keyframe = Fraction(1, 25), 1, True
            packet.stream = stream
            container.mux(packet)
    assert run_main(clip.name, UNTOUCHED, "--output", "r.mp4").code == 0
    images = probe(tmp_path / "r.mp4", images=True).images
    assert len(images) == 3
    assert difference(images[0], upright) < 8
    behind = MPSegmentation(bg_image=str(clip))(np.full((320, 480, 3), 90, np.uint8))
    assert difference(behind, upright) < 8


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "libx264"), ("avi", "mpeg4"), ("mkv", "libx264")])
def test_a_file_cut_to_half_is_done_as_far_as_it_goes_and_told(
    tmp_path: Path, run_main, suffix: str, codec: str
) -> None:
    clip = halved(long_clip(tmp_path / f"clip.{suffix}", codec=codec))
    outcome = run_main(clip.name, UNTOUCHED, "--output", "r.mp4")
    kept = len(probe(tmp_path / "r.mp4").times)
    assert 10 < kept < 50
    told = f"only {kept} of 60 frames" if suffix == "mp4" else " of 2.4 seconds"
    assert (outcome.code, outcome.out) == (1, "r.mp4\n")
    assert outcome.err.startswith("warning: clip.")
    assert told in outcome.err.splitlines()[-1]
    engine = Engine(video_path=clip, output_path=tmp_path / "e.mp4")
    engine.run()
    assert engine.incomplete in outcome.err
    assert engine.incomplete


def test_parts_and_folders_tell_as_well_what_is_missing(tmp_path: Path, run_main) -> None:
    (tmp_path / "in").mkdir()
    images = [scene(i, 96, 64) for i in range(200)]
    clip = make_clip(tmp_path / "in" / "clip.mp4", images, options={"movflags": "+faststart"}, gop=25).path
    size = clip.stat().st_size
    clip.write_bytes(clip.read_bytes()[: size * 3 // 4])
    outcome = run_main(clip, UNTOUCHED, "--jobs", 2, "--output", "r.mp4")
    kept = len(probe(tmp_path / "r.mp4").times)
    told = f"only {kept} of 200 frames could be read"
    assert (outcome.code, outcome.out) == (1, "r.mp4\n"), outcome.err
    assert told in outcome.err
    outcome = run_main(tmp_path / "in", UNTOUCHED, "--output", "out/")
    assert outcome.code == 1
    assert told in outcome.err
    assert len(probe(tmp_path / "out" / "clip.mp4").times) == kept


def test_damage_in_the_sound_does_not_end_the_picture(tmp_path: Path, run_main) -> None:
    clip = long_clip(tmp_path / "clip.mp4", sound="aac")
    data = bytearray(clip.read_bytes())
    at = data.index(b"stco", data.index(b"soun"))  # where the pieces of the sound are
    (count,) = struct.unpack_from(">I", data, at + 8)
    for number in range(1, count):
        struct.pack_into(">I", data, at + 12 + 4 * number, len(data) + 1000)
    clip.write_bytes(data)
    outcome = run_main("clip.mp4", UNTOUCHED)
    assert (outcome.code, len(probe(tmp_path / "clip_out.mp4").times)) == (0, 60), outcome.err


@pytest.mark.parametrize("threads", [1, 8])
def test_damage_at_the_end_costs_what_is_damaged_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(30)], options={"movflags": "+faststart"}).path
    with av.open(str(clip)) as container:
        packets = [(packet.pos, packet.pts) for packet in container.demux(video=0) if packet.size]
    data = bytearray(clip.read_bytes())
    data[packets[-3][0] : packets[-3][0] + 4] = b"\x7f\xff\xff\xff"  # longer than the file
    clip.write_bytes(data)
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "SLICE"
        expected = 0
        for packet in container.demux(video=0):
            with contextlib.suppress(av.FFmpegError):
                expected += len(packet.decode())
    assert expected >= 28
    monkeypatch.setattr("background_removal.support.cores._limit", threads)
    assert len(probe(done(Engine(video_path=clip))).times) == expected


def test_whole_files_are_not_taken_for_damaged_ones(tmp_path: Path, run_main) -> None:
    uneven = [Fraction(i, 25) for i in (*range(20), 40, 41, 90)]
    for name in ("uneven.mkv", "uneven.mp4"):
        make_clip(tmp_path / name, [scene(i, 96, 64) for i in range(23)], times=uneven, sound="aac")
    for name in ("long.mkv", "long.mp4", "long.flv"):  # the sound is
        images = [scene(i, 96, 64) for i in range(25)]
        make_clip(tmp_path / name, images, sound="aac", sound_seconds=4)
    trimmed = long_clip(tmp_path / "trimmed.mp4")
    data = bytearray(trimmed.read_bytes())
    at = data.index(b"elst")  # an edit list shows the first second
    struct.pack_into(">I", data, at + 12, struct.unpack_from(">I", data, at + 12)[0] * 25 // 60)
    trimmed.write_bytes(data)
    outcome = run_main(*sorted(path.name for path in tmp_path.iterdir()), UNTOUCHED, "--output", "out/")
    assert (outcome.code, [line for line in outcome.err.splitlines() if "note:" not in line]) == (0, [])
    assert len(probe(tmp_path / "out" / "trimmed.mp4").times) == 25
    assert run_main("long.mp4", UNTOUCHED, "--end-frame", 9, "--break-on-end", "--output", "r.mp4").code == 0


# -- pictures --------------------------------------------------------------------------------------


def test_damaged_pictures_are_one_line_each_and_no_library_speaks(
    tmp_path: Path, portrait: np.ndarray, run_program
) -> None:
    small = portrait[:256, :256]
    jpeg, png = (cv2.imencode(suffix, small)[1].tobytes() for suffix in (".jpg", ".png"))
    tiff = io.BytesIO()
    Image.fromarray(small).save(tiff, "TIFF", compression="tiff_lzw")
    lzw = bytearray(tiff.getvalue())
    lzw[len(lzw) // 2 : len(lzw) // 2 + 60] = b"\xa5" * 60
    middle = len(jpeg) // 2
    files = {
        "cut.jpg": (jpeg[:middle], "warning"), "wrong.jpg": (jpeg[:middle] + b"\0\xff\xd0" * 20 + jpeg[middle + 60 :],
        "warning"), "cut.png": (png[: len(png) // 2], "error"), "wrong.tif": (bytes(lzw), "warning"),
        "cut.tif": (tiff.getvalue()[:-60], "error"), "whole.jpg": (jpeg, ""),
    }  # fmt: skip
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    outcome = run_program(*files, UNTOUCHED, "--output", "out/")
    lines = outcome.err.splitlines()
    assert outcome.code == 1
    expected = [f"{kind}: {name}:" for name, (_, kind) in files.items() if kind]
    assert [" ".join(line.split(" ")[:2]) for line in lines[:-1]] == expected, outcome.err
    assert lines[-1] == "error: 2 of 6 files failed"
    assert difference(cv2.imread(str(tmp_path / "out" / "cut.jpg"))[:100], small[:100]) < 8


def test_names_cannot_command_the_terminal(tmp_path: Path, run_main) -> None:
    outcome = run_main("no\x1b[31m\nsuch.jpg")
    assert (outcome.code, outcome.err) == (2, "error: no\\x1b[31m\\nsuch.jpg: no such file\n")
    if sys.platform != "win32":
        halved(long_clip(tmp_path / "a\x1b[2J.mp4"))
        assert "warning: a\\x1b[2J.mp4: " in run_main("a\x1b[2J.mp4", UNTOUCHED).err


# -- bombs and absurd requests ---------------------------------------------------------------------


def header_of_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_the_largest_picture_that_is_read_can_be_chosen(tmp_path: Path, portrait: np.ndarray, run_main) -> None:
    (tmp_path / "bomb.png").write_bytes(header_of_png(30_000, 30_000))
    told = "bomb.png: 30000x30000 are 900,000,000 pixels, more than the 268,435,456 that are allowed; raise --max-p"
    for arguments in (["bomb.png"], [PORTRAIT, "--background", "bomb.png"], [PORTRAIT, "--logo", "bomb.png"]):
        outcome = run_main(*arguments, "--output", "r.png")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert told in outcome.err
    small = portrait[:64, :64]
    names = [f"a.{suffix}" for suffix in ("jpg", "png", "webp", "tiff", "bmp", "jp2", "avif")]
    for name in names:
        cv2.imwrite(str(tmp_path / name), small)
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(small)).save(tmp_path / "a.heic")
    for name in (*names, "a.heic"):
        limits.set_limits(max_pixels=4095)
        with pytest.raises(limits.InputError, match="64x64 are 4,096 pixels, more than the 4,095"):
            read_image(str(tmp_path / name))
        limits.set_limits(max_pixels=4096)
        assert read_image(str(tmp_path / name)).shape == (64, 64, 3)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.ts"])
def test_the_largest_frame_that_is_read_can_be_chosen(clip, tmp_path: Path, run_main, name: str) -> None:
    made: Clip = clip(name, frames=10, width=64, height=48, codec="mpeg4" if name.endswith("avi") else "libx264")
    outcome = run_main(made.path.name, UNTOUCHED, "--max-pixels", 3000, "--output", "r.mp4")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "64x48 are 3,072 pixels, more than the 3,000 that are allowed; raise --max-pixels" in outcome.err
    assert run_main(made.path.name, UNTOUCHED, "--max-pixels", 3072, "--output", "r.mp4").code == 0


@pytest.mark.parametrize("side", [0, 60_000])
def test_a_network_of_absurd_size_is_refused(tmp_path: Path, run_main, side: int) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    mask = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, side, side])
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1], keepdims=1)
    model = helper.make_model(
        helper.make_graph([node], "g", [image], [mask]), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.save(model, str(tmp_path / "m.onnx"))
    outcome = run_main(PORTRAIT, "--model", "m.onnx", "--output", "r.png")
    assert outcome.code == 2
    assert f"m.onnx: the model's input of {side}x{side} cannot be" in outcome.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (f"{PORTRAIT} --config /dev/zero", "--config /dev/zero: is a device, a pipe or a socket"),
        (f"{PORTRAIT} --config pipe", "--config pipe: is a device, a pipe or a socket"),
        (f"{PORTRAIT} --model pipe.onnx", "--model pipe.onnx: is a device, a pipe or a socket"),
        (f"{PORTRAIT} --background pipe", "--background pipe: is a device, a pipe or a socket"),
        (f"{PORTRAIT} --logo pipe", "--logo pipe: is a device, a pipe or a socket"),
        ("pipe", "pipe: is a device, a pipe or a socket"),
        ("--video pipe", "pipe: is a device, a pipe or a socket"),
        (f"{PORTRAIT} --output pipe.png", "pipe.png: is not an ordinary file"),
        (f"{PORTRAIT} --output nowhere.png", "nowhere.png: is a link into the folder"),
        ("clip.mp4 --output s/%0999999999d.png", "%0999999999d.png: a picture's number has at most 10 digits"),
        ("clip.mp4 --output s/%0999999999d.png --resume", "a picture's number has at most 10 digits"),
        ("--size 99999999999x5", "--size 99999999999x5: must be two numbers from 1 to 65536"),
        (f"{PORTRAIT} --blur 999999999", "'999999999' is no blur"),
        (f"{PORTRAIT} --max-pixels 0", "--max-pixels 0: must be from 1 to"),
        ("s3://", "s3://: names no bucket; it must be s3://bucket/key"),
        ("s3:///", "s3:///: names no bucket"),
        (f"{PORTRAIT} --output s3://", "s3://: names no bucket"),
        (f"{PORTRAIT} --background s3:///", "s3:///: names no bucket"),
    ],
)
def test_what_cannot_be_is_a_bad_request(tmp_path: Path, run_main, arguments: str, told: str) -> None:
    for name in ("pipe", "pipe.onnx", "pipe.png"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "not there" / "x.png")
    outcome = run_main(*arguments.split())
    assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
    assert told in outcome.err
    assert not (tmp_path / "not there").exists()


def test_a_blur_that_is_much_wider_one_way_is_that() -> None:
    stripes = np.repeat(np.arange(512, dtype=np.uint16)[None] // 64 * 30, 512, axis=0).astype(np.uint8)
    image = cv2.merge([stripes] * 3)
    image[256:] += 20
    tall = MPSegmentation(bg_blur_ratio=(1, 99_999))(image)  # minutes, if it were done in full size
    assert np.ptp(tall[:, 200]) <= 2
    assert np.abs(tall[100, 32::64, 0].astype(int) - image[100, 32::64, 0] - 10).max() <= 2


@pytest.mark.parametrize("rate", [25, 30, 50])
def test_a_gif_has_no_more_frames_a_second_than_it_may(tmp_path: Path, rate: int) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i, 64, 48) for i in range(3 * rate)], rate=Fraction(rate)).path
    assert 13 * 3 <= len(probe(done(Engine(video_path=clip, output_path=tmp_path / "r.gif"))).times) <= 15 * 3 + 1


# -- files that reach for others -------------------------------------------------------------------


def test_a_file_that_names_others_reads_them_only_if_told_to(tmp_path: Path, run_main) -> None:
    make_clip(tmp_path / "secret.ts", [scene(i) for i in range(5)], sound="aac")
    (tmp_path / "script.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n")
    for name in ("script.mp4", "list.m3u8"):
        for arguments in ([name, UNTOUCHED], [PORTRAIT, "--background", name], [name, UNTOUCHED, "--jobs", 2]):
            outcome = run_main(*arguments, "--output", "r.mkv" if name == arguments[0] else "r.png")
            assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
            assert f"{name}: is a list of other files, which are not read; if you trust it, say --follow" in outcome.err
        assert run_main(name, UNTOUCHED, "--follow", "--output", "r.mkv").code == 0
        found = probe(tmp_path / "r.mkv")
        assert (len(found.times), len(found.sound)) == (5, 1)


def test_damage_is_told_once_of_a_background_that_plays_over_and_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = halved(long_clip(tmp_path / "clip.mp4"))
    video = BackgroundLoader().file(clip)
    with caplog.at_level(logging.WARNING):
        video.begin(live=False)
        for seconds in range(5):
            video.at(seconds)
            video.picture(64, 48)
    assert caplog.text.count("only ") == 1
