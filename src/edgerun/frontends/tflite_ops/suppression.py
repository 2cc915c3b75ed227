"""Non-maximum suppression."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.graph import Value
from edgerun.ir.op import Op
from edgerun.ir.suppression import NonMaxSuppression
from edgerun.ir.types import FLOAT32, TensorType


def _most(task: Import) -> int:
    most = int(task.constant(2, "number of results").item())
    del task.inputs[2]
    return most


def version_4(task: Import) -> Op:
    name = f"{task.outputs[0].name}/sigma"
    task.inputs.append(Value(name, TensorType((), FLOAT32), data=np.zeros((), np.float32)))
    return NonMaxSuppression(_most(task))


IMPORTERS: Mapping[str, Importer] = {
    "NON_MAX_SUPPRESSION_V4": version_4,
    "NON_MAX_SUPPRESSION_V5": lambda task: NonMaxSuppression(_most(task), True),
}
