"""Products of stacks of matrices: the verbs matmul_s8 and matmul_f32."""

from __future__ import annotations

import math

from edgerun.ir.graph import Node
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import output_multiplier, quantization_of
from edgerun.ir.sums import is_hybrid
from edgerun.plan.lower.lowering import Lowering, clamp_attributes, lowers
from edgerun.plan.plan import Attribute, Quantum


@lowers(BatchMatMul)
def _batch_matmul(lo: Lowering, node: Node) -> None:
    op, (x, y) = node.op, node.types()[:2]
    assert isinstance(op, BatchMatMul)
    if is_hybrid(x, y):
        lo.host(node)  # rare
        return
    a, b, out = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1]), lo.tensor(node.outputs[0])
    macs = math.prod(lo.shape(out)) * x.shape[-2 if op.adjoint_x else -1]
    attributes: dict[str, Attribute] = {"adjoint_a": int(op.adjoint_x), "adjoint_b": int(op.adjoint_y)}
    if x.is_8bit:
        qx, qy = quantization_of(x), quantization_of(y)
        attributes["a_zero_point"] = Quantum(qx.zero, a)
        attributes["b_zero_point"] = Quantum(qy.zero, b)
        attributes["multiplier"] = float(output_multiplier(qx, qy, quantization_of(op.out))[0])
        attributes |= clamp_attributes(op.out, op.clamp, out)
        lo.step("matmul_s8", (a, b), (out,), attributes, macs=macs)
    else:
        attributes |= {"out_min": op.clamp[0], "out_max": op.clamp[1]}
        lo.step("matmul_f32", (a, b), (out,), attributes, macs=macs)
