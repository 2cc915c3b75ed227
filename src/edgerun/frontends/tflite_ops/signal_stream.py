"""The audio front end of TFLite Micro between runs: operators that remember samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.frontends.tflite_ops.signal import integers, operands
from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.graph import Value
from edgerun.ir.op import Op, expect
from edgerun.ir.signal_stream import SignalDelay, SignalFramer, SignalOverlapAdd, SignalStacker, Stream


def _remembering(task: Import, op: Stream) -> Op:
    """Adds what `op` remembers, zeros at first, to its operands and results."""
    operands(task, 1)
    states = op.states(task.type(0))
    # Before anything of their size is made: that they fit the operator.
    op.infer(task.type(0), *states)
    name = task.outputs[0].name
    for i, kind in enumerate(states):
        before, after = (Value(f"{name}/{when}_{i}", kind) for when in ("before", "after"))
        task.inputs.append(before)
        task.states.append((before, after, np.zeros(kind.shape, kind.dtype)))
    return op


def delay(task: Import) -> Op:
    return _remembering(task, SignalDelay(**integers(task, "delay_length")))


def framer(task: Import) -> Op:
    prefill = bool(integers(task, "prefill")["prefill"])
    return _remembering(task, SignalFramer(**integers(task, "frame_size", "frame_step"), prefill=prefill))


def overlap_add(task: Import) -> Op:
    expect(len(task.type(0).shape) >= 2, f"SignalOverlapAdd needs frames, got {task.type(0)}.")
    return _remembering(task, SignalOverlapAdd(**integers(task, "frame_step")))


def stacker(task: Import) -> Op:
    names = ("num_channels", "stacker_left_context", "stacker_right_context", "stacker_step")
    return _remembering(task, SignalStacker(*integers(task, *names).values()))


IMPORTERS: Mapping[str, Importer] = {
    "SignalDelay": delay,
    "SignalFramer": framer,
    "SignalOverlapAdd": overlap_add,
    "SignalStacker": stacker,
}
