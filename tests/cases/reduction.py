"""Reductions over chosen dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cases.base import I8, U8, Case, Net, Q, Shape, make


def reduce(
    name: str,
    axes: Sequence[int],
    keep_dims: bool = False,
    shape: Shape = (2, 5, 7, 16),
    x: Q | str = I8,
    out: Q | None = None,
) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("axes", axes)]
    gone = {a % len(shape) for a in axes}
    y_shape = [1 if i in gone else d for i, d in enumerate(shape) if keep_dims or i not in gone]
    y = net.q("y", y_shape, out or x)
    net.operator(name, inputs, [y], {"keep_dims": keep_dims})
    return net.finish(inputs[:1], [y])


def arg(
    name: str, axis: int, x: Q | str = "float32", shape: Shape = (2, 3, 7, 16), out: str = "int64"
) -> bytes:
    net = Net()
    index = net.tensor("axis", (1,), "int32", data=np.array([axis], np.int32))
    inputs = [net.q("x", shape, x), index]
    rank = len(shape)
    y = net.tensor("y", [d for i, d in enumerate(shape) if i != axis % rank], out)
    net.operator(name, inputs, [y], {"output_type": out})
    return net.finish(inputs[:1], [y])


_AXES = ((0,), (1,), (2,), (-1,), (1, 2), (0, 3), (1, 3), (0, 1, 2, 3))


def _over_all(name: str, x: Q | str) -> list[dict[str, Any]]:
    return [{"name": name, "axes": a, "x": x} for a in _AXES]


def _floats(name: str) -> list[dict[str, Any]]:
    return [
        *_over_all(name, "float32"),
        *({"name": name, "x": "float32", "axes": (1,), "shape": (3, n)} for n in (1, 15, 16, 17, 1000)),
        *({"name": name, "x": "float32", "axes": (1,), "shape": (2, 40, n)} for n in (1, 9, 35, 70)),
        {"name": name, "x": "float32", "axes": (1, 2), "keep_dims": True},
    ]


def _integers(name: str, *dtypes: str) -> list[dict[str, Any]]:
    return [{"name": name, "x": d, "axes": a} for d in dtypes for a in ((1,), (-1,), (1, 3))]


def _bools(name: str) -> list[dict[str, Any]]:
    """Of few elements each, so that both answers are likely."""
    return [
        {"name": name, "x": "bool", "axes": (1,)},
        {"name": name, "x": "bool", "axes": (-1,), "shape": (5, 6, 3)},
        {"name": name, "x": "bool", "axes": (1, 3), "shape": (9, 2, 9, 2), "keep_dims": True},
    ]


CASES: list[Case] = [
    *make(
        "Mean",
        reduce,
        *(
            {"name": "MEAN", "axes": (1, 2), "keep_dims": k, "out": q}
            for k in (False, True)
            for q in (None, Q(0.03, -9))
        ),
        *(
            {"name": "MEAN", "axes": a}
            for a in ((0,), (1,), (2,), (3,), (-1,), (0, 3), (1, 3), (2, 3), (0, 1, 2, 3))
        ),
        {"name": "MEAN", "axes": (0, 2), "keep_dims": True, "out": Q(0.04, 20)},
        {"name": "MEAN", "axes": (1, 2), "x": U8, "shape": (1, 7, 7, 33)},
        {"name": "MEAN", "axes": (1,), "shape": (3, 9, 5)},
        *_floats("MEAN"),
        *_integers("MEAN", "int32", "int64"),
    ),
    *make(
        "Sum",
        reduce,
        *_floats("SUM"),
        *_integers("SUM", "int32", "int64"),
        {"name": "SUM", "axes": (1, 2), "x": U8, "out": Q(0.4, 100, "uint8")},
    ),
    # LiteRT reads int8 as uint8 when it requantises a sum.
    *make("Sum", reduce, *({"name": "SUM", "axes": a, "out": Q(0.4, 5)} for a in _AXES), litert=False),
    *make("ReduceProd", reduce, *_floats("REDUCE_PROD"), *_integers("REDUCE_PROD", "int32", "int64")[::3]),
    *(
        case
        for operator, name in (("ReduceMax", "REDUCE_MAX"), ("ReduceMin", "REDUCE_MIN"))
        for case in make(
            operator,
            reduce,
            *_floats(name),
            *_integers(name, "int32", "int64"),
            *_over_all(name, I8),
            {"name": name, "axes": (1,), "x": U8},
        )
    ),
    *make("ReduceAny", reduce, *_bools("REDUCE_ANY")),
    *make("ReduceAll", reduce, *_bools("REDUCE_ALL")),
    *(
        case
        for operator, name in (("ArgMax", "ARG_MAX"), ("ArgMin", "ARG_MIN"))
        for case in make(
            operator,
            arg,
            *({"name": name, "axis": a, "x": x} for a in (0, 1, -1) for x in ("float32", I8, U8, "int32")),
            {"name": name, "axis": -1, "out": "int32"},
        )
    ),
]
