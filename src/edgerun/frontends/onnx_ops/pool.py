"""Pooling over windows, and over whole images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgerun.frontends.onnx_ops.conv import as_before, as_image, on_channels_last, padding_of, pairs
from edgerun.frontends.onnx_ops.sides import attribute, padding
from edgerun.frontends.onnx_ops.task import Import, Importer, refuse
from edgerun.ir.gather import ScatterNd
from edgerun.ir.graph import Value
from edgerun.ir.pool import AveragePool2d, MaxPool2d
from edgerun.ir.reduction import Mean, ReduceMax
from edgerun.ir.shape import Pad, Reshape
from edgerun.ir.types import FLOAT32, Element, Shape
from edgerun.ir.windows import AveragePoolNd, LpPoolNd, MaxPoolNd


def _pool(op: type[MaxPool2d] | type[AveragePool2d]) -> Callable[[Import], Value | list[Value]]:
    def importer(task: Import) -> Value | list[Value]:
        x = task.value(0)
        if len(task.outputs) > 1 or x.type.dtype != FLOAT32 or _is_rare(task, op):
            return _of_any_rank(task, op)
        return pool(task, op, x, x.type.element)

    return importer


def _is_rare(task: Import, op: type[MaxPool2d] | type[AveragePool2d]) -> bool:
    """Whether the pools of images do not have it: volumes, dilations, padding as wide as the kernel."""
    rank = len(task.type(0).shape)
    if rank not in (3, 4) or pairs(task, "dilations", rank) != (1, 1):
        return True
    kernel, pads = pairs(task, "kernel_shape", rank), tuple(task.get("pads", ()))
    counted = op is AveragePool2d and task.get("count_include_pad", 0)
    return not counted and any(p >= k for p, k in zip(pads, 2 * kernel[4 - rank :], strict=False))


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
    over = [0, 0]
    if task.get("ceil_mode", 0):
        over = [
            _more(size[0] + top + bottom, kernel[0], strides[0], size[0] + top),
            _more(size[1] + left + right, kernel[1], strides[1], size[1] + left),
        ]
    if op is AveragePool2d and task.get("count_include_pad", 0) and any((top, left, bottom, right)):
        # The padding counts, but not what the last windows reach over it.
        image = task.emit(Pad((0, 0, top, left), (0, 0, bottom, right), _zero(x)), image)
        top = left = bottom = right = 0
    sides = top, left, bottom + over[0], right + over[1]
    y = on_channels_last(task, op(out, kernel, strides, sides), image)
    return as_before(task, y, rank)


@dataclass(frozen=True)
class _Sides:
    """What pools of any rank have in common; the fields of ir/windows.py in their order."""

    kernel: Shape
    strides: Shape
    dilations: Shape
    before: Shape
    after: Shape
    over: Shape


def _sides(task: Import) -> _Sides:
    shape = task.type(0).shape[2:]
    kernel, strides, dilations = (
        attribute(task, name, len(shape)) for name in ("kernel_shape", "strides", "dilations")
    )
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    before, after = padding(task, shape, extents, strides)
    over = (0,) * len(shape)
    if task.get("ceil_mode", 0):
        sides = zip(shape, before, after, extents, strides, strict=True)
        over = tuple(_more(n + b + a, e, s, n + b) for n, b, a, e, s in sides)
    return _Sides(kernel, strides, dilations, before, after, over)


def _of_any_rank(task: Import, op: type[MaxPool2d] | type[AveragePool2d]) -> list[Value]:
    sides = _sides(task)
    fields = (sides.kernel, sides.strides, sides.dilations, sides.before, sides.after, sides.over)
    if op is MaxPool2d:
        largest = MaxPoolNd(*fields, columns_first=bool(task.get("storage_order", 0)))
        return task.emit_all(largest, task.value(0))[: len(task.outputs)]
    mean = AveragePoolNd(*fields, counts_padding=bool(task.get("count_include_pad", 0)))
    return [task.emit(mean, task.value(0))]


def _lp_pool(task: Import) -> Value:
    sides = _sides(task)
    fields = (sides.kernel, sides.strides, sides.dilations, sides.before, sides.after, sides.over)
    return task.emit(LpPoolNd(*fields, p=int(task.get("p", 2))), task.value(0))


def _max_unpool(task: Import) -> Value:
    """Every value where its index, counted through the whole result, says; zeros elsewhere."""
    x, sides = task.value(0), _sides(task)
    spatial = tuple(
        (n - 1) * s + k - b - a
        for n, s, k, b, a in zip(
            x.type.shape[2:], sides.strides, sides.kernel, sides.before, sides.after, strict=True
        )
    )
    shape = (*x.type.shape[:2], *spatial)
    flat = task.emit(Reshape((x.type.size, 1)), task.value(1))
    values = task.emit(Reshape((x.type.size,)), x)
    y = task.emit(Reshape(shape), task.emit(ScatterNd((math.prod(shape),)), flat, values))
    if not task.has(2):
        return y
    # The indices are about the result without the output shape, which only adds zeros.
    wanted = task.integers(2, "output shape")
    if len(wanted) != len(shape) or any(w < d for w, d in zip(wanted, shape, strict=True)):
        raise refuse(f"its output shape {wanted} does not hold {shape}")
    more = tuple(w - d for w, d in zip(wanted, shape, strict=True))
    return task.emit(Pad((0,) * len(shape), more), y)


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
    "LpPool": _lp_pool,
    "MaxUnpool": _max_unpool,
    "GlobalAveragePool": _global(Mean),
    "GlobalMaxPool": _global(ReduceMax),
}
