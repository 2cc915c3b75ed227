"""Operators on quanta: QLinearConv and QLinearMatMul of ONNX, and those that ONNX Runtime's tools write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import convolution
from edgerun.frontends.onnx_ops.pool import global_pool, pool
from edgerun.frontends.onnx_ops.quantize import meant
from edgerun.frontends.onnx_ops.reduction import default_axis, softmax
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axis_of, refuse
from edgerun.ir.conv import FullyConnected
from edgerun.ir.elementwise import Add, LeakyRelu, Logistic, Mul, Softmax
from edgerun.ir.graph import Value
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import Op, quantization_of
from edgerun.ir.pool import AveragePool2d
from edgerun.ir.quantize import Dequantize, Requantize
from edgerun.ir.reduction import Mean
from edgerun.ir.shape import Concat
from edgerun.ir.types import INT32, Element, Quantization


def _parameters(task: Import, i: int, axis: int) -> tuple[Quantization, np.dtype[np.generic] | None]:
    """Scale and zero point at inputs i and i + 1, and the dtype of the zero point when there is one."""
    scale = task.constant(i, "scale").astype(np.float32).reshape(-1)
    if not task.has(i + 1):
        return Quantization(scale, np.zeros(scale.shape, np.int32), axis), None
    zero = task.constant(i + 1, "zero point")
    zeros = np.broadcast_to(zero.reshape(-1).astype(np.int32), scale.shape)
    return Quantization(scale, np.ascontiguousarray(zeros), axis), zero.dtype


def _operand(task: Import, i: int, axis: int = 0) -> Value:
    """Input i with the meaning that the two inputs behind it say."""
    q, _ = _parameters(task, i + 1, axis)
    if q.scale.size > 1 and task.type(i).shape[axis] != q.scale.size:
        raise FormatError(f"{q.scale.size} scales do not fit {task.type(i)} along axis {axis}")
    return meant(task, task.value(i), q)


def _result(task: Import, i: int, like: Value) -> Element:
    """The element type of the result; without a zero point it has the dtype of `like`."""
    q, dtype = _parameters(task, i, 0)
    if not q.per_tensor:
        raise refuse("its result is quantised per channel")
    return Element(like.type.dtype if dtype is None else dtype, q)


def _conv(task: Import) -> Value:
    x, w = _operand(task, 0), _operand(task, 3)
    bias = task.value(8) if task.has(8) else None
    return convolution(task, x, w, bias, _result(task, 6, x))


def _matmul(task: Import) -> Value:
    a = _operand(task, 0)
    rank = len(task.type(3).shape)
    b = _operand(task, 3, rank - 1)
    out = _result(task, 6, a)
    if rank == 2 and b.data is not None and len(a.type.shape) >= 2:
        return task.emit(FullyConnected(out, keep_dims=True), a, task.transpose(b, (1, 0)))
    if rank < 2 or len(a.type.shape) < 2:
        raise refuse("it multiplies vectors")
    return task.emit(BatchMatMul(out), a, b)


def _gemm(task: Import) -> Value:
    turned = bool(task.get("transB", 0))
    a, b = _operand(task, 0), _operand(task, 3, 0 if turned else 1)
    alpha = float(task.get("alpha", 1.0))
    if alpha != 1.0:  # it multiplies sum and bias, as a scale does
        if not 0 < alpha < np.inf:
            raise refuse(f"its alpha is {alpha}")
        q = quantization_of(b.type)
        b = meant(task, task.value(3), replace(q, scale=q.scale * np.float32(alpha)))
    if task.get("transA", 0):
        a = task.transpose(a, (1, 0))
    w = b if turned else task.transpose(b, (1, 0))
    if w.data is None:
        raise refuse("its weights are computed at run time")
    bias = task.value(6) if task.has(6) else None
    if bias is not None and bias.type.size != w.type.shape[0]:
        raise refuse(f"its bias is {bias.type}")
    if task.has(7):
        return task.emit(FullyConnected(_result(task, 7, a)), a, w, bias)
    real = [task.emit(Dequantize(), v) for v in (a, w)]
    if bias is not None:
        steps = a.type.quantization.scale * w.type.quantization.scale  # type: ignore[union-attr]
        q = Quantization(steps, np.zeros(steps.shape, np.int32))
        if bias.data is None or bias.type.dtype != INT32:
            raise refuse("its bias is computed at run time")
        real.append(task.emit(Dequantize(), task.const(bias.data.reshape(-1), quantization=q)))
    return task.emit(FullyConnected(FLOAT), *real)


def _binary(op: type[Add] | type[Mul]) -> Callable[[Import], Value]:
    def binary(task: Import) -> Value:
        a, b = _operand(task, 0), _operand(task, 3)
        return task.emit(op(_result(task, 6, a)), a, b)

    return binary


def _unary(make: Callable[[Import, Element], Op]) -> Callable[[Import], Value]:
    def unary(task: Import) -> Value:
        x = _operand(task, 0)
        return task.emit(make(task, _result(task, 3, x)), x)

    return unary


def _concat(task: Import) -> Value:
    out = _result(task, 0, task.value(2))
    parts = [_operand(task, i) for i in range(2, len(task.inputs), 3)]
    alike = [x if x.type.element == out else task.emit(Requantize(out), x) for x in parts]
    return task.emit(Concat(axis_of(int(task.get("axis", 1)), len(alike[0].type.shape))), *alike)


def _average_pool(task: Import) -> Value:
    x = _operand(task, 0)
    if task.get("channels_last", 0):
        raise refuse("its channels are last")
    return pool(task, AveragePool2d, x, _result(task, 3, x))


def _global_average_pool(task: Import) -> Value:
    x = _operand(task, 0)
    out = _result(task, 3, x)
    if task.get("channels_last", 0):
        return task.emit(Mean(out, tuple(range(1, len(x.type.shape) - 1)), True), x)
    return global_pool(task, Mean, x, out)


def _softmax(task: Import) -> Value:
    x = _operand(task, 0)
    opset = int(task.get("opset", 13))
    axis = axis_of(int(task.get("axis", default_axis(opset))), len(x.type.shape))
    return softmax(task, Softmax(_result(task, 3, x)), x, axis, opset)


IMPORTERS: dict[str, Importer] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "com.microsoft.QGemm": _gemm,
    "com.microsoft.QLinearAdd": _binary(Add),
    "com.microsoft.QLinearAveragePool": _average_pool,
    "com.microsoft.QLinearConcat": _concat,
    "com.microsoft.QLinearGlobalAveragePool": _global_average_pool,
    "com.microsoft.QLinearLeakyRelu": _unary(lambda t, out: LeakyRelu(out, float(t.get("alpha", 0.01)))),
    "com.microsoft.QLinearMul": _binary(Mul),
    "com.microsoft.QLinearSigmoid": _unary(lambda _, out: Logistic(out)),
    "com.microsoft.QLinearSoftmax": _softmax,
}
