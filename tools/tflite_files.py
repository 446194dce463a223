"""What stands in a TensorFlow Lite file: its operators' kinds and options, its weights, its sizes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import tflite

DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}


def kind_of(model: Any, operator: Any) -> int:
    """Return which of `tflite.BuiltinOperator` an operator is."""
    code = model.OperatorCodes(operator.OpcodeIndex())
    return max(code.BuiltinCode(), code.DeprecatedBuiltinCode())


def options_of(operator: Any, table: Any) -> Any:
    """Return the options of an operator; `table` is an empty object of their class."""
    options = operator.BuiltinOptions()
    table.Init(options.Bytes, options.Pos)
    return table


def stored_value(model: Any, tensor: Any) -> np.ndarray | None:
    """Return a tensor whose value the file stores, else None; zeros that a sparse one leaves out are put back."""
    buffer = model.Buffers(tensor.Buffer())
    if not buffer.DataLength():
        return None
    values = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()])
    shape = tensor.ShapeAsNumpy()
    return values.reshape(shape) if tensor.Sparsity() is None else _dense(values, shape, tensor.Sparsity())


def _dense(values: np.ndarray, shape: np.ndarray, sparsity: Any) -> np.ndarray:
    """Return compressed sparse rows as an array: the dimensions in their order, the last one alone sparse."""
    formats = [sparsity.DimMetadata(i).Format() for i in range(sparsity.DimMetadataLength())]
    order = sparsity.TraversalOrderAsNumpy().tolist()
    dense = tflite.DimensionType.DENSE
    if order != list(range(len(shape))) or any(found != dense for found in formats[:-1]) or formats[-1] == dense:
        raise NotImplementedError("sparse weights in another order than row by row")
    rows = sparsity.DimMetadata(len(formats) - 1)
    starts = _indices(rows.ArraySegments(), rows.ArraySegmentsType())
    columns = _indices(rows.ArrayIndices(), rows.ArrayIndicesType())
    result = np.zeros((int(np.prod(shape[:-1])), int(shape[-1])), values.dtype)
    result[np.repeat(np.arange(len(result)), np.diff(starts)), columns] = values
    return result.reshape(shape)


def _indices(table: Any, kind: int) -> np.ndarray:
    vectors = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    vector = vectors[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy()).astype(np.int64)


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
        kind = kind_of(model, operator)
        if kind == tflite.BuiltinOperator.DEQUANTIZE:
            continue
        activations.add(int(operator.Outputs(0)))
        if kind == tflite.BuiltinOperator.RESIZE_BILINEAR:
            size = model.Buffers(graph.Tensors(int(operator.Inputs(1))).Buffer()).DataAsNumpy().view(np.int32)
            size[:] = scaled(size)
        elif kind == tflite.BuiltinOperator.AVERAGE_POOL_2D:
            pool = options_of(operator, tflite.Pool2DOptions())
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
