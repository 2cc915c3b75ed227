"""Transposed convolution in groups: an ordinary one in groups, whose channels are pixels of small squares.

Output pixels a stride apart see the same taps of the kernel (plan/lower/transpose_conv.py has it without
groups), so the pixels of a square of stride x stride are channels, over windows of ceil(kernel / stride).
"""

from __future__ import annotations

import numpy as np

from edgerun.frontends.onnx_ops.conv import TO_FIRST, TO_LAST
from edgerun.frontends.onnx_ops.task import FLOAT, Import
from edgerun.ir.conv import Conv2d, DepthwiseConv2d
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Dequantize
from edgerun.ir.shape import Reshape, Slice
from edgerun.ir.types import FLOAT32, Array, Shape


def _quanta(task: Import, value: Value) -> Value | None:
    """The constant that a value is, or is dequantised from."""
    node = task.producer(value)
    source = node.inputs[0] if node is not None and isinstance(node.op, Dequantize) else value
    return source if source is not None and source.data is not None else None


def fits(task: Import, w: Value, bias: Value | None) -> bool:
    """Whether the operands are constants, the weights quantised as a whole or not at all."""
    quanta = _quanta(task, w)
    if quanta is None or (bias is not None and _quanta(task, bias) is None):
        return False
    return quanta.type.quantization is None or quanta.type.quantization.per_tensor


def transposed(
    task: Import,
    x: Value,
    w: Value,
    bias: Value | None,
    group: int,
    strides: Shape,
    before: Shape,
    size: Shape,
) -> Value:
    """x [n, c, h, w] by w [c, outputs of a group, kh, kw], to images of `size` from `before` on.

    The operands are such that `fits`, and `before` is less than the kernel.
    """
    (n, c, *image), (_, outputs, *kernel) = x.type.shape, w.type.shape
    taps = [-(-k // s) for k, s in zip(kernel, strides, strict=True)]
    first = [b // s for b, s in zip(before, strides, strict=True)]
    axes = zip(before, size, strides, first, strict=True)
    squares = [(b + o - 1) // s + 1 - f for b, o, s, f in axes]
    front = [t - 1 - f for t, f in zip(taps, first, strict=True)]
    axes_ = zip(squares, taps, image, front, strict=True)
    behind = [max(q + t - 1 - d - f, 0) for q, t, d, f in axes_]
    pads = front[0], front[1], behind[0], behind[1]
    weights = _weights(task, w, group, strides, taps)
    pixels = strides[0] * strides[1]
    shift = None if bias is None else _bias(task, bias, group, pixels)
    op = DepthwiseConv2d if group == c else Conv2d
    y = task.emit(op(FLOAT, padding=pads), task.transpose(x, TO_LAST), weights, shift)
    rows, columns = y.type.shape[1:3]
    split = (n * rows, columns, group, strides[0], strides[1], outputs)
    y = task.transpose(task.emit(Reshape(split), y), (0, 3, 1, 4, 2, 5))
    y = task.emit(Reshape((n, rows * strides[0], columns * strides[1], group * outputs)), y)
    crop = [b - f * s for b, f, s in zip(before, first, strides, strict=True)]
    y = task.emit(Slice((0, *crop, 0), (n, *size, group * outputs), (1,) * 4), y)
    return task.transpose(y, TO_FIRST)


def _weights(task: Import, w: Value, group: int, strides: Shape, taps: list[int]) -> Value:
    """For the channels [group, strides, strides, outputs]: of a depthwise convolution in the last dimension,
    where every channel is a group, else in the first."""
    quanta = _quanta(task, w)
    assert quanta is not None
    assert quanta.data is not None
    c, outputs, *kernel = w.type.shape
    q = quanta.type.quantization
    zero = 0 if q is None else q.zero
    room = [(0, t * s - k) for t, s, k in zip(taps, strides, kernel, strict=True)]
    data: Array = np.pad(quanta.data, [(0, 0), (0, 0), *room], constant_values=zero)
    # The last tap of the convolution is the first of the kernel.
    data = data.reshape(group, c // group, outputs, taps[0], strides[0], taps[1], strides[1])
    data = data[:, :, :, ::-1, :, ::-1]
    if group == c:
        data = data.transpose(3, 5, 1, 0, 4, 6, 2).reshape(1, *taps, -1)
    else:
        data = data.transpose(0, 4, 6, 2, 3, 5, 1).reshape(-1, *taps, c // group)
    made = task.const(data, quantization=q)
    return made if q is None else task.emit(Dequantize(), made)


def _bias(task: Import, bias: Value, group: int, pixels: int) -> Value:
    quanta = _quanta(task, bias)
    assert quanta is not None
    assert quanta.data is not None
    real = quanta.data if quanta is bias else Dequantize().eval([quanta.type], quanta.data)[0]
    each = np.repeat(real.reshape(group, 1, -1), pixels, axis=1)
    return task.const(each.reshape(-1), FLOAT32)
