"""The audio front end of TFLite Micro between runs: copies out of what is remembered and what came, joined;
verbs for what computes."""

from __future__ import annotations

import numpy as np

from edgerun.ir.graph import Node
from edgerun.ir.signal_stream import SignalDelay, SignalFramer, SignalOverlapAdd, SignalStacker
from edgerun.ir.types import BOOL, TensorType
from edgerun.plan.lower.lowering import Lowering, lowers


def _joined(lo: Lowering, first: int, second: int) -> int:
    """A tensor of both, one behind the other along the last dimension."""
    shape, more = lo.shape(first), lo.shape(second)
    joined = lo.temporary(first, (*shape[:-1], shape[-1] + more[-1]))
    lo.copy(first, joined, shape)
    lo.copy(second, joined, more, target_start=_start(lo, joined, shape[-1]))
    return joined


def _start(lo: Lowering, tensor: int, at: int) -> tuple[int, ...]:
    return (*[0] * (len(lo.shape(tensor)) - 1), at)


@lowers(SignalDelay)
def _delay(lo: Lowering, node: Node) -> None:
    x, before = map(lo.tensor, node.inputs)
    y, after = map(lo.tensor, node.outputs)
    joined = _joined(lo, before, x)
    lo.copy(joined, y, lo.shape(y))
    lo.copy(joined, after, lo.shape(after), source_start=_start(lo, joined, lo.shape(x)[-1]))


@lowers(SignalFramer)
def _framer(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SignalFramer)
    x, before, *started = map(lo.tensor, node.inputs)
    y, valid, after, *started_after = map(lo.tensor, node.outputs)
    joined = _joined(lo, before, x)
    # Frame and sample both walk along the last dimension of what is joined.
    last = len(lo.shape(x)) - 1
    dims, steps = (*range(last), last, last), (*[1] * last, op.frame_step, 1)
    lo.copy(joined, y, lo.shape(y), source_dims=dims, source_steps=steps)
    lo.copy(joined, after, lo.shape(after), source_start=_start(lo, joined, lo.shape(x)[-1]))
    ones = np.ones(lo.shape(x)[-1] // op.frame_step, np.bool_)
    came = lo.layout.new(f"{node.outputs[1].name}/came", TensorType(ones.shape, BOOL), data=ones)
    steps_joined = came
    if started:
        steps_joined = _joined(lo, started[0], came)
        held = lo.shape(started[0])
        lo.copy(steps_joined, started_after[0], held, source_start=(len(ones),))
    lo.copy(steps_joined, valid, ())


@lowers(SignalOverlapAdd)
def _overlap_add(lo: Lowering, node: Node) -> None:
    assert isinstance(node.op, SignalOverlapAdd)
    inputs, outputs = (tuple(map(lo.tensor, values)) for values in (node.inputs, node.outputs))
    lo.step("signal_overlap_add", inputs, outputs, {"frame_step": node.op.frame_step})


@lowers(SignalStacker)
def _stacker(lo: Lowering, node: Node) -> None:
    assert isinstance(node.op, SignalStacker)
    inputs, outputs = (tuple(map(lo.tensor, values)) for values in (node.inputs, node.outputs))
    attributes = {"left_context": node.op.left_context, "step": node.op.step}
    lo.step("signal_stacker", inputs, outputs, attributes)
