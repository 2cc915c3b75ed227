"""The operators of ONNX: a table of importers, by the name that ONNX gives them."""

from __future__ import annotations

from edgerun.frontends.onnx_ops import (
    conv,
    dynamic,
    elementwise,
    functions,
    fused,
    matmul,
    pool,
    qoperator,
    quantize,
    reduction,
    resize,
    shape,
)
from edgerun.frontends.onnx_ops.task import Importer

_FAMILIES = (
    conv,
    dynamic,
    elementwise,
    functions,
    fused,
    matmul,
    pool,
    qoperator,
    quantize,
    reduction,
    resize,
    shape,
)

# Operators of other domains have their domain in front: "com.microsoft.QLinearAdd".
IMPORTERS: dict[str, Importer] = {}
for _family in _FAMILIES:
    IMPORTERS.update(_family.IMPORTERS)
