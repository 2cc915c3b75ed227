"""Bits, truth values, and which numbers are none."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer
from edgerun.ir.bits import Bitcast, BitwiseAnd, BitwiseOr, BitwiseXor, Shift
from edgerun.ir.comparison import Equal, LogicalOr, NotEqual
from edgerun.ir.graph import Value
from edgerun.ir.op import Op
from edgerun.ir.types import Element


def _of_two(op: Op) -> Callable[[Import], Value]:
    return lambda task: task.emit(op, task.value(0), task.value(1))


def _not(task: Import) -> Value:
    x = task.value(0)
    ones = np.invert(np.zeros((), x.type.dtype))
    return task.emit(BitwiseXor(), x, task.const(ones))


def _shift(task: Import) -> Value:
    direction = task.get("direction", "")
    if direction not in ("LEFT", "RIGHT"):
        raise FormatError(f"its direction is {direction!r}, neither LEFT nor RIGHT")
    return task.emit(Shift(direction == "LEFT"), task.value(0), task.value(1))


def _bit_cast(task: Import) -> Value:
    from onnx import helper

    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(int(task.get("to", 1))))
    x = task.value(0)
    if dtype.itemsize != x.type.dtype.itemsize:
        raise FormatError(f"{x.type} and {dtype} differ in the size of their elements")
    return x if dtype == x.type.dtype else task.emit(Bitcast(Element(dtype)), x)


def _is_nan(task: Import) -> Value:
    x = task.value(0)
    return task.emit(NotEqual(), x, x)


def _is_inf(task: Import) -> Value:
    x = task.value(0)
    signs = [s for s, name in ((1, "detect_positive"), (-1, "detect_negative")) if task.get(name, 1)]
    found = [task.emit(Equal(), x, task.const(s * np.inf, x.type.dtype)) for s in signs]
    if len(found) == 2:
        return task.emit(LogicalOr(), *found)
    if found:
        return found[0]
    task.afford(math.prod(x.type.shape))
    return task.const(np.zeros(x.type.shape, np.bool_))


IMPORTERS: dict[str, Importer] = {
    "BitCast": _bit_cast,
    "BitShift": _shift,
    "BitwiseAnd": _of_two(BitwiseAnd()),
    "BitwiseNot": _not,
    "BitwiseOr": _of_two(BitwiseOr()),
    "BitwiseXor": _of_two(BitwiseXor()),
    "IsInf": _is_inf,
    "IsNaN": _is_nan,
    "Xor": _of_two(NotEqual()),
}
