#!/usr/bin/env python3
"""Derive the ONNX selfie-segmentation models from MediaPipe's TensorFlow Lite files.

The two ``.tflite`` files are the ones inside the MediaPipe 0.10.21 wheel, under
``mediapipe/modules/selfie_segmentation/``. This script takes them from such a wheel (or from the copies
already in ``models/``), checks their SHA-256 and writes the same network, operator by operator, as ONNX:

    pip download --no-deps mediapipe==0.10.21
    python tools/convert_selfie_models.py mediapipe-0.10.21-*.whl

The ONNX networks take planar RGB, float32 (1, 3, H, W) in [0, 1], where H and W are free multiples of 32
(the networks are fully convolutional; they were trained at 144x256 and 256x256), and return the
probability of a person, float32 (1, 1, H, W) in [0, 1].

Needs the packages of requirements-dev.txt (tflite, onnx).
"""

from __future__ import annotations

import argparse
import hashlib
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

MODELS = Path(__file__).resolve().parent.parent / "models"

# name in models/ -> (name in the wheel, SHA-256 of the .tflite file)
SOURCES = {
    "selfie_general": (
        "selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "selfie_landscape": (
        "selfie_segmentation_landscape.tflite",
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
    ),
}

# The general network is run at this height and width too, see matting/weights.py.
WIDE = (256, 320)

# Opset 17 and IR 8 are read by every ONNX Runtime since 1.12.
OPSET, IR_VERSION = 17, 8

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}


