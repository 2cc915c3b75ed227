"""Convolutions and the fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import (
    ACTIVATIONS,
    CHANNELS,
    I8,
    LEGACY,
    MAX,
    MIN,
    PER_TENSOR,
    U8,
    WS8,
    WU8,
    Case,
    Net,
    Pair,
    Q,
    Shape,
    make,
    spread,
    window,
)


# The kinds of numbers: "integer"; "float"; "run", floats whose weights are inputs of the model; "hybrid",
# float activations and int8 weights.
def _activations(net: Net, name: str, shape: Shape, q: Q, numbers: str) -> int:
    return net.q(name, shape, q) if numbers == "integer" else net.tensor(name, shape, "float32")


def _weights(net: Net, shape: Shape, axis: int, w: Q, per_channel: bool, numbers: str) -> list[int]:
    if numbers in ("integer", "hybrid"):
        return [net.weights(shape, axis, w, per_channel)]
    data = net.rng.normal(0, 0.5, shape).astype(np.float32)
    return [net.tensor("w", shape, "float32", data=data if numbers == "float" else None)]


def _bias(net: Net, n: int, depth: int, numbers: str) -> list[int]:
    if numbers == "integer":
        return [net.bias(n, depth)]
    data = net.rng.normal(0, 1, n).astype(np.float32)
    return [net.tensor("bias", (n,), "float32", data=None if numbers == "run" else data)]


def conv(
    c_in: int = 8,
    c_out: int = 16,
    kernel: Pair = (3, 3),
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: str = "same",
    activation: str = "none",
    size: Pair = (7, 9),
    batch: int = 1,
    x: Q = I8,
    w: Q = WS8,
    per_channel: bool = True,
    bias: bool = True,
    multiplier: int = 0,
    out: Q | None = None,
    numbers: str = "integer",
    groups: int = 1,
    seed: int = 1,
) -> bytes:
    """CONV_2D, or DEPTHWISE_CONV_2D with c_in * multiplier outputs when there is a multiplier."""
    net = Net(seed)
    c_weights = c_in // groups
    depth = kernel[0] * kernel[1] * (1 if multiplier else c_weights)
    c_out = c_in * multiplier or c_out
    shape = (1, *kernel, c_out) if multiplier else (c_out, *kernel, c_weights)
    h, w_ = (window(*args, padding) for args in zip(size, kernel, strides, dilations, strict=True))
    inputs = [_activations(net, "x", (batch, *size, c_in), x, numbers)]
    inputs += _weights(net, shape, 3 if multiplier else 0, w, per_channel, numbers)
    if bias:
        inputs += _bias(net, c_out, depth, numbers)
    y = _activations(net, "y", (batch, h, w_, c_out), out or spread(x, w, depth), numbers)
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
    net.operator("DEPTHWISE_CONV_2D" if multiplier else "CONV_2D", inputs, [y], options)
    return net.finish(inputs if numbers == "run" else inputs[:1], [y])


def fully_connected(
    shape: Shape = (1, 64),
    n: int = 10,
    keep_dims: bool = False,
    activation: str = "none",
    x: Q = I8,
    w: Q = WS8,
    per_channel: bool = False,
    bias: bool = True,
    out: Q | None = None,
    numbers: str = "integer",
    asymmetric: bool = False,
    seed: int = 1,
) -> bytes:
    net = Net(seed)
    k = shape[-1]
    inputs = [_activations(net, "x", shape, x, numbers), *_weights(net, (n, k), 0, w, per_channel, numbers)]
    if bias:
        inputs += _bias(net, n, k, numbers)
    rows = shape[:-1] if keep_dims else (int(np.prod(shape[:-1])),)
    y = _activations(net, "y", (*rows, n), out or spread(x, w, k), numbers)
    options = {
        "keep_num_dims": keep_dims,
        "fused_activation_function": activation,
        "asymmetric_quantize_inputs": asymmetric,
    }
    net.operator("FULLY_CONNECTED", inputs, [y], options)
    return net.finish(inputs if numbers == "run" else inputs[:1], [y])


_CONV: list[dict[str, Any]] = [
    *({"c_in": c, "c_out": 12, "kernel": (1, 1)} for c in CHANNELS),
    *({"c_in": 12, "c_out": c, "kernel": (1, 1)} for c in CHANNELS),
    *({"c_in": c, "c_out": c, "strides": (2, 2)} for c in (1, 3, 17, 32, 65)),
    *({"activation": a} for a in ACTIVATIONS),
    *({"activation": a, **LEGACY} for a in ACTIVATIONS),
    *({"c_in": c, "kernel": k, **LEGACY} for c in (3, 8, 33) for k in ((1, 1), (3, 3))),
    {"kernel": (1, 1), "strides": (2, 2), **PER_TENSOR},
    {"kernel": (5, 3), "padding": "valid", **PER_TENSOR},
    {"kernel": (2, 4), "strides": (1, 2), "size": (8, 8)},
    {"kernel": (3, 3), "dilations": (2, 2)},
    {"kernel": (3, 2), "dilations": (2, 3), "padding": "valid", "size": (9, 11)},
    {"kernel": (3, 3), "strides": (3, 2), "size": (1, 1), "c_in": 4},
    {"kernel": (1, 1), "batch": 3, "size": (1, 1), "c_in": 20},
    {"kernel": (3, 3), "batch": 2, **LEGACY, "dilations": (2, 2)},
    {"kernel": (7, 9), "padding": "valid", "c_in": 5, "batch": 2},
    {"x": MIN, "c_in": 33, "out": Q(0.05, 127)},
    {"x": MAX, "c_in": 33, "out": Q(0.05, -128)},
    {**LEGACY, "x": Q(0.04, 255, "uint8"), "out": Q(0.1, 0, "uint8")},
    {"x": Q(0.04, 128, "uint8"), "out": Q(0.1, 128, "uint8"), "w": Q(0.01, 128, "uint8"), **PER_TENSOR},
]


FLOAT, RUN, HYBRID = ({"numbers": numbers} for numbers in ("float", "run", "hybrid"))
_FLOAT_CONV: list[dict[str, Any]] = [
    *({"c_in": c, "c_out": c + 1, "kernel": (1, 1), **FLOAT} for c in CHANNELS),
    *({"c_in": c, "c_out": c, "strides": (2, 2), **FLOAT} for c in (1, 3, 17, 65)),
    *({"activation": a, **FLOAT} for a in ACTIVATIONS),
    {"kernel": (3, 2), "dilations": (2, 3), "padding": "valid", "size": (9, 11), "batch": 2, **FLOAT},
    {"kernel": (1, 1), "batch": 3, "size": (1, 1), "c_in": 20, **FLOAT},
    {"c_in": 40, "c_out": 70, "size": (14, 14), **FLOAT},
    *({"c_in": c, "c_out": 18, "activation": "relu", **RUN} for c in (1, 5, 33)),
    {"kernel": (1, 1), "batch": 2, "c_out": 33, **RUN},
]
_HYBRID_CONV: list[dict[str, Any]] = [
    *({"c_in": c, "c_out": c + 1, "kernel": (1, 1), "batch": 2, **HYBRID} for c in CHANNELS),
    *({"c_in": c, "c_out": 9, "kernel": (1, 1), **PER_TENSOR, **HYBRID} for c in CHANNELS),
    *({"c_in": c, "strides": (2, 2), "batch": 3, **HYBRID} for c in (1, 3, 33)),
    *({"c_in": c, "strides": (2, 1), "batch": 3, **PER_TENSOR, **HYBRID} for c in (3, 32)),
    *({"activation": a, **HYBRID} for a in ACTIVATIONS),
]
_GROUPED: list[dict[str, Any]] = [
    *({"c_in": 8, "groups": g, "numbers": n} for g in (2, 4, 8) for n in ("integer", "float", "hybrid")),
    {"c_in": 6, "c_out": 9, "groups": 3, "kernel": (1, 1), "batch": 2},
    {"c_in": 34, "c_out": 6, "groups": 2, "strides": (2, 2), **FLOAT},
]


_DEPTHWISE: list[dict[str, Any]] = [
    *({"c_in": c, "multiplier": 1} for c in CHANNELS),
    *({"c_in": c, "multiplier": 1, "strides": (2, 2)} for c in (3, 8, 17, 64)),
    *({"c_in": 16, "multiplier": 1, "activation": a} for a in ACTIVATIONS),
    *({"c_in": c, "multiplier": 1, **LEGACY} for c in (3, 8, 33)),
    *({"c_in": c, "multiplier": m} for c, m in ((1, 8), (3, 2), (4, 3), (16, 2), (9, 4))),
    {"c_in": 5, "multiplier": 2, **LEGACY, "strides": (2, 2), "batch": 2},
    {"c_in": 8, "multiplier": 1, "kernel": (5, 5), "padding": "valid", "size": (8, 6), **PER_TENSOR},
    {"c_in": 24, "multiplier": 1, "kernel": (1, 3), "bias": False},
    {"c_in": 24, "multiplier": 1, "kernel": (3, 3), "dilations": (2, 2)},
    {"c_in": 10, "multiplier": 1, "kernel": (2, 2), "strides": (1, 1), "dilations": (3, 1), "batch": 2},
    {"c_in": 16, "multiplier": 1, "size": (1, 1)},
    {"c_in": 16, "multiplier": 1, "x": MIN, "kernel": (7, 7)},
]


_FLOAT_DEPTHWISE: list[dict[str, Any]] = [
    *({"c_in": c, "multiplier": 1, **FLOAT} for c in CHANNELS),
    *({"c_in": c, "multiplier": m, **FLOAT} for c, m in ((1, 8), (3, 2), (9, 4))),
    {"c_in": 24, "multiplier": 1, "strides": (2, 2), "activation": "relu6", "batch": 2, **FLOAT},
    {"c_in": 8, "multiplier": 1, "kernel": (5, 5), "size": (3, 3), "bias": False, **FLOAT},
    {"c_in": 10, "multiplier": 1, "kernel": (2, 3), "dilations": (3, 2), "padding": "valid", **FLOAT},
    *({"c_in": c, "multiplier": m, "batch": 2, **RUN} for c, m in ((1, 8), (17, 1), (3, 2))),
    *({"c_in": c, "multiplier": 1, "batch": 2, **HYBRID} for c in (3, 8, 17, 33)),
    *({"c_in": c, "multiplier": m, **HYBRID} for c, m in ((1, 8), (3, 2), (9, 4))),
    {"c_in": 16, "multiplier": 1, "strides": (2, 2), "activation": "relu", "bias": False, **HYBRID},
]


_FULLY_CONNECTED: list[dict[str, Any]] = [
    *({"shape": (2, c), "n": n} for c, n in zip(CHANNELS, reversed(CHANNELS), strict=True)),
    *({"activation": a} for a in ACTIVATIONS),
    {"shape": (1, 100), "n": 3, "per_channel": True},
    {"shape": (2, 3, 20), "keep_dims": True},
    {"shape": (2, 3, 20)},
    {"x": U8, "w": WU8, "shape": (3, 50), "activation": "relu6"},
    {"bias": False, "shape": (5, 33), "n": 17},
    {"x": MIN, "shape": (1, 640), "n": 40},
]


_FLOAT_FULLY_CONNECTED: list[dict[str, Any]] = [
    *({"shape": (2, c), "n": n, **FLOAT} for c, n in zip(CHANNELS, reversed(CHANNELS), strict=True)),
    *({"activation": a, **FLOAT} for a in ACTIVATIONS),
    {"shape": (2, 3, 20), "keep_dims": True, "bias": False, **FLOAT},
    {"shape": (1, 300), "n": 700, **FLOAT},
    *({"shape": (3, c), "n": 19, **RUN} for c in (1, 20, 70)),
    *({"shape": (3, 50), "n": 19, "asymmetric": a, **HYBRID} for a in (False, True)),
    *({"shape": (3, 50), "n": 19, "asymmetric": a, "per_channel": True, **HYBRID} for a in (False, True)),
    *({"shape": (2, 2, 64), "keep_dims": True, "n": n, "activation": "relu", **HYBRID} for n in (1, 65)),
]


CASES: list[Case] = [
    *make("Conv2d", conv, *_CONV),
    *make("Conv2d", conv, {"bias": False}, {"bias": False, **FLOAT}, litert=False),
    *make("DepthwiseConv2d", conv, *_DEPTHWISE),
    *make("FullyConnected", fully_connected, *_FULLY_CONNECTED),
    *make("Conv2d", conv, *_FLOAT_CONV, *_HYBRID_CONV, *_GROUPED),
    *make("DepthwiseConv2d", conv, *_FLOAT_DEPTHWISE),
    *make("FullyConnected", fully_connected, *_FLOAT_FULLY_CONNECTED),
]
