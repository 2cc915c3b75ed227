"""Convolutions of volumes: the sum of the convolutions of images by each plane of the kernel."""

from __future__ import annotations

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import grouped
from edgerun.frontends.onnx_ops.sides import attribute, padding
from edgerun.frontends.onnx_ops.task import FLOAT, Import
from edgerun.ir.elementwise import Add
from edgerun.ir.graph import Value
from edgerun.ir.shape import Pad, Reshape, Slice


def convolution(task: Import, x: Value, w: Value, bias: Value | None) -> Value:
    """x [n, c, d, h, w] by w [channels, c / group, kd, kh, kw]; raises FormatError where they do not fit."""
    if len(w.type.shape) != 5 or 0 in w.type.shape:
        raise FormatError(f"{x.type} does not fit the weights {w.type}")
    strides, dilations = attribute(task, "strides", 3), attribute(task, "dilations", 3)
    extents = tuple((k - 1) * d + 1 for k, d in zip(w.type.shape[2:], dilations, strict=True))
    before, after = padding(task, x.type.shape[2:], extents, strides)
    n, c, depth, *image = x.type.shape
    count = (depth + before[0] + after[0] - extents[0]) // strides[0] + 1
    if min(before + after) < 0 or count < 1:
        raise FormatError(f"no window of {extents} fits into {x.type} padded by {before} and {after}")
    planes = task.transpose(x, (0, 2, 1, 3, 4))
    planes = task.emit(Pad((0, before[0], 0, 0, 0), (0, after[0], 0, 0, 0)), planes)
    y: Value | None = None
    for t in range(w.type.shape[2]):
        start, sizes = (0, t * dilations[0], 0, 0, 0), (n, count, c, *image)
        part = task.emit(Slice(start, sizes, (1, strides[0], 1, 1, 1)), planes)
        part = task.emit(Reshape((n * count, c, *image)), part)
        tap = task.emit(Slice((0, 0, t, 0, 0), (*w.type.shape[:2], 1, *w.type.shape[3:]), (1,) * 5), w)
        tap = task.emit(Reshape((*w.type.shape[:2], *w.type.shape[3:])), tap)
        pads = before[1], before[2], after[1], after[2]
        product = grouped(
            task, part, tap, bias if t == 0 else None, FLOAT, int(task.get("group", 1)),
            (strides[1], strides[2]), (dilations[1], dilations[2]), pads,
        )  # fmt: skip
        y = product if y is None else task.emit(Add(FLOAT), y, product)
    assert y is not None
    _, channels, *size = y.type.shape
    return task.transpose(task.emit(Reshape((n, count, channels, *size)), y), (0, 2, 1, 3, 4))
