"""Translating a TensorFlow Lite network (NHWC) into ONNX (NCHW), operator by operator."""

from __future__ import annotations

from collections.abc import Callable
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


# Bits that weights are stored with; they are widened to 32 when the network is loaded.
FLOAT_BITS, HALF_BITS, BYTE_BITS = 32, 16, 8
# Minimum number of weights that are stored as bytes; fewer save nothing, and are the ones that suffer most.
_MIN_BYTE_WEIGHTS = 4096
# Largest value of a weight stored as a byte.
_MAX_BYTE = 127
# Upper limit of the activation RELU6.
_RELU6_LIMIT = 6.0
# Operators that cut a map into patches, or join them again.
_PATCH_OPERATORS = 4
# Axis of ONNX's NCHW for each axis of TensorFlow's NHWC.
_PLANAR_AXES = (0, 2, 3, 1)
# Operators of one map that ONNX has under another name.
_SAME_IN_ONNX = {
    tflite.BuiltinOperator.RELU: "Relu",
    tflite.BuiltinOperator.HARD_SWISH: "HardSwish",
    tflite.BuiltinOperator.LOGISTIC: "Sigmoid",
}


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the ONNX network.

    Attributes:
        shape: Its shape; names stand for free dimensions.
        position: Its position among the outputs of the TensorFlow Lite file.
        ending: What follows the TensorFlow Lite network: "" nothing, "sigmoid" (of a logit), "not_first_class" (of
            one logit for each class: the probability of all classes but the first, a softmax), or "second_class" (the
            probability of that one; it comes after an output of the other kind at the same position).
        smoothing: Label smoothing that the classes were trained with, 0 to 1. The softmax of a sure answer is then
            1 - smoothing + smoothing / classes, and of a class ruled out smoothing / classes; the ending returns 1 and
            0 for these.
    """

    shape: list[str | int]
    position: int = 0
    ending: str = ""
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Interface:
    """How the ONNX network presents itself.

    Attributes:
        outputs: The outputs by name. What the file computes for others is left out.
        bits: Bits that weights are stored with. HALF_BITS is what most TensorFlow Lite files have: half the size on
            disk, the same network. BYTE_BITS rounds the weights of large convolutions to 255 values for each output
            channel, and the others to 16 bits: a quarter of the size.
        precise: With BYTE_BITS, the numbers of the tensors that are rounded to 16 bits all the same.
        made_from: Origin and licence, for the file.
    """

    outputs: dict[str, Output]
    bits: int = FLOAT_BITS
    precise: frozenset[int] = frozenset()
    made_from: str = "MediaPipe 0.10.21 (Apache-2.0)"


class Translator:
    """Translates one TensorFlow Lite graph into one ONNX graph."""

    def __init__(self, data: bytes, interface: Interface) -> None:
        self.model: Any = tflite.Model.GetRootAs(data, 0)
        self.graph: Any = self.model.Subgraphs(0)
        self.interface = interface
        self.names = {int(self.graph.Inputs(0)): "image"}
        for name, output in interface.outputs.items():
            # The ending of an output makes what carries its name from what the file calls its output.
            if output.ending != "second_class":
                self.names[int(self.graph.Outputs(output.position))] = f"{name}_logits" if output.ending else name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.constants: dict[int, np.ndarray] = {}
        # What PAD gives -> (what it takes, rows and columns of zeros: top, left, bottom, right).
        self.padded: dict[int, tuple[int, list[int]]] = {}
        builtin = tflite.BuiltinOperator
        self._translations: dict[int, Callable[[Any, list[int], int], None]] = {
            builtin.DEQUANTIZE: self._dequantize,
            builtin.DENSIFY: self._dequantize,
            builtin.PAD: self._pad,
            builtin.CONV_2D: self._conv_2d,
            builtin.DEPTHWISE_CONV_2D: self._depthwise_conv_2d,
            builtin.ADD: self._add,
            builtin.MUL: self._multiply,
            builtin.MEAN: self._average,
            builtin.AVERAGE_POOL_2D: self._average,
            builtin.MAX_POOL_2D: self._max_pool,
            builtin.SOFTMAX: self._softmax,
            builtin.SUM: self._sum,
            builtin.RESIZE_BILINEAR: self._resize_bilinear,
            builtin.RESIZE_NEAREST_NEIGHBOR: self._resize_nearest,
            builtin.DEPTH_TO_SPACE: self._depth_to_space,
            builtin.RESHAPE: self._reshape,
            builtin.TRANSPOSE_CONV: self._transposed_convolution,
            builtin.CUSTOM: self._custom_operator,
        }
        # Name of the map, cut into blocks, that `_unfold` made last; its shape is what `_fold` returns to.
        self.blocks = ""

    def translate(self, name: str) -> onnx.ModelProto:
        operators = self._needed_operators()
        while operators:
            taken = self._patches(operators)
            if not taken:
                self._operator(operators[0])
                taken = 1
            del operators[:taken]
        for output, wanted in self.interface.outputs.items():
            self._end(output, wanted)
        size = ["N", 3, "height", "width"]
        source = helper.make_tensor_value_info("image", TensorProto.FLOAT, size)
        results = [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, wanted.shape)
            for output, wanted in self.interface.outputs.items()
        ]
        graph = helper.make_graph(self.nodes, name, [source], results, list(self.initializers.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
            doc_string=f"Derived from {self.interface.made_from}; see models/README.md",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _needed_operators(self) -> list[Any]:
        """Return the operators that the wanted outputs depend on, in their order."""
        needed = {int(self.graph.Outputs(output.position)) for output in self.interface.outputs.values()}
        operators = []
        for position in reversed(range(self.graph.OperatorsLength())):
            operator = self.graph.Operators(position)
            if needed.intersection(operator.OutputsAsNumpy().tolist()):
                needed.update(operator.InputsAsNumpy().tolist())
                operators.append(operator)
        return operators[::-1]

    def _end(self, output: str, wanted: Output) -> None:
        """Emit the ending of an output, see `Output`."""
        if wanted.ending == "sigmoid":
            self._emit("Sigmoid", [f"{output}_logits"], output)
        elif wanted.ending == "not_first_class":
            self._emit("Softmax", [f"{output}_logits"], f"{output}_classes", axis=1)
            sure = self._number(f"{output}_sure", 1 - wanted.smoothing + wanted.smoothing / self._class_count(wanted))
            self._emit("Sub", [sure, self._class(output, output, 0)], f"{output}_rest")
            self._widen(output, f"{output}_rest", wanted)
        elif wanted.ending == "second_class":
            logits = self._name(int(self.graph.Outputs(wanted.position)))
            ruled_out = self._number(f"{output}_ruled_out", wanted.smoothing / self._class_count(wanted))
            name = self._class(output, logits.removesuffix("_logits"), 1)
            self._emit("Sub", [name, ruled_out], f"{output}_rest")
            self._widen(output, f"{output}_rest", wanted)

    def _class_count(self, wanted: Output) -> int:
        return self._shape(int(self.graph.Outputs(wanted.position)))[3]

    def _class(self, output: str, classes: str, number: int) -> str:
        """Emit one class of the classes that were made for the output `classes`, and return its name."""
        places = [self._initializer(f"{output}_{n}", np.array([n], np.int64)) for n in (number, number + 1)]
        axis = places[1] if number == 0 else self._initializer(f"{output}_axis", np.array([1], np.int64))
        name = f"{output}_first" if number == 0 else f"{output}_class"
        self._emit("Slice", [f"{classes}_classes", *places, axis], name)
        return name

    def _widen(self, output: str, smoothed: str, wanted: Output) -> None:
        """Emit an output that takes the label smoothing out of a probability."""
        scale = self._number(f"{output}_scale", 1 / (1 - wanted.smoothing))
        self._emit("Mul", [smoothed, scale], f"{output}_scaled")
        ends = [self._number(f"{output}_{end}", value) for end, value in (("low", 0.0), ("high", 1.0))]
        self._emit("Clip", [f"{output}_scaled", *ends], output)

    # -- tensors ---------------------------------------------------------------------------------

    def _name(self, index: int) -> str:
        return self.names.get(index, f"t{index}")

    def _shape(self, index: int) -> list[int]:
        return [int(n) for n in self.graph.Tensors(index).ShapeAsNumpy()]

    def _constant(self, index: int) -> np.ndarray | None:
        """Return tensor `index` as an array when the file stores its value, else None."""
        if index in self.constants:
            return self.constants[index]
        return stored_value(self.model, self.graph.Tensors(index))

    def _initializer(self, name: str, value: np.ndarray) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _number(self, name: str, value: float) -> str:
        return self._initializer(name, np.array(value, np.float32))

    def _weights(self, index: int, axes: tuple[int, ...], layout: str) -> str:
        value = self._constant(index)
        if value is None:
            raise ValueError(f"tensor {index} should be constant")
        name = f"w{index}_{layout}"
        if (
            self.interface.bits == BYTE_BITS
            and layout == "oihw"
            and value.size >= _MIN_BYTE_WEIGHTS
            and index not in self.interface.precise
        ):
            return self._byte_weights(name, value.transpose(axes))
        return self._store(name, value.transpose(axes))

    def _store(self, name: str, value: np.ndarray) -> str:
        """Store weights with 32 bits, or with 16 and a cast that widens them."""
        if self.interface.bits == FLOAT_BITS:
            return self._initializer(name, value.astype(np.float32))
        if f"{name}_half" not in self.initializers:  # several operators may share it
            stored = self._initializer(f"{name}_half", value.astype(np.float16))
            self._emit("Cast", [stored], name, to=TensorProto.FLOAT)
        return name

    def _byte_weights(self, name: str, value: np.ndarray) -> str:
        """Store weights, output channels first, as bytes; each output channel has its scale.

        A cast and a multiplication widen them: every ONNX Runtime folds these when it loads the file, but leaves
        DequantizeLinear for kernels that compute with bytes, and then runs it for each image.
        """
        if f"{name}_byte" not in self.initializers:
            axes = tuple(range(1, value.ndim))
            scale = np.maximum(np.abs(value).max(axis=axes, keepdims=True), 1e-12).astype(np.float32) / _MAX_BYTE
            stored = self._initializer(f"{name}_byte", np.rint(value / scale).astype(np.int8))
            self._emit("Cast", [stored], f"{name}_steps", to=TensorProto.FLOAT)
            self._emit("Mul", [f"{name}_steps", self._initializer(f"{name}_scale", scale)], name)
        return name

    def _tensor(self, index: int) -> str:
        """Name tensor `index`; a constant turns from NHWC to NCHW on the way."""
        value = self._constant(index)
        if value is None:
            return self._name(index)
        if value.ndim == 1:  # one value for each channel, the last axis
            return self._store(f"w{index}_chw", value[:, None, None])
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
        elif activation == tflite.ActivationFunctionType.RELU6:
            self._emit(kind, inputs, f"{output}_linear", **attributes)
            limits = [self._number(f"relu6_{end}", value) for end, value in (("low", 0.0), ("high", _RELU6_LIMIT))]
            self._emit("Clip", [f"{output}_linear", *limits], output)
        else:
            raise NotImplementedError(f"fused activation {activation}")

    def _operator(self, operator: Any) -> None:
        kind = kind_of(self.model, operator)
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        output = int(operator.OutputsAsNumpy()[0])
        if kind in _SAME_IN_ONNX:
            self._emit(_SAME_IN_ONNX[kind], [self._name(inputs[0])], self._name(output))
        elif kind in self._translations:
            self._translations[kind](operator, inputs, output)
        else:
            raise NotImplementedError(f"operator {kind} {self._custom(operator)}")

    def _dequantize(self, _: Any, inputs: list[int], output: int) -> None:
        """Keep half-precision or sparse weights; they are widened here."""
        value = self._constant(inputs[0])
        if value is None:
            raise NotImplementedError("DEQUANTIZE or DENSIFY of an activation")
        self.constants[output] = value

    def _conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.Conv2DOptions())
        self._convolution(options, inputs, self._name(output), (0, 3, 1, 2), group=1)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.DepthwiseConv2DOptions())
        channels = int(self._shape(inputs[0])[3])
        self._convolution(options, inputs, self._name(output), (3, 0, 1, 2), group=channels)

    def _add(self, operator: Any, inputs: list[int], output: int) -> None:
        activation = options_of(operator, tflite.AddOptions()).FusedActivationFunction()
        self._emit_activated(activation, "Add", [self._tensor(i) for i in inputs], self._name(output))

    def _multiply(self, operator: Any, inputs: list[int], output: int) -> None:
        activation = options_of(operator, tflite.MulOptions()).FusedActivationFunction()
        self._emit_activated(activation, "Mul", [self._tensor(i) for i in inputs], self._name(output))

    def _average(self, operator: Any, inputs: list[int], output: int) -> None:
        self._require_whole_map(kind_of(self.model, operator), operator, inputs)
        self._emit("GlobalAveragePool", [self._name(inputs[0])], self._name(output))

    def _max_pool(self, operator: Any, inputs: list[int], output: int) -> None:
        pool = options_of(operator, tflite.Pool2DOptions())
        kernel, strides = [pool.FilterHeight(), pool.FilterWidth()], [pool.StrideH(), pool.StrideW()]
        if pool.FusedActivationFunction() or kernel != strides or any(np.array(self._shape(inputs[0])[1:3]) % kernel):
            raise NotImplementedError("pooling of windows that overlap or do not fill the map")
        # No padding at this size. At others the map is as large as that of the strided convolution beside it.
        self._emit(
            "MaxPool",
            [self._name(inputs[0])],
            self._name(output),
            kernel_shape=kernel,
            strides=strides,
            auto_pad="SAME_UPPER",
        )

    def _softmax(self, operator: Any, inputs: list[int], output: int) -> None:
        if options_of(operator, tflite.SoftmaxOptions()).Beta() != 1:
            raise NotImplementedError("softmax with another beta")
        self._emit("Softmax", [self._name(inputs[0])], self._name(output), axis=1)  # TensorFlow's last axis

    def _sum(self, operator: Any, inputs: list[int], output: int) -> None:
        axes = self._constant(inputs[1])
        if axes is None or not options_of(operator, tflite.ReducerOptions()).KeepDims():
            raise NotImplementedError("a sum that removes axes")
        planar = np.array([_PLANAR_AXES[int(axis)] for axis in axes.ravel()], np.int64)
        self._emit("ReduceSum", [self._name(inputs[0]), self._initializer(f"axes{output}", planar)], self._name(output))

    def _depth_to_space(self, operator: Any, inputs: list[int], output: int) -> None:
        block = options_of(operator, tflite.DepthToSpaceOptions()).BlockSize()
        self._emit("DepthToSpace", [self._name(inputs[0])], self._name(output), blocksize=block, mode="DCR")

    def _transposed_convolution(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.TransposeConvOptions())
        strides = [options.StrideH(), options.StrideW()]
        kernel = self._shape(inputs[1])[1:3]
        if strides != kernel or options.FusedActivationFunction():
            raise NotImplementedError("a transposed convolution with overlaps")
        self._enlarge(inputs[2], inputs[1], inputs[3], output, strides)

    def _custom_operator(self, operator: Any, inputs: list[int], output: int) -> None:
        if self._custom(operator) != b"Convolution2DTransposeBias":
            raise NotImplementedError(f"operator {self._custom(operator)}")
        # The custom options are {padding, stride width, stride height}: here always 1, 2, 2.
        source, weights, bias = inputs
        self._enlarge(source, weights, bias, output, [2, 2])

    def _enlarge(self, source: int, weights: int, bias: int, output: int, strides: list[int]) -> None:
        """Translate a transposed convolution: each pixel becomes a block, without overlaps."""
        self._emit(
            "ConvTranspose",
            [
                self._name(source),
                self._weights(weights, (3, 0, 1, 2), "iohw"),
                self._weights(bias, (0,), "bias"),
            ],
            self._name(output),
            kernel_shape=strides,
            strides=strides,
        )

    def _custom(self, operator: Any) -> bytes:
        return self.model.OperatorCodes(operator.OpcodeIndex()).CustomCode()

    def _pad(self, _: Any, inputs: list[int], output: int) -> None:
        """Leave the zeros around a map to the convolution that takes it: ONNX's can add them itself."""
        pads = self._constant(inputs[1])
        if pads is None or pads[[0, 3]].any():
            raise NotImplementedError("padding of other axes than height and width")
        self.padded[output] = inputs[0], [*pads[1:3, 0].tolist(), *pads[1:3, 1].tolist()]

    def _reshape(self, _: Any, inputs: list[int], output: int) -> None:
        before, after = self._shape(inputs[0]), self._shape(output)
        source, name = self._name(inputs[0]), self._name(output)
        batch, height, width, channels = before
        if after == [batch, height, channels, width] and 1 in (width, channels):
            # Axes that change places although nothing moves, as one has one element.
            self._emit("Transpose", [source], name, perm=[0, 3, 2, 1])
        elif after == [batch, channels] and height == width == 1:
            # One cell at this size. At others the network gives more, and their mean is taken.
            self._emit("GlobalAveragePool", [source], f"{name}_cell")
            self._emit("Flatten", [f"{name}_cell"], name)
        elif after == [batch, height * width, channels]:
            # The flattening of a map, (1, H, W, C) to (1, H x W, C): ONNX's map is (1, C, H, W).
            self._emit("Transpose", [source], f"{name}_channels_last", perm=[0, 2, 3, 1])
            shape = self._initializer(f"shape{output}", np.array([0, -1, channels], np.int64))
            self._emit("Reshape", [f"{name}_channels_last", shape], name)
        else:
            raise NotImplementedError(f"a reshape of {before} to {after}")

    # -- patches: vision transformers compare the same pixel of all blocks of a map ----------------

    def _patches(self, operators: list[Any]) -> int:
        """Translate the operators that cut a map into patches, or join them; return how many there were."""
        if len(operators) < _PATCH_OPERATORS:
            return 0
        builtin = tflite.BuiltinOperator
        ours = operators[:_PATCH_OPERATORS]
        kinds = [kind_of(self.model, operator) for operator in ours]
        shapes = [self._shape(int(operator.Inputs(0))) for operator in ours]
        shapes.append(self._shape(int(ours[-1].Outputs(0))))
        source, name = self._name(int(ours[0].Inputs(0))), self._name(int(ours[-1].Outputs(0)))
        if kinds == [builtin.RESHAPE, builtin.TRANSPOSE] * 2 and shapes == _patch_shapes(shapes[0], shapes[1][1]):
            self._unfold(source, name, shapes[1][1], shapes[0][3])
        elif (
            kinds == [builtin.TRANSPOSE, builtin.RESHAPE] * 2
            and shapes[::-1] == _patch_shapes(shapes[-1], shapes[3][1])
            and self.blocks
        ):
            self._fold(source, name, shapes[3][1])
        else:
            return 0
        for operator, kind in zip(ours, kinds, strict=True):
            order = self._constant(int(operator.Inputs(1)))
            if kind == builtin.TRANSPOSE and (order is None or order.tolist() != [0, 2, 1, 3]):
                raise NotImplementedError("another transposition than of the two middle axes")
        return _PATCH_OPERATORS

    def _unfold(self, source: str, name: str, side: int, channels: int) -> None:
        """Turn a map (N, C, H, W) into (N, C, pixels of a block, blocks)."""
        self.blocks = f"{name}_blocks"
        self._emit("SpaceToDepth", [source], self.blocks, blocksize=side)
        shape = self._initializer(f"{name}_shape", np.array([0, side * side, channels, -1], np.int64))
        self._emit("Reshape", [self.blocks, shape], f"{name}_pixels_first")
        self._emit("Transpose", [f"{name}_pixels_first"], name, perm=[0, 2, 1, 3])

    def _fold(self, source: str, name: str, side: int) -> None:
        """Turn (N, C, pixels of a block, blocks) into the map (N, C, H, W) that was unfolded last."""
        self._emit("Transpose", [source], f"{name}_pixels_first", perm=[0, 2, 1, 3])
        self._emit("Shape", [self.blocks], f"{name}_shape")
        self._emit("Reshape", [f"{name}_pixels_first", f"{name}_shape"], f"{name}_blocks")
        self._emit("DepthToSpace", [f"{name}_blocks"], name, blocksize=side, mode="DCR")
        self.blocks = ""

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

    def _resize_bilinear(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.ResizeBilinearOptions())
        self._resize(options, inputs, output, mode="linear", coordinate_transformation_mode="half_pixel")

    def _resize_nearest(self, operator: Any, inputs: list[int], output: int) -> None:
        options = options_of(operator, tflite.ResizeNearestNeighborOptions())
        if any(after % before for before, after in zip(self._shape(inputs[0]), self._shape(output), strict=True)):
            raise NotImplementedError("the nearest pixel at a factor that is not whole")
        # At a whole factor this is the pixel that half-pixel centres give too.
        attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        self._resize(options, inputs, output, mode="nearest", **attributes)

    def _resize(self, options: Any, inputs: list[int], output: int, **attributes: str) -> None:
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise NotImplementedError("resize without half-pixel centres")
        before, after = self._shape(inputs[0]), self._shape(output)
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        self._emit(
            "Resize",
            [self._name(inputs[0]), "", self._initializer(f"scales{output}", scales)],
            self._name(output),
            **attributes,
        )


def _patch_shapes(size: list[int], side: int) -> list[list[int]]:
    """Return the shapes that a map of `size` (1, H, W, C) goes through while it is cut into blocks of side x side."""
    _, height, width, channels = size
    rows, columns = height // side, width // side
    return [
        [1, height, width, channels],
        [rows, side, columns, side * channels],
        [rows, columns, side, side * channels],
        [1, rows * columns, side * side, channels],
        [1, side * side, rows * columns, channels],
    ]
