"""MPSegmentation: the alpha, the runtimes, and every kind of background."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from conftest import PORTRAIT, ROOT, difference, make_clip, scene
from onnx import TensorProto, helper

from background_removal.compositing.background_blur import blur_background
from background_removal.compositing.background_loader import BackgroundLoader
from background_removal.compositing.backgrounds import SolidColor as Color
from background_removal.compositing.blending import blend, blend_onto, scale_to_cover
from background_removal.compositing.blur import KernelBlur, kernel_sigma
from background_removal.compositing.video_background import Video
from background_removal.errors import DeviceError, InputError, InputNotFoundError
from background_removal.look import Look
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.alpha.refine import Refiner
from background_removal.matting.networks.segmenters import make_segmenter
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

# Places in the portrait that are surely person and surely background, (row, column).
PERSON, BACKGROUND = (300, 220), (60, 480)


WHOLE = (0, 0, 256, 144)


def matte_of(image: np.ndarray, alpha: np.ndarray) -> Matte:
    """Return `alpha`, at the size of `image`, as the matte of the whole frame."""
    height, width = alpha.shape
    return Matte(alpha, (0, 0, width, height), (width, height), image)


def person_on(portrait: np.ndarray, index: int, width: int = 640, height: int = 360) -> np.ndarray:
    """Return the portrait's person moved over a generated scene."""
    alpha = MPSegmentation().alpha(portrait)
    shift = np.float32([[height / 512, 0, width / 4 + 4 * index], [0, height / 512, 0]])
    person = cv2.warpAffine(portrait, shift, (width, height))
    matte = cv2.warpAffine(alpha, shift, (width, height))[..., None]
    behind = cv2.GaussianBlur(scene(index, width, height), (0, 0), 9)
    return (person * matte + behind * (1 - matte)).astype(np.uint8)


@pytest.mark.parametrize("model_selection", [0, 1])
def test_alpha_finds_the_person(portrait: np.ndarray, model_selection: int) -> None:
    alpha = MPSegmentation(model_selection=model_selection).alpha(portrait)
    assert (alpha.dtype, alpha.shape) == (np.float32, portrait.shape[:2])
    assert 0 <= alpha.min() <= alpha.max() <= 1
    assert alpha[PERSON] > 0.95
    assert alpha[BACKGROUND] < 0.05
    assert 0.3 < alpha.mean() < 0.7


