"""Videos in and out: the same clip, with every frame's time and every sound packet where it was."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, Clip, Screen, difference, done, make_clip, probe, scene, wait_until

from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.files.video.encode_plan import plan_encoding
from background_removal.files.video.formats import Encoding
from background_removal.files.video.gif import GifRateLimiter
from background_removal.files.video.video_sink import VideoSink
from background_removal.files.video.video_source import VideoSource, apply_display_matrix
from background_removal.pipeline.frame import Frame, StreamInfo
from background_removal.segmentation import MPSegmentation


def identity(frame: np.ndarray) -> np.ndarray:
    return frame


def invert(frame: np.ndarray) -> np.ndarray:
    return 255 - frame


def is_inverted(image: np.ndarray, index: int) -> bool:
    original = scene(index, image.shape[1], image.shape[0])
    return difference(image, 255 - original) < difference(image, original)


NTSC = Fraction(30000, 1001)
VARIABLE = [Fraction(n, 1000) for n in (0, 40, 45, 90, 400, 401, 500, 1700, 1733, 1734, 2000, 5000)]


@pytest.mark.parametrize(
    ("frames", "timing"),
    [
        (12, {"rate": Fraction(25)}),
        (12, {"rate": NTSC}),
        (12, {"rate": Fraction(24000, 1001), "time_base": Fraction(1, 24000)}),
        (12, {"rate": Fraction(30), "times": VARIABLE, "time_base": Fraction(1, 1000)}),
        (12, {"rate": NTSC, "times": [(i + 7) / NTSC for i in range(12)]}),
    ],
    ids=["25", "30000/1001", "24000/1001", "variable", "starts late"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_every_time_is_kept(clip, frames: int, timing: dict, name: str) -> None:
    source: Clip = clip(name, frames, options={"movie_timescale": "30000"} if name.endswith("4") else {}, **timing)
    original = probe(source.path).times
    result = done(Engine(video_path=source.path, custom_objects=[identity]))
    assert len(original) == frames
    assert probe(result).times == original


def test_the_result_is_h264_that_plays_everywhere(clip) -> None:
    source = clip("clip.avi", 12, 320, 240)
    result = done(Engine(video_path=source.path))
    assert result == str(source.path.with_name("clip_out.mp4"))
    found = probe(result, images=True)
    assert (found.codec, found.pix_fmt, found.size) == ("h264", "yuv420p", (320, 240))
    for index, image in enumerate(found.images):
        assert difference(image, scene(index)) < 8
    data = Path(result).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "the index must come first"


@pytest.mark.parametrize(
    ("name", "sound", "kept"),
    [
        ("clip.mp4", "aac", True),
        ("clip.mkv", "libmp3lame", True),
        ("clip.mkv", "flac", True),
        ("clip.mkv", "pcm_s16le", False),
        ("clip.mkv", "vorbis", False),
    ],
)
def test_sound_is_kept_and_copied_where_mp4_can_store_it(clip, name: str, sound: str, kept: bool) -> None:
    if sound not in av.codecs_available:
        pytest.skip(f"this PyAV has no {sound}")
    options = {"strict": "experimental"} if sound == "vorbis" else {}
    source = clip(name, 30, sound=sound, options=options)
    result = done(Engine(video_path=source.path, output_path=source.path.with_name("r.mp4")))
    [before], [after] = probe(source.path).sound, probe(result).sound
    if kept:
        assert after[1:] == before[1:]
        assert after[0].removesuffix("float") == before[0].removesuffix("float")
    else:
        assert after[0] == "aac"
        assert after[1] * 1024 / 44100 == pytest.approx(30 / 25, abs=0.1)


def test_sound_longer_and_shorter_than_the_picture_is_kept(clip) -> None:
    for seconds in (0.3, 3.0):
        source = clip(f"{seconds}.mp4", 25, sound="aac", sound_seconds=seconds)
        result = done(Engine(video_path=source.path))
        assert probe(result).sound == probe(source.path).sound


def test_a_clip_without_sound_stays_without(clip) -> None:
    assert probe(done(Engine(video_path=clip().path))).sound == []


@pytest.mark.parametrize(("width", "height"), [(321, 241), (1, 1), (2, 2), (320, 241), (17, 16)])
def test_odd_sizes_are_completed_not_cropped(tmp_path: Path, width: int, height: int) -> None:
    images = [scene(i, width, height) for i in range(6)]
    source = make_clip(tmp_path / "clip.mkv", images, codec="ffv1", pix_fmt="bgr0")
    result = done(Engine(video_path=source.path, custom_objects=[identity]))
    found = probe(result, images=True)
    assert found.size == (width + width % 2, height + height % 2)
    assert len(found.images) == 6
    if width > 10:
        assert difference(found.images[3][:height, :width], images[3]) < 10


def test_4k_goes_through_the_segmentation(tmp_path: Path, portrait: np.ndarray) -> None:
    images = [cv2.resize(portrait, (3840, 2160))] * 3
    source = make_clip(tmp_path / "clip.mp4", images, options={"preset": "ultrafast"})
    result = done(Engine(video_path=source.path, custom_objects=[MPSegmentation()]))
    found = probe(result)
    assert (found.size, len(found.times)) == ((3840, 2160), 3)


@pytest.mark.parametrize("name", ["my clip.mp4", "vidéo ☂.mp4", "CLIP.MP4", "clip.mp4.mp4", "a #1; b?.mp4"])
def test_names_with_spaces_unicode_and_doubled_suffixes(clip, tmp_path: Path, name: str) -> None:
    source = clip("clip.mp4", 3).path.rename(tmp_path / name)
    result = Path(done(Engine(video_path=source)))
    assert result == source.with_name(f"{source.stem}_out{source.suffix}")
    assert len(probe(result).times) == 3


def test_rotation_is_applied_to_the_pixels(tmp_path: Path, clip) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command to write rotation metadata (Debian: apt-get install ffmpeg)")
    source = clip("clip.mp4", 5, 320, 240).path
    for degrees in (90, 180, 270):
        turned = tmp_path / f"{degrees}.mp4"
        command = ["ffmpeg", "-v", "error", "-i", source, "-c", "copy", "-metadata:s:v", f"rotate={degrees}", turned]
        subprocess.run(command, check=True)
        shown = tmp_path / f"{degrees}.png"
        subprocess.run(["ffmpeg", "-v", "error", "-i", turned, "-frames:v", "1", shown], check=True)  # turns it upright
        expected = cv2.imread(str(shown))
        assert difference(expected[:9, :9], scene(0)[:9, :9]) > 10, "ffmpeg should have turned it"
        seen: list[np.ndarray] = []
        keep = Engine(video_path=turned, custom_objects=[lambda i, seen=seen: seen.append(i) or i])
        found = probe(done(keep), images=True)
        assert seen[0].shape == found.images[0].shape == expected.shape
        assert difference(seen[0], expected) < 4
        assert difference(found.images[0], expected) < 10


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([1, 0, 0, 0, 1], [[1, 2], [3, 4]]),
        ([-1, 0, 0, 0, 1], [[2, 1], [4, 3]]),
        ([1, 0, 0, 0, -1], [[3, 4], [1, 2]]),
        ([-1, 0, 0, 0, -1], [[4, 3], [2, 1]]),
        ([0, 1, 0, -1, 0], [[3, 1], [4, 2]]),
        ([0, -1, 0, 1, 0], [[2, 4], [1, 3]]),
        ([0, 1, 0, 1, 0], [[1, 3], [2, 4]]),
        ([0, -1, 0, -1, 0], [[4, 2], [3, 1]]),
    ],
)
def test_display_matrices(matrix: list[int], expected: list[list[int]]) -> None:
    image = np.array([[1, 2], [3, 4]], np.uint8)
    assert apply_display_matrix(image, np.array([*matrix, 0, 0, 0, 1], float)).tolist() == expected


def test_frames_outside_the_range_are_written_as_they_are(clip) -> None:
    source = clip(frames=12).path
    result = done(Engine(video_path=source, custom_objects=[invert], start_video_frame=3, end_video_frame=6))
    inverted = [is_inverted(image, i) for i, image in enumerate(probe(result, images=True).images)]
    assert inverted == [3 <= i <= 6 for i in range(12)]


def test_break_on_end_stops_picture_and_sound(clip) -> None:
    source = clip(frames=50, sound="aac").path
    result = done(Engine(video_path=source, end_video_frame=9, break_on_end=True))
    found = probe(result)
    assert len(found.times) == 10
    assert found.sound[0][1] * 1024 / 44100 == pytest.approx(10 / 25, abs=0.06)


def test_break_on_end_without_an_end_does_nothing(clip) -> None:
    assert len(probe(done(Engine(video_path=clip(frames=7).path, break_on_end=True))).times) == 7


def test_flip_view_mirrors_what_objects_see(clip) -> None:
    result = done(Engine(video_path=clip(frames=3).path, flip_view=True))
    assert difference(probe(result, images=True).images[1], scene(1)[:, ::-1]) < 8


def test_objects_may_change_the_size_but_only_once(clip) -> None:
    source = clip(frames=4).path
    doubled = done(Engine(video_path=source, custom_objects=[lambda i: np.hstack([i, i])]))
    assert probe(doubled).size == (640, 240)
    shrinking = iter(range(100, 0, -20))
    with pytest.raises(ProcessingError, match=r"frame 1 is 80x80, the first was 100x100"):
        Engine(video_path=source, custom_objects=[lambda i: i[: (n := next(shrinking)), :n]]).process_video()


def test_order_open_and_close_of_custom_objects(clip) -> None:
    calls: list[object] = []

    class Spy:
        def __init__(self, name: str) -> None:
            self.name = name

        def open(self, info: StreamInfo) -> None:
            calls.append((self.name, "open", info.width, info.height, info.rate, info.live))

        def __call__(self, image: np.ndarray) -> np.ndarray:
            calls.append((self.name, "call"))
            assert image.flags.writeable
            assert image.flags.c_contiguous
            return image

        def close(self) -> None:
            calls.append((self.name, "close"))

    Engine(video_path=clip(frames=2).path, custom_objects=[Spy("a"), Spy("b")]).run()
    opened = (320, 240, Fraction(25), False)
    assert calls == [
        ("a", "open", *opened), ("b", "open", *opened),
        ("a", "call"), ("b", "call"), ("a", "call"), ("b", "call"),
        ("b", "close"), ("a", "close"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (None, "returned None instead of an image"),
        (np.zeros((4, 4, 3), np.float32), "returned an array of float32 instead of uint8"),
        (np.zeros((4, 4), np.uint8), r"returned an array of shape \(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"returned an array of shape \(0, 4, 3\)"),
    ],
)
def test_a_wrong_result_names_the_object_and_the_frame(clip, tmp_path: Path, result: object, complaint: str) -> None:
    class Culprit:
        count = 0
        closed = False

        def __call__(self, image: np.ndarray) -> object:
            self.count += 1
            return image if self.count < 3 else result

        def close(self) -> None:
            self.closed = True

    culprit = Culprit()
    source = clip(frames=6).path
    with pytest.raises(ProcessingError, match=rf"Culprit {complaint}.* on frame 2 \(0\.080 s\)"):
        Engine(video_path=source, custom_objects=[culprit]).run()
    assert culprit.closed
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"], "a partial result was left"


def test_transparency_is_refused_in_a_video(clip, run_main, tmp_path: Path) -> None:
    output = tmp_path / "r.mp4"
    outcome = run_main("--video", clip(frames=3).path, "--background", "transparent", "--output", output)
    assert outcome.code == 2
    assert "cannot store transparency" in outcome.err
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


SLOW = """
import time

