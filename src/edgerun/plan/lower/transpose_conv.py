"""Transposed convolution: one convolution whose channels are the pixels of small squares, and a copy.

Output pixels a stride apart see the same taps of the kernel. So a square of stride x stride of them is one
pixel of a convolution with stride * stride times the channels, over windows of ceil(kernel / stride) pixels;
taps that a channel does not have are weights of zero. The copy lays the squares out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgerun import knobs
from edgerun.ir.conv import Conv2d
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import supported
from edgerun.ir.transpose_conv import TransposeConv
from edgerun.ir.types import Array, Quantization, TensorType
from edgerun.plan.lower.conv import convolve, read_by, window_of
from edgerun.plan.lower.int16 import convolve_int16
from edgerun.plan.lower.lowering import Lowering, constant, lowers


@dataclass(frozen=True)
class _Axis:
    """One direction: where the squares are."""

    kernel: int
    stride: int
    pad: int
    size: int  # of the output

    @property
    def taps(self) -> int:
        return -(-self.kernel // self.stride)

    @property
    def first(self) -> int:
        """The first square, counted from where the kernel of the first input pixel begins."""
        return self.pad // self.stride

    @property
    def squares(self) -> int:
        return (self.pad + self.size - 1) // self.stride + 1 - self.first

    @property
    def crop(self) -> int:
        """How many pixels of the first square lie before the output."""
        return self.pad - self.first * self.stride


@lowers(TransposeConv)
def _transpose_conv(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, TransposeConv)
    if any(v is not None and v.data is None for v in node.inputs[1:]):
        lo.host(node)
        return
    channels, kernel_h, kernel_w, _ = node.types()[1].shape
    rows, columns = (
        _Axis(*args) for args in zip((kernel_h, kernel_w), op.strides, op.padding, op.size, strict=True)
    )
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    n = lo.shape(y)[0]
    squares = lo.temporary(y, (n, rows.squares, columns.squares, math.prod(op.strides) * channels))
    conv = _as_convolution(node, rows, columns)
    assert isinstance(conv.op, Conv2d)
    if node.types()[0].is_int16:
        convolve_int16(lo, conv, x, squares)
    else:
        weights = conv.types()[1]
        window = window_of(conv.op, (rows.taps, columns.taps))
        shape = weights.shape[0], math.prod(weights.shape[1:])
        convolve(lo, conv, "conv", read_by(lo, conv, "conv", x), squares, window, shape)

    # [n, squares, squares, (stride, stride, channels)] to [n, squares, stride, squares, (stride, channels)]
    box = (n, rows.squares, rows.stride, columns.squares, columns.stride * channels)
    source = lo.reshaped(squares, (n, rows.squares, columns.squares, rows.stride, box[4]))
    whole = (n, rows.squares * rows.stride, columns.squares * columns.stride, channels)
    laid_out = y if whole == lo.shape(y) else lo.temporary(y, whole)
    view = lo.layout.view(laid_out, box)
    if view is None:
        laid_out = lo.temporary(y, whole)
        view = lo.layout.view(laid_out, box)
        assert view is not None
    lo.copy(source, view, box, source_dims=(0, 1, 3, 2, 4))
    if laid_out != y:
        lo.copy(laid_out, y, lo.shape(y), source_start=(0, rows.crop, columns.crop, 0))


def _as_convolution(node: Node, rows: _Axis, columns: _Axis) -> Node:
    """The convolution that computes squares."""
    op, weights, bias = node.op, node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
    assert isinstance(op, TransposeConv)
    assert weights is not None
    times = rows.stride * columns.stride
    kind, q = weights.type, weights.type.quantization
    zero = np.zeros(1, np.int32) if q is None else q.zero_point
    data = _square_weights(constant(node, 1), zero, rows, columns)
    if q is not None and not q.per_tensor:
        q = Quantization(np.tile(q.scale, times), np.tile(q.zero_point, times), 0)
    inputs = [node.inputs[0], Value(weights.name, TensorType(data.shape, kind.dtype, q), data=data)]
    if bias is not None:
        tiled = np.tile(constant(node, 2).reshape(-1), times)
        bias_kind = TensorType(tiled.shape, bias.type.dtype, bias.type.quantization)
        inputs.append(Value(bias.name, bias_kind, data=tiled))
    padding = rows.taps - 1 - rows.first, columns.taps - 1 - columns.first, 0, 0
    conv = Conv2d(op.out, padding=padding, clamp=op.clamp, asymmetric=op.asymmetric)
    return Node(conv, inputs, node.outputs)


def _square_weights(w: Array, zero: Array, rows: _Axis, columns: _Axis) -> Array:
    """[stride * stride * outputs, taps, taps, inputs] of OHWI weights, with `zero` where there is no tap."""
    channels, _, _, depth = w.shape
    shape = (rows.stride, columns.stride, channels, rows.taps, columns.taps, depth)
    most = knobs.max_fold_bytes()
    supported(math.prod(shape) * w.itemsize <= most, f"TransposeConv: weights of {shape} are too large.")
    made = np.empty(shape, w.dtype)
    made[...] = zero.astype(w.dtype).reshape(1, 1, -1, 1, 1, 1)
    for ky in range(rows.kernel):
        for kx in range(columns.kernel):
            # The window's last tap is the square's own pixel, its first the one furthest before.
            tap_y, phase_y = divmod(ky, rows.stride)
            tap_x, phase_x = divmod(kx, columns.stride)
            made[phase_y, phase_x, :, rows.taps - 1 - tap_y, columns.taps - 1 - tap_x] = w[:, ky, kx]
    return made.reshape(-1, rows.taps, columns.taps, depth)
