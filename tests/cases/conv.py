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
    seed: int = 1,
) -> bytes:
    """CONV_2D, or DEPTHWISE_CONV_2D with c_in * multiplier outputs when there is a multiplier."""
    net = Net(seed)
    depth = kernel[0] * kernel[1] * (1 if multiplier else c_in)
    c_out = c_in * multiplier or c_out
    shape = (1, *kernel, c_out) if multiplier else (c_out, *kernel, c_in)
    h, w_ = (window(*args, padding) for args in zip(size, kernel, strides, dilations, strict=True))
    inputs = [net.q("x", (batch, *size, c_in), x)]
    inputs.append(net.weights(shape, 3 if multiplier else 0, w, per_channel))
    if bias:
        inputs.append(net.bias(c_out, depth))
    y = net.q("y", (batch, h, w_, c_out), out or spread(x, w, depth))
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
    return net.finish(inputs[:1], [y])


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
    seed: int = 1,
) -> bytes:
    net = Net(seed)
    k = shape[-1]
    inputs = [net.q("x", shape, x), net.weights((n, k), 0, w, per_channel)]
    if bias:
        inputs.append(net.bias(n, k))
    rows = shape[:-1] if keep_dims else (int(np.prod(shape[:-1])),)
    y = net.q("y", (*rows, n), out or spread(x, w, k))
    options = {"keep_num_dims": keep_dims, "fused_activation_function": activation}
    net.operator("FULLY_CONNECTED", inputs, [y], options)
    return net.finish(inputs[:1], [y])


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


CASES: list[Case] = [
    *make("Conv2d", conv, *_CONV),
    *make("Conv2d", conv, {"bias": False}, litert=False),
    *make("DepthwiseConv2d", conv, *_DEPTHWISE),
    *make("FullyConnected", fully_connected, *_FULLY_CONNECTED),
]
