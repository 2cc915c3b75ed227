"""Between real numbers and quanta."""

from __future__ import annotations

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
]
