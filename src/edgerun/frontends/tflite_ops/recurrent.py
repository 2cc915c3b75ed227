"""Recurrent operators. Their states are variable tensors of the file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.bidirectional import BidirectionalLstm
from edgerun.ir.graph import Value
from edgerun.ir.lstm_fixed import GATE_SCALES
from edgerun.ir.op import Op, expect, quantization_of, supported
from edgerun.ir.recurrent import Lstm, Rnn, Svdf
from edgerun.ir.types import FLOAT32, INT8, UINT8, TensorType


def _remember(task: Import, *states: int) -> None:
    """Says that the inputs `states` are what the operator remembers: written behind its outputs."""
    for i in states:
        read = task.value(i)
        written = Value(f"{task.outputs[0].name}/state_{i}", read.type)
        task.states.append((read, written))


def _with_real_weights(task: Import) -> str:
    """Gives an operator of floats the real numbers of its 8-bit weights; how it then quantises what it
    multiplies with them. The first files call their int8 weights uint8."""
    if task.type(0).dtype != FLOAT32:
        return "none"
    dynamic = "none"
    for i, value in enumerate(task.inputs):
        if value is None or value.data is None or value.type.dtype not in (INT8, UINT8):
            continue
        q = quantization_of(value.type)
        supported(q.per_tensor, f"its weights {value.type} are not per tensor")
        zero = q.zero if value.type.dtype == INT8 else 0
        real = ((value.data.view(np.int8).astype(np.int32) - zero) * q.scale[0]).astype(np.float32)
        real.setflags(write=False)
        task.inputs[i] = Value(f"{value.name}/real", TensorType(real.shape, FLOAT32), data=real)
        dynamic = "asymmetric" if task.options["asymmetric_quantize_inputs"] else "symmetric"
    return dynamic


def _lstm(task: Import, time_major: bool) -> Op:
    expect(len(task.inputs) in (20, 24), f"It has {len(task.inputs)} inputs, expected 20 or 24.")
    within = task.intermediates
    supported(len(within) in (0, 5), "only the 8-bit arithmetic with a 16-bit cell is there")
    task.inputs += [None] * (24 - len(task.inputs))
    _remember(task, 18, 19)
    dynamic = _with_real_weights(task)
    task.inputs = task.inputs[:18] + task.inputs[20:] + task.inputs[18:20]
    scales, hidden = GATE_SCALES, None
    if within and task.type(0).dtype != FLOAT32:
        hidden = None if within[4] is None else within[4].quantization
        gates = [None if t is None else t.quantization for t in within[:4]]
        a, b, c, d = (s if q is None else q.step for q, s in zip(gates, GATE_SCALES, strict=True))
        scales = a, b, c, d
    return Lstm(
        task.out,
        float(task.options["cell_clip"]),
        float(task.options["proj_clip"]),
        time_major,
        task.options["fused_activation_function"],
        hidden,
        scales,
        dynamic,
    )


def unidirectional_sequence_lstm(task: Import) -> Op:
    return _lstm(task, bool(task.options["time_major"]))


def lstm(task: Import) -> Op:
    supported(task.options["kernel_type"] == "full", "its kernel 'basic' is not supported")
    return _lstm(task, False)


def bidirectional_lstm(task: Import) -> Op:
    """Inputs of the file: x, 17 constants of either direction, 4 states, another input, 8 weights of it."""
    expect(len(task.inputs) == 48, f"It has {len(task.inputs)} inputs, expected 48.")
    auxiliary = [v for v in task.inputs[39:] if v is not None]
    supported(not auxiliary, "its auxiliary input is not supported")
    options = task.options
    _remember(task, 35, 36, 37, 38)
    dynamic = _with_real_weights(task)
    norm: list[Value | None] = [None] * 4
    x, *rest = task.inputs
    task.inputs = [x, *rest[:17], *norm, *rest[17:34], *norm, *rest[34:38]]
    one = Lstm(
        task.out,
        float(options["cell_clip"]),
        float(options["proj_clip"]),
        bool(options["time_major"]),
        options["fused_activation_function"],
        dynamic=dynamic,
    )
    return BidirectionalLstm(one, one, bool(options["merge_outputs"]))


def svdf(task: Import) -> Op:
    expect(len(task.inputs) == 5, f"It has {len(task.inputs)} inputs, expected 5.")
    _remember(task, 4)
    dynamic = _with_real_weights(task)
    return Svdf(task.out, int(task.options["rank"]), task.options["fused_activation_function"], dynamic)


def _rnn(task: Import, time_major: bool) -> Op:
    expect(len(task.inputs) == 5, f"It has {len(task.inputs)} inputs, expected 5.")
    _remember(task, 4)
    dynamic = _with_real_weights(task)
    return Rnn(task.out, time_major, task.options["fused_activation_function"], dynamic)


IMPORTERS: Mapping[str, Importer] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": bidirectional_lstm,
    "LSTM": lstm,
    "RNN": lambda task: _rnn(task, False),
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": lambda task: _rnn(task, bool(task.options["time_major"])),
}
