"""How each TFLite operator becomes an operator of ours: one importer per name, in the module of its family.

An importer reads the options and constant inputs of the file's operator and returns the Op; what it leaves
in `task.inputs` are the tensors that are computed with. Most are three lines; add yours to the IMPORTERS of
the family, which has the same name in ir, frontends, plan/lower and tests/cases.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops import (
    bits,
    comparison,
    conv,
    conv3d,
    detection,
    elementwise,
    gather,
    matmul,
    mediapipe,
    normalize,
    pool,
    quantize,
    recurrent,
    reduction,
    resize,
    scatter,
    search,
    shape,
    signal,
    signal_stream,
    spectrum,
    suppression,
    transpose_conv,
)
from edgerun.frontends.tflite_ops.task import Importer

_FAMILIES = (
    bits,
    comparison,
    conv,
    conv3d,
    detection,
    elementwise,
    gather,
    matmul,
    mediapipe,
    normalize,
    pool,
    quantize,
    recurrent,
    reduction,
    resize,
    scatter,
    search,
    shape,
    signal,
    signal_stream,
    spectrum,
    suppression,
    transpose_conv,
)
IMPORTERS: Mapping[str, Importer] = {
    name: importer for family in _FAMILIES for name, importer in family.IMPORTERS.items()
}
