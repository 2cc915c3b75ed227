"""Reductions, and what normalises along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axes_of, axis_of, float_of, refuse
from edgerun.ir.arithmetic import Div
from edgerun.ir.elementwise import Add, Mul, Softmax, Sub
from edgerun.ir.functions import Sqrt
from edgerun.ir.graph import Value
from edgerun.ir.normalize import LogSoftmax
from edgerun.ir.reduction import ArgMax, ArgMin, Mean, ReduceMax, ReduceMin, ReduceProd, Reduction, Sum
from edgerun.ir.shape import Reshape
from edgerun.ir.types import INT64, Element


def _reduction(op: type[Reduction]) -> Callable[[Import], Value]:
    def reduction(task: Import) -> Value:
        x, rank = task.value(0), len(task.type(0).shape)
        given = task.moved_integers(1, "axes")
        if not given and task.get("noop_with_empty_axes", 0):
            return x
        axes = axes_of(given, rank) if given else tuple(range(rank))
        if 0 in (x.type.shape[i] for i in axes):
            return _of_nothing(task, op, x, axes)
        # With its dimensions kept, a reduction can change places with a transpose.
        y = task.emit(op(x.type.element, axes, keep_dims=True), x)
        if task.get("keepdims", 1):
            return y
        return task.emit(Reshape(tuple(d for i, d in enumerate(x.type.shape) if i not in axes)), y)

    return reduction


def _of_nothing(task: Import, op: type[Reduction], x: Value, axes: tuple[int, ...]) -> Value:
    """What a reduction begins with, which is its value where there is nothing to reduce."""
    if op is Mean:
        raise refuse("it is the mean of nothing")
    kept = bool(task.get("keepdims", 1))
    shape = [1 if i in axes else d for i, d in enumerate(x.type.shape) if kept or i not in axes]
    value: object = int(op is ReduceProd)
    if op in (ReduceMax, ReduceMin):
        low, high = _limits(x.type.dtype)
        value = low if op is ReduceMax else high
    task.afford(8 * math.prod(shape))
    return task.const(np.full(shape, value), x.type.dtype)


def _limits(dtype: np.dtype[np.generic]) -> tuple[object, object]:
    if dtype.kind in "iu":
        return np.iinfo(dtype.name).min, np.iinfo(dtype.name).max
    return (False, True) if dtype.kind == "b" else (-np.inf, np.inf)


def _arg(op: type[ArgMax] | type[ArgMin]) -> Callable[[Import], Value]:
    def arg(task: Import) -> Value:
        x, rank = task.value(0), len(task.type(0).shape)
        axis = axis_of(int(task.get("axis", 0)), rank)
        y = task.emit(op(Element(INT64), axis, bool(task.get("select_last_index", 0))), x)
        if task.get("keepdims", 1):
            y = task.emit(Reshape(tuple(1 if i == axis else d for i, d in enumerate(x.type.shape))), y)
        return y

    return arg


def _softmax(op: type[Softmax] | type[LogSoftmax]) -> Callable[[Import], Value]:
    def importer(task: Import) -> Value:
        x = task.value(0)
        axis = axis_of(int(task.get("axis", default_axis(task.opset))), len(x.type.shape))
        return softmax(task, op(float_of(x)), x, axis, task.opset)

    return importer


def default_axis(opset: int) -> int:
    """The axis of softmax where the operator names none."""
    return 1 if opset < 13 else -1


def softmax(task: Import, op: Softmax | LogSoftmax, x: Value, axis: int, opset: int) -> Value:
    """`op`, which works on rows, along an axis; before opset 13 over all dimensions from the axis on."""
    rank = len(x.type.shape)
    if axis == rank - 1:
        return task.emit(op, x)
    if opset < 13:
        rows = int(np.prod(x.type.shape[:axis], dtype=np.int64))
        flat = task.emit(Reshape((rows, x.type.size // rows)), x)
        return task.emit(Reshape(x.type.shape), task.emit(op, flat))
    perm = (*(i for i in range(rank) if i != axis), axis)
    back = tuple(int(i) for i in np.argsort(perm))
    return task.transpose(task.emit(op, task.transpose(x, perm)), back)


def _batch_normalization(task: Import) -> Value | list[Value]:
    if task.get("training_mode", 0):
        return _of_this_batch(task)
    if len(task.outputs) > 1:
        raise refuse("its means are asked for, although it does not train")
    if any(task.value(i).data is None for i in range(1, 5)):
        return _of_values(task)
    scale, bias, mean, variance = (task.constant(i, "parameter").astype(np.float64) for i in range(1, 5))
    factor = scale / np.sqrt(variance + float(task.get("epsilon", 1e-5)))
    shift = bias - mean * factor
    shape = (-1, *(1,) * (len(task.type(0).shape) - 2))
    scaled = task.emit(Mul(FLOAT), task.value(0), task.const(factor.reshape(shape), np.float32))
    return task.emit(Add(FLOAT), scaled, task.const(shift.reshape(shape), np.float32))


def normalized(task: Import, x: Value, axes: tuple[int, ...], epsilon: float) -> Value:
    """(x - mean) / sqrt(variance + epsilon) over the axes."""
    return _with_moments(task, x, axes, epsilon)[0]


def _with_moments(
    task: Import, x: Value, axes: tuple[int, ...], epsilon: float
) -> tuple[Value, Value, Value]:
    """What is normalised over the axes, the mean, and sqrt(variance + epsilon)."""
    mean = task.emit(Mean(FLOAT, axes, True), x)
    centred = task.emit(Sub(FLOAT), x, mean)
    variance = task.emit(Mean(FLOAT, axes, True), task.emit(Mul(FLOAT), centred, centred))
    root = task.emit(Sqrt(FLOAT), task.emit(Add(FLOAT), variance, task.const(epsilon, np.float32)))
    return task.emit(Div(FLOAT), centred, root), mean, root


def _of_values(task: Import) -> Value:
    """Batch normalisation with parameters that a run computes."""
    scale, bias, mean, variance = (_per_channel(task, i) for i in range(1, 5))
    epsilon = task.const(task.get("epsilon", 1e-5), np.float32)
    root = task.emit(Sqrt(FLOAT), task.emit(Add(FLOAT), variance, epsilon))
    centred = task.emit(Sub(FLOAT), task.value(0), mean)
    return task.emit(Add(FLOAT), task.emit(Mul(FLOAT), centred, task.emit(Div(FLOAT), scale, root)), bias)


def _of_this_batch(task: Import) -> list[Value]:
    """Training: with mean and variance of the batch itself, and what becomes of those of all batches."""
    x, momentum = task.value(0), float(task.get("momentum", 0.9))
    axes = tuple(i for i in range(len(x.type.shape)) if i != 1)
    mean = task.emit(Mean(FLOAT, axes, True), x)
    centred = task.emit(Sub(FLOAT), x, mean)
    variance = task.emit(Mean(FLOAT, axes, True), task.emit(Mul(FLOAT), centred, centred))
    epsilon = task.const(task.get("epsilon", 1e-5), np.float32)
    root = task.emit(Sqrt(FLOAT), task.emit(Add(FLOAT), variance, epsilon))
    scaled = task.emit(Mul(FLOAT), task.emit(Div(FLOAT), centred, root), _per_channel(task, 1))
    results = [task.emit(Add(FLOAT), scaled, _per_channel(task, 2))]
    for i, now in list(zip((3, 4), (mean, variance), strict=True))[: len(task.outputs) - 1]:
        before = task.emit(Mul(FLOAT), task.value(i), task.const(momentum, np.float32))
        now = task.emit(Reshape((x.type.shape[1],)), now)
        now = task.emit(Mul(FLOAT), now, task.const(1 - momentum, np.float32))
        results.append(task.emit(Add(FLOAT), before, now))
    return results


def _layer_normalization(task: Import) -> list[Value]:
    """The result, and where they are asked for the mean and one over the standard deviation."""
    x, rank = task.value(0), len(task.type(0).shape)
    axes = tuple(range(axis_of(int(task.get("axis", -1)), rank), rank))
    y, mean, root = _with_moments(task, x, axes, float(task.get("epsilon", 1e-5)))
    y = task.emit(Mul(FLOAT), y, task.value(1))
    results = [task.emit(Add(FLOAT), y, task.value(2)) if task.has(2) else y]
    if len(task.outputs) > 1:
        results.append(mean)
    if len(task.outputs) > 2:
        results.append(task.emit(Div(FLOAT), task.const(1, np.float32), root))
    return results


def _per_channel(task: Import, i: int) -> Value:
    """Input i, a number per channel, in the rank of the first input: [c, 1, ...]."""
    value = task.value(i)
    return task.emit(Reshape((value.type.size, *(1,) * (len(task.type(0).shape) - 2))), value)


def _instance_normalization(task: Import) -> Value:
    rank = len(task.type(0).shape)
    y = normalized(task, task.value(0), tuple(range(2, rank)), float(task.get("epsilon", 1e-5)))
    scaled = task.emit(Mul(FLOAT), y, _per_channel(task, 1))
    return task.emit(Add(FLOAT), scaled, _per_channel(task, 2))


IMPORTERS: dict[str, Importer] = {
    "ReduceMax": _reduction(ReduceMax),
    "ReduceMean": _reduction(Mean),
    "ReduceMin": _reduction(ReduceMin),
    "ReduceProd": _reduction(ReduceProd),
    "ReduceSum": _reduction(Sum),
    "ArgMax": _arg(ArgMax),
    "ArgMin": _arg(ArgMin),
    "Softmax": _softmax(Softmax),
    "LogSoftmax": _softmax(LogSoftmax),
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "InstanceNormalization": _instance_normalization,
}
