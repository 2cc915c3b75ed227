"""Quantisation at run time: DynamicQuantizeLinear, ConvInteger, MatMulInteger, ONNX Runtime's forms."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import TO_LAST, as_image, on_channels_last, padding_of, pairs
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer
from edgerun.ir.dynamic import DynamicQuantize, IntegerConv, IntegerMatMul
from edgerun.ir.elementwise import Add, Mul
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Cast
from edgerun.ir.shape import Reshape
from edgerun.ir.types import FLOAT32


def _quantize(task: Import) -> Sequence[Value]:
    return task.emit_all(DynamicQuantize(), task.value(0))


def _optional(task: Import, i: int) -> Value | None:
    return task.value(i) if task.has(i) else None


def _shaped(task: Import, value: Value | None, shape: tuple[int, ...]) -> Value | None:
    """The value in another shape; a scalar where it has one element."""
    if value is None:
        return None
    shape = () if value.type.size == 1 else shape
    return value if value.type.shape == shape else task.emit(Reshape(shape), value)


def _flat(task: Import, value: Value | None) -> Value | None:
    return None if value is None else _shaped(task, value, (value.type.size,))


def _conv(task: Import) -> Value:
    x, rank, w = task.value(0), len(task.type(0).shape), as_image(task, task.value(1))
    group = int(task.get("group", 1))
    if group < 1 or x.type.shape[1] != group * w.type.shape[1]:
        raise FormatError(f"{x.type} in {group} groups does not fit the weights {w.type}")
    strides, dilations = pairs(task, "strides", rank), pairs(task, "dilations", rank)
    size, kernel = as_image(task, x).type.shape[2:], w.type.shape[2:]
    padding = padding_of(task, (size[0], size[1]), (kernel[0], kernel[1]), strides, dilations)
    x_zero, w_zero = (_flat(task, _optional(task, i)) for i in (2, 3))
    op = IntegerConv(strides, dilations, padding)
    return on_channels_last(task, op, x, task.transpose(w, TO_LAST), x_zero, w_zero)


def _product(task: Import, a: Value, b: Value, a_zero: Value | None, b_zero: Value | None) -> Value:
    """MatMulInteger: a vector is a matrix with one row, or one column, which the result then lacks."""
    row, column = len(a.type.shape) == 1, len(b.type.shape) == 1
    if row:
        a = task.emit(Reshape((1, *a.type.shape)), a)
    if column:
        b = task.emit(Reshape((*b.type.shape, 1)), b)
    if a_zero is not None and len(a_zero.type.shape) <= 1:
        a_zero = _shaped(task, a_zero, (a_zero.type.size, 1))  # one per row
    if b_zero is not None and len(b_zero.type.shape) <= 1:
        b_zero = _flat(task, b_zero)
    y = task.emit(IntegerMatMul(), a, b, a_zero, b_zero)
    *batch, m, n = y.type.shape
    shape = (*batch, *(() if row else (m,)), *(() if column else (n,)))
    return task.emit(Reshape(shape), y) if row or column else y


def _matmul(task: Import) -> Value:
    return _product(task, task.value(0), task.value(1), _optional(task, 2), _optional(task, 3))


def _as_floats(task: Import, sums: Value, a_scale: Value, b_scale: Value, bias: Value | None) -> Value:
    scales = [_shaped(task, s, s.type.shape) or s for s in (a_scale, b_scale)]
    y = task.emit(Mul(FLOAT), task.emit(Cast(FLOAT32), sums), task.emit(Mul(FLOAT), *scales))
    return y if bias is None else task.emit(Add(FLOAT), y, bias)


def _dynamic_matmul(task: Import) -> Value:
    q, scale, zero = task.emit_all(DynamicQuantize(), task.value(0))
    sums = _product(task, q, task.value(1), zero, _optional(task, 3))
    return _as_floats(task, sums, scale, task.value(2), _optional(task, 4))


def _matmul_to_float(task: Import) -> Value:
    sums = _product(task, task.value(0), task.value(1), _optional(task, 4), _optional(task, 5))
    return _as_floats(task, sums, task.value(2), task.value(3), _optional(task, 6))


IMPORTERS: dict[str, Importer] = {
    "DynamicQuantizeLinear": _quantize,
    "ConvInteger": _conv,
    "MatMulInteger": _matmul,
    "com.microsoft.DynamicQuantizeMatMul": _dynamic_matmul,
    "com.microsoft.MatMulIntegerToFloat": _matmul_to_float,
}
