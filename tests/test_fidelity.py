"""What a video keeps on its way through: colours, chapters and titles, every kind of file out, transparency."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, Clip, difference, done, make_clip, probe, scene

from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.video.color import hdr
from background_removal.files.video.color.yuv import FromBgr, ToBgr, bgr_to_yuv_matrix, yuv_to_bgr_matrix
from background_removal.files.video.formats import Encoding
from background_removal.pipeline.frame import ColorDescription as Color
from background_removal.segmentation import MPSegmentation

BT709, BT601, LIMITED, FULL = 1, 6, 1, 2


def identity(image: np.ndarray) -> np.ndarray:
    return image


def planes(path: Path | str) -> list[list[np.ndarray]]:
    """Decode a 4:2:0 file without any conversion: Y, U, V of every frame."""
    with av.open(str(path)) as container:
        return [
            [
                np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width].astype(float)
                for p in frame.planes
            ]
            for frame in container.decode(video=0)
        ]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((a - b) ** 2).mean(), 1e-9)))


def tagged_clip(path: Path, matrix: int, value_range: int) -> Path:
    """Write a clip whose YUV is made from a portrait and colour bars as its tags say."""
    bars = np.zeros((512, 512, 3), np.uint8)
    for number in range(8):
        bars[:, number * 64 : (number + 1) * 64] = [255 * (number >> bit & 1) for bit in (0, 1, 2)]
    images = [cv2.imread(str(PORTRAIT)), bars]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "8"})
        video.width, video.height, video.pix_fmt = 512, 512, "yuv420p"
        video.colorspace, video.color_range = matrix, value_range
        video.color_primaries = video.color_trc = matrix
        convert = FromBgr(Color(matrix, value_range, matrix, matrix), "yuv420p", 512, 512)
        for index in range(10):
            frame = convert(np.roll(images[index // 5], 5 * index, axis=1))
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


@pytest.mark.parametrize("value_range", [LIMITED, FULL], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [BT601, BT709], ids=["BT.601", "BT.709"])
def test_colours_come_through(tmp_path: Path, matrix: int, value_range: int) -> None:
    source = tagged_clip(tmp_path / "clip.mp4", matrix, value_range)
    result = done(Engine(video_path=source, custom_objects=[identity], encoding=Encoding(crf=12)))
    with av.open(result) as container:
        frame = next(container.decode(video=0))
        tags = (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
    assert tags == (matrix, value_range, matrix, matrix)
    for before, after in zip(planes(source), planes(result), strict=True):
        for name, a, b in zip("YUV", before, after, strict=True):
            assert psnr(a, b) >= (42 if name == "Y" else 40), name
            assert abs(a.mean() - b.mean()) <= 0.5, name


@pytest.mark.parametrize("value_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT601, BT709, 9])
def test_yuv_agrees_with_swscale(portrait: np.ndarray, matrix: int, value_range: int) -> None:
    if matrix == 9 and int(av.__version__.split(".")[0]) < 18:
        pytest.skip("PyAV 17 does not hand BT.2020 on to swscale")
    color = Color(matrix, value_range, 1, 1)
    ours = FromBgr(color, "yuv420p", 512, 512)(portrait)
    swscale = FromBgr(color, "yuv444p", 512, 512)(portrait)
    # 4:4:4 has a luma like 4:2:0, by the other of the two ways.
    luma = [np.frombuffer(memoryview(f.planes[0]), np.uint8).reshape(512, -1)[:, :512] for f in (ours, swscale)]
    assert np.abs(luma[0].astype(int) - luma[1]).max() <= 2
    assert difference(ToBgr(color, 512, 512)(ours), portrait) < 2
    assert difference(ToBgr(color, 512, 512)(swscale), portrait) < 2


def test_matrices_are_those_of_the_standards() -> None:
    white = bgr_to_yuv_matrix(BT709, False) @ (255, 255, 255, 1)
    assert white == pytest.approx((235, 128, 128))
    red = bgr_to_yuv_matrix(BT601, False) @ (0, 0, 255, 1)
    assert red == pytest.approx((81.5, 90.2, 240), abs=0.1)  # as every table of BT.601 colour bars has it
    assert yuv_to_bgr_matrix(BT709, True) @ (255, 128, 128, 1) == pytest.approx((255, 255, 255))


def ffmpeg(*arguments: object) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuvj420p", "gray"])
def test_other_samplings_and_depths_come_through(tmp_path: Path, portrait: np.ndarray, pix_fmt: str) -> None:
    images = [np.roll(portrait, 3 * i, axis=1) for i in range(5)]
    codec = "libx264" if pix_fmt == "yuvj420p" else "ffv1"
    source = make_clip(tmp_path / "clip.mkv", images, pix_fmt=pix_fmt, codec=codec)
    found = probe(done(Engine(video_path=source.path, custom_objects=[identity])), images=True)
    expected = [cv2.cvtColor(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR) for i in images]
    for image, wanted in zip(found.images, expected if pix_fmt == "gray" else images, strict=True):
        assert difference(image, wanted) < 4


@pytest.mark.parametrize(("transfer", "name"), [(hdr.PQ, "smpte2084"), (hdr.HLG, "arib-std-b67")])
def test_high_dynamic_range_becomes_ordinary(tmp_path: Path, transfer: int, name: str) -> None:
    # A grey ramp of BT.2020, 10 bit: left black, right the brightest there is.
    ramp = (np.arange(640) * 876 // 639 + 64).astype("<u2")
    raw = tmp_path / "ramp.yuv"
    raw.write_bytes(np.concatenate([np.tile(ramp, 360), np.full(320 * 180 * 2, 512, "<u2")]).tobytes() * 3)
    source = tmp_path / "hdr.mkv"
    tags = ["-color_primaries", "bt2020", "-color_trc", name, "-colorspace", "bt2020nc", "-color_range", "tv"]
    rawvideo = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "640x360", "-r", 25, *tags, "-i", raw]
    ffmpeg(*rawvideo, "-c:v", "libx265", "-x265-params", "lossless=1:log-level=error", *tags, source)
    result = done(Engine(video_path=source, custom_objects=[identity]))
    with av.open(result) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)
    row = probe(result, images=True).images[1][180].astype(int)
    assert np.abs(row - row.mean(axis=1, keepdims=True)).max() <= 3, "grey must stay grey"
    assert (np.diff(row.mean(axis=1)) > -3).all()
    assert row[5].max() < 12
    assert row[-5].min() > 245
    # The white of a page, 203 cd/m2: 58 % of a PQ signal, 75 % of an HLG one (ITU-R BT.2408).
    white = row[round(639 * (0.58 if transfer == hdr.PQ else 0.75))].mean()
    assert 215 < white < 242


def test_tone_mapping_keeps_hues_and_order() -> None:
    levels = np.linspace(0, 1, 50)
    for transfer in (hdr.PQ, hdr.HLG):
        grey = hdr.map_tones(np.stack([levels] * 3, axis=-1), transfer)
        assert (np.diff(grey[:, 0]) >= 0).all()
        assert grey.min() >= 0
        assert grey.max() <= 1
        orange = hdr.map_tones(np.array([[0.7, 0.6, 0.5]]), transfer)[0]
        assert orange[0] > orange[1] > orange[2]


def test_chapters_and_titles_are_kept(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    described = tmp_path / "titles.txt"
    chapters = "".join(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n}000\nEND={n + 1}000\ntitle=Part {n}\n" for n in range(2))
    described.write_text(f";FFMETADATA1\ntitle=A title\ncreation_time=2020-01-02T03:04:05.000000Z\n{chapters}")
    plain = clip("plain.mp4", 50, sound="aac").path
    source = tmp_path / "titled.mp4"
    ffmpeg("-i", plain, "-i", described, "-map_metadata", 1, "-map_chapters", 1, "-c", "copy", source)
    for suffix in (".mp4", ".mkv", ".mov"):
        result = done(Engine(video_path=source, output_path=tmp_path / f"result{suffix}"))
        with av.open(result) as container:
            assert container.metadata["title"] == "A title"
            assert container.metadata["creation_time"].startswith("2020-01-02T03:04:05")
            found = [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in container.chapters()]
        assert found == [("Part 0", 0.0), ("Part 1", 1.0)]


def test_all_sound_tracks_are_kept(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    plain = clip("plain.mkv", 30, sound="aac").path
    source = tmp_path / "two.mkv"
    tracks = ["-map", "0:v", "-map", "0:a", "-map", "0:a", "-metadata:s:a:0", "language=eng"]
    ffmpeg("-i", plain, *tracks, "-metadata:s:a:1", "language=deu", "-c", "copy", source)
    result = done(Engine(video_path=source))
    assert probe(result).sound == probe(source).sound
    with av.open(result) as container:
        assert [track.metadata["language"] for track in container.streams.audio] == ["eng", "deu"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "codec", "sound"),
    [
        ("r.mp4", {}, "h264", "aac"),
        ("r.mp4", {"codec": "h265"}, "hevc", "aac"),
        ("r.mp4", {"codec": "av1"}, "av1", "aac"),
        ("r.mov", {}, "h264", "aac"),
        ("r.mov", {"codec": "prores"}, "prores", "aac"),
        ("r.mkv", {"codec": "h265"}, "hevc", "aac"),
        ("r.mkv", {"codec": "vp9"}, "vp9", "aac"),
        ("r.webm", {}, "vp9", "opus"),
        ("r.webm", {"codec": "av1"}, "av1", "opus"),
        ("r.mp4", {"encoder": "libx264"}, "h264", "aac"),
        ("r.gif", {"gif_fps": 50}, "gif", None),
        ("r.webp", {}, "webp", None),
    ],
)
def test_formats_out(clip, tmp_path: Path, name: str, options: dict, codec: str, sound: str | None) -> None:
    source = clip("clip.mp4", 12, sound="aac", rate=Fraction(25)).path
    output = tmp_path / name
    done(Engine(video_path=source, output_path=output, custom_objects=[identity], encoding=Encoding(**options)))
    if codec == "webp":  # FFmpeg does not decode what it encodes there
        from_webp = cv2.imreadanimation(str(output))[1]
        assert len(from_webp.frames) == 12
        assert difference(from_webp.frames[7][..., :3], scene(7)) < 12
        assert set(np.array(from_webp.durations).ravel().tolist()) == {40}
        return
    found = probe(output, images=True)
    assert found.codec.replace("libdav1d", "av1") == codec
    assert found.times == probe(source).times
    assert [track[0].removeprefix("lib") for track in found.sound] == ([sound] if sound else [])
    for index, image in enumerate(found.images):
        assert difference(image, scene(index)) < 12


def test_a_gif_leaves_out_frames_that_browsers_would_play_slowly(clip, tmp_path: Path) -> None:
    source = clip("clip.mkv", 30, rate=Fraction(100)).path
    done(Engine(video_path=source, output_path=tmp_path / "r.gif", encoding=Encoding(gif_fps=50)))
    steps = np.diff(np.array(probe(tmp_path / "r.gif").times, dtype=float))
    assert steps.min() > 0.0199
    assert len(steps) == 14


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("r.mp4", {"codec": "vp9"}, "takes h264, h265, av1"),
        ("r.webm", {"codec": "h264"}, "takes vp9, av1"),
        ("r.mp4", {"encoder": "h264_nonsense"}, "does not open on this computer; those that do"),
        ("r.mp4", {"encoder": "aac"}, "does not open"),
        ("r.webm", {"encoder": "libx264"}, "takes vp9, av1"),
        ("r.mp4", {"crf": 52}, "between 0 .best. and 51"),
        ("r.webm", {"crf": 64}, "between 0 .best. and 63"),
        ("r.xyz", {}, "cannot write a video as '.xyz'; use .mp4"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(clip, tmp_path, name, options, complaint) -> None:
    source = clip(frames=3).path
    with pytest.raises(InputError, match=complaint):
        done(Engine(video_path=source, output_path=tmp_path / name, encoding=Encoding(**options)))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def with_alpha(image: np.ndarray) -> np.ndarray:
    """A disc that moves with the picture, its edge soft."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(x - 160, y - 120)
    return np.dstack([image, np.clip((90 - distance) * 8, 0, 255).astype(np.uint8)])