def test_the_network_sees_rgb(portrait: np.ndarray) -> None:
    network = make_segmenter("landscape")
    small = cv2.resize(portrait, (256, 144), interpolation=cv2.INTER_AREA)
    right, wrong = network(small), network(np.ascontiguousarray(small[..., ::-1]))
    assert np.abs(right - wrong).max() > 0.05, "the portrait must tell the orders apart for this test to mean anything"
    import onnxruntime

    session = onnxruntime.InferenceSession(str(ROOT / "models" / "selfie_landscape.onnx"))
    rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
    expected = session.run(None, {"image": rgb.transpose(2, 0, 1)[None].astype(np.float32) / 255})[0][0, 0]
    assert np.abs(right - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("model", [None, "landscape", "general"])
def test_the_two_runtimes_agree(portrait: np.ndarray, model: str) -> None:
    frames = [portrait, *(person_on(portrait, i) for i in range(3)), scene(5), np.zeros((90, 160, 3), np.uint8)]
    runtimes = [MPSegmentation(model=model, runtime=runtime) for runtime in ("onnx", "mediapipe")]
    for frame in frames:
        first, second = (segmentation.alpha(frame) for segmentation in runtimes)
        assert np.abs(first - second).max() < 1e-3
    for segmentation in runtimes:
        segmentation.close()


def test_a_higher_threshold_keeps_less(portrait: np.ndarray) -> None:
    kept = [MPSegmentation(threshold=t).alpha(portrait) for t in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    for more, less in itertools.pairwise(kept):
        assert more.mean() > less.mean()
        # Nearly everywhere: what is an island at one threshold may hang together with the person at another.
        assert (more < less - 1e-6).mean() < 0.001


def test_reset_forgets_the_previous_frames(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation()
    first = segmentation.alpha(portrait)
    segmentation.alpha((portrait * 0.97).astype(np.uint8))
    segmentation.reset()
    assert (segmentation.alpha(portrait) == first).all()


def test_what_moves_does_not_trail_and_what_stands_is_steadied() -> None:
    refiner = Refiner(0.5)
    dark, bright = np.zeros((144, 256), np.uint8), np.full((144, 256), 200, np.uint8)
    none, everything = np.zeros((144, 256), np.float32), np.ones((144, 256), np.float32)
    refiner(everything, dark, WHOLE)
    assert refiner(none, bright, WHOLE).max() == 0, "the past shows where the picture has changed"
    refiner.reset()
    refiner(everything * 0.6, dark, WHOLE)
    steadied = refiner(everything * 0.4, dark, WHOLE)
    assert Refiner(0.5)(everything * 0.4, dark, WHOLE).max() < steadied.min()


def test_a_moved_crop_takes_its_past_along() -> None:
    """The same room seen through a crop that moves: what stood at a place of the frame still stands there."""
    refiner = Refiner(0.5)
    room = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (400, 600), np.uint8), (0, 0), 8)
    truth = np.zeros((400, 600), np.float32)
    truth[100:300, 200:400] = 1
    first, second = (100, 50, 500, 350), (120, 60, 520, 360)

    def seen(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        left, top, right, bottom = box
        return cv2.resize(image[top:bottom, left:right], (320, 256))

    refiner(seen(truth, first), seen(room, first), first)
    moved = refiner(seen(truth, second), seen(room, second), second)
    alone = Refiner(0.5)(seen(truth, second), seen(room, second), second)
    assert np.abs(moved - alone).mean() < 0.004


def test_calls_leave_their_frame_as_it_is_and_size_may_change(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(bg_color=(0, 0, 0))
    for frame in (portrait, cv2.resize(portrait, (640, 360)), portrait):
        before = frame.copy()
        out = segmentation(frame)
        assert out.shape == frame.shape
        assert (frame == before).all()


def test_a_colour_is_blue_green_red(portrait: np.ndarray) -> None:
    out = MPSegmentation(bg_color=(250, 20, 10))(portrait)
    assert out[BACKGROUND].tolist() == [250, 20, 10]
    assert np.abs(out[PERSON].astype(int) - portrait[PERSON]).max() <= 1


def test_an_image_may_be_an_array_or_a_path(portrait: np.ndarray, tmp_path: Path) -> None:
    picture = np.full((40, 40, 3), (9, 99, 199), np.uint8)
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    for image in (picture, tmp_path / "picture.png", str(tmp_path / "picture.png")):
        assert MPSegmentation(bg_image=image)(portrait)[BACKGROUND].tolist() == [9, 99, 199]


def test_the_default_blurs_only_the_background(portrait: np.ndarray) -> None:
    frame = person_on(portrait, 0)
    frame[:, -120:] = scene(0, 120, 360)
    out = MPSegmentation()(frame)
    alpha = MPSegmentation().alpha(frame)
    assert difference(out[alpha > 0.99], frame[alpha > 0.99]) < 1
    assert cv2.Laplacian(out[:, -110:], cv2.CV_32F).std() < 0.2 * cv2.Laplacian(frame[:, -110:], cv2.CV_32F).std()


def test_the_blur_is_the_gaussian_that_its_size_says() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[90:110, 90:110] = 255
    none = np.zeros((200, 200), np.float32)
    for size in (5, 15, 35, 45, 99):
        out = blur_background(Pyramid(image), matte_of(image, none), KernelBlur(size, size).sigmas(200, 200))
        assert np.abs(out.astype(int) - cv2.GaussianBlur(image, (size, size), 0)).max() <= 20
        assert difference(out, cv2.GaussianBlur(image, (size, size), 0)) < 1


def test_the_person_does_not_leak_into_the_blur() -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    image[60:240, 100:220] = 255  # a white person before a dark wall
    alpha = np.zeros((240, 320), np.float32)
    alpha[60:240, 100:220] = 1
    out = blur_background(Pyramid(image), matte_of(image, alpha), (kernel_sigma(45),) * 2)
    assert out[alpha == 0].max() <= 48
    assert cv2.GaussianBlur(image, (45, 45), 0)[alpha == 0].max() > 120


def test_blending_onto_a_background_touches_all_of_the_person_and_no_more() -> None:
    rng = np.random.default_rng(2)
    frame, behind = rng.integers(0, 256, (2, 777, 1001, 3), np.uint8)
    small = np.zeros((256, 320), np.float32)
    cv2.circle(small, (150, 120), 60, 1, -1)
    small = cv2.GaussianBlur(small, (0, 0), 2)
    small[small < 0.01] = 0
    matte = Matte(small, (100, 50, 901, 707), (1001, 777), cv2.resize(frame, (320, 256)))
    out = behind.copy()
    blend_onto(out, frame[50:707, 100:901], matte)
    assert np.abs(out.astype(int) - blend(frame, behind, cv2.convertScaleAbs(matte.full(), alpha=255))).max() <= 1


def test_blend_is_right_to_one_of_255() -> None:
    rng = np.random.default_rng(1)
    front, behind = rng.integers(0, 256, (2, 77, 33, 3), np.uint8)
    alpha = rng.integers(0, 256, (77, 33), np.uint8)
    weight = alpha[..., None] / 255
    assert np.abs(blend(front, behind, alpha) - (front * weight + behind * (1 - weight))).max() <= 1
    assert (blend(front, behind, np.full_like(alpha, 255)) == front).all()
    assert (blend(front, behind, np.zeros_like(alpha)) == behind).all()


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (100, 100), (1, 1), (3000, 10)])
def test_cover_keeps_proportions_and_the_middle(width: int, height: int) -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (200, 150), 60, (255, 255, 255), -1)
    out = scale_to_cover(picture, width, height)
    assert out.shape == (height, width, 3)
    if min(width, height) >= 100:
        assert out[height // 2, width // 2].tolist() == [255, 255, 255]
        rows, columns = np.nonzero(out[..., 0] > 128)
        across, down = np.ptp(columns) + 1, np.ptp(rows) + 1
        assert across == pytest.approx(down, rel=0.05), "the circle is stretched"
        assert across == pytest.approx(120 * max(width / 400, height / 300), rel=0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("b.png", 80), ("a.jpg", 40), ("c.webp", 160)):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), value, np.uint8))
    return tmp_path


