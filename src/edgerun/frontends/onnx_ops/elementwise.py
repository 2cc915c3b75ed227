"""Functions and arithmetic, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, float_of
from edgerun.ir.arithmetic import Div, Maximum, Minimum, Pow, Prelu
from edgerun.ir.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    Select,
)
from edgerun.ir.elementwise import Add, Binary, Clip, HardSwish, LeakyRelu, Logistic, Mul, Sub, Tanh, Unary
from edgerun.ir.functions import Abs, Ceil, Cos, Erf, Exp, Floor, Log, Neg, Round, Sign, Sin, Sqrt
from edgerun.ir.graph import Value
from edgerun.ir.op import Op
from edgerun.ir.quantize import Cast
from edgerun.ir.trigonometry import Acos, Acosh, Asin, Asinh, Atan, Atanh, Cosh, Sinh, Tan


def _unary(op: type[Unary]) -> Callable[[Import], Value]:
    return lambda task: task.emit(op(task.type(0).element), task.value(0))


def _binary(op: type[Binary]) -> Callable[[Import], Value]:
    return lambda task: task.emit(op(task.type(0).element), task.value(0), task.value(1))


def _fold(op: type[Binary]) -> Callable[[Import], Value]:
    """Any number of operands, from left to right."""

    def fold(task: Import) -> Value:
        y = task.value(0)
        for i in range(1, len(task.inputs)):
            y = task.emit(op(y.type.element), y, task.value(i))
        return y

    return fold


def _mean(task: Import) -> Value:
    total = _fold(Add)(task)
    share = task.const(1 / len(task.inputs), float_of(total).dtype)
    return task.emit(Mul(float_of(total)), total, share)


def _plain(op: type[Op]) -> Callable[[Import], Value]:
    return lambda task: task.emit(op(), *(task.value(i) for i in range(len(task.inputs))))


def _relu(task: Import) -> Value:
    return clip(task, 0.0, math.inf)


def clip(task: Import, low: float, high: float) -> Value:
    x = task.value(0)
    if x.type.is_float:
        return task.emit(Clip(x.type.element, (low, high)), x)
    if low != -math.inf:
        x = task.emit(Maximum(x.type.element), x, task.const(int(low), x.type.dtype))
    if high != math.inf:
        x = task.emit(Minimum(x.type.element), x, task.const(int(high), x.type.dtype))
    return x


def _clip(task: Import) -> Value:
    known = [not task.has(i) or task.value(i).data is not None for i in (1, 2)]
    if not all(known):
        return _clip_to_values(task)
    limits = []
    for i, name, none in ((1, "min", -math.inf), (2, "max", math.inf)):
        given = float(task.constant(i, name).reshape(())) if task.has(i) else float(task.get(name, none))
        limits.append(given)
    low, high = limits
    return clip(task, min(low, high), high)


def _clip_to_values(task: Import) -> Value:
    """Limits that a run computes: where they cross, it is the upper one."""
    x = task.value(0)
    if task.has(1):
        x = task.emit(Maximum(x.type.element), x, task.value(1))
    if task.has(2):
        x = task.emit(Minimum(x.type.element), x, task.value(2))
    return x


def _leaky_relu(task: Import) -> Value:
    return task.emit(LeakyRelu(FLOAT, float(task.get("alpha", 0.01))), task.value(0))


def _hard_sigmoid(task: Import) -> Value:
    scaled = task.emit(Mul(FLOAT), task.value(0), task.const(task.get("alpha", 0.2), np.float32))
    return task.emit(Add(FLOAT, (0.0, 1.0)), scaled, task.const(task.get("beta", 0.5), np.float32))


def _pow(task: Import) -> Value:
    x, y = task.value(0), task.value(1)
    if y.type.dtype != x.type.dtype:
        y = task.emit(Cast(x.type.dtype), y)
    if y.data is not None and y.data.size == 1 and float(y.data.reshape(())) == 2.0:
        return task.emit(Mul(x.type.element), x, x)
    return task.emit(Pow(x.type.element), x, y)


IMPORTERS: dict[str, Importer] = {
    "Abs": _unary(Abs),
    "Acos": _unary(Acos),
    "Acosh": _unary(Acosh),
    "Asin": _unary(Asin),
    "Asinh": _unary(Asinh),
    "Atan": _unary(Atan),
    "Atanh": _unary(Atanh),
    "Cosh": _unary(Cosh),
    "Sinh": _unary(Sinh),
    "Tan": _unary(Tan),
    "Ceil": _unary(Ceil),
    "Cos": _unary(Cos),
    "Erf": _unary(Erf),
    "Exp": _unary(Exp),
    "Floor": _unary(Floor),
    "HardSwish": _unary(HardSwish),
    "Log": _unary(Log),
    "Neg": _unary(Neg),
    "Round": _unary(Round),
    "Sigmoid": _unary(Logistic),
    "Sign": _unary(Sign),
    "Sin": _unary(Sin),
    "Sqrt": _unary(Sqrt),
    "Tanh": _unary(Tanh),
    "Add": _binary(Add),
    "Div": _binary(Div),
    "Mul": _binary(Mul),
    "PRelu": _binary(Prelu),
    "Pow": _pow,
    "Sub": _binary(Sub),
    "Max": _fold(Maximum),
    "Min": _fold(Minimum),
    "Sum": _fold(Add),
    "Mean": _mean,
    "And": _plain(LogicalAnd),
    "Equal": _plain(Equal),
    "Greater": _plain(Greater),
    "GreaterOrEqual": _plain(GreaterEqual),
    "Less": _plain(Less),
    "LessOrEqual": _plain(LessEqual),
    "Not": _plain(LogicalNot),
    "Or": _plain(LogicalOr),
    "Where": _plain(Select),
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": _leaky_relu,
    "Relu": _relu,
}
