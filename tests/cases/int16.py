"""Operators on int16 activations with int8 weights (TFLite's 16x8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cases.base import Case, Net, Pair, Q, Shape, make, window

S16 = Q(1 / 4096, 0, "int16")


def conv(
    c_in: int = 5,
    c_out: int = 6,
    kernel: Pair = (3, 3),
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: str = "same",
    activation: str = "none",
    size: Pair = (6, 7),
    batch: int = 1,
    per_channel: bool = True,
    bias: str = "int64",
    multiplier: int = 0,
) -> bytes:
    """CONV_2D, or DEPTHWISE_CONV_2D with c_in * multiplier outputs when there is a multiplier."""
    net = Net()
    c_out = c_in * multiplier or c_out
    depth = kernel[0] * kernel[1] * (1 if multiplier else c_in)
    shape = (1, *kernel, c_out) if multiplier else (c_out, *kernel, c_in)
    h, w = (window(*args, padding) for args in zip(size, kernel, strides, dilations, strict=True))
    axis = 3 if multiplier else 0
    inputs = [
        net.q("x", (batch, *size, c_in), S16),
        net.weights(shape, axis, Q(0.01, 0), per_channel),
    ]
    if bias:
        inputs.append(_bias(net, c_out, bias))
    y = net.q("y", (batch, h, w, c_out), Q(1e-6 * np.sqrt(depth), 0, "int16"))
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "dilation_h_factor": dilations[0],
        "dilation_w_factor": dilations[1],
        "fused_activation_function": activation,
    }
    if multiplier:
        options["depth_multiplier"] = multiplier
    elif bias == "int32":
        options["quantized_bias_type"] = "int32"
    net.operator("DEPTHWISE_CONV_2D" if multiplier else "CONV_2D", inputs, [y], options)
    return net.finish(inputs[:1], [y])


def _bias(net: Net, n: int, dtype: str) -> int:
    data = net.rng.integers(-20000, 20001, n).astype(dtype)
    return net.tensor("bias", (n,), dtype, scale=0.01 / 4096, data=data)


def fully_connected(
    shape: Shape = (2, 19),
    n: int = 5,
    per_channel: bool = False,
    bias: str = "int64",
    activation: str = "none",
) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, S16), net.weights((n, shape[-1]), 0, Q(0.01, 0), per_channel)]
    if bias:
        inputs.append(_bias(net, n, bias))
    y = net.q("y", (*shape[:-1], n), Q(1e-6 * np.sqrt(shape[-1]), 0, "int16"))
    options: dict[str, Any] = {"fused_activation_function": activation}
    if bias == "int32":
        options["quantized_bias_type"] = "int32"
    net.operator("FULLY_CONNECTED", inputs, [y], options)
    return net.finish(inputs[:1], [y])


def binary(
    name: str,
    a_shape: Shape = (1, 4, 5, 7),
    b_shape: Shape | None = None,
    scales: tuple[float, float, float] = (3e-4, 5e-4, 2e-4),
    activation: str = "none",
) -> bytes:
    net = Net()
    a, b, out = (Q(s, 0, "int16") for s in scales)
    b_shape = a_shape if b_shape is None else b_shape
    inputs = [net.q("a", a_shape, a), net.q("b", b_shape, b)]
    y = net.q("y", np.broadcast_shapes(a_shape, b_shape), out)
    options: dict[str, Any] = {"fused_activation_function": activation}
    if name != "MUL":
        options["pot_scale_int16"] = False
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def unary(
    name: str, x: Q = S16, out: Q = S16, shape: Shape = (2, 3, 37), **options: Any
) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.q("y", shape, out)
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def dequantize(shape: Shape = (3, 9)) -> bytes:
    net = Net()
    x, y = net.q("x", shape, S16), net.tensor("y", shape, "float32")
    net.operator("DEQUANTIZE", [x], [y])
    return net.finish([x], [y])


def quantize(shape: Shape = (3, 9)) -> bytes:
    net = Net()
    x, y = net.tensor("x", shape, "float32"), net.q("y", shape, S16)
    net.operator("QUANTIZE", [x], [y])
    return net.finish([x], [y])


def pool(name: str, padding: str = "same", activation: str = "none") -> bytes:
    net = Net()
    x = net.q("x", (1, 6, 7, 3), S16)
    h, w = (window(s, k, t, 1, padding) for s, k, t in ((6, 3, 2), (7, 2, 1)))
    y = net.q("y", (1, h, w, 3), S16)
    options = {
        "padding": padding,
        "filter_height": 3,
        "filter_width": 2,
        "stride_h": 2,
        "stride_w": 1,
        "fused_activation_function": activation,
    }
    net.operator(name, [x], [y], options)
    return net.finish([x], [y])


def pad() -> bytes:
    net = Net()
    x = net.q("x", (1, 3, 4, 5), S16)
    paddings = net.ints("paddings", [[0, 0], [1, 2], [0, 3], [0, 0]])
    y = net.q("y", (1, 6, 7, 5), S16)
    net.operator("PAD", [x, paddings], [y])
    return net.finish([x], [y])


def concatenation() -> bytes:
    net = Net()
    inputs = [net.q("a", (1, 3, 4), S16), net.q("b", (1, 3, 5), S16)]
    y = net.q("y", (1, 3, 9), S16)
    net.operator("CONCATENATION", inputs, [y], {"axis": 2})
    return net.finish(inputs, [y])


FINE = Q(2.0**-15, 0, "int16")
LOW = Q(1 / 65536, -32768, "int16")
_BINARY: list[dict[str, Any]] = [
    {},
    {"activation": "relu"},
    {"b_shape": (7,)},
    {"a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 3)},
    {"b_shape": (1,)},
    {"scales": (2.0**-12, 2.0**-13, 2.0**-12)},
    {"scales": (1e-3, 1e-5, 2e-4), "activation": "relu6"},
]
_ALL: list[Case] = [
    *make(
        "Conv2d",
        conv,
        {},
        {"bias": "int32"},
                {"strides": (2, 1), "padding": "valid", "batch": 2},
        {"dilations": (2, 2), "activation": "relu"},
        {"kernel": (1, 1), "c_in": 16, "c_out": 17, "per_channel": False},
    ),
    *make(
        "DepthwiseConv2d",
        conv,
        {"multiplier": 1},
        {"multiplier": 2, "strides": (2, 2)},
        {"multiplier": 1, "bias": "", "padding": "valid", "c_in": 17},
        {"multiplier": 3, "c_in": 1, "dilations": (2, 1), "activation": "relu6"},
    ),
    *make(
        "FullyConnected",
        fully_connected,
        {},
        {"bias": "int32"},
        {"bias": "", "shape": (1, 64)},
        {"per_channel": True, "activation": "relu"},
    ),
    *(
        case
        for name in ("ADD", "SUB", "MUL")
        for case in make(name.capitalize(), binary, *({"name": name, **v} for v in _BINARY))
    ),
    *make(
        "LeakyRelu",
        unary,
        *({"name": "LEAKY_RELU", "out": Q(s, 0, "int16"), "alpha": a} for s, a in ((3e-4, 0.1), (1e-4, 0.3))),
    ),
    *make("Clip", unary, {"name": "RELU"}, {"name": "RELU", "out": Q(1 / 5000, 0, "int16")}),
    *make(
        "Logistic",
        unary,
        *({"name": "LOGISTIC", "x": Q(s, 0, "int16"), "out": FINE} for s in (2.0**-12, 2.0**-11, 3e-4, 1e-5)),
    ),
    *make(
        "Tanh",
        unary,
        *({"name": "TANH", "x": Q(s, 0, "int16"), "out": FINE} for s in (2.0**-12, 2.0**-11, 3e-4, 1e-5)),
    ),
    *make(
        "Softmax",
        unary,
        *({"name": "SOFTMAX", "out": FINE, "shape": (3, n), "beta": b} for n, b in ((9, 1.0), (100, 0.5))),
        {"name": "SOFTMAX", "x": Q(1e-4, 0, "int16"), "out": FINE, "shape": (2, 2, 5), "beta": 1.0},
        *(
            {"name": "SOFTMAX", "x": Q(s, 5), "out": LOW, "shape": (3, n), "beta": 1.0}
            for s, n in ((0.07, 2), (0.3, 21))
        ),
    ),
    *make(
        "Requantize",
        unary,
        {"name": "QUANTIZE", "out": Q(0.03, -7)},
        {"name": "QUANTIZE", "out": Q(1 / 3000, 0, "int16")},
        {"name": "QUANTIZE", "out": Q(1 / 70000, 0, "int32")},
    ),
    *make("Pad", pad, {}),
    *make("Concat", concatenation, {}),
    # Through eval.
    *make(
        "Requantize",
        unary,
        {"name": "QUANTIZE", "x": Q(1e-4, 0, "int32"), "out": Q(1e-5, 0, "int16")},
        host=True,
    ),
    *make("Dequantize", dequantize, {}, host=True),
    *make("Quantize", quantize, {}, host=True),
    *make("MaxPool2d", pool, {"name": "MAX_POOL_2D"}, host=True),
    *make(
        "AveragePool2d",
        pool,
        {"name": "AVERAGE_POOL_2D"},
        {"name": "AVERAGE_POOL_2D", "padding": "valid", "activation": "relu"},
        host=True,
    ),
    # LiteRT wants a bias.
    *make("Conv2d", conv, {"bias": ""}, litert=False),
]
# Their ids say that they are compared exactly.
CASES = [replace(case, id=f"s16-{case.id}") for case in _ALL]
