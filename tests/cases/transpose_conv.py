"""Transposed convolution."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from cases.base import I8, U8, WS8, WU8, Case, Net, Pair, Q, make, spread


def transpose_conv(
    c_in: int = 5,
    c_out: int = 6,
    kernel: Pair = (3, 3),
    strides: Pair = (2, 2),
    padding: str = "same",
    size: Pair = (4, 5),
    extra: Pair = (0, 0),
    batch: int = 1,
    x: Q = I8,
    w: Q = WS8,
    per_channel: bool = True,
    bias: bool = True,
    float: bool = False,
    hybrid: bool = False,
    mediapipe: bool = False,
) -> bytes:
    """TRANSPOSE_CONV; `extra` is subtracted from the output's size. Or MediaPipe's operator, of floats."""
    net = Net()
    if padding == "same":
        out = tuple(s * t - e for s, t, e in zip(size, strides, extra, strict=True))
    else:
        out = tuple((s - 1) * t + k for s, t, k in zip(size, strides, kernel, strict=True))
    shape, y_shape = (c_out, *kernel, c_in), (batch, *out, c_out)
    if float:
        data = net.rng.normal(0, 0.5, shape).astype(np.float32)
        inputs = [
            net.weights(shape, 0, w, per_channel) if hybrid else net.tensor("w", shape, "float32", data=data)
        ]
        inputs.append(net.tensor("x", (batch, *size, c_in), "float32"))
        y = net.tensor("y", y_shape, "float32")
        spreads = net.rng.normal(0, 1, c_out).astype(np.float32)
        biases = [net.tensor("bias", (c_out,), "float32", data=spreads)] if bias else []
    else:
        inputs = [net.weights(shape, 0, w, per_channel), net.q("x", (batch, *size, c_in), x)]
        y = net.q("y", y_shape, spread(x, w, kernel[0] * kernel[1] * c_in // 2))
        biases = [net.bias(c_out, c_in)] if bias else []
    if mediapipe:
        options = struct.pack("<3i", 1 if padding == "same" else 2, strides[1], strides[0])
        operands = [inputs[1], inputs[0], *biases]
        net.operator("Convolution2DTransposeBias", operands, [y], custom_options=options)
    else:
        settings = {"padding": padding, "stride_h": strides[0], "stride_w": strides[1]}
        net.operator("TRANSPOSE_CONV", [net.ints("size", y_shape), *inputs, *biases], [y], settings)
    return net.finish(inputs[1:], [y])


_SHAPES: list[dict[str, Any]] = [
    {},
    {"kernel": (2, 2), "c_out": 1, "c_in": 16},
    {"kernel": (4, 4), "batch": 2, "c_out": 17},
    {"kernel": (3, 3), "padding": "valid"},
    {"kernel": (5, 4), "strides": (3, 2), "padding": "valid"},
    {"kernel": (3, 5), "strides": (1, 1)},
    {"kernel": (3, 3), "extra": (1, 1)},
    {"kernel": (1, 2), "strides": (2, 3), "size": (3, 3)},
    {"kernel": (7, 7), "strides": (2, 2), "size": (1, 2)},
    {"c_in": 40, "c_out": 33, "bias": False},
]

CASES: list[Case] = [
    *make("TransposeConv", transpose_conv, *_SHAPES, *({"float": True, **shape} for shape in _SHAPES)),
    *make("TransposeConv", transpose_conv, *({"float": True, "hybrid": True, **v} for v in _SHAPES[:5])),
    *make(
        "TransposeConv",
        transpose_conv,
        {"per_channel": False},
        {"x": U8, "w": WU8, "per_channel": False},
        {"x": U8, "w": WU8, "per_channel": False, "kernel": (4, 4), "padding": "valid", "bias": False},
    ),
    *make(
        "TransposeConv",
        transpose_conv,
        {"float": True, "mediapipe": True, "kernel": (2, 2)},
        {"float": True, "mediapipe": True, "padding": "valid"},
        litert=False,
    ),
]
