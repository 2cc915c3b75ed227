"""Operators on int16: the verbs conv_s16, dwconv_s16, binary_s16, table_s16 and softmax_s16."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgerun.ir import int16
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.elementwise import Add, Binary, Mul, Softmax, Sub, Unary
from edgerun.ir.fixed_point import Multiplier
from edgerun.ir.graph import Node
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import Clamp, clamp_range, quantization_of
from edgerun.ir.pool import AveragePool2d, MaxPool2d
from edgerun.ir.quantize import Dequantize, Quantize
from edgerun.ir.reduction import Mean, Sum
from edgerun.ir.resize import ResizeBilinear
from edgerun.ir.types import INT16, INT32, Array, Element
from edgerun.plan.lower.lowering import (
    INT16_LOWERINGS,
    Lowering,
    constant,
    has_computed_integers,
    lowers_int16,
)
from edgerun.plan.plan import Attribute, Quantum

# Rare with int16: through eval.
_RARE = AveragePool2d, BatchMatMul, Binary, Dequantize, MaxPool2d, Mean, Quantize, ResizeBilinear, Sum
INT16_LOWERINGS.update(dict.fromkeys(_RARE, None))

_PADDING = 8  # csrc/ops/recurrent.h: kPadding


def _flat(multipliers: Sequence[Multiplier]) -> tuple[int, ...]:
    return tuple(number for pair in multipliers for number in pair)


def _limits(out: Element, clamp: Clamp) -> dict[str, Attribute]:
    low, high = clamp_range(out, clamp)
    return {"out_min": low, "out_max": high}


def _finish(node: Node, channels: int, out: Element, clamp: Clamp) -> dict[str, Attribute]:
    """How sums become results: bias, multiplier and shift per channel, limits."""
    x, w = node.types()[:2]
    bias = constant(node, 2).reshape(-1) if len(node.inputs) > 2 and node.inputs[2] is not None else None
    narrow = bias is not None and bias.dtype == INT32
    attributes: dict[str, Attribute] = {
        "bias": np.zeros(channels, np.int64) if bias is None else bias.astype(np.int64),
        "narrow": int(narrow),
        **_limits(out, clamp),
    }
    if isinstance(node.op, FullyConnected) and not narrow:
        reals = int16.real_multipliers(x, w, out)
        attributes["reals"] = np.ascontiguousarray(np.broadcast_to(reals, channels))
    else:
        pairs = np.array(int16.sum_multipliers(x, w, out), np.int32)
        attributes["multipliers"] = np.ascontiguousarray(np.broadcast_to(pairs, (channels, 2)))
    return attributes


@lowers_int16(Conv2d)
def _conv2d(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2d)
    in_groups = node.types()[1].shape[3] != node.types()[0].shape[3]
    if in_groups or has_computed_integers(node):
        lo.host(node)
        return
    convolve_int16(lo, node, lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0]))


def convolve_int16(lo: Lowering, node: Node, x: int, y: int) -> None:
    """The step of a convolution of x to y, NHWC."""
    op, w = node.op, constant(node, 1)
    assert isinstance(op, Conv2d)
    window: dict[str, Attribute] = {
        "kernel": (w.shape[1], w.shape[2]),
        "strides": op.strides,
        "dilations": op.dilations,
        "padding": op.padding[:2],
    }
    _conv(lo, node, x, y, w, {**window, **_finish(node, len(w), op.out, op.clamp)})


@lowers_int16(FullyConnected)
def _fully_connected(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, FullyConnected)
    if has_computed_integers(node):
        lo.host(node)
        return
    w = constant(node, 1)
    n, k = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    rows = math.prod(lo.shape(y)) // n
    window = {"kernel": (1, 1), "strides": (1, 1), "dilations": (1, 1), "padding": (0, 0)}
    x, y = lo.reshaped(x, (rows, 1, 1, k)), lo.reshaped(y, (rows, 1, 1, n))
    weights = w.reshape(n, 1, 1, k)
    _conv(lo, node, x, y, weights, {**window, **_finish(node, n, op.out, op.clamp)})


def _conv(lo: Lowering, node: Node, x: int, y: int, w: Array, attributes: dict[str, Attribute]) -> None:
    n, height, width, k = w.shape
    wide = np.zeros((n, height, width, -(-k // _PADDING) * _PADDING), np.int16)
    wide[..., :k] = w
    macs = math.prod(lo.shape(y)) * height * width * k
    lo.step("conv_s16", (x,), (y,), {**attributes, "weights": wide}, macs=macs)


@lowers_int16(DepthwiseConv2d)
def _depthwise(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DepthwiseConv2d)
    if has_computed_integers(node):
        lo.host(node)
        return
    w = constant(node, 1)
    _, height, width, channels = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {
        "kernel": (height, width),
        "strides": op.strides,
        "dilations": op.dilations,
        "padding": op.padding[:2],
        "weights": w[0].astype(np.int16),
        **_finish(node, channels, op.out, op.clamp),
    }
    macs = math.prod(lo.shape(y)) * height * width
    lo.step("dwconv_s16", (x,), (y,), attributes, macs=macs)


@lowers_int16(Add, Sub, Mul)
def _binary(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Add | Sub | Mul)
    qa, qb = (quantization_of(kind) for kind in node.types())
    out = quantization_of(op.out)
    if isinstance(op, Mul):
        multipliers: tuple[Multiplier, ...] = (int16.product_multiplier(qa, qb, out),)
    else:
        multipliers = int16.sum_of_two_multipliers(qa, qb, out)
    attributes: dict[str, Attribute] = {
        "kind": op.name.lower(),
        "multipliers": _flat(multipliers),
        **_limits(op.out, op.clamp),
    }
    a, b, y = (lo.tensor(v) for v in (*node.inputs, *node.outputs))
    lo.step("binary_s16", (a, b), (y,), attributes)


@lowers_int16(Unary)
def _table(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Unary)
    kind = node.types()[0]
    if kind.dtype != INT16:  # int32, which few operators take
        lo.host(node)
        return
    results = op.of_int16(int16.ALL, quantization_of(kind))
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {"table": results.astype(np.int32)}
    if op.out.dtype.itemsize == 1:
        zero = quantization_of(op.out).zero
        attributes = {"table": results.astype(np.int32) - zero, "zero_point": Quantum(zero, y)}
    lo.step("table_s16", (x,), (y,), attributes)


@lowers_int16(Softmax)
def _softmax(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Softmax)
    kind = node.types()[0]
    q = quantization_of(kind)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if kind.is_int16:
        attributes: dict[str, Attribute] = {
            "multiplier": int16.softmax_multiplier(q, op.beta),
            "exp_points": int16.exp_points().astype(np.int16),
            "reciprocal_points": int16.reciprocal_points().astype(np.int16),
        }
    else:
        attributes = {"exp_table": int16.softmax_table(q, op.beta).astype(np.int32)}
    lo.step("softmax_s16", (x,), (y,), attributes)
