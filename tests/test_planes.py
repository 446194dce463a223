"""Frames in the codec's planes: what nobody changes comes out as it was decoded, bit for bit."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, difference, make_clip, scene

from background_removal.effects.plate import Logo, NamePlate
from background_removal.engine import Engine
from background_removal.files.video.color.yuv import FromBgr
from background_removal.files.video.formats import Encoding
from background_removal.files.video.video_source import VideoSource
from background_removal.fps import FPSmetric
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import ColorDescription, Frame, Planes, Sink, to_image
from background_removal.pipeline.planes import bgr_to_yuv_matrix
from background_removal.segmentation import MPSegmentation

# x264's 0 is lossless: what is read back is what the encoder was given.
LOSSLESS = Encoding(crf=0)


def decoded(path: Path) -> list[tuple[np.ndarray, ...]]:
    """Return the planes of every frame, read by PyAV alone."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
        height, width = container.streams.video[0].height, container.streams.video[0].width
    half = (height // 2, width // 2)
    return [
        (frame[:height], *(part.reshape(half) for part in np.split(frame[height:].reshape(-1), 2))) for frame in frames
    ]


def noisy_clip(path: Path, count: int = 6) -> Path:
    rng = np.random.default_rng(3)
    return make_clip(
        path, [cv2.add(scene(i), rng.integers(0, 60, scene(i).shape, np.uint8)) for i in range(count)]
    ).path


@pytest.mark.parametrize("flip", [False, True])
def test_a_run_without_objects_leaves_every_bit(tmp_path: Path, flip: bool) -> None:
    source, output = noisy_clip(tmp_path / "clip.mp4"), tmp_path / "r.mp4"
    Engine(video_path=source, output_path=output, flip_view=flip, encoding=LOSSLESS).run()
    for before, after in zip(decoded(source), decoded(output), strict=True):
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one[:, ::-1] if flip else one, other)


