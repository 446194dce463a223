"""Networks of other kinds: recurrent ones with RobustVideoMatting's interface, and those that are downloaded."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from conftest import PORTRAIT, ROOT, difference
from onnx import TensorProto, helper

from background_removal.compositing.blending import apply_edge_correction, compute_edge_correction
from background_removal.errors import InputError, ProcessingError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.loading import load_matting
from background_removal.matting.networks import segmenters, sessions, weights
from background_removal.matting.networks.network import Network
from background_removal.matting.networks.recurrent import RecurrentMatting
from background_removal.matting.networks.segmenters import make_segmenter
from background_removal.matting.networks.sessions import load_session
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

CHANNELS = (16, 20, 40, 64)


def recurrent_model(path: Path) -> str:
    """Write a network with RVM's interface whose alpha is the mean of red now and, by r1, of the frame before.

    Its foreground is the inverted picture, so that a test can see it used.
    """
    nodes = [
        helper.make_node("Slice", ["src", "zero", "one", "channel_axis"], ["red"]),
        # The state has the size of the picture, or 1x1 at first: it is spread out and averaged with the red.
        helper.make_node("Slice", ["r1i", "zero", "one", "channel_axis"], ["before"]),
        helper.make_node("Mul", ["before", "half"], ["old"]),
        helper.make_node("Mul", ["red", "half"], ["new"]),
        helper.make_node("Add", ["new", "old"], ["pha"]),
        helper.make_node("Sub", ["whole", "src"], ["fgr"]),
        helper.make_node("Mul", ["red", "ones16"], ["r1o"]),
    ]
    for number in (2, 3, 4):
        nodes.append(helper.make_node("Identity", [f"r{number}i"], [f"r{number}o"]))
    constants = [
        helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("channel_axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5]),
        helper.make_tensor("whole", TensorProto.FLOAT, [1], [1.0]),
        helper.make_tensor("ones16", TensorProto.FLOAT, [1, 16, 1, 1], [1.0] * 16),
    ]
    inputs = [helper.make_tensor_value_info("src", TensorProto.FLOAT, [1, 3, "h", "w"])]
    outputs = [
        helper.make_tensor_value_info("fgr", TensorProto.FLOAT, [1, 3, "h", "w"]),
        helper.make_tensor_value_info("pha", TensorProto.FLOAT, [1, 1, "h", "w"]),
    ]
    for number, channels in enumerate(CHANNELS, 1):
        shape = [1, channels, f"h{number}", f"w{number}"]
        inputs.append(helper.make_tensor_value_info(f"r{number}i", TensorProto.FLOAT, shape))
        outputs.append(helper.make_tensor_value_info(f"r{number}o", TensorProto.FLOAT, shape))
    inputs.append(helper.make_tensor_value_info("downsample_ratio", TensorProto.FLOAT, [1]))
    graph = helper.make_graph(nodes, "recurrent", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


def test_a_recurrent_network_remembers_until_reset(tmp_path: Path, portrait: np.ndarray) -> None:
    model = recurrent_model(tmp_path / "own_recurrent.onnx")
    segmentation = MPSegmentation(model=model)
    first, second = segmentation.alpha(portrait), segmentation.alpha(portrait)
    assert second.max() > 1.5 * first.max()
    segmentation.reset()
    assert (segmentation.alpha(portrait) == first).all()


def test_the_memory_moves_with_the_crop(tmp_path: Path, portrait: np.ndarray) -> None:
    session = load_session(recurrent_model(tmp_path / "own.onnx"), "cpu")
    network = RecurrentMatting(session, "own.onnx", threshold=0.5, edge_softness=0.5)
    room = cv2.GaussianBlur(cv2.resize(portrait, (640, 480)), (0, 0), 6)
    old, new = (40, 30, 440, 350), (80, 50, 480, 370)
    view = Pyramid(room)
    network.predict(view.crop(old, 240, 192), old)
    alpha, _ = network.predict(view.crop(new, 240, 192), new)
    # Half now and half remembered, of the same place: what the new crop's red alone would be.
    expected = view.crop(new, 240, 192)[..., 2] / 255
    inside = np.s_[:170, :205]  # the old crop did not show the rest
    assert np.abs(alpha[inside] - expected[inside]).mean() < 0.01


def test_its_foreground_is_used_at_the_edge(tmp_path: Path, portrait: np.ndarray) -> None:
    model = recurrent_model(tmp_path / "own.onnx")
    segmentation = MPSegmentation(model=model, background="transparent")
    out = segmentation(portrait)
    left, top, right, bottom = load_matting(Network(model=model))(Pyramid(portrait)).box
    inside = np.s_[top:bottom, left:right]
    edge = (out[inside][..., 3] < 170) & (out[inside][..., 3] > 20)
    assert edge.sum() > 500
    soft = cv2.GaussianBlur(portrait, (0, 0), 3)[inside]
    got = cv2.GaussianBlur(out[..., :3], (0, 0), 1)[inside]
    assert difference(got[edge], 255 - soft[edge]) < 0.5 * difference(soft[edge], 255 - soft[edge])


def test_a_foreground_changes_nothing_well_inside_the_person() -> None:
    image = np.full((64, 80, 3), 100, np.uint8)
    alpha = np.ones((64, 80), np.float32)
    alpha[:, :20], alpha[:, 20:40] = 0, 0.5
    matte = Matte(alpha, (0, 0, 80, 64), (80, 64), image, foreground=np.full((64, 80, 3), 160, np.uint8))
    result = apply_edge_correction(image, compute_edge_correction(matte))
    assert (result[:, 50:] == 100).all()
    assert np.abs(result[:, 25:35].astype(int) - 160).max() <= 1
    assert (result[:, :15] == 100).all()


def test_the_best_quality_shows_it_the_whole_frame(tmp_path: Path, portrait: np.ndarray) -> None:
    model = recurrent_model(tmp_path / "own.onnx")
    frame = cv2.resize(portrait, (640, 400))
    fast, whole = (load_matting(Network(model=model, quality=quality))(Pyramid(frame)) for quality in ("fast", "best"))
    assert fast.alpha.shape == (192, 240)
    assert whole.alpha.shape == (400, 640)
    assert whole.box == (0, 0, 640, 400)
    by_what_it_is = load_matting(Network(model=model))
    for still, expected in ((True, (400, 640)), (False, (192, 240))):
        by_what_it_is.begin(still)
        assert by_what_it_is(Pyramid(frame)).alpha.shape == expected
    with pytest.raises(InputError, match="`quality` file"):
        MPSegmentation(quality="file")


def test_the_real_one_finds_the_person(shared: Path, portrait: np.ndarray) -> None:
    segmentation = MPSegmentation(model=str(shared / "models" / "rvm_mobilenetv3_ratio1.onnx"))
    for _ in range(3):
        alpha = segmentation.alpha(portrait)
    assert alpha[300, 220] > 0.95
    assert alpha[60, 480] < 0.05
    assert segmentation(portrait).shape == portrait.shape


def mean_red_model(path: Path) -> str:
    """Write a network that gives back the red channel of its input as logits would stand, unbounded."""
    nodes = [helper.make_node("Slice", ["image", "zero", "one", "axis"], ["result"])]
    constants = [
        helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 1, "h", "w"])
    graph = helper.make_graph(nodes, "red", [image], [result], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


@pytest.mark.parametrize(
    ("input_range", "low", "high"),
    [("unit", 0.0, 1.0), ("symmetric", -1.0, 1.0), ("imagenet", -0.485 / 0.229, (1 - 0.485) / 0.229)],
)
def test_what_a_model_expects_of_rgb_can_be_said(tmp_path: Path, input_range: str, low: float, high: float) -> None:
    # What comes back is what the network was given, once the sigmoid is undone.
    options = Network(model_size=(32, 48), model_input=input_range, model_output="logits")
    network = make_segmenter(mean_red_model(tmp_path / "red.onnx"), options=options)
    assert network.size == (32, 48)
    for value, expected in ((0, low), (255, high)):
        probability = network(np.full((32, 48, 3), value, np.uint8)).astype(np.float64)
        assert np.allclose(np.log(probability / (1 - probability)), expected, atol=1e-3)


def test_whether_values_are_logits_can_be_said(tmp_path: Path) -> None:
    model = mean_red_model(tmp_path / "red.onnx")
    white = np.full((64, 64, 3), 255, np.uint8)
    for output, expected in (("probability", 1.0), ("logits", 1 / (1 + np.exp(-1.0)))):
        network = make_segmenter(model, options=Network(model_output=output))
        assert np.allclose(network(white), expected, atol=1e-4)
    for arguments in ({"model_input": "bytes"}, {"model_output": "heat"}, {"model_size": (0, 9)}):
        with pytest.raises(InputError, match=next(iter(arguments))):
            MPSegmentation(model=model, **arguments)


@pytest.fixture
def download_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Serve a small model on loopback under the name "modnet"; ``requests`` counts, ``content`` is what is sent."""
    content = Path(mean_red_model(tmp_path / "served.onnx")).read_bytes()
    state: dict[str, object] = {"content": content, "requests": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state["requests"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(state["content"])))
            self.end_headers()
            self.wfile.write(state["content"])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state["folder"] = tmp_path / "kept"
    state["url"] = f"http://127.0.0.1:{server.server_address[1]}/modnet.onnx"
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    known = weights.Download(state["url"], checksum, 1, "test", "tests", (64, 64))
    monkeypatch.setattr(weights, "DOWNLOADS", {**weights.DOWNLOADS, "modnet": known})
    for module in (segmenters, sessions):
        monkeypatch.setattr(module, "DOWNLOADS", weights.DOWNLOADS)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(state["folder"]))
    yield state
    server.shutdown()
    server.server_close()


