"""Between real numbers and quanta: the verbs quantize, dequantize and cast."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.op import NO_CLAMP, quantization_of
from edgerun.ir.quantize import Cast, Dequantize, Quantize
from edgerun.ir.types import FLOAT16
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers
from edgerun.plan.plan import Attribute, Quantum


@lowers(Quantize)
def _quantize(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Quantize)
    if not quantization_of(op.out).per_tensor:
        lo.host(node)  # rare
        return
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    scale = quantization_of(op.out).step
    lo.step("quantize", (x,), (y,), {"scale": scale, **clamp_attributes(op.out, NO_CLAMP, y)})


@lowers(Dequantize)
def _dequantize(lo: Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if node.types()[0].dtype == FLOAT16:
        lo.step("cast", (x,), (y,), {})
        return
    q = quantization_of(node.types()[0])
    if not q.per_tensor:
        lo.host(node)  # rare
        return
    lo.step("dequantize", (x,), (y,), {"scale": q.step, "zero_point": Quantum(q.zero, x)})


@lowers(Cast)
def _cast(lo: Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {}
    if node.types()[0].is_8bit:
        attributes["in_zero_point"] = Quantum(0, x)
    if node.outputs[0].type.is_8bit:
        attributes["out_zero_point"] = Quantum(0, y)
    lo.step("cast", (x,), (y,), attributes)
