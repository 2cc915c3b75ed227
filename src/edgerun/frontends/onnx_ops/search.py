"""What looks for values: the largest ones, those that are not 0, the distinct ones, the best boxes."""

from __future__ import annotations

import numpy as np

from edgerun.frontends.onnx_ops.task import Import, Importer, axis_of
from edgerun.ir.gather import OneHot
from edgerun.ir.graph import Value
from edgerun.ir.reduction import ArgMax
from edgerun.ir.search import Distinct, Head, TopK, Where
from edgerun.ir.shape import Reshape
from edgerun.ir.suppression import SuppressOverlaps
from edgerun.ir.types import INT64, Element


def _top_k(task: Import) -> list[Value]:
    """What is not to be sorted is sorted all the same: any order is right then."""
    x, rank = task.value(0), len(task.type(0).shape)
    (k,) = task.moved_integers(1, "k") or (0,)
    axis = axis_of(int(task.get("axis", -1)), rank)
    # The axis changes places with the last one, and back.
    perm = list(range(rank))
    perm[axis], perm[-1] = perm[-1], perm[axis]
    op = TopK(k, INT64, smallest=not task.get("largest", 1))
    results = task.emit_all(op, task.transpose(x, tuple(perm)))
    return [task.transpose(y, tuple(perm)) for y in results][: len(task.outputs)]


def _non_zero(task: Import) -> Value:
    return task.transpose(task.emit(Where(), task.value(0)), (1, 0))


def _unique(task: Import) -> list[Value]:
    axis = task.get("axis", None)
    if axis is not None:
        axis = axis_of(int(axis), len(task.type(0).shape))
    results = task.emit_all(Distinct(axis, bool(task.get("sorted", 1))), task.value(0))
    return results[: len(task.outputs)]


def _hardmax(task: Import) -> Value:
    """1 at the first of the largest elements, 0 elsewhere; before opset 13 over all dimensions from the
    axis on."""
    x, shape = task.value(0), task.type(0).shape
    axis = axis_of(int(task.get("axis", 1 if task.opset < 13 else -1)), len(shape))
    if task.opset < 13:
        rows = int(np.prod(shape[:axis], dtype=np.int64))
        x, axis = task.emit(Reshape((rows, x.type.size // rows)), x), 1
    place = task.emit(ArgMax(Element(INT64), axis), x)
    on, off = (task.const(n, x.type.dtype) for n in (1, 0))
    y = task.emit(OneHot(axis, x.type.shape[axis]), place, on, off)
    return y if y.type.shape == shape else task.emit(Reshape(shape), y)


def _non_max_suppression(task: Import) -> Value:
    n = task.type(0).shape[1]
    most = task.integers(2, "number of boxes")[0] if task.has(2) else 0
    iou = float(task.constant(3, "IoU threshold").reshape(-1)[0]) if task.has(3) else 0.0
    least = float(task.constant(4, "score threshold").reshape(-1)[0]) if task.has(4) else -np.inf
    op = SuppressOverlaps(min(max(most, 0), n), iou, least, bool(task.get("center_point_box", 0)))
    selected, count = task.emit_all(op, task.value(0), task.value(1))
    return task.emit(Head(), selected, count)


IMPORTERS: dict[str, Importer] = {
    "Hardmax": _hardmax,
    "NonMaxSuppression": _non_max_suppression,
    "NonZero": _non_zero,
    "TopK": _top_k,
    "Unique": _unique,
}
