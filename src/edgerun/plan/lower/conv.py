"""Convolutions and the fully connected layer: the verbs conv and dwconv."""

from __future__ import annotations

import math

import numpy as np

from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.graph import Node
from edgerun.ir.op import output_multiplier, quantization_of
from edgerun.ir.types import Array, Element
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, constant, lowers
from edgerun.plan.plan import Attribute, Quantum, Weights


def _weights(node: Node, values: Array, channels: int) -> Weights:
    bias = node.inputs[2].data if len(node.inputs) > 2 and node.inputs[2] is not None else None
    w = node.inputs[1]
    assert w is not None
    return Weights(
        values,
        quantization_of(w.type).zero_point,
        np.zeros(channels, np.int32) if bias is None else bias.reshape(-1).astype(np.int32, copy=False),
    )


def _multipliers(node: Node, out: Element, channels: int) -> Array:
    x, w = node.types()[:2]
    m = output_multiplier(quantization_of(x), quantization_of(w), quantization_of(out))
    return np.ascontiguousarray(np.broadcast_to(m, channels))


def _convolve(
    lo: Lowering,
    verb: str,
    x: int,
    y: int,
    op: Conv2d | DepthwiseConv2d | FullyConnected,
    multiplier: Array,
    weights: Weights,
    kernel: tuple[int, int],
) -> None:
    window: dict[str, Attribute] = {
        "kernel": kernel,
        "strides": (1, 1),
        "dilations": (1, 1),
        "padding": (0, 0),
    }
    if not isinstance(op, FullyConnected):
        window |= {"strides": op.strides, "dilations": op.dilations, "padding": op.padding[:2]}
    zero = quantization_of(lo.layout.tensors[x].type).zero
    size = math.prod(lo.shape(y))
    depth = weights.values.shape[1] if verb == "conv" else kernel[0] * kernel[1]
    lo.step(
        verb,
        (x,),
        (y,),
        {
            **window,
            "input_zero_point": Quantum(zero, x),
            "multiplier": multiplier,
            **clamp_attributes(op.out, op.clamp, y),
        },
        weights=weights,
        macs=size * depth,
    )


@lowers(Conv2d)
def _conv2d(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2d)
    w = constant(node, 1)
    n = w.shape[0]
    weights = _weights(node, w.reshape(n, -1), n)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    _convolve(lo, "conv", x, y, op, _multipliers(node, op.out, n), weights, (w.shape[1], w.shape[2]))


@lowers(DepthwiseConv2d)
def _depthwise(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DepthwiseConv2d)
    w = constant(node, 1)
    _, kernel_h, kernel_w, channels = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    multiplier = _multipliers(node, op.out, channels)
    in_channels = lo.shape(x)[3]
    if in_channels == 1:
        # Every output reads the one input channel: an ordinary convolution.
        flat = np.ascontiguousarray(w.reshape(kernel_h * kernel_w, channels).T)
        weights = _weights(node, flat, channels)
        _convolve(lo, "conv", x, y, op, multiplier, weights, (kernel_h, kernel_w))
        return
    if in_channels != channels:
        x = _repeat_channels(lo, x, channels // in_channels)
    weights = _weights(node, w.reshape(kernel_h, kernel_w, channels), channels)
    _convolve(lo, "dwconv", x, y, op, multiplier, weights, (kernel_h, kernel_w))


def _repeat_channels(lo: Lowering, x: int, times: int) -> int:
    """Each channel `times` times in a row, as a depth multiplier reads them."""
    n, h, w, c = lo.shape(x)
    wide = lo.temporary(x, (n * h * w, c, times))
    flat = lo.reshaped(x, (n * h * w, c, 1))
    lo.copy(flat, wide, (n * h * w, c, times), source_dims=(0, 1, 2), source_steps=(1, 1, 0))
    return lo.reshaped(wide, (n, h, w, c * times))


@lowers(FullyConnected)
def _fully_connected(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, FullyConnected)
    w = constant(node, 1)
    n, k = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    rows = math.prod(lo.shape(y)) // n
    _convolve(
        lo,
        "conv",
        lo.reshaped(x, (rows, 1, 1, k)),
        lo.reshaped(y, (rows, 1, 1, n)),
        op,
        _multipliers(node, op.out, n),
        _weights(node, w, n),
        (1, 1),
    )
