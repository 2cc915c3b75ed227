"""Data movement: an alias where the layout allows it, else the verb copy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from edgerun.ir.graph import Node
from edgerun.ir.quantize import Quanta
from edgerun.ir.shape import (
    Broadcast,
    Concat,
    MirrorPad,
    Pad,
    Reshape,
    Slice,
    Split,
    Tile,
    Transpose,
    Unpack,
)
from edgerun.ir.types import Shape, TensorType
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Quantum


@lowers(Reshape, Quanta)
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
    fill = Quantum(int(op.fill), y) if node.types()[0].is_8bit else _bits(op.fill, node.types()[0])
    lo.copy(x, y, lo.shape(x), target_start=op.before, fill=fill)


def _bits(value: int | float, kind: TensorType) -> int:
    """The bits of an element, as an integer."""
    return int(np.array(value, kind.dtype).view(f"i{kind.dtype.itemsize}"))


@lowers(MirrorPad)
def _mirror_pad(lo: Lowering, node: Node) -> None:
    """Along each dimension the mirrored part before, the tensor, and the mirrored part after."""
    op = node.op
    assert isinstance(op, MirrorPad)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    edge = 0 if op.symmetric else 1
    runs = []  # (first entry, entries, step, place in y) per dimension
    for d, before, after in zip(lo.shape(x), op.before, op.after, strict=True):
        parts = (
            (edge + before - 1, before, -1, 0),
            (0, d, 1, before),
            (d - 1 - edge, after, -1, before + d),
        )
        runs.append([part for part in parts if part[1]])
    for box in product(*runs):
        starts, sizes, steps, places = zip(*box, strict=True)
        lo.copy(x, y, sizes, source_start=starts, source_steps=steps, target_start=places)


@lowers(Tile)
def _tile(lo: Lowering, node: Node) -> None:
    """One dimension after the other, the last one first: what lies behind it is one run by then."""
    op = node.op
    assert isinstance(op, Tile)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    shape = lo.shape(x)
    axes = [i for i, m in enumerate(op.multiples) if m != 1]
    if not axes:
        lo.copy(x, y, shape)
    for axis in reversed(axes):
        times = op.multiples[axis]
        outer, run = math.prod(shape[:axis]), math.prod(shape[axis:])
        shape = (*shape[:axis], times * shape[axis], *shape[axis + 1 :])
        target = y if axis == axes[0] else lo.temporary(y, shape)
        box = (outer, times, run)
        lo.copy(
            lo.reshaped(x, (outer, 1, run)), lo.reshaped(target, box), box, source_steps=(1, 0, 1)
        )
        x = target


@lowers(Broadcast)
def _broadcast(lo: Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    shape = lo.shape(y)
    x = lo.reshaped(x, (1,) * (len(shape) - len(lo.shape(x))) + lo.shape(x))
    steps = tuple(int(d != 1) for d in lo.shape(x))
    lo.copy(x, y, shape, source_steps=steps)


@lowers(Split)
def _split(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Split)
    at = 0
    for value, size in zip(node.outputs, op.sizes, strict=True):
        _take(lo, node, lo.tensor(value), op.axis, at, size)
        at += size


@lowers(Unpack)
def _unpack(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Unpack)
    for at, value in enumerate(node.outputs):
        _take(lo, node, lo.tensor(value), op.axis, at, 1)


def _take(lo: Lowering, node: Node, y: int, axis: int, at: int, size: int) -> None:
    """Makes y, which may lack the axis, the `size` entries from `at` on along `axis` of the node's input."""
    x = lo.tensor(node.inputs[0])
    shape = lo.shape(x)
    starts: Shape = tuple(at if i == axis else 0 for i in range(len(shape)))
    box = (*shape[:axis], size, *shape[axis + 1 :])
    if lo.shape(y) == box and lo.layout.part(y, x, starts):
        return
    if lo.shape(y) != box:
        part = lo.temporary(x, box)
        if lo.layout.part(part, x, starts) and lo.layout.alias(y, part):
            return
    lo.copy(x, lo.reshaped(y, box), box, source_start=starts)
