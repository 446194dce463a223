"""--quality best for a video file: several networks, and the frames before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Clip, difference, done, make_clip, probe
from test_segmentation import brightness_model

from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files.video.parts import PartSink, plan_parts
from background_removal.files.video.video_source import VideoSource
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.best.film import LOOKAHEAD, FilmMatting, FilmNetworks
from background_removal.matting.boxes import Box
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
from background_removal.segmentation import MPSegmentation

WIDTH, HEIGHT = 96, 80
PERSON: Box = (30, 12, 60, 74)
# Rows and columns well inside.
MIDDLE = np.s_[24:64, 36:54]


@pytest.fixture
def bright(tmp_path: Path) -> str:
    """A network that takes what is bright for the person."""
    return brightness_model(tmp_path / "bright.onnx", planar=True, uint8=False, channels=1, logits=False, free=False)


def picture(left: int = PERSON[0], room: int = 40, person: int = 220) -> np.ndarray:
    """Return a bright upright person in a dark room."""
    image = np.full((HEIGHT, WIDTH, 3), room, np.uint8)
    image[PERSON[1] : PERSON[3], left : left + PERSON[2] - PERSON[0]] = person
    return cv2.GaussianBlur(image, (5, 5), 0)


class Answers:
    """A network with an answer of its own for each call: its probability of a person within the crop's bright part."""

    size = (64, 64)
    sizes = (size,)

    def __init__(self, answers: Callable[[int, np.ndarray], np.ndarray]) -> None:
        self._answers = answers
        self.calls = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self._answers(self.calls - 1, image).astype(np.float32)

    def close(self) -> None: ...


def fast_matte(view: Pyramid, value: float) -> Matte:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[PERSON[1] : PERSON[3], PERSON[0] : PERSON[2]] = value
    return Matte(alpha, (0, 0, WIDTH, HEIGHT), view.size, view.image)


def make_mattes(
    images: list[np.ndarray], network: Answers, cuts: tuple[int, ...] = (), ahead: int = LOOKAHEAD, fast=0.5
):
    """Return the alphas of a film's frames; `fast` is the fast alpha of the person."""
    film = FilmMatting(lambda: FilmNetworks(network=network), 0.5, 0.5)
    views = [Pyramid(image) for image in images]
    alphas: list[np.ndarray] = []
    for number in range(len(views) + ahead):
        if number < len(views):
            film.add(views[number], fast_matte(views[number], fast), [PERSON], number in cuts)
        if number >= ahead:
            matte = film.matte(views[number - ahead])
            assert matte is not None
            alphas.append(matte.full())
    film.close()
    return alphas


def bright_is_person(call: int, image: np.ndarray) -> np.ndarray:
    return image[..., 1] > 128


def test_neighbours_outvote_a_frame_in_which_the_network_fails() -> None:
    """In frame 4 the network sees no person; where nothing moves, those around it do."""
    images = [picture()] * 9

    def fails(call: int, image: np.ndarray) -> np.ndarray:
        return np.zeros(image.shape[:2]) if call == 4 else bright_is_person(call, image)

    alphas = make_mattes(images, Answers(fails))
    assert min(alpha[MIDDLE].min() for alpha in alphas) > 0.95
    alone = make_mattes(images[:5], Answers(fails), ahead=0)
    assert alone[4][MIDDLE].min() > 0.95  # the frames before suffice
    moving = [picture(left=7 * number) for number in range(9)]
    failed, right = (make_mattes(moving, Answers(answers))[4].mean() for answers in (fails, bright_is_person))
    assert failed < 0.5 * right


def test_nothing_is_mixed_across_a_cut() -> None:
    images = [picture()] * 4 + [picture(room=50, person=210)] * 4

    def other_after_cut(call: int, image: np.ndarray) -> np.ndarray:
        """After the cut the person has no lower half."""
        answer = bright_is_person(call, image)
        if call >= 4:
            answer[32:] = False
        return answer

    cut = make_mattes(images, Answers(other_after_cut), cuts=(4,))
    apart = make_mattes(images[:4], Answers(bright_is_person))
    apart += make_mattes(images[4:], Answers(lambda call, image: other_after_cut(call + 4, image)))
    for alpha, expected in zip(cut, apart, strict=True):
        assert (alpha == expected).all()
    mixed = make_mattes(images, Answers(other_after_cut))
    assert any((alpha != expected).any() for alpha, expected in zip(mixed, apart, strict=True))


def test_only_what_is_near_the_fast_matte_becomes_person() -> None:
    """A poster that the network takes for a person stays away, in a crop as in the whole room."""
    images = [picture()] * 3
    images = [cv2.rectangle(image.copy(), (80, 6), (92, 40), (220, 220, 220), -1) for image in images]
    for alpha in make_mattes(images, Answers(bright_is_person), fast=0.9):
        assert alpha[:, 80:].max() == 0
        assert alpha[MIDDLE].min() > 0.95


def room_clip(path: Path, count: int, **more) -> Path:
    """Make a clip of a person who sways."""
    return make_clip(path, [picture(PERSON[0] + round(7 * np.sin(number / 6))) for number in range(count)], **more).path


class Alphas(Sink):
    def __init__(self, segmentation: MPSegmentation) -> None:
        self._segmentation = segmentation
        self.alphas: dict[int, np.ndarray] = {}

    def write(self, frame: Frame) -> None:
        self.alphas[frame.index] = self._segmentation.last_alpha()


