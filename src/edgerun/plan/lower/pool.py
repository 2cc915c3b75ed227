"""Pooling: the verbs pool and pool_f32."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.ir.graph import Node
from edgerun.ir.op import Clamp, clamp_range, quantization_of
from edgerun.ir.pool import AveragePool2d, MaxPool2d
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
    if node.types()[0].is_float:
        kind = "max" if isinstance(op, MaxPool2d) else "average"
        low, high = op.clamp
        lo.step("pool_f32", (x,), (y,), {"kind": kind, **window, "out_min": low, "out_max": high})
    elif isinstance(op, MaxPool2d):
        lowest, highest = clamp_range(op.out, op.clamp)
        limits = {"out_min": Quantum(lowest, y), "out_max": Quantum(highest, y)}
        lo.step("pool", (x,), (y,), {"kind": "max", **window, **limits})
    else:
        ratio = quantization_of(node.types()[0]).step / quantization_of(op.out).step
        average(lo, x, y, window, ratio, op.out, op.clamp)


def average(
    lo: Lowering,
    x: int,
    y: int,
    window: Mapping[str, Attribute],
    ratio: float,
    out: Element,
    clamp: Clamp,
) -> None:
    """The mean of each window of an 8-bit image, times `ratio`."""
    q = quantization_of(lo.layout.tensors[x].type)
    attributes: dict[str, Attribute] = {
        "kind": "average",
        **window,
        "zero_point": Quantum(q.zero, x),
        "multiplier": ratio,
        **clamp_attributes(out, clamp, y),
    }
    lo.step("pool", (x,), (y,), attributes)
