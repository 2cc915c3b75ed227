"""Operators that work element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import ACTIVATIONS, Import, Importer
from edgerun.ir.elementwise import Add, Clip, HardSwish, LeakyRelu, Logistic, Mul, Softmax, Sub, Tanh
from edgerun.ir.op import Clamp, Op


def _binary(op: type[Add] | type[Sub] | type[Mul]) -> Callable[[Import], Op]:
    return lambda task: op(task.out, task.clamp)


def softmax(task: Import) -> Op:
    return Softmax(task.out, float(task.options["beta"]))


def _clip(clamp: Clamp) -> Callable[[Import], Op]:
    return lambda task: Clip(task.out, clamp)


IMPORTERS: Mapping[str, Importer] = {
    "ADD": _binary(Add),
    "HARD_SWISH": lambda task: HardSwish(task.out),
    "LEAKY_RELU": lambda task: LeakyRelu(task.out, float(task.options["alpha"])),
    "LOGISTIC": lambda task: Logistic(task.out),
    "MUL": _binary(Mul),
    "RELU": _clip(ACTIVATIONS["relu"]),
    "RELU6": _clip(ACTIVATIONS["relu6"]),
    "RELU_N1_TO_1": _clip(ACTIVATIONS["relu_n1_to_1"]),
    "SOFTMAX": softmax,
    "SUB": _binary(Sub),
    "TANH": lambda task: Tanh(task.out),
}