def test_a_folder_cycles_in_name_order(portrait: np.ndarray, folder: Path) -> None:
    segmentation = MPSegmentation(bg_images_path=folder)

    def level() -> int:
        return round(int(segmentation(portrait)[BACKGROUND].mean()) / 40) * 40

    seen = [level()]
    for forward in (True, True, True, False, False):
        assert segmentation.change_image(forward)
        seen.append(level())
    assert seen == [40, 80, 160, 40, 160, 80]
    assert segmentation.on_key("a")
    assert level() == 160
    assert segmentation.on_key("d")
    assert level() == 80
    assert not segmentation.on_key("x")


def test_unreadable_files_in_a_folder_are_named_and_skipped(
    portrait: np.ndarray, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "0_notes.txt").write_text("not a picture")
    (folder / "aa_empty.png").write_bytes(b"")
    whole = (folder / "b.png").read_bytes()
    (folder / "b_broken.png").write_bytes(whole[:33] + bytes(20))
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / "inner").mkdir()
    segmentation = MPSegmentation(bg_images_path=folder)
    levels = []
    for _ in range(4):
        levels.append(round(int(segmentation(portrait)[BACKGROUND].mean()) / 40) * 40)
        segmentation.change_image(True)
    assert levels == [40, 80, 160, 40]
    for name in ("0_notes.txt", "aa_empty.png", "b_broken.png"):
        assert name in caplog.text
    assert ".DS_Store" not in caplog.text


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable picture or video"):
        MPSegmentation(bg_images_path=tmp_path)
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(InputError, match="no readable picture or video"):
        MPSegmentation(bg_images_path=tmp_path)
    with pytest.raises(InputNotFoundError, match="no such folder"):
        MPSegmentation(bg_images_path=tmp_path / "missing")
    with pytest.raises(InputError, match="is a file"):
        MPSegmentation(bg_images_path=tmp_path / "notes.txt")


def test_change_image_without_a_folder_says_no(portrait: np.ndarray) -> None:
    for segmentation in (MPSegmentation(), MPSegmentation(bg_color=(1, 2, 3)), MPSegmentation(background="none")):
        assert segmentation.change_image() is False
        assert segmentation.change_image(False) is False


