"""Between real numbers and quanta: QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops import blocks
from edgerun.frontends.onnx_ops.casts import cast_to, dtype_of_code
from edgerun.frontends.onnx_ops.task import Import, Importer, axis_of
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Dequantize, Quanta, Quantize
from edgerun.ir.types import FLOAT32, INT8, INT16, INT32, UINT8, Array, Element, Quantization


def _parameters(task: Import) -> tuple[Array, Array]:
    """Scales as float32 and zero points of one shape, as the file has them."""
    scale = task.constant(1, "scale").astype(np.float32)
    if task.has(2):
        zero = task.constant(2, "zero point")
        if zero.size != scale.size:
            raise FormatError(f"it has {scale.size} scales and {zero.size} zero points")
        return scale, zero.reshape(scale.shape)
    return scale, np.zeros(scale.shape, _default(task))


def _default(task: Import) -> np.dtype[np.generic]:
    """The dtype of the quanta where no zero point tells it."""
    if task.operator == "DequantizeLinear":
        return task.type(0).dtype
    wanted = int(task.get("output_dtype", 0))
    return dtype_of_code(wanted) if wanted else np.dtype(np.uint8)


def _quantization(task: Import, scale: Array, zero: Array) -> Quantization:
    axis = axis_of(int(task.get("axis", 1)), len(task.type(0).shape)) if scale.size > 1 else 0
    return Quantization(scale.reshape(-1).astype(np.float32), zero.reshape(-1).astype(np.int32), axis)


def _quantize(task: Import) -> Value:
    scale, zero = _parameters(task)
    if task.get("block_size", 0) or zero.dtype not in (INT8, UINT8):
        return blocks.quantize(task, task.value(0), scale, zero, zero.dtype)
    return task.emit(Quantize(Element(zero.dtype, _quantization(task, scale, zero))), task.value(0))


def _dequantize(task: Import) -> Value:
    wanted = int(task.get("output_dtype", 0))
    dtype = dtype_of_code(wanted) if wanted else task.type(1).dtype
    if dtype == FLOAT32:
        return _real(task)
    if task.value(0).data is None:
        return cast_to(task, _real(task), dtype)
    # Weights stay constants: in float32, which they are computed with, no integers are left to find.
    y = blocks.dequantize(task, task.value(0), *_parameters(task))
    return cast_to(task, y, dtype) if y.data is None else task.const(y.data.astype(dtype))


def _real(task: Import) -> Value:
    """What quanta mean, as float32."""
    x = task.value(0)
    scale, zero = _parameters(task)
    if task.get("block_size", 0) or x.type.dtype not in (INT8, UINT8, INT16, INT32):
        return blocks.dequantize(task, x, scale, zero)
    return task.emit(Dequantize(), meant(task, x, _quantization(task, scale, zero)))


def meant(task: Import, x: Value, q: Quantization) -> Value:
    """The integers of x with the meaning q."""
    if x.type.quantization == q:
        return x
    if x.data is not None:
        return task.const(x.data, quantization=q)
    return task.emit(Quanta(Element(x.type.dtype, q)), x)


IMPORTERS: dict[str, Importer] = {"QuantizeLinear": _quantize, "DequantizeLinear": _dequantize}
