"""Translating a TensorFlow Lite network (NHWC) into ONNX (NCHW), operator by operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from tools.tflite_files import kind_of, options_of, stored_value

# Opset 17 and IR 8 are read by every ONNX Runtime since 1.12.
OPSET, IR_VERSION = 17, 8
# What made the files that ship says so in them: another name would be another checksum.
PRODUCER = "convert_selfie_models"


@dataclass(frozen=True, slots=True)
class Interface:
    """How the ONNX network presents itself.

    Attributes:
        outputs: The name and shape of each output, in the order of the TensorFlow Lite file.
        half: Whether weights are stored with 16 bits, as the TensorFlow Lite files do, and widened when the network is
            loaded: half the size on disk, the same network.
    """

    outputs: dict[str, list[str | int]]
    half: bool = False


class Translator:
    """Translates one TensorFlow Lite graph into one ONNX graph."""

    def __init__(self, data: bytes, interface: Interface) -> None:
        self.model: Any = tflite.Model.GetRootAs(data, 0)
        self.graph: Any = self.model.Subgraphs(0)
        self.interface = interface
        self.names = {int(self.graph.Inputs(0)): "image"}
        for position, name in enumerate(interface.outputs):
            self.names[int(self.graph.Outputs(position))] = name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.constants: dict[int, np.ndarray] = {}
        # What PAD gives -> (what it takes, rows and columns of zeros: top, left, bottom, right).
        self.padded: dict[int, tuple[int, list[int]]] = {}

    def translate(self, name: str) -> onnx.ModelProto:
        for position in range(self.graph.OperatorsLength()):
            self._operator(self.graph.Operators(position))
        size = ["N", 3, "height", "width"]
        source = helper.make_tensor_value_info("image", TensorProto.FLOAT, size)
        results = [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
            for output, shape in self.interface.outputs.items()
        ]
        graph = helper.make_graph(self.nodes, name, [source], results, list(self.initializers.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
            doc_string="Derived from MediaPipe 0.10.21 (Apache-2.0); see models/README.md",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # -- tensors ---------------------------------------------------------------------------------

    def _name(self, index: int) -> str:
        return self.names.get(index, f"t{index}")

    def _constant(self, index: int) -> np.ndarray | None:
        """Return tensor `index` as an array when the file stores its value, else None."""
        if index in self.constants:
            return self.constants[index]
        return stored_value(self.model, self.graph.Tensors(index))

    def _initializer(self, name: str, value: np.ndarray) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _weights(self, index: int, axes: tuple[int, ...], layout: str) -> str:
        value = self._constant(index)
        if value is None:
            raise ValueError(f"tensor {index} should be constant")
        name, value = f"w{index}_{layout}", value.transpose(axes)
        if not self.interface.half:
            return self._initializer(name, value.astype(np.float32))
        if f"{name}_half" not in self.initializers:  # several operators may share it
            stored = self._initializer(f"{name}_half", value.astype(np.float16))
            self._emit("Cast", [stored], name, to=TensorProto.FLOAT)
        return name

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

    def _operator(self, operator: Any) -> None:  # noqa: C901 - one case per operator
        kind = kind_of(self.model, operator)
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        output = int(operator.OutputsAsNumpy()[0])
        name = self._name(output)
        builtin = tflite.BuiltinOperator

        if kind in (builtin.DEQUANTIZE, builtin.DENSIFY):  # half-precision, sparse weights
            value = self._constant(inputs[0])
            if value is None:
                raise NotImplementedError("DEQUANTIZE or DENSIFY of an activation")
            self.constants[output] = value
        elif kind == builtin.PAD:
            self._pad(inputs, output)
        elif kind == builtin.CONV_2D:
            conv = options_of(operator, tflite.Conv2DOptions())
            self._convolution(conv, inputs, name, (0, 3, 1, 2), group=1)
        elif kind == builtin.DEPTHWISE_CONV_2D:
            depthwise = options_of(operator, tflite.DepthwiseConv2DOptions())
            channels = int(self.graph.Tensors(inputs[0]).ShapeAsNumpy()[3])
            self._convolution(depthwise, inputs, name, (3, 0, 1, 2), group=channels)
        elif kind in (builtin.ADD, builtin.MUL):
            table = tflite.AddOptions() if kind == builtin.ADD else tflite.MulOptions()
            activation = options_of(operator, table).FusedActivationFunction()
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
        elif kind == builtin.DEPTH_TO_SPACE:
            block = options_of(operator, tflite.DepthToSpaceOptions()).BlockSize()
            self._emit("DepthToSpace", [self._name(inputs[0])], name, blocksize=block, mode="DCR")
        elif kind == builtin.RESHAPE:
            self._reshape(inputs, output)
        elif kind == builtin.CUSTOM and self._custom(operator) == b"Convolution2DTransposeBias":
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
            raise NotImplementedError(f"operator {kind} {self._custom(operator)}")

    def _custom(self, operator: Any) -> bytes:
        return self.model.OperatorCodes(operator.OpcodeIndex()).CustomCode()

    def _pad(self, inputs: list[int], output: int) -> None:
        """Leave the zeros around a map to the convolution that takes it: ONNX's can add them itself."""
        pads = self._constant(inputs[1])
        if pads is None or pads[[0, 3]].any():
            raise NotImplementedError("padding of other axes than height and width")
        self.padded[output] = inputs[0], [*pads[1:3, 0].tolist(), *pads[1:3, 1].tolist()]

    def _reshape(self, inputs: list[int], output: int) -> None:
        """Translate the flattening of a map, (1, H, W, C) to (1, H x W, C): ONNX's map is (1, C, H, W)."""
        before, after = (self.graph.Tensors(i).ShapeAsNumpy() for i in (inputs[0], output))
        if len(before) != 4 or after.tolist() != [before[0], before[1] * before[2], before[3]]:
            raise NotImplementedError("a reshape that does not flatten a map")
        name = self._name(output)
        self._emit("Transpose", [self._name(inputs[0])], f"{name}_channels_last", perm=[0, 2, 3, 1])
        shape = self._initializer(f"shape{output}", np.array([0, -1, after[2]], np.int64))
        self._emit("Reshape", [f"{name}_channels_last", shape], name)

    def _convolution(
        self,
        options: tflite.Conv2DOptions | tflite.DepthwiseConv2DOptions,
        inputs: list[int],
        name: str,
        axes: tuple[int, ...],
        group: int,
    ) -> None:
        kernel = [int(n) for n in self.graph.Tensors(inputs[1]).ShapeAsNumpy()[1:3]]
        source, pads = self.padded.get(inputs[0], (inputs[0], None))
        same = options.Padding() == tflite.Padding.SAME
        if pads and same:
            raise NotImplementedError("padding twice")
        # TensorFlow's SAME puts the odd pixel of padding last, whatever the input's size.
        border = {"pads": pads} if pads else {"auto_pad": "SAME_UPPER" if same else "VALID"}
        self._emit_activated(
            options.FusedActivationFunction(),
            "Conv",
            [
                self._name(source),
                self._weights(inputs[1], axes, "oihw"),
                self._weights(inputs[2], (0,), "bias"),
            ],
            name,
            kernel_shape=kernel,
            strides=[options.StrideH(), options.StrideW()],
            dilations=[options.DilationHFactor(), options.DilationWFactor()],
            group=group,
            **border,
        )

    def _require_whole_map(self, kind: int, operator: Any, inputs: list[int]) -> None:
        shape = self.graph.Tensors(inputs[0]).ShapeAsNumpy()
        if kind == tflite.BuiltinOperator.MEAN:
            axes = self._constant(inputs[1])
            whole = axes is not None and sorted(axes.tolist()) == [1, 2]
        else:
            pool = options_of(operator, tflite.Pool2DOptions())
            whole = (pool.FilterHeight(), pool.FilterWidth()) == (shape[1], shape[2])
        if not whole:
            raise NotImplementedError("average over part of the map")

    def _resize(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.ResizeBilinearOptions())
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