def test_transparent_and_none(portrait: np.ndarray) -> None:
    out = MPSegmentation(background="transparent")(portrait)
    assert out.shape == (512, 512, 4)
    inside = out[..., 3] == 255
    assert difference(out[..., :3][inside], portrait[inside]) < 1
    assert (out[..., 3][PERSON], out[..., 3][BACKGROUND]) == (255, 0)
    assert MPSegmentation(background="none")(portrait) is portrait


def test_a_video_plays_behind_in_step_and_loops(portrait: np.ndarray, tmp_path: Path) -> None:
    levels = [20, 70, 120, 170, 220]
    images = [np.full((36, 64, 3), level, np.uint8) for level in levels]
    video = make_clip(tmp_path / "behind.mp4", images, rate=Fraction(10)).path
    segmentation = MPSegmentation(background=str(video))
    uneven = [3.0, 3.1, 3.15, 3.4, 3.5, 3.9, 4.0]  # a stream need not begin at 0, nor have a rate
    for times, expected in (
        ([i / 10 for i in range(10)], [*levels, *levels]),
        ([i / 5 for i in range(6)], [20, 120, 220, 70, 170, 20]),
        (uneven, [20, 70, 70, 220, 20, 220, 20]),
    ):
        segmentation.open(StreamInfo("front", 512, 512))
        seen = []
        for seconds in times:
            segmentation.at(seconds)
            seen.append(int(segmentation(portrait)[BACKGROUND].mean()))
        assert np.abs(np.array(seen) - expected).max() < 8


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"threshold": 1.5}, "`threshold` 1.5"),
        ({"threshold": -0.1}, "`threshold` -0.1"),
        ({"model_selection": 2}, "`model_selection` 2"),
        ({"bg_blur_ratio": (4, 4)}, "must be odd"),
        ({"bg_blur_ratio": (35, 0)}, "must be odd"),
        # Said at once, and not when a key goes to the blur.
        ({"bg_blur_ratio": (44, 44), "bg_color": (1, 2, 3)}, "must be odd"),
        ({"bg_color": (1, 2)}, "three numbers"),
        ({"bg_color": (1, 2, 300)}, "three numbers"),
        ({"bg_image": np.zeros((3, 3), np.float32)}, "must be uint8"),
        ({"background": "#12345"}, "#RRGGBB"),
        ({"background": "sunrise"}, "no such file or folder, nor one of .*sunset"),
        ({"background": str(ROOT / ".ci" / "packages.txt")}, "there is no video in it"),
        ({"runtime": "torch"}, "`runtime` torch"),
        ({"device": "abacus"}, "`device` abacus"),
        ({"model": "huge"}, "`model` huge"),
        ({"model": "missing.onnx"}, "`model` missing.onnx: no such file"),
        ({"model": "a.onnx", "runtime": "mediapipe"}, "`runtime` mediapipe has"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(arguments: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        MPSegmentation(**arguments)


def test_a_device_that_is_not_there_is_an_error_that_says_what_to_install() -> None:
    import onnxruntime

    absent = [
        (device, package)
        for device, provider, package in (
            ("cuda", "CUDAExecutionProvider", "onnxruntime-gpu"),
            ("migraphx", "MIGraphXExecutionProvider", "onnxruntime-migraphx"),
            ("directml", "DmlExecutionProvider", "onnxruntime-directml"),
            ("openvino", "OpenVINOExecutionProvider", "onnxruntime-ep-openvino"),
        )
        if provider not in onnxruntime.get_available_providers()
    ]
    assert absent, "no machine has all of them"
    for device, package in absent:
        with pytest.raises(DeviceError, match=package):
            MPSegmentation(device=device)
    with pytest.raises(DeviceError, match="CPU only"):
        MPSegmentation(runtime="mediapipe", device="cuda")
    assert MPSegmentation(device="auto") is not None
    assert MPSegmentation(device="cpu") is not None


def brightness_model(path: Path, *, planar: bool, uint8: bool, channels: int, logits: bool, free: bool) -> str:
    """Write a model that calls bright pixels the person, in one of the layouts that people's models have."""
    height, width = ("h", "w") if free else (64, 96)
    shape = [1, 3, height, width] if planar else [1, height, width, 3]
    kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT)]
    scale = 1 / 255 if uint8 else 1.0
    axis = 1 if planar else 3
    nodes.append(helper.make_node("ReduceMean", ["float"], ["mean"], axes=[axis], keepdims=1))
    gain, offset = (20 * scale, -10.0) if logits else (scale, 0.0)
    constants = [("gain", gain), ("offset", offset), ("one", 1.0), ("minus", -1.0)]
    initializers = [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in constants]
    nodes.append(helper.make_node("Mul", ["mean", "gain"], ["scaled"]))
    nodes.append(helper.make_node("Add", ["scaled", "offset"], ["person"]))
    if channels == 2:
        if logits:
            nodes.append(helper.make_node("Mul", ["person", "minus"], ["background"]))
        else:
            nodes.append(helper.make_node("Sub", ["one", "person"], ["background"]))
        nodes.append(helper.make_node("Concat", ["background", "person"], ["result"], axis=axis))
    else:
        nodes.append(helper.make_node("Identity", ["person"], ["result"]))
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)],
        initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


