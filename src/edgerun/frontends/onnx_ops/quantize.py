"""Between real numbers and quanta: QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer, axis_of, refuse
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Dequantize, Quanta, Quantize
from edgerun.ir.types import INT8, INT16, INT32, UINT8, Element, Quantization


def _parameters(task: Import, rank: int) -> tuple[Quantization, np.dtype[np.generic]]:
    """Inputs 1 and 2, and the dtype of the zero point."""
    if task.get("block_size", 0):
        raise refuse("it is quantised by blocks")
    scale = task.constant(1, "scale").astype(np.float32)
    zero = task.constant(2, "zero point") if task.has(2) else np.zeros(scale.shape, np.uint8)
    if zero.size != scale.size:
        raise FormatError(f"it has {scale.size} scales and {zero.size} zero points")
    axis = axis_of(int(task.get("axis", 1)), rank) if scale.size > 1 else 0
    return Quantization(scale.reshape(-1), zero.reshape(-1).astype(np.int32), axis), zero.dtype


def _quantize(task: Import) -> Value:
    q, dtype = _parameters(task, len(task.type(0).shape))
    if not task.has(2) and task.get("output_dtype", 0):
        raise refuse("it has an output_dtype")
    if dtype not in (INT8, UINT8, INT16):
        raise refuse(f"it gives {dtype}")
    return task.emit(Quantize(Element(dtype, q)), task.value(0))


def _dequantize(task: Import) -> Value:
    x = task.value(0)
    q, _ = _parameters(task, len(x.type.shape))
    if x.type.dtype not in (INT8, UINT8, INT16, INT32):
        raise refuse(f"it takes {x.type.dtype}")
    return task.emit(Dequantize(), meant(task, x, q))


def meant(task: Import, x: Value, q: Quantization) -> Value:
    """The integers of x with the meaning q."""
    if x.type.quantization == q:
        return x
    if x.data is not None:
        return task.const(x.data, quantization=q)
    return task.emit(Quanta(Element(x.type.dtype, q)), x)


IMPORTERS: dict[str, Importer] = {"QuantizeLinear": _quantize, "DequantizeLinear": _dequantize}
