"""Reductions: the verbs reduce_f32, reduce_int and arg_reduce; quantised sums and means: the verb pool."""

from __future__ import annotations

import math

from edgerun.ir.graph import Node
from edgerun.ir.op import NO_CLAMP
from edgerun.ir.reduction import ArgMax, ArgMin, Mean, ReduceProd, Reduction, Sum
from edgerun.ir.types import FLOAT32, INT32, INT64, Shape
from edgerun.plan.lower.lowering import Lowering, lowers, snake_case
from edgerun.plan.lower.pool import average
from edgerun.plan.plan import Attribute


@lowers(Reduction)
def _reduction(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Reduction)
    kind = node.types()[0]
    if isinstance(op, ReduceProd) and kind.dtype not in (FLOAT32, INT32, INT64):
        lo.host(node)  # rare
        return
    y = lo.tensor(node.outputs[0])
    x, (outer, taps, inner) = _adjacent(lo, lo.tensor(node.inputs[0]), op.axes)
    if kind.is_8bit and isinstance(op, Sum | Mean):
        window: dict[str, Attribute] = {"kernel": (taps, 1), "strides": (1, 1), "padding": (0, 0)}
        ratio = op.ratio(kind) * (taps if isinstance(op, Sum) else 1)
        x = lo.reshaped(x, (outer, taps, 1, inner))
        average(lo, x, lo.reshaped(y, (outer, 1, 1, inner)), window, ratio, op.out, NO_CLAMP)
        return
    name = _KINDS.get(op.name, op.name.removeprefix("Reduce").lower())
    _reduce(lo, "reduce_f32" if kind.is_float else "reduce_int", name, x, y, (outer, taps, inner))


_KINDS = {"ReduceAny": "max", "ReduceAll": "min"}  # of bools


@lowers(ArgMax, ArgMin)
def _arg(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, ArgMax | ArgMin)
    x, shape = _adjacent(lo, lo.tensor(node.inputs[0]), (op.axis,))
    kind = ("last_" if op.last else "") + snake_case(op.name)
    _reduce(lo, "arg_reduce", kind, x, lo.tensor(node.outputs[0]), shape)


def _adjacent(lo: Lowering, x: int, axes: tuple[int, ...]) -> tuple[int, Shape]:
    """The tensor with `axes` next to each other, and how much lies before, in and behind them."""
    shape = lo.shape(x)
    if not axes:
        return x, (math.prod(shape), 1, 1)
    if axes != tuple(range(axes[0], axes[-1] + 1)):
        # Axes that do not follow each other are brought to the end first.
        perm = tuple(i for i in range(len(shape)) if i not in axes) + axes
        moved = lo.temporary(x, tuple(shape[p] for p in perm))
        lo.copy(x, moved, lo.shape(moved), source_dims=perm)
        x, shape = moved, lo.shape(moved)
        axes = tuple(range(len(shape) - len(axes), len(shape)))
    first, last = axes[0], axes[-1] + 1
    return x, (math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:]))


def _reduce(lo: Lowering, verb: str, kind: str, x: int, y: int, shape: Shape) -> None:
    """A step over rows of `taps`, or over columns where something lies behind them."""
    outer, taps, inner = shape
    x = lo.reshaped(x, (outer, taps) if inner == 1 else (outer, taps, inner))
    lo.step(verb, (x,), (lo.reshaped(y, (outer, inner)),), {"kind": kind})