def test_a_known_model_is_downloaded_once(download_server: dict[str, object], portrait: np.ndarray) -> None:
    for _ in range(2):
        assert MPSegmentation(model="modnet").alpha(portrait).shape == (512, 512)
    assert download_server["requests"] == 1
    assert [p.name for p in download_server["folder"].iterdir()] == ["modnet.onnx"]


def test_another_file_than_expected_is_not_kept(download_server: dict[str, object]) -> None:
    download_server["content"] = b"something else"
    with pytest.raises(InputError, match=r"`model` modnet: http://.* gives another file"):
        MPSegmentation(model="modnet")
    assert not [p for p in download_server["folder"].iterdir() if p.stat().st_size]


def test_offline_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main) -> None:
    known = weights.Download("http://127.0.0.1:9/rvm.onnx", f"sha256:{'0' * 64}", 1, "test", "tests")
    monkeypatch.setitem(weights.DOWNLOADS, "rvm", known)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "kept"))
    outcome = run_main(PORTRAIT, "--model", "rvm")
    assert outcome.code == 2
    path = tmp_path / "kept" / "rvm.onnx"
    assert outcome.err.splitlines()[-1] == (
        f"error: get http://127.0.0.1:9/rvm.onnx by other means and put it at {path}: "
        "--model rvm cannot be downloaded (the server cannot be reached)"
    )


