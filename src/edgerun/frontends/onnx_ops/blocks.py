"""QuantizeLinear and DequantizeLinear as float arithmetic: by blocks, and in integers without kernels.

Steps and zero points are spread to the shape of the tensor; then these are the formulas of ONNX's operators,
y = saturate(round half to even(x / scale) + zero) and y = (x - zero) * scale, in float32.
"""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.casts import cast_to
from edgerun.frontends.onnx_ops.task import FLOAT, Import, axis_of, refuse
from edgerun.ir.arithmetic import Div
from edgerun.ir.elementwise import Add, Clip, Mul, Sub
from edgerun.ir.functions import Round
from edgerun.ir.graph import Value
from edgerun.ir.types import FLOAT32, Array, Shape, is_added


def spread(task: Import, array: Array, shape: Shape) -> Array:
    """Scales or zero points in a shape that broadcasts to the tensor's `shape`: one for all, one for each
    entry along the axis, or one for each block of block_size entries along it. Raises FormatError."""
    block = int(task.get("block_size", 0))
    if array.size == 1 and not block:
        return array.reshape(())
    axis = axis_of(int(task.get("axis", 1)), len(shape))
    if not block:
        if array.size != shape[axis]:
            raise FormatError(f"{array.size} scales do not fit axis {axis} of {list(shape)}")
        return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    blocks = tuple(-(-size // block) if i == axis else size for i, size in enumerate(shape))
    if block < 0 or array.shape != blocks:
        raise FormatError(
            f"scales of the shape {list(array.shape)} do not fit blocks of {block} along axis {axis} "
            f"of {list(shape)}"
        )
    return np.repeat(array, block, axis).take(range(shape[axis]), axis)


def quantize(task: Import, x: Value, scale: Array, zero: Array, dtype: np.dtype[np.generic]) -> Value:
    """x, float32, in quanta of `dtype`: integers of at most 16 bits, which are rounded, or narrow floats."""
    limits = _limits(dtype)
    if limits is None and not is_added(dtype):
        raise refuse(f"it gives {dtype}")
    y = task.emit(Div(FLOAT), x, task.const(spread(task, scale, x.type.shape), FLOAT32))
    if limits is not None:
        y = task.emit(Round(FLOAT), y)
    y = task.emit(Add(FLOAT), y, task.const(spread(task, zero, x.type.shape), FLOAT32))
    if limits is not None:
        y = task.emit(Clip(FLOAT, limits), y)
    return cast_to(task, y, dtype, bool(task.get("saturate", 1)))


def dequantize(task: Import, x: Value, scale: Array, zero: Array) -> Value:
    """The real values of x, integers of at most 16 bits. Constants become float32 constants."""
    kind = x.type.dtype
    if x.data is not None and kind.kind in "iu":
        quanta = x.data.astype(np.int32)
        real = (quanta - spread(task, zero, x.type.shape).astype(np.int32)).astype(np.float32)
        steps = spread(task, scale, x.type.shape).astype(np.float32)
        return task.const(real * steps, FLOAT32)
    if kind.name not in _WHOLE and not is_added(kind):
        raise refuse(f"it takes {kind}")
    y = cast_to(task, x, FLOAT32)
    y = task.emit(Sub(FLOAT), y, task.const(spread(task, zero, x.type.shape), FLOAT32))
    return task.emit(Mul(FLOAT), y, task.const(spread(task, scale, x.type.shape), FLOAT32))


def _limits(dtype: np.dtype[np.generic]) -> tuple[float, float] | None:
    """The least and the greatest of such an integer; None for other types."""
    if dtype.name in _WHOLE:
        return float(np.iinfo(dtype.name).min), float(np.iinfo(dtype.name).max)
    if is_added(dtype) and dtype.name.startswith(("int", "uint")):
        import ml_dtypes

        info = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
        return float(info.min), float(info.max)
    return None


_WHOLE = ("int8", "uint8", "int16", "uint16")
