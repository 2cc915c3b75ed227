"""Operators that move data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

Kind = Q | str  # quantised, or a plain dtype
KINDS: tuple[Kind, ...] = (I8, U8, "float32", "int32", "int64", "bool")
I16 = Q(0.001, 0, "int16")


def reshape(shape: Shape, to: Shape, x: Kind = I8, as_option: bool = False) -> bytes:
    """RESHAPE, its shape a constant input or an option; -1 is what is left."""
    net = Net()
    inputs = [net.of("x", shape, x)]
    y = net.of("y", np.empty(shape).reshape(to).shape, x)
    if not as_option:
        inputs.append(net.ints("shape", to))
    net.operator("RESHAPE", inputs, [y], {"new_shape": to} if as_option else {})
    return net.finish(inputs[:1], [y])


def pad(
    paddings: Sequence[Pair], x: Kind = I8, fill: float | None = None, shape: Shape = (1, 4, 5, 3)
) -> bytes:
    """PAD, or PADV2 with the quantum `fill`."""
    net = Net()
    inputs = [net.of("x", shape, x), net.ints("paddings", paddings)]
    if fill is not None:
        dtype = x if isinstance(x, str) else x.dtype
        scale = {} if isinstance(x, str) else {"scale": x.scale, "zero_point": x.zero}
        inputs.append(net.tensor("fill", (1,), dtype, data=np.array([fill], dtype), **scale))
    y = net.of("y", [d + b + a for d, (b, a) in zip(shape, paddings, strict=True)], x)
    net.operator("PAD" if fill is None else "PADV2", inputs, [y])
    return net.finish(inputs[:1], [y])


def concat(
    axis: int,
    shapes: Sequence[Shape] = ((1, 4, 5, 8), (1, 4, 5, 8)),
    qs: Sequence[Kind] = (I8,),
    produced: bool = False,
    out: Kind | None = None,
) -> bytes:
    """CONCATENATION of inputs, or of what a RELU makes of each of them (`produced`)."""
    net = Net()
    qs = [qs[i % len(qs)] for i in range(len(shapes))]
    out = out or qs[0]
    inputs = [net.of(f"x{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
    parts = inputs
    if produced:
        parts = [net.of(f"r{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
        for x, r in zip(inputs, parts, strict=True):
            net.operator("RELU", [x], [r])
    shape = list(shapes[0])
    shape[axis] = sum(s[axis] for s in shapes)
    y = net.of("y", shape, out)
    net.operator("CONCATENATION", parts, [y], {"axis": axis})
    return net.finish(inputs, [y])


def slice_(begin: Shape, size: Shape, shape: Shape = (2, 6, 7, 8), x: Kind = I8) -> bytes:
    net = Net()
    inputs = [net.of("x", shape, x), net.ints("begin", begin), net.ints("size", size)]
    sizes = [d - b if s == -1 else s for d, b, s in zip(shape, begin, size, strict=True)]
    y = net.of("y", sizes, x)
    net.operator("SLICE", inputs, [y])
    return net.finish(inputs[:1], [y])


def transpose(perm: Shape, shape: Shape = (2, 3, 5, 8), x: Kind = I8) -> bytes:
    net = Net()
    inputs = [net.of("x", shape, x), net.ints("perm", perm)]
    y = net.of("y", [shape[p] for p in perm], x)
    net.operator("TRANSPOSE", inputs, [y])
    return net.finish(inputs[:1], [y])


def cumsum(axis: int, exclusive: bool = False, reverse: bool = False, x: str = "int32") -> bytes:
    net = Net()
    shape = (2, 5, 3)
    inputs = [net.tensor("x", shape, x), net.ints("axis", axis)]
    y = net.tensor("y", shape, x)
    net.operator("CUMSUM", inputs, [y], {"exclusive": exclusive, "reverse": reverse})
    return net.finish(inputs[:1], [y])


def moved(
    name: str,
    shape: Shape,
    to: Shape | Sequence[Shape],
    constants: Sequence[Any] = (),
    options: dict[str, Any] | None = None,
    x: Kind = I8,
    first: int = 0,
    inputs: int = 1,
    version: int | None = None,
) -> bytes:
    """Any operator of `inputs` tensors of one shape, and of int32 constants, the first `first` of them in
    front of the tensors. `to`: the output's shape, or a list of several outputs' shapes."""
    net = Net()
    ints = [net.ints(f"c{i}", values) for i, values in enumerate(constants)]
    xs = [net.of(f"x{i}", shape, x) for i in range(inputs)]
    shapes = to if isinstance(to, list) else [to]
    ys = [net.of(f"y{i}", s, x) for i, s in enumerate(shapes)]
    net.operator(name, [*ints[:first], *xs, *ints[first:]], ys, options or {}, version=version)
    return net.finish(xs, ys)


def strided_slice(
    begin: Shape,
    end: Shape,
    strides: Shape,
    shape: Shape = (2, 6, 7, 8),
    x: Kind = I8,
    **options: Any,
) -> bytes:
    """STRIDED_SLICE; the output's shape is numpy's."""
    net = Net()
    inputs = [net.of("x", shape, x)]
    inputs += [net.ints(n, v) for n, v in (("begin", begin), ("end", end), ("strides", strides))]
    index = strided_index(begin, end, strides, **options)
    y = net.of("y", np.empty(shape, np.int8)[index].shape, x)
    net.operator("STRIDED_SLICE", inputs, [y], options)
    return net.finish(inputs[:1], [y])


def strided_index(
    begin: Shape,
    end: Shape,
    strides: Shape,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    offset: bool = False,
) -> tuple[Any, ...]:
    """What STRIDED_SLICE takes, as an index of numpy. With `offset`, begin must not count from the end."""
    index: list[Any] = []
    for i, (b, e, step) in enumerate(zip(begin, end, strides, strict=True)):
        if ellipsis_mask >> i & 1:
            index.append(...)
        elif new_axis_mask >> i & 1:
            index.append(None)
        elif shrink_axis_mask >> i & 1:
            index.append(b)
        else:
            first = None if begin_mask >> i & 1 else b
            last = None if end_mask >> i & 1 else e + b if offset else e
            index.append(slice(first, last, step))
    return tuple(index)


def pack(axis: int, shape: Shape = (2, 3, 4), count: int = 3, x: Kind = I8, produced: bool = False) -> bytes:
    """PACK of inputs, or of what TRANSPOSE makes of each of them (`produced`)."""
    net = Net()
    xs = [net.of(f"x{i}", shape, x) for i in range(count)]
    parts = xs
    if produced:
        parts = [net.of(f"t{i}", shape[::-1], x) for i in range(count)]
        for a, t in zip(xs, parts, strict=True):
            net.operator("TRANSPOSE", [a, net.ints("perm", range(len(shape))[::-1])], [t])
        shape = shape[::-1]
    at = axis % (len(shape) + 1)
    y = net.of("y", (*shape[:at], count, *shape[at:]), x)
    net.operator("PACK", parts, [y], {"axis": axis, "values_count": count})
    return net.finish(xs, [y])


def known(name: str, x: Kind = "float32", out: str = "int32", shape: Shape = (2, 3, 4)) -> bytes:
    """SHAPE, RANK or ZEROS_LIKE of an input."""
    net = Net()
    inputs = [net.of("x", shape, x)]
    if name == "ZEROS_LIKE":
        y = net.of("y", shape, x)
    else:
        y = net.tensor("y", (len(shape),) if name == "SHAPE" else (), out)
    net.operator(name, inputs, [y], {"out_type": out} if name == "SHAPE" else {})
    return net.finish(inputs, [y])


def shaped(shape: Shape = (2, 3, 4), x: Kind = I8) -> bytes:
    """The chain by which converters flatten an image: SHAPE, STRIDED_SLICE, PACK, RESHAPE."""
    net = Net()
    a = net.of("x", shape, x)
    sizes, batch, packed = (
        net.tensor("s", (3,), "int32"),
        net.tensor("b", (), "int32"),
        net.tensor("p", (2,), "int32"),
    )
    y = net.of("y", (shape[0], shape[1] * shape[2]), x)
    net.operator("SHAPE", [a], [sizes], {"out_type": "int32"})
    ends = [net.ints(f"c{i}", (i,)) for i in (0, 1)]
    net.operator("STRIDED_SLICE", [sizes, ends[0], ends[1], ends[1]], [batch], {"shrink_axis_mask": 1})
    net.operator("PACK", [batch, net.ints("rest", -1)], [packed], {"axis": 0, "values_count": 2})
    net.operator("RESHAPE", [a, packed], [y])
    return net.finish([a], [y])


def range_(start: float, limit: float, delta: float, out: str, count: int) -> bytes:
    """RANGE, and an unrelated input, which a model needs."""
    net = Net()
    x, z = net.tensor("x", (2,), "float32"), net.tensor("z", (2,), "float32")
    y = net.tensor("y", (count,), out)
    numbers = [net.constant(n, v, out) for n, v in (("start", start), ("limit", limit), ("delta", delta))]
    net.operator("RANGE", numbers, [y])
    net.operator("RESHAPE", [x, net.ints("shape", (2,))], [z])
    return net.finish([x], [y, z])


def matrix_set_diag(shape: Shape, x: Kind = I8) -> bytes:
    net = Net()
    inputs = [net.of("x", shape, x), net.of("d", (*shape[:-2], min(shape[-2:])), x)]
    y = net.of("y", shape, x)
    net.operator("MATRIX_SET_DIAG", inputs, [y])
    return net.finish(inputs, [y])


def broadcast_args(a: Shape, b: Shape, out: str = "int32") -> bytes:
    """BROADCAST_ARGS of computed shapes."""
    net = Net()
    inputs = [net.tensor(n, (len(s),), out) for n, s in (("a", a), ("b", b))]
    ones = [net.constant(f"{n}_shape", s, out) for n, s in (("a", a), ("b", b))]
    made = [net.tensor(f"{n}_used", (len(s),), out) for n, s in (("a", a), ("b", b))]
    for x, one, used in zip(inputs, ones, made, strict=True):
        net.operator("DYNAMIC_UPDATE_SLICE", [x, one, net.ints("start", (0,))], [used])
    y = net.tensor("y", (max(len(a), len(b)),), out)
    net.operator("BROADCAST_ARGS", made, [y])
    return net.finish(inputs, [y])


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
        {"shape": (3, 1, 4), "to": (2, 6), "x": "float32"},
        {"shape": (3, 1, 4), "to": (2, -1), "x": "int64"},
        {"shape": (1,), "to": (), "x": "float32"},
    ),
    *make(
        "Reshape",
        moved,
        {"name": "SQUEEZE", "shape": (1, 3, 1, 4), "to": (3, 4)},
        {"name": "SQUEEZE", "shape": (1, 3, 1, 4), "to": (1, 3, 4), "options": {"squeeze_dims": (-2,)}},
        {"name": "SQUEEZE", "shape": (1, 1, 1, 7), "to": (7,), "x": "float32"},
        {"name": "EXPAND_DIMS", "shape": (3, 4), "to": (3, 1, 4), "constants": (1,)},
        {"name": "EXPAND_DIMS", "shape": (3, 4), "to": (3, 4, 1), "constants": (-1,), "x": "int64"},
        {"name": "EXPAND_DIMS", "shape": (3, 4), "to": (1, 3, 4), "constants": ((-3,),), "x": "float32"},
    ),
    *make(
        "Reshape",
        known,
        {"name": "SHAPE"},
        {"name": "SHAPE", "x": I8, "out": "int64", "shape": (1, 2, 3, 4, 5)},
        {"name": "RANK"},
    ),
    *make("Reshape", shaped, {}, {"shape": (3, 1, 5), "x": "float32"}),
    *make(
        "Reshape",
        range_,
        {"start": 2, "limit": 19, "delta": 3, "out": "int32", "count": 6},
        {"start": 5, "limit": -5, "delta": -4, "out": "int64", "count": 3},
        {"start": 0.5, "limit": 1.5, "delta": 0.1, "out": "float32", "count": 10},
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
        *({"paddings": ((0, 1), (1, 0), (2, 0), (0, 2)), "x": x} for x in ("float32", "int32", "int64")),
        {"paddings": ((0, 1), (1, 0), (2, 0), (0, 2)), "x": "float32", "fill": -1.5},
        {"paddings": ((1, 1), (2, 0), (0, 0), (1, 2), (0, 3)), "x": I16, "shape": (1, 2, 3, 2, 3)},
        {"paddings": ((0, 1), (1, 0)), "x": "int32", "fill": -(2**31), "shape": (2, 3)},
        {"paddings": ((2, 1), (3, 4)), "x": "float32", "fill": float("-inf"), "shape": (5, 6)},
    ),
    *make(
        "Pad",
        pad,
        {"paddings": ((2, 1), (3, 4)), "x": "bool", "fill": 1, "shape": (5, 6)},
        litert=False,  # LiteRT 2.3.0 writes no fill
    ),
    *make(
        "MirrorPad",
        moved,
        *(
            {
                "name": "MIRROR_PAD",
                "shape": (2, 3, 4),
                "to": (2 + 1, 3 + 3, 4 + 5),
                "constants": (((1, 0), (1, 2), (3, 2)),),
                "options": {"mode": mode},
                "x": x,
            }
            for mode in ("reflect", "symmetric")
            for x in (I8, U8, "float32", "int32", "int64")
        ),
        {
            "name": "MIRROR_PAD",
            "shape": (1, 9, 8),
            "to": (1, 14, 8),
            "constants": (((0, 0), (3, 2), (0, 0)),),
            "options": {"mode": "reflect"},
            "x": "float32",
        },
    ),
    *make(
        "Tile",
        moved,
        *(
            {
                "version": 1,
                "name": "TILE",
                "shape": (2, 3, 4),
                "to": (4, 3, 12),
                "constants": ((2, 1, 3),),
                "x": x,
            }
            for x in (I8, U8, "float32", "int32", "int64", "bool")
        ),
        {"version": 1, "name": "TILE", "shape": (5,), "to": (15,), "constants": ((3,),)},
        {
            "version": 1,
            "name": "TILE",
            "shape": (1, 2, 1, 3, 2),
            "to": (2, 4, 2, 6, 4),
            "constants": ((2, 2, 2, 2, 2),),
            "x": "float32",
        },
    ),
    *make(
        "Broadcast",
        moved,
        *(
            {"name": "BROADCAST_TO", "shape": (6, 1), "to": (2, 6, 4), "constants": ((2, 6, 4),), "x": x}
            for x in KINDS
        ),
        {"name": "BROADCAST_TO", "shape": (1,), "to": (2, 3), "constants": ((2, 3),)},
        {
            "name": "BROADCAST_TO",
            "shape": (2, 1, 3, 1, 1, 2),
            "to": (2, 3, 3, 2, 1, 2),
            "constants": ((2, 3, 3, 2, 1, 2),),
            "x": "float32",
        },
    ),
    *make(
        "Broadcast",
        known,
        *({"name": "ZEROS_LIKE", "x": x, "shape": (7,)} for x in ("float32", "int32", "int64")),
    ),
    *make(
        "Broadcast",
        moved,
        *({"name": "FILL", "shape": (), "to": (7,), "constants": ((7,),), "x": x, "first": 1} for x in KINDS),
    ),
    *make(
        "Split",
        moved,
        *(
            {
                "name": "SPLIT",
                "shape": (4, 6, 8),
                "to": [tuple(d // 2 if i == axis % 3 else d for i, d in enumerate((4, 6, 8)))] * 2,
                "constants": (axis,),
                "options": {"num_splits": 2},
                "first": 1,
                "x": x,
            }
            for axis in (0, 1, -1)
            for x in (I8, U8, "float32", "int32", I16)
        ),
        *(
            {
                "name": "SPLIT_V",
                "shape": (2, 9, 4),
                "to": [(2, n, 4) for n in (3, 4, 2)],
                "constants": ((3, -1, 2), axis),
                "options": {"num_splits": 3},
                "x": x,
            }
            for axis in (1, -2)
            for x in (I8, U8, "float32", "int64", I16)
        ),
    ),
    *make(
        "Unpack",
        moved,
        *(
            {
                "name": "UNPACK",
                "shape": (3, 4, 5),
                "to": [tuple(d for i, d in enumerate((3, 4, 5)) if i != axis % 3)] * (3, 4, 5)[axis],
                "options": {"axis": axis, "num": (3, 4, 5)[axis]},
                "x": x,
            }
            for axis in (0, 1, -1)
            for x in (I8, U8, "float32", "int32", "bool")
        ),
        {
            "name": "UNPACK",
            "shape": (3,),
            "to": [(), (), ()],
            "options": {"axis": 0, "num": 3},
            "x": "float32",
        },
    ),
    *make(
        "Concat",
        pack,
        *({"axis": axis, "x": x} for axis in (0, 1, -1) for x in (I8, U8, "float32", "int32", "int64")),
        *({"axis": axis, "shape": (2, 5, 3), "produced": True} for axis in (0, 2, -1)),
        {"axis": 0, "shape": (), "x": "float32"},
        {"axis": 0, "shape": (5,), "count": 1},
        {"axis": -4, "x": I16},
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
        *({"axis": -1, "qs": (x,)} for x in ("float32", "int32", "int64", "bool", I16)),
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
        *({"begin": (0, 2, 1, 0), "size": (2, 3, -1, 8), "x": x} for x in (*KINDS[2:], I16)),
        {"begin": (0, 1, 2, 0, 1), "size": (2, 1, 2, 3, 1), "shape": (2, 2, 4, 3, 2), "x": "float32"},
    ),
    *make(
        "Slice",
        strided_slice,
        *(
            {"begin": (0, 1, -6, 0), "end": (2, -1, 6, 8), "strides": (1, 2, 2, 3), "x": x}
            for x in (*KINDS, I16)
        ),
        {"begin": (5, 9), "end": (-9, 3), "strides": (-1, -2), "shape": (6, 17)},
        {
            "begin": (0, 9),
            "end": (0, 3),
            "strides": (-2, -3),
            "shape": (6, 17),
            "begin_mask": 3,
            "end_mask": 3,
        },
        {"begin": (-99, 2), "end": (99, 99), "strides": (1, 5), "shape": (6, 17), "x": "float32"},
        {"begin": (1, 2), "end": (3, 4), "strides": (1, 1), "shape": (6, 17), "offset": True},
        {"begin": (0, 0, 0, 2), "end": (0, 0, 0, 4), "strides": (1,) * 4, "begin_mask": 7, "end_mask": 7},
        {"begin": (1, 0, 1, 0, 0), "end": (2, 2, 3, 3, 1), "strides": (1,) * 5, "shape": (2, 2, 4, 3, 2)},
    ),
    *make(
        "Reshape",
        strided_slice,
        *(
            {
                "begin": (1, 2, 0, -3),
                "end": (0, 5, 0, 0),
                "strides": (1,) * 4,
                "shrink_axis_mask": 9,
                "end_mask": 4,
                "x": x,
            }
            for x in (I8, U8, "float32", "int64")
        ),
        {"begin": (-1,), "end": (0,), "strides": (1,), "shape": (5,), "shrink_axis_mask": 1, "x": "int32"},
        {"begin": (0, 0, 1), "end": (2, 0, 5), "strides": (1, 1, 2), "new_axis_mask": 2, "shape": (2, 6)},
        {
            "begin": (0, 0, 1),
            "end": (0, 0, 0),
            "strides": (1, 1, 1),
            "ellipsis_mask": 2,
            "shrink_axis_mask": 4,
            "begin_mask": 1,
            "end_mask": 1,
        },
    ),
    *make(
        "Slice",
        moved,
        *(
            {"name": "REVERSE_V2", "shape": (2, 3, 4), "to": (2, 3, 4), "constants": (axes,), "x": x}
            for axes, x in (((1,), I8), ((-1,), U8), ((0,), "float32"), ((2,), "int64"), ((1,), "bool"))
        ),
        *(
            {
                "name": "BATCH_TO_SPACE_ND",
                "shape": (8, 2, 3, 5),
                "to": (2, 4 - 1, 6 - 2, 5),
                "constants": ((2, 2), ((1, 0), (0, 2))),
                "x": x,
            }
            for x in (I8, U8, "float32", "int32", "int64")
        ),
        {
            "name": "BATCH_TO_SPACE_ND",
            "shape": (6, 3, 5),
            "to": (2, 8, 5),
            "constants": ((3,), ((0, 1),)),
            "x": "float32",
        },
    ),
    *make(
        "Transpose",
        transpose,
        *({"perm": p} for p in ((0, 3, 1, 2), (0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 2, 3))),
        {"perm": (1, 0), "shape": (9, 17), "x": U8},
        {"perm": (2, 0, 1), "shape": (4, 5, 6)},
        *({"perm": (0, 3, 1, 2), "x": x} for x in ("float32", "int32", "int64", "bool", I16)),
        *({"perm": (1, 0), "shape": (37, 21), "x": x} for x in ("float32", "int64", I16)),
        {"perm": (4, 2, 0, 1, 3), "shape": (2, 3, 4, 2, 3), "x": "float32"},
        {"perm": (5, 0, 3, 1, 2, 4), "shape": (2, 3, 4, 2, 3, 2)},
        {"perm": (0,), "shape": (9,), "x": "int32"},
    ),
    *make(
        "Transpose",
        moved,
        *(
            {
                "name": "SPACE_TO_DEPTH",
                "shape": (2, 4, 6, 3),
                "to": (2, 2, 3, 12),
                "options": {"block_size": 2},
                "x": x,
            }
            for x in (I8, U8, "float32", "int32", "int64")
        ),
        *(
            {
                "version": 1,
                "name": "DEPTH_TO_SPACE",
                "shape": (2, 2, 3, 18),
                "to": (2, 6, 9, 2),
                "options": {"block_size": 3},
                "x": x,
            }
            for x in (I8, U8, "float32", "int32", "int64")
        ),
        *(
            {
                "name": "SPACE_TO_BATCH_ND",
                "shape": (2, 3, 5, 3),
                "to": (12, 2, 2, 3),
                "constants": ((2, 3), ((1, 0), (0, 1))),
                "x": x,
            }
            for x in (I8, U8, "float32", "int32", "int64")
        ),
        {
            "name": "SPACE_TO_BATCH_ND",
            "shape": (2, 4, 3),
            "to": (4, 3, 3),
            "constants": ((2,), ((0, 2),)),
        },
    ),
    *make(
        "MatrixDiag",
        moved,
        *(
            {"name": "MATRIX_DIAG", "shape": (2, 4), "to": (2, 4, 4), "x": x}
            for x in ("float32", "int32", I8)
        ),
    ),
    *make(
        "MatrixSetDiag",
        matrix_set_diag,
        *({"shape": s, "x": x} for s in ((2, 3, 4), (5, 3)) for x in ("float32", "int64", U8)),
    ),
    *make(
        "BroadcastArgs", broadcast_args, {"a": (2, 1, 4), "b": (3, 1)}, {"a": (), "b": (5, 2), "out": "int64"}
    ),
    *make(
        "Cumsum",
        cumsum,
        {"axis": 1},
        {"axis": -1, "exclusive": True},
        {"axis": 0, "reverse": True},
        {"axis": 2, "exclusive": True, "reverse": True},
        {"axis": 1, "x": "int64", "exclusive": True},
        {"axis": 1, "x": "float32"},
        {"axis": 0, "x": "float32", "exclusive": True, "reverse": True},
    ),
]