def test_nothing_is_downloaded_for_the_defaults(download_server: dict[str, object], portrait: np.ndarray) -> None:
    """Every known download is served here, so that any of them would be counted."""
    for name, known in weights.DOWNLOADS.items():
        weights.DOWNLOADS[name] = dataclasses.replace(known, url=download_server["url"])
    for arguments in ({}, {"model_selection": 0}, {"model": "landscape"}, {"model": "general"}):
        MPSegmentation(**arguments).alpha(portrait)
    assert download_server["requests"] == 0
    MPSegmentation(model="modnet")
    assert download_server["requests"] == 1, "the server counts"


def test_the_known_models_have_checksums_and_licences() -> None:
    for known in weights.DOWNLOADS.values():
        assert known.url.startswith("https://github.com/")
        kind, _, digest = known.checksum.partition(":")
        assert len(bytes.fromhex(digest)) == {"sha256": 32, "md5": 16}[kind]
        assert known.licence
        assert known.good_for
        assert known.megabytes > 1


def test_models_are_listed_at_once(run_main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "isnet-general-use.onnx").touch()
    outcome = run_main("--list-models")
    assert (outcome.code, outcome.err) == (0, "")
    heading, *rows = outcome.out.splitlines()
    assert heading.split() == ["NAME", "SIZE", "LICENCE", "HERE", "GOOD", "AT"]
    assert [row.split()[0] for row in rows] == [*weights.MODELS, *weights.DOWNLOADS]
    listed = {row.split()[0]: row.split()[1:5] for row in rows}
    assert listed["multiclass"] == ["5.3", "MB", "Apache-2.0", "yes"]
    assert listed["isnet-general-use"] == ["179", "MB", "Apache-2.0", "yes"]
    assert listed["birefnet-portrait"] == ["973", "MB", "MIT", "download"]
    check = (
        "import sys; from background_removal.cli.main import main; main(['--list-models']); "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'cv2', 'onnxruntime', 'pooch')))"
    )
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0


