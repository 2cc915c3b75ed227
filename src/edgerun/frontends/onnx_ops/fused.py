"""What ONNX Runtime's optimiser makes of several operators of floats: FusedConv and FusedMatMul."""

from __future__ import annotations

import math

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import convolution
from edgerun.frontends.onnx_ops.matmul import product
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, refuse
from edgerun.ir.elementwise import Add, Clip, LeakyRelu, Logistic, Mul, Tanh
from edgerun.ir.graph import Value
from edgerun.ir.op import Op


def _activation(task: Import) -> Op | None:
    name = str(task.get("activation", ""))
    params = [float(v) for v in task.get("activation_params", ())]
    wanted = {"Clip": 2, "LeakyRelu": 1}.get(name, 0)
    if len(params) < wanted:
        raise FormatError(f"{name} has {len(params)} activation_params, expected {wanted}")
    match name:
        case "":
            return None
        case "Relu":
            return Clip(FLOAT, (0.0, math.inf))
        case "Clip":
            return Clip(FLOAT, (params[0], params[1]))
        case "LeakyRelu":
            return LeakyRelu(FLOAT, params[0])
        case "Sigmoid":
            return Logistic(FLOAT)
        case "Tanh":
            return Tanh(FLOAT)
    raise refuse(f"its activation is {name}")


def _conv(task: Import) -> Value:
    """activation(Conv(x, w, b) + z)."""
    bias = task.value(2) if task.has(2) else None
    y = convolution(task, task.value(0), task.value(1), bias, FLOAT)
    if task.has(3):
        y = task.emit(Add(FLOAT), y, task.value(3))
    activation = _activation(task)
    return y if activation is None else task.emit(activation, y)


def _matmul(task: Import) -> Value:
    """alpha * a b, with the last two dimensions of either the other way round where transA, transB say so."""
    if task.get("transBatchA", 0) or task.get("transBatchB", 0):
        raise refuse("it transposes batches")
    operands = []
    for i, name in enumerate(("transA", "transB")):
        value, rank = task.value(i), len(task.type(i).shape)
        if task.get(name, 0) and rank >= 2:
            value = task.transpose(value, (*range(rank - 2), rank - 1, rank - 2))
        operands.append(value)
    y, alpha = product(task, *operands), float(task.get("alpha", 1.0))
    return y if alpha == 1.0 else task.emit(Mul(FLOAT), y, task.const(alpha, np.float32))


IMPORTERS: dict[str, Importer] = {
    "com.microsoft.FusedConv": _conv,
    "com.microsoft.FusedMatMul": _matmul,
}
