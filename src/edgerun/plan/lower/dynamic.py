"""Quantisation at run time and sums of integers: the verbs quantize_dynamic, conv_hybrid and matmul_s8, the
latter two with int32 results."""

from __future__ import annotations

import math

import numpy as np

from edgerun.ir.dynamic import DynamicQuantize, IntegerConv, IntegerMatMul
from edgerun.ir.graph import Node, Value
from edgerun.ir.sums import MAX_HYBRID_DEPTH
from edgerun.ir.types import FLOAT32, Array, TensorType
from edgerun.plan.lower.conv import POINT, Window, window_of
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Weights


@lowers(DynamicQuantize)
def _dynamic_quantize(lo: Lowering, node: Node) -> None:
    size = node.types()[0].size
    x, q, scale, zero = (lo.tensor(v) for v in (*node.inputs, *node.outputs))
    x, q = lo.reshaped(x, (1, size)), lo.reshaped(q, (1, size))
    lo.step("quantize_dynamic", (x,), (q, scale, zero), {"scheme": 2})


@lowers(IntegerConv)
def _integer_conv(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, IntegerConv)
    w = node.inputs[1]
    assert w is not None
    n, *kernel, c = w.type.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    weights = None if w.data is None else _weights(node, w.data.reshape(n, -1))
    if weights is None or lo.shape(x)[3] != c:
        lo.host(node)  # weights of the run, or groups: rare
        return
    window = window_of(op.convolution(), (kernel[0], kernel[1]))
    _sums(lo, node, x, y, window, weights)


@lowers(IntegerMatMul)
def _integer_matmul(lo: Lowering, node: Node) -> None:
    a, b = node.types()[:2]
    zeros = _zero(node, 2), _zero(node, 3)
    w = node.inputs[1]
    assert w is not None
    weights = None if w.data is None or len(b.shape) != 2 else _weights(node, np.ascontiguousarray(w.data.T))
    y = lo.tensor(node.outputs[0])
    if weights is not None:
        k, n = b.shape
        rows = a.size // k
        x = lo.reshaped(lo.tensor(node.inputs[0]), (rows, 1, 1, k))
        _sums(lo, node, x, lo.reshaped(y, (rows, 1, 1, n)), POINT, weights)
    elif all(v.type.size == 1 for v in zeros):
        inputs = tuple(lo.tensor(v) for v in (node.inputs[0], w, *zeros))
        macs = math.prod(lo.shape(y)) * a.shape[-1]
        lo.step("matmul_s8", inputs, (y,), {"adjoint_a": 0, "adjoint_b": 0}, macs=macs)
    else:
        lo.host(node)  # zero points of rows or columns: rare


def _sums(lo: Lowering, node: Node, x: int, y: int, window: Window, weights: Weights) -> None:
    macs = math.prod(lo.shape(y)) * weights.values.shape[1]
    lo.step("conv_hybrid", (x, lo.tensor(_zero(node, 2))), (y,), window, weights=weights, macs=macs)


def _zero(node: Node, i: int) -> Value:
    """The zero point at input i, of the input two before it."""
    given = node.inputs[i] if len(node.inputs) > i else None
    of = node.inputs[i - 2]
    assert of is not None
    if given is not None:
        return given
    return Value(f"{of.name}/zero", TensorType((), of.type.dtype), data=np.zeros((), of.type.dtype))


def _weights(node: Node, values: Array) -> Weights | None:
    """Weights [outputs, depth] that the engine can hold with their zero points; else None."""
    x_zero, w_zero = _zero(node, 2), _zero(node, 3)
    if x_zero.type.size != 1 or w_zero.data is None or values.shape[1] > MAX_HYBRID_DEPTH:
        return None
    zeros = w_zero.data.reshape(-1).astype(np.int32)
    centred = values.astype(np.int32) - zeros.reshape(-1, 1)
    if np.unique(zeros).size > 1 and (centred.min() < -128 or centred.max() > 127):
        return None
    return Weights(values, zeros, np.zeros(values.shape[0], FLOAT32))