# -- ISNet, BiRefNet ---------------------------------------------------------------------------------------------------


def isnet_shaped_model(path: Path, *, highest: float = 0.8, logits: bool = False) -> str:
    """Write a network of ISNet's shape: the probability is red, from 0.2 to `highest`; the coarser map is of no use.

    Red is 0.485 lower than in [0, 1], as `isnet` gives it; with `logits` it is returned as it comes in.
    """
    scale, shift = (1.0, 0.0) if logits else (highest - 0.2, 0.485 * (highest - 0.2) + 0.2)
    nodes = [
        helper.make_node("Slice", ["img", "zero", "one", "one"], ["red"]),
        helper.make_node("Mul", ["red", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["d1"]),
        helper.make_node("AveragePool", ["img"], ["d2"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    constants = [
        *(helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in (("zero", 0), ("one", 1))),
        *(helper.make_tensor(name, TensorProto.FLOAT, [1], [v]) for name, v in (("scale", scale), ("shift", shift))),
    ]
    values = {"img": (3, 1024), "d1": (1, 1024), "d2": (3, 512)}
    picture, *maps = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
        for name, (channels, side) in values.items()
    )
    graph = helper.make_graph(nodes, "isnet", [picture], maps, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return str(path)


@pytest.fixture(scope="module")
def red_ramp() -> np.ndarray:
    """A picture of 1024x1024 with red from 0 to 255, uint8."""
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[..., 2] = np.linspace(0, 255, 1024).round()
    return image


def test_a_file_of_isnets_shape_is_run_as_isnet(tmp_path: Path, red_ramp: np.ndarray) -> None:
    red = red_ramp[..., 2] / 255
    model = isnet_shaped_model(tmp_path / "any.onnx")
    network = make_segmenter(model)
    assert network.size == (1024, 1024)
    assert np.abs(network(red_ramp) - red).max() < 1e-5
    plain = make_segmenter(model, options=Network(model_output="probability"))
    assert np.abs(plain(red_ramp) - (0.2 + 0.6 * red)).max() < 1e-5
    # Where nothing is found, nothing is made of it.
    unsure = make_segmenter(isnet_shaped_model(tmp_path / "unsure.onnx", highest=0.4))
    assert np.abs(unsure(red_ramp) - (0.2 + 0.2 * red)).max() < 1e-5


@pytest.mark.parametrize("name", ["isnet-general-use", "birefnet-portrait", "birefnet-general-lite"])
def test_a_network_put_in_place_by_hand_is_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, red_ramp: np.ndarray
) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    path = weights.download_path(name)
    logits = name.startswith("birefnet")
    isnet_shaped_model(path, logits=logits)
    known = dataclasses.replace(
        weights.DOWNLOADS[name],
        url=f"http://127.0.0.1:9/{path.name}",
        checksum=f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}",
    )
    monkeypatch.setitem(weights.DOWNLOADS, name, known)
    red = red_ramp[..., 2] / 255
    expected = 1 / (1 + np.exp(-(red - 0.485) / 0.229)) if logits else red
    assert np.abs(make_segmenter(name)(red_ramp) - expected).max() < 1e-4
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match=f"`model` {name}"):
        make_segmenter(name)


def test_an_output_smaller_than_the_input_is_enlarged(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "axis"], ["red"]),
        helper.make_node("AveragePool", ["red"], ["result"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("zero", 0), ("one", 1), ("axis", 1))
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 1, 32, 32])
    graph = helper.make_graph(nodes, "half", [image], [result], constants)
    path = tmp_path / "half.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    frame = np.zeros((120, 200, 3), np.uint8)
    frame[:, 100:] = 255
    alpha = MPSegmentation(model=str(path)).alpha(frame)
    assert alpha[:, :85].max() < 0.05
    assert alpha[:, 115:].min() > 0.95


def test_a_wrong_device_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    for model in (mean_red_model(tmp_path / "red.onnx"), "rvm"):
        with pytest.raises(InputError, match="`device` gpu"):
            MPSegmentation(model=model, device="gpu")


# -- networks that answer nonsense -----------------------------------------------------------------


