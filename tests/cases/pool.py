"""Pooling and means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cases.base import (
    ACTIVATIONS,
    CHANNELS,
    I8,
    U8,
    Case,
    Net,
    Pair,
    Q,
    Shape,
    make,
    window,
)


def pool(
    name: str,
    c: int = 16,
    kernel: Pair = (2, 2),
    strides: Pair = (2, 2),
    padding: str = "valid",
    activation: str = "none",
    size: Pair = (7, 9),
    batch: int = 1,
    x: Q = I8,
    out: Q | None = None,
) -> bytes:
    net = Net()
    h, w = (window(s, k, t, 1, padding) for s, k, t in zip(size, kernel, strides, strict=True))
    inputs = [net.q("x", (batch, *size, c), x)]
    y = net.q("y", (batch, h, w, c), out or x)
    options = {
        "padding": padding,
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": activation,
    }
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def mean(
    axes: Sequence[int],
    keep_dims: bool = False,
    shape: Shape = (2, 5, 7, 16),
    x: Q = I8,
    out: Q | None = None,
) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("axes", axes)]
    gone = {a % len(shape) for a in axes}
    y_shape = [1 if i in gone else d for i, d in enumerate(shape) if keep_dims or i not in gone]
    y = net.q("y", y_shape, out or x)
    net.operator("MEAN", inputs, [y], {"keep_dims": keep_dims})
    return net.finish(inputs[:1], [y])


def _pools(name: str) -> list[dict[str, Any]]:
    return [
        *({"name": name, "c": c} for c in CHANNELS),
        *({"name": name, "activation": a} for a in ACTIVATIONS),
        {"name": name, "kernel": (3, 3), "strides": (1, 1), "padding": "same"},
        {"name": name, "kernel": (3, 3), "strides": (2, 2), "padding": "same", "batch": 3, "x": U8},
        {"name": name, "kernel": (7, 9), "strides": (1, 1), "c": 33},
        {"name": name, "kernel": (2, 5), "strides": (3, 1), "c": 5},
    ]


CASES: list[Case] = [
    *make("MaxPool2d", pool, *_pools("MAX_POOL_2D")),
    *make("AveragePool2d", pool, *_pools("AVERAGE_POOL_2D")),
    *make("AveragePool2d", pool, {"name": "AVERAGE_POOL_2D", "out": Q(0.03, -9)}, litert=False),
    *make(
        "Mean",
        mean,
        *({"axes": (1, 2), "keep_dims": k, "out": q} for k in (False, True) for q in (None, Q(0.03, -9))),
        *({"axes": a} for a in ((0,), (1,), (2,), (3,), (-1,), (0, 3), (1, 3), (2, 3), (0, 1, 2, 3))),
        {"axes": (0, 2), "keep_dims": True, "out": Q(0.04, 20)},
        {"axes": (1, 2), "x": U8, "shape": (1, 7, 7, 33)},
        {"axes": (1,), "shape": (3, 9, 5)},
    ),
]
