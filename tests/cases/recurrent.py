"""Recurrent operators, whose states are variable tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import Case, Net, Q, make

GATES = ("input", "forget", "cell", "output")


def _constant(net: Net, name: str, shape: tuple[int, ...], scale: float | None, dtype: str) -> int:
    """Random quanta of int8, int16 or int32, or normal floats of spread `scale`."""
    if dtype == "float32":
        data = net.rng.normal(0, scale or 1, shape).astype(np.float32)
        return net.tensor(name, shape, dtype, data=data)
    most = {"int8": 127, "int16": 32767, "int32": 9000}[dtype]
    quanta = net.rng.integers(-most, most + 1, shape).astype(dtype)
    return net.tensor(name, shape, dtype, scale=scale, data=quanta)


def lstm(
    name: str = "UNIDIRECTIONAL_SEQUENCE_LSTM",
    batch: int = 1,
    time: int = 4,
    n: int = 5,
    cells: int = 7,
    projection: int = 0,
    projection_bias: bool = True,
    cifg: bool = False,
    peephole: bool = False,
    norm: bool = False,
    time_major: bool = False,
    clip: float = 0.0,
    projection_clip: float = 0.0,
    activation: str = "tanh",
    quantised: bool = False,
    hybrid: bool = False,
    asymmetric: bool = False,
    cell_exponent: int = -11,
    zero: int = 3,
    inputs: int = 24,
    seed: int = 1,
) -> bytes:
    """An LSTM with a projection to so many outputs, if any; int8 with an int16 cell when quantised."""
    net = Net(seed)
    out = projection or cells
    weights, narrow, wide = ("int8", "int16", "int32") if quantised else ("float32",) * 3
    matrix = "int8" if hybrid else weights
    x_q, h_q = Q(0.03, zero), Q(1 / 128, -zero)
    shape = (batch, n) if name == "LSTM" else (time, batch, n) if time_major else (batch, time, n)

    def activations(label: str, shape: tuple[int, ...], q: Q, variable: bool = False) -> int:
        if quantised:
            return net.tensor(label, shape, q.dtype, scale=q.scale, zero_point=q.zero, is_variable=variable)
        return net.tensor(label, shape, "float32", is_variable=variable)

    def gates(label: str, shape: tuple[int, ...], scale: float, dtype: str, without: str = "") -> list[int]:
        absent = [g for g in GATES if g == without or (cifg and g == "input")]
        return [-1 if g in absent else _constant(net, f"{label}/{g}", shape, scale, dtype) for g in GATES]

    none = [-1] * 4
    scale = 0.01 if quantised or hybrid else 0.5
    x = activations("x", shape, x_q)
    spread, kind = (0.005, "int8") if hybrid else (2.0**-14 if quantised else 0.3, narrow)
    peepholes = gates("peephole", (cells,), spread, kind, "cell")
    operands = [
        x,
        *gates("w", (cells, n), scale, matrix),
        *gates("r", (cells, out), scale, matrix),
        *((peepholes[0], peepholes[1], peepholes[3]) if peephole else none[:3]),
        *gates("bias", (cells,), 2e-5 if quantised else 0.5, wide),
        _constant(net, "projection", (out, cells), scale, matrix) if projection else -1,
        _constant(net, "projection_bias", (out,), 1e-4 if quantised else 0.5, wide)
        if projection and projection_bias
        else -1,
        activations("h", (batch, out), h_q, True),
        activations("c", (batch, cells), Q(2.0**cell_exponent, 0, "int16"), True),
    ]
    if inputs == 24:
        operands += gates("norm", (cells,), 2.0**-14 if quantised else 1.0, narrow) if norm else none
    y = activations("y", (*shape[:-1], out), h_q)
    within = []
    if quantised:
        within = [
            net.tensor(f"intermediate/{g}", (0,), "int16", scale=2.0**-11 * (1.1 + i / 7))
            for i, g in enumerate(GATES)
        ]
        within.append(net.tensor("hidden", (0,), "int8", scale=1 / 120, zero_point=zero))
    options: dict[str, Any] = {
        "fused_activation_function": activation,
        "cell_clip": clip,
        "proj_clip": projection_clip,
        "asymmetric_quantize_inputs": asymmetric,
    }
    if name != "LSTM":
        options["time_major"] = time_major
    net.operator(name, operands, [y], options, intermediates=within)
    return net.finish([x], [y])


def bidirectional(
    batch: int = 2,
    time: int = 4,
    n: int = 5,
    cells: int = 6,
    projection: int = 0,
    cifg: bool = False,
    merge: bool = False,
    time_major: bool = False,
    hybrid: bool = False,
) -> bytes:
    """Two LSTMs over one sequence, the second from its end."""
    net = Net()
    out, matrix, scale = projection or cells, "int8" if hybrid else "float32", 0.01 if hybrid else 0.5
    shape = (time, batch, n) if time_major else (batch, time, n)
    operands = [net.tensor("x", shape, "float32")]

    def gates(label: str, shape: tuple[int, ...], scale: float, dtype: str) -> list[int]:
        absent = ["input"] if cifg else []
        return [-1 if g in absent else _constant(net, f"{label}/{g}", shape, scale, dtype) for g in GATES]

    for way in ("forward", "backward"):
        operands += gates(f"{way}/w", (cells, n), scale, matrix) + gates(
            f"{way}/r", (cells, out), scale, matrix
        )
        operands += [-1] * 3 + gates(f"{way}/bias", (cells,), 0.5, "float32")
        operands.append(
            _constant(net, f"{way}/projection", (out, cells), scale, matrix) if projection else -1
        )
        operands.append(-1)
    for way in ("forward", "backward"):
        operands.append(net.tensor(f"{way}/h", (batch, out), "float32", is_variable=True))
        operands.append(net.tensor(f"{way}/c", (batch, cells), "float32", is_variable=True))
    wide = (*shape[:-1], 2 * out if merge else out)
    outputs = [net.tensor(name, wide, "float32") for name in ("y", "z")[: 1 if merge else 2]]
    options = {"fused_activation_function": "tanh", "merge_outputs": merge, "time_major": time_major}
    net.operator("BIDIRECTIONAL_SEQUENCE_LSTM", [*operands, *[-1] * 9], outputs, options)
    return net.finish(operands[:1], outputs)


def svdf(
    batch: int = 1,
    n: int = 6,
    units: int = 5,
    rank: int = 1,
    memory: int = 4,
    activation: str = "none",
    bias: bool = True,
    state: str = "float32",
    hybrid: bool = False,
    asymmetric: bool = False,
    seed: int = 1,
) -> bytes:
    """SVDF of floats, or of int8 with an int8 or int16 state."""
    net = Net(seed)
    filters, quantised = units * rank, state != "float32"
    matrix = "int8" if quantised or hybrid else "float32"
    scale = 0.01 if quantised or hybrid else 0.5
    bias_scale = {"int8": 0.4 * 0.01, "int16": 2.0**-12 * 2.0**-15}.get(state, 0.5)
    x = net.q("x", (batch, n), Q(0.05, 4)) if quantised else net.tensor("x", (batch, n), "float32")
    time = _constant(net, "time", (filters, memory), 0.01 if state == "int8" else 2.0**-15, state)
    if not quantised:
        time = _constant(net, "time", (filters, memory), scale, matrix)
    if quantised:
        q = Q(0.4, -9) if state == "int8" else Q(2.0**-12, 0, "int16")
        memory_tensor = net.tensor(
            "state", (batch, filters * memory), q.dtype, scale=q.scale, zero_point=q.zero, is_variable=True
        )
        y = net.q("y", (batch, units), Q(0.1 if state == "int8" else 0.04, -20))
    else:
        memory_tensor = net.tensor("state", (batch, filters * memory), "float32", is_variable=True)
        y = net.tensor("y", (batch, units), "float32")
    operands = [
        x,
        _constant(net, "features", (filters, n), scale, matrix),
        time,
        _constant(net, "bias", (units,), bias_scale, "int32" if quantised else "float32") if bias else -1,
        memory_tensor,
    ]
    options = {
        "rank": rank,
        "fused_activation_function": activation,
        "asymmetric_quantize_inputs": asymmetric,
    }
    net.operator("SVDF", operands, [y], options)
    return net.finish([x], [y])


def rnn(
    name: str = "UNIDIRECTIONAL_SEQUENCE_RNN",
    batch: int = 1,
    time: int = 3,
    n: int = 4,
    units: int = 5,
    time_major: bool = False,
    activation: str = "tanh",
    hybrid: bool = False,
) -> bytes:
    net = Net()
    matrix, scale = ("int8", 0.01) if hybrid else ("float32", 0.5)
    shape = (batch, n) if name == "RNN" else (time, batch, n) if time_major else (batch, time, n)
    x = net.tensor("x", shape, "float32")
    operands = [
        x,
        _constant(net, "w", (units, n), scale, matrix),
        _constant(net, "r", (units, units), scale, matrix),
        _constant(net, "bias", (units,), 0.5, "float32"),
        net.tensor("h", (batch, units), "float32", is_variable=True),
    ]
    y = net.tensor("y", (*shape[:-1], units), "float32")
    options: dict[str, Any] = {"fused_activation_function": activation}
    if name != "RNN":
        options["time_major"] = time_major
    net.operator(name, operands, [y], options)
    return net.finish([x], [y])


LSTMS: list[dict[str, Any]] = [
    {},
    *({"cells": c, "n": n, "batch": 2} for c, n in ((1, 1), (8, 16), (17, 9))),
    {"time_major": True, "batch": 3},
    {"cifg": True},
    {"peephole": True, "batch": 2},
    {"projection": 4},
    {"projection": 9, "projection_bias": False, "projection_clip": 0.4, "clip": 0.7},
    {"norm": True, "batch": 2, "cells": 16},
    {"norm": True, "cifg": True, "projection": 3, "time_major": True},
    {"norm": True, "cifg": True, "peephole": True},
    {"clip": 0.5},
    {"inputs": 20},
    {"name": "LSTM", "batch": 2},
]
# LiteRT's 8-bit LSTM applies peepholes to as many cells as there are outputs.
ALL: dict[str, Any] = {"norm": True, "peephole": True, "projection": 3, "batch": 2}
FIXED_LSTMS = [
    *({"quantised": True, **v} for v in LSTMS),
    {"quantised": True, "cell_exponent": -9},
    {"quantised": True, "cell_exponent": -15, "zero": 0},
]
SVDFS: list[dict[str, Any]] = [
    {},
    {"batch": 3, "rank": 2},
    {"units": 17, "n": 9, "memory": 11, "activation": "relu"},
    {"memory": 1, "bias": False},
]

BOTH_WAYS: list[dict[str, Any]] = [
    {},
    {"merge": True, "time_major": True},
    {"projection": 4, "cifg": True},
    {"hybrid": True, "merge": True, "batch": 1},
]

CASES: list[Case] = [
    *make("Lstm", lstm, *LSTMS, ALL, *({"activation": a} for a in ("relu", "relu6"))),
    *make(
        "Lstm",
        lstm,
        *({"hybrid": True, **v} for v in LSTMS),
        {"hybrid": True, "asymmetric": True, "projection": 4},
    ),
    *make("Lstm", lstm, *FIXED_LSTMS),
    *make("Lstm", lstm, {"quantised": True, **ALL}, litert=False),
    *make("BidirectionalLstm", bidirectional, *BOTH_WAYS),
    *make("Svdf", svdf, *SVDFS, *({**v, "state": "int16", "activation": "relu"} for v in SVDFS)),
    *make("Svdf", svdf, *({**v, "hybrid": True} for v in SVDFS), {"hybrid": True, "asymmetric": True}),
    # Only TFLite Micro has an int8 state.
    *make("Svdf", svdf, *({**v, "state": "int8"} for v in SVDFS), litert=False),
    *make(
        "Rnn",
        rnn,
        {},
        {"time_major": True, "batch": 2},
        {"activation": "relu"},
        {"name": "RNN", "batch": 2},
        {"hybrid": True},
    ),
]
