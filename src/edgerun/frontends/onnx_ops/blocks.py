"""QuantizeLinear and DequantizeLinear as float arithmetic: by blocks, and in integers without kernels.

Steps and zero points are spread to the shape of the tensor; then these are the formulas of ONNX's operators,
y = saturate(round half to even(x / scale) + zero) and y = (x - zero) * scale, in float32.
"""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import FLOAT, Import, axis_of, refuse
from edgerun.ir.arithmetic import Div
from edgerun.ir.elementwise import Add, Clip, Mul, Sub
from edgerun.ir.functions import Round
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Cast
from edgerun.ir.types import FLOAT32, Array, Shape

_NARROW = 16  # bits of an integer, up to which differences of two are exact in float32


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
    """x, float32, in quanta of `dtype`, an integer of at most 16 bits."""
    if dtype.kind not in "iu" or 8 * dtype.itemsize > _NARROW or dtype.name not in _WHOLE:
        raise refuse(f"it gives {dtype}")
    limits = np.iinfo(dtype.name)
    y = task.emit(Div(FLOAT), x, task.const(spread(task, scale, x.type.shape), FLOAT32))
    y = task.emit(Round(FLOAT), y)
    y = task.emit(Add(FLOAT), y, task.const(spread(task, zero, x.type.shape), FLOAT32))
    y = task.emit(Clip(FLOAT, (float(limits.min), float(limits.max))), y)
    return task.emit(Cast(dtype), y)


def dequantize(task: Import, x: Value, scale: Array, zero: Array) -> Value:
    """The real values of x, integers of at most 16 bits. Constants become float32 constants."""
    kind = x.type.dtype
    if x.data is not None:
        try:
            quanta = x.data.astype(np.int32)
        except (TypeError, ValueError) as error:
            raise refuse(f"it takes {kind}") from error
        real = (quanta - spread(task, zero, x.type.shape).astype(np.int32)).astype(np.float32)
        steps = spread(task, scale, x.type.shape).astype(np.float32)
        return task.const(real * steps, FLOAT32)
    if kind.name not in _WHOLE:
        raise refuse(f"it takes {kind}")
    y = task.emit(Cast(FLOAT32), x)
    y = task.emit(Sub(FLOAT), y, task.const(spread(task, zero, x.type.shape), FLOAT32))
    return task.emit(Mul(FLOAT), y, task.const(spread(task, scale, x.type.shape), FLOAT32))


_WHOLE = ("int8", "uint8", "int16", "uint16")
