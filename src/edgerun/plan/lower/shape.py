"""Data movement: an alias where the layout allows it, else the verb copy."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.shape import Concat, Pad, Reshape, Slice, Transpose
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Quantum


@lowers(Reshape)
def _reshape(lo: Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if not lo.layout.alias(y, x):
        lo.copy(x, lo.reshaped(y, lo.shape(x)), lo.shape(x))


@lowers(Concat)
def _concat(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Concat)
    y = lo.tensor(node.outputs[0])
    at = 0
    for value in node.inputs:
        x = lo.tensor(value)
        start = tuple(at if i == op.axis else 0 for i in range(len(lo.shape(y))))
        if not lo.layout.inside(x, y, start):
            lo.copy(x, y, lo.shape(x), target_start=start)
        at += lo.shape(x)[op.axis]


@lowers(Slice)
def _slice(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Slice)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if set(op.steps) != {1} or not lo.layout.part(y, x, op.starts):
        lo.copy(x, y, op.sizes, source_start=op.starts, source_steps=op.steps)


@lowers(Transpose)
def _transpose(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Transpose)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    lo.copy(x, y, lo.shape(y), source_dims=op.perm)


@lowers(Pad)
def _pad(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Pad)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    fill: Quantum | int = Quantum(op.fill, y) if node.types()[0].is_8bit else op.fill
    lo.copy(x, y, lo.shape(x), target_start=op.before, fill=fill)
