"""Operators that work element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import ACTIVATIONS, Import, Importer
from edgerun.ir.arithmetic import (
    AddN,
    Atan2,
    Div,
    FloorDiv,
    FloorMod,
    Maximum,
    Minimum,
    Pow,
    Prelu,
    SquaredDifference,
)
from edgerun.ir.elementwise import (
    Add,
    Binary,
    Clip,
    HardSwish,
    LeakyRelu,
    Logistic,
    Mul,
    Softmax,
    Sub,
    Tanh,
    Unary,
)
from edgerun.ir.functions import (
    Abs,
    Ceil,
    Cos,
    Elu,
    Exp,
    Floor,
    Gelu,
    Log,
    Neg,
    Round,
    Rsqrt,
    Sign,
    Sin,
    Sqrt,
    Square,
)
from edgerun.ir.op import NO_CLAMP, Clamp, Op


def _binary(op: type[Binary]) -> Callable[[Import], Op]:
    """With a fused activation, where the operator has one."""
    return lambda task: op(task.out, task.clamp if "fused_activation_function" in task.options else NO_CLAMP)


def _extreme(op: type[Binary]) -> Callable[[Import], Op]:
    def extreme(task: Import) -> Op:
        if task.type(0).is_int16:
            task.requantize_inputs()
        return op(task.out)

    return extreme


def _unary(op: type[Unary]) -> Callable[[Import], Op]:
    return lambda task: op(task.out)


def softmax(task: Import) -> Op:
    return Softmax(task.out, float(task.options["beta"]))


def _clip(clamp: Clamp) -> Callable[[Import], Op]:
    return lambda task: Clip(task.out, clamp)


IMPORTERS: Mapping[str, Importer] = {
    "ABS": _unary(Abs),
    "ADD": _binary(Add),
    "ADD_N": lambda task: AddN(),
    "ATAN2": _binary(Atan2),
    "CEIL": _unary(Ceil),
    "COS": _unary(Cos),
    "DIV": _binary(Div),
    "ELU": _unary(Elu),
    "EXP": _unary(Exp),
    "FLOOR": _unary(Floor),
    "FLOOR_DIV": _binary(FloorDiv),
    "FLOOR_MOD": _binary(FloorMod),
    "GELU": lambda task: Gelu(task.out, bool(task.options["approximate"])),
    "HARD_SWISH": _unary(HardSwish),
    "LEAKY_RELU": lambda task: LeakyRelu(task.out, float(task.options["alpha"])),
    "LOG": _unary(Log),
    "LOGISTIC": _unary(Logistic),
    "MAXIMUM": _extreme(Maximum),
    "MINIMUM": _extreme(Minimum),
    "MUL": _binary(Mul),
    "NEG": _unary(Neg),
    "POW": _binary(Pow),
    "PRELU": _binary(Prelu),
    "RELU": _clip(ACTIVATIONS["relu"]),
    "RELU6": _clip(ACTIVATIONS["relu6"]),
    "RELU_0_TO_1": _clip((0.0, 1.0)),
    "RELU_N1_TO_1": _clip(ACTIVATIONS["relu_n1_to_1"]),
    "ROUND": _unary(Round),
    "RSQRT": _unary(Rsqrt),
    "SIGN": _unary(Sign),
    "SIN": _unary(Sin),
    "SOFTMAX": softmax,
    "SQRT": _unary(Sqrt),
    "SQUARE": _unary(Square),
    "SQUARED_DIFFERENCE": _binary(SquaredDifference),
    "SUB": _binary(Sub),
    "TANH": _unary(Tanh),
}
