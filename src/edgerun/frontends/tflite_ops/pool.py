"""Pooling."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer, padding_of
from edgerun.ir.op import Op
from edgerun.ir.pool import AveragePool2d, L2Pool2d, MaxPool2d


def _pool(op: type[MaxPool2d] | type[AveragePool2d] | type[L2Pool2d]) -> Callable[[Import], Op]:
    def pool_2d(task: Import) -> Op:
        kernel = task.options["filter_height"], task.options["filter_width"]
        strides = task.options["stride_h"], task.options["stride_w"]
        if op is MaxPool2d:
            task.requantize_inputs()
        return op(task.out, kernel, strides, padding_of(task, kernel, strides), task.clamp)

    return pool_2d


IMPORTERS: Mapping[str, Importer] = {
    "AVERAGE_POOL_2D": _pool(AveragePool2d),
    "L2_POOL_2D": _pool(L2Pool2d),
    "MAX_POOL_2D": _pool(MaxPool2d),
}
