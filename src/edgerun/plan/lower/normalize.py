"""Normalisation of rows."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.normalize import L2Normalization, LocalResponseNormalization, LogSoftmax
from edgerun.ir.op import NO_CLAMP, quantization_of
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers
from edgerun.plan.plan import Attribute


@lowers(LogSoftmax)
def _log_softmax(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, LogSoftmax)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if node.types()[0].is_float:
        lo.step("softmax_f32", (x,), (y,), {"kind": "log_softmax"})
        return
    q = quantization_of(node.types()[0])
    attributes: dict[str, Attribute] = {
        "table": op.table(q),
        "in_scale": q.step,
        "out_scale": quantization_of(op.out).step,
        **clamp_attributes(op.out, NO_CLAMP, y),
    }
    lo.step("log_softmax", (x,), (y,), attributes)


@lowers(L2Normalization)
def _l2_normalization(lo: Lowering, node: Node) -> None:
    if node.types()[0].is_8bit:
        lo.host(node)  # rare
        return
    lo.step("l2_normalize", (lo.tensor(node.inputs[0]),), (lo.tensor(node.outputs[0]),), {})


@lowers(LocalResponseNormalization)
def _local_response(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, LocalResponseNormalization)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {
        "before": op.before,
        "after": op.after,
        "bias": op.bias,
        "alpha": op.alpha,
        "beta": op.beta,
    }
    lo.step("local_response", (x,), (y,), attributes)
