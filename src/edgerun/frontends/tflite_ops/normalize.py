"""Normalisation of rows."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.normalize import L2Normalization, LocalResponseNormalization, LogSoftmax
from edgerun.ir.op import NO_CLAMP, Op, supported


def l2_normalization(task: Import) -> Op:
    supported(task.clamp == NO_CLAMP, "L2_NORMALIZATION with a fused activation.")
    return L2Normalization(task.out)


def local_response(task: Import) -> Op:
    options = task.options
    # TFLite's window ends before c + radius (TensorFlow's includes it).
    radius = int(options["radius"])
    return LocalResponseNormalization(
        radius, radius, float(options["bias"]), float(options["alpha"]), float(options["beta"])
    )


IMPORTERS: Mapping[str, Importer] = {
    "L2_NORMALIZATION": l2_normalization,
    "LOCAL_RESPONSE_NORMALIZATION": local_response,
    "LOG_SOFTMAX": lambda task: LogSoftmax(task.out),
}
