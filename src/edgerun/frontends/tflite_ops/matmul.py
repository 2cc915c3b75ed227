"""Products of stacks of matrices."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import Op
from edgerun.ir.sums import is_hybrid


def batch_matmul(task: Import) -> Op:
    asymmetric = is_hybrid(task.type(0), task.type(1)) and bool(task.options["asymmetric_quantize_inputs"])
    adjoint = bool(task.options["adj_x"]), bool(task.options["adj_y"])
    return BatchMatMul(task.out, *adjoint, asymmetric=asymmetric)


IMPORTERS: Mapping[str, Importer] = {
    "BATCH_MATMUL": batch_matmul,
}