def film_alphas(source: str, bright: str, part=None, **more) -> dict[int, np.ndarray]:
    segmentation = MPSegmentation(model=bright, quality="best", **({"background": "#101018"} | more))
    engine = Engine(custom_objects=[segmentation])
    assert engine.lookahead == LOOKAHEAD
    sink = Alphas(segmentation)
    planes = engine.keeps_frame_in_planes
    engine.process(
        VideoSource(source, part=part, later_frames=engine.lookahead, keep_planes=planes),
        [sink if part is None else PartSink(sink, part)],
    )
    return sink.alphas


def test_parts_are_the_whole(tmp_path: Path, bright: str) -> None:
    """The parts of --jobs and --cluster know the frames around them."""
    source = str(room_clip(tmp_path / "clip.mp4", 44, gop=10, rate=Fraction(10)))
    whole = film_alphas(source, bright)
    parts = plan_parts(source, 2)
    assert len(parts) == 2
    assert len(whole) == 44
    joined = {}
    for part in parts:
        joined |= film_alphas(source, bright, part)
    assert joined.keys() == whole.keys()
    assert max(np.abs(joined[index] - whole[index]).max() for index in whole) == 0


def test_a_file_keeps_frames_times_and_sound(tmp_path: Path, bright: str, run_main: Callable) -> None:
    source = room_clip(tmp_path / "clip.mp4", 12, sound="aac")
    output, matte = tmp_path / "out.mp4", tmp_path / "matte.mp4"
    more = ("--model", bright, "--background", "#0000ff", "--quality", "best", "--flip", "--matte", matte)
    outcome = run_main(source, "--output", output, *more, "--start-frame", 3)
    assert outcome.code == 0, outcome.err
    result, mattes = probe(output, images=True), probe(matte, images=True)
    assert result.times == mattes.times == probe(source).times
    assert result.sound
    assert result.images[8][5, 5, 0] > 240
    for number in range(3, 12):
        middle = WIDTH - (45 + round(7 * np.sin(number / 6)))
        assert mattes.images[number][40, middle].min() > 240, number
        assert mattes.images[number][40, [5, -5]].max() < 15, number
    assert difference(result.images[1], probe(source, images=True).images[1]) < 3


def test_planes_and_images_get_the_same_alpha(tmp_path: Path, bright: str) -> None:
    source = str(room_clip(tmp_path / "clip.mp4", 8))
    with_planes = film_alphas(source, bright)
    unchanged = film_alphas(source, bright, background="none")
    wrapped = film_alphas(source, bright, light_wrap=0.3)
    for index, alpha in with_planes.items():
        assert np.abs(alpha - unchanged[index]).max() == 0
        assert np.abs(alpha - wrapped[index]).max() == 0


def test_later_objects_get_the_alpha_of_their_frame(clip: Callable[..., Clip], tmp_path: Path, bright: str) -> None:
    source = room_clip(tmp_path / "clip.mp4", 9)
    segmentation = MPSegmentation(model=bright, quality="best", background="none")
    errors: list[float] = []

    def later(image: np.ndarray) -> np.ndarray:
        errors.append(float(np.abs(segmentation.last_alpha() - (image[..., 1] > 128)).mean()))
        image[:] = 0
        return image

    done(Engine(video_path=source, output_path=tmp_path / "out.mp4", custom_objects=[segmentation, later]))
    assert len(errors) == 9
    assert max(errors) < 0.03


def test_the_main_person_is_kept_in_videos_only() -> None:
    segmentation = MPSegmentation(people="main", quality="best")
    segmentation.open(StreamInfo("clip.mp4", WIDTH, HEIGHT))
    assert segmentation.lookahead == LOOKAHEAD
    segmentation.close()
    with pytest.raises(InputError, match="`quality` best keeps everybody in an image"):
        segmentation.open(StreamInfo("photo.jpg", WIDTH, HEIGHT, still=True))


def test_the_edge_follows_threshold_and_softness(tmp_path: Path, bright: str) -> None:
    source = str(room_clip(tmp_path / "clip.mp4", 3))
    soft = [film_alphas(source, bright, edge_softness=softness)[1] for softness in (0.0, 1.0)]
    between = [((alpha > 0.1) & (alpha < 0.9)).mean() for alpha in soft]
    assert between[1] > 1.5 * between[0]
    kept = [film_alphas(source, bright, threshold=threshold)[1].mean() for threshold in (0.1, 0.5, 0.8)]
    assert kept[0] >= kept[1] >= kept[2] > 0.1


class Images(Source):
    """Yields images as frames of a video."""

    read_mode = "inline"

    def __init__(self, images: list[np.ndarray]) -> None:
        self._images = images

    @property
    def info(self) -> StreamInfo:
        return StreamInfo("images", WIDTH, HEIGHT)

    def open(self) -> None: ...
    def close(self) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(self._images):
            yield Frame(image, number, 40 * number)


def test_a_cut_is_noticed(bright: str) -> None:
    """Beside a cut, frames are as in a film that begins or ends there."""

    def alphas_of(images: list[np.ndarray]) -> list[np.ndarray]:
        segmentation = MPSegmentation(model=bright, quality="best", background="#101018")
        sink = Alphas(segmentation)
        Engine(custom_objects=[segmentation]).process(Images(images), [sink])
        return list(sink.alphas.values())

    first = [picture(20 + number, room=10) for number in range(5)]
    second = [cv2.flip(picture(40 + number, room=110, person=240), 0) for number in range(5)]
    apart = alphas_of(first) + alphas_of(second)
    together = alphas_of(first + second)
    assert len(together) == 10
    assert max(np.abs(a - b).max() for a, b in zip(apart, together, strict=True)) == 0
