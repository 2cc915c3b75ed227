"""Convolutions, from channels first to channels last."""

from __future__ import annotations

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, refuse
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, Padding, Pair
from edgerun.ir.graph import Value
from edgerun.ir.op import Op
from edgerun.ir.shape import Reshape
from edgerun.ir.types import Element

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)


def as_image(task: Import, value: Value) -> Value:
    """[n, c, length] as [n, c, 1, length]; images as they are."""
    shape = value.type.shape
    if len(shape) == 3:
        return task.emit(Reshape((shape[0], shape[1], 1, shape[2])), value)
    if len(shape) != 4:
        raise refuse(f"it works on {len(shape) - 2} spatial dimensions, edgerun on 1 or 2")
    return value


def as_before(task: Import, y: Value, rank: int) -> Value:
    """What `as_image` made of a tensor of this rank, back."""
    n, c, _, length = y.type.shape
    return task.emit(Reshape((n, c, length)), y) if rank == 3 else y


def on_channels_last(task: Import, op: Op, x: Value, *rest: Value | None) -> Value:
    """`op` on [n, c, h, w], or [n, c, length]."""
    rank = len(x.type.shape)
    last = task.transpose(as_image(task, x), TO_LAST)
    return as_before(task, task.transpose(task.emit(op, last, *rest), TO_FIRST), rank)


def pairs(task: Import, name: str, rank: int) -> tuple[int, int]:
    """An attribute with an entry per spatial dimension."""
    values = tuple(int(v) for v in task.get(name, (1,) * (rank - 2)))
    if len(values) != rank - 2:
        raise FormatError(f"its {name} has {len(values)} entries, expected {rank - 2}")
    return (1, values[0]) if rank == 3 else (values[0], values[1])


def padding_of(task: Import, size: Pair, kernel: Pair, strides: Pair, dilations: Pair) -> Padding:
    """top, left, bottom, right, from pads or auto_pad."""
    auto = task.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        before, after = [], []
        for length, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            total = max((-(-length // s) - 1) * s + (k - 1) * d + 1 - length, 0)
            less, more = total // 2, total - total // 2
            before.append(less if auto == "SAME_UPPER" else more)
            after.append(more if auto == "SAME_UPPER" else less)
        return before[0], before[1], after[0], after[1]
    pads = tuple(int(v) for v in task.get("pads", ()))
    if auto == "VALID" or not pads:
        return 0, 0, 0, 0
    if len(pads) == 2:
        return 0, pads[0], 0, pads[1]
    if len(pads) != 4:
        raise FormatError(f"its pads have {len(pads)} entries, expected 4")
    return pads[0], pads[1], pads[2], pads[3]


def _conv(task: Import) -> Value:
    bias = task.value(2) if task.has(2) else None
    if len(task.type(0).shape) == 5:
        from edgerun.frontends.onnx_ops.volume import convolution as of_volumes

        return of_volumes(task, task.value(0), task.value(1), bias)
    return convolution(task, task.value(0), task.value(1), bias, FLOAT)


def convolution(task: Import, x: Value, w: Value, bias: Value | None, out: Element) -> Value:
    """The convolution of x by w, channels first, with the attributes of the operator."""
    rank, w = len(x.type.shape), as_image(task, w)
    group = int(task.get("group", 1))
    kernel = w.type.shape[2], w.type.shape[3]
    strides, dilations = pairs(task, "strides", rank), pairs(task, "dilations", rank)
    size = as_image(task, x).type.shape[2:]
    padding = padding_of(task, (size[0], size[1]), kernel, strides, dilations)
    return grouped(task, x, w, bias, out, group, strides, dilations, padding)


def grouped(
    task: Import,
    x: Value,
    w: Value,
    bias: Value | None,
    out: Element,
    group: int,
    strides: Pair,
    dilations: Pair,
    padding: Padding,
) -> Value:
    """The convolution of images, channels first, in so many groups."""
    if min(padding) < 0:
        raise refuse("its padding is negative")
    channels = x.type.shape[1]
    if group < 1 or channels != group * w.type.shape[1]:
        raise FormatError(f"{channels} input channels in {group} groups do not fit the weights {w.type}")
    if group == channels and group > 1:
        depthwise = task.transpose(w, (1, 2, 3, 0))
        return on_channels_last(task, DepthwiseConv2d(out, strides, dilations, padding), x, depthwise, bias)
    weights = task.transpose(w, TO_LAST)
    return on_channels_last(task, Conv2d(out, strides, dilations, padding), x, weights, bias)


IMPORTERS: dict[str, Importer] = {"Conv": _conv}