def saved(path: Path, nodes: list, inputs: list, outputs: list, constants: list) -> str:
    graph = helper.make_graph(nodes, "nonsense", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


def answering(path: Path, answer: np.ndarray, *, takes: bool = True, gives: bool = True) -> str:
    """Write a network that looks at nothing and always gives this answer."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])
    kind = helper.np_dtype_to_tensor_dtype(answer.dtype)
    result = helper.make_tensor_value_info("result", kind, answer.shape)
    constant = helper.make_tensor("answer", kind, answer.shape, answer.flatten().tolist())
    node = helper.make_node("Identity", ["answer"], ["result"])
    return saved(path, [node], [image] if takes else [], [result] if gives else [], [constant])


def map_of(value: float, *shape: int) -> np.ndarray:
    return np.full(shape or (1, 1, 64, 64), value, np.float32)


@pytest.mark.parametrize(
    ("answer", "code", "complaint"),
    [
        (map_of(np.nan), 1, "NaN or infinite"),
        (map_of(np.inf, 1, 2, 64, 64), 1, "NaN or infinite"),
        (map_of(0.5, 0, 1, 64, 64), 2, "output (0, 1, 64, 64) is not a map"),
        (map_of(0.5, 2, 1, 64, 64), 2, "is not a map"),
        (map_of(0.5, 1, 1, 0, 64), 2, "is not a map"),
        (map_of(0.5, 1, 1000), 2, "is not a map"),
        (map_of(0.5, 1, 1, 1, 1), 2, "is not a map"),
        (map_of(0.5, 1, 5, 64, 64), 2, "output (1, 5, 64, 64) is not a map of the person; it may have 1 channel, 2"),
    ],
)
@pytest.mark.parametrize("name", ["photo.png", "clip.mp4"])
def test_nonsense_is_told_and_leaves_no_result(
    tmp_path: Path, run_main, clip, answer: np.ndarray, code: int, complaint: str, name: str
) -> None:
    model = answering(tmp_path / "own.onnx", answer)
    source = clip(frames=3).path if name == "clip.mp4" else PORTRAIT
    outcome = run_main(source, "--model", model, "--output", tmp_path / f"out_{name}")
    assert (outcome.code, outcome.err.count("\n")) == (code, 1)
    assert outcome.err.startswith(f"error: {model}: ")
    assert complaint in outcome.err
    assert not (tmp_path / f"out_{name}").exists()


def test_networks_without_inputs_or_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must take one image .* not nothing"):
        MPSegmentation(model=answering(tmp_path / "blind.onnx", map_of(0.5), takes=False))
    with pytest.raises(InputError, match="has no output"):
        MPSegmentation(model=answering(tmp_path / "mute.onnx", map_of(0.5), gives=False))
    words = answering(tmp_path / "words.onnx", np.full((1, 1, 64, 64), "person", object).astype(np.str_))
    with pytest.raises(ProcessingError, match="numbers are needed"):
        MPSegmentation(model=words).alpha(cv2.imread(str(PORTRAIT)))


def recurrent_with(path: Path, changes: dict[str, list], constants: list = []) -> str:  # noqa: B006
    """Write a network with RVM's interface whose outputs are those of `recurrent_model`, but for the nodes given."""
    model = onnx.load(recurrent_model(path))
    for name, nodes in changes.items():
        kept = [node for node in model.graph.node if name not in node.output] + nodes
        del model.graph.node[:]
        model.graph.node.extend(kept)
        output = next(item for item in model.graph.output if item.name == name)
        output.type.tensor_type.ClearField("shape")
        if not nodes:
            model.graph.output.remove(output)
    model.graph.initializer.extend(constants)
    onnx.save(model, str(path))
    return str(path)


def test_nonsense_of_a_recurrent_network_is_told(tmp_path: Path, portrait: np.ndarray) -> None:
    path = tmp_path / "own.onnx"
    nan = helper.make_tensor("nan", TensorProto.FLOAT, [1], [np.nan])
    empty = helper.make_tensor("empty", TensorProto.FLOAT, [0, 1, 4, 4], [])
    smaller = helper.make_node("AveragePool", ["red"], ["pha"], kernel_shape=[2, 2], strides=[2, 2])
    for name, node, complaint in (
        ("pha", helper.make_node("Add", ["red", "nan"], ["pha"]), "NaN or infinite"),
        ("fgr", helper.make_node("Add", ["src", "nan"], ["fgr"]), "NaN or infinite"),
        ("r1o", helper.make_node("Add", ["src", "nan"], ["r1o"]), "NaN or infinite"),
        ("pha", helper.make_node("Identity", ["empty"], ["pha"]), r"pha \(0, 1, 4, 4\) are not"),
        ("pha", smaller, r"pha \(1, 1, 256, 256\) are not"),
        ("fgr", helper.make_node("Identity", ["red"], ["fgr"]), r"fgr \(1, 1, 512, 512\)"),
    ):
        model = recurrent_with(path, {name: [node]}, [nan, empty])
        with pytest.raises((InputError, ProcessingError), match=complaint):
            MPSegmentation(model=model, quality="best").alpha(portrait)
    with pytest.raises(InputError, match="pha is missing"):
        MPSegmentation(model=recurrent_with(path, {"pha": []}))


def test_a_camera_is_blurred_whole_while_a_network_answers_nonsense(
    tmp_path: Path, portrait: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "axis"], ["red"]),
        helper.make_node("Sub", ["red", "tenth"], ["less"]),
        helper.make_node("Sqrt", ["less"], ["result"]),  # NaN wherever it is dark
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("zero", 0), ("one", 1), ("axis", 1))
    ]
    constants.append(helper.make_tensor("tenth", TensorProto.FLOAT, [1], [0.1]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 1, 64, 64])
    segmentation = MPSegmentation(model=saved(tmp_path / "own.onnx", nodes, [image], [result], constants))
    segmentation.open(StreamInfo("camera", 512, 512, live=True))
    dark = np.zeros_like(portrait)
    dark[:256] = 255
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            shown = segmentation(dark.copy())
            assert segmentation.last_alpha().max() == 0
            assert 20 < shown[256, 256, 0] < 235, "the edge is not blurred"
    assert caplog.text.count("NaN or infinite") == 1
    assert segmentation.alpha(np.maximum(portrait, 40)).max() > 0.5, "it goes on when the network does"
    with pytest.raises(ProcessingError, match="NaN or infinite"):
        np.array([segmentation(dark.copy()) for _ in range(100)])


