"""Operators that work element by element: the verbs binary, table and softmax."""

from __future__ import annotations

import numpy as np

from edgerun.ir.elementwise import Add, Mul, Softmax, Sub, Table, Unary
from edgerun.ir.graph import Node
from edgerun.ir.op import NO_CLAMP, output_multiplier, quantization_of
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers
from edgerun.plan.plan import Attribute, ByteTable, Quantum


@lowers(Add, Sub, Mul)
def _binary(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Add | Sub | Mul)
    a, b = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1])
    y = lo.tensor(node.outputs[0])
    qa, qb = (quantization_of(t) for t in node.types())
    attributes: dict[str, Attribute] = {
        "kind": op.name.lower(),
        "a_zero_point": Quantum(qa.zero, a),
        "b_zero_point": Quantum(qb.zero, b),
    }
    if isinstance(op, Mul):
        attributes["a_multiplier"] = float(output_multiplier(qa, qb, quantization_of(op.out))[0])
    else:
        ma, mb = op.multipliers(qa, qb)
        attributes |= {"a_multiplier": float(ma), "b_multiplier": float(mb)}
    lo.step("binary", (a, b), (y,), {**attributes, **clamp_attributes(op.out, op.clamp, y)})


@lowers(Unary, Table)
def _table(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Unary | Table)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    entries = op.table(node.types()[0].element).view(np.uint8)
    lo.step("table", (x,), (y,), {"table": ByteTable(entries, x, y)})


@lowers(Softmax)
def _softmax(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Softmax)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {
        "table": op.table(quantization_of(node.types()[0])),
        "out_inverse_scale": 1.0 / quantization_of(op.out).step,
        **clamp_attributes(op.out, NO_CLAMP, y),
    }
    lo.step("softmax", (x,), (y,), attributes)
