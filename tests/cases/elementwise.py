"""Operators that work element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cases.base import (
    ACTIVATIONS,
    CHANNELS,
    I8,
    MIN,
    U8,
    Case,
    Net,
    Q,
    Shape,
    make,
)


def binary(
    name: str,
    a_shape: Shape = (1, 4, 5, 16),
    b_shape: Shape | None = None,
    a: Q = I8,
    b: Q | None = None,
    out: Q | None = None,
    activation: str = "none",
    constant: bool = False,
) -> bytes:
    """An operator of two quantised tensors; with `constant` the second one is."""
    net = Net()
    b_shape = a_shape if b_shape is None else b_shape
    b = b or Q(0.03, a.zero // 2 + 9, a.dtype)
    scale = a.scale * b.scale * 90 if name == "MUL" else (a.scale + b.scale) * 0.6
    out = out or Q(scale, a.zero + 4, a.dtype)
    inputs = [net.q("a", a_shape, a)]
    if constant:
        data = net.rng.integers(0, 256, b_shape, np.uint8).view(b.dtype)
        if name == "DIV":  # by small numbers: LiteRT refuses 0, and saturates quotients of nearly 0
            data = (b.zero + net.rng.integers(1, 4, b_shape)).astype(b.dtype)
        inputs.append(net.tensor("b", b_shape, b.dtype, scale=b.scale, zero_point=b.zero, data=data))
    else:
        inputs.append(net.q("b", b_shape, b))
    y = net.q("y", np.broadcast_shapes(a_shape, b_shape), out)
    fused = name in ("ADD", "SUB", "MUL", "DIV")
    net.operator(name, inputs, [y], {"fused_activation_function": activation} if fused else {})
    return net.finish(inputs[:1] if constant else inputs, [y])


def unary(
    name: str,
    x: Q | str = I8,
    out: Q | str | None = None,
    shape: Shape = (1, 4, 5, 16),
    **options: Any,
) -> bytes:
    """An operator of one tensor whose output has the shape of the input."""
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.q("y", shape, out or x)
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def plain_binary(
    name: str,
    dtype: str = "float32",
    a_shape: Shape = (1, 4, 5, 16),
    b_shape: Shape | None = None,
    activation: str | None = None,
    constant: bool = False,
    out: str = "",
) -> bytes:
    """An operator of two tensors of a plain dtype; with `constant` the second one is, and holds no 0."""
    net = Net()
    b_shape = a_shape if b_shape is None else b_shape
    inputs = [net.tensor("a", a_shape, dtype)]
    if constant:
        data = net.rng.integers(1, 7, b_shape) * net.rng.choice([-1, 1], b_shape)
        inputs.append(net.tensor("b", b_shape, dtype, data=data.astype(dtype)))
    else:
        inputs.append(net.tensor("b", b_shape, dtype))
    y = net.tensor("y", np.broadcast_shapes(a_shape, b_shape), out or dtype)
    options = {} if activation is None else {"fused_activation_function": activation}
    net.operator(name, inputs, [y], options)
    return net.finish(inputs[:1] if constant else inputs, [y])


def chain(names: Sequence[str], qs: Sequence[Q]) -> bytes:
    """Unary operators in a row, with the quantisation of the input and behind each of them."""
    net = Net()
    tensors = [net.q(f"t{i}", (1, 4, 5, 16), q) for i, q in enumerate(qs)]
    for name, x, y in zip(names, tensors[:-1], tensors[1:], strict=True):
        net.operator(name, [x], [y])
    return net.finish(tensors[:1], tensors[-1:])


_UNARY_QUANTA: list[dict[str, Any]] = [
    {"x": I8},
    {"x": U8},
    {"x": Q(0.1, -128), "shape": (1, 3)},
    {"x": Q(0.02, 100), "shape": (3, 65)},
]


def _binaries(name: str) -> list[dict[str, Any]]:
    return [
        *({"name": name, "a_shape": (1, 2, 3, c)} for c in CHANNELS),
        *({"name": name, "activation": a} for a in ACTIVATIONS),
        {"name": name, "a": U8, "a_shape": (2, 3, 3, 7)},
        {"name": name, "a": U8, "activation": "relu6"},
        {"name": name, "b_shape": (1, 1, 1, 16)},
        {"name": name, "b_shape": (16,)},
        {"name": name, "b_shape": (1,)},
        {"name": name, "b_shape": (1, 4, 5, 1)},
        {"name": name, "a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 9)},
        {"name": name, "b_shape": (16,), "constant": True},
        {"name": name, "a_shape": (5,), "b_shape": (5,), "a": MIN, "out": Q(0.01, 127)},
    ]


def _sigmoids(name: str, scale: float, zero: int) -> list[Case]:
    """LOGISTIC and TANH, whose output LiteRT wants in one fixed quantisation."""
    variants = [v | {"name": name, "out": Q(scale, zero)} for v in _UNARY_QUANTA if v["x"].dtype == "int8"]
    variants.append({"name": name, "x": U8, "out": Q(scale, zero + 128, "uint8")})
    other = [{"name": name, "x": I8, "out": Q(0.02, 10)}]
    operator = name.capitalize()
    return make(operator, unary, *variants) + make(operator, unary, *other, litert=False)


_LENGTHS = (1, 7, 8, 9, 15, 16, 17, 33, 64)
_PLAIN: list[dict[str, Any]] = [
    *({"a_shape": (3, n)} for n in _LENGTHS),
    {"b_shape": (1, 1, 1, 16)},
    {"b_shape": (1,)},
    {"b_shape": (1, 4, 5, 1)},
    {"a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 9)},
    {"a_shape": (1,), "b_shape": (3, 21)},
    {"b_shape": (16,), "constant": True},
]


def _plain(
    name: str, dtypes: Sequence[str] = ("float32",), *, constant: bool = False
) -> list[dict[str, Any]]:
    """Variants of plain_binary; with `constant` the second operand always is one."""
    more = {"constant": True} if constant else {}
    return [
        {"name": name, "dtype": d, **v, **more}
        for d in dtypes
        for v in (_PLAIN if d == dtypes[0] else _PLAIN[8:12])
    ]


def _activated(name: str) -> list[dict[str, Any]]:
    return [{"name": name, "dtype": "float32", "activation": a} for a in ("none", *ACTIVATIONS)]


_FLOAT_UNARY: list[dict[str, Any]] = [{"x": "float32", "shape": (2, n)} for n in (*_LENGTHS, 1001)]


def _functions(name: str, quanta: Sequence[dict[str, Any]] = (), **options: Any) -> list[dict[str, Any]]:
    """Variants of `unary`: float32, and the given ones."""
    return [{"name": name, **v, **options} for v in (*_FLOAT_UNARY, *quanta)]


CASES: list[Case] = [
    *make("Add", binary, *_binaries("ADD")),
    *make("Sub", binary, *_binaries("SUB")),
    *make("Mul", binary, *_binaries("MUL")),
    *make(
        "Softmax",
        unary,
        *({"name": "SOFTMAX", "out": Q(1 / 256, -128), "shape": (2, c), "beta": 1.0} for c in CHANNELS),
        *({"name": "SOFTMAX", "out": Q(1 / 256, -128), "shape": (3, 10), "beta": b} for b in (0.3, 2.5)),
        {"name": "SOFTMAX", "x": U8, "out": Q(1 / 256, 0, "uint8"), "shape": (2, 3, 21), "beta": 1.0},
        {"name": "SOFTMAX", "x": Q(0.4, 7), "out": Q(1 / 256, -128), "shape": (1, 1001), "beta": 1.0},
    ),
    *make(
        "Softmax",
        unary,
        {"name": "SOFTMAX", "out": Q(1 / 200, -100), "shape": (2, 9), "beta": 1.0},
        litert=False,
    ),
    *make("HardSwish", unary, *({"name": "HARD_SWISH", **v} for v in _UNARY_QUANTA)),
    *make("HardSwish", unary, {"name": "HARD_SWISH", "out": Q(0.03, -100)}),
    *make(
        "LeakyRelu",
        unary,
        *({"name": "LEAKY_RELU", **v, "alpha": 0.1} for v in _UNARY_QUANTA),
        {"name": "LEAKY_RELU", "out": Q(0.03, -10), "alpha": 0.3},
    ),
    *_sigmoids("LOGISTIC", 1 / 256, -128),
    *_sigmoids("TANH", 1 / 128, 0),
    *make(
        "Clip",
        unary,
        *({"name": n, **v} for n in ("RELU", "RELU6", "RELU_N1_TO_1") for v in _UNARY_QUANTA),
        *({"name": n, "out": Q(0.03, -20)} for n in ("RELU", "RELU6")),
    ),
    *make(
        "Table",
        chain,
        {"names": ("RELU", "HARD_SWISH"), "qs": (I8, I8, Q(0.04, -100))},
        {"names": ("RELU6", "LOGISTIC"), "qs": (I8, I8, Q(1 / 256, -128))},
        {"names": ("QUANTIZE", "RELU", "TANH"), "qs": (U8, Q(0.04, -8), Q(0.04, -8), Q(1 / 128, 0))},
    ),
    *make("Add", plain_binary, *_plain("ADD", ("float32", "int32", "int64")), *_activated("ADD")),
    *make("Sub", plain_binary, *_plain("SUB", ("float32", "int32", "int64")), *_activated("SUB")),
    *make("Mul", plain_binary, *_plain("MUL", ("float32", "int32", "int64")), *_activated("MUL")),
    *make("Add", plain_binary, {"name": "ADD", "dtype": "int32", "activation": "relu6"}),
    *make(
        "Clip", unary, *(v for n in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1") for v in _functions(n))
    ),
    *make("Logistic", unary, *_functions("LOGISTIC")[:-1]),
    # Of inputs below -9, LiteRT's reference has an approximation.
    *make("Logistic", unary, _functions("LOGISTIC")[-1], litert=False),
    *make("Tanh", unary, *_functions("TANH")),
    *make("HardSwish", unary, *_functions("HARD_SWISH")),
    *make("LeakyRelu", unary, *_functions("LEAKY_RELU", alpha=0.1)),
    *make("Softmax", unary, *_functions("SOFTMAX", beta=1.0), *_functions("SOFTMAX", beta=0.3)[:3]),
]