def red_network(path: Path, scale: float, shift: float, kind: int, batch: int = 1) -> str:
    """Write a network that answers with the red of a picture, in [0, 1], times `scale` plus `shift`, cast to `kind`."""
    nodes = [
        helper.make_node("Slice", ["image", "zero", "one", "axis"], ["red"]),
        helper.make_node("Mul", ["red", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["shifted"]),
        helper.make_node("Cast", ["shifted"], ["answer"], to=kind),
    ]
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in
                 (("zero", 0), ("one", 1), ("axis", 1))]  # fmt: skip
    constants += [helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in
                  (("scale", scale), ("shift", shift))]  # fmt: skip
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 32, 32])
    answer = helper.make_tensor_value_info("answer", kind, [batch, 1, 32, 32])
    graph = helper.make_graph(nodes, "red", [image], [answer], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return str(path)


@pytest.mark.parametrize(
    ("scale", "shift", "kind", "expected"),
    [
        (1, 0, TensorProto.FLOAT, [0, 0.5, 1]),
        (255, 0, TensorProto.FLOAT, [0, 0.5, 1]),
        (255, 0.5, TensorProto.UINT8, [0, 0.5, 1]),
        (255, 0.5, TensorProto.INT64, [0, 0.5, 1]),
        (15, 0.5, TensorProto.INT64, [0, 0, 1]),  # 15 is the person of PASCAL VOC
        (15, 0, TensorProto.UINT8, [0, 0, 1]),
        (1, 0, TensorProto.INT64, [0, 0, 1]),
        (8, -4, TensorProto.FLOAT, [0.018, 0.5, 0.982]),
        (1, 0, TensorProto.FLOAT16, [0, 0.5, 1]),
    ],
)
def test_answers_are_recognised_by_type_and_range(tmp_path: Path, scale, shift, kind: int, expected) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, 8:16, 2], image[:, 16:, 2] = 128, 255
    network = make_segmenter(red_network(tmp_path / "own.onnx", scale, shift, kind))
    assert network(image)[16, [4, 12, 24]] == pytest.approx(expected, abs=0.01)
    empty = network(np.zeros_like(image))
    assert empty.max() < 0.02, "an empty picture shows nothing of the room"


