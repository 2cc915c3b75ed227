"""Between real numbers and quanta."""

from __future__ import annotations

import numpy as np

from cases.base import (
    I8,
    MIN,
    U8,
    Case,
    Net,
    Q,
    Shape,
    make,
)
from cases.elementwise import unary


def quantize(shape: Shape = (1, 4, 5, 7), out: Q = I8) -> bytes:
    """QUANTIZE from float32."""
    net = Net()
    x = net.tensor("x", shape, "float32")
    y = net.q("y", shape, out)
    net.operator("QUANTIZE", [x], [y])
    return net.finish([x], [y])


def dequantize(shape: Shape = (1, 4, 5, 7), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.tensor("y", shape, "float32")
    net.operator("DEQUANTIZE", inputs, [y])
    return net.finish(inputs, [y])


def cast(x: str | Q, out: str, shape: Shape = (3, 37)) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.tensor("y", shape, out)
    source = inputs[0]
    if out == "bool" and x in ("float32", "int32", "int64"):  # of many zeros
        zero = net.tensor("zero", (), x, data=np.zeros((), x))
        source = net.tensor("positive", shape, x)
        net.operator("MAXIMUM", [inputs[0], zero], [source])
    net.operator("CAST", [source], [y])
    return net.finish(inputs, [y])


_NUMBERS = ("float32", "int32", "int64", "int16", "int8", "uint8", "bool")
# What LiteRT's conversion leaves to the compiler: a float that does not fit.
_UNDEFINED = {("float32", "int8"), ("float32", "uint8")}
_CASTS = [(x, out) for x in _NUMBERS for out in _NUMBERS if x != out and (x, out) != ("int16", "bool")]

CASES: list[Case] = [
    *make(
        "Requantize",
        unary,
        *(
            {"name": "QUANTIZE", "x": a, "out": b}
            for a, b in (
                (I8, Q(0.03, -20)),
                (I8, Q(0.05, 131, "uint8")),
                (I8, U8),
                (U8, I8),
                (U8, Q(0.04, -8)),
                (U8, Q(0.2, 3, "uint8")),
                (MIN, Q(0.01, -20)),
            )
        ),
    ),
    *make(
        "Quantize",
        quantize,
        {"out": I8},
        {"out": U8},
        {"out": Q(0.011, -128)},
        *({"shape": (3, c)} for c in (1, 16, 33, 65)),
    ),
    *make("Dequantize", dequantize, {"x": I8}, {"x": U8}, *({"shape": (3, c)} for c in (1, 16, 33, 65))),
    *make("Cast", cast, *({"x": x, "out": out} for x, out in _CASTS if (x, out) not in _UNDEFINED)),
    *make("Cast", cast, *({"x": x, "out": out} for x, out in sorted(_UNDEFINED)), litert=False),
    *make("Cast", cast, {"x": "uint32", "out": "float32"}, {"x": "float64", "out": "float32"}),
    *make("Cast", cast, {"x": "float32", "out": "float16"}, {"x": "uint16", "out": "int32"}, litert=False),
]
