"""Movement by computed indices: the verb gather."""

from __future__ import annotations

import math

from edgerun.ir.gather import Gather, GatherNd
from edgerun.ir.graph import Node
from edgerun.ir.types import Shape
from edgerun.plan.lower.lowering import Lowering, lowers


@lowers(Gather)
def _gather(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Gather)
    shape, b = node.types()[0].shape, op.batch_dims
    batches, outer = math.prod(shape[:b]), math.prod(shape[b : op.axis])
    _rows(lo, node, batches, outer, (shape[op.axis],), math.prod(shape[op.axis + 1 :]))


@lowers(GatherNd)
def _gather_nd(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, GatherNd)
    shape, indices = (kind.shape for kind in node.types())
    b, end = op.batch_dims, op.batch_dims + indices[-1]
    _rows(lo, node, math.prod(shape[:b]), 1, shape[b:end], math.prod(shape[end:]))


def _rows(lo: Lowering, node: Node, batches: int, outer: int, dims: Shape, channels: int) -> None:
    x, indices = map(lo.tensor, node.inputs)
    y = lo.tensor(node.outputs[0])
    if not node.outputs[0].type.size:
        return
    x = lo.reshaped(x, (batches * outer * math.prod(dims), channels))
    indices = lo.reshaped(indices, (math.prod(lo.shape(indices)) // len(dims), len(dims)))
    y = lo.reshaped(y, (math.prod(lo.shape(y)) // channels, channels))
    lo.step("gather", (x, indices), (y,), {"batches": batches, "outer": outer, "dims": dims})
