"""Pooling."""

from __future__ import annotations

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
    x: Q | str = I8,
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
    *make("MaxPool2d", pool, *({**v, "x": "float32"} for v in _pools("MAX_POOL_2D") if v.get("x") != U8)),
    *make(
        "AveragePool2d", pool, *({**v, "x": "float32"} for v in _pools("AVERAGE_POOL_2D") if v.get("x") != U8)
    ),
]