def slow(image):
    time.sleep(0.02)
    return image
"""


LONG = [scene(i, 64, 48) for i in range(600)]


def test_q_ends_early_and_keeps_what_is_done(tmp_path: Path, screen: Screen, start_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", LONG, sound="aac").path
    (tmp_path / "slow.py").write_text(SLOW)
    process = start_main("--video", source, "--no-segmentation", "--object", "slow.py:slow", "--show", env=screen.env)
    screen.wait_for_window()
    screen.type("q")
    assert process.wait(timeout=60) == 0
    assert process.communicate()[0].strip() == str(tmp_path / "clip_out.partial.mp4")
    found = probe(tmp_path / "clip_out.partial.mp4")
    assert 1 <= len(found.times) < len(LONG)
    assert found.sound[0][1] * 1024 / 44100 == pytest.approx(len(found.times) / 25, abs=0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_keeps_what_is_done_and_exits_with_130(tmp_path: Path, start_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", LONG).path
    (tmp_path / "slow.py").write_text(SLOW)
    process = start_main("--video", source, "--no-segmentation", "--object", "slow.py:slow")
    wait_until(lambda: any(p.stat().st_size > 0 for p in tmp_path.glob("clip_out.unfinished.mp4")), "some frames")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    kept = len(probe(tmp_path / "clip_out.partial.mp4").times)
    assert 1 <= kept < len(LONG)
    assert err == f"stopped; the first {kept} frames are in {tmp_path / 'clip_out.partial.mp4'}\n"
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["clip.mp4", "clip_out.partial.mp4", "slow.py"]


def test_damage_inside_is_skipped_with_a_warning(clip, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(frames=60).path
    data = bytearray(source.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 400] = bytes(400)
    source.write_bytes(data)
    result = done(Engine(video_path=source))
    assert 30 <= len(probe(result).times) <= 60
    assert "damaged parts were skipped" in caplog.text
    assert str(source) in caplog.text


def test_a_file_cut_short_yields_what_is_there(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "clip.mkv", [scene(i) for i in range(60)]).path
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    result = done(Engine(video_path=source))
    assert 5 < len(probe(result).times) < 60


def test_the_sink_writes_the_times_it_is_given(tmp_path: Path) -> None:
    info = StreamInfo("made", 64, 48, time_base=Fraction(1, 1000), rate=Fraction(30))
    moments = [5, 40, 41, 500]
    sink = VideoSink(str(tmp_path / "made.mp4"))
    sink.open(info)
    for index, pts in enumerate(moments):
        sink.write(Frame(scene(index, 64, 48), index, pts, info.time_base, duration=10))
    assert not (tmp_path / "made.mp4").exists(), "it appears when it is complete"
    sink.close()
    assert probe(tmp_path / "made.mp4").times == [Fraction(pts, 1000) for pts in moments]


def test_the_source_can_be_left_at_any_frame(clip) -> None:
    with VideoSource(str(clip(frames=40).path)) as source:
        for frame in source:
            if frame.index == 3:
                break
    with pytest.raises(InputError, match="not a readable video"), VideoSource(str(PORTRAIT.with_name("README.md"))):
        pass


def test_ffprobe_agrees(clip) -> None:
    if not shutil.which("ffprobe"):
        pytest.skip("needs ffprobe (Debian: apt-get install ffmpeg)")
    source = clip("clip.mp4", 30, rate=NTSC, sound="aac").path
    result = done(Engine(video_path=source))

    def ask(path: object) -> dict:
        entries = "stream=codec_type,codec_name,avg_frame_rate,nb_frames,duration:format=duration"
        command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    assert ask(result) == ask(source)


def test_an_rgb_source_becomes_yuv_that_says_what_it_is(tmp_path: Path) -> None:
    images = [scene(i) for i in range(4)]
    source = make_clip(tmp_path / "clip.mp4", images, codec="libx264rgb", pix_fmt="rgb24", options={})
    result = done(Engine(video_path=source.path))
    with av.open(result) as container:
        frame = next(container.decode(video=0))
        assert frame.colorspace == 6  # BT.601, as the small picture is encoded
    assert difference(probe(result, images=True).images[2], images[2]) < 8


def test_sound_that_changes_on_the_way_is_kept(tmp_path: Path) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("needs the ffmpeg command (Debian: apt-get install ffmpeg)")
    parts = []
    for channels in (2, 1):
        part = tmp_path / f"{channels}.ts"
        inputs = ["-f", "lavfi", "-i", "testsrc=d=1:s=160x120:r=25", "-f", "lavfi", "-i", "sine=d=1"]
        encoding = ["-ac", channels, "-c:a", "mp2", "-c:v", "libx264", "-output_ts_offset", 2 - channels]
        subprocess.run(["ffmpeg", "-v", "error", *map(str, [*inputs, *encoding, part])], check=True)
        parts.append(part.read_bytes())
    source = tmp_path / "tv.ts"
    source.write_bytes(b"".join(parts))
    found = probe(done(Engine(video_path=source)))
    assert found.sound[0][0] == "aac"
    assert found.sound[0][1] * 1024 / 44100 == pytest.approx(2.0, abs=0.2)


def test_the_reason_of_a_failure_is_not_hidden_by_the_next(clip) -> None:
    class Fragile:
        def __call__(self, image: np.ndarray) -> np.ndarray:
            raise ValueError("the first reason")

        def close(self) -> None:
            raise OSError("the second")

    with pytest.raises(ProcessingError, match="the first reason"):
        Engine(video_path=clip(frames=2).path, custom_objects=[Fragile()]).run()

    class Stuck:
        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

        def close(self) -> None:
            raise OSError("only at the end")

    with pytest.raises(ProcessingError, match=r"Stuck could not be closed.*only at the end"):
        Engine(video_path=clip(frames=2).path, custom_objects=[Stuck()]).run()


def test_read_only_results_are_made_writable_for_the_next_object(clip) -> None:
    def read_only(image: np.ndarray) -> np.ndarray:
        image.flags.writeable = False
        return image

    def draws(image: np.ndarray) -> np.ndarray:
        image[:5] = 0
        return image

    Engine(video_path=clip(frames=2).path, custom_objects=[read_only, draws]).run()


def test_a_background_video_keeps_step_with_uneven_frames(tmp_path: Path) -> None:
    levels = [30, 90, 150, 210]
    behind = make_clip(tmp_path / "behind.mp4", [np.full((48, 64, 3), v, np.uint8) for v in levels], rate=Fraction(10))
    times = [Fraction(n, 1000) for n in (0, 40, 110, 120, 320, 410)]
    rate = {"times": times, "time_base": Fraction(1, 1000)}
    source = make_clip(tmp_path / "clip.mp4", [cv2.imread(str(PORTRAIT))] * 6, **rate).path
    result = done(Engine(video_path=source, custom_objects=[MPSegmentation(background=str(behind.path))]))
    seen = [int(image[60, 480].mean()) for image in probe(result, images=True).images]
    assert np.abs(np.array(seen) - (30, 30, 90, 90, 210, 30)).max() < 10


@pytest.mark.parametrize(("path", "shape", "encoder", "pix_fmt", "frame_size", "size"), [
    ("clip.mp4", (47, 63, 3), "libx264", "yuv420p", (64, 48), (64, 48)),
    ("clip.webm", (47, 63, 4), "libvpx-vp9", "yuva420p", (63, 47), (63, 47)),
    ("clip.gif", (900, 1200, 3), "gif", "pal8", (1200, 900), (640, 480)),
])  # fmt: skip
def test_the_first_frame_and_the_suffix_decide_the_encoding(path, shape, encoder, pix_fmt, frame_size, size) -> None:
    plan = plan_encoding(path, StreamInfo("clip.mp4", shape[1], shape[0]), shape, Encoding())
    assert (plan.encoder, plan.pix_fmt, plan.frame_size, plan.size) == (encoder, pix_fmt, frame_size, size)
    assert plan.has_alpha == (shape[2] == 4)


def test_a_gif_keeps_every_other_frame_of_30_per_second_in_spite_of_jitter() -> None:
    limiter = GifRateLimiter(15)
    assert [limiter.accepts(index / 30 + (0.004 if index % 3 else -0.004)) for index in range(8)] == [True, False] * 4
