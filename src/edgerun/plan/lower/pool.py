"""Pooling and means: the verb pool."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgerun.ir.graph import Node
from edgerun.ir.op import NO_CLAMP, Clamp, clamp_range, quantization_of
from edgerun.ir.pool import AveragePool2d, MaxPool2d, Mean
from edgerun.ir.types import Element
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers
from edgerun.plan.plan import Attribute, Quantum


@lowers(MaxPool2d, AveragePool2d)
def _pool(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, MaxPool2d | AveragePool2d)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    window: dict[str, Attribute] = {
        "kernel": op.kernel,
        "strides": op.strides,
        "padding": op.padding[:2],
    }
    if isinstance(op, MaxPool2d):
        low, high = clamp_range(op.out, op.clamp)
        limits = {"out_min": Quantum(low, y), "out_max": Quantum(high, y)}
        lo.step("pool", (x,), (y,), {"kind": "max", **window, **limits})
    else:
        _average(lo, x, y, window, op.out, op.clamp)


def _average(
    lo: Lowering, x: int, y: int, window: Mapping[str, Attribute], out: Element, clamp: Clamp
) -> None:
    q = quantization_of(lo.layout.tensors[x].type)
    attributes: dict[str, Attribute] = {
        "kind": "average",
        **window,
        "zero_point": Quantum(q.zero, x),
        "multiplier": q.step / quantization_of(out).step,
        **clamp_attributes(out, clamp, y),
    }
    lo.step("pool", (x,), (y,), attributes)


@lowers(Mean)
def _mean(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Mean)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    shape = lo.shape(x)
    axes = op.axes or (0,)
    if not op.axes or axes != tuple(range(axes[0], axes[-1] + 1)):
        # Axes that do not follow each other are brought to the end first.
        perm = tuple(i for i in range(len(shape)) if i not in op.axes) + op.axes
        moved = lo.temporary(x, tuple(shape[p] for p in perm))
        lo.copy(x, moved, lo.shape(moved), source_dims=perm)
        x, shape = moved, lo.shape(moved)
        axes = tuple(range(len(shape) - len(op.axes), len(shape)))
    first, last = (axes[0], axes[-1] + 1) if op.axes else (len(shape), len(shape))
    outer, taps, inner = (math.prod(s) for s in (shape[:first], shape[first:last], shape[last:]))
    window: dict[str, Attribute] = {"kernel": (taps, 1), "strides": (1, 1), "padding": (0, 0)}
    x = lo.reshaped(x, (outer, taps, 1, inner))
    _average(lo, x, lo.reshaped(y, (outer, 1, 1, inner)), window, op.out, NO_CLAMP)
