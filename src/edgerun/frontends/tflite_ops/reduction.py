"""Reductions over chosen dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer, axes
from edgerun.ir.op import Op, expect
from edgerun.ir.reduction import (
    ArgMax,
    ArgMin,
    Mean,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Reduction,
    Sum,
)


def _reduction(op: type[Reduction]) -> Callable[[Import], Op]:
    def reduction(task: Import) -> Op:
        rank = len(task.type(0).shape)
        over = axes(task.integers("axes"), rank)
        if op in (ReduceMax, ReduceMin):
            task.requantize_inputs()
        return op(task.out, over, bool(task.options["keep_dims"]))

    return reduction


def _arg(op: type[ArgMax] | type[ArgMin]) -> Callable[[Import], Op]:
    def arg(task: Import) -> Op:
        chosen = axes(task.integers("axis"), len(task.type(0).shape))
        expect(len(chosen) == 1, f"{op.__name__} needs one axis, got {chosen}.")
        return op(task.out, chosen[0])

    return arg


IMPORTERS: Mapping[str, Importer] = {
    "ARG_MAX": _arg(ArgMax),
    "ARG_MIN": _arg(ArgMin),
    "MEAN": _reduction(Mean),
    "REDUCE_ALL": _reduction(ReduceAll),
    "REDUCE_ANY": _reduction(ReduceAny),
    "REDUCE_MAX": _reduction(ReduceMax),
    "REDUCE_MIN": _reduction(ReduceMin),
    "REDUCE_PROD": _reduction(ReduceProd),
    "SUM": _reduction(Sum),
}
