"""Recurrent operators: the verbs lstm_s8, lstm_f32, gru_f32, svdf_s8 and svdf_f32."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgerun.ir import lstm_fixed
from edgerun.ir.fixed_point import Multiplier
from edgerun.ir.gates import Gru
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import quantization_of
from edgerun.ir.recurrent import DYNAMIC, Lstm, Svdf
from edgerun.ir.types import INT8, Array
from edgerun.plan.lower.lowering import Lowering, constant, lowers
from edgerun.plan.plan import Attribute

_PADDING = 8  # csrc/ops/recurrent.h: kPadding


def _padded(matrix: Array, dtype: type[np.generic]) -> Array:
    """A matrix whose rows are filled up with zeros to a multiple of _PADDING."""
    rows, n = matrix.shape
    wide = np.zeros((rows, -(-n // _PADDING) * _PADDING), dtype)
    wide[:, :n] = matrix
    return wide


def _flat(multipliers: Sequence[Multiplier]) -> tuple[int, ...]:
    return tuple(number for pair in multipliers for number in pair)


def _optional(node: Node, i: int) -> Array | None:
    return None if node.inputs[i] is None else constant(node, i)


@lowers(Lstm)
def _lstm(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Lstm)
    if _has_computed(node.inputs[1:22]):
        lo.host(node)
        return
    cells, out = op.sizes(node.types())
    first = 1 if node.inputs[1] is None else 0  # of the gates that are there
    gates = range(first, 4)
    x, h, c = (lo.tensor(node.inputs[i]) for i in (0, 22, 23))
    attributes: dict[str, Attribute] = {
        "time_major": int(op.time_major),
        "gates": len(gates),
        "cells": cells,
    }
    fixed = node.types()[0].dtype == INT8
    attributes |= _lstm_fixed(node, op, gates) if fixed else _lstm_float(node, op, gates)
    outputs = tuple(lo.tensor(v) for v in node.outputs)
    steps = math.prod(lo.shape(x)[:-1])
    macs = steps * (len(gates) * cells * (lo.shape(x)[-1] + out) + (cells * out if node.inputs[16] else 0))
    lo.step("lstm_s8" if fixed else "lstm_f32", (x, h, c), outputs, attributes, macs=macs)


def _has_computed(weights: Sequence[Value | None]) -> bool:
    """Whether one of the weights is computed by the run: rare."""
    return any(v is not None and v.data is None for v in weights)


@lowers(Gru)
def _gru(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Gru)
    if _has_computed(node.inputs[1:5]):
        lo.host(node)
        return
    w, r = constant(node, 1), constant(node, 2)
    units = r.shape[1]
    attributes: dict[str, Attribute] = {
        "time_major": 1,
        "linear_before_reset": int(op.linear_before_reset),
        "weights": _padded(w.T, np.float32),
        "bias": constant(node, 3),
        "recurrent": _padded(r[: 2 * units].T, np.float32),
        "candidate": _padded(r[2 * units :].T, np.float32),
        "recurrent_bias": constant(node, 4),
    }
    x, h = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[5])
    macs = math.prod(lo.shape(x)[:2]) * (w.size + r.size)
    lo.step("gru_f32", (x, h), tuple(map(lo.tensor, node.outputs)), attributes, macs=macs)


def _peephole(node: Node, gates: range, cells: int, dtype: type[np.generic]) -> Array:
    """Of all gates in a row, zero for the cell gate."""
    found = [np.zeros(cells, dtype) if g == 2 else constant(node, 9 + min(g, 2)) for g in gates]
    return np.concatenate(found)


def _lstm_fixed(node: Node, op: Lstm, gates: range) -> dict[str, Attribute]:
    types = node.types()
    p = lstm_fixed.parameters(types, op.hidden, op.gate_scales)
    cell_clip, projection_clip = lstm_fixed.clips(types, op.cell_clip, op.projection_clip)
    normed = node.inputs[19] is not None
    biases = [constant(node, 12 + g) for g in gates]
    inputs = [constant(node, 1 + g) for g in gates]
    recurrent = [constant(node, 5 + g) for g in gates]

    def bias(weights: Sequence[Array], zero: int, biases: Sequence[Array | None]) -> Array:
        folded = [lstm_fixed.bias_of(w, zero, b) for w, b in zip(weights, biases, strict=True)]
        return np.concatenate(folded).astype(np.uint64).astype(np.uint32).view(np.int32)

    nothing = [None] * len(gates)
    attributes: dict[str, Attribute] = {
        "input_weights": _padded(np.concatenate(inputs), np.int16),
        "input_bias": bias(inputs, p.x_zero, nothing if normed else biases),
        "input_multipliers": _flat([p.input[g] for g in gates]),
        "recurrent_weights": _padded(np.concatenate(recurrent), np.int16),
        "recurrent_bias": bias(recurrent, p.h_zero, nothing),
        "recurrent_multipliers": _flat([p.recurrent[g] for g in gates]),
        "hidden_multiplier": p.hidden,
        "hidden_zero_point": p.hidden_zero,
        "cell_exponent": p.cell_exponent,
        "cell_clip": cell_clip,
        "projection_clip": projection_clip,
    }
    if node.inputs[11] is not None:
        attributes["peephole"] = _peephole(node, gates, len(biases[0]), np.int16)
        attributes["peephole_multipliers"] = _flat([p.peephole[g] for g in gates])
    if normed:
        attributes |= {
            "norm": np.concatenate([constant(node, 18 + g) for g in gates]),
            "norm_bias": np.concatenate(biases),
            "norm_multipliers": _flat([p.norm[g] for g in gates]),
            "norm_guard": tuple(p.norm_guard[g] for g in gates),
        }
    projection = _optional(node, 16)
    if projection is not None:
        attributes |= {
            "projection": _padded(projection, np.int16),
            "projection_bias": bias([projection], p.hidden_zero, [_optional(node, 17)]),
            "projection_multiplier": p.projection,
            "h_zero_point": p.h_zero,
        }
    return attributes


def _lstm_float(node: Node, op: Lstm, gates: range) -> dict[str, Attribute]:
    weights = [
        np.concatenate([constant(node, first + g) for g in gates]).T for first in (1, 5)
    ]  # of x, of h
    biases = [constant(node, 12 + g) for g in gates]
    attributes: dict[str, Attribute] = {
        "dynamic": DYNAMIC.index(op.dynamic),
        "cell_clip": op.cell_clip,
        "projection_clip": op.projection_clip,
        "activation": op.activation,
        "weights": _padded(np.concatenate(weights), np.float32),
        "bias": np.concatenate(biases),
    }
    if node.inputs[11] is not None:
        attributes["peephole"] = _peephole(node, gates, len(biases[0]), np.float32)
    if node.inputs[19] is not None:
        attributes["norm"] = np.concatenate([constant(node, 18 + g) for g in gates])
    projection, bias = _optional(node, 16), _optional(node, 17)
    if projection is not None:
        attributes["projection"] = _padded(projection.T, np.float32)
        attributes["projection_bias"] = np.zeros(len(projection), np.float32) if bias is None else bias
    return attributes


@lowers(Svdf)
def _svdf(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Svdf)
    types = node.types()
    features, time, bias = constant(node, 1), constant(node, 2), _optional(node, 3)
    filters, memory = time.shape
    x, state = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[4])
    outputs = tuple(lo.tensor(v) for v in node.outputs)
    attributes: dict[str, Attribute] = {"rank": op.rank, "filters": filters, "memory": memory}
    fixed = types[0].dtype == INT8
    if bias is None:
        bias = np.zeros(filters // op.rank, np.int32 if fixed else np.float32)
    if fixed:
        attributes |= {
            "x_zero_point": quantization_of(types[0]).zero,
            "state_zero_point": quantization_of(types[4]).zero,
            "y_zero_point": quantization_of(op.out).zero,
            "multipliers": _flat(op.multipliers(types)),
            "features": _padded(features, np.int16),
            "time": _padded(time, np.int16),
        }
    else:
        attributes |= {
            "dynamic": DYNAMIC.index(op.dynamic),
            "activation": op.activation,
            "features": _padded(features.T, np.float32),
            "time": time,
        }
    batch = lo.shape(x)[0]
    macs = batch * filters * (features.shape[1] + memory)
    verb = "svdf_s8" if fixed else "svdf_f32"
    lo.step(verb, (x, state), outputs, {**attributes, "bias": bias}, macs=macs)
