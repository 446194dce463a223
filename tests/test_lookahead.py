"""Look-ahead: an object sees later frames of a video file before it processes one; all others are as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Clip, done, make_clip, probe, scene

from background_removal.engine import Engine
from background_removal.errors import ProcessingError
from background_removal.files.video.parts import PartSink, plan_parts
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
from background_removal.pipeline.objects import FrameObject

SIZE = (32, 48)


class Numbers(Source):
    """Yields grey frames: frame n has the value n everywhere."""

    read_mode = "inline"

    def __init__(self, count: int, **info: bool) -> None:
        self._count = count
        self._info = StreamInfo("numbers", SIZE[1], SIZE[0], **info)

    @property
    def info(self) -> StreamInfo:
        return self._info

    def open(self) -> None: ...
    def close(self) -> None: ...

    def __iter__(self):
        for number in range(self._count):
            yield Frame(np.full((*SIZE, 3), number, np.uint8), number, 40 * number)


class Values(Sink):
    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def write(self, frame: Frame) -> None:
        self.frames.append(frame)

    @property
    def values(self) -> list[tuple[int, int, int]]:
        """Index, time and value of every result."""
        return [(frame.index, frame.pts, int(frame.image[0, 0, 0])) for frame in self.frames]


class MaxAhead(FrameObject):
    """Adds the number of the last frame that it has seen, times ten."""

    lookahead = 2

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.seconds: list[float] = []
        self.announced: list[float] = []

    def foresee(self, picture: np.ndarray, seconds: float) -> None:
        self.seen.append(picture)
        self.seconds.append(seconds)

    def at(self, seconds: float) -> None:
        self.announced.append(seconds)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        assert any(image is picture for picture in self.seen)
        return image + np.uint8(10 * len(self.seen) % 256)


def pass_numbers(count: int, objects: list[Any], make: Callable[..., Engine] = Engine, **more: Any) -> Values:
    values = Values()
    info = more.pop("info", {})
    make(custom_objects=objects, **more).process(Numbers(count, **info), [values])
    return values


def test_frames_are_foreseen_and_come_out_in_order_with_their_times() -> None:
    ahead = MaxAhead()
    values = pass_numbers(5, [ahead]).values
    assert values == [(n, 40 * n, n + 10 * min(n + 3, 5)) for n in range(5)]
    assert ahead.seconds == ahead.announced == [0.04 * n for n in range(5)]
    assert [value for *_, value in pass_numbers(1, [MaxAhead()]).values] == [10]


def test_objects_before_it_work_ahead_and_may_return_one_array_for_all() -> None:
    result, order = np.zeros((*SIZE, 3), np.uint8), []

    def before(image: np.ndarray) -> np.ndarray:
        order.append(int(image[0, 0, 0]))
        np.add(image, 100, out=result)
        return result

    def after(image: np.ndarray) -> np.ndarray:
        order.append("after")
        return image

    values = pass_numbers(3, [before, MaxAhead(), after]).values
    assert [value for *_, value in values] == [130, 131, 132]
    assert order == [0, 1, 2, "after", "after", "after"]


def test_two_objects_that_look_ahead() -> None:
    first, second = MaxAhead(), MaxAhead()
    values = pass_numbers(6, [first, second]).values
    assert [value for *_, value in values] == [n + 10 * (min(n + 3, 6) + min(n + 3, 6)) for n in range(6)]


def test_skipped_frames_stay_in_place_and_are_not_foreseen() -> None:
    ahead = MaxAhead()
    values = pass_numbers(7, [ahead], start_video_frame=2, end_video_frame=4).values
    assert [value for *_, value in values] == [0, 1, 2 + 30, 3 + 30, 4 + 30, 5, 6]
    assert ahead.seconds == [0.08, 0.12, 0.16]
    ended = pass_numbers(7, [MaxAhead()], end_video_frame=3, break_on_end=True).values
    assert [value for *_, value in ended] == [30, 41, 42, 43]


def test_mirroring_originals_and_mattes_belong_to_their_frames() -> None:
    class Kept(Values):
        needs_original = needs_matte = True

    class Matte(MaxAhead):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            self.last = image[..., :1].repeat(3, 2)
            return super().__call__(image)

        def matte_picture(self) -> np.ndarray:
            return self.last

    kept = Kept()
    Engine(custom_objects=[Matte()], flip_view=True).process(Numbers(4), [kept])
    for frame in kept.frames:
        assert frame.original is not None
        assert frame.matte is not None
        assert frame.original[0, 0, 0] == frame.matte[0, 0, 0] == frame.index


@pytest.mark.parametrize("info", [{"live": True}, {"still": True}])
def test_cameras_and_stills_do_not_wait(info: dict[str, bool]) -> None:
    class Never(MaxAhead):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            assert not self.seen
            return image

    assert [value for *_, value in pass_numbers(3, [Never()], info=info).values] == [0, 1, 2]


def test_an_engine_that_processes_frames_itself_calls_the_objects_at_once() -> None:
    class Own(Engine):
        def custom_processing(self, frame: np.ndarray) -> np.ndarray:
            return super().custom_processing(frame) + np.uint8(1)

    class Never(MaxAhead):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    assert [value for *_, value in pass_numbers(3, [Never()], make=Own).values] == [1, 2, 3]


def test_an_object_with_an_attribute_of_that_name_is_left_alone() -> None:
    class Other:
        lookahead = 5

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    assert Engine(custom_objects=[Other()]).lookahead == 0


def test_an_error_ahead_names_object_and_frame() -> None:
    class Fails(MaxAhead):
        def foresee(self, picture: np.ndarray, seconds: float) -> None:
            if seconds == 0.08:
                raise ValueError("no idea")

    with pytest.raises(ProcessingError, match=r"Fails failed on frame 2 \(0.080 s\).*no idea"):
        pass_numbers(5, [Fails()])


def test_files_keep_their_frames_and_times(clip: Callable[..., Clip], tmp_path: Path) -> None:
    source = clip("clip.mp4", frames=6, width=64, height=48, sound="aac").path
    engine = Engine(video_path=source, output_path=tmp_path / "out.mp4", custom_objects=[MaxAhead()])
    done(engine)
    assert probe(tmp_path / "out.mp4").times == probe(source).times
    assert probe(tmp_path / "out.mp4").sound


def test_a_part_looks_ahead_into_the_next_one(tmp_path: Path) -> None:
    """The parts of --jobs foresee what the whole video does."""
    source = str(make_clip(tmp_path / "clip.mp4", [scene(n, 64, 48) for n in range(120)], gop=25).path)
    parts = plan_parts(source, 2)
    assert len(parts) == 2
    written = []
    for part in parts:
        ahead, values = MaxAhead(), Values()
        engine = Engine(custom_objects=[ahead])
        engine.process(VideoSource(source, part=part, later_frames=engine.lookahead), [PartSink(values, part)])
        written += [frame.index for frame in values.frames]
        later = 0 if part.end is None else 2
        assert len(ahead.seen) == part.first - part.index + part.frames + later
    assert written == list(range(120))
