"""Operators that move data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cases.base import (
    I8,
    U8,
    Case,
    Net,
    Pair,
    Q,
    Shape,
    make,
)


def reshape(shape: Shape, to: Shape, x: Q = I8, as_option: bool = False) -> bytes:
    """RESHAPE, its shape a constant input or an option; -1 is what is left."""
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.q("y", np.empty(shape).reshape(to).shape, x)
    if not as_option:
        inputs.append(net.ints("shape", to))
    net.operator("RESHAPE", inputs, [y], {"new_shape": to} if as_option else {})
    return net.finish(inputs[:1], [y])


def pad(paddings: Sequence[Pair], x: Q = I8, fill: int | None = None, shape: Shape = (1, 4, 5, 3)) -> bytes:
    """PAD, or PADV2 with the quantum `fill`."""
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("paddings", paddings)]
    if fill is not None:
        data = np.array([fill], x.dtype)
        inputs.append(net.tensor("fill", (1,), x.dtype, scale=x.scale, zero_point=x.zero, data=data))
    y = net.q("y", [d + b + a for d, (b, a) in zip(shape, paddings, strict=True)], x)
    net.operator("PAD" if fill is None else "PADV2", inputs, [y])
    return net.finish(inputs[:1], [y])


def concat(
    axis: int,
    shapes: Sequence[Shape] = ((1, 4, 5, 8), (1, 4, 5, 8)),
    qs: Sequence[Q] = (I8,),
    produced: bool = False,
    out: Q | None = None,
) -> bytes:
    """CONCATENATION of inputs, or of what a RELU makes of each of them (`produced`)."""
    net = Net()
    qs = [qs[i % len(qs)] for i in range(len(shapes))]
    out = out or qs[0]
    inputs = [net.q(f"x{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
    parts = inputs
    if produced:
        parts = [net.q(f"r{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
        for x, r in zip(inputs, parts, strict=True):
            net.operator("RELU", [x], [r])
    shape = list(shapes[0])
    shape[axis] = sum(s[axis] for s in shapes)
    y = net.q("y", shape, out)
    net.operator("CONCATENATION", parts, [y], {"axis": axis})
    return net.finish(inputs, [y])


def slice_(begin: Shape, size: Shape, shape: Shape = (2, 6, 7, 8), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("begin", begin), net.ints("size", size)]
    sizes = [d - b if s == -1 else s for d, b, s in zip(shape, begin, size, strict=True)]
    y = net.q("y", sizes, x)
    net.operator("SLICE", inputs, [y])
    return net.finish(inputs[:1], [y])


def transpose(perm: Shape, shape: Shape = (2, 3, 5, 8), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("perm", perm)]
    y = net.q("y", [shape[p] for p in perm], x)
    net.operator("TRANSPOSE", inputs, [y])
    return net.finish(inputs[:1], [y])


def cumsum(axis: int, exclusive: bool = False, reverse: bool = False) -> bytes:
    net = Net()
    shape = (2, 5, 3)
    inputs = [net.tensor("x", shape, "int32"), net.ints("axis", axis)]
    y = net.tensor("y", shape, "int32")
    net.operator("CUMSUM", inputs, [y], {"exclusive": exclusive, "reverse": reverse})
    return net.finish(inputs[:1], [y])


_CHANNEL_PARTS = ((1, 4, 5, 8), (1, 4, 5, 16), (1, 4, 5, 3))


_ANCHOR_PARTS = ((1, 12, 4), (1, 6, 4), (1, 1, 4))


CASES: list[Case] = [
    *make(
        "Reshape",
        reshape,
        {"shape": (1, 4, 5, 8), "to": (1, 160)},
        {"shape": (1, 4, 5, 8), "to": (-1, 8), "x": U8},
        {"shape": (2, 3, 4), "to": (4, 6), "as_option": True},
        {"shape": (1, 1, 1, 9), "to": (9,)},
    ),
    *make(
        "Pad",
        pad,
        {"paddings": ((0, 0), (1, 1), (2, 0), (0, 0))},
        {"paddings": ((1, 0), (0, 3), (2, 1), (4, 5)), "x": U8},
        {"paddings": ((0, 0), (1, 2), (1, 1), (0, 1)), "fill": -77},
        {"paddings": ((0, 0), (1, 2), (1, 1), (0, 0)), "fill": 200, "x": U8},
        {"paddings": ((0, 0), (0, 0), (0, 0), (0, 0))},
        {"paddings": ((2, 1), (0, 4)), "shape": (3, 17)},
    ),
    *make(
        "Concat",
        concat,
        *({"axis": 3, "shapes": _CHANNEL_PARTS, "produced": p} for p in (False, True)),
        *({"axis": 1, "shapes": _ANCHOR_PARTS, "produced": p} for p in (False, True)),
        *({"axis": a, "produced": p} for a in (0, 1, 2, -1) for p in (False, True)),
        *({"axis": 3, "qs": (U8,), "produced": p} for p in (False, True)),
        *({"axis": 3, "qs": (U8, Q(0.02, 90, "uint8")), "produced": p} for p in (False, True)),
        {"axis": 1, "qs": (Q(0.02, 90, "uint8"), U8), "out": U8},
    ),
    *make("Concat", concat, {"axis": 3, "qs": (I8, Q(0.02, -9)), "produced": True}, litert=False),
    *make(
        "Slice",
        slice_,
        {"begin": (0, 0, 0, 0), "size": (2, 6, 7, 4)},
        {"begin": (0, 0, 0, 3), "size": (-1, -1, -1, 5)},
        {"begin": (1, 0, 0, 0), "size": (1, 6, 7, 8), "x": U8},
        {"begin": (0, 2, 1, 0), "size": (2, 3, 5, 8)},
        {"begin": (1, 2, 3, 4), "size": (1, 1, 1, 1)},
        {"begin": (2, 5), "size": (3, 10), "shape": (6, 17)},
    ),
    *make(
        "Transpose",
        transpose,
        *({"perm": p} for p in ((0, 3, 1, 2), (0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 2, 3))),
        {"perm": (1, 0), "shape": (9, 17), "x": U8},
        {"perm": (2, 0, 1), "shape": (4, 5, 6)},
    ),
    *make(
        "Cumsum",
        cumsum,
        {"axis": 1},
        {"axis": -1, "exclusive": True},
        {"axis": 0, "reverse": True},
        {"axis": 2, "exclusive": True, "reverse": True},
    ),
]
