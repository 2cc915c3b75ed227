"""LSTM, GRU and RNN: a native step per direction for what exporters write, the general layer for the rest."""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, refuse
from edgerun.ir.elementwise import Add
from edgerun.ir.gates import ACTIVATIONS, GATES, Activation, Gru, RecurrentLayer
from edgerun.ir.graph import Value
from edgerun.ir.recurrent import Lstm, Rnn
from edgerun.ir.shape import Concat, Reshape, Slice
from edgerun.ir.types import FLOAT32

_DEFAULTS = {"RNN": ("tanh",), "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}


def _recurrent(task: Import) -> list[Value]:
    kind, first = task.operator, bool(task.get("layout", 0))
    x = task.value(0)
    if len(x.type.shape) != 3 or len(task.type(2).shape) != 3 or 0 in (*x.type.shape, *task.type(2).shape):
        raise FormatError(f"{x.type} is no sequence for the recurrent weights {task.type(2)}")
    x = task.transpose(x, (1, 0, 2)) if first else x
    time, batch, _ = x.type.shape
    units, direction = task.type(2).shape[2], task.get("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise FormatError(f"its direction is {direction!r}")
    backwards = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}[direction]
    if task.type(1).shape[0] != len(backwards) or task.type(2).shape[0] != len(backwards):
        raise FormatError(
            f"its weights {task.type(1)} and {task.type(2)} are not of {len(backwards)} directions"
        )
    activations = _activations(task, kind, len(backwards))
    results = []
    for d, reverse in enumerate(backwards):
        w, r, bias = (_part(task, task.value(i), d) if task.has(i) else None for i in (1, 2, 3))
        states = [_state(task, i, d, batch, units, first) for i in ((5, 6) if kind == "LSTM" else (5,))]
        peephole = _part(task, task.value(7), d) if kind == "LSTM" and task.has(7) else None
        assert w is not None
        assert r is not None
        results.append(_direction(task, x, w, r, bias, states, peephole, activations[d], reverse))
    y = _joined(task, [task.emit(Reshape((time, 1, batch, units)), made[0]) for made in results], 1)
    y = task.transpose(y, (2, 0, 1, 3)) if first else y
    finals = [
        _joined(task, [task.emit(Reshape((1, batch, units)), made[k]) for made in results], 0)
        for k in range(1, len(results[0]))
    ]
    finals = [task.transpose(v, (1, 0, 2)) if first else v for v in finals]
    return [y, *finals][: len(task.outputs)]


def _joined(task: Import, parts: list[Value], axis: int) -> Value:
    return parts[0] if len(parts) == 1 else task.emit(Concat(axis), *parts)


def _part(task: Import, value: Value, d: int) -> Value:
    """Of one direction, which is the first dimension."""
    shape = value.type.shape
    if not shape or d >= shape[0]:
        raise FormatError(f"{value.type} has no direction {d}")
    starts = (d, *(0,) * (len(shape) - 1))
    part = task.emit(Slice(starts, (1, *shape[1:]), (1,) * len(shape)), value)
    return task.emit(Reshape(shape[1:]), part)


def _state(task: Import, i: int, d: int, batch: int, units: int, first: bool) -> Value:
    if not task.has(i):
        task.afford(4 * batch * units)
        return task.const(np.zeros((batch, units), np.float32))
    value = task.value(i)
    return _part(task, task.transpose(value, (1, 0, 2)) if first else value, d)


def _activations(task: Import, kind: str, directions: int) -> list[tuple[Activation, ...]]:
    """Of each direction, with their parameters: those of the file belong to the functions that take some."""
    count = len(_DEFAULTS[kind])
    given = [n.decode() if isinstance(n, bytes) else str(n) for n in task.get("activations", ())]
    names = [n.lower() for n in given] or list(_DEFAULTS[kind]) * directions
    if len(names) != count * directions:
        raise FormatError(f"it has {len(names)} activations, expected {count * directions}")
    alphas, betas = (list(task.get(f"activation_{name}", ())) for name in ("alpha", "beta"))
    found: list[Activation] = []
    for name in names:
        if name not in ACTIVATIONS:
            raise refuse(f"its activation is {name}")
        _, alpha, beta = ACTIVATIONS[name]
        if name in ("affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu") and alphas:
            alpha = float(alphas.pop(0))
        if name in ("affine", "scaledtanh", "hardsigmoid") and betas:
            beta = float(betas.pop(0))
        found.append((name, alpha, beta))
    return [tuple(found[d * count : (d + 1) * count]) for d in range(directions)]


def _reversed(task: Import, x: Value) -> Value:
    time, *rest = x.type.shape
    return task.emit(Slice((time - 1, 0, 0), (time, *rest), (-1, 1, 1)), x)


def _direction(
    task: Import,
    x: Value,
    w: Value,
    r: Value,
    bias: Value | None,
    states: list[Value],
    peephole: Value | None,
    activations: tuple[Activation, ...],
    reverse: bool,
) -> list[Value]:
    """y [time, batch, units] and the final states."""
    kind, clip = task.operator, float(task.get("clip", 0.0))
    lengths = task.value(4) if task.has(4) else None
    if lengths is not None and lengths.data is not None and (lengths.data == x.type.shape[0]).all():
        lengths = None
    names = tuple(name for name, _, _ in activations)
    default = names == _DEFAULTS[kind] or (kind == "RNN" and names == ("relu",))
    rare = clip > 0 or lengths is not None or not default or bool(task.get("input_forget", 0))
    if rare or x.type.dtype != FLOAT32:
        op = RecurrentLayer(
            kind,
            activations,
            clip,
            reverse,
            bool(task.get("input_forget", 0)),
            bool(task.get("linear_before_reset", 0)),
        )
        cell = states[1] if kind == "LSTM" else None
        return task.emit_all(op, x, w, r, bias, lengths, states[0], cell, peephole)
    units, gates = r.type.shape[1], GATES[kind]
    _expect(w, (gates * units, x.type.shape[2]))
    _expect(r, (gates * units, units))
    if bias is None:
        bias = task.const(np.zeros(2 * gates * units, np.float32))
    _expect(bias, (2 * gates * units,))
    source = _reversed(task, x) if reverse else x
    halves = [_rows(task, bias, k * gates * units, gates * units) for k in (0, 1)]
    if kind == "GRU":
        gru = Gru(bool(task.get("linear_before_reset", 0)))
        made = task.emit_all(gru, source, w, r, *halves, states[0])
    elif kind == "RNN":
        rnn = Rnn(FLOAT, time_major=True, activation=names[0])
        made = task.emit_all(rnn, source, w, r, _sum(task, halves), states[0])
    else:
        made = _lstm(task, source, w, r, _sum(task, halves), peephole, states)
    return [_reversed(task, made[0]) if reverse else made[0], *made[1:]]


def _lstm(
    task: Import, x: Value, w: Value, r: Value, bias: Value, peephole: Value | None, states: list[Value]
) -> list[Value]:
    units = r.type.shape[1]
    order = (0, 2, 3, 1)  # of the gates input, forget, cell, output

    def gates(value: Value) -> list[Value]:
        return [_rows(task, value, g * units, units) for g in order]

    peepholes: list[Value | None] = [None, None, None]
    if peephole is not None:
        _expect(peephole, (3 * units,))
        peepholes = [_rows(task, peephole, g * units, units) for g in (0, 2, 1)]
    rest: list[Value | None] = [None] * 6  # no projection, no normalisation
    constants = [*gates(w), *gates(r), *peepholes, *gates(bias), *rest]
    return task.emit_all(Lstm(FLOAT, time_major=True), x, *constants, *states)


def _expect(value: Value, shape: tuple[int, ...]) -> None:
    if value.type.shape != shape:
        raise FormatError(f"one of its weights is {value.type}, expected the shape {shape}")


def _rows(task: Import, value: Value, first: int, count: int) -> Value:
    rest = value.type.shape[1:]
    starts, steps = (first, *(0,) * len(rest)), (1,) * (1 + len(rest))
    return task.emit(Slice(starts, (count, *rest), steps), value)


def _sum(task: Import, halves: list[Value]) -> Value:
    return task.emit(Add(FLOAT), *halves)


IMPORTERS: dict[str, Importer] = {"GRU": _recurrent, "LSTM": _recurrent, "RNN": _recurrent}
