"""Resizing of images."""

from __future__ import annotations

from typing import Any

from cases.base import (
    I8,
    U8,
    Case,
    Net,
    Pair,
    Q,
    make,
)


def resize(
    name: str,
    size: Pair,
    c: int = 3,
    image: Pair = (5, 7),
    batch: int = 1,
    x: Q | str = I8,
    **options: bool,
) -> bytes:
    net = Net()
    inputs = [net.q("x", (batch, *image, c), x), net.ints("size", size)]
    y = net.q("y", (batch, *size, c), x)
    net.operator(name, inputs, [y], options)
    return net.finish(inputs[:1], [y])


def _resizes(name: str) -> list[dict[str, Any]]:
    modes: list[dict[str, Any]] = [{}, {"align_corners": True}, {"half_pixel_centers": True}]
    return [
        *({"name": name, "size": s, **m} for m in modes for s in ((10, 14), (3, 4), (13, 9))),
        *({"name": name, "size": (11, 16), "x": U8, "c": c, **m} for m in modes for c in (1, 17)),
        {"name": name, "size": (5, 7), "batch": 2},
        {"name": name, "size": (1, 1), "align_corners": True},
        {"name": name, "size": (4, 3), "image": (1, 1), "half_pixel_centers": True},
        {"name": name, "size": (8, 90), "image": (8, 45), "c": 32},
    ]


def _floats(name: str) -> list[dict[str, Any]]:
    return [{**v, "x": "float32"} for v in _resizes(name)]


CASES: list[Case] = [
    *make("ResizeBilinear", resize, *_resizes("RESIZE_BILINEAR")),
    *make("ResizeBilinear", resize, *_floats("RESIZE_BILINEAR")),
    *make("ResizeNearestNeighbor", resize, *_floats("RESIZE_NEAREST_NEIGHBOR")),
    *make("ResizeNearestNeighbor", resize, *_resizes("RESIZE_NEAREST_NEIGHBOR")),
]
