"""Videos without their beginning or end: frames, times, sound and chapters stay together."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import conftest
import cv2
import numpy as np
import pytest
from conftest import difference, make_clip, probe

from background_removal import Cut, Engine, InputError

RATE = 25
FRAMES = 100
# A moment of sound in the source, seconds.
BEEP = 2.9


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds whose grey tells the frame, with silence but for a beep."""

    def beep(samples: int, rate: int) -> np.ndarray:
        times = np.arange(samples, dtype=np.float32)[None] / rate
        return np.where(abs(times - BEEP - 0.05) < 0.05, 0.8 * np.sin(2000 * np.pi * times), 0).astype(np.float32)

    path = tmp_path_factory.mktemp("cut") / "clip.mp4"
    images = [np.full((32, 48, 3), 20 + 2 * number, np.uint8) for number in range(FRAMES)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conftest, "sine", beep)
        make_clip(path, images, time_base=Fraction(1, 12800), sound="aac", gop=20)
    return path


def beep_at(path: Path) -> tuple[float, float]:
    """Return when the beep begins, and when the sound ends, in seconds."""
    with av.open(str(path)) as container:
        start, end = -1.0, 0.0
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray()[0])
            first = float(frame.pts * frame.time_base)
            if start < 0 and wave.max() > 0.3:
                start = first + float(np.argmax(wave > 0.3)) / frame.sample_rate
            end = first + frame.samples / frame.sample_rate
    return start, end


@pytest.mark.parametrize(
    ("start", "end", "suffix"), [(1.21, 3.4, ".mp4"), (2.3, 0.0, ".mp4"), (0.0, 3.2, ".mp4"), (2.3, 0.0, ".webm")]
)
def test_pictures_and_sound_are_cut_alike(clip: Path, tmp_path: Path, start: float, end: float, suffix: str) -> None:
    output = tmp_path / f"part{suffix}"
    Engine(video_path=clip, output_path=output, progress=False, cut=Cut(start, end)).process_video()
    result = probe(output, images=True)
    until = end or FRAMES / RATE
    # The first frame is the one that is shown at the start.
    shown = range(int(start * RATE + 1e-6), round(until * RATE))
    assert len(result.images) == len(shown)
    source = probe(clip, images=True).images[shown.start : shown.stop]
    assert max(map(difference, result.images, source)) < 1.5
    assert result.times[0] == 0
    in_source = [float(time) + start for time in result.times[1:]]
    assert np.abs(np.subtract(in_source, [number / RATE for number in shown[1:]])).max() < 0.002
    beep, sound_end = beep_at(output)
    assert abs(beep + start - BEEP) < 0.006
    assert sound_end <= until - start + 0.05


def test_an_animation_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "slow.webp"
    images = [np.full((16, 16, 3), level, np.uint8) for level in (40, 120, 200)]
    animation = cv2.Animation()
    animation.frames, animation.durations = images, np.array([1000, 1000, 1000])
    assert cv2.imwriteanimation(str(path), animation)
    Engine(video_path=path, output_path=tmp_path / "part.mp4", progress=False, cut=Cut(1.5, 2.25)).process_video()
    result = probe(tmp_path / "part.mp4", images=True)
    assert [round(image.mean() / 10) * 10 for image in result.images] == [120, 200]
    assert [float(time) for time in result.times] == [0, 0.5]


def test_a_cut_that_cannot_be_is_refused(clip: Path, tmp_path: Path) -> None:
    for start, end, words in ((-1, 0, "seconds from the beginning"), (3, 2, "the end must be after the start")):
        with pytest.raises(InputError, match=words):
            Cut(start, end)
    late = Engine(video_path=clip, output_path=tmp_path / "none.mp4", progress=False, cut=Cut(60))
    with pytest.raises(InputError, match=r"no frame (after 60 s|of it can be decoded)"):
        late.process_video()
    assert not (tmp_path / "none.mp4").exists()
