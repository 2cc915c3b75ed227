"""Functions that are made of others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgerun.frontends.onnx_ops.reduction import normalized
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axes_of, axis_of, refuse
from edgerun.ir.arithmetic import Div, FloorMod, Remainder
from edgerun.ir.comparison import Greater, Less, Select
from edgerun.ir.elementwise import Add, Clip, Logistic, Mul, Sub, Tanh
from edgerun.ir.functions import Abs, Exp, Log, Sqrt
from edgerun.ir.graph import Value
from edgerun.ir.reduction import Mean, ReduceMax, Sum
from edgerun.ir.shape import Cumprod, Cumsum, Reshape


def _number(task: Import, value: float) -> Value:
    return task.const(np.float32(value))


def _reciprocal(task: Import) -> Value:
    return task.emit(Div(FLOAT), _number(task, 1), task.value(0))


def softplus(task: Import, x: Value) -> Value:
    """max(x, 0) + log(1 + exp(-|x|)): no power leaves the range of floats."""
    small = task.emit(Exp(FLOAT), task.emit(Mul(FLOAT), task.emit(Abs(FLOAT), x), _number(task, -1)))
    above = task.emit(Clip(FLOAT, (0.0, float("inf"))), x)
    return task.emit(Add(FLOAT), above, task.emit(Log(FLOAT), task.emit(Add(FLOAT), small, _number(task, 1))))


def _mish(task: Import) -> Value:
    x = task.value(0)
    return task.emit(Mul(FLOAT), x, task.emit(Tanh(FLOAT), softplus(task, x)))


def _softsign(task: Import) -> Value:
    x = task.value(0)
    return task.emit(Div(FLOAT), x, task.emit(Add(FLOAT), task.emit(Abs(FLOAT), x), _number(task, 1)))


def _swish(task: Import) -> Value:
    x = task.value(0)
    scaled = task.emit(Mul(FLOAT), x, _number(task, task.get("alpha", 1.0)))
    return task.emit(Mul(FLOAT), x, task.emit(Logistic(FLOAT), scaled))


def _exponential_unit(task: Import, alpha: float, gamma: float, width: float) -> Value:
    """gamma * (x above 0, alpha * (exp(x / width) - 1) below)."""
    x = task.value(0)
    below = task.emit(Clip(FLOAT, (float("-inf"), 0.0)), x)
    power = task.emit(Exp(FLOAT), task.emit(Mul(FLOAT), below, _number(task, 1 / width)))
    below = task.emit(Mul(FLOAT), task.emit(Sub(FLOAT), power, _number(task, 1)), _number(task, alpha))
    y = task.emit(Add(FLOAT), task.emit(Clip(FLOAT, (0.0, float("inf"))), x), below)
    return task.emit(Mul(FLOAT), y, _number(task, gamma)) if gamma != 1 else y


def _elu(task: Import) -> Value:
    return _exponential_unit(task, float(task.get("alpha", 1.0)), 1, 1)


def _celu(task: Import) -> Value:
    alpha = float(task.get("alpha", 1.0))
    return _exponential_unit(task, alpha, 1, alpha)


def _selu(task: Import) -> Value:
    alpha, gamma = task.get("alpha", 1.6732632423543772), task.get("gamma", 1.0507009873554805)
    return _exponential_unit(task, float(alpha), float(gamma), 1)


def _thresholded_relu(task: Import) -> Value:
    x = task.value(0)
    above = task.emit(Greater(), x, _number(task, task.get("alpha", 1.0)))
    return task.emit(Select(), above, x, _number(task, 0))


def _mod(task: Import) -> Value:
    op = Remainder if task.get("fmod", 0) else FloorMod
    return task.emit(op(task.type(0).element), task.value(0), task.value(1))


def _shrink(task: Import) -> Value:
    """x + bias below -lambd, x - bias above lambd, 0 between."""
    x, bias = task.value(0), float(task.get("bias", 0.0))
    if not x.type.is_float:
        raise refuse(f"it shrinks {x.type}")
    limit, dtype, element = float(task.get("lambd", 0.5)), x.type.dtype, x.type.element
    y = task.const(0, dtype)
    for op, end, by in ((Less(), -limit, bias), (Greater(), limit, -bias)):
        moved = task.emit(Add(element), x, task.const(by, dtype))
        y = task.emit(Select(), task.emit(op, x, task.const(end, dtype)), moved, y)
    return y


def _cumulative(op: type[Cumsum] | type[Cumprod]) -> Callable[[Import], Value]:
    def cumulative(task: Import) -> Value:
        axis = axis_of(task.integers(1, "axis")[0], len(task.type(0).shape))
        running = op(axis, bool(task.get("exclusive", 0)), bool(task.get("reverse", 0)))
        return task.emit(running, task.value(0))

    return cumulative


def _norm(before: str, after: str) -> Callable[[Import], Value]:
    """A sum of |x|, x^2 or exp(x), and the root or logarithm of it."""

    def norm(task: Import) -> Value:
        x, rank = task.value(0), len(task.type(0).shape)
        given = task.moved_integers(1, "axes")
        if not given and task.get("noop_with_empty_axes", 0):
            raise refuse("it has no axes")
        axes = axes_of(given, rank) if given else tuple(range(rank))
        element = x.type.element
        largest = None
        if before == "abs":
            x = task.emit(Abs(element), x)
        elif before == "square":
            x = task.emit(Mul(element), x, x)
        elif before == "exp":
            largest = task.emit(ReduceMax(element, axes, True), x)
            x = task.emit(Exp(element), task.emit(Sub(element), x, largest))
        y = task.emit(Sum(element, axes, True), x)
        if after == "sqrt":
            y = task.emit(Sqrt(element), y)
        elif after == "log":
            y = task.emit(Log(element), y)
        if largest is not None:
            y = task.emit(Add(element), y, largest)
        if task.get("keepdims", 1):
            return y
        return task.emit(Reshape(tuple(d for i, d in enumerate(x.type.shape) if i not in axes)), y)

    return norm


def _group_normalization(task: Import) -> Value:
    x = task.value(0)
    n, c, *rest = x.type.shape
    groups = int(task.get("num_groups", 1))
    if groups < 1 or c % groups:
        raise refuse(f"{c} channels are not {groups} groups")
    parts = task.emit(Reshape((n, groups, x.type.size // (n * groups))), x)
    y = normalized(task, parts, (2,), float(task.get("epsilon", 1e-5)))
    y = task.emit(Reshape(x.type.shape), y)
    shape = (c, *(1,) * len(rest))
    scale, bias = (_by_channel(task, task.value(i), c, shape) for i in (1, 2))
    return task.emit(Add(FLOAT), task.emit(Mul(FLOAT), y, scale), bias)


def _by_channel(task: Import, value: Value, c: int, shape: tuple[int, ...]) -> Value:
    """A parameter of each channel; before opset 21 it has one entry per group."""
    groups = value.type.size
    if groups != c:
        column = task.emit(Reshape((groups, 1)), value)
        value = task.emit(Mul(FLOAT), column, task.const(np.ones((1, c // groups), np.float32)))
    return task.emit(Reshape(shape), value)


def _rms_normalization(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    axes = tuple(range(axis_of(int(task.get("axis", -1)), rank), rank))
    mean = task.emit(Mean(FLOAT, axes, True), task.emit(Mul(FLOAT), x, x))
    shifted = task.emit(Add(FLOAT), mean, _number(task, task.get("epsilon", 1e-5)))
    y = task.emit(Div(FLOAT), x, task.emit(Sqrt(FLOAT), shifted))
    return task.emit(Mul(FLOAT), y, task.value(1))


IMPORTERS: dict[str, Importer] = {
    "Shrink": _shrink,
    "Celu": _celu,
    "CumProd": _cumulative(Cumprod),
    "CumSum": _cumulative(Cumsum),
    "Elu": _elu,
    "GroupNormalization": _group_normalization,
    "Mish": _mish,
    "Mod": _mod,
    "RMSNormalization": _rms_normalization,
    "Reciprocal": _reciprocal,
    "ReduceL1": _norm("abs", ""),
    "ReduceL2": _norm("square", "sqrt"),
    "ReduceLogSum": _norm("", "log"),
    "ReduceLogSumExp": _norm("exp", "log"),
    "ReduceSumSquare": _norm("square", ""),
    "Selu": _selu,
    "Softplus": lambda task: softplus(task, task.value(0)),
    "Softsign": _softsign,
    "Swish": _swish,
    "ThresholdedRelu": _thresholded_relu,
}
