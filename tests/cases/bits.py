"""Operators on the bits of integers."""

from __future__ import annotations

from cases.base import Case, Net, Shape, make


def bitwise(name: str, x: str, a: Shape = (2, 3, 4), b: Shape = (2, 3, 4)) -> bytes:
    net = Net()
    inputs = [net.tensor("a", a, x), net.tensor("b", b, x)]
    y = net.tensor("y", max(a, b, key=len), x)
    net.operator(name, inputs, [y])
    return net.finish(inputs, [y])


def bitcast(shape: Shape, x: str, to: Shape, out: str) -> bytes:
    net = Net()
    a, y = net.tensor("x", shape, x), net.tensor("y", to, out)
    net.operator("BITCAST", [a], [y])
    return net.finish([a], [y])


CASES: list[Case] = [
    *make(
        "BitwiseXor",
        bitwise,
        *({"name": "BITWISE_XOR", "x": x} for x in ("int8", "uint8", "int16", "int32")),
        {"name": "BITWISE_XOR", "x": "int32", "b": (4,)},
    ),
    *make(
        "RightShift", bitwise, *({"name": "RIGHT_SHIFT", "x": x} for x in ("int8", "uint8", "int16", "int32"))
    ),
    *make(
        "Bitcast",
        bitcast,
        {"shape": (3, 4), "x": "int32", "to": (3, 4), "out": "float32"},
        {"shape": (3, 4), "x": "float32", "to": (3, 4, 4), "out": "uint8"},
        {"shape": (3, 4, 2), "x": "int16", "to": (3, 4), "out": "int32"},
    ),
]
