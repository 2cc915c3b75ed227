"""The operators of ONNX: a table of importers, by the name that ONNX gives them."""

from __future__ import annotations

from importlib import import_module

from edgerun.frontends.onnx_ops.task import Importer

_FAMILIES = (
    "bits",
    "casts",
    "conv",
    "conv_transpose",
    "dynamic",
    "einsum",
    "elementwise",
    "functions",
    "fused",
    "grid",
    "indexing",
    "matmul",
    "norms",
    "pool",
    "qoperator",
    "quantize",
    "recurrent",
    "reduction",
    "regions",
    "resize",
    "search",
    "shape",
    "signal",
)

# Operators of other domains have their domain in front: "com.microsoft.QLinearAdd".
IMPORTERS: dict[str, Importer] = {}
for _family in _FAMILIES:
    IMPORTERS.update(import_module(f"{__name__}.{_family}").IMPORTERS)
