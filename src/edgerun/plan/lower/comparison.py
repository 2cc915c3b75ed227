"""Comparisons, logic, and the choice between two tensors: the verbs compare, binary_int and select."""

from __future__ import annotations

import numpy as np

from edgerun.ir.comparison import Comparison, LogicalAnd, LogicalNot, LogicalOr, Select
from edgerun.ir.graph import Node
from edgerun.ir.op import quantization_of
from edgerun.ir.types import BOOL, FLOAT64, INT32, INT64, TensorType
from edgerun.plan.lower.lowering import Lowering, lowers, snake_case
from edgerun.plan.plan import Attribute, Quantum


@lowers(Comparison)
def _comparison(lo: Lowering, node: Node) -> None:
    a, b, y = (lo.tensor(v) for v in (*node.inputs, *node.outputs))
    attributes: dict[str, Attribute] = {"kind": snake_case(node.op.name)}
    kind = node.types()[0]
    if kind.is_int16 or kind.dtype == FLOAT64 or (kind.is_plain_integer and kind.dtype not in (INT32, INT64)):
        lo.host(node)  # rare
        return
    if kind.is_8bit:
        for name, tensor, kind in zip("ab", (a, b), node.types(), strict=True):
            q = quantization_of(kind)
            attributes |= {f"{name}_zero_point": Quantum(q.zero, tensor), f"{name}_scale": q.step}
    lo.step("compare", (a, b), (y,), attributes)


@lowers(LogicalAnd, LogicalOr)
def _logical(lo: Lowering, node: Node) -> None:
    a, b, y = (lo.tensor(v) for v in (*node.inputs, *node.outputs))
    kind = "minimum" if isinstance(node.op, LogicalAnd) else "maximum"
    lo.step("binary_int", (a, b), (y,), {"kind": kind, "out_min": 0, "out_max": 1})


@lowers(LogicalNot)
def _logical_not(lo: Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    no = lo.layout.new("LogicalNot/false", TensorType((), BOOL), data=np.zeros((), np.bool_))
    lo.step("compare", (x, no), (y,), {"kind": "equal"})


@lowers(Select)
def _select(lo: Lowering, node: Node) -> None:
    condition, a, b, y = (lo.tensor(v) for v in (*node.inputs, *node.outputs))
    lo.step("select", (condition, a, b), (y,), {})
