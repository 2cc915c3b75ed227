"""Products of stacks of matrices."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import Op


def batch_matmul(task: Import) -> Op:
    return BatchMatMul(task.out, bool(task.options["adj_x"]), bool(task.options["adj_y"]))


IMPORTERS: Mapping[str, Importer] = {
    "BATCH_MATMUL": batch_matmul,
}
