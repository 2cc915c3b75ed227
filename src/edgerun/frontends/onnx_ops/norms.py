"""Norms of order p, and normalisation across channels."""

from __future__ import annotations

import numpy as np

from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axis_of, refuse
from edgerun.ir.arithmetic import Div, Maximum, Pow
from edgerun.ir.elementwise import Mul
from edgerun.ir.functions import Abs, Sqrt
from edgerun.ir.graph import Value
from edgerun.ir.normalize import LocalResponseNormalization
from edgerun.ir.reduction import Sum


def _norm(task: Import, x: Value, axes: tuple[int, ...], p: int) -> Value:
    """(the sum of |x|^p)^(1/p) over the axes, which stay as dimensions of 1."""
    if p < 1:
        raise refuse(f"its p is {p}")
    if p == 1:
        return task.emit(Sum(FLOAT, axes, True), task.emit(Abs(FLOAT), x))
    if p == 2:
        return task.emit(Sqrt(FLOAT), task.emit(Sum(FLOAT, axes, True), task.emit(Mul(FLOAT), x, x)))
    power = task.emit(Pow(FLOAT), task.emit(Abs(FLOAT), x), task.const(np.float32(p)))
    return task.emit(Pow(FLOAT), task.emit(Sum(FLOAT, axes, True), power), task.const(np.float32(1 / p)))


def _global_lp_pool(task: Import) -> Value:
    return _norm(task, task.value(0), tuple(range(2, len(task.type(0).shape))), int(task.get("p", 2)))


def _lp_normalization(task: Import) -> Value:
    x = task.value(0)
    axis = axis_of(int(task.get("axis", -1)), len(x.type.shape))
    length = _norm(task, x, (axis,), int(task.get("p", 2)))
    # Of nothing but zeros, zeros.
    least = task.const(np.finfo(np.float32).tiny)
    return task.emit(Div(FLOAT), x, task.emit(Maximum(FLOAT), length, least))


def _lrn(task: Import) -> Value:
    x, size = task.value(0), int(task.get("size", 1))
    rank = len(x.type.shape)
    if size < 1 or rank < 2:
        raise refuse(f"it is over {size} channels of {x.type}")
    before = (size - 1) // 2
    op = LocalResponseNormalization(
        before,
        size - before,
        float(task.get("bias", 1.0)),
        float(task.get("alpha", 1e-4)) / size,
        float(task.get("beta", 0.75)),
    )
    last = task.transpose(x, (0, *range(2, rank), 1))
    return task.transpose(task.emit(op, last), (0, rank - 1, *range(1, rank - 1)))


IMPORTERS: dict[str, Importer] = {
    "GlobalLpPool": _global_lp_pool,
    "LRN": _lrn,
    "LpNormalization": _lp_normalization,
}