@pytest.mark.parametrize("planar", [True, False], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("uint8", [True, False], ids=["uint8", "float"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("logits", [True, False], ids=["logits", "probability"])
@pytest.mark.parametrize("free", [True, False], ids=["free", "fixed"])
def test_a_model_of_the_users_own(
    tmp_path: Path, planar: bool, uint8: bool, channels: int, logits: bool, free: bool
) -> None:
    model = brightness_model(
        tmp_path / "own.onnx", planar=planar, uint8=uint8, channels=channels, logits=logits, free=free
    )
    frame = np.zeros((120, 200, 3), np.uint8)
    frame[:, 100:] = 255
    alpha = MPSegmentation(model=model).alpha(frame)
    assert alpha[:, :90].max() < 0.01
    assert alpha[:, 110:].min() > 0.99


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fake.onnx").write_text("not a model")
    with pytest.raises(InputError, match="not a usable ONNX model"):
        MPSegmentation(model=str(tmp_path / "fake.onnx"))


def test_after_close_the_next_frame_works_again(portrait: np.ndarray) -> None:
    for runtime in ("onnx", "mediapipe"):
        segmentation = MPSegmentation(runtime=runtime)
        before = segmentation.alpha(portrait)
        segmentation.close()
        segmentation.close()
        segmentation.reset()
        assert np.abs(segmentation.alpha(portrait) - before).max() < 1e-6
        segmentation.close()
    assert PORTRAIT.is_file()


def open_files() -> list[str]:
    handles = Path("/proc/self/fd")
    return [os.readlink(handle) for handle in handles.iterdir() if handle.is_symlink()]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells which files are open")
@pytest.mark.parametrize("folder", [False, True])
def test_a_background_video_is_open_only_while_a_stream_goes_on(
    tmp_path: Path, portrait: np.ndarray, folder: bool
) -> None:
    video = make_clip(tmp_path / "behind.mp4", [np.full((36, 64, 3), 90, np.uint8)] * 4, rate=Fraction(10)).path
    segmentation = MPSegmentation(background=str(tmp_path if folder else video))
    for _ in range(2):
        segmentation.open(StreamInfo("front", 512, 512))
        segmentation.at(0)
        segmentation(portrait)
        assert str(video) in open_files()
        segmentation.close()
        assert str(video) not in open_files()


def test_networks_are_loaded_once_for_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main) -> None:
    import onnxruntime

    loaded = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda path, *a, **k: loaded.append(path) or session(path, *a, **k)
    )
    for name in ("a", "b", "c"):
        shutil.copy(PORTRAIT, tmp_path / f"{name}.jpg")
    assert run_main("a.jpg", "b.jpg", "c.jpg").code == 0
    assert len(list(tmp_path.glob("*_out.jpg"))) == 3
    assert len(loaded) == len(set(loaded)) == 5, "two find people, three draw them"


def test_transparency_of_an_object_before_stays(portrait: np.ndarray) -> None:
    """BGRA comes in: what is transparent stays so, whatever goes behind the person."""
    hole = np.dstack([portrait, np.full(portrait.shape[:2], 255, np.uint8)])
    hole[200:300, 150:250, 3] = 0
    before = hole.copy()
    for background in ("blur", "#00ff00", "transparent", "none"):
        segmentation, plain = MPSegmentation(background=background), MPSegmentation(background=background)
        out, alone = segmentation(hole), plain(portrait)
        assert out.shape == (512, 512, 4)
        assert (hole == before).all()
        assert not out[200:300, 150:250, 3].any()
        outside = np.ones((512, 512), bool)
        outside[200:300, 150:250] = False
        assert (out[..., :3] == alone[..., :3]).all()
        expected = alone[..., 3] if alone.shape[2] == 4 else np.full((512, 512), 255, np.uint8)
        assert (out[..., 3][outside] == expected[outside]).all()
        assert (segmentation.last_alpha() == plain.last_alpha()).all()
    for wrong in (portrait.astype(np.float32), portrait[..., 0]):
        with pytest.raises(InputError, match=r"takes uint8 \(H, W, 3\) images"):
            MPSegmentation()(wrong)


def test_thresholds_at_the_ends_leave_nothing_half_transparent(portrait: np.ndarray) -> None:
    refine = [Refiner(threshold) for threshold in (0.0, 1.0)]
    for refiner in refine:
        grey = cv2.cvtColor(cv2.resize(portrait, (256, 144)), cv2.COLOR_BGR2GRAY)
        for value in (0.0, 1.0):
            alpha = refiner(np.full((144, 256), value, np.float32), grey, WHOLE)
            assert np.abs(alpha - value).max() < 1e-4
            refiner.reset()


def test_a_video_too_heavy_for_live_use_plays_slower_instead_of_stalling() -> None:
    decoded = [0]

    def play():
        while True:
            decoded[0] += 1
            yield np.zeros((4, 4, 3), np.uint8), decoded[0] / 1_000_000  # a million frames a second

    behind = Video(play, "fast")
    behind.begin(live=True)
    before = decoded[0]
    for _ in range(5):
        behind.picture(4, 4)
    assert decoded[0] - before <= 10


def test_a_folder_may_hold_videos_too(portrait: np.ndarray, folder: Path) -> None:
    images = [np.full((36, 64, 3), level, np.uint8) for level in (200, 240)]
    make_clip(folder / "bb.mp4", images, rate=Fraction(10))
    segmentation = MPSegmentation(bg_images_path=folder)
    segmentation.open(StreamInfo("front", 512, 512, rate=Fraction(10)))
    segmentation.change_image(True)  # b.png
    segmentation.change_image(True)  # bb.mp4
    levels = []
    for moment in range(3):
        segmentation.at(moment / 10)
        levels.append(int(segmentation(portrait)[BACKGROUND].mean()))
    assert np.abs(np.array(levels) - (200, 240, 200)).max() < 8
    segmentation.change_image(True)
    assert int(segmentation(portrait)[BACKGROUND].mean()) == pytest.approx(160, abs=8)


def test_the_old_background_does_not_ring_the_person() -> None:
    """A dark figure before a white wall, put before black: its soft edge must not stay white."""
    truth = np.zeros((256, 320), np.float32)
    cv2.circle(truth, (160, 128), 70, 1, -1)
    truth = cv2.GaussianBlur(truth, (0, 0), 3)
    frame = cv2.convertScaleAbs(60 * truth + 250 * (1 - truth))
    frame = cv2.merge([frame] * 3)
    matte = Matte(truth, (0, 0, 320, 256), (320, 256), frame)
    plain = (frame * truth[..., None]).astype(np.uint8)
    ours = Color((0, 0, 0)).compose(Pyramid(frame), matte)
    right = (60 * truth)[..., None]
    edge = (truth > 0.1) & (truth < 0.9)
    assert np.abs(ours - right)[edge].mean() < 0.35 * np.abs(plain - right)[edge].mean()


def test_light_wraps_around_only_when_asked() -> None:
    truth = np.zeros((256, 320), np.float32)
    cv2.circle(truth, (160, 128), 70, 1, -1)
    frame = np.full((256, 320, 3), 60, np.uint8)
    matte = Matte(truth, (0, 0, 320, 256), (320, 256), frame)
    behind = Color((255, 255, 255))
    without = behind.compose(Pyramid(frame), matte).copy()
    behind.light_wrap = 1.0
    wrapped = behind.compose(Pyramid(frame), matte)
    near, middle = (128, 160 - 66), (128, 160)
    assert wrapped[near].mean() > without[near].mean() + 20
    assert (wrapped[middle] == without[middle]).all()
    with pytest.raises(InputError, match="`light_wrap` 2"):
        MPSegmentation(light_wrap=2)


def test_edge_softness_widens_the_edge(portrait: np.ndarray) -> None:
    soft_pixels = []
    for softness in (0.0, 0.5, 1.0):
        alpha = MPSegmentation(edge_softness=softness).alpha(portrait)
        soft_pixels.append(((alpha > 0.05) & (alpha < 0.95)).sum())
    assert soft_pixels[0] < soft_pixels[1] < soft_pixels[2]


def test_results_that_are_kept_are_not_drawn_over(portrait: np.ndarray) -> None:
    """Full-size images are used again, but never one that somebody still holds."""
    segmentation = MPSegmentation(bg_color=(0, 0, 255))
    kept = [segmentation(portrait)]
    copy = kept[0].copy()
    view = segmentation(cv2.flip(portrait, 1))[100:200]
    part = view.copy()
    for _ in range(4):
        kept.append(segmentation(cv2.flip(portrait, 0)))
    assert (kept[0] == copy).all()
    assert (view == part).all()
    addresses = set()
    for _ in range(12):
        out = segmentation(portrait)
        addresses.add(out.__array_interface__["data"][0])
        del out
    assert len(addresses) <= 2


def test_behind_soft_parts_of_the_person_the_blur_keeps_its_colour() -> None:
    image = np.full((240, 320, 3), (150, 170, 200), np.uint8)
    for alpha in (0.3, 0.55, 0.7, 0.95, 1.0):
        matte = matte_of(image, np.full((240, 320), alpha, np.float32))
        assert np.abs(blur_background(Pyramid(image), matte, (kernel_sigma(45),) * 2).astype(int) - image).max() <= 2


def test_a_cut_out_keeps_nothing_of_the_room(portrait: np.ndarray) -> None:
    out = MPSegmentation(background="transparent")(portrait)
    gone = out[..., 3] == 0
    assert gone.mean() > 0.2
    assert not out[gone].any()


@pytest.mark.parametrize("size", [(1280, 720), (333, 211), (40, 30), (20, 200)])
@pytest.mark.parametrize("kind", ["blob", "squares", "noise", "everything", "nothing"])
def test_only_the_edge_is_computed_and_all_is_right(size: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[0:64, 0:80]
    alpha = {
        "blob": np.clip(1.5 - np.hypot(rows - 40, columns - 30) / 15, 0, 1),
        "squares": (rows // 7 + columns // 9) % 2,  # steps without a soft pixel between
        "noise": rng.random((64, 80)),
        "everything": np.ones((64, 80)),
        "nothing": np.zeros((64, 80)),
    }[kind]
    width, height = size
    front, behind, correction = rng.integers(0, 256, (3, height, width, 3), np.uint8)
    matte = Matte(alpha.astype(np.float32), (0, 0, width, height), size, front)
    for change in (None, cv2.addWeighted(correction, 0, correction, 0, 128)):
        out = behind.copy()
        blend_onto(out, front, matte, change)
        large = matte.resize_to_box(cv2.convertScaleAbs(matte.alpha, alpha=255))
        assert (out == blend(front, behind, large)).all()


def corner(segmentation: MPSegmentation, image: np.ndarray) -> tuple[int, ...]:
    """Return the colour that a portrait's upper left corner has become."""
    return tuple(segmentation(image)[2, 2].tolist())


def test_the_attributes_of_the_original_can_be_read_and_set(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(threshold=0.3)
    assert (segmentation.threshold, segmentation.bg_blur_ratio) == (0.3, (35, 35))
    assert (segmentation.bg_image, segmentation.bg_images, segmentation.bg_color) == (None, [], None)
    blurred = segmentation(portrait)
    segmentation.bg_blur_ratio = (3, 3)
    assert segmentation.bg_blur_ratio == (3, 3)
    assert difference(segmentation(portrait), portrait) < difference(blurred, portrait) / 2

    segmentation.bg_color = (255, 0, 0)
    assert (segmentation.bg_color, corner(segmentation, portrait)) == ((255, 0, 0), (255, 0, 0))
    green, red = (np.full((20, 30, 3), color, np.uint8) for color in ((0, 255, 0), (0, 0, 255)))
    segmentation.bg_image = green  # a picture goes before a colour
    assert corner(segmentation, portrait) == (0, 255, 0)
    assert segmentation.bg_image is not None
    assert (segmentation.bg_image == green).all()
    segmentation.bg_image = None
    assert corner(segmentation, portrait) == (255, 0, 0)
    segmentation.bg_color = None
    assert difference(segmentation(portrait), portrait) < difference(blurred, portrait) / 2

    segmentation.bg_images = [green, red]
    assert corner(segmentation, portrait) == (0, 255, 0)
    segmentation.bg_image = green
    assert segmentation.change_image()  # as in the original, also after a picture was put in by hand
    assert corner(segmentation, portrait) == (0, 0, 255)
    assert [tuple(image[0, 0].tolist()) for image in segmentation.bg_images] == [(0, 0, 255), (0, 255, 0)]
    segmentation.bg_images = []
    assert not segmentation.change_image()
    segmentation.bg_image = None  # also where the blur was not the first
    assert segmentation.look.background == "blur"
    coloured = MPSegmentation(bg_color=(255, 0, 0))
    assert [coloured.on_key("b") for _ in range(2)] == ["background: none", "background: blur"]

    kept = (segmentation.alpha(portrait) > 0.5).sum()
    segmentation.threshold = 0.9
    assert (segmentation.alpha(portrait) > 0.5).sum() < kept
    with pytest.raises(InputError, match="`threshold` 1"):
        segmentation.threshold = 1.5
    with pytest.raises(InputError, match="odd"):
        segmentation.bg_blur_ratio = (44, 44)
    assert segmentation.bg_blur_ratio == (3, 3)


def test_keys_that_can_do_nothing_say_why(tmp_path: Path, portrait: np.ndarray) -> None:
    segmentation = MPSegmentation()
    assert segmentation.on_key("a") == "a and d go through pictures; b goes to them"
    assert str(segmentation.on_key("b")).startswith("background: 1_studio.jpg (1 of ")  # the picture, not its folder
    cv2.imwrite(str(tmp_path / "only.png"), portrait)
    assert MPSegmentation(bg_images_path=tmp_path).on_key("d") == "there is no other picture"


def test_the_look_is_read_and_set_while_frames_go_by(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    load = BackgroundLoader.from_text
    monkeypatch.setattr(BackgroundLoader, "from_text", lambda self, text: loaded.append(text) or load(self, text))
    segmentation = MPSegmentation(background="none", blur="light", edge_softness=0.2)
    expected = Look(background="none", blur="light", edge_softness=0.2)
    assert segmentation.look == expected
    assert segmentation(portrait) is portrait
    picture = str(ROOT / "backgrounds" / "3_bokeh.jpg")
    for changed in (
        {"background": picture}, {"threshold": 0.8}, {"edge_softness": 0.9}, {"light_wrap": 0.5}, {"people": "main"},
        {"background": "blur"}, {"blur": "strong"}, {"background": "#00ff00"},
    ):  # fmt: skip
        for _ in range(3):
            before = segmentation(portrait).copy()
        expected = replace(expected, **changed)
        segmentation.look = expected
        assert segmentation.look == expected
        after = segmentation(portrait)
        assert (difference(after, before) > 0.02) == ("people" not in changed), changed
    assert loaded == ["none", picture, "#00ff00"], "what stays is not loaded again"
    segmentation.reset()
    fresh = MPSegmentation(**{name: value for name, value in expected.to_dict().items() if name != "effects"})
    assert (segmentation(portrait) == fresh(portrait)).all()


def test_a_look_that_cannot_be_shown_changes_nothing(portrait: np.ndarray) -> None:
    segmentation = MPSegmentation()
    before = segmentation.look
    with pytest.raises(InputError, match="no such file or folder"):
        segmentation.look = Look(background="nowhere.png", threshold=0.1, people="main")
    assert segmentation.look == before
    still = MPSegmentation()
    still.open(StreamInfo("still", 640, 480, still=True))
    with pytest.raises(InputError, match="the best matte keeps everybody"):
        still.look = Look(background="#00ff00", people="main")
    assert still.look == before