class Translator:
    """Translates one TensorFlow Lite graph (NHWC) into one ONNX graph (NCHW)."""

    def __init__(self, data: bytes) -> None:
        self.model: Any = tflite.Model.GetRootAs(data, 0)
        self.graph: Any = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.constants: dict[int, np.ndarray] = {}

    def translate(self, name: str) -> onnx.ModelProto:
        for position in range(self.graph.OperatorsLength()):
            self._operator(self.graph.Operators(position))
        size = ["N", 3, "height", "width"]
        source = helper.make_tensor_value_info(self._name(self.graph.Inputs(0)), TensorProto.FLOAT, size)
        result = helper.make_tensor_value_info(
            self._name(self.graph.Outputs(0)), TensorProto.FLOAT, ["N", 1, "height", "width"]
        )
        graph = helper.make_graph(self.nodes, name, [source], [result], list(self.initializers.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="convert_selfie_models",
            doc_string="Derived from MediaPipe 0.10.21 (Apache-2.0); see models/README.md",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- tensors ---------------------------------------------------------------------------------

    def _name(self, index: int) -> str:
        if index == self.graph.Inputs(0):
            return "image"
        if index == self.graph.Outputs(0):
            return "probability"
        return f"t{index}"

    def _constant(self, index: int) -> np.ndarray | None:
        """Return tensor `index` as an array when the file stores its value, else None."""
        if index in self.constants:
            return self.constants[index]
        tensor = self.graph.Tensors(index)
        buffer = self.model.Buffers(tensor.Buffer())
        if not buffer.DataLength():
            return None
        raw = buffer.DataAsNumpy().tobytes()
        return np.frombuffer(raw, DTYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy())

    def _initializer(self, name: str, value: np.ndarray) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _weights(self, index: int, axes: tuple[int, ...], layout: str) -> str:
        value = self._constant(index)
        if value is None:
            raise ValueError(f"tensor {index} should be constant")
        return self._initializer(f"w{index}_{layout}", value.transpose(axes).astype(np.float32))

    def _tensor(self, index: int) -> str:
        """Name tensor `index`; a 4-D constant turns from NHWC to NCHW on the way."""
        value = self._constant(index)
        if value is None:
            return self._name(index)
        if value.ndim == 4:
            return self._weights(index, (0, 3, 1, 2), "nchw")
        return self._weights(index, tuple(range(value.ndim)), "as_is")

    # -- operators -------------------------------------------------------------------------------

    def _emit(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))

    def _emit_activated(self, activation: int, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        """Emit a node followed by the activation that TensorFlow Lite fused into it."""
        if activation == tflite.ActivationFunctionType.NONE:
            self._emit(kind, inputs, output, **attributes)
        elif activation == tflite.ActivationFunctionType.RELU:
            self._emit(kind, inputs, f"{output}_linear", **attributes)
            self._emit("Relu", [f"{output}_linear"], output)
        else:
            raise NotImplementedError(f"fused activation {activation}")

    def _operator(self, operator: Any) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        output = int(operator.OutputsAsNumpy()[0])
        name = self._name(output)
        builtin = tflite.BuiltinOperator

        if kind == builtin.DEQUANTIZE:  # half-precision weights
            value = self._constant(inputs[0])
            if value is None:
                raise NotImplementedError("DEQUANTIZE of an activation")
            self.constants[output] = value.astype(np.float32)
        elif kind == builtin.CONV_2D:
            conv = self.options(operator, tflite.Conv2DOptions())
            self._convolution(conv, inputs, name, (0, 3, 1, 2), group=1)
        elif kind == builtin.DEPTHWISE_CONV_2D:
            depthwise = self.options(operator, tflite.DepthwiseConv2DOptions())
            channels = int(self.graph.Tensors(inputs[0]).ShapeAsNumpy()[3])
            self._convolution(depthwise, inputs, name, (3, 0, 1, 2), group=channels)
        elif kind in (builtin.ADD, builtin.MUL):
            table = tflite.AddOptions() if kind == builtin.ADD else tflite.MulOptions()
            activation = self.options(operator, table).FusedActivationFunction()
            onnx_kind = "Add" if kind == builtin.ADD else "Mul"
            self._emit_activated(activation, onnx_kind, [self._tensor(i) for i in inputs], name)
        elif kind in (builtin.MEAN, builtin.AVERAGE_POOL_2D):
            self._require_whole_map(kind, operator, inputs)
            self._emit("GlobalAveragePool", [self._name(inputs[0])], name)
        elif kind == builtin.RELU:
            self._emit("Relu", [self._name(inputs[0])], name)
        elif kind == builtin.HARD_SWISH:
            self._emit("HardSwish", [self._name(inputs[0])], name)
        elif kind == builtin.LOGISTIC:
            self._emit("Sigmoid", [self._name(inputs[0])], name)
        elif kind == builtin.RESIZE_BILINEAR:
            self._resize(operator, inputs, output)
        elif kind == builtin.CUSTOM and code.CustomCode() == b"Convolution2DTransposeBias":
            # The custom options are {padding, stride width, stride height}: here always 1, 2, 2.
            weights = self._weights(inputs[1], (3, 0, 1, 2), "iohw")
            bias = self._weights(inputs[2], (0,), "bias")
            self._emit(
                "ConvTranspose",
                [self._name(inputs[0]), weights, bias],
                name,
                kernel_shape=[2, 2],
                strides=[2, 2],
            )
        else:
            raise NotImplementedError(f"operator {kind} {code.CustomCode()}")

    @staticmethod
    def options(operator: Any, table: Any) -> Any:
        options = operator.BuiltinOptions()
        table.Init(options.Bytes, options.Pos)
        return table

    def _convolution(
        self,
        options: tflite.Conv2DOptions | tflite.DepthwiseConv2DOptions,
        inputs: list[int],
        name: str,
        axes: tuple[int, ...],
        group: int,
    ) -> None:
        kernel = [int(n) for n in self.graph.Tensors(inputs[1]).ShapeAsNumpy()[1:3]]
        same = options.Padding() == tflite.Padding.SAME
        self._emit_activated(
            options.FusedActivationFunction(),
            "Conv",
            [
                self._name(inputs[0]),
                self._weights(inputs[1], axes, "oihw"),
                self._weights(inputs[2], (0,), "bias"),
            ],
            name,
            kernel_shape=kernel,
            strides=[options.StrideH(), options.StrideW()],
            dilations=[options.DilationHFactor(), options.DilationWFactor()],
            group=group,
            # TensorFlow's SAME puts the odd pixel of padding last, whatever the input's size.
            auto_pad="SAME_UPPER" if same else "VALID",
        )

    def _require_whole_map(self, kind: int, operator: Any, inputs: list[int]) -> None:
        shape = self.graph.Tensors(inputs[0]).ShapeAsNumpy()
        if kind == tflite.BuiltinOperator.MEAN:
            axes = self._constant(inputs[1])
            whole = axes is not None and sorted(axes.tolist()) == [1, 2]
        else:
            pool = self.options(operator, tflite.Pool2DOptions())
            whole = (pool.FilterHeight(), pool.FilterWidth()) == (shape[1], shape[2])
        if not whole:
            raise NotImplementedError("average over part of the map")

    def _resize(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.ResizeBilinearOptions())
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise NotImplementedError("resize without half-pixel centres")
        before = self.graph.Tensors(inputs[0]).ShapeAsNumpy()
        after = self.graph.Tensors(output).ShapeAsNumpy()
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        self._emit(
            "Resize",
            [self._name(inputs[0]), "", self._initializer(f"scales{output}", scales)],
            self._name(output),
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )


def resized(data: bytes, height: int, width: int) -> bytes:
    """Return a ``.tflite`` file whose network takes height x width pixels instead of the size it was made for.

    The network is fully convolutional: the weights stay, and only the sizes written down beside them change,
    of the activations, of the enlargements, and of the averages over the whole map.
    """
    buffer = bytearray(data)  # what flatbuffers hands out of a bytearray can be written to
    model: Any = tflite.Model.GetRootAs(buffer, 0)
    graph: Any = model.Subgraphs(0)
    before = [int(n) for n in graph.Tensors(graph.Inputs(0)).ShapeAsNumpy()[1:3]]

    def scaled(size: Any) -> list[int]:
        # 1 x 1 is what is left of an average over the whole map.
        return [int(n) * new // old if n > 1 else 1 for n, new, old in zip(size, (height, width), before, strict=True)]

    activations = {int(graph.Inputs(0))}
    for position in range(graph.OperatorsLength()):
        operator = graph.Operators(position)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind == tflite.BuiltinOperator.DEQUANTIZE:
            continue
        activations.add(int(operator.Outputs(0)))
        if kind == tflite.BuiltinOperator.RESIZE_BILINEAR:
            size = model.Buffers(graph.Tensors(int(operator.Inputs(1))).Buffer()).DataAsNumpy().view(np.int32)
            size[:] = scaled(size)
        elif kind == tflite.BuiltinOperator.AVERAGE_POOL_2D:
            pool = Translator.options(operator, tflite.Pool2DOptions())
            # Slots of the table, from the schema: stride width and height, then filter width and height.
            for slots, size in (
                ((8, 6), (pool.StrideH(), pool.StrideW())),
                ((12, 10), (pool.FilterHeight(), pool.FilterWidth())),
            ):
                for slot, value in zip(slots, scaled(size), strict=True):
                    offset = pool._tab.Offset(slot)
                    if offset:
                        struct.pack_into("<i", buffer, pool._tab.Pos + offset, value)
    for index in activations:
        shape = graph.Tensors(index).ShapeAsNumpy()
        shape[1:3] = scaled(shape[1:3])
    return bytes(buffer)


def convert(data: bytes, name: str) -> bytes:
    """Return the ONNX file (bytes) for the bytes of a ``.tflite`` file."""
    return Translator(data).translate(name).SerializeToString(deterministic=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "wheel",
        type=Path,
        nargs="?",
        help="the MediaPipe 0.10.21 wheel (default: the .tflite files in models/)",
    )
    options = parser.parse_args(argv)
    for name, (wheel_name, checksum) in SOURCES.items():
        target = MODELS / f"{name}.tflite"
        if options.wheel:
            with zipfile.ZipFile(options.wheel) as wheel:
                data = wheel.read(f"mediapipe/modules/selfie_segmentation/{wheel_name}")
        else:
            data = target.read_bytes()
        if hashlib.sha256(data).hexdigest() != checksum:
            print(f"{wheel_name}: not the file of MediaPipe 0.10.21", file=sys.stderr)
            return 1
        converted = convert(data, name)
        written = {target: data, target.with_suffix(".onnx"): converted}
        if name == "selfie_general":
            written[MODELS / "selfie_wide.tflite"] = resized(data, *WIDE)
        for path, content in written.items():
            path.write_bytes(content)
            print(f"{path.name:24} {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
