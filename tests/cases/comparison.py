"""Comparisons, logic, and the choice between two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import I8, U8, Case, Net, Q, Shape, make
from cases.elementwise import plain_binary, unary

_SHAPES: list[dict[str, Any]] = [
    {"a_shape": (3, 17)},
    {"b_shape": (1,)},
    {"a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 9)},
    {"b_shape": (16,), "constant": True},
]


def comparison(name: str, a: Q = I8, b: Q = I8, shape: Shape = (1, 4, 5, 16)) -> bytes:
    """Of quantised tensors."""
    net = Net()
    inputs = [net.q("a", shape, a), net.q("b", shape, b)]
    y = net.tensor("y", shape, "bool")
    net.operator(name, inputs, [y])
    return net.finish(inputs, [y])


def equality(name: str, dtype: str, a_shape: Shape = (3, 17), b_shape: Shape | None = None) -> bytes:
    """Of a with min(a, b), so that both answers are likely."""
    net = Net()
    b_shape = b_shape or a_shape
    inputs = [net.tensor("a", a_shape, dtype), net.tensor("b", b_shape, dtype)]
    shape = np.broadcast_shapes(a_shape, b_shape)
    least = net.tensor("least", shape, dtype)
    net.operator("MINIMUM", inputs, [least])
    y = net.tensor("y", shape, "bool")
    net.operator(name, [inputs[0], least], [y])
    return net.finish(inputs, [y])


def select(
    name: str,
    kind: Q | str = "float32",
    condition: Shape = (2, 3, 4, 5),
    a: Shape = (2, 3, 4, 5),
    b: Shape = (2, 3, 4, 5),
) -> bytes:
    """SELECT or SELECT_V2; the condition is another operator's result."""
    net = Net()
    inputs = [net.tensor("x", condition, "int32"), net.q("a", a, kind), net.q("b", b, kind)]
    chosen = net.tensor("condition", condition, "bool")
    zero = net.tensor("zero", (), "int32", data=np.zeros((), np.int32))
    net.operator("GREATER", [inputs[0], zero], [chosen])
    shape = a if name == "SELECT" else np.broadcast_shapes(condition, a, b)
    y = net.q("y", shape, kind)
    net.operator(name, [chosen, *inputs[1:]], [y])
    return net.finish(inputs, [y])


def _comparisons(name: str) -> list[dict[str, Any]]:
    dtypes = ("float32", "int32", "int64")
    return [{"name": name, "dtype": d, "out": "bool", **v} for d in dtypes for v in _SHAPES]


def _equalities(name: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "dtype": d, **v} for d in ("float32", "int32", "int64") for v in ({}, *_SHAPES[1:3])
    ]


_EQUAL = {"Equal": "EQUAL", "NotEqual": "NOT_EQUAL"}
_NAMES = {
    "Less": "LESS",
    "LessEqual": "LESS_EQUAL",
    "Greater": "GREATER",
    "GreaterEqual": "GREATER_EQUAL",
}
_QUANTA: list[dict[str, Any]] = [{}, {"a": U8, "b": U8}, {"b": Q(0.1, -20)}]

CASES: list[Case] = [
    *(c for operator, name in _EQUAL.items() for c in make(operator, equality, *_equalities(name))),
    *(
        c
        for operator, name in _EQUAL.items()
        for c in make(operator, plain_binary, {"name": name, "dtype": "bool", "out": "bool"})
    ),
    *(c for operator, name in _NAMES.items() for c in make(operator, plain_binary, *_comparisons(name))),
    *(
        c
        for operator, name in (_EQUAL | _NAMES).items()
        for c in make(operator, comparison, *({"name": name, **v} for v in _QUANTA))
    ),
    *make(
        "LogicalAnd",
        plain_binary,
        *({"name": "LOGICAL_AND", "dtype": "bool", **v} for v in (_SHAPES[0], _SHAPES[2])),
    ),
    *make(
        "LogicalOr",
        plain_binary,
        *({"name": "LOGICAL_OR", "dtype": "bool", **v} for v in (_SHAPES[0], _SHAPES[2])),
    ),
    *make("LogicalNot", unary, {"name": "LOGICAL_NOT", "x": "bool", "shape": (3, 41)}),
    *make(
        "Select",
        select,
        *(
            {"name": n, "kind": k}
            for n in ("SELECT", "SELECT_V2")
            for k in ("float32", "int32", "int64", I8, U8)
        ),
        {"name": "SELECT", "condition": (2,)},
        {"name": "SELECT_V2", "condition": (4, 1)},
        {"name": "SELECT_V2", "b": (1,)},
        {"name": "SELECT_V2", "a": (3, 1, 1), "b": (5,)},
    ),
]
