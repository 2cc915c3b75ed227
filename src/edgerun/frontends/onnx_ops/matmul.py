"""Products of matrices."""

from __future__ import annotations

from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, float_of
from edgerun.ir.conv import FullyConnected
from edgerun.ir.elementwise import Add, Mul
from edgerun.ir.graph import Value
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.shape import Reshape
from edgerun.ir.types import FLOAT64


def is_constant(task: Import, value: Value) -> bool:
    """Whether a value is known, or the integers that it is dequantised from are."""
    node = task.producer(value)
    source = node.inputs[0] if node is not None and node.op.name == "Dequantize" else value
    return source is not None and source.data is not None


def _matmul(task: Import) -> Value:
    return product(task, task.value(0), task.value(1))


def product(task: Import, a: Value, b: Value) -> Value:
    """numpy's matmul of floats."""
    if a.type.dtype != FLOAT64 and len(b.type.shape) == 2 and is_constant(task, b) and len(a.type.shape) >= 2:
        return task.emit(FullyConnected(FLOAT, keep_dims=True), a, task.transpose(b, (1, 0)))
    # A vector is a matrix with one row, or one column, which the result then lacks.
    row, column = len(a.type.shape) == 1, len(b.type.shape) == 1
    if row:
        a = task.emit(Reshape((1, *a.type.shape)), a)
    if column:
        b = task.emit(Reshape((*b.type.shape, 1)), b)
    y = task.emit(BatchMatMul(float_of(a)), a, b)
    *batch, m, n = y.type.shape
    shape = (*batch, *(() if row else (m,)), *(() if column else (n,)))
    return task.emit(Reshape(shape), y) if row or column else y


def _gemm(task: Import) -> Value:
    a, b = task.value(0), task.value(1)
    alpha, beta = float(task.get("alpha", 1.0)), float(task.get("beta", 1.0))
    turned_a, turned_b = bool(task.get("transA", 0)), bool(task.get("transB", 0))
    bias, kind = task.value(2) if task.has(2) else None, float_of(a)
    if bias is not None and beta != 1.0:
        bias = task.emit(Mul(kind), bias, task.const(beta, kind.dtype))
    if turned_a:
        a = task.transpose(a, (1, 0))
    weights = b if turned_b else task.transpose(b, (1, 0))
    n = weights.type.shape[0]
    within = alpha == 1.0 and bias is not None and bias.type.size == n and bias.type.shape[-1:] == (n,)
    if kind == FLOAT and is_constant(task, b):
        y = task.emit(FullyConnected(FLOAT), a, weights, bias if within else None)
    else:
        y, within = task.emit(BatchMatMul(kind), a, task.transpose(weights, (1, 0))), False
    if alpha != 1.0:
        y = task.emit(Mul(kind), y, task.const(alpha, kind.dtype))
    return y if within or bias is None else task.emit(Add(kind), y, bias)


IMPORTERS: dict[str, Importer] = {"Gemm": _gemm, "MatMul": _matmul}