def test_frames_outside_the_range_are_left_in_every_bit(tmp_path: Path) -> None:
    source, output = noisy_clip(tmp_path / "clip.mp4"), tmp_path / "r.mp4"
    dark = [lambda image: image // 2]
    Engine(
        video_path=source, output_path=output, custom_objects=dark, start_video_frame=2, end_video_frame=3,
        encoding=LOSSLESS,
    ).run()  # fmt: skip
    same = [all(map(np.array_equal, *pair)) for pair in zip(decoded(source), decoded(output), strict=True)]
    assert same == [True, True, False, False, True, True]


class Halved:
    """Halves the brightness, of planes or of images."""

    def __init__(self) -> None:
        self.got: list[type] = []

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.got.append(np.ndarray)
        return image // 2

    def on_planes(self, planes: Planes) -> Planes:
        self.got.append(Planes)
        y, u, v = planes.layers
        return planes.with_layers((y // 2, u, v))


@pytest.mark.parametrize("box", [(0, 0, 1000, 540), (120, 64, 760, 540), (301, 11, 622, 290)])
def test_halvings_and_crops_of_planes_are_those_of_the_image(box: tuple[int, int, int, int]) -> None:
    portrait = cv2.resize(cv2.imread(str(PORTRAIT)), (1000, 540), interpolation=cv2.INTER_AREA)
    color = ColorDescription(matrix=6, range=2, primaries=1, transfer=1)
    values = cv2.transform(portrait, bgr_to_yuv_matrix(color.matrix, color.full_range))
    y, u, v = cv2.split(values)
    planes = Planes((y, *(cv2.resize(c, (500, 270), interpolation=cv2.INTER_AREA) for c in (u, v))), color)
    views = Pyramid(planes), Pyramid(portrait)
    for level in (1, 2, 3):  # 500x270, 250x135, 125x68
        ours, theirs = (view.level(level) for view in views)
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).mean() < 1
    ours, theirs = (view.crop(box, 160, 128) for view in views)
    assert ours.shape == theirs.shape == (128, 160, 3)
    assert np.abs(ours.astype(int) - theirs).mean() < 1


def test_an_object_may_take_planes(tmp_path: Path) -> None:
    source, output = noisy_clip(tmp_path / "clip.mp4"), tmp_path / "r.mp4"
    halved = Halved()
    Engine(video_path=source, output_path=output, custom_objects=[halved], encoding=LOSSLESS).run()
    assert set(halved.got) == {Planes}
    for before, after in zip(decoded(source), decoded(output), strict=True):
        assert np.array_equal(before[0] // 2, after[0])
        assert np.array_equal(before[1], after[1])
    # Beside one that takes none, all get images.
    halved = Halved()
    Engine(video_path=source, output_path=output, custom_objects=[halved, lambda image: image]).run()
    assert set(halved.got) == {np.ndarray}


def test_a_sink_that_wants_images_gets_them(tmp_path: Path) -> None:
    class Images(Sink):
        def __init__(self) -> None:
            self.images: list[np.ndarray] = []

        def write(self, frame: Frame) -> None:
            assert isinstance(frame.picture, Planes)
            assert frame.shape == frame.image.shape
            assert frame.image.flags.writeable
            assert frame.image.flags.c_contiguous
            assert frame.image is frame.image
            self.images.append(frame.image)

    source, sink = noisy_clip(tmp_path / "clip.mp4"), Images()
    Engine(video_path=source, output_path=tmp_path / "r.mp4", sinks=[sink]).run()
    with VideoSource(str(source)) as video:
        for frame, image in zip(video, sink.images, strict=True):
            assert isinstance(frame.picture, np.ndarray)
            assert np.array_equal(frame.picture, image)


@pytest.mark.parametrize(("pix_fmt", "size"), [("yuv422p", (64, 48)), ("yuv420p10le", (64, 48)), ("yuv444p", (63, 47))])
def test_what_is_not_8_bit_420_goes_through_images(tmp_path: Path, pix_fmt: str, size: tuple[int, int]) -> None:
    images = [scene(i, *size) for i in range(3)]
    source = make_clip(tmp_path / "clip.mkv", images, pix_fmt=pix_fmt, codec="ffv1").path
    with VideoSource(str(source), keep_planes=lambda index: True) as video:
        for frame, image in zip(video, images, strict=True):
            assert isinstance(frame.picture, np.ndarray)
            assert difference(frame.image, image) < 8


def portrait_clip(path: Path) -> Path:
    """Write a clip of the sample portrait, which moves a little."""
    portrait = cv2.imread(str(PORTRAIT))
    return make_clip(path, [np.roll(portrait, 2 * i, axis=1) for i in range(3)]).path


LOOKS = {
    "blur": {"blur": "medium"},
    "a blur at full size": {"bg_blur_ratio": (3, 3)},
    "a colour": {"bg_color": (64, 177, 0)},
    "a picture": {"background": "sunset"},
    "light": {"background": "sunset", "light_wrap": 0.5},  # for which there are images only
}


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_what_is_composed_on_planes_is_what_is_composed_on_images(tmp_path: Path, look: str) -> None:
    on_planes, on_images = MPSegmentation(**LOOKS[look]), MPSegmentation(**LOOKS[look])
    with VideoSource(str(portrait_clip(tmp_path / "clip.mp4")), keep_planes=lambda index: True) as video:
        for frame in video:
            assert isinstance(frame.picture, Planes)
            before = [layer.copy() for layer in frame.picture.layers]
            result = on_planes.on_planes(frame.picture)
            assert isinstance(result, np.ndarray if look == "light" else Planes)
            assert all(map(np.array_equal, before, frame.picture.layers))  # nobody writes into them
            image = on_images(frame.picture.to_bgr(frame.picture.layers))
            assert difference(to_image(result), image) < 1.5
            assert np.abs(on_planes.last_alpha() - on_images.last_alpha()).mean() < 2e-3


@pytest.mark.slow
@pytest.mark.parametrize("look", ["blur", "a colour", "a picture"])
def test_what_is_all_person_is_left_in_every_bit(tmp_path: Path, look: str) -> None:
    source, output = portrait_clip(tmp_path / "clip.mp4"), tmp_path / "r.mp4"
    segmentation = MPSegmentation(**LOOKS[look])
    mattes: list[np.ndarray] = []

    class Mattes(Sink):
        def write(self, frame: Frame) -> None:
            mattes.append(segmentation.last_alpha())

    Engine(
        video_path=source, output_path=output, custom_objects=[segmentation], sinks=[Mattes()], encoding=LOSSLESS
    ).run()
    for before, after, matte in zip(decoded(source), decoded(output), mattes, strict=True):
        whole = matte > 0.9999
        assert whole.mean() > 0.1
        assert np.array_equal(before[0][whole], after[0][whole])
        whole = whole.reshape(whole.shape[0] // 2, 2, -1, 2).all(axis=(1, 3))
        for plane in (1, 2):
            assert np.array_equal(before[plane][whole], after[plane][whole])
        assert not np.array_equal(before[0], after[0])


@pytest.mark.slow
def test_a_call_of_its_own_is_not_passed_by(tmp_path: Path) -> None:
    class Louder(MPSegmentation):
        def __call__(self, frame: np.ndarray) -> np.ndarray:
            return np.full_like(frame, 200)

    Engine(
        video_path=portrait_clip(tmp_path / "clip.mp4"), output_path=tmp_path / "r.mp4", custom_objects=[Louder()]
    ).run()
    assert decoded(tmp_path / "r.mp4")[0][0].std() < 1


def test_parts_of_planes_are_parts_of_their_image(tmp_path: Path) -> None:
    with VideoSource(str(noisy_clip(tmp_path / "clip.mp4", 1)), keep_planes=lambda index: True) as video:
        planes = next(iter(video)).picture
        assert isinstance(planes, Planes)
        view = Pyramid(planes)
        for left, top, right, bottom in ((0, 0, 64, 48), (3, 5, 40, 31), (2, 4, 9, 8), (61, 45, 64, 48)):
            part = view.crop((left, top, right, bottom), right - left, bottom - top)
            assert np.array_equal(part, planes.image[top:bottom, left:right])
        assert difference(view.level(1), Pyramid(planes.image).level(1)) < 2


def noise_planes(width: int = 64, height: int = 48, full_range: bool = False) -> Planes:
    rng = np.random.default_rng(4)
    sizes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    y, u, v = (rng.integers(16, 236, size, np.uint8) for size in sizes)
    return Planes((y, u, v), ColorDescription(6, 2 if full_range else 1, 1, 1))


@pytest.mark.parametrize("size", [(64, 48), (40, 30), (33, 25), (128, 96)])
def test_planes_are_shrunk_before_they_are_converted(size: tuple[int, int]) -> None:
    planes = noise_planes()
    smooth = planes.with_layers(tuple(cv2.GaussianBlur(layer, (0, 0), 4) for layer in planes.layers))
    scaled = smooth.resize(*size)
    assert scaled.shape == (size[1], size[0], 3)
    assert difference(scaled, cv2.resize(smooth.image, size)) < 3


@pytest.mark.parametrize("full", [False, True])
def test_another_range_is_the_same_picture(full: bool) -> None:
    planes = noise_planes(full_range=full)
    assert planes.to_range(full) is planes
    other = planes.to_range(not full)
    assert other.color.full_range is not full
    assert difference(other.image, planes.image) < 1.5


def drawing(which: str, folder: Path) -> Logo | NamePlate | FPSmetric:
    """Return an object that draws, the same way for each that is made."""
    logo = np.zeros((50, 101, 4), np.uint8)
    logo[:, :50] = (40, 60, 220, 255)
    cv2.imwrite(str(folder / "logo.png"), logo)
    made = {
        "logo": lambda: Logo(folder / "logo.png"),
        "name": lambda: NamePlate("Zoë Ångström, Jr. (guest)"),
        "long name": lambda: NamePlate("a name that is wider than any picture " * 4),
        "rate": lambda: FPSmetric(position=(21, 71), fontScale=2),
        "rate at the edge": lambda: FPSmetric(position=(-5, 12)),
    }
    return made[which]()


@pytest.mark.parametrize("which", ["logo", "name", "long name", "rate", "rate at the edge"])
def test_what_is_drawn_on_planes_leaves_the_rest(tmp_path: Path, which: str) -> None:
    """What is drawn is what is drawn on an image."""
    planes = noise_planes(426, 240)
    before = [layer.copy() for layer in planes.layers]
    result = drawing(which, tmp_path).on_planes(planes)
    assert isinstance(result, Planes)
    assert all(map(np.array_equal, before, planes.layers))  # nobody writes into them
    image = planes.to_bgr(planes.layers)
    drawn = drawing(which, tmp_path)(image.copy())
    touched = (drawn != image).any(axis=2)
    assert touched.any()
    assert np.array_equal(result.layers[0][~touched], before[0][~touched])
    blocks = touched.reshape(120, 2, 213, 2).any(axis=(1, 3))
    for number in (1, 2):
        assert np.array_equal(result.layers[number][~blocks], before[number][~blocks])
    light = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY)[touched].astype(int)
    assert np.abs(cv2.cvtColor(result.image, cv2.COLOR_BGR2GRAY)[touched] - light).mean() < 12


def test_planes_go_to_encoders_of_either_format() -> None:
    rng = np.random.default_rng(4)
    color = ColorDescription(1, 1, 1, 1)
    y, u, v = (rng.integers(0, 256, size, np.uint8) for size in ((48, 64), (24, 32), (24, 32)))
    planes = Planes((y, u, v), color)
    for pix_fmt, pairs in (("yuv420p", np.concatenate([u.ravel(), v.ravel()])), ("nv12", np.dstack([u, v]).ravel())):
        convert = FromBgr(color, pix_fmt, 64, 48)
        assert convert.accepts(planes)
        flat = convert.copy_planes(planes).to_ndarray().ravel()
        assert np.array_equal(flat, np.concatenate([y.ravel(), pairs]))
    assert not FromBgr(ColorDescription(6, 1, 1, 1), "yuv420p", 64, 48).accepts(planes)
    full = FromBgr(ColorDescription(1, 2, 1, 1), "yuv420p", 64, 48)
    assert full.accepts(planes)
    assert np.array_equal(full.copy_planes(planes).to_ndarray()[:48], planes.to_range(True).layers[0])
    assert not FromBgr(color, "yuv420p", 66, 48).accepts(planes)
