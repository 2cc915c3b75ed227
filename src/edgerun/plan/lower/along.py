"""What goes along one axis or to computed places: the verbs gather_elements, scatter_elements, scatter and
cumulative."""

from __future__ import annotations

import math

from edgerun.ir.along import GatherElements, ScatterElements
from edgerun.ir.graph import Node
from edgerun.ir.scatter import UpdateNd
from edgerun.ir.shape import Cumprod, Cumsum
from edgerun.ir.types import FLOAT32, INT32, INT64, Shape
from edgerun.plan.lower.lowering import Lowering, lowers

_INDICES = (INT32, INT64)


@lowers(GatherElements)
def _gather_elements(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, GatherElements)
    kind, wanted = node.types()
    if wanted.dtype not in _INDICES:
        lo.host(node)  # rare
        return
    x, indices = map(lo.tensor, node.inputs)
    part = tuple(
        d if i == op.axis else n for i, (d, n) in enumerate(zip(kind.shape, wanted.shape, strict=True))
    )
    if part != kind.shape:
        # Where the indices cover less than x, only that is read.
        whole, x = x, lo.temporary(x, part)
        lo.copy(whole, x, part)
    y = lo.tensor(node.outputs[0])
    moved = (lo.reshaped(i, _around(lo.shape(i), op.axis)) for i in (x, indices, y))
    x, indices, y = moved
    lo.step("gather_elements", (x, indices), (y,), {})


@lowers(ScatterElements)
def _scatter_elements(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, ScatterElements)
    kind, wanted, _ = node.types()
    covers = all(
        d == n for i, (d, n) in enumerate(zip(kind.shape, wanted.shape, strict=True)) if i != op.axis
    )
    if op.update != "none" or wanted.dtype not in _INDICES or not covers:
        lo.host(node)  # rare
        return
    tensors = [lo.tensor(v) for v in (*node.inputs, *node.outputs)]
    x, indices, updates, y = (lo.reshaped(i, _around(lo.shape(i), op.axis)) for i in tensors)
    lo.step("scatter_elements", (x, indices, updates), (y,), {})


@lowers(UpdateNd)
def _update_nd(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, UpdateNd)
    kind, wanted, _ = node.types()
    if op.update != "none" or wanted.dtype not in _INDICES:
        lo.host(node)  # rare
        return
    depth = wanted.shape[-1]
    dims, channels = kind.shape[:depth], math.prod(kind.shape[depth:])
    count = math.prod(wanted.shape[:-1])
    shapes = ((math.prod(dims), channels), (count, depth), (count, channels), (math.prod(dims), channels))
    tensors = [lo.tensor(v) for v in (*node.inputs, *node.outputs)]
    x, indices, updates, y = map(lo.reshaped, tensors, shapes)
    lo.step("scatter", (x, indices, updates), (y,), {"dims": dims})


@lowers(Cumsum, Cumprod)
def _cumulative(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Cumsum | Cumprod)
    kind = node.types()[0]
    if kind.dtype not in (INT32, INT64, FLOAT32) or kind.quantization is not None:
        lo.host(node)  # rare
        return
    shape = _around(kind.shape, op.axis)
    x, y = (lo.reshaped(lo.tensor(v), shape) for v in (*node.inputs, *node.outputs))
    name = "sum" if isinstance(op, Cumsum) else "product"
    lo.step(
        "cumulative",
        (x,),
        (y,),
        {"kind": name, "exclusive": int(op.exclusive), "reverse": int(op.reverse)},
    )


def _around(shape: Shape, axis: int) -> Shape:
    """What lies before, along and behind an axis."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
