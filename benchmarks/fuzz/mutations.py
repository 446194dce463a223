"""What fuzzing does to a file: damage of the kinds that disks, networks, other programs and bad people do."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import onnx
from google.protobuf.message import DecodeError

# At the limits of integers, where programs that read sizes and counts go wrong.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Settings of the wrong kind, or out of every range.
_VALUES = (
    "0", "-1", "1e309", "nan", "inf", "99999999999999999999", "0.0000001", "true", "false", '""', '"\\u0000"', "[]",
    "{}", "[1, 2]", '"blur"', '"' + "x" * 5000 + '"', '"#GGGGGG"', '"../../.."', "1979-05-27", '"-1%"', '"1e9%"',
    '"999999x1"', "'''", "= =", "\t", '"\u202e"', '"none"', '"transparent"',
)  # fmt: skip


def mutated(kind: str, data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return a damaged copy of a seed.

    Args:
        kind: That of the seed.
        data: Its content.
        others: Contents of seeds of its kind, of which parts may be put into it.
        rng: Decides everything.
    """
    ways: list[Callable[[], bytes]] = [
        lambda: _bits(data, rng),
        lambda: _bits(data, rng),
        lambda: _overwritten(data, rng),
        lambda: _number(data, rng),
        lambda: _number(data, rng),
        lambda: data[: rng.randrange(len(data) + 1)],
        lambda: _cut(data, rng),
        lambda: _doubled(data, rng),
        lambda: _spliced(data, rng.choice(others), rng),
        lambda: _swapped(data, rng),
    ]
    if kind == "settings":
        ways += 3 * [lambda: _value(data, rng), lambda: _line(data, rng)]
    if kind == "model":
        ways += 5 * [lambda: _model(data, rng)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(ways)() or data
    return data


def _range(data: bytes, rng: random.Random, most: int) -> tuple[int, int]:
    # Half of the damage is at the beginning, where headers are.
    start = rng.randrange(min(len(data), 600) if rng.random() < 0.5 else len(data))
    return start, min(len(data), start + rng.randint(1, most))


def _bits(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20, max(1, len(data) // 100)))):
        place, _ = _range(data, rng, 1)
        out[place] ^= 1 << rng.randrange(8)
    return bytes(out)


def _overwritten(data: bytes, rng: random.Random) -> bytes:
    start, end = _range(data, rng, 200)
    filling = rng.choice((bytes(end - start), b"\xff" * (end - start), rng.randbytes(end - start)))
    return data[:start] + filling + data[end:]


def _number(data: bytes, rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 4, 4, 8))
    start, _ = _range(data, rng, 1)
    value = rng.choice(_EXTREMES) & ((1 << 8 * size) - 1)
    return data[:start] + value.to_bytes(size, rng.choice(("big", "little"))) + data[start + size :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    start, end = _range(data, rng, max(1, len(data) // 3))
    return data[:start] + data[end:]


def _doubled(data: bytes, rng: random.Random) -> bytes:
    start, end = _range(data, rng, 500)
    return data[:end] + data[start:end] * rng.choice((1, 1, 3, 50)) + data[end:]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def _swapped(data: bytes, rng: random.Random) -> bytes:
    places = sorted(rng.randrange(len(data)) for _ in range(3))
    one, two, three = places
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def _value(data: bytes, rng: random.Random) -> bytes:
    lines = data.decode("utf-8", "replace").split("\n")
    number = rng.randrange(len(lines))
    lines[number] = re.sub(r"=.*", lambda _: f"= {rng.choice(_VALUES)}", lines[number])
    return "\n".join(lines).encode()


def _model(data: bytes, rng: random.Random) -> bytes:
    """Return a network that can still be read, with sizes, kinds or names that do not go together."""
    try:
        graph = (model := onnx.load_from_string(data)).graph
    except DecodeError:
        return data
    tensors = [item.type.tensor_type for item in (*graph.input, *graph.output)]
    dims = [dim for tensor in tensors for dim in tensor.shape.dim]
    numbers = [attribute.ints for node in graph.node for attribute in node.attribute if attribute.ints]
    numbers += [constant.dims for constant in graph.initializer] + [
        constant.int64_data for constant in graph.initializer
    ]
    numbers = [values for values in numbers if values]
    way = rng.randrange(5)
    if way == 0 and dims:
        rng.choice(dims).dim_value = rng.choice((-1, 0, 1, 2, 3, 4, 7, 300))
    elif way == 1 and numbers:
        values = rng.choice(numbers)
        values[rng.randrange(len(values))] = rng.choice((-1, 0, 1, 2, 5, 300, 2**31, -(2**63)))
    elif way == 2 and tensors:
        rng.choice(tensors).elem_type = rng.randrange(17)
    elif way == 3 and graph.node:
        rng.choice(graph.node).op_type = rng.choice(("Identity", "Neg", "Log", "Sqrt", "Shape", "Relu", "Nothing"))
    elif graph.node:
        del rng.choice((graph.node, graph.output, graph.input))[0:1]
    return model.SerializeToString()


def _line(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    lines.insert(
        rng.randrange(len(lines)), rng.choice((rng.choice(lines), b"[look]", b"unknown = 1", b"\xff\xfe", b"a"))
    )
    return b"\n".join(lines)