def read_alpha(path: Path) -> list[np.ndarray]:
    """Decode with the decoder that knows of alpha; BGRA of every frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name in ("vp9", "libvpx-vp9"):
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frames = [f for packet in container.demux(stream) for f in decoder.decode(packet if packet.size else None)]
        else:
            frames = list(container.decode(stream))
        return [frame.to_ndarray(format="bgra") for frame in frames]


@pytest.mark.parametrize("name", ["r.webm", "r.mov", "r.webp", "r/%03d.png"])
def test_transparency_is_read_back_as_it_was(clip, tmp_path: Path, name: str) -> None:
    source = clip("clip.mp4", 8).path
    output = tmp_path / name
    done(Engine(video_path=source, output_path=output, custom_objects=[with_alpha]))
    if name.endswith(".png"):
        pictures = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(output.parent.iterdir())]
    elif name.endswith(".webp"):
        pictures = list(cv2.imreadanimation(str(output))[1].frames)
    else:
        pictures = read_alpha(output)
    assert len(pictures) == 8
    for index, picture in enumerate(pictures):
        wanted = with_alpha(scene(index))
        assert picture.shape == wanted.shape
        assert difference(picture[..., 3], wanted[..., 3]) < 1.5
        person = wanted[..., 3] > 250
        assert difference(picture[..., :3][person], wanted[..., :3][person]) < 18  # 4:2:0 on harsh colours


def test_transparency_elsewhere_is_refused_with_the_list(clip, tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv"):
        with pytest.raises(InputError, match=rf"{suffix} cannot store transparency; choose .mov, .webm, .webp, or"):
            done(Engine(video_path=clip().path, output_path=tmp_path / f"r{suffix}", custom_objects=[with_alpha]))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_person_is_cut_out_of_a_video(tmp_path: Path, portrait: np.ndarray) -> None:
    source = make_clip(tmp_path / "clip.mp4", [portrait] * 5).path
    output = tmp_path / "cutout.webm"
    Engine(video_path=source, output_path=output, custom_objects=[MPSegmentation(background="transparent")]).run()
    found = read_alpha(output)[3]
    assert difference(found[..., 3], MPSegmentation().alpha(portrait) * 255) < 4


def test_frames_outside_the_range_are_opaque_in_a_transparent_video(tmp_path: Path, portrait: np.ndarray) -> None:
    source = make_clip(tmp_path / "clip.mp4", [portrait] * 6).path
    for name in ("r.webm", "r.mov"):
        output = tmp_path / name
        transparent = MPSegmentation(background="transparent")
        Engine(
            video_path=source, output_path=output, custom_objects=[transparent], start_video_frame=2, end_video_frame=4
        ).run()
        opaque = [picture[..., 3].min() > 250 for picture in read_alpha(output)]
        assert opaque == [True, True, False, False, False, True]


def test_a_broadcast_begins_at_zero_with_its_sound(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    plain = clip("plain.mp4", 50, sound="aac").path
    source = tmp_path / "tv.ts"
    ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", 36000, source)
    result = done(Engine(video_path=source))
    times = probe(result).times
    with av.open(result) as container:
        sound = next(container.decode(audio=0)).time
    with av.open(str(source)) as container:
        before = float(probe(source).times[0]) - next(container.decode(audio=0)).time
    assert 0 <= times[0] < 0.2
    assert float(times[0]) - sound == pytest.approx(before, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "suffix", "kept"), [
    ("pcm_alaw", ".mkv", None), ("pcm_s16le", ".mov", "pcm_s16le"), ("pcm_s16le", ".mkv", "pcm_s16le"),
    ("pcm_s16le", ".webm", "opus"),
])  # fmt: skip
def test_sound_of_every_kind_comes_through(tmp_path, clip, codec: str, suffix: str, kept: str | None) -> None:
    plain = clip("plain.mp4", 50, sound="aac").path
    source = tmp_path / "clip.mov"
    ffmpeg("-i", plain, "-c:v", "copy", "-c:a", codec, "-ac", 4, source)
    result = done(Engine(video_path=source, output_path=tmp_path / f"r{suffix}"))
    [track] = probe(result).sound
    assert track[1] > 0
    assert kept is None or track[0].removeprefix("lib") == kept
    with av.open(result) as container:
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(2, abs=0.1)


def test_chapters_end_with_the_pictures(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    described = tmp_path / "titles.txt"
    chapters = "".join(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n}000\nEND={n + 1}000\ntitle=Part {n}\n" for n in range(2))
    described.write_text(f";FFMETADATA1\n{chapters}")
    source = tmp_path / "titled.mp4"
    ffmpeg("-i", clip("plain.mp4", 50).path, "-i", described, "-map_chapters", 1, "-c", "copy", source)
    result = done(Engine(video_path=source, end_video_frame=9, break_on_end=True))
    with av.open(result) as container:
        assert [float(c["end"] * c["time_base"]) for c in container.chapters()] == [0.4]
        assert container.duration / 1e6 == pytest.approx(0.4, abs=0.05)


def test_cover_art_is_no_video(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    cover = ["-i", PORTRAIT, "-map", "0:a", "-map", "1:v", "-c", "copy", "-disposition:v", "attached_pic"]
    ffmpeg("-i", clip("plain.mp4", 20, sound="aac").path, *cover, tmp_path / "song.m4a")
    with pytest.raises(InputError, match="there is no video in it"):
        done(Engine(video_path=tmp_path / "song.m4a", output_path=tmp_path / "r.mp4"))


def test_sound_whose_clock_goes_back_is_joined(tmp_path: Path, clip: Callable[..., Clip]) -> None:
    plain = clip("plain.mp4", 50, sound="aac").path
    parts = []
    for offset in (20, 0):
        ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", offset, tmp_path / f"{offset}.ts")
        parts.append((tmp_path / f"{offset}.ts").read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    found = probe(done(Engine(video_path=tmp_path / "joined.ts")))
    assert len(found.times) == 100
    assert found.sound[0][1] > 80
