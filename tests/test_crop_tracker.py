"""Following the person: entering, leaving, two people, cuts, other shapes of frame, still scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

from background_removal.compositing.blending import scale_to_cover
from background_removal.files.video.video_source import VideoSource
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.boxes import resample_crop
from background_removal.matting.loading import load_matting
from background_removal.matting.networks.network import Network
from background_removal.matting.networks.segmenters import make_segmenter
from background_removal.matting.pyramid import Pyramid
from background_removal.matting.refined_network import RefinedNetwork
from background_removal.matting.stream import StreamMatting
from background_removal.matting.tracking.crop_tracker import CropTracker
from background_removal.matting.tracking.detector import PersonDetector
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

Scene = tuple[np.ndarray, np.ndarray]


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    a, t = alpha > 0.5, truth > 0.5
    return float((a & t).sum() / max(1, (a | t).sum()))


@pytest.fixture(scope="module")
def stand() -> Callable[..., Scene]:
    """Put the portrait's person somewhere in a room: returns the frame and where he truly is."""
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    cutout = MPSegmentation().alpha(portrait)
    rooms = [cv2.imread(str(path)) for path in sorted((ROOT / "backgrounds").glob("*.jpg"))]

    def place(*lefts: float, room: int = 1, width: int = 640, height: int = 360, scale: float = 0.5) -> Scene:
        frame = scale_to_cover(rooms[room], width, height).astype(np.float32)
        truth = np.zeros((height, width), np.float32)
        for left in lefts:
            size = scale * height / 360
            shift = np.array([[size, 0, left * width], [0, size, height - 512 * size]], np.float32)
            person = cv2.warpAffine(portrait, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
            matte = cv2.warpAffine(cutout, shift, (width, height))
            frame = person * matte[..., None] + frame * (1 - matte[..., None])
            truth = np.maximum(truth, matte)
        return frame.astype(np.uint8), truth

    return place


def test_nobody_is_nobody(stand: Callable[..., Scene]) -> None:
    rng = np.random.default_rng(4)
    for room in range(5):
        segmentation = MPSegmentation()
        for _ in range(5):
            frame, _ = stand(room=room)
            noisy = cv2.add(frame, rng.integers(0, 10, frame.shape, np.uint8))
            assert segmentation.alpha(noisy).max() < 0.05


@pytest.mark.slow
def test_someone_enters_walks_leaves_and_comes_back(stand: Callable[..., Scene]) -> None:
    segmentation = MPSegmentation()
    there_and_back = [*np.linspace(1.02, -0.42, 36), *[-0.5] * 4, *np.linspace(-0.42, 0.3, 18)]
    for left in there_and_back:
        frame, truth = stand(float(left))
        alpha = segmentation.alpha(frame)
        if truth.mean() > 0.08:  # as soon as there is enough of him to tell
            assert iou(alpha, truth) > 0.85, left
        if truth.max() == 0:
            assert alpha.max() < 0.05, left


def test_two_people_are_both_kept_whenever_the_second_comes(stand: Callable[..., Scene]) -> None:
    segmentation = MPSegmentation()
    for _ in range(5):
        frame, truth = stand(0.05)
        assert iou(segmentation.alpha(frame), truth) > 0.9
    for moment in range(6):
        frame, truth = stand(0.05, 0.55)
        alpha = segmentation.alpha(frame)
        if moment >= 1:
            assert iou(alpha, truth) > 0.9, f"{moment} frames after the second came"
    frame, truth = stand(0.55)
    segmentation.alpha(frame)
    assert iou(segmentation.alpha(frame), truth) > 0.9


def test_a_cut_is_right_within_two_frames(stand: Callable[..., Scene]) -> None:
    segmentation = MPSegmentation()
    for _ in range(6):
        segmentation.alpha(stand(0.0, room=1)[0])
    frame, truth = stand(0.6, room=2)
    segmentation.alpha(frame)
    assert iou(segmentation.alpha(frame), truth) > 0.9


def test_the_first_frame_is_as_good_as_the_tenth(stand: Callable[..., Scene]) -> None:
    frame, truth = stand(0.3)
    segmentation = MPSegmentation()
    alphas = [segmentation.alpha(frame) for _ in range(10)]
    assert iou(alphas[0], truth) > 0.93
    assert np.abs(alphas[0] - alphas[9]).mean() < 0.003


@pytest.mark.parametrize("gain", [0.12, 0.3, 1.8])
def test_dark_and_bright_frames(stand: Callable[..., Scene], gain: float) -> None:
    frame, truth = stand(0.3)
    exposed = np.clip(frame.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    assert iou(MPSegmentation().alpha(exposed), truth) > 0.85


@pytest.mark.parametrize(("width", "height"), [(360, 640), (640, 480), (1280, 540), (480, 480)])
def test_other_shapes_of_frame(stand: Callable[..., Scene], width: int, height: int) -> None:
    frame, truth = stand(0.1, width=width, height=height, scale=0.3 if height > width else 0.5)
    segmentation = MPSegmentation()
    segmentation.alpha(frame)
    assert iou(segmentation.alpha(frame), truth) > 0.9


@pytest.mark.slow
def test_who_is_followed_is_not_lost_for_being_small(stand: Callable[..., Scene]) -> None:
    """The look at the whole frame misses a small person whom the crop shows well."""
    segmentation = MPSegmentation()
    for scale in np.linspace(0.5, 0.11, 75):
        frame, truth = stand(0.4, room=2, width=1280, height=720, scale=float(scale))
        alpha = segmentation.alpha(frame)
        assert iou(alpha, truth) > 0.7, f"{truth.mean():.3f} of the frame"


def test_crops_begin_where_halved_frames_have_pixels(stand: Callable[..., Scene]) -> None:
    frame, _ = stand(0.31, width=1920, height=1080)
    box, size = load_matting(Network())(Pyramid(frame)).box, (1920, 1080)
    assert box != (0, 0, *size)
    assert all(side % 8 == 0 for side in box)


def test_a_frame_drawn_twice_is_steadied_once(stand: Callable[..., Scene]) -> None:
    """When he leaps out of the crop the first, cut-off drawing must leave no trace in the second."""
    segmentation = MPSegmentation()
    for _ in range(4):
        segmentation.alpha(stand(0.0, scale=0.4)[0])
    frame, truth = stand(0.35, scale=0.4)
    alpha = segmentation.alpha(frame)
    fresh = MPSegmentation()
    fresh.alpha(frame)
    assert iou(alpha, truth) > iou(fresh.alpha(frame), truth) - 0.05


@pytest.mark.slow
def test_streams_that_begin_at_different_frames_come_to_agree(stand: Callable[..., Scene]) -> None:
    # He swings wide at first and little later: who has seen the first holds a larger crop, unless it is drawn anew.
    frames = [stand(0.3 + (0.25 if i < 20 else 0.02) * np.sin(i / 3), room=0)[0] for i in range(78)]

    def alphas(first: int, timed: bool) -> list[np.ndarray]:
        segmentation = MPSegmentation()
        segmentation.open(StreamInfo("clip.mp4", 640, 360))
        found = []
        for number in range(first, len(frames)):
            if timed:
                segmentation.at(number / 10)
            if number % 20:  # the frame at which the crop is due to be drawn anew is not looked at
                found.append(segmentation.alpha(frames[number]))
        return found[-5:]

    def apart(timed: bool) -> float:
        return max(float(np.abs(a - b).max()) for a, b in zip(alphas(0, timed), alphas(25, timed), strict=True))

    assert apart(timed=False) > 0.1, "the scene does not show the difference"
    assert apart(timed=True) < 0.01


@pytest.mark.slow
def test_frames_a_level_apart_do_not_keep_different_crops_for_a_second(shared: Path) -> None:
    """As two decoders give them."""
    rng = np.random.default_rng(1)
    people = [load_matting(Network()) for _ in range(2)]
    longest = apart = 0
    with VideoSource(str(shared / "groundtruth" / "dancer_office" / "input.mp4")) as source:
        for frame in source:
            other = np.clip(frame.image + rng.integers(-1, 2, frame.shape, np.int16), 0, 255).astype(np.uint8)
            for person in people:
                person.at(frame.seconds)
            boxes = [person(Pyramid(image)).box for person, image in zip(people, (frame.image, other), strict=True)]
            apart = apart + 1 if boxes[0] != boxes[1] else 0
            longest = max(longest, apart)
    assert longest < 30


def test_what_is_followed_is_seen_finer_than_the_whole_frame(stand: Callable[..., Scene]) -> None:
    frame, truth = stand(0.4, width=1280, height=720, scale=0.2)  # a small person
    followed = MPSegmentation()
    followed.alpha(frame)
    error = np.abs(followed.alpha(frame) - truth).mean()
    whole = cv2.resize(make_segmenter("landscape")(cv2.resize(frame, (256, 144))), (1280, 720))
    assert error < 0.6 * np.abs(whole - truth).mean()


def test_a_still_scene_is_drawn_once_and_a_moving_one_never_freezes(stand: Callable[..., Scene]) -> None:
    class Counting:
        """The network, and how often it was asked."""

        def __init__(self) -> None:
            self.network = make_segmenter("wide")
            self.size, self.close, self.asked = self.network.size, self.network.close, 0

        def __call__(self, image: np.ndarray) -> np.ndarray:
            self.asked += 1
            return self.network(image)

    rng = np.random.default_rng(5)
    drawing = Counting()
    finder = PersonDetector(make_segmenter("landscape"), None)
    person = StreamMatting(finder, RefinedNetwork(drawing, Refiner(0.5)), reuse_still=True)

    def alpha(frame: np.ndarray) -> np.ndarray:
        return person(Pyramid(frame)).full()

    still, truth = stand(0.3)
    for _ in range(40):
        noisy = cv2.add(still, rng.integers(0, 4, still.shape, np.uint8))
        assert iou(alpha(noisy), truth) > 0.9
    assert 10 <= drawing.asked <= 15  # a dozen frames to settle
    # A slow walk, well under a pixel of the small picture a frame, must be kept up with.
    for step in range(24):
        frame, truth = stand(0.3 + 0.002 * step)
        assert iou(alpha(frame), truth) > 0.9, step
    assert drawing.asked >= 24


@pytest.mark.parametrize(("live", "reuse_still", "kept"), [(True, None, True), (False, None, False),
                                                           (False, True, True), (True, False, False)])  # fmt: skip
def test_still_frames_are_drawn_anew_in_files(
    stand: Callable[..., Scene], live: bool, reuse_still: bool | None, kept: bool
) -> None:
    segmentation = MPSegmentation(reuse_still=reuse_still)
    segmentation.open(StreamInfo("clip.mp4", 640, 360, live=live))
    still, _ = stand(0.3)
    for _ in range(20):
        before = segmentation.alpha(still)
    # A speck that no neighbourhood's average shows, but that a network would answer to.
    still[180, 300] += 1
    assert (segmentation.alpha(still) == before).all() == kept


def test_the_crop_stays_while_the_person_stays_inside() -> None:
    tracker = CropTracker()
    alpha = np.zeros((100, 100), np.float32)
    alpha[30:90, 40:60] = 1
    assert tracker.update(alpha, (0, 0, 1000, 1000), (1000, 1000))
    box = tracker.box
    moved = np.zeros((100, 100), np.float32)
    moved[31:91, 41:61] = 1
    tracker.update(moved, (0, 0, 1000, 1000), (1000, 1000))
    assert tracker.box == box
    far = np.zeros((100, 100), np.float32)
    far[30:90, 75:95] = 1
    tracker.update(far, (0, 0, 1000, 1000), (1000, 1000))
    assert tracker.box != box
    assert not tracker.update(np.zeros((100, 100), np.float32), (0, 0, 1000, 1000), (1000, 1000))
    assert tracker.box is None


def test_resampling_to_another_crop_keeps_places() -> None:
    whole = cv2.GaussianBlur(np.random.default_rng(6).random((300, 400)).astype(np.float32), (0, 0), 9)
    old, new = (20, 30, 340, 270), (60, 50, 380, 290)

    def seen(box: tuple[int, int, int, int]) -> np.ndarray:
        return cv2.resize(whole[box[1] : box[3], box[0] : box[2]], (80, 60), interpolation=cv2.INTER_AREA)

    moved = resample_crop(seen(old), old, new)
    inside = np.s_[2:55, 2:70]  # beyond, the new crop shows what the old one did not
    assert np.abs(moved[inside] - seen(new)[inside]).max() < 0.004


def test_a_pyramid_averages_and_crops_in_place() -> None:
    image = np.random.default_rng(7).integers(0, 256, (241, 321, 3), np.uint8)
    view = Pyramid(image)
    assert view.level(1).shape == (121, 161, 3)
    assert view.level(2).shape == (61, 81, 3)
    exact = image[:240, :320].reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(view.level(1)[:120, :160] - exact).max() <= 1
    assert (view.crop((10, 20, 110, 80), 100, 60) == image[20:80, 10:110]).all()
    assert view.crop((0, 0, 321, 241), 32, 24).shape == (24, 32, 3)
