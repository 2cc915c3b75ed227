"""Pooling over windows, and over whole images."""

from __future__ import annotations

from collections.abc import Callable

from edgerun.frontends.onnx_ops.conv import as_before, as_image, on_channels_last, padding_of, pairs
from edgerun.frontends.onnx_ops.task import Import, Importer, refuse
from edgerun.ir.graph import Value
from edgerun.ir.pool import AveragePool2d, MaxPool2d
from edgerun.ir.reduction import Mean, ReduceMax
from edgerun.ir.shape import Pad
from edgerun.ir.types import Element


def _pool(op: type[MaxPool2d] | type[AveragePool2d]) -> Callable[[Import], Value]:
    return lambda task: pool(task, op, task.value(0), task.type(0).element)


def pool(task: Import, op: type[MaxPool2d] | type[AveragePool2d], x: Value, out: Element) -> Value:
    """The pool of x, channels first, with the attributes of the operator."""
    rank = len(x.type.shape)
    if len(task.outputs) > 1:
        raise refuse("its indices are asked for")
    kernel, strides = pairs(task, "kernel_shape", rank), pairs(task, "strides", rank)
    if pairs(task, "dilations", rank) != (1, 1):
        raise refuse("it has dilations")
    image = as_image(task, x)
    size = image.type.shape[2], image.type.shape[3]
    top, left, bottom, right = padding_of(task, size, kernel, strides, (1, 1))
    # What rounding up adds at the end is never counted, and no window begins there.
    starts, whole = (size[0] + top, size[1] + left), (size[0] + top + bottom, size[1] + left + right)
    if op is AveragePool2d and task.get("count_include_pad", 0) and any((top, left, bottom, right)):
        image = task.emit(Pad((0, 0, top, left), (0, 0, bottom, right), _zero(x)), image)
        top = left = bottom = right = 0
    if task.get("ceil_mode", 0):
        bottom += _more(whole[0], kernel[0], strides[0], starts[0])
        right += _more(whole[1], kernel[1], strides[1], starts[1])
    y = on_channels_last(task, op(out, kernel, strides, (top, left, bottom, right)), image)
    return as_before(task, y, rank)


def _zero(x: Value) -> float | int:
    """The real number zero, as x stores it."""
    return 0.0 if x.type.quantization is None else x.type.quantization.zero


def _more(size: int, kernel: int, stride: int, real: int) -> int:
    """What must be added at the end so that one more window fits, if it begins within the image."""
    rest = (size - kernel) % stride
    starts = (size - kernel) // stride * stride + stride
    return stride - rest if rest and starts < real else 0


def global_pool(task: Import, op: type[Mean] | type[ReduceMax], x: Value, out: Element) -> Value:
    """One value per channel, channels first."""
    rank = len(x.type.shape)
    if rank != 4:
        return task.emit(op(out, tuple(range(2, rank)), True), x)
    return on_channels_last(task, op(out, (1, 2), True), x)


def _global(op: type[Mean] | type[ReduceMax]) -> Callable[[Import], Value]:
    return lambda task: global_pool(task, op, task.value(0), task.type(0).element)


IMPORTERS: dict[str, Importer] = {
    "MaxPool": _pool(MaxPool2d),
    "AveragePool": _pool(AveragePool2d),
    "GlobalAveragePool": _global(Mean),
    "GlobalMaxPool": _global(ReduceMax),
}
