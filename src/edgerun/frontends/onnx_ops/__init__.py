"""The operators of ONNX: a table of importers, by the name that ONNX gives them."""

from __future__ import annotations

from edgerun.frontends.onnx_ops import (
    conv,
    conv_transpose,
    elementwise,
    functions,
    grid,
    matmul,
    norms,
    pool,
    qoperator,
    quantize,
    recurrent,
    reduction,
    resize,
    shape,
    signal,
)
from edgerun.frontends.onnx_ops.task import Importer

_FAMILIES = (
    conv,
    conv_transpose,
    elementwise,
    functions,
    grid,
    matmul,
    norms,
    pool,
    qoperator,
    quantize,
    recurrent,
    reduction,
    resize,
    shape,
    signal,
)

# Operators of other domains have their domain in front: "com.microsoft.QLinearAdd".
IMPORTERS: dict[str, Importer] = {}
for _family in _FAMILIES:
    IMPORTERS.update(_family.IMPORTERS)