def scores_of_classes(person: float, other: float, rest: float) -> np.ndarray:
    """Return scores of PASCAL VOC's 21 classes, float32 (1, 21, 64, 64): a person (15) on the right, a chair (9)."""
    scores = np.full((1, 21, 64, 64), rest, np.float32)
    scores[:, 15, :, 32:], scores[:, 9, :, 32:] = person, other
    scores[:, 9, :, :32], scores[:, 15, :, :32] = person, other
    return scores


@pytest.mark.parametrize(
    ("scores", "left", "right"),
    [
        # e^5 / (e^5 + e^2 + 19 e^-1) = 148.4 / (148.4 + 7.389 + 6.990), and e^2 in its place
        (scores_of_classes(5, 2, -1), 0.0454, 0.9117),
        (scores_of_classes(5, 2, -1).astype(np.float16), 0.0454, 0.9117),
        (scores_of_classes(0.7, 0.11, 0.01), 0.11, 0.7),  # probabilities
        (scores_of_classes(0.9, 0.6, 0.2), 0, 1),  # each for itself
        (scores_of_classes(200, 40, 0).astype(np.uint8), 0, 1),
        (scores_of_classes(0, 0, 0), 0, 0),  # no answer is no person
        (scores_of_classes(9, 9, 9), 0.0476, 0.0476),  # 1 of 21
    ],
)
def test_the_person_is_one_of_the_classes_of_pascal_voc(tmp_path: Path, scores: np.ndarray, left, right) -> None:
    for number, answer in enumerate((scores, scores.transpose(0, 2, 3, 1), scores[0])):
        network = make_segmenter(answering(tmp_path / f"{number}.onnx", np.ascontiguousarray(answer)))
        probability = network(np.zeros((64, 64, 3), np.uint8))
        assert probability.shape == (64, 64)
        assert probability[20, [8, 50]] == pytest.approx([left, right], abs=0.002)


def test_numbers_without_a_meaning_are_refused(tmp_path: Path) -> None:
    network = make_segmenter(red_network(tmp_path / "own.onnx", 900, 0, TensorProto.INT64))
    with pytest.raises(InputError, match=r"output \(1, 32, 32\) holds values from 0 to 900"):
        network(np.full((32, 32, 3), [0, 0, 255], np.uint8) * (np.arange(32) > 15)[None, :, None].astype(np.uint8))


def test_a_fixed_batch_is_filled(tmp_path: Path) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[:, 16:, 2] = 255
    alpha = make_segmenter(red_network(tmp_path / "own.onnx", 1, 0, TensorProto.FLOAT, batch=4))(image)
    assert (alpha.shape, alpha[4, 4], alpha[4, 28]) == ((32, 32), 0, 1)


def test_a_recurrent_network_in_half_precision_answers_alike(tmp_path: Path, portrait: np.ndarray) -> None:
    single = recurrent_model(tmp_path / "single.onnx")
    model = onnx.load(single)
    for value in (*model.graph.input, *model.graph.output):
        if value.name != "downsample_ratio":
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(tmp_path / "half.onnx"))
    networks = [
        RecurrentMatting(load_session(name, "cpu"), name, threshold=0.5, edge_softness=0.5)
        for name in (single, str(tmp_path / "half.onnx"))
    ]
    view, old, new = Pyramid(portrait), (40, 30, 440, 350), (80, 50, 480, 370)
    for box in (old, old, new):  # the state is kept, and moved
        (whole, _), (half, _) = (network.predict(view.crop(box, 240, 192), box) for network in networks)
        assert half.dtype == np.float32
        assert np.abs(whole - half).max() < 0.01


def test_one_of_several_outputs_can_be_named(tmp_path: Path) -> None:
    path = red_network(tmp_path / "own.onnx", 1, 0, TensorProto.FLOAT)
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Sub", ["one_float", "answer"], ["other"]))
    model.graph.initializer.append(helper.make_tensor("one_float", TensorProto.FLOAT, [1], [1.0]))
    model.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 1, 32, 32]))
    onnx.save(model, path)
    black = np.zeros((32, 32, 3), np.uint8)
    for name, expected in (("", 0), ("answer", 0), ("other", 1)):
        assert (make_segmenter(path, options=Network(model_output_name=name))(black) == expected).all()
    with pytest.raises(
        InputError, match=r"`model_output_name` mask: .* answer \[1, 1, 32, 32\], other \[1, 1, 32, 32\]"
    ):
        make_segmenter(path, options=Network(model_output_name="mask"))
